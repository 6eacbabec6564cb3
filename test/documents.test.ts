/** The documents say what the code does: settings, errors, routes, links and paths. */
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import t from 'tap';
import { StatusViewSchema } from '../schemas/tasks.js';
import { buildApp } from '../src/app.js';
import { Broker } from '../src/broker.js';
import { listSettings } from '../src/config.js';
import { CATALOGUE } from '../src/errors.js';
import { documents, fences, ROOT, readDocument, section, tableRows } from './support/markdown.js';

const withoutCode = (text: string): string => text.replace(/^```[\s\S]*?^```$/gm, '');

t.test('every relative link leads somewhere, to a heading too', async (t) => {
  let links = 0;
  for (const path of documents()) {
    for (const [, target] of withoutCode(readDocument(path)).matchAll(/\]\(([^)\s]+)\)/g)) {
      if (/^[a-z]+:/.test(target!)) continue;
      links += 1;
      const [file, anchor] = target!.split('#', 2);
      const found = file === '' ? path : join(dirname(path), file!);
      t.ok(existsSync(join(ROOT, found)), `${path}: ${target}`);
      if (anchor !== undefined) t.ok(anchorsOf(found).includes(anchor), `${path}: ${target}`);
    }
  }
  t.ok(links > 5, `${links} links`);
});

function anchorsOf(path: string): string[] {
  return [...readDocument(path).matchAll(/^#+ (.+)$/gm)].map(([, heading]) =>
    heading!
      .toLowerCase()
      .replace(/[^\w -]/g, '')
      .replaceAll(' ', '-'),
  );
}

t.test('every path that a document names is there', async (t) => {
  const pattern =
    /`((?:src|routes|schemas|test|docs|examples|deploy|bench|scripts)(?:\/[\w.-]+)*\/?|[\w.-]+\.(?:yml|yaml))`/g;
  let paths = 0;
  for (const document of documents()) {
    for (const [, path] of withoutCode(readDocument(document)).matchAll(pattern)) {
      paths += 1;
      t.ok(existsSync(join(ROOT, path!)), `${document}: ${path}`);
    }
  }
  t.ok(paths > 10, `${paths} paths`);
});

t.test('the tree in docs/architecture.md is what is there', async (t) => {
  const tree = fences(section(readDocument('docs/architecture.md'), '## Files'))[0]!.text;
  let folder = '';
  for (const line of tree.trimEnd().split('\n')) {
    const [, indent, name] = /^( *)(\S+)/.exec(line)!;
    if (indent!.length > 2) continue; // what a long name above is for
    if (indent === '') folder = name!;
    const path = indent === '' ? name! : folder + name!;
    t.ok(existsSync(join(ROOT, path)), path);
  }
});

t.test('the README lists every setting with its default, and no other', async (t) => {
  const rows = tableRows(section(readDocument('README.md'), '## Configuration'));
  t.same(
    rows.map(([variable, byDefault]) => [variable, byDefault]),
    listSettings().map(({ variable, byDefault }) => [`\`${variable}\``, `\`${byDefault}\``]),
  );
  for (const [variable, , meaning] of rows) t.not(meaning, '', `${variable} has a meaning`);
});

t.test('the README names every program that the tests need, and no other', async (t) => {
  const script = readDocument('scripts/install-test-programs.sh');
  const installed = [...script.matchAll(/^ {2}\[([\w-]+)\]=/gm)].map(([, program]) => program!);
  t.ok(installed.length > 5, installed.join(' '));
  const sentence = /The tests run real programs[^.]*\./.exec(readDocument('README.md'))?.[0] ?? '';
  const named = [...sentence.matchAll(/`([\w-]+)`/g)].map(([, program]) => program!);
  t.same(named.sort(), installed.sort());
});

t.test('docs/http-api.md lists every member of a status, and no other', async (t) => {
  const rows = tableRows(section(readDocument('docs/http-api.md'), '## A task'));
  const members = rows.flatMap(([cell = '']) => cell.replaceAll('`', '').split(', '));
  t.same(members, Object.keys(StatusViewSchema.properties));
});

t.test('docs/http-api.md lists every error as the catalogue has it, and no other', async (t) => {
  const rows = tableRows(section(readDocument('docs/http-api.md'), '## Errors'));
  t.same(
    rows,
    Object.entries(CATALOGUE).map(([code, { status, title, retryable }]) => [
      `\`${code}\``,
      String(status),
      title,
      retryable ? 'yes' : 'no',
    ]),
  );
});

t.test('docs/http-api.md lists every route, and no other', async (t) => {
  const broker = await Broker.fromUrl('memory:');
  const { http } = await buildApp(broker, { logLevel: 'silent' });
  t.teardown(() => http.close());
  const { paths } = http.swagger() as unknown as { paths: Record<string, object> };
  const described = Object.entries(paths).flatMap(([path, operations]) =>
    Object.keys(operations).map((method) => `${method.toUpperCase()} ${path}`),
  );
  const listed = tableRows(section(readDocument('docs/http-api.md'), '## Routes')).flatMap(
    ([cell = '']) => {
      const methods = [...cell.matchAll(/`([A-Z]+)\b/g)].map(([, method]) => method!);
      const paths = [...cell.matchAll(/(\/[^`\s]+)`/g)].map(([, path]) => path!);
      return methods.flatMap((method) =>
        paths.map((path) => `${method} ${path.replace('{id}', '{task_id}')}`),
      );
    },
  );
  for (const route of described) t.ok(listed.includes(route), `${route} is listed`);
  for (const route of listed) {
    const [method, path] = route.split(' ') as [string, string];
    const url = path.replace('{task_id}', ':task_id');
    t.ok(http.hasRoute({ method, url }) || http.hasRoute({ method, url: `${url}/` }), route);
  }
});
