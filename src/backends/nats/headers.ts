/** Headers of messages: those that the server acts on, and those of our own. */

/** The sequence that the subject's last message must have; 0 where there must be none. */
export const EXPECTED_HEADER = 'Nats-Expected-Last-Subject-Sequence';
/** When the server removes the message, in whole seconds. */
export const TTL_HEADER = 'Nats-TTL';
/** When the message may go, in epoch milliseconds, where the server does not see to that. */
export const EXPIRES_HEADER = 'Resultd-Expires';
/** The version that a write left, `-` where it removed the task; absent where nothing is to be told. */
export const VERSION_HEADER = 'Resultd-Version';

export type Header = readonly [name: string, value: string | number];

/** What is sent with a message, as the bytes that it is sent as. */
export class Headers {
  readonly #bytes: Buffer;

  constructor(headers: readonly Header[]) {
    const lines = headers.map(([name, value]) => `${name}: ${value}\r\n`);
    this.#bytes = Buffer.from(`NATS/1.0\r\n${lines.join('')}\r\n`, 'latin1');
  }

  encode(): Uint8Array {
    return this.#bytes;
  }
}
