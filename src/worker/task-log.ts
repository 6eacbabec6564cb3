/**
 * The log of a task that runs: what it hands to `log` of its context and, while a worker captures
 * logs, what it prints with `console`. Of a long log the end is kept.
 */
import { format } from 'node:util';
import { currentContext } from './task-context.js';

/** The longest log, in characters. */
const LONGEST_LOG = 256 * 1_024;

export class TaskLog {
  #lines: string[] = [];
  #length = 0;
  #dropped = 0;

  add(items: readonly unknown[]): void {
    const line = format(...items).slice(-LONGEST_LOG);
    this.#lines.push(line);
    this.#length += line.length + 1;
    while (this.#length > LONGEST_LOG && this.#lines.length > 1) {
      this.#length -= this.#lines.shift()!.length + 1;
      this.#dropped += 1;
    }
  }

  /** The lines; null where there are none. */
  toText(): string | null {
    if (this.#lines.length === 0) return null;
    const start = this.#dropped === 0 ? '' : `(${this.#dropped} earlier entries were left out)\n`;
    return `${start}${this.#lines.join('\n')}\n`;
  }
}

const METHODS = ['debug', 'error', 'info', 'log', 'warn'] as const;

type Print = (...items: unknown[]) => void;

let capturing = 0;
let printed: Readonly<Record<(typeof METHODS)[number], Print>> | undefined;

/** From now on, what a task prints goes to its log too. Gives back what ends that. */
export function captureConsole(): () => void {
  capturing += 1;
  printed ??= tapConsole();
  let isEnded = false;
  return () => {
    if (isEnded) return;
    isEnded = true;
    capturing -= 1;
    if (capturing > 0) return;
    Object.assign(console, printed);
    printed = undefined;
  };
}

function tapConsole(): Readonly<Record<(typeof METHODS)[number], Print>> {
  const { debug, error, info, log, warn } = console;
  const own = { debug, error, info, log, warn };
  for (const method of METHODS) {
    console[method] = (...items: unknown[]) => {
      currentContext()?.log(...items);
      own[method].apply(console, items);
    };
  }
  return own;
}
