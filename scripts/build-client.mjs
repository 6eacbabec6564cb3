// Makes the package `resultd-client` in clients/typescript: the compiled src/client.ts and all that it
// reaches, of the same sources as the service. Run `npm run build` first.
import { copyFileSync, cpSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';

const ROOT = new URL('..', import.meta.url).pathname;
const TARGET = join(ROOT, 'clients/typescript');

rmSync(join(TARGET, 'dist'), { recursive: true, force: true });
copyFileSync(join(ROOT, 'LICENSE'), join(TARGET, 'LICENSE'));

const seen = new Set();
const visit = (file) => {
  if (seen.has(file)) return;
  seen.add(file);
  mkdirSync(dirname(join(TARGET, file)), { recursive: true });
  cpSync(join(ROOT, file), join(TARGET, file));
  const text = readFileSync(join(ROOT, file), 'utf8');
  for (const [, specifier] of text.matchAll(/(?:\bfrom|\bimport|\bimport\()\s*'(\.[^']+)'/g)) {
    const name = normalize(join(dirname(file), specifier));
    visit(file.endsWith('.d.ts') ? name.replace(/\.js$/, '.d.ts') : name);
  }
  if (file.endsWith('.js')) {
    visit(file.replace(/\.js$/, '.d.ts'));
    cpSync(join(ROOT, `${file}.map`), join(TARGET, `${file}.map`));
  }
};
visit('dist/src/client.js');
