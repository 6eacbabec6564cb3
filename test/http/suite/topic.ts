/**
 * How the suite of the HTTP API is put together: a topic is a named table of tests, and each test is
 * given a running service, shared by its topic, and task ids that nobody else uses.
 */
import type { Test } from 'tap';
import type { Answer, Call, Service, ServiceOptions } from '../../support/service.js';
import { record } from './documented.js';

export type Run = (t: Test, api: Api) => Promise<void>;

export interface Topic {
  readonly name: string;
  readonly cases: Readonly<Record<string, Run>>;
}

/** A store of one kind, empty, for one service. */
export interface Store {
  /** The backend's URL, as `RESULTD_BACKEND` takes it. */
  readonly url: string;
  close(): Promise<void>;
}

let lastId = 0;

export class Api {
  readonly service: Service;
  readonly #start: (t: Test, options: ServiceOptions) => Promise<Service>;

  constructor(service: Service, start: (t: Test, options: ServiceOptions) => Promise<Service>) {
    this.service = service;
    this.#start = start;
  }

  /** A task id that no other test uses. */
  taskId(): string {
    lastId += 1;
    return `task-${lastId}`;
  }

  /** The path of a task that no other test uses. */
  path(): string {
    return `/v1/tasks/${this.taskId()}`;
  }

  /** The same kind of service on an empty store of its own, for tests of options. */
  async withOptions(t: Test, options: ServiceOptions): Promise<Api> {
    return new Api(await this.#start(t, options), this.#start);
  }

  async call(method: string, target: string, call?: Call): Promise<Answer> {
    const answer = await this.service.call(method, target, call);
    record(method, target, answer);
    return answer;
  }

  get(target: string, headers?: Call['headers']): Promise<Answer> {
    return this.call('GET', target, { headers });
  }

  head(target: string, headers?: Call['headers']): Promise<Answer> {
    return this.call('HEAD', target, { headers });
  }

  /** A JSON text or value. */
  post(target: string, body: unknown, headers?: Call['headers']): Promise<Answer> {
    return this.#json('POST', target, body, headers);
  }

  /** A JSON text or value. */
  put(target: string, body: unknown, headers?: Call['headers']): Promise<Answer> {
    return this.#json('PUT', target, body, headers);
  }

  delete(target: string, headers?: Call['headers']): Promise<Answer> {
    return this.call('DELETE', target, { headers });
  }

  consume(path: string, headers?: Call['headers'], query = ''): Promise<Answer> {
    return this.call('POST', `${path}/result/consume${query}`, { headers });
  }

  #json(
    method: string,
    target: string,
    body: unknown,
    headers: Call['headers'] = {},
  ): Promise<Answer> {
    return this.call(method, target, {
      body,
      headers: { 'content-type': 'application/json', ...headers },
    });
  }
}
