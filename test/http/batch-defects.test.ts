/** A defect of the service in one item of a batch: that item fails, is in the log, and nothing hangs. */
import t, { type Test } from 'tap';
import { MemoryBackend } from '../../src/backends/memory/memory-backend.js';
import type { SetManyItem } from '../../src/result-backend.js';
import { Service } from '../support/service.js';
import { codeOf, FORMS } from './suite/batches.js';
import { SUCCESS } from './suite/expect.js';
import { Api } from './suite/topic.js';

async function start(t: Test, backend: MemoryBackend): Promise<Api> {
  const service = await Service.start(t, backend);
  return new Api(service, () => Promise.reject(new Error('one store only')));
}

/** The memory backend, whose record of the task `bad` cannot be read when a write is refused. */
class DamagedBackend extends MemoryBackend {
  protected override async _executeMany(
    ...[namespace, commands]: Parameters<MemoryBackend['_executeMany']>
  ) {
    const replies = await super._executeMany(namespace, commands);
    return replies.map((reply, at) => {
      if (reply instanceof Error || commands[at]!.taskId !== 'bad') return reply;
      const entry = { ...reply.entry!, outcome: undefined, progress: Buffer.from('?') };
      return { ...reply, verdict: 'conflict' as const, entry };
    });
  }
}

class BrokenBackend extends MemoryBackend {
  override setMany(_items: readonly SetManyItem[]): Promise<never> {
    return Promise.reject(new TypeError('a defect'));
  }
}

const item = (taskId: string): string => `{"task_id":"${taskId}","outcome":${SUCCESS}}`;

t.test('what cannot be read of one task fails its item, and no other', async (t) => {
  const api = await start(t, new DamagedBackend());
  for (const [form, send] of FORMS) {
    const answers = await send(api, [item(`a-${form}`), item('bad'), item(`b-${form}`)]);
    t.same(
      answers.map(({ code }) => code),
      [201, 500, 201],
      form,
    );
    t.equal(codeOf(answers[1]!), 'internal');
  }
});

t.test('a write of many that fails as a whole fails each item, and the answer ends', async (t) => {
  const api = await start(t, new BrokenBackend());
  for (const [form, send] of FORMS) {
    const answers = await send(api, [item('a'), '{}', item('a')]);
    t.same(
      answers.map((answer) => codeOf(answer)),
      ['internal', 'invalid-body', 'internal'],
      form,
    );
  }
});

t.test('a condition of very many tags fails its item alone', async (t) => {
  const api = await start(t, new MemoryBackend());
  for (const [form, send] of FORMS) {
    for (const tag of ['\\"a\\",', 'W/\\"\\" ,, ']) {
      const many = tag.repeat(8_000_000 / tag.length);
      const bad = `{"task_id":"t","if_match":"${many}","outcome":${SUCCESS}}`;
      const answers = await send(api, [bad, item(`${form}-${tag.length}`)]);
      t.same(
        answers.map((answer) => [answer.code, codeOf(answer)]),
        [
          [400, 'invalid-parameter'],
          [201, undefined],
        ],
        form,
      );
    }
  }
});
