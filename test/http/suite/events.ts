/** Events over each store: `GET /v1/events` and `GET …/events`. Their own tests are in `../`. */
import type { Test } from 'tap';
import { brief, eventsIn } from '../../support/event-text.js';
import { makeAnswer } from '../../support/service.js';
import { until } from '../../support/until.js';
import { record } from './documented.js';
import { isProblem, SUCCESS } from './expect.js';
import type { Api, Topic } from './topic.js';

/** A stream that is open. */
interface Stream {
  /** Expects it to have told exactly this, by and by. */
  tells(told: readonly string[]): Promise<void>;
  /** The data of its last event. */
  last(): string;
}

async function open(t: Test, api: Api, target: string): Promise<Stream> {
  const { statusCode, headers, body } = await api.service.open('GET', target);
  record('GET', target, makeAnswer(statusCode, headers as Record<string, string>, Buffer.alloc(0)));
  t.equal(statusCode, 200, target);
  let text = '';
  body.setEncoding('utf8');
  body.on('error', () => {});
  body.on('data', (chunk: string) => {
    text += chunk;
  });
  t.teardown(() => {
    body.destroy();
  });
  return {
    async tells(told) {
      await until(`${target} tells`, () => eventsIn(text).length >= told.length);
      t.same(eventsIn(text).map(brief), told, target);
    },
    last: () => eventsIn(text).at(-1)?.data ?? '',
  };
}

export const events: Topic = {
  name: 'events',
  cases: {
    'tasks are followed from their first record to their end': async (t, api) => {
      const [id, other] = [api.taskId(), api.taskId()];
      const path = `/v1/tasks/${id}`;
      const early = await open(t, api, `${path}/events`);
      const some = await open(t, api, `/v1/events?task_id=${id}&task_id=${other}`);
      const meta = '{"n":1152921504606846977,"x":1.0, "y":1e400}';
      await api.put(`${path}/status`, `{"state":"STARTED","meta":${meta}}`);
      const told = [`${id} STARTED`];
      await some.tells(told);
      t.ok(some.last().includes(`"meta":${meta}`), 'the bytes of the meta');
      const late = await open(t, api, `${path}/events`);
      await late.tells(told);
      await api.put(`${path}/result`, SUCCESS);
      told.push(`${id} SUCCESS`);
      for (const stream of [early, some, late]) {
        await stream.tells(told);
        t.equal(stream.last(), (await api.get(`${path}/status`)).text, 'the status view');
      }
      await api.consume(path);
      told.push(`${id} removed`);
      for (const stream of [early, some, late]) await stream.tells(told);
      await api.put(`/v1/tasks/${other}/exception`, '{"exc_type":"E"}');
      await some.tells([...told, `${other} FAILURE`]);
      await api.delete(`/v1/tasks/${other}`);
      await some.tells([...told, `${other} FAILURE`, `${other} removed`]);
    },

    'a change of expiry is an event, and so is a new registration': async (t, api) => {
      const path = api.path();
      const id = path.split('/').at(-1);
      await api.post(`${path}/status`, '{"state":"PENDING"}');
      const stream = await open(t, api, `${path}/events`);
      await stream.tells([`${id} PENDING`]);
      await api.put(`${path}/expiry`, '{"ttl":"1h"}');
      await stream.tells([`${id} PENDING`, `${id} PENDING`]);
      await api.delete(path);
      await stream.tells([`${id} PENDING`, `${id} PENDING`, `${id} removed`]);
      await api.post(`${path}/status`, '{"state":"PENDING"}');
      await stream.tells([`${id} PENDING`, `${id} PENDING`, `${id} removed`, `${id} PENDING`]);
    },

    'what cannot be followed is refused': async (t, api) => {
      isProblem(t, await api.get('/v1/events?task_id=a%20b'), 'invalid-task-id');
      isProblem(t, await api.get('/v1/events?state='), 'invalid-parameter');
      isProblem(t, await api.get('/v1/tasks/a%20b/events'), 'invalid-task-id');
      isProblem(t, await api.get('/v1/tasks/%ff/events'), 'invalid-request');
      const twice = '/v1/tasks/a/events?last_event_id=1&last_event_id=2';
      isProblem(t, await api.get(twice), 'invalid-parameter');
    },
  },
};
