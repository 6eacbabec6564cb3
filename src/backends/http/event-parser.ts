/** Server-Sent Events as they come (WHATWG HTML §9.2.6), as far as a resultd sends them. */
import { StringDecoder } from 'node:string_decoder';

export interface ServerEvent {
  readonly type: string;
  readonly data: string;
}

export class EventParser {
  /** Where the next connection goes on from; undefined where nothing has come yet. */
  lastEventId: string | undefined;
  /** How long the service asks its readers to wait before they come back, in milliseconds. */
  retryMs = 0;
  #decoder = new StringDecoder('utf8');
  #rest = '';
  #type = '';
  #id: string | undefined;
  #data: string[] = [];

  /** A new connection: what was half read on the one before is forgotten. */
  restart(): void {
    this.#decoder = new StringDecoder('utf8');
    this.#rest = '';
    this.#reset();
  }

  /** The events that end in these bytes. */
  *take(bytes: Buffer): Generator<ServerEvent> {
    const text = this.#decoder.write(bytes);
    let from = 0;
    for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', from)) {
      const line = (this.#rest + text.slice(from, at)).replace(/\r$/, '');
      this.#rest = '';
      from = at + 1;
      if (line === '') yield* this.#dispatch();
      else this.#field(line);
    }
    this.#rest += text.slice(from);
  }

  #field(line: string): void {
    const colon = line.indexOf(':');
    if (colon === 0) return;
    const name = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? '' : line.slice(colon + 1).replace(/^ /, '');
    if (name === 'data') this.#data.push(value);
    else if (name === 'event') this.#type = value;
    else if (name === 'id') this.#id = value;
    else if (name === 'retry' && /^\d{1,7}$/.test(value)) this.retryMs = Number(value);
  }

  *#dispatch(): Generator<ServerEvent> {
    const event = { type: this.#type, data: this.#data.join('\n') };
    const hasData = this.#data.length > 0;
    // Only once its reader has taken it in, an event is one that it has had.
    if (hasData) yield event;
    if (this.#id !== undefined) this.lastEventId = this.#id;
    this.#reset();
  }

  #reset(): void {
    this.#type = '';
    this.#id = undefined;
    this.#data = [];
  }
}
