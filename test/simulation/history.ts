/**
 * What the actors of a schedule saw: each call with the moment before it and the moment after its
 * answer. A call without an answer may have been done, then or later, or never.
 */

import type { TaskSnapshot } from '../../src/record/snapshot.js';
import type { Verdict } from '../../src/result-backend/commands.js';
import { outcomeIn, progressIn } from './values.js';

/** Conditions as they were sent. */
export interface SentConditions {
  readonly ifMatch?: '*' | readonly string[];
  readonly ifNoneMatch?: '*' | readonly string[];
}

/** What a call asked for; outcomes and progresses by their names (see `values.ts`). */
export type Asked =
  | { readonly kind: 'read' }
  | ({ readonly conditions: SentConditions } & (
      | { readonly kind: 'delete' }
      | { readonly kind: 'consume'; readonly key: string | undefined }
      | { readonly kind: 'expire'; readonly ttlMs: number }
      | {
          readonly kind: 'outcome' | 'progress';
          readonly mode: 'create' | 'register' | 'replace';
          readonly name: string;
          readonly ttlMs: number;
        }
    ));

/** A task as one answer showed it. */
export interface Seen {
  /** The ETag. */
  readonly version: string;
  /** Undefined where there is none; `?` where it was not shown. */
  readonly outcome: string | undefined;
  readonly progress: string | undefined;
  /** Epoch milliseconds; infinite for never. */
  readonly expiresAt: number;
}

export interface Answer {
  readonly verdict: Verdict | 'read';
  /** Undefined: the task is unknown. `unsaid`: the answer does not tell. */
  readonly seen: Seen | undefined | 'unsaid';
}

export interface Call {
  readonly actor: string;
  readonly task: number;
  readonly asked: Asked;
  /** Not in the step that writes: a refusal judges expiry as a read does. */
  readonly isDecidedOnLoad: boolean;
  /** Places in the order of all beginnings and answers; infinite without an answer. */
  readonly begunAt: number;
  answeredAt: number;
  /** Epoch milliseconds. */
  readonly begunMs: number;
  answeredMs: number;
  answer: Answer | undefined;
}

export class History {
  readonly calls: Call[] = [];
  /** Whether the store loads, decides, and then writes. */
  decidesOnLoads = false;
  #place = 0;

  begin(actor: string, task: number, asked: Asked): Call {
    this.#place += 1;
    const call: Call = {
      actor,
      task,
      asked,
      isDecidedOnLoad: this.decidesOnLoads,
      begunAt: this.#place,
      answeredAt: Number.POSITIVE_INFINITY,
      begunMs: Date.now(),
      answeredMs: Number.POSITIVE_INFINITY,
      answer: undefined,
    };
    this.calls.push(call);
    return call;
  }

  end(call: Call, answer: Answer): void {
    this.#place += 1;
    call.answeredAt = this.#place;
    call.answeredMs = Date.now();
    call.answer = answer;
  }

  /** The calls on one task that matter: a read without an answer says nothing. */
  of(task: number): Call[] {
    return this.calls.filter(
      (call) => call.task === task && (call.answer !== undefined || call.asked.kind !== 'read'),
    );
  }
}

export function seenIn(snapshot: TaskSnapshot | undefined): Seen | undefined {
  if (snapshot === undefined) return undefined;
  return {
    version: snapshot.version,
    outcome: outcomeIn(snapshot),
    progress: progressIn(snapshot),
    expiresAt: snapshot.expiresAt ?? Number.POSITIVE_INFINITY,
  };
}

/** One line for people. */
export function described(call: Call): string {
  const { begunAt, answeredAt, actor, task, asked, answer } = call;
  const { kind, ...rest } = asked;
  const result = answer === undefined ? 'no answer' : JSON.stringify(answer);
  return `${begunAt}–${answeredAt} ${actor} task ${task} ${kind} ${JSON.stringify(rest)} → ${result}`;
}
