/** The flags of `npm run bench`. */
import { parseArgs } from 'node:util';

export const PARTS = [
  ...(['get', 'post', 'waiters', 'wake', 'events'] as const),
  ...(['batch-set', 'batch-get', 'batch-wait', 'replicas'] as const),
] as const;
export type Part = (typeof PARTS)[number];

export interface Options {
  readonly only: ReadonlySet<Part>;
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
      rounds: { type: 'string', default: '5' },
      seconds: { type: 'string', default: '2' },
      write: { type: 'boolean', default: false },
    },
  });
  return {
    only: new Set(values.only.split(',').map(partOf)),
    rounds: countOf('--rounds', values.rounds),
    seconds: countOf('--seconds', values.seconds),
    warmUpSeconds: 1,
    writes: values.write,
    tell,
  };
}

function partOf(name: string): Part {
  const part = PARTS.find((known) => known === name);
  if (part === undefined) throw new Error(`--only has "${name}": it takes ${PARTS.join(', ')}`);
  return part;
}

function countOf(flag: string, text: string): number {
  if (!/^[1-9]\d{0,3}$/.test(text)) throw new Error(`${flag} is "${text}": give a whole number`);
  return Number(text);
}
