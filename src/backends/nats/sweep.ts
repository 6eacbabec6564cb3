/**
 * Removes pieces that no manifest names: those of a writer that ended before it wrote the manifest,
 * or after another message took its place, and those of a task that has expired.
 *
 * A writer may be between its pieces and its manifest. So before pieces are removed, the task's
 * message is written once more as it is: whoever was about to swap from the one before now loses the
 * swap, and writes pieces anew. It needs no clock that others share.
 */
import { entryExpiresAt } from '../../record/entry.js';
import { decodeHeadOnly } from '../../result-backend/stored-value.js';
import { EXPECTED_HEADER, EXPIRES_HEADER, type Header, Headers, TTL_HEADER } from './headers.js';
import type { Message, Messages } from './messages.js';
import type { NatsConnection } from './nats-connection.js';
import { type Manifest, manifestIn, type Pieces } from './pieces.js';
import type { Subjects } from './subjects.js';

/** How soon pieces that are named are looked at again, at the latest. */
const LOOK_AGAIN_MS = 3_600_000;
/** How long the trace of a task that is not there stays, so that a late swap from nothing loses. */
const TRACE_MS = 60_000;

interface SweepOptions {
  readonly connection: NatsConnection;
  readonly subjects: Subjects;
  readonly messages: Messages;
  readonly pieces: Pieces;
  readonly now: () => number;
  /** What makes a message go at this time. */
  readonly expiry: (keepUntil: number) => readonly Header[];
  /** How often all pieces are looked at; what is new at one look may be removed at the next. */
  readonly everyMs: number;
}

export class Sweep {
  readonly #options: SweepOptions;
  /** When each set of pieces is looked at closely, in epoch milliseconds, by what it begins with. */
  #due = new Map<string, number>();
  #timer: NodeJS.Timeout | undefined;

  constructor(options: SweepOptions) {
    this.#options = options;
  }

  /** Some time later than others that are started now. */
  start(): void {
    const pauseMs = this.#options.everyMs * (0.5 + Math.random());
    this.#timer = setTimeout(async () => {
      // What could not be asked now is asked the next time.
      await this.#sweep().catch(() => {});
      if (this.#timer !== undefined) this.start();
    }, pauseMs).unref();
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  async #sweep(): Promise<void> {
    const { subjects, now, everyMs } = this.#options;
    const due = new Map<string, number>();
    for (const name of await this.#list()) {
      const set = subjects.setOf(name);
      due.set(set, this.#due.get(set) ?? now() + everyMs / 2);
    }
    this.#due = due;
    for (const [set, at] of due) {
      if (this.#timer === undefined) return;
      if (at <= now()) await this.#look(set);
    }
  }

  /** The subjects of all pieces. */
  async #list(): Promise<string[]> {
    const { connection, subjects } = this.#options;
    const names: string[] = [];
    for (;;) {
      const question = { subjects_filter: subjects.pieces, offset: names.length };
      const subject = `$JS.API.STREAM.INFO.${subjects.bucket}`;
      const { state, total = 0 } = await connection.ask<Listing>(subject, JSON.stringify(question));
      const some = Object.keys(state.subjects ?? {});
      names.push(...some);
      if (some.length === 0 || names.length >= total) return names;
    }
  }

  async #look(set: string): Promise<void> {
    const { subjects, messages, pieces, now } = this.#options;
    const task = subjects.taskOf(set);
    const found = await messages.fromLeader(task);
    const manifest = found === undefined ? undefined : manifestIn(found.payload);
    if (manifest !== undefined && set === subjects.set(task, manifest.name)) {
      this.#due.set(set, Math.min(now() + LOOK_AGAIN_MS, expiryOf(manifest)));
      return;
    }
    await this.#fence(task, found);
    await pieces.remove(set);
  }

  /** Writes the task's message as it is. Throws where another one has come. */
  async #fence(task: string, found: Message | undefined): Promise<void> {
    const { connection, expiry, now } = this.#options;
    const isTrace = found === undefined || found.payload.length === 0;
    const kept = [TTL_HEADER, EXPIRES_HEADER].map(
      (name) => [name, found?.header(name) ?? ''] as const,
    );
    const headers = new Headers([
      [EXPECTED_HEADER, found?.sequence() ?? 0],
      ...(isTrace ? expiry(now() + TRACE_MS) : kept.filter(([, value]) => value !== '')),
    ]);
    await connection.ask(task, found?.payload ?? '', headers);
  }
}

interface Listing {
  readonly total?: number;
  readonly state: { readonly subjects?: Readonly<Record<string, number>> };
}

function expiryOf({ prefix }: Manifest): number {
  const entry = prefix.length === 0 ? undefined : decodeHeadOnly(prefix);
  return entry === undefined ? Number.POSITIVE_INFINITY : entryExpiresAt(entry);
}
