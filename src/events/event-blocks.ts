/**
 * Server-Sent Events as they go onto the wire (WHATWG HTML §9.2.5, §9.2.6). What is written here is
 * whole blocks only, each ended by its empty line, so that any two of them can follow each other.
 */

/** One event. */
export function eventBlock(id: string, type: string, data: string): string {
  return `id: ${id}\nevent: ${type}\ndata: ${dataLines(data)}\n\n`;
}

/** Tells the reader how far it has come, and nothing else: no event is dispatched for it. */
export function idBlock(id: string): string {
  return `id: ${id}\n\n`;
}

/** How long the reader is to wait before it connects again, in milliseconds. */
export function retryBlock(ms: number): string {
  return `retry: ${ms}\n\n`;
}

/** A line that is ignored, and keeps proxies from taking the stream for dead. */
export const COMMENT_BLOCK = ':\n\n';

/**
 * A line break would end the field. In JSON it can only be white space between values, and arrives
 * as a line feed: the format has no way to carry a carriage return.
 */
function dataLines(data: string): string {
  return /[\r\n]/.test(data) ? data.replace(/\r\n|[\r\n]/g, '\ndata: ') : data;
}
