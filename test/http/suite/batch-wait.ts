/** `POST /v1/batch/wait`: all, any or some of many tasks, as one waiter. */
import { setTimeout as delay } from 'node:timers/promises';
import type { Answer } from '../../support/service.js';
import { type Entry, setItems } from './batches.js';
import { isProblem, LOGGED, OTHER, SUCCESS } from './expect.js';
import { AT_ONCE_MS, timed, untilParked } from './parking.js';
import type { Api, Topic } from './topic.js';

interface Waited {
  readonly complete: boolean;
  readonly ready: readonly Entry[];
  readonly pending: readonly string[];
}

const wait = (api: Api, body: unknown): Promise<Answer> => api.post('/v1/batch/wait', body);

async function waited(call: Promise<Answer>): Promise<Waited> {
  const answer = await call;
  if (answer.status !== 200) throw new Error(`${answer.status}: ${answer.text}`);
  return answer.json() as unknown as Waited;
}

const ids = (api: Api, count: number): string[] =>
  Array.from({ length: count }, () => api.taskId());
const finish = (api: Api, id: string, body = SUCCESS) => api.post(`/v1/tasks/${id}/result`, body);
const readyIds = ({ ready }: Waited): string[] => ready.map((entry) => entry.task_id);

export const batchWait: Topic = {
  name: 'batch wait',
  cases: {
    'enough ready tasks are answered at once, in the order of the request': async (t, api) => {
      const [a, b, c] = ids(api, 3) as [string, string, string];
      await finish(api, a, LOGGED);
      await finish(api, b, OTHER);
      const body = { task_ids: [c, b, a, b], mode: { count: 2 }, wait: '30s' };
      const { answer, ms } = await timed(wait(api, body));
      t.ok(ms < AT_ONCE_MS);
      t.equal(answer.headers['cache-control'], 'no-store');
      t.equal(answer.headers['content-type'], 'application/json');
      const entry = async (id: string): Promise<string> =>
        `{"task_id":"${id}","found":true,"status":${(await api.get(`/v1/tasks/${id}/status`)).text}`;
      const [ofA, ofB] = [await entry(a), await entry(b)];
      t.equal(
        answer.text,
        `{"complete":true,"ready":[${ofB}},${ofA}},${ofB}}],"pending":["${c}"]}`,
      );
      const whole = await wait(api, { ...body, include: 'outcome', with_logs: true });
      const outcome = (text: string): string =>
        `,"content_type":"application/json","outcome":${text}}`;
      t.equal(
        whole.text,
        `{"complete":true,"ready":[${ofB}${outcome(OTHER)},${ofA}${outcome(LOGGED)},${ofB}${outcome(OTHER)}],"pending":["${c}"]}`,
      );
      t.equal((await waited(wait(api, { task_ids: [a, b] }))).complete, true, 'all by default');
      t.equal((await waited(wait(api, { task_ids: [c, b], mode: 'any' }))).complete, true);
      t.same(await waited(wait(api, { task_ids: [] })), { complete: true, ready: [], pending: [] });
    },

    'any: the first outcome ends it; all: the last one; a count: as many': async (t, api) => {
      const tasks = ids(api, 5);
      const any = waited(wait(api, { task_ids: tasks, mode: 'any', wait: '30s' }));
      const three = waited(wait(api, { task_ids: tasks, mode: { count: 3 }, wait: 30 }));
      const all = waited(wait(api, { task_ids: [...tasks, ...tasks], mode: 'all', wait: '30s' }));
      await untilParked(api, 3, `/v1/tasks/${tasks[0]}`);
      await api.put(`/v1/tasks/${tasks[0]}/status`, { state: 'SUCCESS' });
      await untilParked(api, 3, `/v1/tasks/${tasks[0]}`);
      await finish(api, tasks[3]!);
      t.same(await any, { complete: true, ready: (await any).ready, pending: without(tasks, 3) });
      t.same(readyIds(await any), [tasks[3]]);
      await untilParked(api, 2);
      await finish(api, tasks[1]!);
      await finish(api, tasks[4]!);
      t.same(readyIds(await three), [tasks[1], tasks[3], tasks[4]]);
      t.same((await three).pending, [tasks[0], tasks[2]]);
      await untilParked(api, 1);
      await finish(api, tasks[0]!);
      await finish(api, tasks[2]!);
      t.same(readyIds(await all), [...tasks, ...tasks], 'duplicates are answered twice');
      t.same((await all).pending, []);
      await untilParked(api, 0);
    },

    'at the deadline the answer is the present state': async (t, api) => {
      const [a, b, c] = ids(api, 3) as [string, string, string];
      await finish(api, b);
      for (const [duration, least] of [
        ['0', 0],
        [0, 0],
        ['400ms', 250],
      ] as const) {
        const body = { task_ids: [a, b, c], mode: { count: 2 }, wait: duration };
        const { answer, ms } = await timed(wait(api, body));
        t.ok(ms >= least, `${duration}: ${ms} ms`);
        const { complete, pending } = answer.json();
        t.same({ complete, pending }, { complete: false, pending: [a, c] });
        t.same(readyIds(answer.json() as unknown as Waited), [b]);
      }
      const clamped = await api.withOptions(t, { maxWaitMs: 200 });
      const answer = await wait(clamped, { task_ids: [a], wait: '1h' });
      t.equal(answer.json().complete, false);
    },

    'a task that is removed is pending again, and may become ready anew': async (t, api) => {
      const [a, b] = ids(api, 2) as [string, string];
      await finish(api, a);
      const all = waited(wait(api, { task_ids: [a, b], wait: '30s' }));
      await untilParked(api, 1, `/v1/tasks/${a}`);
      await api.delete(`/v1/tasks/${a}`);
      await finish(api, b);
      await untilParked(api, 1, `/v1/tasks/${a}`);
      await api.consume(`/v1/tasks/${b}`);
      await finish(api, a, OTHER);
      await untilParked(api, 1, `/v1/tasks/${a}`);
      await finish(api, b, OTHER);
      t.same(readyIds(await all), [a, b]);
      const { version } = (await all).ready[0]!.status!;
      t.equal((await api.get(`/v1/tasks/${a}`)).headers.etag, `"${version}"`, 'the one of now');
    },

    'a thousand ids are one waiter, and many batches share their tasks': async (t, api) => {
      const tasks = ids(api, 1_000);
      const bodies = Array.from({ length: 5 }, (_, n) => ({
        task_ids: tasks.slice(n * 100),
        wait: '30s',
        include: n % 2 === 0 ? 'outcome' : 'status',
      }));
      const waits = bodies.map((body) => waited(wait(api, body)));
      await untilParked(api, 5, `/v1/tasks/${tasks[0]}`);
      for (let at = 0; at < 1_000; at += 250) {
        const items = tasks
          .slice(at, at + 250)
          .map((id) => `{"task_id":"${id}","outcome":${SUCCESS}}`);
        await setItems(api, items);
      }
      for (const [n, wait] of waits.entries()) {
        const { complete, ready } = await wait;
        t.ok(complete);
        t.same(
          ready.map((entry) => entry.task_id),
          tasks.slice(n * 100),
        );
        t.equal(ready[0]?.outcome !== undefined, n % 2 === 0);
      }
      await untilParked(api, 0);
    },

    'a client that goes away leaves nothing behind': async (t, api) => {
      const [a, b] = ids(api, 2);
      const abort = new AbortController();
      const call = api.call('POST', '/v1/batch/wait', {
        body: { task_ids: [a, b], wait: '30s' },
        signal: abort.signal,
      });
      await untilParked(api, 1);
      abort.abort();
      await t.rejects(call);
      await untilParked(api, 0);
      await finish(api, a!);
      await finish(api, b!);
      t.equal(api.service.app.hub.parked, 0);
    },

    'a drain answers it with the present state': async (t, api) => {
      const own = await api.withOptions(t, {});
      const [a, b] = ids(own, 2) as [string, string];
      await finish(own, a);
      const call = wait(own, { task_ids: [a, b], wait: '30s' });
      await untilParked(own, 1, `/v1/tasks/${a}`);
      await own.service.app.drain(20);
      const answer = await call;
      t.equal(answer.headers.connection, 'close');
      t.equal(answer.json().complete, false);
      t.same(answer.json().pending, [b]);
      const late = await wait(own, { task_ids: [b], wait: '30s' });
      t.equal(late.json().complete, false, 'a later one is answered at once');
    },

    'beyond the limits it is refused, unless it is complete': async (t, api) => {
      const few = await api.withOptions(t, { maxWaiters: 1, maxWaitersPerCaller: 1 });
      const [ready, other] = ids(few, 2) as [string, string];
      await finish(few, ready);
      const parked = few.get(`/v1/tasks/${other}/result?wait=30s`);
      await untilParked(few, 1, `/v1/tasks/${other}`);
      isProblem(t, await wait(few, { task_ids: [ready, other] }), 'too-many-waiters');
      const any = await waited(wait(few, { task_ids: [ready, other], mode: 'any' }));
      t.equal(any.complete, true);
      await finish(few, other);
      t.equal((await parked).status, 200);
      const one = await api.withOptions(t, { maxWaitersPerCaller: 1 });
      const first = wait(one, { task_ids: [other], wait: '30s' });
      await untilParked(one, 1);
      await delay(0);
      isProblem(t, await wait(one, { task_ids: [other] }), 'too-many-waiters-for-caller');
      await finish(one, other);
      t.equal((await first).json().complete, true);
    },

    'what is not right is refused by name': async (t, api) => {
      for (const [body, code, detail] of [
        ['{"task_ids":["a"],"mode":"some"}', 'invalid-body', /mode.*"some"/],
        ['{"task_ids":["a"],"mode":1}', 'invalid-body', /mode.*number/],
        ['{"task_ids":["a","a"],"mode":{"count":2}}', 'invalid-body', /"2".*1 to 1/],
        ['{"task_ids":["a"],"mode":{"count":0}}', 'invalid-body', /"0"/],
        ['{"task_ids":["a"],"mode":{"count":1.5}}', 'invalid-body', /"1.5"/],
        ['{"task_ids":["a"],"mode":{"count":1,"x":1}}', 'invalid-body', /"x"/],
        ['{"task_ids":["a"],"mode":{}}', 'invalid-body', /count/],
        ['{"task_ids":[],"mode":"any"}', 'invalid-body', /any/],
        ['{"task_ids":["a"],"wait":"soon"}', 'invalid-body', /"soon"/],
        ['{"task_ids":["a"],"wait":-1}', 'invalid-body', /"-1"/],
        ['{"task_ids":["a"],"wait":null}', 'invalid-body', /wait.*null/],
        ['{"task_ids":["a"],"timeout":"1s"}', 'invalid-body', /"timeout"/],
        ['{"task_ids":["a b"]}', 'invalid-task-id', /task_ids\[0\]/],
      ] as const) {
        isProblem(t, await wait(api, body), code, detail, body);
      }
      const body = '{"task_ids":[]}';
      const plain = await api.post('/v1/batch/wait', body, { 'content-type': 'text/plain' });
      isProblem(t, plain, 'media-type');
      const foreign = await api.post('/v1/batch/wait', body, { origin: 'http://evil.example' });
      isProblem(t, foreign, 'forbidden');
    },
  },
};

function without(tasks: readonly string[], index: number): string[] {
  return tasks.filter((_, at) => at !== index);
}
