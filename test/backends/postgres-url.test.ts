/** PostgreSQL URLs: what they may say, and that no message shows a password. */
import t from 'tap';
import { parsePostgresUrl } from '../../src/backends/postgres/postgres-url.js';
import { Broker } from '../../src/broker.js';
import { withoutCredentials } from '../../src/errors.js';

const messageOf = (url: string): string => {
  try {
    parsePostgresUrl(url, '/nowhere');
    return '';
  } catch (error) {
    return (error as Error).message;
  }
};

t.test('a URL that says little has defaults', async (t) => {
  t.same(parsePostgresUrl('postgres://worker@db.example'), {
    address: {
      host: 'db.example',
      port: 5432,
      user: 'worker',
      password: undefined,
      database: 'worker',
      tls: undefined,
    },
    listenAddress: parsePostgresUrl('postgres://worker@db.example').address,
    schema: 'public',
    table: 'resultd_tasks',
    connections: 4,
    isPreparing: true,
    isCreating: true,
  });
});

t.test('everything may be said', async (t) => {
  const listen = encodeURIComponent('postgresql://l%40:p%3F@[::1]:5432/app');
  const settings = parsePostgresUrl(
    'postgresql://us%40er:s%2Fecret@[::1]:6432/app?schema=jobs&table=results&connections=2' +
      `&prepare=off&create=never&sslmode=require&listen=${listen}`,
  );
  t.match(settings, {
    address: { host: '::1', port: 6432, user: 'us@er', password: 's/ecret', database: 'app' },
    listenAddress: { host: '::1', port: 5432, user: 'l@', password: 'p?', tls: undefined },
    schema: 'jobs',
    table: 'results',
    connections: 2,
    isPreparing: false,
    isCreating: false,
  });
  t.same(settings.address.tls, { rejectUnauthorized: false }, 'require does not look who answers');
  const verified = parsePostgresUrl('postgres://u@h?sslmode=verify-full').address.tls;
  t.same(verified, { rejectUnauthorized: true }, 'verify-full does');
  const chain = parsePostgresUrl('postgres://u@h?sslmode=verify-ca').address.tls;
  t.equal(chain?.rejectUnauthorized, true);
  t.equal(chain?.checkServerIdentity?.('other', {} as never), undefined, 'verify-ca: any name');
});

t.test('what is wrong is named', async (t) => {
  const wrong: Readonly<Record<string, RegExp>> = {
    'postgres://u@h:99999/db': /is not valid/,
    'postgres://h/db': /names no user/,
    'postgres://u@h1,h2/db': /several hosts/,
    'postgres://u@h/db?sslmode=prefer': /sslmode is "prefer": say disable or require/,
    'postgres://u@h/db?sslrootcert=ca.pem': /sslrootcert says nothing without/,
    'postgres://u@h/db?sslmode=verify-full&sslrootcert=ca.pem': /sslrootcert cannot be read/,
    'postgres://u@h/db?schema=My%20Jobs': /schema is "My Jobs"/,
    'postgres://u@h/db?table=x;drop': /table is "x;drop"/,
    [`postgres://u@h/db?table=${'x'.repeat(60)}`]: /too long/,
    'postgres://u@h/db?connections=0': /connections is "0"/,
    'postgres://u@h/db?prepare=no': /prepare is "no": say on or off/,
    'postgres://u@h/db?create=yes': /create is "yes"/,
    'postgres://u@h/db?listen=redis://x': /listen, .* is not valid/,
    'postgres://u@h/db?listen=postgres://u@h?table=x': /"table" is not a parameter/,
    'postgres://u@h/db?tabel=x': /"tabel" is not a parameter/,
  };
  for (const [url, expected] of Object.entries(wrong)) t.match(messageOf(url), expected, url);
});

t.test('no message shows a password', async (t) => {
  const listen = encodeURIComponent('postgres://u:hunter3@h2/db');
  const urls = [
    'postgres://u:hunter2@h:port/db',
    'postgres://u:hunter2@h1,h2/db',
    'postgres://u:hunter2@h/db?sslmode=no',
    'postgres://u:hunter2#@h/db',
    'postgres://u:hunter2%@h/db',
    `postgres://u:hunter2@h/db?x=1&listen=${listen}`,
    `postgres://u:hunter2@h/db?listen=${listen}%3Fx=1`,
    `postgres://u:hunter2@h/db?listen=http${listen}`,
  ];
  for (const url of urls) {
    const message = messageOf(url);
    t.not(message, '', withoutCredentials(url));
    t.notMatch(message, /hunter/);
    t.notMatch(withoutCredentials(url), /hunter/);
    await t.rejects(Broker.fromUrl(url), { code: 'invalid-parameter', message });
  }
});
