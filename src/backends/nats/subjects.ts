/**
 * Where things are in the stream. A task is at `<bucket>.<namespace>.<id>`, the pieces of one that
 * is too large for a message are below `<bucket>.~.<namespace>.<id>`, and what is stored at a subject
 * is hinted at below `<bucket>-hints`. No namespace is named `~`.
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
  /** Written to see whether the stream takes writes. */
  readonly probe: string;
  readonly #hintsAt: number;

  constructor(bucket: string) {
    this.bucket = bucket;
    this.all = `${bucket}.>`;
    this.hints = `${bucket}-hints.>`;
    this.tasks = `${bucket}.*.*`;
    this.pieces = `${bucket}.~.>`;
    this.probe = `${bucket}.~`;
    this.#hintsAt = `${bucket}-hints.`.length;
  }

  task(namespace: string, taskId: string): string {
    return `${this.bucket}.${namespace}.${taskId.replaceAll('.', '%')}`;
  }

  /** What the pieces of one value begin with. `name` is this value's alone. */
  set(task: string, name: string): string {
    return `${this.bucket}.~${task.slice(this.bucket.length)}.${name}`;
  }

  piece(set: string, number: number): string {
    return `${set}.${number}`;
  }

  /** The set of a piece. */
  setOf(piece: string): string {
    return piece.slice(0, piece.lastIndexOf('.'));
  }

  /** The task that a set was written for. */
  taskOf(set: string): string {
    return this.bucket + set.slice(`${this.bucket}.~`.length, set.lastIndexOf('.'));
  }

  /** The task of a hint; undefined where it is of something else. */
  hinted(subject: string): { readonly namespace: string; readonly taskId: string } | undefined {
    const [namespace, token, ...more] = subject.slice(this.#hintsAt).split('.');
    if (token === undefined || more.length > 0) return undefined;
    return { namespace: namespace!, taskId: token.replaceAll('%', '.') };
  }
}
