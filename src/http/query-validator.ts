/**
 * Checks query parameters against their schemas. Every value is text, and stays text: what a number or
 * a boolean looks like is checked here, and nothing is coerced. A refusal says what the parameter's
 * own description says. One that is not known is refused: misspelt, it would be without effect.
 */
import type { FastifyInstance, FastifySchemaCompiler } from 'fastify';
import { type TObject, type TSchema, Type } from 'typebox';
import { Compile } from 'typebox/compile';
import { invalidParameter, listed, type ResultdError, shown } from '../errors.js';

interface Check {
  isValid(text: string): boolean;
  readonly expected: string;
  /** It may be given several times. */
  readonly isList: boolean;
}

interface ParameterSchema {
  readonly type?: string;
  readonly description?: string;
  readonly items?: TSchema;
}

/** What a value of a type looks like in a query. */
const TEXTS: Readonly<Record<string, RegExp>> = {
  boolean: /^(true|false)$/,
  /** As JSON writes it, since it is stored so. */
  number: /^-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?$/,
  /** Any number: who takes it makes an integer of it. */
  integer: /^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/,
};

/**
 * Fastify's validator compiler, for query parameters alone: bodies are checked as bytes where they
 * are read, ids by the contract, headers by their parsers.
 */
export const queryValidator: FastifySchemaCompiler<TObject> = ({ schema, httpPart }) => {
  // The framework leaves out a part that has no validator.
  if (httpPart !== 'querystring') return undefined as unknown as () => true;
  const checks = new Map<string, Check>();
  for (const [name, parameter] of Object.entries(schema.properties)) {
    checks.set(name, checkOf(parameter));
  }
  return (query: Record<string, string | string[]>) => {
    for (const name in query) {
      const check = checks.get(name);
      if (check === undefined) return { error: unknownParameter(name, [...checks.keys()]) };
      const value = query[name]!;
      const isRepeated = Array.isArray(value);
      const isValid = isRepeated
        ? check.isList && value.every((text) => check.isValid(text))
        : check.isValid(value);
      if (isValid) continue;
      const found = isRepeated && !check.isList ? 'given more than once' : shown(value);
      const error = invalidParameter(
        `the parameter "${name}" is ${found}, which is not valid. ${check.expected}`,
      );
      return { error };
    }
    return true;
  };
};

function checkOf(parameter: TSchema): Check {
  const { type = '', description: expected = '', items } = parameter as ParameterSchema;
  const text = TEXTS[type];
  const checker = Compile(items ?? parameter);
  return {
    isValid: text === undefined ? (value) => checker.Check(value) : (value) => text.test(value),
    expected,
    isList: items !== undefined,
  };
}

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
