/** Which bodies are taken, by their headers: JSON, opaque, or refused with 415. */
import type { IncomingHttpHeaders } from 'node:http';
import { shown } from '../errors.js';
import { JSON_TYPE } from '../record/outcome.js';
import { mediaType } from './problem.js';

/** What a form or a missing header means: a client that did not say what it sends. */
const UNSAID = new Set(['application/x-www-form-urlencoded', 'multipart/form-data']);

/** The longest Content-Type, in characters: what is stored of it goes out again as one header. */
const LONGEST_TYPE = 1_024;

export const NDJSON_TYPE = 'application/x-ndjson';

/** Whether the body is said to be lines of JSON, to which no limit applies as a whole. */
export function isNdjson(headers: IncomingHttpHeaders): boolean {
  const [type = ''] = (headers['content-type'] ?? '').split(';', 1);
  return type.trim().toLowerCase() === NDJSON_TYPE;
}

/** Throws `media-type` unless the body is said to be lines of JSON in UTF-8. */
export function requireNdjson(headers: IncomingHttpHeaders): void {
  const contentType = headers['content-type'];
  if (!isNdjson(headers)) {
    throw mediaType(
      `the Content-Type is ${shown(contentType)}, but JSON or ${NDJSON_TYPE} is needed`,
    );
  }
  for (const parameter of contentType?.split(';').slice(1) ?? []) checkCharset(parameter);
}

/** Throws `media-type` unless the body is said to be JSON in UTF-8. */
export function requireJson(headers: IncomingHttpHeaders): void {
  if (outcomeType(headers) !== undefined) {
    throw mediaType(`the Content-Type is ${shown(headers['content-type'])}, but JSON is needed`);
  }
}

/**
 * The content type of an opaque outcome; undefined where the body is JSON. Throws `media-type`
 * where it is not said what the body is, or where it is encoded.
 */
export function outcomeType(headers: IncomingHttpHeaders): string | undefined {
  const encoding = headers['content-encoding'];
  if (encoding !== undefined && encoding.toLowerCase() !== 'identity') {
    throw mediaType(
      `the Content-Encoding ${shown(encoding)} is not taken`,
      `send the body as it is, without -H 'Content-Encoding: ${encoding.slice(0, 100)}'`,
    );
  }
  const contentType = headers['content-type'];
  if (contentType === undefined || contentType.trim() === '') {
    throw mediaType('the request has no Content-Type');
  }
  return opaqueType(contentType);
}

/** The same of a content type alone. */
export function opaqueType(contentType: string): string | undefined {
  if (contentType === JSON_TYPE) return undefined;
  const [type = '', ...parameters] = contentType.split(';');
  const essence = type.trim().toLowerCase();
  if (UNSAID.has(essence)) throw mediaType(`the Content-Type is ${shown(contentType)}`);
  if (essence !== JSON_TYPE) {
    checkTypeLength(contentType);
    return contentType;
  }
  for (const parameter of parameters) checkCharset(parameter);
  return undefined;
}

/** Throws `media-type` where it is longer than any type is. */
export function checkTypeLength(contentType: string): void {
  if (contentType.length <= LONGEST_TYPE) return;
  throw mediaType(
    `the Content-Type ${shown(contentType)} is longer than ${LONGEST_TYPE} characters`,
    'send a shorter one',
  );
}

function checkCharset(parameter: string): void {
  const [name = '', value = ''] = parameter.split('=', 2);
  if (name.trim().toLowerCase() !== 'charset') return;
  if (/^"?utf-?8"?$/i.test(value.trim())) return;
  throw mediaType(`the charset ${shown(value.trim())} is not UTF-8`);
}
