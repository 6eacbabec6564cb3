/** A client that openapi-python-client generates has sound types, and does what a client does. */
import { cpSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { Service } from '../support/service.js';
import { checkSeen, DESCRIPTION, emptyFolder, PROGRAMS, pythonTools, run } from './tools.js';

t.test(
  'a client that openapi-python-client generates has sound types, and does what a client does',
  async (t) => {
    const tools = await pythonTools();
    const folder = emptyFolder('python-client');
    await run(
      join(tools, 'openapi-python-client'),
      ['generate', '--path', DESCRIPTION, '--output-path', join(folder, 'api'), '--meta', 'none'],
      { cwd: folder },
    );
    cpSync(join(PROGRAMS, 'client.py'), join(folder, 'client.py'));
    await run(join(tools, 'mypy'), ['--follow-imports=silent', 'client.py'], { cwd: folder });

    const service = await Service.start(t);
    const client = join(folder, 'client.py');
    await checkSeen(t, service, await run(join(tools, 'python'), [client, service.origin]));
  },
);
