/** Watches whether the store answers, so that readiness can be told without asking it. */
import type { ResultBackend } from '../result-backend.js';

const INTERVAL_MS = 2_000;
/** A store that has failed for so long makes this process not ready. */
const UNREADY_AFTER_MS = 10_000;

export class StoreHealth {
  readonly #backend: ResultBackend;
  readonly #onChange: (isUp: boolean, error: unknown) => void;
  #failingSince: number | undefined;
  #hasAnswered = false;
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

  /** Not before the store has answered once: who rolls replicas goes on when the new one is ready. */
  get isReady(): boolean {
    return this.#hasAnswered && this.failingForMs < UNREADY_AFTER_MS;
  }

  /** Resolves when the store has been asked for the first time, whatever it said. */
  async start(): Promise<void> {
    this.#askLater();
    await this.#check();
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #askLater(): void {
    this.#timer = setTimeout(() => void this.#checkAgain(), INTERVAL_MS).unref();
  }

  async #checkAgain(): Promise<void> {
    await this.#check();
    if (this.#timer !== undefined) this.#askLater();
  }

  async #check(): Promise<void> {
    const wasUp = this.#failingSince === undefined;
    const askedAt = performance.now();
    try {
      await this.#backend.ping();
      this.#hasAnswered = true;
      this.#failingSince = undefined;
      if (!wasUp) this.#onChange(true, undefined);
    } catch (error) {
      this.#failingSince ??= askedAt;
      if (wasUp) this.#onChange(false, error);
    }
  }
}
