/**
 * How far a task has come, as its progress says, and the bar that shows it. What is no part of a whole
 * is shown as it was sent: a bar that guesses would contradict the text beside it.
 */
import type { TaskSnapshot } from '../record/snapshot.js';
import { oneLine } from './style.js';

/** How far a task has come, and what it says of it. */
interface Advance {
  /** From 0 to 1; undefined where there is nothing to measure. */
  readonly fraction: number | undefined;
  /** On one line; empty where there is nothing to say. */
  readonly text: string;
}

/** What a part and the whole are called. */
const PARTS = ['done', 'current', 'completed'] as const;
const WHOLES = ['of', 'total'] as const;
const PERCENTAGES = ['percent', 'percentage'] as const;

/**
 * What a progress's meta says: `{"done":3,"of":10}`, `{"percent":30}`, `"30%"`, a number below 1, or a
 * larger one up to 100, a percentage. What else an object holds as `message` is its text. A task that is
 * ready has come to its end, whatever it said last.
 */
export function advanceOf(snapshot: TaskSnapshot): Advance {
  if (snapshot.ready) return { fraction: snapshot.isErr === true ? undefined : 1, text: '' };
  const raw = snapshot.progress?.meta.toString() ?? 'null';
  if (raw === 'null') return { fraction: undefined, text: '' };
  const meta = JSON.parse(raw) as unknown;
  if (typeof meta === 'object') return advanceIn(meta as Record<string, unknown>, oneLine(raw));
  const fraction = typeof meta === 'number' ? numberFraction(meta) : percentage(meta);
  if (fraction !== undefined) return { fraction, text: '' };
  return { fraction, text: oneLine(typeof meta === 'string' ? meta : raw) };
}

function advanceIn(meta: Record<string, unknown>, raw: string): Advance {
  const message = typeof meta.message === 'string' ? oneLine(meta.message) : undefined;
  const part = firstNumber(meta, PARTS);
  const whole = firstNumber(meta, WHOLES);
  if (part !== undefined && whole !== undefined && part >= 0 && whole > 0 && part <= whole) {
    return { fraction: part / whole, text: message ?? `${part} of ${whole}` };
  }
  const fraction = PERCENTAGES.map((name) => percentage(meta[name])).find(
    (each) => each !== undefined,
  );
  if (fraction !== undefined) return { fraction, text: message ?? '' };
  return { fraction: undefined, text: message ?? raw };
}

function firstNumber(meta: Record<string, unknown>, names: readonly string[]): number | undefined {
  return names.map((name) => meta[name]).find((value) => typeof value === 'number');
}

/** 1 could be all of it, or a hundredth. */
function numberFraction(value: number): number | undefined {
  if (value === 1) return undefined;
  return value >= 0 && value < 1 ? value : percentage(value);
}

/** The fraction of `30` or `"30%"`; undefined for what is no percentage. */
function percentage(value: unknown): number | undefined {
  const text = typeof value === 'string' ? /^(\d{1,3}(?:\.\d+)?) ?%$/.exec(value)?.[1] : undefined;
  const percent = text === undefined ? value : Number(text);
  return typeof percent === 'number' && percent >= 0 && percent <= 100 ? percent / 100 : undefined;
}

/** The percentage in full: 100 only where nothing is missing. */
export function percentOf(fraction: number): string {
  // 0.29 * 100 is a little less than 29.
  return `${Math.floor(Number((fraction * 100).toFixed(6)))}%`;
}

/** A bar of so many columns; `fraction` goes from 0 to 1. It is full only where nothing is missing. */
export function bar(fraction: number, columns: number): string {
  const eighths = Math.floor(Number((fraction * columns * 8).toFixed(6)));
  const full = Math.floor(eighths / 8);
  const rest = eighths % 8 === 0 ? '' : String.fromCodePoint(0x2590 - (eighths % 8));
  return ('█'.repeat(full) + rest).padEnd(columns, '░');
}

/** The bar and its percentage, as wide as `columns` and 5 more; empty for what has no measure. */
export function measuredBar(fraction: number | undefined, columns: number): string {
  if (fraction === undefined) return '';
  return bar(fraction, columns) + percentOf(fraction).padStart(5);
}
