/** The vectors of `test/vectors`: accepted and kept, accepted and completed, or refused. */
import { readdir, readFile } from 'node:fs/promises';
import { outcomeFromJson } from '../../src/record/outcome.js';
import { errorOf, isError, sameBytes } from './expect.js';
import type { Topic } from './topic.js';

/** Seen from the compiled file. */
const FOLDER = new URL('../../../test/vectors/', import.meta.url);

async function load(kind: string, ending: string): Promise<Map<string, Buffer>> {
  const folder = new URL(`${kind}/`, FOLDER);
  const names = (await readdir(folder)).filter((name) => name.endsWith(ending)).sort();
  const files = names.map(
    async (name): Promise<[string, Buffer]> => [
      name.slice(0, -ending.length),
      await readFile(new URL(name, folder)),
    ],
  );
  const vectors = new Map(await Promise.all(files));
  if (vectors.size === 0) throw new Error(`there are no vectors in ${folder.href}`);
  return vectors;
}

export const vectors: Topic = {
  name: 'vectors',
  cases: {
    'every accepted outcome comes back byte for byte': async (t, context) => {
      const { backend } = context;
      for (const [name, document] of await load('outcomes', '.json')) {
        const taskId = context.taskId();
        await backend.setResult(taskId, outcomeFromJson(document));
        const read = await backend.getResult(taskId, { withLogs: true });
        sameBytes(t, read?.outcome, document, name);
        const again = outcomeFromJson(read!.outcome!);
        t.equal(
          (await backend.setResult(taskId, again, { mode: 'create' })).verdict,
          'unchanged',
          `${name}: what was read is the same outcome`,
        );
      }
    },

    'without logs only the log is missing': async (t, context) => {
      const { backend } = context;
      const document = (await load('outcomes', '.json')).get('with-log')!;
      const taskId = context.taskId();
      await backend.setResult(taskId, outcomeFromJson(document));
      const without = document.toString().replace(/"log":"(?:[^"\\]|\\.)*"/, '"log":null');
      sameBytes(t, (await backend.getResult(taskId))?.outcome, without, 'without logs');
    },

    'every incomplete outcome is completed': async (t, context) => {
      const { backend } = context;
      const completed = await load('rewritten', '.out.json');
      for (const [name, document] of await load('rewritten', '.in.json')) {
        const taskId = context.taskId();
        await backend.setResult(taskId, outcomeFromJson(document));
        const read = await backend.getResult(taskId, { withLogs: true });
        sameBytes(t, read?.outcome, completed.get(name)!, name);
      }
    },

    'every bad outcome is refused, and nothing is stored': async (t, context) => {
      const { backend } = context;
      for (const [name, document] of await load('refused', '.json')) {
        const taskId = context.taskId();
        const store = async () => backend.setResult(taskId, outcomeFromJson(document));
        isError(t, await errorOf(store()), 'invalid-body', name);
        t.equal(await backend.getStatus(taskId), undefined, `${name}: nothing was stored`);
      }
    },
  },
};
