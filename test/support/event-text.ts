/** Server-Sent Events as text, taken apart as the standard says (WHATWG HTML §9.2.6). */

export interface SeenEvent {
  readonly id: string;
  readonly type: string;
  readonly data: string;
}

/** The events in a stream's text so far; what is not ended by an empty line is not one yet. */
export function eventsIn(text: string): SeenEvent[] {
  const events: SeenEvent[] = [];
  for (const block of text.split('\n\n').slice(0, -1)) {
    const fields: Record<string, string[]> = {};
    for (const line of block.split('\n')) {
      const [, name = '', value = ''] = /^([^:]*):? ?(.*)$/s.exec(line)!;
      fields[name] = [...(fields[name] ?? []), value];
    }
    const { id = [''], event = ['message'], data } = fields;
    if (data !== undefined) events.push({ id: id[0]!, type: event[0]!, data: data.join('\n') });
  }
  return events;
}

/** What an event says, in short: `a SUCCESS`, `a removed`, `reset gap`. */
export function brief({ type, data }: SeenEvent): string {
  const { task_id, state, reason } = JSON.parse(data) as Record<string, string>;
  return type === 'reset' ? `reset ${reason}` : `${task_id} ${type === 'status' ? state : type}`;
}

/** The sequence number of an id. */
export function seqOf(id: string): number {
  return Number(/^[0-9a-f]{16}-(\d+)$/.exec(id)![1]);
}

/** The last id of a stream's text, be it an event's or not. */
export function lastIdIn(text: string): string {
  return [...text.matchAll(/^id: (.*)$/gm)].at(-1)?.[1] ?? '';
}
