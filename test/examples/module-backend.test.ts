/** The worked example of a backend of one's own passes the conformance suite, loaded by its URL. */
import { mkdtemp, readdir, rename, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ResultBackend, ResultBackendOptions } from 'resultd';
import { Broker } from 'resultd';
import type { Factory } from '../conformance/factory.js';
import { conformance } from '../conformance/suite.js';

const url = (directory: string) =>
  `module:./examples/module-backend/directory-backend.mjs?directory=${encodeURIComponent(directory)}`;

/** The class that the broker makes, so that the suite can make more of them at once. */
const { resultBackend } = await Broker.fromUrl(url('/nowhere'));
const DirectoryBackend = resultBackend.constructor as new (
  directory: string,
  options?: ResultBackendOptions,
) => ResultBackend;

const directoryFactory: Factory = {
  name: 'directory (example)',
  deviations: [
    {
      test: 'outage: a subscription lives through it, and says that it may have missed some',
      reason:
        'only this process writes, and it notifies in memory: an outage makes it miss nothing',
    },
  ],
  async open() {
    const root = await mkdtemp(join(tmpdir(), 'resultd-directory-'));
    const directory = join(root, 'outcomes');
    return {
      create: (options) => new DirectoryBackend(directory, options),
      async countStored() {
        const names = await readdir(directory).catch(() => []);
        return names.filter((name) => /^[0-9a-f]{64}$/.test(name)).length;
      },
      outage: {
        begin: async () => rename(root, `${root}-away`),
        end: async () => rename(`${root}-away`, root),
      },
      close: async () => rm(root, { recursive: true }),
    };
  },
};

conformance(directoryFactory);
