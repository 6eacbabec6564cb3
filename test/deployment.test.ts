/** The image, the compose file and the proxy's configuration, as far as reading them can tell. */
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { validate } from 'dockerfile-utils';
import t from 'tap';
import { parse } from 'yaml';
import { readConfig } from '../src/config.js';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const read = (file: string): string => readFileSync(`${ROOT}${file}`, 'utf8');

interface Service {
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

t.test('the compose file starts two replicas on one Redis, behind one proxy', async (t) => {
  const compose = parse(read('docker-compose.yml'), { merge: true }) as Compose;
  const replicas = Object.entries(compose.services).filter(([, { environment }]) =>
    Object.keys(environment ?? {}).includes('RESULTD_BACKEND'),
  );
  t.equal(replicas.length, 2);
  for (const [name, { environment }] of replicas) {
    t.doesNotThrow(() => readConfig([], environment!), `${name}: the service takes its settings`);
  }
  for (const { depends_on: needs = {} } of Object.values(compose.services)) {
    for (const name of Object.keys(needs)) t.ok(compose.services[name], `${name} is there`);
  }
  for (const volume of Object.values(compose.services).flatMap(({ volumes = [] }) => volumes)) {
    const source = volume.split(':')[0]!;
    t.ok(
      source.startsWith('./') ? existsSync(`${ROOT}${source}`) : source in compose.volumes,
      source,
    );
  }
});

t.test('the proxy waits longer than the longest wait, and buffers nothing', async (t) => {
  const nginx = read('deploy/nginx.conf');
  const seconds = Number(/proxy_read_timeout (\d+)s;/.exec(nginx)?.[1]);
  t.ok(seconds * 1_000 > readConfig([], {}).maxWaitMs);
  t.match(nginx, 'proxy_buffering off;');
  for (const name of ['resultd-1', 'resultd-2']) t.match(nginx, `server ${name}:8080`);
});
