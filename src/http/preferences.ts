/** The `Prefer` header (RFC 7240): what a client would like, and may not get. */

export interface Preferences {
  /** `wait=n`, in milliseconds; undefined where it is not there or malformed (§4.3). */
  readonly waitMs: number | undefined;
  /** `return=minimal` (§4.2). */
  readonly isMinimal: boolean;
}

const NONE: Preferences = { waitMs: undefined, isMinimal: false };

/** What a `Prefer` header asks for. What is malformed or not known is ignored (§2). */
export function parsePrefer(header: string | string[] | undefined): Preferences {
  if (header === undefined) return NONE;
  let waitMs: number | undefined;
  let isMinimal = false;
  for (const preference of String(header).split(',')) {
    const [name = '', value = ''] = preference.split(';', 1)[0]!.split('=', 2);
    const unquoted = value.trim().replace(/^"(.*)"$/, '$1');
    switch (name.trim().toLowerCase()) {
      case 'wait':
        if (/^\d{1,9}$/.test(unquoted)) waitMs ??= Number(unquoted) * 1_000;
        break;
      case 'return':
        isMinimal ||= unquoted === 'minimal';
        break;
      default:
    }
  }
  return { waitMs, isMinimal };
}
