/** The LMDB backend passes the conformance suite, in a fresh directory for each store. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { LmdbBackend } from '../../src/backends/lmdb/lmdb-backend.js';
import type { Factory } from '../conformance/factory.js';
import { conformance } from '../conformance/suite.js';

const lmdb: Factory = {
  name: 'lmdb',
  async open() {
    const directory = await mkdtemp(join(tmpdir(), 'resultd-lmdb-'));
    const backends: LmdbBackend[] = [];
    return {
      create(options) {
        const backend = new LmdbBackend({ ...options, directory });
        backends.push(backend);
        return backend;
      },
      async countStored() {
        return backends.reduce((sum, backend) => sum + backend.storedTasks, 0);
      },
      async close() {
        await rm(directory, { recursive: true });
      },
    };
  },
};

conformance(lmdb);
