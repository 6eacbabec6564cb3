/**
 * A process with an LMDB backend, for tests that kill it or take its disk away.
 * Arguments: the directory. Commands, a line each, and what it prints:
 * - `write <id>`: `writing <id>`, then `acked <id>` or `failed <id> <code>`
 * - `load <writers> <prefix>`: writes without end, `acked <id>` each
 * - `read <id>`: `read <id> same`, `other` or `absent`, or the code of the error
 * - `ping`: `ping ok` or `ping <code>`
 * The end of its input shuts it down.
 */
import { createInterface } from 'node:readline';
import { LmdbBackend } from '../../src/backends/lmdb/lmdb-backend.js';
import type { ResultdError } from '../../src/errors.js';
import { outcomeOf } from './outcome-of.js';
import { readBack } from './read-back.js';

const backend = new LmdbBackend({ directory: process.argv[2]! });

async function write(id: string): Promise<void> {
  console.log(`writing ${id}`);
  try {
    await backend.setResult(id, outcomeOf(id), { mode: 'create' });
    console.log(`acked ${id}`);
  } catch (error) {
    console.log(`failed ${id} ${codeOf(error)}`);
  }
}

async function load(writers: number, prefix: string): Promise<void> {
  let count = 0;
  const writeOn = async (): Promise<void> => {
    for (;;) {
      count += 1;
      const id = `${prefix}-${count}`;
      await backend.setResult(id, outcomeOf(id), { mode: 'create' });
      console.log(`acked ${id}`);
    }
  };
  await Promise.all(Array.from({ length: writers }, writeOn));
}

async function carryOut(line: string): Promise<void> {
  const [command, first = '', second = ''] = line.split(' ');
  if (command === 'write') await write(first);
  if (command === 'load') await load(Number(first), second);
  if (command === 'read') {
    console.log(`read ${first} ${await readBack(backend, first).catch(codeOf)}`);
  }
  if (command === 'ping') {
    console.log(`ping ${await backend.ping().then(() => 'ok', codeOf)}`);
  }
}

function codeOf(error: unknown): string {
  return (error as ResultdError).code ?? String(error);
}

await backend.startup();
console.log('ready');
for await (const line of createInterface({ input: process.stdin })) await carryOut(line);
await backend.shutdown();
