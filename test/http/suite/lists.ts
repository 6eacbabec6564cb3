/** `GET /v1/tasks` and `GET /v1/stats`. A store that cannot list says so, and nothing else. */
import type { Test } from 'tap';
import { Random, testSeed } from '../../conformance/random.js';
import type { Answer } from '../../support/service.js';
import { setItems } from './batches.js';
import { isHeadOf, isProblem, SUCCESS } from './expect.js';
import type { Api, Run, Topic } from './topic.js';

interface View {
  readonly task_id: string;
  readonly state: string;
  readonly updated_at: string;
}

interface Page {
  readonly items: readonly View[];
  readonly next_cursor: string | null;
}

/** A case over an empty store of its own, or the refusal of one that cannot list. */
function onEmpty(run: Run): Run {
  return async (t, api) => {
    const empty = await api.withOptions(t, {});
    if (empty.service.backend.supports.listing) {
      await run(t, empty);
      return;
    }
    isProblem(t, await empty.get('/v1/tasks'), 'unsupported', /listing/);
    isProblem(t, await empty.get('/v1/stats'), 'unsupported', /counting/);
    // So that every operation is seen by the service that the descriptions are checked of.
    isProblem(t, await api.get('/v1/tasks?limit=x'), 'invalid-parameter');
  };
}

function pageOf(answer: Answer): Page {
  if (answer.status !== 200) throw new Error(`${answer.status}: ${answer.text}`);
  return answer.json() as unknown as Page;
}

const idsOf = ({ items }: Page): string[] => items.map((item) => item.task_id);

/** Writes tasks one after the other, each in a millisecond of its own. */
async function fill(api: Api, states: readonly string[]): Promise<View[]> {
  const views: View[] = [];
  for (const state of states) {
    const path = api.path();
    const body = `{"state":${JSON.stringify(state)}}`;
    const call = (): Promise<Answer> =>
      state === 'SUCCESS'
        ? api.post(`${path}/result`, SUCCESS)
        : state === 'FAILURE'
          ? api.post(`${path}/exception`, '{"exc_type":"E"}')
          : api.put(`${path}/status`, body);
    const view = (await call()).json() as unknown as View;
    views.unshift(view);
    while (Date.now() <= Date.parse(view.updated_at)) await api.get('/livez');
  }
  return views;
}

async function follow(t: Test, api: Api, target: string): Promise<View[]> {
  const views: View[] = [];
  for (let next: string | undefined = target; next !== undefined; ) {
    const answer: Answer = await api.get(next);
    const { items, next_cursor: cursor } = pageOf(answer);
    views.push(...items);
    const link = /^<(\/v1\/tasks\?[^>]+)>; rel="next"$/.exec(answer.headers.link ?? '');
    t.equal(link === null, cursor === null, 'a Link exactly where there is a cursor');
    next = link?.[1];
  }
  return views;
}

export const lists: Topic = {
  name: 'lists',
  cases: {
    'tasks are listed as their views are, the last written first': onEmpty(async (t, api) => {
      t.equal((await api.get('/v1/tasks')).text, '{"items":[],"next_cursor":null}');
      const views = await fill(api, ['PENDING', 'SUCCESS', 'own state €', 'FAILURE']);
      const answer = await api.get('/v1/tasks');
      t.equal(answer.headers['content-type'], 'application/json');
      t.equal(answer.headers['cache-control'], 'no-store');
      t.equal(answer.headers.link, undefined);
      const texts = await Promise.all(
        views.map(async ({ task_id: id }) => (await api.get(`/v1/tasks/${id}/status`)).text),
      );
      t.equal(answer.text, `{"items":[${texts.join()}],"next_cursor":null}`);
      isHeadOf(t, await api.head('/v1/tasks'), answer, 'HEAD');
      await api.delete(`/v1/tasks/${views[0]!.task_id}`);
      t.same(pageOf(await api.get('/v1/tasks')).items, views.slice(1));
    }),

    'states may repeat, and mean the state as shown': onEmpty(async (t, api) => {
      const views = await fill(api, ['PENDING', 'SUCCESS', 'a&b', 'FAILURE', 'PENDING', 'RETRY']);
      const of = (...states: string[]): string[] =>
        views.filter(({ state }) => states.includes(state)).map((view) => view.task_id);
      for (const [query, wanted] of [
        ['state=PENDING', of('PENDING')],
        ['state=PENDING&state=SUCCESS', of('PENDING', 'SUCCESS')],
        ['state=a%26b&state=FAILURE&state=FAILURE', of('a&b', 'FAILURE')],
        ['state=pending', []],
        ['state=STARTED', []],
      ] as const) {
        t.same(idsOf(pageOf(await api.get(`/v1/tasks?${query}`))), wanted, query);
      }
      const path = `/v1/tasks/${views.find(({ state }) => state === 'SUCCESS')!.task_id}`;
      await api.put(`${path}/status`, { state: 'RETRY' });
      t.equal(idsOf(pageOf(await api.get('/v1/tasks?state=SUCCESS'))).length, 1);
      const walked = await follow(t, api, '/v1/tasks?state=PENDING&state=a%26b&limit=1');
      t.same(
        walked.map((view) => view.task_id),
        of('PENDING', 'a&b'),
        'the next page has the same filters',
      );
      isProblem(t, await api.get('/v1/tasks?state='), 'invalid-parameter', /state/);
    }),

    'bounds are exclusive, in RFC 3339 with fractions and offsets': onEmpty(async (t, api) => {
      const views = await fill(api, ['A', 'B', 'C']);
      const [c, b, a] = views.map(({ task_id: id }) => id);
      const at = Date.parse(views[1]!.updated_at);
      const time = (ms: number, digits = 'Z'): string =>
        encodeURIComponent(new Date(ms).toISOString().replace('Z', digits));
      for (const [query, wanted] of [
        [`updated_after=${time(at)}`, [c]],
        [`updated_after=${time(at - 1)}`, [c, b]],
        [`updated_after=${time(at - 1, '999Z')}`, [c, b]],
        [`updated_after=${time(at, '000000001Z')}`, [c]],
        [`updated_before=${time(at)}`, [a]],
        [`updated_before=${time(at + 1)}`, [b, a]],
        [`updated_before=${time(at, '0001Z')}`, [b, a]],
        [`updated_after=${time(at + 7_200_000, '+02:00')}`, [c]],
        [`updated_after=${time(at - 5_400_000, '-01:30')}`, [c]],
        [`updated_after=${time(at + 3_600_000, '').replace(/$/, '+01:00')}`, [c]],
        [`updated_after=${time(at).replace('T', 't').replace('Z', 'z')}`, [c]],
        [`updated_after=${time(at - 1)}&updated_before=${time(at + 1)}`, [b]],
        ['updated_after=2999-12-31T23:59:60Z', []],
        ['updated_before=0001-01-01T00:00:00Z', []],
      ] as const) {
        t.same(idsOf(pageOf(await api.get(`/v1/tasks?${query}`))), wanted, query);
      }
      for (const bad of [
        '',
        '0',
        '1718000000000',
        '2024-06-10',
        '2024-06-10T06:13:20',
        '2024-06-10T06:13Z',
        '2024-06-10T06:13:20.Z',
        '2024-02-30T00:00:00Z',
        '2023-02-29T00:00:00Z',
        '2024-13-01T00:00:00Z',
        '2024-00-01T00:00:00Z',
        '2024-01-01T24:00:00Z',
        '2024-01-01T00:60:00Z',
        '2024-01-01T00:00:60Z',
        '2024-01-01T00:00:00%2B24:00',
        '2024-01-01T00:00:00%2B0100',
        ' 2024-01-01T00:00:00Z',
        'yesterday',
      ]) {
        for (const name of ['updated_after', 'updated_before']) {
          const answer = await api.get(`/v1/tasks?${name}=${bad.replaceAll(' ', '%20')}`);
          isProblem(t, answer, 'invalid-parameter', new RegExp(name), `${name}=${bad}`);
        }
      }
    }),

    'the limit is coerced where it is a number': onEmpty(async (t, api) => {
      const items = Array.from(
        { length: 1_100 },
        () => `{"task_id":"${api.taskId()}","progress":{"state":"A"}}`,
      );
      await setItems(api, items);
      for (const [limit, count] of [
        [undefined, 100],
        ['1', 1],
        ['0', 1],
        ['-5', 1],
        ['%2B7', 7],
        ['7.9', 7],
        ['1000', 1_000],
        ['99999', 1_000],
        ['999999999999999', 1_000],
        ['1e3', 1_000],
        ['007', 7],
      ] as const) {
        const query = limit === undefined ? '' : `?limit=${limit}`;
        t.equal(pageOf(await api.get(`/v1/tasks${query}`)).items.length, count, `limit=${limit}`);
      }
      for (const bad of ['abc', '', '10x', 'NaN', 'Infinity', '0x10', '1&limit=2']) {
        isProblem(t, await api.get(`/v1/tasks?limit=${bad}`), 'invalid-parameter', /limit/, bad);
      }
    }),

    'a traversal by Link gives each task once, in order': onEmpty(async (t, api) => {
      const items = Array.from(
        { length: 250 },
        () => `{"task_id":"${api.taskId()}","progress":{"state":"A"}}`,
      );
      await setItems(api, items);
      const walked = await follow(t, api, '/v1/tasks?limit=7');
      t.equal(walked.length, 250);
      t.equal(new Set(walked.map((view) => view.task_id)).size, 250);
      t.same(walked, [...walked].sort(byOrder), 'by time descending, then by id');
      const first = pageOf(await api.get('/v1/tasks?limit=7'));
      const second = await api.get(`/v1/tasks?limit=7&cursor=${first.next_cursor}`);
      t.same(pageOf(second).items, walked.slice(7, 14), 'the cursor by itself');
      for (const bad of ['', 'x', 'AAAA', '!!', `${first.next_cursor}=`, 'a'.repeat(600)]) {
        const answer = await api.get(`/v1/tasks?cursor=${bad}`);
        isProblem(t, answer, 'invalid-parameter', /cursor/, bad);
      }
    }),

    'a traversal is stable while tasks are written': onEmpty(async (t, api) => {
      const random = new Random(testSeed());
      t.comment(`seed ${random.seed}`);
      const ids = Array.from({ length: 120 }, () => api.taskId());
      const write = async (id: string): Promise<void> => {
        await api.put(`/v1/tasks/${id}/status`, { state: random.pick(['A', 'B']) });
      };
      for (const id of ids) await write(id);
      for (let round = 0; round < 5; round += 1) {
        const touched = new Set<string>();
        const seen: string[] = [];
        let cursor: string | null = '';
        while (cursor !== null) {
          const query: string = cursor === '' ? '' : `&cursor=${cursor}`;
          const found = pageOf(await api.get(`/v1/tasks?limit=${1 + random.below(30)}${query}`));
          seen.push(...idsOf(found));
          cursor = found.next_cursor;
          for (let writes = random.below(6); writes > 0; writes -= 1) {
            const id = random.below(3) === 0 ? api.taskId() : random.pick(ids);
            touched.add(id);
            await write(id);
          }
        }
        t.equal(new Set(seen).size, seen.length, 'no task twice');
        const missing = ids.filter((id) => !touched.has(id) && !seen.includes(id));
        t.same(missing, [], 'only one that has changed may be missing');
      }
    }),

    'stats count the states as shown': onEmpty(async (t, api) => {
      const none = { PENDING: 0, STARTED: 0, RETRY: 0, SUCCESS: 0, FAILURE: 0, other: 0 };
      const empty = await api.get('/v1/stats');
      t.equal(empty.text, JSON.stringify({ total: 0, states: none }));
      t.equal(empty.headers['cache-control'], 'no-store');
      isHeadOf(t, await api.head('/v1/stats'), empty, 'HEAD');
      const views = await fill(api, ['PENDING', 'SUCCESS', 'x', 'FAILURE', 'PENDING', 'other']);
      const states = { ...none, PENDING: 2, SUCCESS: 1, FAILURE: 1, other: 2 };
      t.same((await api.get('/v1/stats')).json(), { total: 6, states });
      await api.post(`/v1/tasks/${views[1]!.task_id}/result`, SUCCESS);
      await api.delete(`/v1/tasks/${views[0]!.task_id}`);
      const later = { ...states, PENDING: 1, SUCCESS: 2, other: 1 };
      t.same((await api.get('/v1/stats')).json(), { total: 5, states: later });
    }),
  },
};

function byOrder(a: View, b: View): number {
  if (a.updated_at !== b.updated_at) return a.updated_at > b.updated_at ? -1 : 1;
  return a.task_id < b.task_id ? -1 : 1;
}
