/** Sizes as people write them: digits, then `B`, `KiB`, `MiB` or `GiB`; bytes without one. */

const UNITS = { B: 1, KiB: 1_024, MiB: 1_024 ** 2, GiB: 1_024 ** 3 } as const;

/** The bytes of a size from 1 byte to 1 GiB, or undefined where the text is not one. */
export function parseSize(text: string): number | undefined {
  const match = /^(\d{1,12})(B|KiB|MiB|GiB)?$/.exec(text);
  if (match === null) return undefined;
  const size = Number(match[1]) * UNITS[(match[2] ?? 'B') as keyof typeof UNITS];
  return size >= 1 && size <= UNITS.GiB ? size : undefined;
}
