/** The live table of `resultd watch`: keeps the latest tasks, and draws them at most four times a second. */
import type { StateCounts } from '../record/listing.js';
import type { ResultBackend } from '../result-backend.js';
import { Screen } from './screen.js';
import { oneLine, type Style } from './style.js';
import type { Change } from './task-feed.js';
import type { ShownTask } from './task-lines.js';
import { tableLines } from './task-table.js';

interface LiveTableOptions {
  readonly stdout: NodeJS.WriteStream;
  readonly style: Style;
  readonly title: string;
  /** Whether all tasks are counted by their states. */
  readonly hasCounts: boolean;
}

const DRAW_EVERY_MS = 250;
const COUNT_EVERY_MS = 1_000;
/** More than any terminal has rows. */
const MOST_TASKS = 500;

export class LiveTable {
  readonly #backend: ResultBackend;
  readonly #options: LiveTableOptions;
  /** The last changed last. */
  readonly #tasks = new Map<string, ShownTask>();
  #counts: StateCounts | undefined;
  #trouble: string | undefined;
  #screen: Screen | undefined;
  #timer: NodeJS.Timeout | undefined;
  #isStale = true;
  #countsAreStale = true;
  #countedAt = Number.NEGATIVE_INFINITY;
  #isCounting = false;
  #drawnAt = Number.NEGATIVE_INFINITY;

  constructor(backend: ResultBackend, options: LiveTableOptions) {
    this.#backend = backend;
    this.#options = options;
  }

  /** Takes the screen, and shows the tasks that there are, the last changed first. */
  open(tasks: readonly ShownTask[]): void {
    for (const task of [...tasks].reverse()) this.change({ taskId: task.snapshot.taskId, task });
    this.#screen = new Screen(this.#options.stdout, () => {
      this.#isStale = true;
    });
    this.#timer = setInterval(() => this.#tick(), DRAW_EVERY_MS);
    this.#tick();
  }

  change({ taskId, task }: Change): void {
    this.#tasks.delete(taskId);
    if (task !== undefined) this.#tasks.set(taskId, task);
    if (this.#tasks.size > MOST_TASKS) {
      const [oldest = ''] = this.#tasks.keys();
      this.#tasks.delete(oldest);
    }
    this.#isStale = true;
    this.#countsAreStale = true;
  }

  trouble(error: Error | undefined): void {
    this.#trouble = error === undefined ? undefined : oneLine(error.message);
    this.#isStale = true;
    this.#countsAreStale = true;
  }

  /** Gives the screen back. */
  close(): void {
    clearInterval(this.#timer);
    this.#screen?.close();
  }

  #tick(): void {
    const now = performance.now();
    if (this.#countsAreStale && now - this.#countedAt >= COUNT_EVERY_MS) void this.#count(now);
    // Running times go on by themselves.
    if (!this.#isStale && now - this.#drawnAt < 1_000) return;
    this.#isStale = false;
    this.#drawnAt = now;
    const view = {
      title: this.#options.title,
      counts: this.#counts,
      tasks: [...this.#tasks.values()].reverse(),
      trouble: this.#trouble,
      now: Date.now(),
    };
    const screen = this.#screen!;
    screen.draw(tableLines(view, screen.size, this.#options.style));
  }

  async #count(now: number): Promise<void> {
    if (this.#isCounting || !this.#options.hasCounts) return;
    this.#isCounting = true;
    this.#countsAreStale = false;
    this.#countedAt = now;
    try {
      this.#counts = await this.#backend.count();
      this.#isStale = true;
    } catch {
      // The feed says what is wrong; the next tick counts again.
      this.#countsAreStale = true;
    }
    this.#isCounting = false;
  }
}
