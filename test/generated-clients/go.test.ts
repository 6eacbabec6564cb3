/** A client that oapi-codegen generates compiles, and does what a client does. */
import { cpSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { Service } from '../support/service.js';
import { checkSeen, DESCRIPTION, emptyFolder, goGenerator, PROGRAMS, run } from './tools.js';

const RUNTIME = 'github.com/oapi-codegen/runtime v1.8.0';

t.test('a client that oapi-codegen generates compiles, and does what a client does', async (t) => {
  const module = emptyFolder('go-client');
  const env = { ...process.env, GOFLAGS: '-mod=mod', CGO_ENABLED: '0' };
  writeFileSync(join(module, 'go.mod'), `module resultd.test\n\ngo 1.21\n\nrequire ${RUNTIME}\n`);
  cpSync(join(PROGRAMS, 'client.go'), join(module, 'main.go'));
  const api = emptyFolder('go-client/api');
  const generated = await run(await goGenerator(), [
    '-generate',
    'types,client',
    '-package',
    'api',
    DESCRIPTION,
  ]);
  writeFileSync(join(api, 'api.go'), generated);
  await run('go', ['build', '-o', 'client', '.'], { cwd: module, env });

  const service = await Service.start(t);
  await checkSeen(t, service, await run(join(module, 'client'), [service.origin]));
});
