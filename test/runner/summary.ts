/** What a run says to the person who waits for it: a line for each part, and what failed at the end. */
import type { Finished } from './part.js';

const seconds = (value: number): string => `${value.toFixed(1)} s`.padStart(8);

export function lineOf({ name, passed, skips, failures, seconds: took }: Finished): string {
  const verdict = failures.length === 0 ? 'ok    ' : 'FAILED';
  const counts = [`${passed} passed`];
  if (failures.length > 0) counts.push(`${failures.length} failed`);
  if (skips.length > 0) counts.push(`${skips.length} skipped`);
  return `${verdict} ${seconds(took)}  ${name}: ${counts.join(', ')}`;
}

/** Every failure, and the counts; the last line is for programs too. */
export function summaryOf(parts: readonly Finished[], took: number): string {
  const sum = (count: (part: Finished) => number): number =>
    parts.reduce((total, part) => total + count(part), 0);
  const failed = sum(({ failures }) => failures.length);
  const passed = sum((part) => part.passed);
  const said = parts.flatMap(({ name, failures }) =>
    failures.map((failure) => `\n${name}\n  ${failure.name}\n${indented(failure.message)}`),
  );
  return [
    ...parts.flatMap(({ name, skips }) => skips.map((skip) => `skipped: ${name}: ${skip}`)),
    ...said,
    '',
    `${parts.length} files and checks in ${took.toFixed(0)} s: ${parts.filter(isBad).length} failed; ` +
      `tests: ${sum(({ skips }) => skips.length)} skipped`,
    `${passed} passed, ${failed} failed`,
  ].join('\n');
}

export const isBad = ({ failures }: Finished): boolean => failures.length > 0;

function indented(text: string): string {
  return text.replace(/^/gm, '    ');
}
