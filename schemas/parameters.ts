/** Path and query parameters, and the request headers, as the API documents and checks them. */
import { type Static, type TString, Type } from 'typebox';

/** 1 to 64 characters, none of them a control character. */
const STATE = '^[^\\u0000-\\u001f\\u007f-\\u009f]{1,64}$';

export const TaskParamsSchema = Type.Object({
  task_id: Type.String({
    minLength: 1,
    maxLength: 255,
    pattern: '^[A-Za-z0-9._~:@+=-]+$',
    description:
      'The id of the task: 1 to 255 characters of A-Z a-z 0-9 . _ ~ : @ + = - (neither . nor ..).',
    examples: ['report-2024-06'],
  }),
});
export type TaskParams = Static<typeof TaskParamsSchema>;

const Wait = Type.Optional(
  Type.String({
    pattern: '^\\d{1,9}(ms|s|m|h|d)?$',
    description:
      'How long to wait until the task is ready, or, with If-None-Match, until it is another one: ' +
      'a duration such as 30s, 500ms or 2m; seconds without a unit. Above the maximum (55s) it is clamped.',
    examples: ['30s'],
  }),
);

const WithLogs = Type.Optional(
  Type.String({
    pattern: '^(true|false)$',
    description: 'Whether to include the log: true, or false (the default).',
    examples: ['true'],
  }),
);

const Ttl = Type.Optional(
  Type.String({
    pattern: '^(never|\\d{1,9}(ms|s|m|h|d)?)$',
    description:
      'How long to keep the record: a duration above 0 such as 7d, 36h or 90s, or never.',
    examples: ['7d'],
  }),
);

export const WaitQuerySchema = Type.Object({ wait: Wait });
export type WaitQuery = Static<typeof WaitQuerySchema>;

export const TaskQuerySchema = Type.Object({ wait: Wait, with_logs: WithLogs });
export type TaskQuery = Static<typeof TaskQuerySchema>;

export const ResultQuerySchema = Type.Object({
  wait: Wait,
  with_logs: WithLogs,
  pending: Type.Optional(
    Type.String({
      pattern: '^error$',
      description: 'The value error turns 202 into 409, so that curl -f fails on it.',
      examples: ['error'],
    }),
  ),
});
export type ResultQuery = Static<typeof ResultQuerySchema>;

export const TtlQuerySchema = Type.Object({ ttl: Ttl });
export type TtlQuery = Static<typeof TtlQuerySchema>;

export const OutcomeQuerySchema = Type.Object({
  ttl: Ttl,
  is_err: Type.Optional(
    Type.String({
      pattern: '^(true|false)$',
      description: 'Whether an opaque outcome is a failure: true or false. Not for JSON.',
      examples: ['false'],
    }),
  ),
  execution_time: Type.Optional(
    Type.String({
      pattern: '^-?(0|[1-9]\\d*)(\\.\\d+)?([eE][+-]?\\d+)?$',
      description:
        'How long the task of an opaque outcome ran: seconds, a JSON number. Not for JSON.',
      examples: ['0.12'],
    }),
  ),
});
export type OutcomeQuery = Static<typeof OutcomeQuerySchema>;

export const ConsumeQuerySchema = Type.Object({
  with_logs: WithLogs,
  embed: Type.Optional(
    Type.String({
      pattern: '^(true|false)$',
      description:
        'true answers the status view of the task as it was, with the outcome embedded, as ' +
        'GET /v1/tasks/{task_id} does; false (the default) the outcome itself.',
      examples: ['true'],
    }),
  ),
});
export type ConsumeQuery = Static<typeof ConsumeQuerySchema>;

const ETAG = '"1718000000000-9f86d081884c7d65.o"';

export const ReadHeadersSchema = Type.Object({
  'if-none-match': Type.Optional(
    Type.String({
      description:
        'ETags that the client knows: 304 where the task is at one of them, or, with a wait, as soon ' +
        'as it is at another one.',
      examples: [ETAG],
    }),
  ),
  prefer: Type.Optional(
    Type.String({
      description: 'wait=n: how many seconds to wait. ?wait= wins over it (RFC 7240 §4.3).',
      examples: ['wait=30'],
    }),
  ),
});

/** The conditions of every change of a task. */
export const ConditionHeadersSchema = Type.Object({
  'if-match': Type.Optional(
    Type.String({
      description: 'Only where the task is at one of these ETags; * asks for the record.',
      examples: [ETAG],
    }),
  ),
  'if-none-match': Type.Optional(
    Type.String({
      description:
        'Only where the task is at none of these ETags; * asks for the record not to be there.',
      examples: ['*'],
    }),
  ),
});

export const WriteHeadersSchema = Type.Object({
  ...ConditionHeadersSchema.properties,
  prefer: Type.Optional(
    Type.String({
      description: 'return=minimal: answer without a body (RFC 7240 §4.2).',
      examples: ['return=minimal'],
    }),
  ),
});

export const ConsumeHeadersSchema = Type.Object({
  ...ConditionHeadersSchema.properties,
  'idempotency-key': Type.Optional(
    Type.String({
      description:
        'A repeat with the same key within 60 s is given the same outcome again. 1 to 255 characters, quoted or bare.',
      examples: ['"8e03978e-40d5-43dd-bc93-6894a57f9324"'],
    }),
  ),
});

const State = Type.String({ minLength: 1, maxLength: 255 });

export const ListQuerySchema = Type.Object({
  state: Type.Optional(
    Type.Union([State, Type.Array(State)], {
      description: 'Only tasks that are shown in this state. It may be given more than once.',
      examples: ['FAILURE'],
    }),
  ),
  updated_after: Type.Optional(
    Type.String({
      description: 'Only tasks last written after this time (RFC 3339), exclusive.',
      examples: ['2024-06-10T06:13:20Z'],
    }),
  ),
  updated_before: Type.Optional(
    Type.String({
      description: 'Only tasks last written before this time (RFC 3339), exclusive.',
      examples: ['2024-06-11T06:13:20.5+02:00'],
    }),
  ),
  limit: Type.Optional(
    Type.String({
      pattern: '^[+-]?\\d{1,15}(\\.\\d+)?$',
      description: 'At most so many tasks: a number, coerced to 1 … 1000. Default: 100.',
      examples: ['100'],
    }),
  ),
  cursor: Type.Optional(
    Type.String({
      pattern: '^[A-Za-z0-9_-]{1,512}$',
      description: 'The next_cursor of the page before. Start again without one.',
      examples: ['MTcxODAwMDAwMDAwMCByZXBvcnQtMjAyNC0wNg'],
    }),
  ),
});
export type ListParameters = Static<typeof ListQuerySchema>;

/** A parameter that may be given several times. */
function repeatable(items: TString, options: { description: string; examples: unknown[] }) {
  return Type.Optional(Type.Union([items, Type.Array(items)], options));
}

const LastEventId = Type.Optional(
  Type.String({
    pattern: '^[0-9a-f]{16}-\\d{1,15}$',
    description:
      'The id of the last event that the client had, for a client that cannot send Last-Event-ID. ' +
      'The header wins.',
    examples: ['9f86d081884c7d65-42'],
  }),
);

export const EventsQuerySchema = Type.Object({
  // The contract checks ids, and says so with a problem of its own.
  task_id: repeatable(Type.String(), {
    description: 'Only events of this task; may be given several times.',
    examples: [['report-1', 'report-2']],
  }),
  state: repeatable(Type.String({ pattern: STATE }), {
    description:
      'Only tasks that are shown in this state, and those that have gone; may be given several ' +
      'times. A state has 1 to 64 characters, none of them a control character.',
    examples: [['SUCCESS', 'FAILURE']],
  }),
  last_event_id: LastEventId,
});
export type EventsQuery = Static<typeof EventsQuerySchema>;

export const TaskEventsQuerySchema = Type.Object({ last_event_id: LastEventId });
export type TaskEventsQuery = Static<typeof TaskEventsQuerySchema>;

export const EventsHeadersSchema = Type.Object({
  'last-event-id': Type.Optional(
    Type.String({
      description: 'The id of the last event that the client had: the stream goes on from there.',
    }),
  ),
});
