/** What every error is answered with, and the answer of a probe. */
import { Type } from 'typebox';
import { Named } from './forms.js';

/** Its words and what they mean are the error catalogue's: `openapi.ts` fills them in. */
export const ProblemTypeSchema = Type.String({
  $id: 'ProblemType',
  description: 'What went wrong, for programs: match on this.',
});

export const ProblemSchema = Type.Object(
  {
    type: Named<string>('ProblemType'),
    title: Type.String({ description: 'The same for all problems of this type.' }),
    status: Type.Integer({ description: "The answer's status." }),
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
  { $id: 'Health', description: 'What a probe is told.', examples: [{ status: 'ok' }] },
);

export const ReadinessSchema = Type.Object(
  {
    status: Type.String(),
    store: Type.Object({
      durable: Type.Boolean({ description: "Outcomes survive the end of the store's process." }),
      listing: Type.Boolean({ description: 'Tasks can be listed and counted.' }),
    }),
  },
  {
    $id: 'Readiness',
    description: 'What a probe is told of a service that is ready.',
    examples: [{ status: 'ok', store: { durable: true, listing: true } }],
  },
);

/** All of them, to be registered by their names. */
export const PROBLEM_SCHEMAS = [
  ProblemTypeSchema,
  ProblemSchema,
  HealthSchema,
  ReadinessSchema,
] as const;
