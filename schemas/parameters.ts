/** Path and query parameters, and the request headers, as the API documents and checks them. */
import { type Static, type TObject, Type } from 'typebox';
import { Words } from './forms.js';

/** A query as it arrives: every value is text, whatever it stands for. */
type Texts<T extends TObject> = {
  [Name in keyof Static<T>]: NonNullable<Static<T>[Name]> extends readonly unknown[]
    ? string | string[]
    : string;
};

/** 1 to 64 characters, none of them a control character. */
const STATE = '^[^\\u0000-\\u001f\\u007f-\\u009f]{1,64}$';

/** The path of one task. `example` is the id that the page at `/docs` tries the operation with. */
export const taskParams = (example: string) =>
  Type.Object({
    task_id: Type.String({
      minLength: 1,
      maxLength: 255,
      pattern: '^[A-Za-z0-9._~:@+=-]+$',
      description:
        'The id of the task: 1 to 255 characters of A-Z a-z 0-9 . _ ~ : @ + = - (neither . nor ..).',
      examples: [example],
    }),
  });
export type TaskParams = Static<ReturnType<typeof taskParams>>;

/**
 * The tasks of the examples, so that all operations, tried one after the other, do what they say: one
 * that succeeds, one that fails, one that is under way.
 */
export const EXAMPLE_IDS = {
  succeeded: 'report-2024-06',
  failed: 'report-2024-07',
  started: 'report-2024-10',
} as const;

const Wait = Type.Optional(
  Type.String({
    pattern: '^\\d{1,9}(ms|s|m|h|d)?$',
    description:
      'How long to wait until the task is ready, or, with If-None-Match, until it is another one: ' +
      'a duration such as 30s, 500ms or 2m; seconds without a unit. Above the maximum (55s) it is clamped.',
  }),
);

const WithLogs = Type.Optional(
  Type.Boolean({ description: 'Whether to include the log: true, or false (the default).' }),
);

const Ttl = Type.Optional(
  Type.String({
    pattern: '^(never|\\d{1,9}(ms|s|m|h|d)?)$',
    description:
      'How long to keep the record: a duration above 0 such as 7d, 36h or 90s, or never.',
  }),
);

export const WaitQuerySchema = Type.Object({ wait: Wait });
export type WaitQuery = Texts<typeof WaitQuerySchema>;

export const TaskQuerySchema = Type.Object({ wait: Wait, with_logs: WithLogs });
export type TaskQuery = Texts<typeof TaskQuerySchema>;

export const ResultQuerySchema = Type.Object({
  wait: Wait,
  with_logs: WithLogs,
  pending: Type.Optional(
    Words(['error'], {
      description: 'The value error turns 202 into 409, so that curl -f fails on it.',
    }),
  ),
});
export type ResultQuery = Texts<typeof ResultQuerySchema>;

export const TtlQuerySchema = Type.Object({ ttl: Ttl });
export type TtlQuery = Texts<typeof TtlQuerySchema>;

export const OutcomeQuerySchema = Type.Object({
  ttl: Ttl,
  is_err: Type.Optional(
    Type.Boolean({
      description: 'Whether an opaque outcome is a failure: true or false. Not for JSON.',
    }),
  ),
  execution_time: Type.Optional(
    Type.Number({
      format: 'double',
      description:
        'How long the task of an opaque outcome ran: seconds, a JSON number. Not for JSON.',
    }),
  ),
});
export type OutcomeQuery = Texts<typeof OutcomeQuerySchema>;

export const ConsumeQuerySchema = Type.Object({
  with_logs: WithLogs,
  embed: Type.Optional(
    Type.Boolean({
      description:
        'true answers the status view of the task as it was, with the outcome embedded, as ' +
        'GET /v1/tasks/{task_id} does; false (the default) the outcome itself.',
    }),
  ),
});
export type ConsumeQuery = Texts<typeof ConsumeQuerySchema>;

export const ReadHeadersSchema = Type.Object({
  'if-match': Type.Optional(
    Type.String({
      description:
        'Only where the task is at one of these ETags, else 412; * asks for the record to be there.',
    }),
  ),
  'if-none-match': Type.Optional(
    Type.String({
      description:
        'ETags that the client knows: 304 where the task is at one of them, or, with a wait, as soon ' +
        'as it is at another one.',
    }),
  ),
  prefer: Type.Optional(
    Type.String({
      description: 'wait=n: how many seconds to wait. ?wait= wins over it (RFC 7240 §4.3).',
    }),
  ),
});

/** The conditions of every change of a task. */
export const ConditionHeadersSchema = Type.Object({
  'if-match': Type.Optional(
    Type.String({
      description: 'Only where the task is at one of these ETags; * asks for the record.',
    }),
  ),
  'if-none-match': Type.Optional(
    Type.String({
      description:
        'Only where the task is at none of these ETags; * asks for the record not to be there.',
    }),
  ),
});

export const WriteHeadersSchema = Type.Object({
  ...ConditionHeadersSchema.properties,
  prefer: Type.Optional(
    Type.String({
      description: 'return=minimal: answer without a body (RFC 7240 §4.2).',
    }),
  ),
});

export const ConsumeHeadersSchema = Type.Object({
  ...ConditionHeadersSchema.properties,
  'idempotency-key': Type.Optional(
    Type.String({
      description:
        'A repeat with the same key within 60 s is given the same outcome again. 1 to 255 characters, quoted or bare.',
    }),
  ),
});

const State = Type.String({ minLength: 1, maxLength: 255 });

export const ListQuerySchema = Type.Object({
  state: Type.Optional(
    Type.Array(State, {
      description: 'Only tasks that are shown in this state. It may be given more than once.',
    }),
  ),
  updated_after: Type.Optional(
    Type.String({
      description: 'Only tasks last written after this time (RFC 3339), exclusive.',
    }),
  ),
  updated_before: Type.Optional(
    Type.String({
      description: 'Only tasks last written before this time (RFC 3339), exclusive.',
    }),
  ),
  limit: Type.Optional(
    Type.Integer({
      description: 'At most so many tasks: a number, coerced to 1 … 1000. Default: 100.',
    }),
  ),
  cursor: Type.Optional(
    Type.String({
      pattern: '^[A-Za-z0-9_-]{1,512}$',
      description: 'The next_cursor of the page before. Start again without one.',
    }),
  ),
});
export type ListParameters = Texts<typeof ListQuerySchema>;

const LastEventId = Type.Optional(
  Type.String({
    description:
      'The id of the last event that the client had, for a client that cannot send Last-Event-ID. ' +
      'The header wins.',
  }),
);

export const EventsQuerySchema = Type.Object({
  // The contract checks ids, and says so with a problem of its own.
  task_id: Type.Optional(
    Type.Array(Type.String(), {
      description: 'Only events of this task; may be given several times.',
    }),
  ),
  state: Type.Optional(
    Type.Array(Type.String({ pattern: STATE }), {
      description:
        'Only tasks that are shown in this state, and those that have gone; may be given several ' +
        'times. A state has 1 to 64 characters, none of them a control character.',
    }),
  ),
  last_event_id: LastEventId,
});
export type EventsQuery = Texts<typeof EventsQuerySchema>;

export const TaskEventsQuerySchema = Type.Object({ last_event_id: LastEventId });
export type TaskEventsQuery = Texts<typeof TaskEventsQuerySchema>;

export const EventsHeadersSchema = Type.Object({
  'last-event-id': Type.Optional(
    Type.String({
      description: 'The id of the last event that the client had: the stream goes on from there.',
      // Generated code in Go has one struct for query and headers.
      'x-go-name': 'LastEventIDHeader',
    }),
  ),
});
