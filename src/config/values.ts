/** Values of settings that are neither a duration nor a size. Undefined is what is none. */
import { isIP } from 'node:net';

/** Reads a whole number of this range. */
export function integer(least: number, most: number): (text: string) => number | undefined {
  return (text) => {
    if (!/^\d{1,12}$/.test(text)) return undefined;
    const value = Number(text);
    return value >= least && value <= most ? value : undefined;
  };
}

/** As Fastify's `trustProxy` has it: it throws where an address is none. */
export function parseTrust(text: string): boolean | string | undefined {
  if (text === 'true' || text === 'false') return text === 'true';
  return text.split(',').every((part) => isNetwork(part.trim())) ? text : undefined;
}

function isNetwork(text: string): boolean {
  if (['loopback', 'linklocal', 'uniquelocal'].includes(text)) return true;
  const [address = '', mask, ...rest] = text.split('/');
  const version = isIP(address);
  if (version === 0 || rest.length > 0) return false;
  if (mask === undefined || (version === 4 && isIP(mask) === 4)) return true;
  return integer(1, version === 4 ? 32 : 128)(mask) !== undefined;
}

/** Host names or addresses, without ports. */
export function parseHosts(text: string): readonly string[] | undefined {
  if (text === 'none') return [];
  const names = text.split(',').map((name) => name.trim());
  const isName = (name: string) => /^([\w-]+(\.[\w-]+)*|\[[\da-f:]+\])$/i.test(name);
  return names.every(isName) ? names : undefined;
}
