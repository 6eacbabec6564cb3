/**
 * HTTP as a good client of resultd speaks it: what is safe to send again is sent again, later each
 * time, and with jitter so that many clients do not come back at once.
 *
 * Everything that these examples send is safe to repeat: reads change nothing, and of two equal
 * POSTs of an outcome the second is answered 200 and changes nothing.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { Agent } from 'undici';

export interface Answer {
  readonly status: number;
  readonly text: string;
  /** The problem's code, such as `task-removed`; undefined where the answer is not a problem. */
  readonly problem: string | undefined;
  /** Seconds; undefined where the answer does not say. */
  readonly retryAfter: number | undefined;
}

export interface RequestOptions {
  readonly method?: 'GET' | 'POST';
  /** Sent as JSON. */
  readonly body?: unknown;
  /** For how long to send it again, in milliseconds. 0: send it once. Default: 2 minutes. */
  readonly retryForMs?: number;
  /** How long one answer may take, in milliseconds. Default: 75 s, longer than any wait. */
  readonly timeoutMs?: number;
}

const RETRYABLE = new Set([429, 502, 503, 504]);
const FIRST_PAUSE_MS = 100;
const LONGEST_PAUSE_MS = 5_000;

/** The service did not answer, or not with more than an error, for as long as it was asked. */
export class GaveUp extends Error {}

export class Service {
  readonly #origin: string;
  readonly #agent: Agent;

  /** `connections` bounds the requests that run at once. A wait holds one while it lasts. */
  constructor(origin: string, connections: number) {
    this.#origin = origin;
    this.#agent = new Agent({
      connections,
      connect: { timeout: 5_000 },
      bodyTimeout: 30_000,
    });
  }

  async close(): Promise<void> {
    await this.#agent.close();
  }

  /** Sends a request, again while that may help. Throws `GaveUp` when time is up. */
  async request(path: string, options: RequestOptions = {}): Promise<Answer> {
    const { retryForMs = 120_000 } = options;
    const deadline = Date.now() + retryForMs;
    for (let attempt = 0; ; attempt += 1) {
      const answer = await this.#send(path, options).catch((error: Error) => error);
      if (!(answer instanceof Error) && !RETRYABLE.has(answer.status)) return answer;
      const backoff = Math.min(FIRST_PAUSE_MS * 2 ** Math.min(attempt, 10), LONGEST_PAUSE_MS);
      const asked = answer instanceof Error ? 0 : (answer.retryAfter ?? 0) * 1_000;
      const wait = Math.max(backoff, asked) * (1 + Math.random());
      if (Date.now() + wait > deadline) {
        throw new GaveUp(`${options.method ?? 'GET'} ${path}: ${whatHappened(answer)}`);
      }
      await pause(wait);
    }
  }

  async #send(path: string, options: RequestOptions): Promise<Answer> {
    const { method = 'GET', body, timeoutMs = 75_000 } = options;
    const {
      statusCode,
      headers,
      body: answer,
    } = await this.#agent.request({
      origin: this.#origin,
      path,
      method,
      headersTimeout: timeoutMs,
      ...(body === undefined
        ? {}
        : {
            body: JSON.stringify(body),
            headers: { 'content-type': 'application/json', prefer: 'return=minimal' },
          }),
    });
    const text = await answer.text();
    const isProblem = String(headers['content-type']).startsWith('application/problem+json');
    const { type } = isProblem ? (JSON.parse(text) as { type: string }) : { type: undefined };
    const retryAfter = Number(headers['retry-after'] ?? Number.NaN);
    return {
      status: statusCode,
      text,
      problem: type?.replace('urn:resultd:problem:', ''),
      retryAfter: Number.isNaN(retryAfter) ? undefined : retryAfter,
    };
  }
}

function whatHappened(answer: Answer | Error): string {
  if (!(answer instanceof Error)) return `${answer.status} ${answer.text}`;
  const { code } = answer as NodeJS.ErrnoException;
  return code ?? answer.message;
}

/** Calls `work` for each item, so many at once, until all are done or one has thrown. */
export async function forEachOf<T>(
  items: readonly T[],
  atOnce: number,
  work: (item: T, index: number) => Promise<void>,
): Promise<void> {
  const left = items.entries();
  const lane = async (): Promise<void> => {
    for (const [index, item] of left) await work(item, index);
  };
  await Promise.all(Array.from({ length: Math.min(atOnce, items.length) }, lane));
}
