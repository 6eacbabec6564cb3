/** The HTTP API over the LMDB backend. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { apiSuite } from './api-suite.js';

apiSuite('lmdb', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'resultd-api-'));
  return {
    url: `lmdb:${folder}`,
    close: () => rm(folder, { recursive: true, force: true }),
  };
});
