/** Which task ids are taken. */
import { errorOf, isError, sameBytes, success, successEnvelope } from './expect.js';
import { taskOperations } from './operations.js';
import type { Topic } from './topic.js';

const ALLOWED = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._~:@+=-';

const BAD = [
  '',
  '.',
  '..',
  'a'.repeat(256),
  'a b',
  'a/b',
  'a%20b',
  'a\n',
  '\u0000',
  'é',
  '{a}',
  'a*',
  'a,b',
  'a?b',
  'a#b',
  'a\\b',
];

const GOOD = [
  ALLOWED,
  'a'.repeat(255),
  'A'.repeat(255),
  '...',
  '.a',
  'a.',
  '-',
  '0',
  '~:@+=',
  '__proto__',
  'constructor',
];

export const ids: Topic = {
  name: 'ids',
  cases: {
    'every operation refuses a bad task id': async (t, { backend }) => {
      for (const taskId of BAD) {
        for (const [name, call] of Object.entries(taskOperations(backend, taskId))) {
          const message = `${name} of ${JSON.stringify(taskId.slice(0, 10))}`;
          isError(t, await errorOf(call()), 'invalid-task-id', message);
        }
      }
    },

    'every allowed task id is a task of its own': async (t, { backend }) => {
      for (const taskId of GOOD) await backend.setResult(taskId, success(taskId));
      for (const taskId of GOOD) {
        const read = await backend.getResult(taskId);
        t.equal(read?.taskId, taskId);
        sameBytes(t, read?.outcome, successEnvelope(taskId), taskId.slice(0, 20));
      }
      for (const taskId of GOOD) t.equal(await backend.delete(taskId), true);
      t.same(
        await backend.getMany(GOOD),
        GOOD.map(() => undefined),
        'and can be deleted',
      );
    },

    'ids differ by case': async (t, { backend }) => {
      await backend.setResult('Case', success(1));
      t.equal(await backend.getStatus('case'), undefined);
    },
  },
};
