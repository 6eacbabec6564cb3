/** The configuration: variables, flags, defaults, and mistakes that are all named at once. */
import t from 'tap';
import { ConfigError, listSettings, readConfig } from '../src/config.js';
import { NEVER } from '../src/record/entry.js';

function mistakesOf(args: string[], env: NodeJS.ProcessEnv): string {
  try {
    readConfig(args, env);
  } catch (error) {
    if (error instanceof ConfigError) return error.message;
    throw error;
  }
  return '';
}

t.test('without any setting, the defaults are those of the documentation', async (t) => {
  t.match(readConfig([], {}), {
    backend: 'lmdb:./data',
    host: '127.0.0.1',
    port: 8080,
    logLevel: 'info',
    bodyLimit: 8 * 1024 * 1024,
    maxProgressBytes: 65_536,
    namespace: 'default',
    resultTtlMs: 86_400_000,
    failureTtlMs: 86_400_000,
    progressTtlMs: 86_400_000,
    maxTtlMs: NEVER,
    maxWaitMs: 55_000,
    storeTimeoutMs: 2_000,
    trustProxy: false,
  });
});

t.test('a flag wins over its variable, in either spelling', async (t) => {
  const env = { RESULTD_PORT: '1', RESULTD_MAX_WAIT: '10s', RESULTD_BODY_LIMIT: '64KiB' };
  t.equal(readConfig([], env).port, 1);
  t.equal(readConfig(['--port', '2'], env).port, 2);
  t.equal(readConfig(['--port=3'], env).port, 3);
  t.equal(readConfig([], env).maxWaitMs, 10_000);
  t.equal(readConfig([], env).bodyLimit, 65_536);
  t.equal(readConfig(['--result-ttl', 'never'], env).resultTtlMs, NEVER);
  t.equal(readConfig(['--trust-proxy', '10.0.0.0/8'], env).trustProxy, '10.0.0.0/8');
});

t.test('every setting can be given as a variable and as a flag', async (t) => {
  for (const { variable, flag, byDefault } of listSettings()) {
    t.same(
      readConfig([], { [variable]: byDefault }),
      readConfig([`--${flag}=${byDefault}`], {}),
      flag,
    );
  }
});

t.test('who is a proxy is addresses, networks and names of networks', async (t) => {
  for (const text of ['10.0.0.1', '10.0.0.0/8, ::1', '10.0.0.0/255.0.0.0', 'loopback,fc00::/7']) {
    t.equal(readConfig(['--trust-proxy', text], {}).trustProxy, text);
  }
  for (const text of [
    'me',
    '10.0.0.0/33',
    '10.0.0.1/',
    '1.2.3',
    '::1/255.0.0.0',
    '',
    'a,10.0.0.1',
  ]) {
    t.match(mistakesOf([`--trust-proxy=${text}`], {}), '--trust-proxy is', text);
  }
});

t.test('all mistakes are reported at once, by name and with their values', async (t) => {
  const text = mistakesOf(['--max-wait=soon', '--prot', '1', 'extra', '--host'], {
    RESULTD_PORT: '70000',
    RESULTD_BODY_LIMIT: '8 megs',
    RESULTD_NAMESPACE: 'Not Good',
    RESULTD_LOG_LEVEL: 'loud',
    RESULTD_RESULT_TTL: '0',
    RESULTD_BAKEND: 'memory:',
    RESULTD_BACKEND: 'mysql://name:secret@host/tasks',
    UNRELATED: 'ignored',
  });
  for (const part of [
    '--max-wait is "soon"',
    '--prot is not a setting',
    '"extra" is not a flag',
    '--host has no value',
    'RESULTD_PORT is "70000"',
    'RESULTD_BODY_LIMIT is "8 megs"',
    'RESULTD_NAMESPACE is "Not Good"',
    'RESULTD_LOG_LEVEL is "loud"',
    'RESULTD_RESULT_TTL is "0"',
    'RESULTD_BAKEND is not a setting: `resultd serve --help` lists them',
    'RESULTD_BACKEND is "mysql://***@host/tasks", which is not a valid URL: The store, one of memory:, lmdb:,',
  ]) {
    t.ok(text.includes(part), part);
  }
  t.notMatch(text, 'UNRELATED');
});

t.test('a password in a setting is never shown', async (t) => {
  const text = mistakesOf(['--backend', 'Redis//user:hunter2@host'], {});
  t.match(text, '--backend');
  t.notMatch(text, 'hunter2');
});
