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
  | 'Health'
  | 'TaskList'
  | 'Stats'
  | 'BatchGet'
  | 'BatchEntries'
  | 'BatchWait'
  | 'BatchWaited'
  | 'BatchDelete'
  | 'BatchDeleted';

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

/** The errors of an operation on many tasks. */
export const BATCH_PROBLEMS = problems({
  ...ANY,
  400: ['invalid-body', 'invalid-task-id', 'invalid-request'],
  413: ['too-large'],
  415: ['media-type'],
  503: STORE,
});

/** The errors of a batch that waits. */
export const BATCH_WAIT_PROBLEMS = {
  ...BATCH_PROBLEMS,
  ...problems({
    429: ['too-many-waiters-for-caller'],
    503: [...STORE, 'too-many-waiters'],
  }),
};

/** The errors of a list, and of a count. */
export const LIST_PROBLEMS = problems({
  ...ANY,
  400: ['invalid-parameter', 'invalid-request'],
  501: ['unsupported'],
  503: STORE,
});

/** One schema, as a JSON document or as lines of it. */
export function jsonOrLines(description: string, array: 'BatchItems' | 'BatchAnswers') {
  const line = array === 'BatchItems' ? 'BatchItem' : 'BatchAnswer';
  return {
    description,
    content: {
      'application/json': { schema: Type.Unsafe(Type.Ref(`${array}#`)) },
      'application/x-ndjson': { schema: Type.Unsafe(Type.Ref(`${line}#`)) },
    },
  };
}
