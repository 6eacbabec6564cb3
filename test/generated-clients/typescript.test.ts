/** Types that openapi-typescript generates hold what a client does. */
import { cpSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { Service } from '../support/service.js';
import { checkSeen, DESCRIPTION, emptyFolder, nodeTools, PROGRAMS, run } from './tools.js';

t.test('types that openapi-typescript generates hold what a client does', async (t) => {
  const tools = await nodeTools();
  const bin = join(tools, 'node_modules/.bin');
  const folder = emptyFolder('typescript-client');
  symlinkSync(join(tools, 'node_modules'), join(folder, 'node_modules'));
  cpSync(join(tools, 'package.json'), join(folder, 'package.json'));
  cpSync(join(PROGRAMS, 'client.ts'), join(folder, 'client.ts'));
  await run(join(bin, 'openapi-typescript'), [DESCRIPTION, '-o', join(folder, 'api.ts')]);
  const strict = ['--strict', '--exactOptionalPropertyTypes', '--noUncheckedIndexedAccess'];
  const modern = ['--target', 'es2022', '--module', 'nodenext', '--lib', 'es2022,dom,dom.iterable'];
  const types = ['--types', 'node', '--typeRoots', join(process.cwd(), 'node_modules/@types')];
  await run(join(bin, 'tsc'), [...strict, ...modern, ...types, 'client.ts'], { cwd: folder });

  const service = await Service.start(t);
  const client = join(folder, 'client.js');
  await checkSeen(t, service, await run(process.execPath, [client, service.origin]));
});
