/**
 * Which hosts this service answers for. A page of any origin can have its own name lead to a loopback
 * address (DNS rebinding), and then reads and writes as if it were this service's: so on the loopback only
 * loopback names are served, and those that are allowed by name.
 */
import { isIPv4 } from 'node:net';
import { ResultdError, shown } from '../errors.js';

export interface ServedHostsOptions {
  /** Names that are served, without ports; elsewhere than on the loopback, where there are any, they alone. */
  readonly allowedHosts?: readonly string[];
  /** The address that the service listens on. Default: none that is known, and all hosts are served. */
  readonly host?: string;
}

export class ServedHosts {
  readonly #allowed: ReadonlySet<string>;
  readonly #isOnLoopback: boolean;
  readonly #servesAll: boolean;
  /** The `Host` that was served last: nearly always the same. */
  #last: string | undefined;

  constructor({ allowedHosts = [], host = '' }: ServedHostsOptions) {
    this.#allowed = new Set(allowedHosts.map((name) => name.toLowerCase()));
    this.#isOnLoopback = isLoopback(host);
    this.#servesAll = !this.#isOnLoopback && this.#allowed.size === 0;
  }

  /** Why a request for this `Host` is refused (421, RFC 9110 §15.5.20); undefined where it is not. */
  refusalOf(host: string | undefined): ResultdError | undefined {
    if (this.#servesAll || host === undefined || host === this.#last) return undefined;
    const name = nameOf(host);
    if (this.#allowed.has(name) || (this.#isOnLoopback && isLoopback(name))) {
      this.#last = host;
      return undefined;
    }
    return new ResultdError(
      'invalid-request',
      `the host ${shown(host)} is not served here: use ${this.#isOnLoopback ? 'localhost, or ' : ''}` +
        'a name that RESULTD_ALLOWED_HOSTS lists',
      { status: 421 },
    );
  }
}

/** A name or an address of this machine alone (RFC 6761 §6.3, RFC 1122 §3.2.1.3, RFC 4291 §2.5.3). */
function isLoopback(name: string): boolean {
  return (
    name === 'localhost' ||
    name.endsWith('.localhost') ||
    name === '[::1]' ||
    name === '::1' ||
    (name.startsWith('127.') && isIPv4(name))
  );
}

/** The name of a `Host`, without its port, in lower case, without the dot of the root. */
function nameOf(host: string): string {
  return host.toLowerCase().replace(/:\d*$/, '').replace(/\.$/, '');
}
