/**
 * What has happened lately: the latest event of each task, in order, within a window of sequence
 * numbers. A reader is a position in it, so one that was away or is slow costs no memory of its own,
 * and is sent the latest of each task once it reads on. What has left the window is a gap.
 */
import { randomBytes } from 'node:crypto';
import type { TaskSnapshot } from '../record/snapshot.js';
import { eventBlock } from './event-blocks.js';

export interface TaskEvent {
  readonly seq: number;
  readonly taskId: string;
  /** Undefined where the task has gone. */
  readonly version: string | undefined;
  /** The state as shown; undefined where the task has gone. */
  readonly state: string | undefined;
  /** As it goes onto the wire. */
  readonly block: string;
}

/** Why a reader must read anew what it wants to know. */
export type ResetReason = 'unknown-epoch' | 'gap' | 'lost' | 'slow';

interface EventLogOptions {
  /** How many events the window reaches back. */
  readonly maxEvents: number;
  /** How many characters of events are kept at most. */
  readonly maxLength: number;
}

const ID = /^([0-9a-f]{16})-(\d{1,15})$/;

export class EventLog {
  /** No other process, nor this one after a restart, gives ids that look like ours. */
  readonly #epoch = randomBytes(8).toString('hex');
  readonly #options: EventLogOptions;
  /** The event `seq` stands at `seq % maxEvents`, until a later one of its task has come. */
  readonly #ring: (TaskEvent | undefined)[];
  readonly #latest = new Map<string, TaskEvent>();
  #length = 0;
  #seq = 0;
  /** The window begins after this. */
  #floor = 0;

  constructor(options: EventLogOptions) {
    this.#options = options;
    this.#ring = new Array<undefined>(options.maxEvents).fill(undefined);
  }

  /** The last sequence number given. */
  get seq(): number {
    return this.#seq;
  }

  /** The id of the last event: who has it has seen everything. */
  get id(): string {
    return this.#idOf(this.#seq);
  }

  /** The sequence number that an id stands for, or why one cannot go on from there. */
  positionOf(id: string): number | ResetReason {
    const [, epoch, digits] = ID.exec(id) ?? [];
    if (epoch !== this.#epoch) return 'unknown-epoch';
    const seq = Number(digits);
    return this.reaches(seq) ? seq : 'gap';
  }

  /** Whether everything after this sequence number is still here. */
  reaches(seq: number): boolean {
    return seq >= this.#floor && seq <= this.#seq;
  }

  /** Notes what a read has found; undefined where the last event of the task says the same. */
  append(taskId: string, snapshot: TaskSnapshot | undefined): TaskEvent | undefined {
    const before = this.#latest.get(taskId);
    if (before !== undefined && before.version === snapshot?.version) return undefined;
    this.#seq += 1;
    const event: TaskEvent = {
      seq: this.#seq,
      taskId,
      version: snapshot?.version,
      state: snapshot?.state,
      block:
        snapshot === undefined
          ? eventBlock(this.id, 'removed', `{"task_id":"${taskId}"}`)
          : this.statusBlock(snapshot),
    };
    if (before !== undefined) this.#remove(before);
    if (this.#seq - this.#floor > this.#options.maxEvents) this.#forgetOldest();
    this.#ring[this.#slotOf(event.seq)] = event;
    this.#latest.set(taskId, event);
    this.#length += event.block.length;
    while (this.#length > this.#options.maxLength) this.#forgetOldest();
    return event;
  }

  /** A status as an event with the last id. */
  statusBlock(snapshot: TaskSnapshot): string {
    return eventBlock(this.id, 'status', snapshot.toStatusView());
  }

  /** A reset as an event with the last id: who has it may go on from here. */
  resetBlock(reason: ResetReason): string {
    return eventBlock(this.id, 'reset', `{"reason":"${reason}"}`);
  }

  /** The events after a sequence number that is reached, the latest of each task, in order. */
  *after(seq: number): Generator<TaskEvent> {
    for (let next = seq + 1; next <= this.#seq; next += 1) {
      const event = this.#ring[this.#slotOf(next)];
      if (event !== undefined) yield event;
    }
  }

  /** Forgets everything: nobody can go on from an id that was given before. */
  cut(): void {
    this.#seq += 1;
    this.#floor = this.#seq;
    this.#ring.fill(undefined);
    this.#latest.clear();
    this.#length = 0;
  }

  #forgetOldest(): void {
    this.#floor += 1;
    const oldest = this.#ring[this.#slotOf(this.#floor)];
    if (oldest !== undefined) this.#remove(oldest);
  }

  #remove(event: TaskEvent): void {
    this.#ring[this.#slotOf(event.seq)] = undefined;
    this.#latest.delete(event.taskId);
    this.#length -= event.block.length;
  }

  #slotOf(seq: number): number {
    return seq % this.#options.maxEvents;
  }

  #idOf(seq: number): string {
    return `${this.#epoch}-${seq}`;
  }
}
