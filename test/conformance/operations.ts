/**
 * Every operation of the contract on one task, by name: for rules that hold for all of them alike
 * (bad ids, life cycle, outages).
 */

import { ResultdError } from '../../src/errors.js';
import { WITH_LOG } from '../../src/record/entry.js';
import type { ResultBackend } from '../../src/result-backend.js';
import { success } from './expect.js';

export type Operations = Readonly<Record<string, () => Promise<unknown>>>;

/** Every operation that is about a task. */
export function taskOperations(backend: ResultBackend, taskId: string): Operations {
  return {
    setResult: () => backend.setResult(taskId, success(1)),
    'setResult, mode create': () => backend.setResult(taskId, success(1), { mode: 'create' }),
    setException: () => backend.setException(taskId, { exc_type: 'E' }),
    setProgress: () => backend.setProgress(taskId, { state: 'STARTED' }),
    'setProgress, mode register': () =>
      backend.setProgress(taskId, { state: 'PENDING' }, { mode: 'register' }),
    getResult: () => backend.getResult(taskId),
    'getResult with logs': () => backend.getResult(taskId, { withLogs: true }),
    getStatus: () => backend.getStatus(taskId),
    isResultReady: () => backend.isResultReady(taskId),
    getProgress: () => backend.getProgress(taskId),
    get: () => backend.get(taskId, WITH_LOG),
    getMany: () => backend.getMany(['other', taskId]),
    setMany: () => firstError(backend.setMany([{ taskId, outcome: success(1) }])),
    delete: () => backend.delete(taskId),
    consume: () => backend.consume(taskId),
    'consume with a key': () => backend.consume(taskId, { idempotencyKey: 'key' }),
    expire: () => backend.expire(taskId, 1_000),
  };
}

/** Every operation that needs the store. */
export function storeOperations(backend: ResultBackend, taskId: string): Operations {
  return {
    ...taskOperations(backend, taskId),
    ping: () => backend.ping(),
    subscribe: () => backend.subscribe(() => {}),
    ...(backend.supports.listing
      ? {
          list: () => backend.list(),
          'list of a state': () => backend.list({ states: ['STARTED'] }),
          count: () => backend.count(),
        }
      : {}),
  };
}

/** Each item of `setMany` fails alone: its error stands in its place. */
async function firstError(answers: ReturnType<ResultBackend['setMany']>): Promise<unknown> {
  const error = (await answers).find((answer) => answer instanceof ResultdError);
  if (error !== undefined) throw error;
  return answers;
}
