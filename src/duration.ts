/** Durations as people write them: digits, then `ms`, `s`, `m`, `h` or `d`; seconds without one. */

const SYNTAX = /^(\d{1,9})(ms|s|m|h|d)?$/;
const UNIT_MS = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;

/** The milliseconds of a duration, or undefined where the text is not one. */
export function parseDuration(text: string): number | undefined {
  const match = SYNTAX.exec(text);
  if (match === null) return undefined;
  return Number(match[1]) * UNIT_MS[(match[2] ?? 's') as keyof typeof UNIT_MS];
}
