/** The image, the compose files and the proxy's configuration, as far as reading them can tell. */
import { execFile } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { validate } from 'dockerfile-utils';
import t from 'tap';
import { parse } from 'yaml';
import { Broker } from '../src/broker.js';
import { readConfig } from '../src/config.js';
import { NEW_NATS, natsVersions } from './support/nats-server.js';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const read = (file: string): string => readFileSync(`${ROOT}${file}`, 'utf8');

interface Service {
  build?: string;
  healthcheck?: object;
  environment?: Record<string, string>;
  depends_on?: Record<string, unknown>;
  volumes?: string[];
  stop_grace_period?: string;
}
interface Compose {
  services: Record<string, Service>;
  volumes: Record<string, unknown>;
}

t.test('the Dockerfile parses, without a complaint', async (t) => {
  t.same(validate(read('Dockerfile')), []);
});

t.test('the image runs as no root, has a health check, and gets its signals', async (t) => {
  const dockerfile = read('Dockerfile');
  const stage = dockerfile.slice(dockerfile.lastIndexOf('\nFROM '));
  t.match(stage, /^USER node$/m);
  t.match(stage, /^HEALTHCHECK /m);
  t.match(stage, /^ENTRYPOINT \["node", "dist\/src\/main\.js"\]$/m, 'in exec form');
});

t.test('what the Dockerfile copies is there, and not kept out of the build', async (t) => {
  const ignored = read('.dockerignore').split('\n');
  for (const [, sources] of read('Dockerfile').matchAll(/^COPY (?!--from)(.+) \S+$/gm)) {
    for (const source of sources!.split(' ')) {
      t.ok(existsSync(`${ROOT}${source}`), source);
      t.ok(ignored.includes(`!${source}`), `${source} is in the build`);
    }
  }
});

const COMPOSE_FILES = {
  redis: 'docker-compose.yml',
  nats: 'deploy/docker-compose.nats.yml',
  postgres: 'deploy/docker-compose.postgres.yml',
};

for (const [store, file] of Object.entries(COMPOSE_FILES)) {
  t.test(`${file} starts two replicas on one store, behind one proxy`, async (t) => {
    const compose = parse(read(file), { merge: true }) as Compose;
    const folder = `${ROOT}${dirname(file)}/`;
    const services = Object.entries(compose.services);
    const replicas = services.filter(
      ([, { environment = {} }]) => 'RESULTD_BACKEND' in environment,
    );
    t.same(
      replicas.map(([name]) => name),
      ['resultd-1', 'resultd-2'],
    );
    for (const [name, { build, environment = {}, depends_on: needs = {} }] of replicas) {
      t.ok(existsSync(join(folder, build!, 'Dockerfile')), `${name}: there is an image to build`);
      const { backend } = readConfig([], environment);
      t.equal(new URL(backend).hostname, store, `${name}: the store is a service`);
      await t.resolves(Broker.fromUrl(backend), `${name}: its URL is one`);
      t.ok(store in needs, `${name}: it starts after the store`);
    }
    for (const [name, { depends_on: needs = {} }] of services) {
      for (const needed of Object.keys(needs)) {
        t.ok(
          compose.services[needed]?.healthcheck ?? needed.startsWith('resultd-'),
          `${name}: ${needed}`,
        );
      }
    }
    for (const volume of services.flatMap(([, { volumes = [] }]) => volumes)) {
      const source = volume.split(':')[0]!;
      t.ok(
        source.startsWith('./') ? existsSync(join(folder, source)) : source in compose.volumes,
        source,
      );
    }
  });
}

t.test('NATS takes its configuration, and syncs each write', async (t) => {
  if (!natsVersions().includes('new')) return t.comment('no nats-server here is new enough');
  const arguments_ = ['-t', '-c', `${ROOT}deploy/nats.conf`];
  await t.resolves(promisify(execFile)(NEW_NATS, arguments_), 'the server takes it');
  t.match(read('deploy/nats.conf'), /sync_interval: always/);
});

t.test('the proxy waits longer than the longest wait, and buffers nothing', async (t) => {
  const nginx = read('deploy/nginx.conf');
  const seconds = Number(/proxy_read_timeout (\d+)s;/.exec(nginx)?.[1]);
  t.ok(seconds * 1_000 > readConfig([], {}).maxWaitMs);
  t.match(nginx, 'proxy_buffering off;');
  for (const name of ['resultd-1', 'resultd-2']) t.match(nginx, `server ${name}:8080`);
});
