/** A task as it is shown, its progress, and what is said of it as it changes. */
import { Type } from 'typebox';
import { AnyJson, Named, NamedOrNull, OrNull, Seconds, Words } from './forms.js';
import { EXAMPLE_OUTCOME } from './outcomes.js';

const Time = (description: string) =>
  OrNull(Type.String({ format: 'date-time', description: `${description}, in UTC.` }));

const progressState = Type.String({
  minLength: 1,
  maxLength: 64,
  description: 'PENDING, STARTED, RETRY, SUCCESS, FAILURE or any other.',
});

export const ProgressReportSchema = Type.Object(
  { state: progressState, meta: Type.Optional(AnyJson('Any JSON. Default: null.')) },
  {
    $id: 'ProgressReport',
    additionalProperties: false,
    description: 'How far a task has come, as it is reported.',
    examples: [{ state: 'STARTED', meta: { done: 3, of: 10 } }],
  },
);

export const ProgressSchema = Type.Object(
  { state: progressState, meta: AnyJson('Any JSON, as it was sent.') },
  { $id: 'Progress', description: 'How far a task has come.' },
);

const EXAMPLE_TASK = {
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

export const EXAMPLE_VIEW = { task_id: 'report-2024-06', ...EXAMPLE_TASK };

const viewMembers = {
  task_id: Type.String(),
  state: OrNull(
    Type.String({
      description: 'SUCCESS, FAILURE, or the state of its progress, which is never one of these.',
    }),
  ),
  ready: Type.Boolean({ description: 'Whether the task has an outcome.' }),
  is_err: OrNull(Type.Boolean({ description: 'Whether the outcome is a failure.' })),
  version: OrNull(Type.String({ description: 'The ETag without its quotes.' })),
  progress: NamedOrNull('Progress'),
  content_type: OrNull(Type.String({ description: "The outcome's." })),
  size: OrNull(Type.Integer({ description: 'Bytes of the outcome, its log apart.' })),
  execution_time: OrNull(Seconds('Seconds.')),
  created_at: Time('When its first record was written'),
  updated_at: Time('When it was last written'),
  expires_at: Time('When the outcome expires, else the progress; null for never'),
};

export const StatusViewSchema = Type.Object(viewMembers, {
  $id: 'StatusView',
  description: 'A task without its outcome; null where there is nothing to say.',
  examples: [EXAMPLE_VIEW],
});

export const TaskViewSchema = Type.Object(
  {
    ...viewMembers,
    outcome: Type.Optional(Named('Outcome')),
    outcome_base64: Type.Optional(
      Type.String({ contentEncoding: 'base64', description: 'An opaque outcome.' }),
    ),
  },
  {
    $id: 'TaskView',
    description: 'A task with its outcome embedded, where it has one.',
    examples: [{ ...EXAMPLE_VIEW, outcome: EXAMPLE_OUTCOME }],
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

export const RemovedEventSchema = Type.Object(
  { task_id: Type.String() },
  { $id: 'RemovedEvent', description: 'The data of `event: removed`: the task is gone.' },
);

export const ResetEventSchema = Type.Object(
  { reason: Words(['unknown-epoch', 'gap', 'lost', 'slow']) },
  {
    $id: 'ResetEvent',
    description: 'The data of `event: reset`: events may have been missed, so read anew.',
  },
);

/** All of them, to be registered by their names. */
export const TASK_SCHEMAS = [
  ProgressReportSchema,
  ProgressSchema,
  StatusViewSchema,
  TaskViewSchema,
  ExpirySchema,
  RemovedEventSchema,
  ResetEventSchema,
] as const;
