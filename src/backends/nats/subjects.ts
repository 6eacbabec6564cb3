/**
 * Where things are in the stream. A task is at `<bucket>.<namespace>.<id>`, the pieces of one that
 * is too large for a message below that, and what is stored at a subject is hinted at below
 * `<bucket>-hints`.
 *
 * A dot would make two tokens of an id, so it is written as `%`, which no id holds.
 */

export class Subjects {
  readonly bucket: string;
  /** Everything in the stream. */
  readonly all: string;
  /** Every hint. */
  readonly hints: string;
  /** Every task. */
  readonly tasks: string;
  /** Pieces of large tasks, all of them. */
  readonly pieces: string;
  /** Written to see whether the stream takes writes; no namespace has such a name. */
  readonly probe: string;
  readonly #hintsAt: number;

  constructor(bucket: string) {
    this.bucket = bucket;
    this.all = `${bucket}.>`;
    this.hints = `${bucket}-hints.>`;
    this.tasks = `${bucket}.*.*`;
    this.pieces = `${bucket}.*.*.*.*`;
    this.probe = `${bucket}.~probe`;
    this.#hintsAt = `${bucket}-hints.`.length;
  }

  task(namespace: string, taskId: string): string {
    return `${this.bucket}.${namespace}.${taskId.replaceAll('.', '%')}`;
  }

  /** One piece of a value. `set` names all of them. */
  piece(task: string, set: string, number: number): string {
    return `${task}.${set}.${number}`;
  }

  /** The task of a hint; undefined where it is of something else. */
  hinted(subject: string): { readonly namespace: string; readonly taskId: string } | undefined {
    const [namespace, token, ...more] = subject.slice(this.#hintsAt).split('.');
    if (token === undefined || more.length > 0) return undefined;
    return { namespace: namespace!, taskId: token.replaceAll('%', '.') };
  }

  /** The task and the set of a piece. */
  pieceOf(subject: string): { readonly task: string; readonly set: string } {
    const [bucket, namespace, token, set] = subject.split('.');
    return { task: `${bucket}.${namespace}.${token}`, set: set! };
  }
}
