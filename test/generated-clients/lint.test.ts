/** The description is clean for the two linters that people know: Redocly's and Spectral's. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { DESCRIPTION, nodeTools, run } from './tools.js';

const PROGRAM = `
import { readFile } from 'node:fs/promises';
import { createConfig, lintFromString } from '@redocly/openapi-core';
import spectral from '@stoplight/spectral-core';
import { oas } from '@stoplight/spectral-rulesets';

const source = await readFile(process.argv[2], 'utf8');
const config = await createConfig({ extends: ['recommended'] });
const redocly = (await lintFromString({ source, config })).map(
  ({ ruleId, message, location }) => \`\${ruleId}: \${message} \${location[0]?.pointer}\`,
);
const linter = new spectral.Spectral();
linter.setRuleset({ extends: oas });
const found = (await linter.run(source)).map(
  ({ code, message, path }) => \`\${code}: \${message} \${path.join('/')}\`,
);
console.log(JSON.stringify({ redocly, spectral: found }));
`;

const program = join(await nodeTools(), 'lint.mjs');
writeFileSync(program, PROGRAM);
const found = JSON.parse(await run(process.execPath, [program, DESCRIPTION]));
t.same(found.redocly, [], "Redocly's recommended rules");
t.same(found.spectral, [], "Spectral's rules for OpenAPI");
