/**
 * Reading what the stream holds at a subject.
 *
 * A direct get is answered by any server that has the stream. With one replica that is the one that
 * takes the writes; with more, one that is behind may answer, and the leader is asked instead.
 */

import type { NatsConnection } from './nats-connection.js';
import { JetStreamError } from './nats-errors.js';

const NO_MESSAGE = 10037;

/** The last message of a subject. */
export interface Message {
  readonly payload: Buffer;
  /** The sequence, which is on the way of a write alone. */
  readonly sequence: () => number;
  /** Empty where there is none of this name. */
  readonly header: (name: string) => string;
}

interface LeaderAnswer {
  readonly message: { readonly seq: number; readonly data?: string; readonly hdrs?: string };
}

export class Messages {
  readonly #connection: NatsConnection;
  readonly #direct: string;
  readonly #leader: string;

  constructor(connection: NatsConnection, bucket: string) {
    this.#connection = connection;
    this.#direct = `$JS.API.DIRECT.GET.${bucket}.`;
    this.#leader = `$JS.API.STREAM.MSG.GET.${bucket}`;
  }

  /** Undefined where there is none. Throws the client's error. */
  async direct(subject: string): Promise<Message | undefined> {
    const reply = await this.#connection.request(this.#direct + subject);
    const { data } = reply;
    // Only what is empty may be a refusal: headers are costly to read.
    if (data.length === 0) {
      const { code = 0, description = '' } = reply.headers ?? {};
      if (code === 404) return undefined;
      if (code >= 300) throw new JetStreamError(code, description);
    }
    return {
      payload: Buffer.from(data.buffer, data.byteOffset, data.length),
      sequence: () => Number(reply.headers?.get('Nats-Sequence')),
      header: (name) => reply.headers?.get(name) ?? '',
    };
  }

  /** Likewise, with every write that was acknowledged. */
  async fromLeader(subject: string): Promise<Message | undefined> {
    try {
      const question = JSON.stringify({ last_by_subj: subject });
      const { message } = await this.#connection.ask<LeaderAnswer>(this.#leader, question);
      const { seq, data = '', hdrs = '' } = message;
      return {
        payload: Buffer.from(data, 'base64'),
        sequence: () => seq,
        header: (name) => headerIn(Buffer.from(hdrs, 'base64').toString('latin1'), name),
      };
    } catch (error) {
      if (error instanceof JetStreamError && error.errCode === NO_MESSAGE) return undefined;
      throw error;
    }
  }
}

function headerIn(headers: string, name: string): string {
  const line = headers.split('\r\n').find((line) => line.startsWith(`${name}:`));
  return line === undefined ? '' : line.slice(name.length + 1).trim();
}
