/**
 * An outcome as commands print it. The value is printed as its writer spelt it: numbers, escapes and key
 * order are never re-written.
 */

import { counted } from '../errors.js';
import { decodeString } from '../json/lexer.js';
import {
  type JsonType,
  type Member,
  membersOfStored,
  scanValue,
  typeAt,
  walkElements,
  walkMembers,
} from '../json/scanner.js';
import { viewWithOutcome } from '../record/embedded-outcome.js';
import type { TaskSnapshot } from '../record/snapshot.js';
import type { Context } from './command.js';
import { EXIT_CODES } from './exit-codes.js';
import { harmless, oneLine, Style } from './style.js';

const NEW_LINE = Buffer.from('\n');
/** A chain of causes is shown up to here. */
const MOST_CAUSES = 10;
/** So are the arguments of an exception. */
const MOST_ARGUMENTS = 100;
/** What is shown of an exception. */
const SHOWN = ['exc_type', 'exc_message', 'exc_cause', 'exc_context', 'traceback'];

/** Where a value stands. */
interface Value {
  readonly start: number;
  readonly end: number;
  readonly type: JsonType;
}

interface PrintOptions {
  /** Print the outcome itself: its envelope, byte for byte. */
  readonly json: boolean;
}

/**
 * Prints the outcome of a task that was read whole: a value to the standard output, a failure to the
 * error output, and a log, where it was read, there too. Returns the exit code.
 */
export function printOutcome(
  snapshot: TaskSnapshot,
  options: PrintOptions,
  context: Context,
): number {
  const { stdout, stderr } = context;
  if (options.json) {
    stdout.write(Buffer.concat([documentOf(snapshot), NEW_LINE]));
  } else {
    const log = snapshot.isOpaque ? undefined : logOf(snapshot);
    if (log !== undefined) stderr.write(withNewLine(shownOn(stderr, log)));
    if (snapshot.isErr !== true) printValue(snapshot, context);
    else stderr.write(withNewLine(failureText(snapshot, context)));
    // An opaque failure says why in its own bytes.
    if (snapshot.isErr === true && snapshot.isOpaque) printBytes(snapshot, context);
  }
  return codeOf(snapshot);
}

/** The exit code that says what became of a task that is ready. */
export function codeOf({ isErr }: TaskSnapshot): number {
  return isErr === true ? EXIT_CODES.failed.code : EXIT_CODES.success.code;
}

/** What became of a task on one line: its value as JSON, or its exception. */
export function summaryOf(snapshot: TaskSnapshot): string {
  const outcome = snapshot.outcome!;
  if (snapshot.isOpaque) return `${counted(outcome.length, 'byte')} of ${snapshot.contentType}`;
  if (snapshot.isErr === true)
    return oneLine(exceptionLines(snapshot.exception!).at(0) ?? 'failed');
  return oneLine(textAt(outcome, memberOf(outcome, 'return_value')!));
}

/** The outcome as JSON: its envelope, or the status view with the bytes of an opaque one. */
function documentOf(snapshot: TaskSnapshot): Buffer {
  return snapshot.isOpaque ? viewWithOutcome(snapshot) : snapshot.outcome!;
}

function printValue(snapshot: TaskSnapshot, context: Context): void {
  if (snapshot.isOpaque) {
    printBytes(snapshot, context);
    return;
  }
  const outcome = snapshot.outcome!;
  const value = memberOf(outcome, 'return_value')!;
  const text =
    value.type === 'string'
      ? decodeString(outcome, value.start, value.end)
      : textAt(outcome, value);
  context.stdout.write(withNewLine(shownOn(context.stdout, text)));
}

/** Opaque bytes go out as they are, but not to a terminal that they could upset. */
function printBytes({ outcome, contentType }: TaskSnapshot, { stdout, stderr }: Context): void {
  if (stdout.isTTY !== true) {
    stdout.write(outcome!);
  } else if (contentType!.startsWith('text/')) {
    stdout.write(withNewLine(harmless(outcome!.toString())));
  } else {
    stderr.write(
      `${counted(outcome!.length, 'byte')} of ${contentType}: send them into a file or a pipe\n`,
    );
  }
}

function failureText(snapshot: TaskSnapshot, { stderr, settings }: Context): string {
  if (snapshot.isOpaque) return `the task failed, with ${summaryOf(snapshot)}`;
  const style = new Style(stderr, settings.wantsColour);
  const lines = exceptionLines(snapshot.exception!).map((line) => shownOn(stderr, line));
  const [first = 'the task failed, without an exception', ...rest] = lines;
  return [style.red(first), ...rest].join('\n');
}

/** The exception and its causes; no line at all where it is null. */
function exceptionLines(exception: Buffer): string[] {
  const lines: string[] = [];
  let level = exception;
  for (let depth = 0; depth <= MOST_CAUSES && typeAt(level, 0) === 'object'; depth += 1) {
    const { exc_type: type, exc_message: message, ...rest } = firstMembers(level);
    const name = textAt(level, type!, true);
    const text = messageText(level, message!);
    lines.push(`${depth === 0 ? '' : 'caused by '}${name}${text === '' ? '' : `: ${text}`}`);
    if (rest.traceback?.type === 'string') lines.push(textAt(level, rest.traceback, true));
    const cause = [rest.exc_cause, rest.exc_context].find((each) => each?.type === 'object');
    level = cause === undefined ? Buffer.from('null') : level.subarray(cause.start, cause.end);
  }
  return lines;
}

/** The first member of each name that is shown: others may be there by the million. */
function firstMembers(level: Buffer): Partial<Record<string, Value>> {
  const found: Record<string, Value> = {};
  walkMembers(level, 0, (name, start) => {
    const end = scanValue(level, start, 0);
    if (SHOWN.includes(name)) found[name] ??= { start, end, type: typeAt(level, start) };
    return end;
  });
  return found;
}

/** The arguments of an exception: strings as their text, all else as it was sent. */
function messageText(bytes: Buffer, message: Value): string {
  if (message.type !== 'array') return textAt(bytes, message, true);
  const parts: string[] = [];
  let count = 0;
  walkElements(bytes, message.start, (start) => {
    const end = scanValue(bytes, start, 0);
    count += 1;
    if (count <= MOST_ARGUMENTS) {
      parts.push(textAt(bytes, { start, end, type: typeAt(bytes, start) }, true));
    }
    return end;
  });
  if (count > MOST_ARGUMENTS) parts.push(`… and ${count - MOST_ARGUMENTS} more`);
  return parts.join('\n');
}

function textAt(bytes: Buffer, { start, end, type }: Value, isDecoded = false): string {
  return isDecoded && type === 'string'
    ? decodeString(bytes, start, end)
    : bytes.toString('utf8', start, end);
}

function logOf({ outcome }: TaskSnapshot): string | undefined {
  const log = memberOf(outcome!, 'log')!;
  return log.type === 'string' ? decodeString(outcome!, log.start, log.end) : undefined;
}

function memberOf(envelope: Buffer, name: string): Member | undefined {
  return membersOfStored(envelope).find((member) => member.name === name);
}

function shownOn(stream: NodeJS.WriteStream, text: string): string {
  return stream.isTTY === true ? harmless(text) : text;
}

function withNewLine(text: string): string {
  return text.endsWith('\n') ? text : `${text}\n`;
}
