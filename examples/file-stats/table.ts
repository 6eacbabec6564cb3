/** The client's table: one line for each file, and a summary. */
import type { FileStats } from './count.js';

export interface Row {
  readonly file: string;
  readonly state: string;
  readonly stats?: FileStats;
  /** Why it failed. */
  readonly reason?: string;
}

const HEADINGS = ['file', 'state', 'lines', 'words', 'bytes', 'sha256'] as const;
/** Numbers stand on the right of their column. */
const IS_NUMBER = [false, false, true, true, true, false];
const SHA_CHARACTERS = 16;

export function printTable(rows: readonly Row[]): void {
  const table = [HEADINGS, ...rows.map(cellsOf)];
  const widths = HEADINGS.map((_, column) =>
    Math.max(...table.map((cells) => [...cells[column]!].length)),
  );
  for (const cells of table) {
    const line = cells.map((cell, column) => {
      const padding = ' '.repeat(widths[column]! - [...cell].length);
      return IS_NUMBER[column] ? padding + cell : cell + padding;
    });
    process.stdout.write(`${line.join('  ').trimEnd()}\n`);
  }
  process.stdout.write(`\n${summaryOf(rows)}\n`);
}

function cellsOf({ file, state, stats, reason = '' }: Row): string[] {
  if (stats === undefined) return [printable(file), state, '', '', '', printable(reason)];
  const { lines, words, bytes, sha256 } = stats;
  const counts = [lines, words, bytes].map((count) => (count === null ? '-' : String(count)));
  return [printable(file), state, ...counts, sha256.slice(0, SHA_CHARACTERS)];
}

function summaryOf(rows: readonly Row[]): string {
  const sum = (key: 'lines' | 'words' | 'bytes'): number =>
    rows.reduce((total, { stats }) => total + (stats?.[key] ?? 0), 0);
  const succeeded = rows.filter(({ state }) => state === 'SUCCESS').length;
  const failed = rows.filter(({ state }) => state === 'FAILURE').length;
  const open = rows.length - succeeded - failed;
  return (
    `${rows.length} files: ${succeeded} succeeded, ${failed} failed, ${open} not ready; ` +
    `${sum('lines')} lines, ${sum('words')} words, ${sum('bytes')} bytes`
  );
}

/** A file's name may hold line feeds, or bytes that a terminal would act on. */
function printable(text: string): string {
  return text.replace(/\p{Cc}/gu, (character) => {
    return `\\x${character.codePointAt(0)!.toString(16).padStart(2, '0')}`;
  });
}
