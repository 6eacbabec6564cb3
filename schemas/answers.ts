/** The answers of an operation, as the API documents them: its successes and all its errors. */
import { Type } from 'typebox';

type Named =
  | 'Outcome'
  | 'Exception'
  | 'StatusView'
  | 'TaskView'
  | 'Progress'
  | 'Expiry'
  | 'Problem'
  | 'Health';

const EXAMPLES = {
  exception: { exc_type: 'ValueError', exc_message: ['no such file: a.csv'], exc_module: null },
} as const;

/** An answer whose body is one of the named documents. */
export function json(description: string, name: Named) {
  const schema = Type.Unsafe(Type.Ref(`${name}#`));
  return { description, content: { 'application/json': { schema } } };
}

/** An answer without a body. */
export function empty(description: string) {
  return { description, type: 'null' as const };
}

/** The outcome itself: the JSON envelope, or the opaque bytes as they were sent. */
export function outcome(description: string) {
  return {
    description,
    content: {
      'application/json': { schema: Type.Unsafe(Type.Ref('Outcome#')) },
      'application/octet-stream': { schema: Type.String({ format: 'binary' }) },
    },
  };
}

/** The exception of a failure, or null. */
export function exception(description: string) {
  return {
    description,
    content: {
      'application/json': {
        schema: Type.Unsafe(Type.Union([Type.Ref('Exception#'), Type.Null()])),
        example: EXAMPLES.exception,
      },
    },
  };
}

const EVENTS = [
  'retry: 1723',
  '',
  'id: 9f86d081884c7d65-41',
  'event: status',
  'data: {"task_id":"report-1","state":"SUCCESS","ready":true,"is_err":false,…}',
  '',
  'id: 9f86d081884c7d65-42',
  'event: removed',
  'data: {"task_id":"report-1"}',
  '',
  'id: 9f86d081884c7d65-43',
  'event: reset',
  'data: {"reason":"lost"}',
  '',
  '',
].join('\n');

/** A stream of Server-Sent Events. */
export function events(description: string) {
  return {
    description,
    content: {
      'text/event-stream': {
        schema: Type.String({
          description:
            'Server-Sent Events: status (the status view), removed ({"task_id"}) and reset ' +
            '({"reason"}: unknown-epoch, gap, lost or slow), each with an id.',
        }),
        example: EVENTS,
      },
    },
  };
}

/** Problem answers by status, each with the codes it may have. */
export function problems<const Codes extends Record<number, readonly string[]>>(codes: Codes) {
  return Object.fromEntries(
    Object.entries(codes).map(([status, names]) => [
      status,
      {
        description: `Problem: ${names.join(', ')}`,
        content: { 'application/problem+json': { schema: Type.Unsafe(Type.Ref('Problem#')) } },
      },
    ]),
  );
}

/** What any operation may answer. */
const ANY = { 403: ['forbidden'], 500: ['internal'] } as const;

/** What any operation that asks the store may answer. */
const STORE = ['store-unavailable', 'overloaded', 'draining'] as const;

/** The errors of a read of one task. */
export const READ_PROBLEMS = problems({
  ...ANY,
  400: ['invalid-parameter', 'invalid-task-id', 'invalid-request'],
  404: ['task-unknown', 'task-removed'],
  429: ['too-many-waiters-for-caller'],
  503: [...STORE, 'too-many-waiters'],
});

/** The errors of a write of one task. */
export const WRITE_PROBLEMS = problems({
  ...ANY,
  400: ['invalid-body', 'invalid-parameter', 'invalid-task-id', 'invalid-request'],
  412: ['version-mismatch'],
  413: ['too-large'],
  415: ['media-type'],
  503: STORE,
});

/** The errors of an operation on a task that must be there. */
export const CHANGE_PROBLEMS = problems({
  ...ANY,
  400: ['invalid-parameter', 'invalid-task-id', 'invalid-request'],
  404: ['task-unknown'],
  412: ['version-mismatch'],
  503: STORE,
});

/** The errors of a stream of events. */
export const EVENT_PROBLEMS = problems({
  ...ANY,
  400: ['invalid-parameter', 'invalid-task-id', 'invalid-request'],
  503: ['overloaded'],
});
