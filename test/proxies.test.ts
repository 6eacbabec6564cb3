/**
 * Two replicas on one Redis, behind Debian's nginx and haproxy: with their default time-outs and
 * with the configurations that this package recommends. Waits at the maximum run side by side, so
 * that the file takes little more than one of them.
 */
import { setTimeout as pause } from 'node:timers/promises';
import t, { type Test } from 'tap';
import { Agent, request } from 'undici';
import { EventClient } from './support/event-client.js';
import { fences, readDocument, section } from './support/markdown.js';
import { ProxyProcess } from './support/proxy-process.js';
import { freePort, RedisServer } from './support/redis-server.js';
import { ServiceProcess } from './support/service-process.js';
import { until } from './support/until.js';

const MAX_WAIT_S = 55;
/** What Debian's haproxy.cfg sets for clients and servers. */
const HAPROXY_CUTS_AFTER_S = 50;

const redis = await RedisServer.start();
t.teardown(() => redis.stop());

/** The drain is longer than the time for which nginx passes over a replica that was away. */
async function startReplica(test: Test, port = 0): Promise<ServiceProcess> {
  return ServiceProcess.start(test, {
    // By default nginx asks for the name of its upstream.
    env: { RESULTD_ALLOWED_HOSTS: 'resultd' },
    flags: ['--backend', redis.url, '--trust-proxy', '127.0.0.1', '--drain', '4s'].concat([
      '--port',
      String(port),
    ]),
  });
}

const addressOf = ({ origin }: ServiceProcess): string => new URL(origin).host;

/** The least that makes nginx a proxy: all else is its default. */
const nginxByDefault = (port: number, replicas: readonly string[]): string => `
events {}
http {
  access_log off;
  upstream resultd { ${replicas.map((address) => `server ${address};`).join(' ')} }
  server {
    listen 127.0.0.1:${port};
    location / { proxy_pass http://resultd; }
  }
}`;

/** The time-outs are those of Debian's haproxy.cfg; haproxy itself has none. */
const haproxyByDefault = (port: number, replicas: readonly string[]): string => `
defaults
  mode http
  timeout connect 5000
  timeout client ${HAPROXY_CUTS_AFTER_S}000
  timeout server ${HAPROXY_CUTS_AFTER_S}000
listen resultd
  bind 127.0.0.1:${port}
${replicas.map((address, n) => `  server resultd-${n} ${address}`).join('\n')}
`;

/** A configuration that is written for the compose file's names, for these addresses. */
function withAddresses(config: string, port: number, replicas: readonly string[]): string {
  return config
    .replace(/resultd-1:8080/g, replicas[0]!)
    .replace(/resultd-2:8080/g, replicas[1]!)
    .replace('listen 8080;', `listen 127.0.0.1:${port};`)
    .replace('bind :8080', `bind 127.0.0.1:${port}`);
}

const shippedNginx = (port: number, replicas: readonly string[]): string =>
  withAddresses(readDocument('deploy/nginx.conf'), port, replicas);

const documentedHaproxy = (port: number, replicas: readonly string[]): string =>
  withAddresses(
    fences(section(readDocument('docs/operations.md'), '### haproxy'))[0]!.text,
    port,
    replicas,
  );

interface Answer {
  readonly status: number;
  readonly text: string;
  readonly seconds: number;
}

const agent = new Agent({ connections: 256, headersTimeout: 0, bodyTimeout: 0 });
t.teardown(() => agent.destroy());

async function call(
  origin: string,
  path: string,
  { method = 'GET', body }: { method?: 'GET' | 'POST' | 'PUT'; body?: string } = {},
): Promise<Answer> {
  const sentAt = performance.now();
  const response = await request(`${origin}/v1/tasks/${path}`, {
    dispatcher: agent,
    method,
    headers: body === undefined ? {} : { 'content-type': 'application/json' },
    body: body ?? null,
  });
  const text = await response.body.text();
  return { status: response.statusCode, text, seconds: (performance.now() - sentAt) / 1_000 };
}

/** Writes through the proxy wake waiters on both replicas, without delay. */
async function assertWakes(t: Test, name: string, { origin }: ProxyProcess): Promise<void> {
  for (let round = 0; round < 5; round += 1) {
    const id = `${name}-${round}`;
    await call(origin, `${id}/status`, { method: 'PUT', body: '{"state":"STARTED"}' });
    // Handed out in turn, they wait on both.
    const waits = Array.from({ length: 8 }, () => call(origin, `${id}/result?wait=55s`));
    await Promise.race([...waits, call(origin, 'none/result?wait=50ms')]);
    const writtenAt = performance.now();
    const body = `{"return_value":${round}}`;
    t.equal((await call(origin, `${id}/result`, { method: 'POST', body })).status, 201);
    const answers = await Promise.all(waits);
    t.ok(
      answers.every(({ status }) => status === 200),
      `${name}: all were woken`,
    );
    const tookMs = performance.now() - writtenAt;
    t.ok(tookMs < 30_000, `${name}: not at the end of their time, but in ${Math.round(tookMs)} ms`);
  }
}

/** Waits to their end are answered by the service, not cut by the proxy. */
async function assertWaits(
  t: Test,
  name: string,
  { proxy, waitS }: { proxy: ProxyProcess; waitS: number },
): Promise<void> {
  const { origin } = proxy;
  const known = `${name}-known`;
  await call(origin, `${known}/status`, { method: 'PUT', body: '{"state":"STARTED"}' });
  const late = call(origin, `${name}-late/result?wait=${waitS}s`);
  const [unready, unknown] = await Promise.all([
    call(origin, `${known}/result?wait=${waitS}s`),
    call(origin, `${name}-unknown/result?wait=${waitS}s`),
    // An outcome that comes after most of the time still finds its waiter.
    call(origin, `${name}-other/result?wait=${waitS - 10}s`).then(() =>
      call(origin, `${name}-late/result`, { method: 'POST', body: '{"return_value":1}' }),
    ),
  ]);
  t.equal(unready.status, 202, `${name}: a task that is known`);
  t.equal(unknown.status, 404, `${name}: one that is not`);
  t.match(unknown.text, 'urn:resultd:problem:task-unknown');
  for (const { seconds } of [unready, unknown]) {
    t.ok(seconds > waitS * (15 / 16) - 0.1, `${name}: waited ${seconds.toFixed(1)} s`);
  }
  t.equal((await late).status, 200, `${name}: a late outcome`);
}

t.test('behind nginx and haproxy nothing is cut or held back', async (t) => {
  const replicas = [await startReplica(t), await startReplica(t)].map(addressOf);
  const at = (configOf: (port: number, replicas: readonly string[]) => string) => (port: number) =>
    configOf(port, replicas);
  const proxies = {
    nginx: await ProxyProcess.nginx(t, at(nginxByDefault)),
    shipped: await ProxyProcess.nginx(t, at(shippedNginx)),
    haproxy: await ProxyProcess.haproxy(t, at(haproxyByDefault)),
    documented: await ProxyProcess.haproxy(t, at(documentedHaproxy)),
  };

  await t.test('a write wakes the waiters of both replicas at once', async (t) => {
    for (const [name, proxy] of Object.entries(proxies)) await assertWakes(t, name, proxy);
  });

  // Opened before the waits, and left without an event while they last.
  const streams = await Promise.all(
    Object.entries(proxies).map(async ([name, { origin }]) => ({
      name,
      client: await EventClient.open(t, `${origin}/v1/events?task_id=${name}-followed`),
    })),
  );
  const tell = async (state: string): Promise<void> => {
    for (const [name, { origin }] of Object.entries(proxies)) {
      const body = JSON.stringify({ state });
      await call(origin, `${name}-followed/status`, { method: 'PUT', body });
    }
  };
  const assertTold = async (t: Test, count: number): Promise<void> => {
    for (const { name, client } of streams) {
      await until(`${name} has told`, () => client.events.length >= count);
      t.same([client.events.length, client.opened], [count, 1], `${name}: one stream, not cut`);
    }
  };

  await t.test('an event is told at once', async (t) => {
    await tell('STARTED');
    await assertTold(t, 1);
  });

  await t.test('waits at the maximum are not cut', async (t) => {
    const haproxy = proxies.haproxy.origin;
    const [, , , , tooLong] = await Promise.all([
      assertWaits(t, 'nginx', { proxy: proxies.nginx, waitS: MAX_WAIT_S }),
      assertWaits(t, 'shipped', { proxy: proxies.shipped, waitS: MAX_WAIT_S }),
      assertWaits(t, 'documented', { proxy: proxies.documented, waitS: MAX_WAIT_S }),
      // The documents say to set either RESULTD_MAX_WAIT to this or the time-outs higher.
      assertWaits(t, 'haproxy', { proxy: proxies.haproxy, waitS: 45 }),
      call(haproxy, 'too-long/result?wait=55s'),
    ]);
    t.equal(tooLong.status, 504, 'as it comes from Debian, haproxy cuts longer ones');
    t.ok(tooLong.seconds > HAPROXY_CUTS_AFTER_S - 3, `${tooLong.seconds} s`);
  });

  await t.test('a stream that was quiet for as long tells on', async (t) => {
    await tell('HALF');
    await assertTold(t, 2);
  });

  for (const [name, { output }] of Object.entries(proxies)) {
    t.notMatch(output, /\[(error|crit|alert|emerg)\]|ALERT/, `${name} has nothing to complain of`);
  }
});

/** Sends a request until it is answered well, as a client should; counts the other answers. */
async function persist(send: () => Promise<Answer>, seen: Map<string, number>): Promise<Answer> {
  let answer: Answer | undefined;
  await until('the request is answered', async () => {
    const outcome = await send().catch((error: NodeJS.ErrnoException) => String(error.code));
    if (typeof outcome === 'string' || outcome.status >= 500) {
      const what = typeof outcome === 'string' ? outcome : String(outcome.status);
      seen.set(what, (seen.get(what) ?? 0) + 1);
      return false;
    }
    answer = outcome;
    return true;
  });
  return answer!;
}

t.test('replicas are rolled behind the shipped nginx, and no retrying client fails', async (t) => {
  const ports = [await freePort(), await freePort()];
  const replicas = [await startReplica(t, ports[0]), await startReplica(t, ports[1])];
  const proxy = await ProxyProcess.nginx(t, (port) => shippedNginx(port, replicas.map(addressOf)));
  const { origin } = proxy;
  const seen = new Map<string, number>();
  let isRolling = true;
  const counts = { written: 0, waited: 0 };

  const pairs = Array.from({ length: 8 }, async (_, client) => {
    for (let n = 0; isRolling || n === 0; n += 1) {
      const id = `roll-${client}-${n}`;
      // One that waits until it has the outcome, and one who writes it meanwhile.
      const reader = async (): Promise<Answer> => {
        for (;;) {
          const answer = await persist(() => call(origin, `${id}/result?wait=5s`), seen);
          if (answer.status !== 404) return answer;
        }
      };
      const read = reader();
      const body = `{"return_value":"${id}"}`;
      const send = () => call(origin, `${id}/result`, { method: 'POST', body });
      const { status } = await persist(send, seen);
      if (status !== 201 && status !== 200) throw new Error(`${id}: ${status}`);
      counts.written += 1;
      const { status: found, text } = await read;
      if (found !== 200 || !text.includes(id)) throw new Error(`${id}: ${found} ${text}`);
      counts.waited += 1;
      await pause(20); // what is to be shown needs no load
    }
  });

  for (const [n, replica] of replicas.entries()) {
    t.same(await replica.stop(), { code: 0, signal: null }, 'it ends well');
    const again = await startReplica(t, ports[n]);
    await until('ready', async () => (await request(`${again.origin}/readyz`)).statusCode === 200);
    const before = counts.waited;
    await until('the work goes on', () => counts.waited > before + 20);
  }
  isRolling = false;
  await Promise.all(pairs);
  t.equal(counts.waited, counts.written);
  const others = [...seen].map(([what, count]) => `${count} times ${what}`).join(', ');
  t.comment(`${counts.written} tasks; a client that does not retry saw: ${others || 'nothing'}`);
});
