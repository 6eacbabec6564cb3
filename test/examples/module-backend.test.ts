/** The worked example of a backend of one's own passes the conformance suite, loaded by its URL. */
import { mkdtemp, readdir, rename, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Broker, type ResultBackend, type ResultBackendOptions } from 'resultd';
import t from 'tap';
import { request } from 'undici';
import type { Factory } from '../conformance/factory.js';
import { conformance } from '../conformance/suite.js';
import { ROOT } from '../support/markdown.js';
import { ServiceProcess } from '../support/service-process.js';

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

t.test('the service runs on it, and finds what it acknowledged after a kill', async (t) => {
  const root = await mkdtemp(join(tmpdir(), 'resultd-directory-'));
  t.teardown(() => rm(root, { recursive: true }));
  const options = { flags: ['--backend', url(join(root, 'outcomes'))], cwd: ROOT };
  const before = await ServiceProcess.start(t, options);
  const headers = { 'content-type': 'application/json' };
  const report = { method: 'POST', headers, body: '{"return_value":1.0}' } as const;
  const answer = await request(`${before.origin}/v1/tasks/a:b/result`, report);
  t.equal(answer.statusCode, 201);
  await answer.body.dump();
  before.signal('SIGKILL');
  await before.exited;
  const after = await ServiceProcess.start(t, options);
  const { body } = await request(`${after.origin}/v1/tasks/a:b/result`);
  t.match(await body.text(), '"return_value":1.0,');
});

t.test('a module that is not there is told by its file', async (t) => {
  const broken = Broker.fromUrl('module:./mine.mjs?a=b', { baseDirectory: '/nowhere' });
  await t.rejects(broken, {
    code: 'invalid-parameter',
    message: /"\.\/mine\.mjs" is not there.*"\/nowhere\/mine\.mjs"/,
  });
});
