/**
 * The forms that the documents are made of, written so that generated clients get plain types: one
 * `type` with null beside it, one `enum`, numbers that say how precise they are.
 */
import { type TSchema, Type } from 'typebox';

/** Any JSON value. */
export const AnyJson = (description: string) => Type.Unknown({ description });

/** A reference to a named document. */
export const Named = <T = unknown>(name: string) => Type.Unsafe<T>(Type.Ref(name));

/** A named document, or null. */
export const NamedOrNull = (name: string) =>
  Type.Unsafe({ anyOf: [Named(name), { type: 'null' }] });

/** One of a few words. */
export const Words = <const W extends readonly string[]>(words: W, options: object = {}) =>
  Type.Unsafe<W[number]>({ type: 'string', enum: words, ...options });

/** Seconds. A single-precision number would change what was measured. */
export const Seconds = (description: string) => Type.Number({ format: 'double', description });

/** A simple type, or null where there is nothing to say. */
export function OrNull<T extends TSchema>(schema: T) {
  const { type } = schema as T & { type: string };
  return Type.Unsafe<unknown>({ ...schema, type: [type, 'null'] });
}
