/**
 * A result backend of one's own: a directory with one file for each task.
 *
 * All rules (first wins, conditions, expiry, consume) are in resultd's `decide`. This file loads
 * what is stored of a task, lets `decide` say what to write, and writes that atomically and
 * durably. It serves as `--backend 'module:./directory-backend.mjs?directory=./outcomes'`.
 */
import { hash } from 'node:crypto';
import { mkdir, open, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import {
  countAll,
  decide,
  decodeHead,
  encodeHead,
  entryExpiresAt,
  ResultBackend,
  ResultdError,
  scanAll,
  storeUnavailable,
  versionOf,
} from 'resultd';

/** @import { BrokerOptions, Command, Listener, Reply, ResultBackendOptions, Scan } from 'resultd' */
/** @import { Stored, TaskEntry, Unsubscribe } from 'resultd' */
/** @typedef {{ namespace: string, taskId: string }} Task */
/** @typedef {Task & { entry: TaskEntry | undefined, expiresAt: number }} Known */

const PURGE_EVERY_MS = 250;
/** Commands on the tasks of one lane go one after another. */
const LANES = 16;
const TASK_FILE = /^[0-9a-f]{64}$/;

/** What the broker calls. @param {string} url @param {BrokerOptions} options */
export default function directoryBackend(url, options) {
  const directory = new URLSearchParams(url.split('?')[1]).get('directory') ?? 'outcomes';
  return new DirectoryBackend(resolve(options.baseDirectory ?? '.', directory), options);
}

export class DirectoryBackend extends ResultBackend {
  supports = { durable: true, shared: false, namespaces: true, listing: true };
  #directory;
  /** What stands in each file, without its outcome's bytes, by file name. @type {Map<string, Known>} */
  #known = new Map();
  /** The end of each lane: it never rejects. @type {Promise<unknown>[]} */
  #lanes = [];
  /** @type {Set<{ namespace: string, listener: Listener }>} */ #subscriptions = new Set();
  /** @type {NodeJS.Timeout | undefined} */ #timer;

  constructor(/** @type {string} */ directory, /** @type {ResultBackendOptions} */ options) {
    super(options);
    this.#directory = directory;
  }

  async _startup() {
    await this.#ask(async () => {
      // Its parent must be there: a volume that is not mounted is an error, not an empty store.
      await mkdir(this.#directory).catch(ignore('EEXIST'));
      for (const name of await readdir(this.#directory)) {
        if (name.endsWith('.tmp')) await rm(this.#path(name)); // a write that a crash cut short
        if (!TASK_FILE.test(name)) continue;
        const text = await readFile(this.#path(name), 'utf8');
        this.#known.set(name, knownOf(JSON.parse(text), decode(text)));
      }
    });
    this.#timer = setInterval(() => this.#purge(), PURGE_EVERY_MS).unref();
  }

  async _shutdown() {
    clearInterval(this.#timer);
    await Promise.all(this.#lanes);
  }

  async _ping() {
    await this.#ask(() => writeFile(this.#path('ping'), ''));
  }

  /** @param {string} namespace @param {string} taskId */
  async _read(namespace, taskId) {
    return this.#ask(async () => (await this.#load(fileName(namespace, taskId))).entry);
  }

  /** @param {string} namespace @param {Command} command @returns {Promise<Reply>} */
  async _execute(namespace, command) {
    const name = fileName(namespace, command.taskId);
    return this.#inLane(name, () =>
      this.#ask(async () => {
        const stored = await this.#load(name);
        const decision = decide(command, stored, Date.now());
        const { write, remember } = decision;
        if (write === undefined && remember === undefined) return decision;
        const entry = write === undefined ? stored.entry : (write ?? undefined);
        const task = { namespace, taskId: command.taskId };
        await this.#store(name, task, { entry, consumed: remember ?? stored.consumed });
        if (write !== undefined) this.#notify(namespace, command.taskId, entry);
        return decision;
      }),
    );
  }

  /** @override @param {string} namespace @param {Scan} scan */
  async _list(namespace, scan) {
    return scanAll(await this.#tasksOf(namespace), scan, Date.now());
  }

  /** @override @param {string} namespace */
  async _count(namespace) {
    const tasks = await this.#tasksOf(namespace);
    return countAll(
      tasks.map((known) => known.entry),
      Date.now(),
    );
  }

  /** @param {string} namespace @param {Listener} listener @returns {Promise<Unsubscribe>} */
  async _subscribe(namespace, listener) {
    await this._ping();
    const own = { namespace, listener };
    this.#subscriptions.add(own);
    return async () => void this.#subscriptions.delete(own);
  }

  /** What is known counts only while the directory is there. @param {string} namespace */
  async #tasksOf(namespace) {
    await this.#ask(() => stat(this.#directory));
    return [...this.#known.values()].filter((known) => known.namespace === namespace);
  }

  /** @param {string} name @returns {Promise<Stored>} */
  async #load(name) {
    const text = await readFile(this.#path(name), 'utf8').catch(ignore('ENOENT'));
    if (text !== undefined) return decode(text);
    await stat(this.#directory); // no such task, or no such directory any more?
    return { entry: undefined, consumed: [] };
  }

  /**
   * Replaces the task's file in one step. It is on the disk when this resolves.
   * @param {string} name @param {Task} task @param {Stored} stored
   */
  async #store(name, task, stored) {
    if (stored.entry === undefined && stored.consumed.length === 0) {
      await rm(this.#path(name), { force: true });
      this.#known.delete(name);
    } else {
      const text = encode({ ...task, ...stored });
      await writeFile(this.#path(`${name}.tmp`), text, { flush: true });
      await rename(this.#path(`${name}.tmp`), this.#path(name));
      this.#known.set(name, knownOf(task, stored));
    }
    const directory = await open(this.#directory);
    await directory.sync().finally(() => directory.close()); // the new name, or its absence
  }

  #purge() {
    for (const [name, known] of this.#known) {
      if (known.expiresAt > Date.now()) continue;
      const purging = this.#inLane(name, async () => {
        if (this.#known.get(name) !== known) return; // it was written meanwhile
        await rm(this.#path(name), { force: true });
        this.#known.delete(name);
      });
      purging.catch(() => {}); // the next purge tries again
    }
  }

  /** @param {string} namespace @param {string} taskId @param {TaskEntry | undefined} entry */
  #notify(namespace, taskId, entry) {
    const version = entry === undefined ? null : versionOf(entry);
    for (const subscription of this.#subscriptions) {
      if (subscription.namespace === namespace)
        subscription.listener({ namespace, taskId, version });
    }
  }

  /** @template T @param {string} name @param {() => Promise<T>} step @returns {Promise<T>} */
  #inLane(name, step) {
    const lane = Number.parseInt(name.slice(0, 8), 16) % LANES;
    const turn = (this.#lanes[lane] ?? Promise.resolve()).then(step);
    this.#lanes[lane] = turn.catch(() => {});
    return turn;
  }

  /** The one place where the file system's errors become resultd's. */
  async #ask(/** @type {() => Promise<any>} */ call) {
    return call().catch((/** @type {any} */ error) => {
      if (error instanceof ResultdError) throw error;
      throw storeUnavailable(`the directory failed: ${error.code ?? 'see the log'}`, error);
    });
  }

  #path(/** @type {string} */ name) {
    return join(this.#directory, name);
  }
}

/** A name that every file system takes, for ids that differ in case only too. */
function fileName(/** @type {string} */ namespace, /** @type {string} */ taskId) {
  return hash('sha256', `${namespace}\n${taskId}`);
}

/** @param {Task} task @param {Stored} stored @returns {Known} */
function knownOf({ namespace, taskId }, { entry, consumed }) {
  const expiries = consumed.map((past) => past.expiresAt);
  return {
    namespace,
    taskId,
    entry: entry && { ...entry, body: undefined, log: undefined },
    expiresAt: Math.max(entry ? entryExpiresAt(entry) : 0, ...expiries),
  };
}

function encode(/** @type {Task & Stored} */ stored) {
  return JSON.stringify(stored, (key, value) => (key === 'entry' && value ? pack(value) : value));
}

/** @param {string} text @returns {Stored} */
function decode(text) {
  return JSON.parse(text, (key, value) => (key === 'entry' ? unpack(value) : value));
}

function pack(/** @type {TaskEntry} */ entry) {
  const parts = [encodeHead(entry), entry.body, entry.log, entry.progress];
  return parts.map((part) => part?.toString('base64') ?? null);
}

function unpack(/** @type {(string | null)[]} */ parts) {
  const bytes = parts.map((part) => (part === null ? undefined : Buffer.from(part, 'base64')));
  const [head = Buffer.alloc(0), body, log, progress] = bytes;
  return decodeHead(head, { body, log, progress });
}

/** Turns one error, known by its code, into undefined. */
function ignore(/** @type {string} */ code) {
  return (/** @type {any} */ error) => {
    if (error.code !== code) throw error;
  };
}
