/**
 * The scripts that carry out commands inside Redis, and their arguments and answers.
 *
 * Each kind of command has a `.lua` file beside this one, a translation of `decide`; the index's
 * layout and the prelude are put in front of it.
 */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import {
  type Command,
  type Conditions,
  REPLAY_MS,
  type Reply,
  type Verdict,
} from '../../commands.js';
import { NEVER } from '../../task-entry.js';
import { decodeHead, encodeDescriptor } from '../../wire/entry-head.js';

export interface Script {
  readonly source: string;
  /** What EVALSHA knows it by. */
  readonly sha: string;
}

export type Argument = string | Buffer;

/** The layout of the index, then what all commands share. */
const PRELUDE = ['index', 'prelude'];

export const SCRIPTS: Readonly<Record<Command['kind'], Script>> = {
  'set-outcome': script(...PRELUDE, 'set-outcome'),
  'set-progress': script(...PRELUDE, 'set-progress'),
  expire: script(...PRELUDE, 'expire'),
  delete: script(...PRELUDE, 'delete'),
  consume: script(...PRELUDE, 'consume'),
};

const KINDS = Object.keys(SCRIPTS) as Command['kind'][];

/** Carries out many commands: see `many.lua`, and `manyArguments`. */
export const MANY: Script = scriptOf(
  [
    'local RUN = {}',
    ...KINDS.map((kind, at) => {
      return `RUN[${at + 1}] = function(KEYS, ARGV)\n${SCRIPTS[kind].source}end`;
    }),
    sourceOf('many'),
  ].join('\n'),
);

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
      const body = [encodeDescriptor(outcome), outcome.body];
      const log = outcome.log === undefined ? [] : [outcome.log];
      return [...common, mode, random, ttlOf(ttlMs), ...body, ...log];
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

/** What `MANY` is told: each command has as many keys, and its own arguments. */
export function manyArguments(
  keysEach: number,
  commands: readonly { readonly kind: Command['kind']; readonly args: readonly Argument[] }[],
): Argument[] {
  const all: Argument[] = [String(keysEach)];
  for (const { kind, args } of commands) {
    all.push(String(KINDS.indexOf(kind) + 1), String(args.length), ...args);
  }
  return all;
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
  return scriptOf(names.map(sourceOf).join(''));
}

function scriptOf(source: string): Script {
  return { source, sha: createHash('sha1').update(source).digest('hex') };
}

function sourceOf(name: string): string {
  return readFileSync(new URL(`${name}.lua`, import.meta.url), 'utf8');
}
