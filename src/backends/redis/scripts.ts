/**
 * The scripts that carry out commands inside Redis, and their arguments and answers.
 *
 * Each kind of command has a `.lua` file beside this one, a translation of `decide`; the index's
 * layout and the prelude are put in front of it.
 */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { NEVER, type Parts, type TaskEntry } from '../../record/entry.js';
import { decodeHead, encodeDescriptor } from '../../record/head.js';
import {
  type Command,
  type Conditions,
  REPLAY_MS,
  type Reply,
  type Verdict,
} from '../../result-backend/commands.js';

export interface Script {
  readonly source: string;
  /** What EVALSHA knows it by. */
  readonly sha: string;
}

export type Argument = string | Buffer;

/** A command of text alone is cheaper to send than one with bytes in it, up to this size. */
const TEXT_BYTES = 16_384;

/** The layout of the index, then what all commands share. */
const PRELUDE = ['index', 'prelude'];

export const SCRIPTS: Readonly<Record<Command['kind'], Script>> = {
  'set-outcome': script(...PRELUDE, 'set-outcome'),
  'set-progress': script(...PRELUDE, 'set-progress'),
  expire: script(...PRELUDE, 'expire'),
  delete: script(...PRELUDE, 'delete'),
  consume: script(...PRELUDE, 'consume'),
};

export const READ_MANY: Script = script('read-many');

/** In the order of the numbers in the prelude. */
const VERDICTS: readonly (Verdict | undefined)[] = [
  undefined,
  'created',
  'replaced',
  'unchanged',
  'conflict',
  'mismatch',
  'absent',
  'not-ready',
  'done',
];

/** What a command's script is told beside its keys. */
export function argumentsOf(command: Command, channel: string): Argument[] {
  const { ifMatch, ifNoneMatch } = command.conditions;
  const common = [channel, command.taskId, tagsOf(ifMatch), tagsOf(ifNoneMatch)];
  switch (command.kind) {
    case 'set-outcome': {
      const { mode, random, ttlMs, outcome } = command;
      const descriptor = encodeDescriptor(outcome);
      const args: Argument[] = [...common, mode, random, ttlOf(ttlMs)];
      const isText = !outcome.isOpaque && outcome.size <= TEXT_BYTES;
      // JSON is UTF-8: as text it is the same bytes.
      if (isText) args.push(descriptor, outcome.body.toString());
      else args.push(Buffer.from(descriptor, 'latin1'), outcome.body);
      if (outcome.log !== undefined) args.push(isText ? outcome.log.toString() : outcome.log);
      return args;
    }
    case 'set-progress':
      return [...common, command.mode, command.random, ttlOf(command.ttlMs), command.progress];
    case 'expire':
      return [...common, command.random, ttlOf(command.ttlMs)];
    case 'delete':
      return common;
    case 'consume':
      return [...common, command.idempotencyKey ?? '', String(REPLAY_MS)];
  }
}

/** A script's answer: `{ verdict, clock, head, progress }`, and `outcome` and `log` for a consume. */
export type Answer = readonly [
  verdict: number,
  clock: number,
  head: Buffer | null,
  progress: Buffer | null,
  outcome?: Buffer | null,
  log?: Buffer | null,
];

export function replyOf([verdict, , head, progress, body, log]: Answer): Reply {
  return {
    verdict: VERDICTS[verdict]!,
    entry:
      head === null
        ? undefined
        : decodeHead(head, {
            body: body ?? undefined,
            log: log ?? undefined,
            progress: progress ?? undefined,
          }),
  };
}

/** What a read found of the fields that it asked for. */
export type Fields = readonly (Buffer | null)[];

/** The fields that a read asks for, in the order that `entryOf` takes them in. */
export function fieldsOf({ body, log }: Parts): string[] {
  return ['head', 'progress', ...(body ? ['outcome'] : []), ...(log ? ['log'] : [])];
}

/** The entry of the fields that a read found, from `at` on. */
export function entryOf(fields: Fields, { body, log }: Parts, at = 0): TaskEntry | undefined {
  const head = fields[at];
  if (head === null || head === undefined) return undefined;
  return decodeHead(head, {
    progress: fields[at + 1] ?? undefined,
    body: (body && fields[at + 2]) || undefined,
    log: (log && fields[at + (body ? 3 : 2)]) || undefined,
  });
}

const VERSION = /^\d+-[0-9a-f]{16}\.(o|p|op)$/;

/** Conditions as the prelude reads them. What does not look like a version is equal to none. */
function tagsOf(tags: Conditions['ifMatch']): string {
  if (tags === undefined || tags === '*') return tags ?? '';
  return ` ${tags.filter((tag) => VERSION.test(tag)).join(' ')} `;
}

function ttlOf(ttlMs: number): string {
  return ttlMs === NEVER ? 'never' : String(ttlMs);
}

/** The script that files make, one after the other. */
export function script(...names: string[]): Script {
  const source = names.map(sourceOf).join('');
  return { source, sha: createHash('sha1').update(source).digest('hex') };
}

function sourceOf(name: string): string {
  return readFileSync(new URL(`${name}.lua`, import.meta.url), 'utf8');
}
