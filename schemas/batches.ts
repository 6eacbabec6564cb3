/** The documents of the operations on many tasks at once. */
import { Type } from 'typebox';
import { EXAMPLE_VIEW } from './bodies.js';

const Nullable = <T extends Type.TSchema>(schema: T) => Type.Union([schema, Type.Null()]);
const View = Type.Unsafe(Type.Ref('StatusView'));
const Outcome = Type.Unsafe(Type.Ref('Outcome'));

const EXAMPLE_OUTCOME = {
  is_err: false,
  log: null,
  return_value: { sum: 3 },
  execution_time: 0.12,
  labels: { queue: 'q' },
  error: null,
};
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

const TaskIds = Type.Array(Type.String({ minLength: 1, maxLength: 255 }), {
  maxItems: 10_000,
  description: 'Each is answered, in this order, as often as it is there.',
});

const entryOptions = {
  include: Type.Optional(
    Type.Union([Type.Literal('status'), Type.Literal('outcome')], {
      description: 'Whether each entry has the outcome too. Default: status.',
    }),
  ),
  with_logs: Type.Optional(
    Type.Boolean({ description: 'Whether outcomes have their logs. Default: false.' }),
  ),
};

const EntrySchema = Type.Object({
  task_id: Nullable(
    Type.String({ description: 'Null where it is not a string of up to 255 characters.' }),
  ),
  found: Type.Boolean({ description: 'False for an unknown task, and for an id that is none.' }),
  status: Nullable(View),
  content_type: Type.Optional(Type.String({ description: "The outcome's, where it is there." })),
  outcome: Type.Optional(Outcome),
  outcome_base64: Type.Optional(Type.String({ description: 'An opaque outcome.' })),
  outcome_omitted: Type.Optional(
    Type.Literal(true, {
      description: 'The answer holds 64 MiB of outcomes already: read this one by itself.',
    }),
  ),
  problem: Type.Optional(
    Type.Unsafe(Type.Ref('Problem', { description: 'What is wrong with the id.' })),
  ),
});

export const BatchGetSchema = Type.Object(
  { task_ids: TaskIds, ...entryOptions },
  {
    $id: 'BatchGet',
    additionalProperties: false,
    examples: [{ task_ids: ['report-2024-06', 'report-2024-07'], include: 'outcome' }],
  },
);

export const BatchEntriesSchema = Type.Object(
  { items: Type.Array(EntrySchema) },
  {
    $id: 'BatchEntries',
    examples: [
      { items: [EXAMPLE_ENTRY, { task_id: 'report-2024-07', found: false, status: null }] },
    ],
  },
);

export const BatchWaitSchema = Type.Object(
  {
    task_ids: TaskIds,
    mode: Type.Optional(
      Type.Union(
        [
          Type.Literal('all'),
          Type.Literal('any'),
          Type.Object({ count: Type.Integer({ minimum: 1 }) }, { additionalProperties: false }),
        ],
        { description: 'How many different tasks must be ready. Default: all.' },
      ),
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
    examples: [{ task_ids: ['report-2024-06', 'report-2024-07'], mode: 'any', wait: '30s' }],
  },
);

export const BatchWaitedSchema = Type.Object(
  {
    complete: Type.Boolean({ description: 'Whether as many are ready as was asked for.' }),
    ready: Type.Array(EntrySchema),
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

export const BatchItemSchema = Type.Object(
  {
    task_id: Type.String({ minLength: 1, maxLength: 255 }),
    mode: Type.Optional(
      Type.Union([Type.Literal('create'), Type.Literal('replace')], {
        description: 'As POST (create, the default) or as PUT (replace).',
      }),
    ),
    ttl: Type.Optional(Type.Union([Type.String(), Type.Integer({ minimum: 1 })])),
    if_match: Type.Optional(
      Type.String({ description: 'Write only where the task is at this version; * for any.' }),
    ),
    outcome: Type.Optional(Outcome),
    exception: Type.Optional(Type.Unsafe(Type.Ref('Exception'))),
    progress: Type.Optional(Type.Unsafe(Type.Ref('Progress'))),
    opaque: Type.Optional(
      Type.Object(
        {
          content_type: Type.String(),
          base64: Type.String(),
          is_err: Type.Optional(Type.Boolean()),
          execution_time: Type.Optional(Type.Number()),
        },
        { additionalProperties: false },
      ),
    ),
  },
  {
    $id: 'BatchItem',
    description: 'Exactly one of outcome, exception, progress and opaque.',
    additionalProperties: false,
    examples: [
      { task_id: 'report-2024-06', outcome: { return_value: { sum: 3 } } },
      { task_id: 'report-2024-07', mode: 'replace', ttl: '7d', progress: { state: 'STARTED' } },
    ],
  },
);

export const BatchItemsSchema = Type.Object(
  { items: Type.Array(Type.Unsafe(Type.Ref('BatchItem')), { maxItems: 10_000 }) },
  {
    $id: 'BatchItems',
    additionalProperties: false,
    examples: [{ items: [{ task_id: 'report-2024-06', outcome: { return_value: { sum: 3 } } }] }],
  },
);

export const BatchAnswerSchema = Type.Object(
  {
    index: Type.Integer({ minimum: 0 }),
    task_id: Nullable(Type.String({ description: 'Null where the item has none.' })),
    code: Type.Integer({
      description: 'The status that the request for this task alone would answer.',
    }),
    version: Type.Optional(Nullable(Type.String())),
    problem: Type.Optional(Type.Unsafe(Type.Ref('Problem'))),
  },
  {
    $id: 'BatchAnswer',
    description:
      'What became of one item: its version, or its problem. A line that has only a problem ends an ' +
      'answer early.',
    examples: [
      {
        index: 0,
        task_id: 'report-2024-06',
        code: 201,
        version: '1718000000000-9f86d081884c7d65.o',
      },
      { index: 1, task_id: 'report-2024-07', code: 409, problem: EXAMPLE_PROBLEM },
    ],
  },
);

export const BatchAnswersSchema = Type.Object(
  { items: Type.Array(Type.Unsafe(Type.Ref('BatchAnswer'))) },
  {
    $id: 'BatchAnswers',
    examples: [
      {
        items: [
          {
            index: 0,
            task_id: 'report-2024-06',
            code: 201,
            version: '1718000000000-9f86d081884c7d65.o',
          },
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
    examples: [{ task_ids: ['report-2024-06', 'report-2024-07'] }],
  },
);

const DeletedSchema = Type.Object({
  task_id: Nullable(
    Type.String({ description: 'Null where it is not a string of up to 255 characters.' }),
  ),
  deleted: Nullable(Type.Boolean({ description: 'Null beside a problem.' })),
  problem: Type.Optional(Type.Unsafe(Type.Ref('Problem'))),
});

export const BatchDeletedSchema = Type.Object(
  { items: Type.Array(DeletedSchema) },
  {
    $id: 'BatchDeleted',
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
  BatchGetSchema,
  BatchEntriesSchema,
  BatchWaitSchema,
  BatchWaitedSchema,
  BatchItemSchema,
  BatchItemsSchema,
  BatchAnswerSchema,
  BatchAnswersSchema,
  BatchDeleteSchema,
  BatchDeletedSchema,
] as const;
