/**
 * Checks query parameters against their schemas. Every one of them is a string, or a list of them
 * where it may be given more than once, so nothing is coerced, and a refusal says what the parameter's
 * own description says. One that is not known is refused: misspelt, it would be without effect.
 */
import type { FastifyInstance, FastifySchemaCompiler } from 'fastify';
import { type TObject, type TString, Type } from 'typebox';
import { Compile } from 'typebox/compile';
import { invalidParameter, listed, type ResultdError, shown } from '../errors.js';

interface Check {
  isValid(value: unknown): boolean;
  readonly expected: string;
  /** It takes one value only. */
  readonly isOnce: boolean;
}

/**
 * Fastify's validator compiler, for query parameters alone: bodies are checked as bytes where they
 * are read, ids by the contract, headers by their parsers.
 */
export const queryValidator: FastifySchemaCompiler<TObject> = ({ schema, httpPart }) => {
  // The framework leaves out a part that has no validator.
  if (httpPart !== 'querystring') return undefined as unknown as () => true;
  const checks = new Map<string, Check>();
  for (const [name, parameter] of Object.entries(schema.properties)) {
    const { description = '' } = parameter as TString & { description?: string };
    const checker = Compile(parameter);
    checks.set(name, {
      isValid: (value) => checker.Check(value),
      expected: description,
      isOnce: !('anyOf' in parameter),
    });
  }
  return (query: Record<string, unknown>) => {
    for (const name in query) {
      const check = checks.get(name);
      if (check === undefined) return { error: unknownParameter(name, [...checks.keys()]) };
      if (check.isValid(query[name])) continue;
      const value = query[name];
      const found = check.isOnce && Array.isArray(value) ? 'given more than once' : shown(value);
      const error = invalidParameter(
        `the parameter "${name}" is ${found}, which is not valid. ${check.expected}`,
      );
      return { error };
    }
    return true;
  };
};

/** Has operations that take no parameter refuse every one. Must come before their routes. */
export function checkAllQueries(http: FastifyInstance): void {
  http.addHook('onRoute', ({ url, schema }) => {
    // What tools add when they ask for `/livez` and its like does no harm.
    if (url.startsWith('/v1/') && schema !== undefined) schema.querystring ??= Type.Object({});
  });
}

function unknownParameter(name: string, known: readonly string[]): ResultdError {
  const hint = known.length === 0 ? 'it takes none, so leave it out' : `it takes ${listed(known)}`;
  return invalidParameter(`the parameter ${shown(name)} is not known to this operation: ${hint}`);
}
