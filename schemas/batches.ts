/** The documents of the operations on many tasks at once. */
import { Type } from 'typebox';
import { Named, NamedOrNull, OrNull, Seconds, Words } from './forms.js';
import { EXAMPLE_OUTCOME } from './outcomes.js';
import { EXAMPLE_VIEW } from './tasks.js';

/** How many ids, or items of one document, a batch may have. */
export const MOST_ITEMS = 10_000;

const EXAMPLE_ENTRY = {
  task_id: 'report-2024-06',
  found: true,
  status: EXAMPLE_VIEW,
  content_type: 'application/json',
  outcome: EXAMPLE_OUTCOME,
};
const EXAMPLE_PROBLEM = {
  type: 'urn:resultd:problem:outcome-conflict',
  title: 'The task has another outcome already',
  status: 409,
  detail: 'task "report-2024-07" has another outcome already (FAILURE), and the first one wins',
};

/** The form of an id is in its parameter; one that is not of it fails alone. */
const TaskIds = Type.Array(Type.String(), {
  maxItems: MOST_ITEMS,
  description:
    'Each is answered, in this order, as often as it is there. An id has 1 to 255 characters of ' +
    'A-Z a-z 0-9 . _ ~ : @ + = -.',
});

const entryOptions = {
  include: Type.Optional(
    Words(['status', 'outcome'], {
      description: 'Whether each entry has the outcome too. Default: status.',
    }),
  ),
  with_logs: Type.Optional(
    Type.Boolean({ description: 'Whether outcomes have their logs. Default: false.' }),
  ),
};

export const BatchEntrySchema = Type.Object(
  {
    task_id: OrNull(
      Type.String({ description: 'Null where it is not a string of up to 255 characters.' }),
    ),
    found: Type.Boolean({ description: 'False for an unknown task, and for an id that is none.' }),
    status: NamedOrNull('StatusView'),
    content_type: Type.Optional(Type.String({ description: "The outcome's, where it is there." })),
    outcome: Type.Optional(Named('Outcome')),
    outcome_base64: Type.Optional(Type.String({ description: 'An opaque outcome.' })),
    outcome_omitted: Type.Optional(
      Type.Boolean({
        description: 'The answer holds 64 MiB of outcomes already: read this one by itself.',
      }),
    ),
    problem: Type.Optional(Named('Problem')),
  },
  {
    $id: 'BatchEntry',
    description: 'One task of a batch; where it could not be looked at, with the problem.',
    examples: [EXAMPLE_ENTRY],
  },
);

export const BatchGetSchema = Type.Object(
  { task_ids: TaskIds, ...entryOptions },
  {
    $id: 'BatchGet',
    additionalProperties: false,
    description: 'Which tasks to read, and how much of each.',
    examples: [{ task_ids: ['report-2024-08', 'report-2024-09'], include: 'outcome' }],
  },
);

export const BatchEntriesSchema = Type.Object(
  { items: Type.Array(Named('BatchEntry')) },
  {
    $id: 'BatchEntries',
    description: 'An entry for each id, in order.',
    examples: [
      { items: [EXAMPLE_ENTRY, { task_id: 'report-2024-07', found: false, status: null }] },
    ],
  },
);

export const BatchWaitSchema = Type.Object(
  {
    task_ids: TaskIds,
    mode: Type.Optional(
      Type.Unsafe({
        anyOf: [
          Words(['all', 'any']),
          Type.Object({ count: Type.Integer({ minimum: 1 }) }, { additionalProperties: false }),
        ],
        description: 'How many different tasks must be ready. Default: all.',
      }),
    ),
    wait: Type.Optional(
      Type.Union([Type.String(), Type.Integer({ minimum: 0 })], {
        description:
          'How long to wait: a duration such as "30s", or a number of seconds. Default: 30s. Above ' +
          'the maximum (55s) it is clamped.',
      }),
    ),
    ...entryOptions,
  },
  {
    $id: 'BatchWait',
    additionalProperties: false,
    description: 'Which tasks to wait for, how many of them, and for how long.',
    examples: [{ task_ids: ['report-2024-08', 'report-2024-09'], mode: 'any', wait: '30s' }],
  },
);

export const BatchWaitedSchema = Type.Object(
  {
    complete: Type.Boolean({ description: 'Whether as many are ready as was asked for.' }),
    ready: Type.Array(Named('BatchEntry')),
    pending: Type.Array(Type.String()),
  },
  {
    $id: 'BatchWaited',
    description: 'Tasks that are ready, and those that are not, both in the order of the request.',
    examples: [
      {
        complete: true,
        ready: [{ task_id: 'report-2024-06', found: true, status: EXAMPLE_VIEW }],
        pending: ['report-2024-07'],
      },
    ],
  },
);

/** What every item says beside what it writes. */
const itemParts = {
  task_id: Type.String({ minLength: 1, maxLength: 255 }),
  mode: Type.Optional(
    Words(['create', 'replace'], {
      description: 'As POST (create, the default) or as PUT (replace).',
    }),
  ),
  ttl: Type.Optional(Type.Union([Type.String(), Type.Integer({ minimum: 1 })])),
  if_match: Type.Optional(
    Type.String({ description: 'Write only where the task is at this version; * for any.' }),
  ),
};

const item = <P extends Type.TProperties>(id: string, description: string, parts: P) =>
  Type.Object({ ...itemParts, ...parts }, { $id: id, additionalProperties: false, description });

export const OutcomeItemSchema = item('OutcomeItem', 'An outcome of a task, to be written.', {
  outcome: Named('OutcomeReport'),
});
export const ExceptionItemSchema = item('ExceptionItem', 'A failure of a task, to be written.', {
  exception: Named('FlatFailureReport'),
});
export const ProgressItemSchema = item('ProgressItem', 'Progress of a task, to be written.', {
  progress: Named('ProgressReport'),
});
export const OpaqueItemSchema = item('OpaqueItem', 'An outcome that is not JSON, to be written.', {
  opaque: Type.Object(
    {
      content_type: Type.String(),
      base64: Type.String(),
      is_err: Type.Optional(Type.Boolean({ description: 'Default: false.' })),
      execution_time: Type.Optional(Seconds('Seconds. Default: 0.')),
    },
    { additionalProperties: false },
  ),
});

export const BatchItemSchema = Type.Unsafe({
  $id: 'BatchItem',
  oneOf: ['OutcomeItem', 'ExceptionItem', 'ProgressItem', 'OpaqueItem'].map((name) => Named(name)),
  description: 'One write: exactly one of outcome, exception, progress and opaque.',
});

export const BatchSetSchema = Type.Object(
  { items: Type.Array(Named('BatchItem'), { maxItems: MOST_ITEMS }) },
  {
    $id: 'BatchSet',
    additionalProperties: false,
    description: 'Many writes.',
    examples: [
      {
        items: [
          { task_id: 'report-2024-08', outcome: { return_value: { sum: 3 } } },
          { task_id: 'report-2024-09', ttl: '7d', progress: { state: 'STARTED' } },
        ],
      },
    ],
  },
);

export const BatchAnswerSchema = Type.Object(
  {
    index: Type.Integer({ minimum: 0 }),
    task_id: OrNull(Type.String({ description: 'Null where the item has none.' })),
    code: Type.Integer({ description: 'What the request for this task alone would answer.' }),
    version: Type.Optional(OrNull(Type.String({ description: 'What the write made.' }))),
    problem: Type.Optional(Named('Problem')),
  },
  {
    $id: 'BatchAnswer',
    description:
      'What became of one item: its version, or its problem. A line that has only a problem ends an ' +
      'answer early.',
  },
);

export const BatchAnswersSchema = Type.Object(
  { items: Type.Array(Named('BatchAnswer')) },
  {
    $id: 'BatchAnswers',
    description: 'An answer for each item, in order.',
    examples: [
      {
        items: [
          {
            index: 0,
            task_id: 'report-2024-06',
            code: 201,
            version: '1718000000000-9f86d081884c7d65.o',
          },
          { index: 1, task_id: 'report-2024-07', code: 409, problem: EXAMPLE_PROBLEM },
        ],
      },
    ],
  },
);

export const BatchDeleteSchema = Type.Object(
  { task_ids: TaskIds },
  {
    $id: 'BatchDelete',
    additionalProperties: false,
    description: 'Which tasks to remove.',
    examples: [{ task_ids: ['report-2024-08', 'report-2024-09'] }],
  },
);

export const BatchDeletedSchema = Type.Object(
  {
    items: Type.Array(
      Type.Object({
        task_id: OrNull(
          Type.String({ description: 'Null where it is not a string of up to 255 characters.' }),
        ),
        deleted: OrNull(Type.Boolean({ description: 'Null beside a problem.' })),
        problem: Type.Optional(Named('Problem')),
      }),
    ),
  },
  {
    $id: 'BatchDeleted',
    description: 'Whether each was there, in order.',
    examples: [
      {
        items: [
          { task_id: 'report-2024-06', deleted: true },
          { task_id: 'report-2024-07', deleted: false },
        ],
      },
    ],
  },
);

/** All of them, to be registered by their names. */
export const BATCH_SCHEMAS = [
  BatchEntrySchema,
  BatchGetSchema,
  BatchEntriesSchema,
  BatchWaitSchema,
  BatchWaitedSchema,
  OutcomeItemSchema,
  ExceptionItemSchema,
  ProgressItemSchema,
  OpaqueItemSchema,
  BatchItemSchema,
  BatchSetSchema,
  BatchAnswerSchema,
  BatchAnswersSchema,
  BatchDeleteSchema,
  BatchDeletedSchema,
] as const;
