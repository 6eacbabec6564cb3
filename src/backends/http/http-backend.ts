/**
 * The HTTP backend: the whole contract against a remote resultd. It is the service's HTTP client,
 * and passes the same conformance suite as the stores.
 *
 * The service is the only clock and judge: what it shows is live, and what it refuses is refused
 * with the same error. It has one namespace over HTTP.
 */

import { unsupported } from '../../errors.js';
import type { ManyParts, Parts, TaskEntry } from '../../record/entry.js';
import type { Listed, Scan, StateCounts } from '../../record/listing.js';
import type { Command, Reply } from '../../result-backend/commands.js';
import type { TaskWaits } from '../../result-backend/task-waits.js';
import {
  type Listener,
  ResultBackend,
  type ResultBackendOptions,
  type Supports,
  type Unsubscribe,
} from '../../result-backend.js';
import { absentOr, exchangeOf, taskPath } from './command-request.js';
import { EventSubscription } from './event-subscription.js';
import { parseHttpUrl, type RemoteSettings } from './http-url.js';
import { probe } from './probe.js';
import { readMany } from './remote-batch.js';
import { remoteList } from './remote-list.js';
import { RemoteWaits } from './remote-waits.js';
import { entryFromView, readable } from './task-view.js';
import { Transport } from './transport.js';

export interface HttpBackendOptions extends ResultBackendOptions {
  /** A bearer token (RFC 6750); it wins over one in the URL. Default: none. */
  readonly token?: string;
  /** How long a call may take, its retries included, in milliseconds. Default: 10,000. */
  readonly storeTimeoutMs?: number;
  /** Where a relative `tls_ca` starts. Default: the working directory. */
  readonly baseDirectory?: string;
}

const TIMEOUT_MS = 10_000;

export class HttpBackend extends ResultBackend {
  /** Until the service has been asked, what most stores can do. */
  #supports: Supports = { durable: true, shared: true, namespaces: false, listing: true };
  readonly #transport: Transport;
  readonly #events: EventSubscription;
  readonly #remoteWaits: RemoteWaits;

  constructor(settings: RemoteSettings, options: HttpBackendOptions = {}) {
    // The service knows its own limit.
    super({ maxProgressBytes: Number.POSITIVE_INFINITY, ...options });
    // It would be ignored there, and tasks of two namespaces would be taken for one.
    if (this.boundNamespace !== 'default') {
      throw unsupported(`the namespace "${this.boundNamespace}" (over HTTP there is one)`);
    }
    const timeoutMs = settings.timeoutMs ?? options.storeTimeoutMs ?? TIMEOUT_MS;
    this.#transport = new Transport(settings, timeoutMs);
    this.#events = new EventSubscription(this.#transport);
    this.#remoteWaits = new RemoteWaits(this.#transport);
  }

  /** A backend on the resultd at this URL. Throws `invalid-parameter` where it is not valid. */
  static fromUrl(url: string, options: HttpBackendOptions = {}): HttpBackend {
    return new HttpBackend(parseHttpUrl(url, options), options);
  }

  /** What the service's store can do, but for what HTTP decides: it is shared, in one namespace. */
  get supports(): Supports {
    return this.#supports;
  }

  protected async _startup(): Promise<void> {
    this.#transport.open();
    try {
      this.#supports = { ...this.#supports, ...(await probe(this.#transport)) };
    } catch (error) {
      await this.#transport.close();
      throw error;
    }
  }

  protected async _shutdown(): Promise<void> {
    this.#events.close();
    await this.#transport.close();
  }

  protected async _ping(): Promise<void> {
    await this.#transport.call({ method: 'GET', path: '/readyz', expected: [200] });
  }

  /** One request: the status, with the outcome embedded where it was asked for, is of one version. */
  protected async _read(
    _namespace: string,
    taskId: string,
    { body, log }: Parts,
  ): Promise<TaskEntry | undefined> {
    const path = body || log ? (log ? '?with_logs=true' : '') : '/status';
    const answer = await this.#transport.call({
      method: 'GET',
      path: taskPath(taskId) + path,
      expected: [200, 404],
    });
    if (answer.status === 404) return absentOr(answer, this.#transport.settings.shown).entry;
    return entryFromView(answer.body);
  }

  protected override _readMany(
    _namespace: string,
    taskIds: readonly string[],
    parts: ManyParts,
  ): Promise<(TaskEntry | undefined)[]> {
    return readMany(taskIds, parts, {
      call: (request) => this.#transport.call(request),
      readOne: (taskId) => this._read('', taskId, parts),
    });
  }

  protected async _execute(_namespace: string, command: Command): Promise<Reply> {
    const { request, replyOf } = exchangeOf(command);
    const answer = await this.#transport.call({ ...request, isWrite: true });
    return replyOf(answer, this.#transport.settings.shown);
  }

  protected _subscribe(namespace: string, listener: Listener): Promise<Unsubscribe> {
    return this.#events.subscribe(namespace, listener);
  }

  protected override _list(_namespace: string, scan: Scan): Promise<Listed[]> {
    return remoteList(scan, (request) => this.#transport.call(request));
  }

  protected override async _count(): Promise<StateCounts> {
    const answer = await this.#transport.call({
      method: 'GET',
      path: '/v1/stats',
      expected: [200],
    });
    return readable(() => JSON.parse(answer.body.toString()) as StateCounts);
  }

  protected override _waits(): TaskWaits {
    return this.#remoteWaits;
  }

  /** What the service shows is live, whatever the clock says here. */
  protected override _now(): number {
    return 0;
  }
}
