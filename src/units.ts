/**
 * Durations and sizes as people write them: digits, then a unit. `ms`, `s`, `m`, `h` or `d`, seconds
 * without one; `B`, `KiB`, `MiB` or `GiB`, bytes without one.
 */

const DURATION = /^(\d{1,9})(ms|s|m|h|d)?$/;
const SIZE = /^(\d{1,12})(B|KiB|MiB|GiB)?$/;
const UNIT_MS = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;
const UNIT_BYTES = { B: 1, KiB: 1_024, MiB: 1_024 ** 2, GiB: 1_024 ** 3 } as const;

/** The milliseconds of a duration, or undefined where the text is not one. */
export function parseDuration(text: string): number | undefined {
  const match = DURATION.exec(text);
  if (match === null) return undefined;
  return Number(match[1]) * UNIT_MS[(match[2] ?? 's') as keyof typeof UNIT_MS];
}

/**
 * The milliseconds of a time to live, a duration above 0; infinity for `never`; undefined where the text
 * is neither.
 */
export function parseTtl(text: string): number | undefined {
  return text === 'never' ? Number.POSITIVE_INFINITY : parseDuration(text) || undefined;
}

/** The bytes of a size from 1 byte to 1 GiB, or undefined where the text is not one. */
export function parseSize(text: string): number | undefined {
  const match = SIZE.exec(text);
  if (match === null) return undefined;
  const size = Number(match[1]) * UNIT_BYTES[(match[2] ?? 'B') as keyof typeof UNIT_BYTES];
  return size >= 1 && size <= UNIT_BYTES.GiB ? size : undefined;
}
