/** Watches whether the store answers, so that readiness can be told without asking it. */
import type { ResultBackend } from './result-backend.js';

const INTERVAL_MS = 2_000;
/** A store that has failed for so long makes this process not ready. */
export const UNREADY_AFTER_MS = 10_000;

export class StoreHealth {
  readonly #backend: ResultBackend;
  readonly #onChange: (isUp: boolean, error: unknown) => void;
  #failingSince: number | undefined;
  #timer: NodeJS.Timeout | undefined;

  /** `onChange` is told when the store stops answering, with the reason, and when it is back. */
  constructor(backend: ResultBackend, onChange: (isUp: boolean, error: unknown) => void) {
    this.#backend = backend;
    this.#onChange = onChange;
  }

  /** Milliseconds for which the store has failed; 0 where it answers. */
  get failingForMs(): number {
    return this.#failingSince === undefined ? 0 : performance.now() - this.#failingSince;
  }

  get isReady(): boolean {
    return this.failingForMs < UNREADY_AFTER_MS;
  }

  start(): void {
    this.#timer = setTimeout(() => void this.#check(), INTERVAL_MS).unref();
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  async #check(): Promise<void> {
    const wasUp = this.#failingSince === undefined;
    const askedAt = performance.now();
    try {
      await this.#backend.ping();
      this.#failingSince = undefined;
      if (!wasUp) this.#onChange(true, undefined);
    } catch (error) {
      this.#failingSince ??= askedAt;
      if (wasUp) this.#onChange(false, error);
    }
    if (this.#timer !== undefined) this.start();
  }
}
