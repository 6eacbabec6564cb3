/** The lexis of JSON over bytes (RFC 8259 §2, §6, §7): each function steps over one token, or refuses it. */
import { invalidBody, shown } from '../errors.js';

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COLON = 0x3a;
const MINUS = 0x2d;
const ZERO = 0x30;
const NINE = 0x39;

const LITERALS = { t: Buffer.from('true'), f: Buffer.from('false'), n: Buffer.from('null') };

export function skipSpace(bytes: Buffer, start: number): number {
  let at = start;
  for (;;) {
    const byte = bytes[at]!;
    if (byte > 0x20) return at;
    if (byte !== 0x20 && byte !== 0x0a && byte !== 0x0d && byte !== 0x09) return at;
    at += 1;
  }
}

export function skipColon(bytes: Buffer, start: number): number {
  const at = skipSpace(bytes, start);
  if (bytes[at] !== COLON) throw syntaxError(bytes, at, '":"');
  return at + 1;
}

export function skipName(bytes: Buffer, start: number): number {
  return skipSpace(bytes, skipColon(bytes, skipString(bytes, start)));
}

export function skipString(bytes: Buffer, start: number): number {
  if (bytes[start] !== QUOTE) throw syntaxError(bytes, start, 'a string');
  let at = start + 1;
  for (;;) {
    // Most bytes pass by the first two comparisons; beyond the end, all of them are false.
    const byte = bytes[at]!;
    if (byte > QUOTE) {
      if (byte !== BACKSLASH) at += 1;
      else at = skipEscape(bytes, at);
    } else if (byte === QUOTE) {
      return at + 1;
    } else if (byte >= 0x20) {
      at += 1;
    } else if (at < bytes.length) {
      throw syntaxError(bytes, at, 'an escape, not a bare control character');
    } else {
      throw syntaxError(bytes, at, 'the end of a string');
    }
  }
}

function skipEscape(bytes: Buffer, start: number): number {
  switch (bytes[start + 1]) {
    case QUOTE:
    case BACKSLASH:
    case 0x2f: // /
    case 0x62: // b
    case 0x66: // f
    case 0x6e: // n
    case 0x72: // r
    case 0x74: // t
      return start + 2;
    case 0x75: {
      for (let at = start + 2; at < start + 6; at += 1) {
        if (!isHex(bytes[at])) throw syntaxError(bytes, at, 'four hexadecimal digits after \\u');
      }
      return start + 6;
    }
    default:
      throw syntaxError(bytes, start + 1, 'one of "\\/bfnrtu after a backslash');
  }
}

function isHex(byte: number | undefined): boolean {
  if (byte === undefined) return false;
  return isDigit(byte) || (byte >= 0x41 && byte <= 0x46) || (byte >= 0x61 && byte <= 0x66);
}

function isDigit(byte: number | undefined): boolean {
  return byte !== undefined && byte >= ZERO && byte <= NINE;
}

export function skipScalar(bytes: Buffer, start: number): number {
  const byte = bytes[start];
  if (byte === MINUS || isDigit(byte)) return skipNumber(bytes, start);
  const literal =
    byte === 0x74
      ? LITERALS.t
      : byte === 0x66
        ? LITERALS.f
        : byte === 0x6e
          ? LITERALS.n
          : undefined;
  if (literal === undefined) throw syntaxError(bytes, start, 'a JSON value');
  for (let i = 1; i < literal.length; i += 1) {
    if (bytes[start + i] !== literal[i]) throw syntaxError(bytes, start, 'a JSON value');
  }
  return start + literal.length;
}

function skipNumber(bytes: Buffer, start: number): number {
  let at = bytes[start] === MINUS ? start + 1 : start;
  at = bytes[at] === ZERO ? at + 1 : skipDigits(bytes, at);
  if (bytes[at] === 0x2e) at = skipDigits(bytes, at + 1); // .
  if (bytes[at] === 0x65 || bytes[at] === 0x45) {
    const sign = bytes[at + 1];
    at = skipDigits(bytes, sign === 0x2b || sign === MINUS ? at + 2 : at + 1);
  }
  return at;
}

function skipDigits(bytes: Buffer, start: number): number {
  if (!isDigit(bytes[start])) throw syntaxError(bytes, start, 'a digit');
  let at = start + 1;
  while (isDigit(bytes[at])) at += 1;
  return at;
}

/** The text of a string that has been scanned. */
export function decodeString(bytes: Buffer, start: number, end: number): string {
  const raw = bytes.toString('utf8', start + 1, end - 1);
  return raw.includes('\\') ? (JSON.parse(`"${raw}"`) as string) : raw;
}

export function syntaxError(bytes: Buffer, at: number, expected: string): Error {
  const found =
    at >= bytes.length ? 'it ends there' : `found ${shown(bytes.toString('utf8', at, at + 20))}`;
  return invalidBody(`the body is not valid JSON: at byte ${at}, expected ${expected}, ${found}`);
}
