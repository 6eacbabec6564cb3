/**
 * What is waited for, on a terminal: a line for each of the first few tasks, with a bar where its
 * progress says how far it is. It stands below what is printed, and is gone when the wait is over.
 *
 * It goes to the error output, so that the standard output may be a pipe. It reads the few tasks that it
 * shows once a second; the wait itself does not depend on it.
 */

import type { TaskSnapshot } from '../record/snapshot.js';
import type { ResultBackend } from '../result-backend.js';
import type { Context } from './command.js';
import { advanceOf, measuredBar } from './progress-bar.js';
import { fit, Style, seconds } from './style.js';

const MOST_LINES = 8;
const EVERY_MS = 1_000;
const BAR = 20;

export class WaitDisplay {
  readonly #stream: NodeJS.WriteStream;
  readonly #style: Style;
  readonly #backend: ResultBackend;
  readonly #pending: ReadonlySet<string>;
  readonly #startedAt = performance.now();
  readonly #timer: NodeJS.Timeout;
  #lines = 0;
  #isReading = false;
  #hasEnded = false;

  /** A display, where the error output is a terminal. */
  static on(
    { stderr, settings }: Context,
    backend: ResultBackend,
    pending: ReadonlySet<string>,
  ): WaitDisplay | undefined {
    if (stderr.isTTY !== true) return undefined;
    return new WaitDisplay(stderr, new Style(stderr, settings.wantsColour), { backend, pending });
  }

  private constructor(
    stream: NodeJS.WriteStream,
    style: Style,
    { backend, pending }: { backend: ResultBackend; pending: ReadonlySet<string> },
  ) {
    this.#stream = stream;
    this.#style = style;
    this.#backend = backend;
    this.#pending = pending;
    this.#timer = setInterval(() => void this.#refresh(), EVERY_MS);
  }

  /** Takes the lines away, for something to be printed; they come again with the next second. */
  hide(): void {
    if (this.#lines > 0) this.#stream.write(`\x1b[${this.#lines}A\x1b[J`);
    this.#lines = 0;
  }

  end(): void {
    this.#hasEnded = true;
    clearInterval(this.#timer);
    this.hide();
  }

  async #refresh(): Promise<void> {
    if (this.#isReading) return;
    this.#isReading = true;
    const ids = [...this.#pending].slice(0, MOST_LINES);
    // What the wait cannot ask either it says by itself.
    const snapshots = await this.#backend.getMany(ids).catch(() => undefined);
    this.#isReading = false;
    if (!this.#hasEnded && snapshots !== undefined) this.#draw(ids, snapshots);
  }

  #draw(ids: readonly string[], snapshots: readonly (TaskSnapshot | undefined)[]): void {
    const columns = Math.max(40, this.#stream.columns || 80) - 1;
    const lines = ids.map((taskId, index) => this.#line(taskId, snapshots[index], columns));
    const waited = seconds((performance.now() - this.#startedAt) / 1_000);
    const more = this.#pending.size - ids.length;
    lines.push(this.#style.dim(`waiting for ${waited}${more > 0 ? `, and for ${more} more` : ''}`));
    this.hide();
    this.#stream.write(`${lines.join('\n')}\n`);
    this.#lines = lines.length;
  }

  #line(taskId: string, snapshot: TaskSnapshot | undefined, columns: number): string {
    const state = snapshot?.state ?? 'unknown';
    const { fraction, text } = snapshot === undefined ? NOTHING : advanceOf(snapshot);
    const nameColumns = Math.min(30, Math.floor(columns / 3));
    const measured = measuredBar(fraction, BAR);
    const shown = measured === '' ? '' : `${measured}  `;
    const room = columns - nameColumns - 12 - shown.length;
    const rest = room > 0 ? fit(text, room).trimEnd() : '';
    return `${fit(taskId, nameColumns)}  ${this.#style.state(fit(state, 8), state)}  ${shown}${rest}`;
  }
}

const NOTHING = { fraction: undefined, text: '' };
