/**
 * The few outcomes and progresses that a simulation writes, and their names. A reading is named by
 * its bytes: bytes that nobody wrote are a fault of their own.
 */
import { type Outcome, opaqueOutcome, outcomeFromJson } from '../../src/record/outcome.js';
import { progressFromValue } from '../../src/record/progress.js';
import type { TaskSnapshot } from '../../src/record/snapshot.js';

const json = (text: string): Outcome => outcomeFromJson(Buffer.from(text));

export const OUTCOMES: readonly Outcome[] = [
  json('{"return_value":0}'),
  json('{"return_value":1.0,"log":"one"}'),
  json('{"return_value":1.0,"log":"another"}'),
  json('{"error":{"exc_type":"Broken","exc_message":"three"}}'),
  opaqueOutcome(Buffer.from([4, 0, 255]), 'application/x-msgpack'),
];

/** The outcome that ends each task's part in a schedule. */
export const LAST_OUTCOME = json('{"return_value":"last"}');

/** As they are registered, and as they are replaced: over HTTP, `PENDING` alone is registered. */
const STATES = { register: 'PENDING', replace: 'STARTED' } as const;

type ProgressMode = keyof typeof STATES;

export function progressOf(mode: ProgressMode, value: number): Buffer {
  return progressFromValue({ state: STATES[mode], meta: value });
}

const NAMES = new Map<Outcome, string>([
  ...OUTCOMES.map((outcome, n) => [outcome, `outcome ${n}`] as const),
  [LAST_OUTCOME, 'last'],
]);

export function nameOf(outcome: Outcome): string {
  return NAMES.get(outcome)!;
}

/** What a snapshot's outcome is called; `?` where its bytes were not read. */
export function outcomeIn(snapshot: TaskSnapshot): string | undefined {
  if (!snapshot.ready) return undefined;
  const bytes = snapshot.outcome;
  if (bytes === undefined) return '?';
  const text = bytes.toString('latin1');
  for (const [outcome, name] of NAMES) {
    const body = outcome.body.toString('latin1');
    const isIt =
      outcome.log === undefined
        ? text === body
        : text === body.replace('"log":null', `"log":${outcome.log.toString('latin1')}`);
    if (isIt && outcome.isErr === snapshot.isErr) return name;
    // Read without its log, an outcome that has one is told by its body alone.
    if (outcome.log !== undefined && text === body) return '?';
  }
  return `bytes that nobody wrote: ${text}`;
}

export function progressIn(snapshot: TaskSnapshot): string | undefined {
  const { progress } = snapshot;
  return progress === undefined ? undefined : `${progress.state} ${progress.meta}`;
}

export function progressName(mode: ProgressMode, value: number): string {
  return `${STATES[mode]} ${value}`;
}
