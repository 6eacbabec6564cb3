/**
 * The worked example of a store of one's own, and with it the base of compare-and-swap stores, passes
 * the conformance suite: on a map with calls that overlap, and swaps that lose at random.
 */
import { readFileSync } from 'node:fs';
import { Broker } from 'resultd';
import t from 'tap';
import { request } from 'undici';
import type { Factory } from '../conformance/factory.js';
import { Random, testSeed } from '../conformance/random.js';
import { conformance } from '../conformance/suite.js';
import { MapBackend, TroubledStore } from '../support/map-store.js';
import { fences, ROOT, readDocument, section } from '../support/markdown.js';
import { ServiceProcess } from '../support/service-process.js';

const random = new Random(testSeed());

const map: Factory = {
  name: 'a map that can swap (example)',
  async open() {
    const store = new TroubledStore(random);
    return {
      create: (options) => new MapBackend(store, options),
      countStored: async () => store.rows.size,
      outage: {
        begin: async () => store.faults.begin('gone'),
        end: async () => store.faults.heal(),
      },
      async close() {},
    };
  },
};

conformance(map);

t.test('the service runs on it', async (t) => {
  const backend = 'module:./examples/module-backend/map-backend.mjs';
  const { origin } = await ServiceProcess.start(t, { flags: ['--backend', backend], cwd: ROOT });
  const headers = { 'content-type': 'application/json' };
  const report = { method: 'POST', headers, body: '{"return_value":1.0}' } as const;
  const answer = await request(`${origin}/v1/tasks/a:b/result`, report);
  t.equal(answer.statusCode, 201);
  await answer.body.dump();
  const { body } = await request(`${origin}/v1/tasks/a:b/result`);
  t.match(await body.text(), '"return_value":1.0,');
  const list = await request(`${origin}/v1/tasks`);
  t.equal(list.statusCode, 501, 'it cannot list');
  await list.body.dump();
});

t.test('what the documentation shows of it is what it is', async (t) => {
  const shown = fences(section(readDocument('docs/backends.md'), '## Your own'));
  const code = readFileSync(`${ROOT}examples/module-backend/map-backend.mjs`, 'utf8');
  const blocks = shown.filter(({ language }) => language === 'js');
  t.equal(blocks.length, 1);
  for (const { text } of blocks) t.ok(code.includes(text), text);
});

t.test('a module that is not there is told by its file', async (t) => {
  const broken = Broker.fromUrl('module:./mine.mjs?a=b', { baseDirectory: '/nowhere' });
  await t.rejects(broken, {
    code: 'invalid-parameter',
    message: /"\.\/mine\.mjs" is not there.*"\/nowhere\/mine\.mjs"/,
  });
});
