/**
 * The JSON documents of the API. They document and give types; the values inside an outcome are
 * checked and moved as bytes, and no serializer touches them.
 */
import { type Static, Type } from 'typebox';

const Nullable = <T extends Type.TSchema>(schema: T) => Type.Union([schema, Type.Null()]);

const AnyJson = (description: string) => Type.Unknown({ description });

export const ExceptionSchema = Type.Object(
  {
    exc_type: Type.String({ description: "The exception's type, qualified if need be." }),
    exc_message: Type.Optional(
      AnyJson('Its arguments, a list; a string is stored as a list of one.'),
    ),
    exc_module: Type.Optional(Nullable(Type.String())),
    exc_cause: Type.Optional(AnyJson('The exception that caused it, of the same form, or null.')),
    exc_context: Type.Optional(AnyJson('The exception that was being handled, or null.')),
    exc_suppress_context: Type.Optional(Type.Boolean()),
    traceback: Type.Optional(Type.String()),
  },
  {
    $id: 'Exception',
    description: 'An exception. Keys that are not listed are kept.',
    examples: [{ exc_type: 'ValueError', exc_message: ['no such file: a.csv'] }],
  },
);

export const OutcomeSchema = Type.Object(
  {
    is_err: Type.Optional(Type.Boolean({ description: 'Default: whether there is an error.' })),
    log: Type.Optional(Nullable(Type.String({ description: 'What the task wrote.' }))),
    return_value: Type.Optional(AnyJson('Any JSON, kept byte for byte.')),
    execution_time: Type.Optional(Type.Number({ description: 'Seconds. Default: 0.' })),
    labels: Type.Optional(Type.Record(Type.String(), Type.Unknown())),
    error: Type.Optional(Nullable(Type.Unsafe(Type.Ref('Exception')))),
  },
  {
    $id: 'Outcome',
    description:
      "An outcome: taskiq's TaskiqResult. Give return_value, a non-null error or is_err:true; the " +
      'rest has defaults. Keys that are not listed are kept, after the known ones.',
    examples: [
      {
        is_err: false,
        log: null,
        return_value: { sum: 3 },
        execution_time: 0.12,
        labels: { queue: 'q' },
        error: null,
      },
    ],
  },
);

export const EXAMPLE_VIEW = {
  task_id: 'report-2024-06',
  state: 'SUCCESS',
  ready: true,
  is_err: false,
  version: '1718000000000-9f86d081884c7d65.o',
  progress: null,
  content_type: 'application/json',
  size: 105,
  execution_time: 0.12,
  created_at: '2024-06-10T06:13:20.000Z',
  updated_at: '2024-06-10T06:13:20.000Z',
  expires_at: '2024-06-11T06:13:20.000Z',
};

const viewMembers = {
  task_id: Type.String(),
  state: Nullable(Type.String({ description: 'SUCCESS, FAILURE, or the state of its progress.' })),
  ready: Type.Boolean({ description: 'Whether the task has an outcome.' }),
  is_err: Nullable(Type.Boolean()),
  version: Nullable(Type.String({ description: 'The ETag without its quotes.' })),
  progress: Nullable(Type.Object({ state: Type.String(), meta: AnyJson('Any JSON.') })),
  content_type: Nullable(Type.String()),
  size: Nullable(Type.Integer({ description: 'Bytes of the outcome, its log apart.' })),
  execution_time: Nullable(Type.Number({ description: 'Seconds.' })),
  created_at: Nullable(Type.String({ format: 'date-time' })),
  updated_at: Nullable(Type.String({ format: 'date-time' })),
  expires_at: Nullable(
    Type.String({ format: 'date-time', description: "The outcome's, else the progress's." }),
  ),
};

export const StatusViewSchema = Type.Object(viewMembers, {
  $id: 'StatusView',
  description: 'A task without its outcome; null where there is nothing to say.',
  examples: [EXAMPLE_VIEW],
});

export const TaskViewSchema = Type.Object(
  {
    ...viewMembers,
    outcome: Type.Optional(Type.Unsafe(Type.Ref('Outcome'))),
    outcome_base64: Type.Optional(Type.String({ description: 'An opaque outcome.' })),
  },
  {
    $id: 'TaskView',
    description: 'A task with its outcome embedded, where it has one.',
    examples: [
      {
        ...EXAMPLE_VIEW,
        outcome: {
          is_err: false,
          log: null,
          return_value: { sum: 3 },
          execution_time: 0.12,
          labels: {},
          error: null,
        },
      },
    ],
  },
);

export const ProgressSchema = Type.Object(
  {
    state: Type.String({
      minLength: 1,
      maxLength: 64,
      description: 'PENDING, STARTED, RETRY, SUCCESS, FAILURE or any other.',
    }),
    meta: Type.Optional(AnyJson('Any JSON. Default: null.')),
  },
  {
    $id: 'Progress',
    additionalProperties: false,
    examples: [{ state: 'STARTED', meta: { done: 3, of: 10 } }],
  },
);

export const ExpirySchema = Type.Object(
  {
    ttl: Type.Union([Type.String(), Type.Integer({ minimum: 1 })], {
      description: 'A duration such as "7d", a number of seconds, or "never".',
    }),
  },
  { $id: 'Expiry', additionalProperties: false, examples: [{ ttl: '7d' }] },
);

export const ProblemSchema = Type.Object(
  {
    type: Type.String({ description: 'urn:resultd:problem:<code>. Match on this.' }),
    title: Type.String(),
    status: Type.Integer(),
    detail: Type.String({ description: 'What was wrong, with the value, and what to do.' }),
  },
  {
    $id: 'Problem',
    description: 'An error (RFC 9457).',
    examples: [
      {
        type: 'urn:resultd:problem:task-unknown',
        title: 'The task is unknown',
        status: 404,
        detail: 'task "x" is unknown: it was never reported here, or it has expired',
      },
    ],
  },
);

export const HealthSchema = Type.Object(
  { status: Type.String() },
  { $id: 'Health', examples: [{ status: 'ok' }] },
);
export type Health = Static<typeof HealthSchema>;

/** All of them, to be registered by their names. */
export const SHARED_SCHEMAS = [
  ExceptionSchema,
  OutcomeSchema,
  StatusViewSchema,
  TaskViewSchema,
  ProgressSchema,
  ExpirySchema,
  ProblemSchema,
  HealthSchema,
] as const;
