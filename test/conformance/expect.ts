/**
 * What the suite's tests expect, in words: errors by code, bytes exactly, conditions that come
 * true within a deadline.
 */
import { setTimeout as delay } from 'node:timers/promises';
import type { Test } from 'tap';
import { type ErrorCode, ResultdError } from '../../src/errors.js';
import { type Outcome, opaqueOutcome, outcomeFromJson } from '../../src/record/outcome.js';
import type { TaskSnapshot } from '../../src/record/snapshot.js';
import type { WriteReceipt } from '../../src/result-backend.js';
import { until } from '../support/until.js';

export const HOUR_MS = 3_600_000;

/** Short enough to wait for, and long enough for a few more writes to come before it ends, on a busy machine. */
export const SHORT_MS = 2_000;

/**
 * How far an expiry may be from what was asked for, seen after the write: a write may wait for a disk or
 * for replicas. The times that the suite tells apart differ by minutes.
 */
export const CLOCK_TOLERANCE_MS = 20_000;

/** The error that a call ends with; undefined where it succeeds. */
export async function errorOf(call: Promise<unknown>): Promise<unknown> {
  return call.then(
    () => undefined,
    (error: unknown) => error,
  );
}

/** Expects a call to be refused with a code, and with the task's state where one is given. */
export async function refused(
  t: Test,
  call: Promise<unknown>,
  code: ErrorCode,
  taskState?: string,
): Promise<void> {
  const error = await errorOf(call);
  isError(t, error, code, code);
  if (taskState !== undefined && error instanceof ResultdError) {
    t.equal(error.taskState, taskState, `${code} carries the task's state`);
  }
}

/** Expects one of this package's errors. */
export function isError(t: Test, error: unknown, code: ErrorCode, message: string): void {
  if (!(error instanceof ResultdError)) {
    t.fail(`${message}: expected ${code}, found ${String(error)}`);
    return;
  }
  t.equal(error.code, code, `${message} (${error.message})`);
}

/** Expects bytes to be exactly these. */
export function sameBytes(
  t: Test,
  found: Buffer | undefined,
  wanted: Buffer | string,
  message: string,
): void {
  const bytes = Buffer.from(wanted);
  if (found?.equals(bytes) === true) {
    t.pass(message);
    return;
  }
  t.equal(cut(found), cut(bytes), `${message} (${found?.length} of ${bytes.length} bytes)`);
  t.fail(message);
}

function cut(bytes: Buffer | undefined): string {
  return bytes === undefined ? 'undefined' : bytes.toString('latin1', 0, 500);
}

/** Expects two readings of a task to be of one version with one expiry. */
export function sameVersion(
  t: Test,
  found: TaskSnapshot | undefined,
  wanted: TaskSnapshot | undefined,
  message: string,
): void {
  t.ok(wanted?.version, `${message}: there is a version`);
  t.equal(found?.version, wanted?.version, `${message}: the version is the same`);
  t.equal(found?.expiresAt, wanted?.expiresAt, `${message}: the expiry is the same`);
}

/** Expects an expiry `ttlMs` from now. */
export function expiresIn(
  t: Test,
  snapshot: TaskSnapshot | undefined,
  ttlMs: number,
  message: string,
): void {
  const distance = (snapshot?.expiresAt ?? Number.NaN) - Date.now() - ttlMs;
  t.ok(
    Math.abs(distance) <= CLOCK_TOLERANCE_MS,
    `${message}: expires in ${ttlMs} ms (off by ${distance})`,
  );
}

/** Waits until a condition comes true; fails where it hangs. */
export async function eventually(
  t: Test,
  condition: () => boolean | Promise<boolean>,
  message: string,
): Promise<void> {
  await t.resolves(until(message, condition), message);
}

/** Waits until the clock is past an instant (epoch milliseconds). */
export async function pastInstant(instant: number | undefined): Promise<void> {
  if (instant === undefined) throw new Error('there is no instant to wait for');
  while (Date.now() <= instant) await delay(Math.max(1, instant - Date.now()));
}

/** The snapshot of a write that must have left the task known. */
export function snapshotIn(receipt: WriteReceipt | undefined): TaskSnapshot {
  if (receipt?.snapshot === undefined) throw new Error('the write answered without a snapshot');
  return receipt.snapshot;
}

/** The envelope of a success that holds `value`, as it is stored. */
export function successEnvelope(value: unknown, log = 'null'): string {
  return (
    `{"is_err":false,"log":${log},"return_value":${JSON.stringify(value)}` +
    ',"execution_time":0.12,"labels":{"queue":"q"},"error":null}'
  );
}

/** A success that holds `value`. */
export function success(value: unknown, log?: string): Outcome {
  return outcomeFromJson(Buffer.from(successEnvelope(value, log)));
}

export const FAILURE_ENVELOPE =
  '{"is_err":true,"log":null,"return_value":null,"execution_time":0.0,"labels":{},"error":' +
  '{"exc_type":"RuntimeError","exc_message":["task failed",42],"exc_module":"builtins",' +
  '"exc_cause":null,"exc_context":null,"exc_suppress_context":true}}';

export function failure(): Outcome {
  return outcomeFromJson(Buffer.from(FAILURE_ENVELOPE));
}

export function opaque(body: string | Buffer, contentType = 'application/x-thing'): Outcome {
  return opaqueOutcome(Buffer.from(body), contentType);
}
