/** What the tests of batches share: bodies as text, so that values stay as they are spelt. */
import type { Answer } from '../../support/service.js';
import type { Api } from './topic.js';

export const NDJSON = { 'content-type': 'application/x-ndjson' };

/** One answer of a batch of writes. */
export interface ItemAnswer {
  readonly index: number;
  readonly task_id: string | null;
  readonly code: number;
  readonly version?: string | null;
  readonly problem?: { readonly type: string; readonly status: number; readonly detail: string };
}

/** One entry of a batch of reads. */
export interface Entry {
  readonly task_id: string;
  readonly found: boolean;
  readonly status: { readonly state: string; readonly version: string } | null;
  readonly content_type?: string;
  readonly outcome?: unknown;
  readonly outcome_base64?: string;
  readonly outcome_omitted?: true;
  readonly problem?: ItemAnswer['problem'];
}

/** The items as a list, and as lines. */
export const FORMS: readonly [
  name: string,
  send: (api: Api, items: readonly string[]) => Promise<ItemAnswer[]>,
][] = [
  ['list', async (api, items) => list(await setItems(api, items))],
  ['lines', async (api, items) => lines(await sendLines(api, items.join('\n')))],
];

export function setItems(api: Api, items: readonly string[]): Promise<Answer> {
  return api.post('/v1/batch/set', `{"items":[${items.join(' , ')}]}`);
}

export function sendLines(api: Api, text: string | Buffer): Promise<Answer> {
  return api.call('POST', '/v1/batch/set', { body: text, headers: NDJSON });
}

/** The items of an answer that is 200. */
export function list<T>(answer: Answer): T[] {
  if (answer.status !== 200) throw new Error(`${answer.status}: ${answer.text}`);
  return (JSON.parse(answer.text) as { items: T[] }).items;
}

/** The lines of an answer, each of which ends in a line feed. */
export function lines(answer: Answer): ItemAnswer[] {
  if (answer.status !== 200) throw new Error(`${answer.status}: ${answer.text}`);
  if (answer.text !== '' && !answer.text.endsWith('\n')) throw new Error('the last line is cut');
  return answer.text
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line) as ItemAnswer);
}

/** The code of an item's problem; undefined where it succeeded. */
export function codeOf({ problem }: ItemAnswer): string | undefined {
  return problem?.type.replace('urn:resultd:problem:', '');
}
