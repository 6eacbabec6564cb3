/**
 * One item of a batch of writes: a task id, and exactly one of an outcome, an exception, progress or
 * opaque bytes. It means what the request for that task alone would mean.
 */

import { invalidBody, invalidTaskId, listed, shown } from '../../errors.js';
import { decodeString } from '../../json/lexer.js';
import { type DeepMember, scanWrapper } from '../../json/outer-documents.js';
import type { Member } from '../../json/scanner.js';
import { progressState } from '../../record/entry.js';
import {
  type Outcome,
  opaqueOutcome,
  outcomeFromException,
  outcomeFromJson,
} from '../../record/outcome.js';
import { progressFromJson } from '../../record/progress.js';
import type { Conditions } from '../../result-backend/commands.js';
import type { SetManyItem } from '../../result-backend.js';
import { checkTypeLength, opaqueType } from '../media-type.js';
import { mediaType } from '../problem.js';
import { parseIfMatch } from '../request-headers.js';
import { ttlOf } from '../time-to-live.js';
import { booleanOf, fieldsOf, stringOf, wordOf, wrongType } from './fields.js';

/** An item as it was read: what to write, or why it cannot be. */
export interface BatchItem {
  /** As the item says it, valid or not; undefined where it says none. */
  readonly taskId: string | undefined;
  /** An error may be a defect of this service: it is no more than that item's. */
  readonly write: SetManyItem | Error;
}

const KINDS = ['outcome', 'exception', 'progress', 'opaque'] as const;
const KEYS = ['task_id', 'mode', 'ttl', 'if_match', ...KINDS] as const;
const OPAQUE_KEYS = ['content_type', 'base64', 'is_err', 'execution_time'] as const;
type Fields = { readonly [Key in (typeof KEYS)[number]]?: DeepMember };

const MODES = ['create', 'replace'] as const;
/** What a header could hold, as it is answered in one: Latin-1 without control characters. */
const HEADER_VALUE = /^[\t\x20-\x7e\x80-\xff]+$/;
const MEDIA_TYPE = /^[\w!#$&^.+-]+\/[\w!#$&^.+-]+[ \t]*(;|$)/;
const BASE64 = /^[A-Za-z0-9+/]*={0,2}$/;

/** Ids that are longer are no ids, and are not repeated in answers. */
const LONGEST_ID = 255;

/** What an answer to an item repeats of its task id. */
export function shownId(taskId: string | undefined): string | null {
  return taskId === undefined || taskId.length > LONGEST_ID ? null : taskId;
}

/** Reads one item. What is wrong with it is a value, since it fails alone. */
export function readItem(document: Buffer): BatchItem {
  let taskId: string | undefined;
  try {
    const members = scanWrapper(document);
    const named = members.find((member) => member.name === 'task_id');
    if (named?.type === 'string') taskId = decodeString(document, named.start, named.end);
    const fields = fieldsOf(members, KEYS, 'an item');
    if (fields.task_id === undefined) throw invalidBody('the item has no "task_id"');
    if (taskId === undefined) throw invalidTaskId(text(document, fields.task_id));
    return { taskId, write: writeOf(document, fields, taskId) };
  } catch (error) {
    return { taskId, write: error as Error };
  }
}

function writeOf(document: Buffer, fields: Fields, taskId: string): SetManyItem {
  const options = {
    mode: wordOf(document, fields.mode, MODES),
    ttlMs: fields.ttl === undefined ? undefined : ttlOf(document, fields.ttl),
    conditions: fields.if_match === undefined ? undefined : ifMatch(document, fields.if_match),
  };
  const kind = kindOf(fields);
  const value = fields[kind]!;
  if (value.members === undefined) throw wrongType(value, 'an object');
  if (kind !== 'progress') {
    return { taskId, outcome: outcomeOf(document, kind, value.members), options };
  }
  const progress = progressFromJson(document, value.members);
  const registers = options.mode === 'create' && progressState(progress) === 'PENDING';
  return { taskId, progress, options: { ...options, mode: registers ? 'register' : 'replace' } };
}

function kindOf(fields: Fields): (typeof KINDS)[number] {
  let found: (typeof KINDS)[number] | undefined;
  for (const kind of KINDS) {
    if (fields[kind] === undefined) continue;
    if (found !== undefined) {
      throw invalidBody(
        `an item needs exactly one of ${listed(KINDS)}: it has "${found}" and "${kind}"`,
      );
    }
    found = kind;
  }
  if (found === undefined) throw invalidBody(`an item needs exactly one of ${listed(KINDS)}`);
  return found;
}

function outcomeOf(
  document: Buffer,
  kind: 'outcome' | 'exception' | 'opaque',
  members: readonly Member[],
): Outcome {
  if (kind === 'outcome') return outcomeFromJson(document, members);
  if (kind === 'exception') return outcomeFromException(document, members);
  const fields = fieldsOf(members, OPAQUE_KEYS, 'an opaque outcome');
  const contentType = stringOf(document, fields.content_type)?.trim();
  const base64 = stringOf(document, fields.base64);
  if (contentType === undefined || base64 === undefined) {
    throw invalidBody('an opaque outcome needs "content_type" and "base64"');
  }
  const time = fields.execution_time;
  if (time !== undefined && time.type !== 'number') throw wrongType(time, 'a number');
  checkOpaqueType(contentType);
  return opaqueOutcome(decodeBase64(base64), contentType, {
    isErr: booleanOf(document, fields.is_err),
    ...(time === undefined ? {} : { executionTime: text(document, time) }),
  });
}

/** The same types are refused as in a header (see `media-type.ts`). */
function checkOpaqueType(contentType: string): void {
  checkTypeLength(contentType);
  if (!HEADER_VALUE.test(contentType) || !MEDIA_TYPE.test(contentType)) {
    throw mediaType(
      `the content_type ${shown(contentType)} is not a media type`,
      'give one such as application/octet-stream',
    );
  }
  if (opaqueType(contentType) === undefined) {
    throw invalidBody('the opaque outcome is JSON by its content_type: give it as "outcome"');
  }
}

function decodeBase64(base64: string): Buffer {
  if (base64.length % 4 !== 0 || !BASE64.test(base64)) {
    throw invalidBody(
      `"base64" is ${shown(base64)}, which is not base64: encode the bytes as RFC 4648 §4 has it, padded`,
    );
  }
  return Buffer.from(base64, 'base64');
}

/** A version as views show it, an ETag with its quotes, or `*`. */
function ifMatch(document: Buffer, member: Member): Conditions {
  const tag = stringOf(document, member)!;
  const isBare = /^[\x21\x23-\x7e]+$/.test(tag) && tag !== '*';
  return { ifMatch: parseIfMatch('if_match', isBare ? `"${tag}"` : tag) };
}

function text(document: Buffer, { start, end }: Member): string {
  return document.toString('utf8', start, end);
}
