/**
 * An outcome as a worker reports it (the `…Report` documents, in which much may be left out), and as it
 * is answered, whole. The values inside are checked and moved as bytes; no serializer touches them.
 */
import { Type } from 'typebox';
import { AnyJson, Named, NamedOrNull, OrNull, Seconds } from './forms.js';

const KEPT = 'Keys that are not listed are kept.';

const exceptionParts = {
  exc_suppress_context: Type.Optional(Type.Boolean()),
  traceback: Type.Optional(Type.String()),
};

const reportedException = {
  exc_type: Type.String({ description: "The exception's type, qualified if need be." }),
  exc_message: Type.Optional(
    Type.Union([Type.String(), Type.Array(AnyJson('An argument.'))], {
      description: 'Its arguments; a string is stored as a list of one. Default: [].',
    }),
  ),
  exc_module: Type.Optional(OrNull(Type.String({ description: 'Default: null.' }))),
  exc_cause: Type.Optional(NamedOrNull('ExceptionReport')),
  exc_context: Type.Optional(NamedOrNull('ExceptionReport')),
  ...exceptionParts,
};

export const ExceptionReportSchema = Type.Object(reportedException, {
  $id: 'ExceptionReport',
  additionalProperties: true,
  description: `An exception as it is reported. Only exc_type is checked: what else is of another type than is said here is kept as it is. ${KEPT}`,
  examples: [{ exc_type: 'ValueError', exc_message: ['no such file: a.csv'] }],
});

export const ExceptionSchema = Type.Object(
  {
    exc_type: Type.String({ description: "The exception's type." }),
    exc_message: Type.Array(AnyJson('An argument.'), { description: 'Its arguments.' }),
    exc_module: OrNull(Type.String()),
    exc_cause: Type.Optional(NamedOrNull('Exception')),
    exc_context: Type.Optional(NamedOrNull('Exception')),
    ...exceptionParts,
  },
  {
    $id: 'Exception',
    additionalProperties: true,
    description: `An exception: its cause and its context are exceptions too. ${KEPT}`,
    examples: [
      { exc_type: 'ValueError', exc_message: ['no such file: a.csv'], exc_module: 'builtins' },
    ],
  },
);

/** What every report of an outcome may have beside what came of the task. */
const reportParts = {
  execution_time: Type.Optional(Seconds('Seconds. Default: 0.')),
  labels: Type.Optional(Type.Record(Type.String(), Type.Unknown())),
  log: Type.Optional(OrNull(Type.String({ description: 'What the task wrote. Default: null.' }))),
};

export const FlatFailureReportSchema = Type.Object(
  { ...reportedException, ...reportParts },
  {
    $id: 'FlatFailureReport',
    additionalProperties: true,
    description: `A failure as one flat object: the exception, with what is said of its task. ${KEPT}`,
    examples: [
      { exc_type: 'ValueError', exc_message: ['no such file: a.csv'], execution_time: 0.12 },
    ],
  },
);

export const SuccessReportSchema = Type.Object(
  { return_value: AnyJson('Any JSON, kept byte for byte; null too.'), ...reportParts },
  { $id: 'SuccessReport', additionalProperties: true, description: 'A success.' },
);

export const FailureReportSchema = Type.Object(
  { error: Named('ExceptionReport'), ...reportParts },
  { $id: 'FailureReport', additionalProperties: true, description: 'A failure.' },
);

export const TaskiqResultSchema = Type.Object(
  {
    is_err: Type.Boolean({ description: 'Whether it is a failure.' }),
    return_value: Type.Optional(AnyJson('Default: null.')),
    error: Type.Optional(NamedOrNull('ExceptionReport')),
    ...reportParts,
  },
  {
    $id: 'TaskiqResult',
    additionalProperties: true,
    description: 'An outcome that says itself whether it is a failure, as taskiq writes it.',
  },
);

export const OutcomeReportSchema = Type.Unsafe({
  anyOf: [Named('SuccessReport'), Named('FailureReport'), Named('TaskiqResult')],
  $id: 'OutcomeReport',
  description: `An outcome as it is reported. ${KEPT}`,
  examples: [{ return_value: { sum: 3 }, execution_time: 0.12, labels: { queue: 'q' } }],
});

export const EXAMPLE_OUTCOME = {
  is_err: false,
  log: null,
  return_value: { sum: 3 },
  execution_time: 0.12,
  labels: { queue: 'q' },
  error: null,
};

export const OutcomeSchema = Type.Object(
  {
    is_err: Type.Boolean(),
    log: OrNull(Type.String({ description: 'Null where it was not asked for, too.' })),
    return_value: AnyJson('Any JSON, as it was sent.'),
    execution_time: Seconds('Seconds.'),
    labels: Type.Record(Type.String(), Type.Unknown()),
    error: NamedOrNull('Exception'),
  },
  {
    $id: 'Outcome',
    additionalProperties: true,
    description: "An outcome, whole: taskiq's TaskiqResult. Keys that are not listed come last.",
    examples: [EXAMPLE_OUTCOME],
  },
);

/** All of them, to be registered by their names. */
export const OUTCOME_SCHEMAS = [
  ExceptionReportSchema,
  ExceptionSchema,
  FlatFailureReportSchema,
  SuccessReportSchema,
  FailureReportSchema,
  TaskiqResultSchema,
  OutcomeReportSchema,
  OutcomeSchema,
] as const;
