/**
 * The answers of an operation, as the API documents them: its successes with their headers, and all
 * its errors. What a code means, and its example, is the catalogue's to say: see `openapi.ts`.
 */
import { Type } from 'typebox';
import { Named, NamedOrNull } from './forms.js';
import { EXAMPLE_OUTCOME } from './outcomes.js';

type Document =
  | 'Outcome'
  | 'ExceptionReport'
  | 'FlatFailureReport'
  | 'StatusView'
  | 'TaskView'
  | 'ProgressReport'
  | 'Expiry'
  | 'Problem'
  | 'Health'
  | 'Readiness'
  | 'TaskList'
  | 'Stats'
  | 'BatchGet'
  | 'BatchEntries'
  | 'BatchWait'
  | 'BatchWaited'
  | 'BatchSet'
  | 'BatchAnswers'
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
export function body(description: string, name: Document) {
  return { description, content: { 'application/json': { schema: Named(name) } } };
}

/** An answer whose body is one of the named documents. */
export function json(description: string, name: Document, kind: Kind) {
  return { ...body(description, name), headers: HEADERS[kind] };
}

/** An answer without a body. */
export function empty(description: string, kind: Kind) {
  return { description, type: 'null' as const, headers: HEADERS[kind] };
}

/** Bytes of any type but JSON and forms. One type stands for them all: each could be sent. */
const OPAQUE = {
  'application/octet-stream': {
    schema: Type.Unsafe({
      type: 'string',
      format: 'binary',
      description: 'Bytes of any other media type, which is kept with them.',
    }),
  },
};

/** An outcome as it is reported: JSON, or bytes of any other type. */
export function outcomeReport(description: string) {
  return {
    description,
    content: { 'application/json': { schema: Named('OutcomeReport') }, ...OPAQUE },
  };
}

/** The outcome itself: the JSON envelope, or the opaque bytes as they were sent. */
export function outcome(description: string, kind: Kind) {
  return {
    description,
    content: { 'application/json': { schema: Named('Outcome') }, ...OPAQUE },
    headers: HEADERS[kind],
  };
}

/** What was taken: the outcome itself, or the view of the task as it was. */
export function consumed(description: string) {
  const schema = Type.Unsafe({ anyOf: [Named('Outcome'), Named('TaskView')] });
  return {
    description,
    content: { 'application/json': { schema, example: EXAMPLE_OUTCOME }, ...OPAQUE },
    headers: HEADERS.consumed,
  };
}

/** The exception of a failure, or null. */
export function exception(description: string) {
  const example = {
    exc_type: 'ValueError',
    exc_message: ['no such file: a.csv'],
    exc_module: 'builtins',
  };
  return {
    description,
    content: { 'application/json': { schema: NamedOrNull('Exception'), example } },
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
          description: 'Server-Sent Events, each with an id.',
          // The form of what stands after `data:`.
          contentSchema: {
            anyOf: [Named('StatusView'), Named('RemovedEvent'), Named('ResetEvent')],
          },
        }),
        example: EVENTS,
      },
    },
    headers: HEADERS.none,
  };
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
        schema: Named('Problem'),
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
  404: ['task-unknown'],
  410: ['task-removed'],
  412: ['version-mismatch'],
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
  400: ['invalid-body', 'invalid-parameter'],
  403: ['forbidden'],
  413: ['too-large'],
  415: ['media-type'],
};

/** The errors of a wait for many tasks. */
export const BATCH_WAIT_PROBLEMS: Problems = {
  ...BATCH_PROBLEMS,
  400: ['invalid-body', 'invalid-parameter', 'invalid-task-id'],
  429: ['too-many-waiters-for-caller'],
  503: [...ANY[503]!, 'too-many-waiters'],
};

/** The errors of what asks for all tasks. */
export const COUNT_PROBLEMS: Problems = {
  400: ['invalid-parameter'],
  500: ANY[500]!,
  501: ['unsupported'],
  503: ANY[503]!,
};

const LINES = {
  BatchSet:
    '{"task_id":"report-2024-08","outcome":{"return_value":{"sum":3}}}\n' +
    '{"task_id":"report-2024-09","progress":{"state":"STARTED"}}\n',
  BatchAnswers:
    '{"index":0,"task_id":"report-2024-08","code":201,"version":"1718000000000-9f86d081884c7d65.o"}\n' +
    '{"index":1,"task_id":"report-2024-09","code":201,"version":"1718000000000-60303ae22b998861.p"}\n',
};

/** A document, or lines of its items. */
export function itemsOrLines(description: string, name: 'BatchSet' | 'BatchAnswers', line: string) {
  return {
    description,
    content: {
      'application/json': { schema: Named(name) },
      'application/x-ndjson': {
        schema: Type.String({
          description: `Each line is one of the items: ${line}.`,
          examples: [LINES[name]],
        }),
      },
    },
  };
}

/** The errors of a stream of events: once it is open, it lives through a store that is down. */
export const EVENT_PROBLEMS: Problems = {
  400: ['invalid-parameter', 'invalid-task-id'],
  500: ['internal'],
  503: ['overloaded'],
};
