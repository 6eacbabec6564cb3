/** The client in TypeScript: generated types, and nothing of HTTP beside them. */
import createClient from 'openapi-fetch';
import type { components, paths } from './api.js';

type SuccessReport = components['schemas']['SuccessReport'];
type Outcome = components['schemas']['Outcome'];

const client = createClient<paths>({ baseUrl: process.argv[2]! });
const path = '/v1/tasks/{task_id}/result';

async function report(task_id: string, body: SuccessReport): Promise<void> {
  const { data, response } = await client.POST(path, { params: { path: { task_id } }, body });
  if (response.status !== 201) throw new Error(`${task_id}: ${response.status}`);
  // Every member of an answer is there: none of these is optional.
  const { ready, version }: { ready: boolean; version: string | null } = data!;
  if (!ready || version === null) throw new Error(`${task_id}: ${JSON.stringify(data)}`);
}

async function read(task_id: string, wait?: string): Promise<Outcome> {
  const query = wait === undefined ? {} : { wait };
  const { data, error } = await client.GET(path, { params: { path: { task_id }, query } });
  if (
    error !== undefined ||
    data === undefined ||
    typeof data === 'string' ||
    !('is_err' in data)
  ) {
    throw new Error(`${task_id}: ${JSON.stringify(error)}`);
  }
  return data as Outcome;
}

await report('null', { return_value: null });
await report('precise', { return_value: 1234567.891, execution_time: 1234567.891 });
const late = read('late', '55s');
await report('late', { return_value: 'at last' });
const unknown = await client.GET(path, { params: { path: { task_id: 'unknown' } } });
const type: components['schemas']['ProblemType'] = unknown.error!.type;
if (type !== 'urn:resultd:problem:task-unknown') throw new Error(type);
console.log(
  JSON.stringify({
    null: await read('null'),
    precise: await read('precise'),
    waited: await late,
    problem: unknown.error,
  }),
);
