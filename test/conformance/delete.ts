/** Delete: outcome, log and progress go together, at once and for good. */
import { sameBytes, success, successEnvelope } from './expect.js';
import type { Topic } from './topic.js';

export const deletion: Topic = {
  name: 'delete',
  cases: {
    'a delete removes outcome, log and progress': async (t, context) => {
      const { backend } = context;
      const taskId = context.taskId();
      await backend.setProgress(taskId, { state: 'STARTED' });
      await backend.setResult(taskId, success(1, '"log"'));
      t.equal(await backend.delete(taskId), true);
      t.equal(await backend.getResult(taskId), undefined);
      t.equal(await backend.getProgress(taskId), undefined);
      t.equal(await backend.isResultReady(taskId), false);
      await backend.setResult(taskId, success(1));
      const read = await backend.getResult(taskId, { withLogs: true });
      sameBytes(t, read?.outcome, successEnvelope(1), 'no log comes back');
      t.match(read?.version, /\.o$/, 'no progress comes back');
    },

    'a delete of progress alone removes the task': async (t, context) => {
      const { backend } = context;
      const taskId = context.taskId();
      await backend.setProgress(taskId, { state: 'STARTED' });
      t.equal(await backend.delete(taskId), true);
      t.equal(await backend.getStatus(taskId), undefined);
    },

    'a delete of an unknown task says so': async (t, context) => {
      const { backend } = context;
      const taskId = context.taskId();
      t.equal(await backend.delete(taskId), false);
      await backend.setResult(taskId, success(1));
      t.equal(await backend.delete(taskId), true);
      t.equal(await backend.delete(taskId), false);
    },

    'of many deletes at once exactly one removes the task': async (t, context) => {
      const { backend } = context;
      const taskId = context.taskId();
      await backend.setResult(taskId, success(1));
      const removed = await Promise.all(Array.from({ length: 20 }, () => backend.delete(taskId)));
      t.equal(removed.filter(Boolean).length, 1);
    },

    'a delete leaves other tasks alone': async (t, context) => {
      const { backend } = context;
      const [taskId, longer] = ['same-start', 'same-start-2'];
      await backend.setResult(taskId, success(1));
      await backend.setResult(longer, success(2, '"log"'));
      await backend.delete(taskId);
      const read = await backend.getResult(longer, { withLogs: true });
      sameBytes(t, read?.outcome, successEnvelope(2, '"log"'), 'the other one');
    },

    'a deleted task takes no room': async (t, context) => {
      const store = await context.freshStore(t);
      const backend = await store.start();
      const ids = Array.from({ length: 20 }, (_, n) => `task-${n}`);
      await Promise.all(ids.map((id) => backend.setProgress(id, { state: 'STARTED' })));
      await Promise.all(ids.map((id) => backend.setResult(id, success(id, '"log"'))));
      t.equal(await store.fixture.countStored(), 20);
      await Promise.all(ids.map((id) => backend.delete(id)));
      t.equal(await store.fixture.countStored(), 0);
    },
  },
};
