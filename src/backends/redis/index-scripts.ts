/**
 * The scripts that read a bucket's index, and their arguments and answers. `index.lua` says how the
 * index is laid out.
 */
import type { Position, Scan } from '../../record/listing.js';
import { type Argument, type Script, script } from './scripts.js';

/** Later than any time of a write: the index has 43 bits for one. */
const LATEST = 2 ** 43 - 1;

export const LIST: Script = script('index', 'list');
export const COUNT: Script = script('index', 'count');

/** Asks for at most `limit` tasks of each class, behind `position`. */
export function listArguments(
  { after, before }: Scan,
  classes: readonly number[],
  position: Position | undefined,
  limit: number,
): Argument[] {
  const earliest = Math.max(Math.floor(after) + 1, 0);
  const latest = Math.min(Math.ceil(before) - 1, LATEST);
  // The position's id matters only among tasks that were last written when it was.
  const isAtPosition = position !== undefined && position.updatedAt <= latest;
  return [
    String(limit),
    String(earliest),
    String(isAtPosition ? position.updatedAt : latest),
    isAtPosition ? position.taskId : '',
    classes.join(''),
  ];
}

/** One class of a list script's answer: `[id, milliseconds, id, …]`. */
export type IndexPage = readonly Buffer[];

export function positionsOf(page: IndexPage): Position[] {
  const positions: Position[] = [];
  for (let at = 0; at < page.length; at += 2) {
    positions.push({ taskId: page[at]!.toString(), updatedAt: Number(page[at + 1]!.toString()) });
  }
  return positions;
}

/** The sum of the count script's answers. */
export function sumOf(answers: readonly (readonly number[])[]): number[] {
  return answers.reduce<number[]>(
    (sums, counts) => counts.map((count, at) => count + (sums[at] ?? 0)),
    [],
  );
}
