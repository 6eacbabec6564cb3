/**
 * Completes the API's description: every body has an example, and every problem one for each code
 * that it may have, with the title and the status of the error catalogue, which also says what types
 * of problems there are.
 */
import { CATALOGUE, type ErrorCode, ResultdError } from '../errors.js';
import { PROBLEM_TYPE, problemOf } from './problem.js';

interface Schema {
  examples?: unknown[];
  enum?: string[];
  description?: string;
}

interface MediaType {
  schema?: Schema & { $ref?: string };
  example?: unknown;
  examples?: Record<string, { value?: unknown }>;
}

interface Body {
  content?: Record<string, MediaType>;
}

interface Operation {
  operationId?: string;
  requestBody?: Body;
  responses?: Record<string, Body>;
}

/** What is needed here of an OpenAPI document. */
export interface Description {
  components?: { schemas?: Record<string, Schema> };
  paths?: Record<string, Record<string, Operation | undefined>>;
}

/** What each code may say. */
const DETAILS: Partial<Record<ErrorCode, string>> = {
  'task-unknown': 'task "report-2024-06" is unknown: it was never reported here, or it has expired',
  'outcome-conflict':
    'task "report-2024-06" has another outcome already (SUCCESS), and the first one wins',
  'invalid-parameter': 'the parameter "wait" is "soon", which is not valid',
  'invalid-body': '"log" is of type number: it must be string or null',
};

/** Fills the examples in. Throws where a code is documented under a status that is not its own. */
export function completeDescription(description: Description): void {
  const named = description.components?.schemas ?? {};
  listProblems(named.ProblemType!);
  for (const operations of Object.values(description.paths ?? {})) {
    for (const operation of Object.values(operations)) {
      // The plugin renames every HEAD; these have names of their own.
      if (operation?.operationId !== undefined) {
        operation.operationId = operation.operationId.replace(/-head$/, '');
      }
      completeBody(operation?.requestBody, undefined, named);
      for (const [status, response] of Object.entries(operation?.responses ?? {})) {
        completeBody(response, Number(status), named);
      }
    }
  }
}

function completeBody(
  body: Body | undefined,
  status: number | undefined,
  named: Record<string, Schema>,
): void {
  for (const [type, media] of Object.entries(body?.content ?? {})) {
    if (type === PROBLEM_TYPE) {
      for (const code of Object.keys(media.examples ?? {})) {
        media.examples![code] = { value: exampleOf(code as ErrorCode, status) };
      }
      continue;
    }
    const name = media.schema?.$ref?.split('/').at(-1);
    const example = (name === undefined ? media.schema : named[name])?.examples?.[0];
    if (example !== undefined) media.example ??= structuredClone(example);
  }
}

function exampleOf(code: ErrorCode, status: number | undefined): unknown {
  if (CATALOGUE[code]?.status !== status) {
    throw new Error(`${code} is documented under ${status}, and the catalogue says otherwise`);
  }
  return problemOf(new ResultdError(code, DETAILS[code] ?? CATALOGUE[code].title));
}

/** The types of problems, and a table of what they mean. */
function listProblems(schema: Schema): void {
  const types = Object.entries(CATALOGUE);
  const rows = types.map(
    ([code, { status, title }]) => `| \`urn:resultd:problem:${code}\` | ${status} | ${title} |`,
  );
  schema.enum = types.map(([code]) => `urn:resultd:problem:${code}`);
  schema.description += ['\n', '| type | status | title |', '| --- | --- | --- |', ...rows].join(
    '\n',
  );
}
