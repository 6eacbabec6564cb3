/** The flags of `npm run bench`. */
import { parseArgs } from 'node:util';
import { STORES, type Store } from './servers.js';

export const PARTS = [
  ...(['get', 'post', 'waiters', 'wake', 'events'] as const),
  ...(['batch-set', 'batch-get', 'batch-wait', 'replicas'] as const),
] as const;
export type Part = (typeof PARTS)[number];

export interface Options {
  readonly only: ReadonlySet<Part>;
  /** On which stores GET, POST and their batches are measured. */
  readonly stores: ReadonlySet<Store>;
  readonly rounds: number;
  /** How long wrk loads a contestant in one round, after the warm-up. */
  readonly seconds: number;
  readonly warmUpSeconds: number;
  /** Whether the results go into README.md. */
  readonly writes: boolean;
  /** Reports progress. */
  readonly tell: (line: string) => void;
}

export const USAGE = `npm run bench -- [flags]

  --only get,post,waiters,wake,events,batch-set,batch-get,batch-wait,replicas
                                 measure these alone (default: all of them)
  --stores memory,lmdb,redis,nats,postgres
                                 measure get, post and batches on these alone
  --rounds 5                     alternating rounds; the medians of them are reported
  --seconds 2                    how long each server is loaded in a round, after a warm-up of 1 s
  --write                        write the results into bench/README.md
`;

/** Throws an error that says what is wrong. */
export function readOptions(args: readonly string[], tell: (line: string) => void): Options {
  const { values } = parseArgs({
    args: [...args],
    options: {
      only: { type: 'string', default: PARTS.join(',') },
      stores: { type: 'string', default: STORES.join(',') },
      rounds: { type: 'string', default: '5' },
      seconds: { type: 'string', default: '2' },
      write: { type: 'boolean', default: false },
    },
  });
  return {
    only: new Set(values.only.split(',').map((name) => oneOf('--only', PARTS, name))),
    stores: new Set(values.stores.split(',').map((name) => oneOf('--stores', STORES, name))),
    rounds: countOf('--rounds', values.rounds),
    seconds: countOf('--seconds', values.seconds),
    warmUpSeconds: 1,
    writes: values.write,
    tell,
  };
}

function oneOf<Name extends string>(flag: string, names: readonly Name[], text: string): Name {
  const name = names.find((known) => known === text);
  if (name === undefined) throw new Error(`${flag} has "${text}": it takes ${names.join(', ')}`);
  return name;
}

function countOf(flag: string, text: string): number {
  if (!/^[1-9]\d{0,3}$/.test(text)) throw new Error(`${flag} is "${text}": give a whole number`);
  return Number(text);
}
