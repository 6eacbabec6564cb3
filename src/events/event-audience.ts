/**
 * All readers of events, and what each is told. Readers of the same filter are given the same
 * buffer; one that is behind is given nothing, and reads on from the log when it can.
 */

import type { TaskSnapshot } from '../record/snapshot.js';
import { COMMENT_BLOCK, idBlock } from './event-blocks.js';
import type { EventLog, ResetReason, TaskEvent } from './event-log.js';
import type { EventReader } from './event-reader.js';

export class EventAudience {
  readonly #log: EventLog;
  readonly #readers = new Set<EventReader>();
  /** Those who are told of changes, by their filter. */
  readonly #groups = new Map<string, Set<EventReader>>();
  /** Those who are to be shown the present status of their task first. */
  readonly #starting = new Set<EventReader>();

  constructor(log: EventLog) {
    this.#log = log;
  }

  get size(): number {
    return this.#readers.size;
  }

  get starting(): ReadonlySet<EventReader> {
    return this.#starting;
  }

  all(): EventReader[] {
    return [...this.#readers];
  }

  /** One more reader, which goes on from a position that the log reaches. */
  resume(reader: EventReader, seq: number): void {
    this.#readers.add(reader);
    this.#join(reader);
    reader.resumeAt(seq, this.#log);
  }

  /** One more reader, told first to read anew where there is a reason to. */
  begin(reader: EventReader, reason: ResetReason | undefined): void {
    this.#readers.add(reader);
    const { id, seq } = this.#log;
    if (reason !== undefined) reader.send(this.#log.resetBlock(reason), seq);
    if (reader.startsWith !== undefined) {
      this.#starting.add(reader);
      return;
    }
    this.#join(reader);
    reader.send(idBlock(id), seq);
  }

  /** The one place where a reader goes; false where it has gone. */
  remove(reader: EventReader): boolean {
    this.#starting.delete(reader);
    this.#leaveGroup(reader);
    return this.#readers.delete(reader);
  }

  /** Tells of events that the log has just taken in, one for each task. */
  tell(events: ReadonlyMap<string, TaskEvent>): void {
    for (const reader of this.#readers) {
      const { cursor } = reader;
      if (cursor !== undefined && !this.#log.reaches(cursor)) this.#drop(reader, 'slow');
    }
    for (const readers of this.#groups.values()) {
      const [first] = readers;
      const selected = first!.filter.select(events);
      if (selected.length > 0) this.#send(selected, readers);
    }
  }

  /** Shows a starting reader the status that a read has just found, and tells it of later ones. */
  show(reader: EventReader, snapshot: TaskSnapshot | undefined): void {
    if (!this.#starting.delete(reader)) return;
    this.#join(reader);
    reader.shown = snapshot?.version;
    const { id, seq } = this.#log;
    reader.send(snapshot === undefined ? idBlock(id) : this.#log.statusBlock(snapshot), seq);
  }

  /** The log was cut: all have to read anew what they want to know. */
  reset(): void {
    for (const reader of this.#readers) {
      if (reader.cursor !== undefined) {
        this.#drop(reader, 'lost');
        continue;
      }
      reader.send(this.#log.resetBlock('lost'), this.#log.seq);
      if (reader.startsWith === undefined) continue;
      this.#leaveGroup(reader);
      this.#starting.add(reader);
    }
  }

  /** Keeps streams open, and tells readers how far they have come: a filter may let little through. */
  beat(): void {
    const { id, seq } = this.#log;
    const toLive = Buffer.from(COMMENT_BLOCK + idBlock(id));
    for (const reader of this.#readers) {
      if (reader.cursor !== undefined) continue;
      reader.send(this.#starting.has(reader) ? COMMENT_BLOCK : toLive, seq);
    }
  }

  #send(events: readonly TaskEvent[], readers: ReadonlySet<EventReader>): void {
    const buffer = Buffer.from(events.map((event) => event.block).join(''));
    const only = events.length === 1 ? events[0]!.version : undefined;
    for (const reader of readers) {
      const isShown = only !== undefined && only === reader.shown;
      if (reader.cursor === undefined && !isShown) reader.send(buffer, this.#log.seq);
    }
  }

  #drop(reader: EventReader, reason: ResetReason): void {
    this.remove(reader);
    reader.end(this.#log.resetBlock(reason));
  }

  #join(reader: EventReader): void {
    const { key } = reader.filter;
    const group = this.#groups.get(key);
    if (group === undefined) this.#groups.set(key, new Set([reader]));
    else group.add(reader);
  }

  #leaveGroup(reader: EventReader): void {
    const { key } = reader.filter;
    const group = this.#groups.get(key);
    group?.delete(reader);
    if (group?.size === 0) this.#groups.delete(key);
  }
}
