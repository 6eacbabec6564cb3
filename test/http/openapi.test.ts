/** The API's description: valid, complete, the file that is checked in, and its page. */
import { readFileSync } from 'node:fs';
import { Validator } from '@seriousme/openapi-schema-validator';
import t from 'tap';
import type { TSchema } from 'typebox';
import { Value } from 'typebox/value';
import { parse } from 'yaml';
import { MOST_ITEMS } from '../../schemas/batches.js';
import { DOCUMENTS } from '../../schemas/documents.js';
import {
  EventsQuerySchema,
  TtlQuerySchema,
  taskParams,
  WaitQuerySchema,
} from '../../schemas/parameters.js';
import { CATALOGUE, type ErrorCode } from '../../src/errors.js';
import { checkTaskId, MOST_IDS } from '../../src/record/names.js';
import { progressFromValue } from '../../src/record/progress.js';
import { parseDuration, parseTtl } from '../../src/units.js';
import { Service } from '../support/service.js';
import { type Media, type OpenApi, type Operation, operationsOf } from './suite/description.js';

/** Seen from the compiled file. */
const FILE = new URL('../../../openapi.yaml', import.meta.url);

const service = await Service.start(t);
const description = (await service.call('GET', '/openapi.json')).json() as unknown as OpenApi;
const operations = operationsOf(description);
const SCHEMAS = DOCUMENTS as readonly (TSchema & {
  readonly $id?: string;
})[];

/** Codes that belong to no operation: any request may meet them, or none yet. */
const ELSEWHERE = ['route-unknown', 'method-not-allowed', 'unauthenticated', 'rate-limited'];

t.test('the description is OpenAPI 3.1, as JSON and as YAML', async (t) => {
  const json = await service.call('GET', '/openapi.json');
  t.equal(json.headers['content-type'], 'application/json');
  t.equal(json.headers['cache-control'], 'no-store');
  const yaml = await service.call('GET', '/openapi.yaml');
  t.equal(yaml.headers['content-type'], 'application/yaml');
  t.equal(yaml.headers['cache-control'], 'no-store');
  t.same(parse(yaml.text), description);
  t.equal(description.openapi, '3.1.0');
  for (const form of [json.json(), yaml.text]) {
    const validator = new Validator();
    const { valid, errors } = await validator.validate(form);
    t.equal(valid, true, JSON.stringify(errors ?? []).slice(0, 1_000));
    t.equal(validator.version, '3.1');
  }
  t.notMatch(yaml.text, /[&*]a\d/, 'no anchors, which some tools do not read');
});

t.test('openapi.yaml is what the schemas say; `npm run openapi` writes it', async (t) => {
  const yaml = await service.call('GET', '/openapi.yaml');
  t.equal(readFileSync(FILE, 'utf8'), yaml.text);
});

t.test('every operation has a name of its own, a summary, a description and a tag', async (t) => {
  t.ok(operations.length >= 24, `${operations.length} operations`);
  const ids = new Set(operations.map(({ operation }) => operation.operationId));
  t.equal(ids.size, operations.length);
  const tags = new Set(description.tags.map(({ name }) => name));
  for (const { name, operation } of operations) {
    t.match(operation.operationId, /^[a-z]+[A-Z][a-zA-Z]+$/, name);
    t.ok(operation.summary, name);
    t.ok(operation.description, name);
    t.ok(tags.has(operation.tags?.[0] ?? ''), name);
    for (const parameter of operation.parameters ?? []) {
      t.ok(parameter.description, `${name}: ${parameter.name}`);
    }
  }
});

t.test('every JSON body has an example, and the example is of its schema', async (t) => {
  const context = Object.fromEntries(SCHEMAS.map((schema) => [schema.$id!, schema]));
  const schemaOf = ({ schema }: Media) =>
    SCHEMAS.find(({ $id }) => schema?.$ref === `#/components/schemas/${$id}`);
  let checked = 0;
  for (const { name, operation } of operations) {
    for (const [type, media] of bodiesOf(operation)) {
      if (!type.includes('json') || type.includes('ndjson')) continue;
      const examples =
        media.example === undefined
          ? Object.values(media.examples ?? {}).map(({ value }) => value)
          : [media.example];
      t.ok(examples.length > 0, `${name}: ${type}`);
      for (const example of examples) {
        t.not(example, undefined, name);
        const schema = schemaOf(media);
        if (schema === undefined) continue;
        t.ok(Value.Check(context, schema, example), `${name}: ${JSON.stringify(example)}`);
        checked += 1;
      }
    }
  }
  t.ok(checked > 100, `${checked} examples`);
});

function bodiesOf({ requestBody, responses }: Operation): [type: string, media: Media][] {
  return [requestBody, ...Object.values(responses)].flatMap((body) =>
    Object.entries(body?.content ?? {}),
  );
}

t.test(
  'every problem stands under the status of the catalogue, and every code stands somewhere',
  async (t) => {
    const seen = new Set<string>();
    for (const { name, operation } of operations) {
      for (const [status, { content, headers }] of Object.entries(operation.responses)) {
        const media = content?.['application/problem+json'];
        t.equal(media !== undefined, Number(status) >= 400, `${name} ${status}`);
        for (const [code, { value }] of Object.entries(media?.examples ?? {})) {
          seen.add(code);
          const { status: own, title } = CATALOGUE[code as ErrorCode];
          t.equal(own, Number(status), `${name}: ${code}`);
          t.match(value, { type: `urn:resultd:problem:${code}`, title, status: own });
        }
        if (status === '429' || status === '503') t.ok(headers?.['Retry-After'], name);
      }
    }
    const problemType = description.components.schemas.ProblemType!;
    const types = Object.keys(CATALOGUE).map((code) => `urn:resultd:problem:${code}`);
    t.same(problemType.enum, types, 'the types are an enumeration');
    const documented = [...seen, ...ELSEWHERE].sort();
    t.same(documented, Object.keys(CATALOGUE).sort(), 'no code is missing, none is too much');
    for (const [code, { status, title }] of Object.entries(CATALOGUE)) {
      const row = `| \`urn:resultd:problem:${code}\` | ${status} | ${title} |`;
      t.ok(problemType.description.includes(row), row);
    }
  },
);

t.test('the page at /docs loads nothing from elsewhere', async (t) => {
  const page = await service.call('GET', '/docs');
  t.equal(page.status, 200);
  t.match(page.headers['content-type'], 'text/html');
  const assets = [...page.text.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, target]) => target!);
  t.ok(assets.length >= 5, assets.join(' '));
  for (const target of assets) {
    t.match(target, /^\/docs\//);
    const asset = await service.call('GET', target);
    t.equal(asset.status, 200, target);
    t.ok(asset.body.length > 0, target);
    if (target.includes('initializer')) {
      t.match(asset.text, 'validatorUrl: null', 'nor is the description sent anywhere');
      t.match(asset.text, "url: resolveUrl('./json')");
    }
  }
  t.same((await service.call('GET', '/docs/json')).json(), description);
});

t.test('the bare address leads to the page, below a prefix of a proxy too', async (t) => {
  for (const method of ['GET', 'HEAD']) {
    const { status, headers } = await service.call(method, '/?from=somewhere');
    t.same([status, headers['cache-control']], [302, 'no-store'], method);
    for (const base of [service.origin, 'https://example.org/queues/resultd']) {
      t.equal(new URL(headers.location!, `${base}/`).href, `${base}/docs/`, method);
    }
  }
  const page = await service.call('GET', '/docs/');
  t.equal(page.status, 200);
  const assets = [...page.text.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, target]) => target!);
  t.ok(assets.length >= 5, assets.join(' '));
  for (const target of assets) t.match(target, /^\.\/static\//, 'the page is below it as well');
});

t.test('the schemas say of names, times and limits what the code does', async (t) => {
  // The schemas import nothing of the code, so that this is what holds the two alike.
  t.equal(MOST_ITEMS, MOST_IDS);
  const isRefused = (run: () => unknown): boolean => {
    try {
      return run() === undefined;
    } catch {
      return true;
    }
  };
  const texts = [
    '',
    'a',
    '.',
    'a.b~c:d@e+f=g-h_9',
    'a b',
    'a/b',
    'é',
    'a'.repeat(255),
    'a'.repeat(256),
  ];
  const times = [
    '',
    '1',
    '0',
    '30s',
    '5ms',
    '1w',
    '1.5s',
    '-1',
    'never',
    '999999999d',
    '1000000000',
    ' 1',
  ];
  const { task_id: id } = taskParams('a').properties;
  for (const text of texts) {
    // No pattern says that an id is neither of the two.
    if (text === '.') continue;
    t.equal(Value.Check(id, text), !isRefused(() => checkTaskId(text) ?? true), `the id ${text}`);
  }
  const { wait } = WaitQuerySchema.properties;
  const { ttl } = TtlQuerySchema.properties;
  for (const text of times) {
    t.equal(Value.Check(wait, text), parseDuration(text) !== undefined, `the wait ${text}`);
    if (parseDuration(text) === 0) continue;
    t.equal(Value.Check(ttl, text), parseTtl(text) !== undefined, `the time to live ${text}`);
  }
  const { state } = EventsQuerySchema.properties;
  for (const text of [
    '',
    'A',
    'half way',
    'é😀',
    'x'.repeat(64),
    'x'.repeat(65),
    '\u0000',
    '\u009f',
  ]) {
    const isGood = !isRefused(() => progressFromValue({ state: text }));
    t.equal(Value.Check(state, [text]), isGood, `the state ${JSON.stringify(text)}`);
  }
});
