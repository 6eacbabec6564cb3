/**
 * What is sent and answered: one outcome of exactly 1 KiB, whose stored form is what was sent, and
 * the answers that a bare server gives in our stead, of the same bytes.
 */

const HEAD = '{"is_err":false,"log":null,"return_value":"';
const TAIL = '","execution_time":0.12,"labels":{"queue":"q"},"error":null}';

/** 1,024 bytes. One long string costs `JSON.parse` the least: the hardest to be compared with. */
export const OUTCOME = `${HEAD}${'x'.repeat(1_024 - HEAD.length - TAIL.length)}${TAIL}`;

/** How many tasks a GET chooses from, in turn. */
export const READY_TASKS = 1_000;

export function readyTaskId(index: number): string {
  return `ready-${index}`;
}

/** As long as a real one. */
export const VERSION = '1700000000000-0123456789abcdef.o';

const VIEW_TAIL =
  `","state":"SUCCESS","ready":true,"is_err":false,"version":"${VERSION}","progress":null` +
  ',"content_type":"application/json","size":1024,"execution_time":0.12' +
  ',"created_at":"2023-11-14T22:13:20.000Z","updated_at":"2023-11-14T22:13:20.000Z"' +
  ',"expires_at":"2023-11-15T22:13:20.000Z"}';

/** A status view as long as ours. */
export function viewOf(taskId: string): string {
  return `{"task_id":"${taskId}${VIEW_TAIL}`;
}

export function resultPath(taskId: string): string {
  return `/v1/tasks/${taskId}/result`;
}
