/**
 * The answers of an operation, as the API documents them: its successes with their headers, and all
 * its errors. What a code means, and its example, is the catalogue's to say: see `openapi.ts`.
 */
import { Type } from 'typebox';

type Named =
  | 'Outcome'
  | 'Exception'
  | 'StatusView'
  | 'TaskView'
  | 'Progress'
  | 'Expiry'
  | 'Problem'
  | 'Health'
  | 'TaskList'
  | 'Stats'
  | 'BatchGet'
  | 'BatchEntries'
  | 'BatchWait'
  | 'BatchWaited'
  | 'BatchDelete'
  | 'BatchDeleted';

const ETAG = Type.String({ description: 'The version of the task, strong.' });
const TASK_STATE = Type.String({
  description:
    'The state of the task, percent-encoded UTF-8 outside of ! to ~; UNKNOWN for one without records.',
});
const TASK_VERSION = Type.String({ description: 'The ETag of the task without its quotes.' });
const LOCATION = Type.String({ description: 'Where to read what was written: a path.' });
const RETRY_AFTER = Type.String({ description: 'Seconds after which to ask again.' });
const APPLIED = Type.String({ description: 'The preferences that were applied.' });

/** The headers of answers, by their kind. */
export const HEADERS = {
  read: { ETag: ETAG, 'Task-State': TASK_STATE, 'Preference-Applied': APPLIED },
  pending: {
    ETag: ETAG,
    'Task-State': TASK_STATE,
    'Preference-Applied': APPLIED,
    Location: Type.String({ description: 'Where the status is: a path.' }),
    'Retry-After': Type.String({
      description: 'Seconds after which to ask again; 0 after a wait.',
    }),
  },
  written: {
    'Task-Version': TASK_VERSION,
    'Task-State': TASK_STATE,
    'Task-Unchanged': Type.String({
      description: 'true where it was stored already exactly so: a retry, which changed nothing.',
    }),
    'Preference-Applied': APPLIED,
  },
  created: {
    'Task-Version': TASK_VERSION,
    'Task-State': TASK_STATE,
    'Preference-Applied': APPLIED,
    Location: LOCATION,
  },
  consumed: { 'Task-Version': TASK_VERSION, 'Task-State': TASK_STATE },
  removed: { 'Task-State': TASK_STATE },
  list: { Link: Type.String({ description: 'rel="next": the next page (RFC 8288).' }) },
  none: {},
} as const;

type Kind = keyof typeof HEADERS;

/** A JSON document as a body. */
export function body(description: string, name: Named) {
  return { description, content: { 'application/json': { schema: reference(name) } } };
}

/** An answer whose body is one of the named documents. */
export function json(description: string, name: Named, kind: Kind) {
  return { ...body(description, name), headers: HEADERS[kind] };
}

/** An answer without a body. */
export function empty(description: string, kind: Kind) {
  return { description, type: 'null' as const, headers: HEADERS[kind] };
}

/** The outcome as a body: the JSON envelope, or bytes of any other type. */
export function outcomeBody(description: string) {
  return {
    description,
    content: {
      'application/json': { schema: reference('Outcome') },
      '*/*': { schema: Type.Unsafe({ description: 'Bytes of any other media type.' }) },
    },
  };
}

/** The outcome itself: the JSON envelope, or the opaque bytes as they were sent. */
export function outcome(description: string, kind: Kind) {
  return { ...outcomeBody(description), headers: HEADERS[kind] };
}

/** The exception of a failure, or null. */
export function exception(description: string) {
  const schema = Type.Unsafe(Type.Union([Type.Ref('Exception#'), Type.Null()]));
  return {
    description,
    content: {
      'application/json': {
        schema,
        example: {
          exc_type: 'ValueError',
          exc_message: ['no such file: a.csv'],
          exc_module: 'builtins',
        },
      },
    },
    headers: HEADERS.read,
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
    headers: HEADERS.none,
  };
}

function reference(name: Named) {
  return Type.Unsafe(Type.Ref(`${name}#`));
}

/** Problem codes by the status that answers them. */
export type Problems = Readonly<Record<number, readonly string[]>>;

/** Problem answers by status, each with the codes that it may have as the names of its examples. */
export function problems(...all: readonly Problems[]) {
  const byStatus = new Map<string, string[]>();
  for (const [status, codes] of all.flatMap((some) => Object.entries(some))) {
    byStatus.set(status, [...new Set([...(byStatus.get(status) ?? []), ...codes])]);
  }
  return Object.fromEntries(
    [...byStatus].map(([status, codes]) => [status, problem(status, codes)]),
  );
}

function problem(status: string, codes: readonly string[]) {
  const retries = status === '429' || status === '503';
  return {
    description: `Problem: ${codes.join(', ')}`,
    content: {
      'application/problem+json': {
        schema: reference('Problem'),
        examples: Object.fromEntries(codes.map((code) => [code, {}])),
      },
    },
    headers: retries ? { 'Retry-After': RETRY_AFTER } : {},
  };
}

/** What any operation on a task may answer. */
const ANY: Problems = {
  400: ['invalid-parameter', 'invalid-task-id', 'invalid-request'],
  500: ['internal'],
  503: ['store-unavailable', 'overloaded', 'draining'],
};

/** The errors of a read of one task. */
export const READ_PROBLEMS: Problems = {
  ...ANY,
  404: ['task-unknown', 'task-removed'],
  429: ['too-many-waiters-for-caller'],
  503: [...ANY[503]!, 'too-many-waiters'],
};

/** The errors of a change of one task, whatever its body. */
export const CHANGE_PROBLEMS: Problems = {
  ...ANY,
  403: ['forbidden'],
  412: ['version-mismatch'],
  413: ['too-large'],
  415: ['media-type'],
};

/** The errors of a write whose body is a document. */
export const WRITE_PROBLEMS: Problems = {
  ...CHANGE_PROBLEMS,
  400: ['invalid-body', ...ANY[400]!],
};

/** The errors of what does not ask the store. */
export const PLAIN_PROBLEMS: Problems = { 400: ['invalid-request'], 500: ['internal'] };

/** The errors of an operation on many tasks, which each may fail alone besides. */
export const BATCH_PROBLEMS: Problems = {
  ...ANY,
  400: ['invalid-body'],
  403: ['forbidden'],
  413: ['too-large'],
  415: ['media-type'],
};

/** The errors of a wait for many tasks. */
export const BATCH_WAIT_PROBLEMS: Problems = {
  ...BATCH_PROBLEMS,
  400: ['invalid-body', 'invalid-task-id'],
  429: ['too-many-waiters-for-caller'],
  503: [...ANY[503]!, 'too-many-waiters'],
};

/** The errors of what asks for all tasks. */
export const COUNT_PROBLEMS: Problems = {
  500: ANY[500]!,
  501: ['unsupported'],
  503: ANY[503]!,
};

/** A body or an answer that is a list of documents, or lines of them. */
export function listOrLines(description: string, item: 'BatchItem' | 'BatchAnswer') {
  return {
    description,
    content: {
      'application/json': { schema: Type.Unsafe(Type.Ref(`${item}s#`)) },
      'application/x-ndjson': { schema: Type.Unsafe(Type.Ref(`${item}#`)) },
    },
  };
}

/** The errors of a stream of events: once it is open, it lives through a store that is down. */
export const EVENT_PROBLEMS: Problems = {
  400: ['invalid-parameter', 'invalid-task-id'],
  500: ['internal'],
  503: ['overloaded'],
};
