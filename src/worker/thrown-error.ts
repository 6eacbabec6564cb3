/**
 * What a function threw, as the exception record of its outcome (taskiq's ExceptionRepr). It may be
 * any value, and behave badly: getters that throw, causes in a circle, texts without end.
 */
import { inspect, types } from 'node:util';
import { jsonOf } from '../json/values.js';

interface ExceptionRecord extends Readonly<Record<string, unknown>> {
  readonly exc_type: string;
  readonly exc_message: readonly unknown[];
  readonly exc_module: null;
  readonly exc_cause: ExceptionRecord | null;
  readonly exc_context: null;
  /** As Python has it where a cause is given: there is nothing else to see. */
  readonly exc_suppress_context: boolean;
  /** The error's stack; left out where it has none. */
  readonly traceback?: string;
}

/** How many causes of causes are kept. */
const MOST_CAUSES = 16;
/** The longest text, in characters: of a message, or of a stack. */
const LONGEST_TEXT = 64 * 1_024;

/** The record of what was thrown. Every value in it can be written as JSON. */
export function exceptionRecord(thrown: unknown): ExceptionRecord {
  return recordOf(thrown, new Set());
}

function recordOf(thrown: unknown, seen: Set<unknown>): ExceptionRecord {
  seen.add(thrown);
  if (!isError(thrown)) return record('ThrownValue', [safeValue(thrown)], {});
  const cause = attempt(() => thrown.cause);
  const isKept =
    cause !== undefined && cause !== null && !seen.has(cause) && seen.size <= MOST_CAUSES;
  const stack = attempt(() => thrown.stack);
  return record(typeOf(thrown), messagesOf(thrown), {
    cause: isKept ? recordOf(cause, seen) : null,
    traceback: typeof stack === 'string' ? cut(stack) : undefined,
  });
}

/** Errors of another realm too, such as `vm`'s; what cannot be looked at is none. */
function isError(thrown: unknown): thrown is Error {
  return types.isNativeError(thrown) || attempt(() => thrown instanceof Error) === true;
}

function record(
  type: string,
  messages: readonly unknown[],
  { cause = null, traceback }: { cause?: ExceptionRecord | null; traceback?: string | undefined },
): ExceptionRecord {
  return {
    exc_type: type,
    exc_message: messages,
    exc_module: null,
    exc_cause: cause,
    exc_context: null,
    exc_suppress_context: cause !== null,
    ...(traceback === undefined ? {} : { traceback }),
  };
}

/** Its `name`, or where that says nothing its class's. */
function typeOf(error: Error): string {
  const name = attempt(() => error.name);
  const className = attempt(() => error.constructor.name);
  const type = typeof name === 'string' && name !== '' && name !== 'Error' ? name : className;
  return typeof type === 'string' && type !== '' ? cut(type) : 'Error';
}

/** The message; of an error that stands for several (AggregateError), those of its errors too. */
function messagesOf(error: Error): unknown[] {
  const messages = [safeValue(attempt(() => error.message) ?? '')];
  const errors = attempt(() => (error as { errors?: unknown }).errors);
  const texts = attempt(() => (Array.isArray(errors) ? errors.slice(0, 100).map(textOf) : []));
  return [...messages, ...(texts ?? [])];
}

/** The value where JSON can hold it and it is not too long, else a text for it. */
function safeValue(value: unknown): unknown {
  if (typeof value === 'string') return cut(value);
  try {
    const json = jsonOf(value, 'it');
    return json.length > LONGEST_TEXT ? cut(json) : JSON.parse(json);
  } catch {
    return textOf(value);
  }
}

function textOf(value: unknown): string {
  const text = attempt(() => String(value));
  // What its class does not say of it may be seen in it.
  const says = text !== undefined && text !== '[object Object]';
  return cut((says ? text : attempt(() => inspect(value))) ?? 'a value that cannot be shown');
}

function cut(text: string): string {
  return text.length > LONGEST_TEXT ? `${text.slice(0, LONGEST_TEXT)}…` : text;
}

/** Undefined where looking at it throws. */
function attempt<T>(look: () => T): T | undefined {
  try {
    return look();
  } catch {
    return undefined;
  }
}
