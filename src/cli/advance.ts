/** How far a task has come, as its progress says, and the bar that shows it. */
import type { TaskSnapshot } from '../record/snapshot.js';
import { oneLine } from './style.js';

/** How far a task has come, and what it says of it. */
export interface Advance {
  /** From 0 to 1; undefined where the progress does not say. */
  readonly fraction: number | undefined;
  /** On one line; empty where there is nothing to say. */
  readonly text: string;
}

/**
 * What a progress's meta says: `{"current":3,"total":10}`, `{"percent":30}`, a number from 0 to 1, or a
 * larger one up to 100, a percentage. What else an object holds as `message` is its text.
 */
export function advanceOf(snapshot: TaskSnapshot): Advance {
  const raw = snapshot.progress?.meta.toString() ?? 'null';
  if (raw === 'null') return { fraction: undefined, text: '' };
  const meta = JSON.parse(raw) as unknown;
  if (typeof meta === 'number') return { fraction: fractionOf(meta), text: '' };
  if (typeof meta === 'string') return { fraction: undefined, text: oneLine(meta) };
  const { current, total, percent, message } = meta as Record<string, unknown>;
  const text = typeof message === 'string' ? oneLine(message) : undefined;
  if (typeof current === 'number' && typeof total === 'number' && total > 0) {
    return { fraction: clamped(current / total), text: text ?? `${current} of ${total}` };
  }
  if (typeof percent === 'number') return { fraction: clamped(percent / 100), text: text ?? '' };
  return { fraction: undefined, text: text ?? oneLine(raw) };
}

function fractionOf(value: number): number | undefined {
  if (value >= 0 && value <= 1) return value;
  return value > 1 && value <= 100 ? value / 100 : undefined;
}

function clamped(fraction: number): number {
  return Math.min(1, Math.max(0, fraction));
}

/** A bar of so many columns; `fraction` goes from 0 to 1. */
export function bar(fraction: number, columns: number): string {
  const eighths = Math.round(fraction * columns * 8);
  const full = Math.floor(eighths / 8);
  const rest = eighths % 8 === 0 ? '' : String.fromCodePoint(0x2590 - (eighths % 8));
  return ('█'.repeat(full) + rest).padEnd(columns, '░');
}
