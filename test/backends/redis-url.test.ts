/** What a Redis URL may say, and how one that is not valid is refused. */
import t from 'tap';
import { parseRedisUrl } from '../../src/backends/redis/redis-url.js';
import { Broker } from '../../src/broker.js';
import type { ResultdError } from '../../src/errors.js';
import { withoutCredentials } from '../../src/errors.js';

t.test('a URL says all there is to say', async (t) => {
  t.strictSame(parseRedisUrl('redis://us%40er:p%3Ass@[::1]:7000/2?prefix=app:'), {
    kind: 'single',
    addresses: [{ host: '::1', port: 7000 }],
    username: 'us@er',
    password: 'p:ss',
    database: 2,
    prefix: 'app:',
    listing: true,
    tls: undefined,
    sentinel: undefined,
    waitReplicas: 0,
    waitTimeoutMs: undefined,
  });
  const local = { addresses: [{ host: 'localhost', port: 6379 }], prefix: 'resultd:' };
  for (const url of ['redis:', 'redis://', 'redis:///']) t.match(parseRedisUrl(url), local);
  t.strictSame(parseRedisUrl('rediss://host').tls, {});
  t.equal(parseRedisUrl('redis:?listing=off').listing, false);
});

t.test('the sentinels, the name of the primary, and how writes wait', async (t) => {
  const url =
    'rediss+sentinel://u:p%2Fw@h1:7000,[::1],h3/my%20main/3' +
    '?sentinel_user=s&sentinel_password=s%26p&wait_replicas=2&wait_timeout=250ms';
  t.strictSame(parseRedisUrl(url), {
    kind: 'sentinel',
    addresses: [
      { host: 'h1', port: 7000 },
      { host: '::1', port: 26379 },
      { host: 'h3', port: 26379 },
    ],
    username: 'u',
    password: 'p/w',
    database: 3,
    prefix: 'resultd:',
    listing: true,
    tls: {},
    sentinel: { name: 'my main', username: 's', password: 's&p' },
    waitReplicas: 2,
    waitTimeoutMs: 250,
  });
  t.match(parseRedisUrl('redis+sentinel://h/main'), { database: 0, sentinel: { name: 'main' } });
});

t.test('some nodes of a cluster', async (t) => {
  t.match(parseRedisUrl('redis+cluster://:p@h1,h2:7001?prefix=app:'), {
    kind: 'cluster',
    addresses: [
      { host: 'h1', port: 6379 },
      { host: 'h2', port: 7001 },
    ],
    password: 'p',
    prefix: 'app:',
  });
});

for (const [url, message] of [
  ['redis://h?prefx=a', /"prefx" is not a parameter .* use prefix, tls_ca/],
  ['redis://h/two', /"two" is not a Redis database/],
  ['redis://h:99999', /is not valid: write redis:\/\/\[user/],
  ['redis://h:0', /is not valid/],
  ['redis://u:s3cret@h:port', /is not valid/],
  ['redis://u:s3cret@h1,h2', /is not valid/],
  ['redis://u:s3cret%@h', /not percent-encoded/],
  ['redis://h?listing=no', /listing is "no": say on or off/],
  ['redis://h?tls_ca=x', /for a rediss: URL only/],
  ['rediss://h?tls_ca=/nowhere', /tls_ca cannot be read/],
  ['redis://h?sentinel_password=s3cret', /"sentinel_password" is not a parameter/],
  ['redis+sentinel://u:s3cret@h1,h2', /does not name the primary .*redis\+sentinel:\/\/.*\/name/],
  ['redis+sentinel://u:s3cret@h1,,h2/main', /is not valid: write redis\+sentinel:/],
  ['redis+sentinel:///main', /is not valid/],
  ['redis+sentinel://h/main/two', /"two" is not a Redis database/],
  ['redis+cluster://u:s3cret@h1,h 2', /is not valid: write redis\+cluster:/],
  ['redis+cluster://h/1', /a Redis cluster has no databases/],
  ['redis+cluster://h?prefix={a}', /"\{a\}" holds a brace/],
  ['redis://h?wait_replicas=one', /wait_replicas is "one": give a number/],
  ['redis://h?wait_replicas=1&wait_timeout=0', /wait_timeout is "0": give a duration/],
  ['redis://h?wait_timeout=1s', /says nothing without wait_replicas/],
  ['redis://h?wait_replicas=1&wait_timeout=1h', /must be below the store's time-out/],
] as const) {
  t.test(`the URL ${url} is refused`, async (t) => {
    const error: ResultdError = await Broker.fromUrl(url).catch((error) => error);
    t.equal(error.code, 'invalid-parameter');
    t.match(error.message, message);
    t.notMatch(error.message, 's3cret');
  });
}

t.test('a URL that is shown has no password in it', async (t) => {
  t.equal(
    withoutCredentials('redis+sentinel://u:p@h1,h2/main?prefix=a&sentinel_password=s3cret&x=1'),
    'redis+sentinel://***@h1,h2/main?prefix=a&sentinel_password=***&x=1',
  );
  t.equal(withoutCredentials('redis+cluster://h1,h2?prefix=a'), 'redis+cluster://h1,h2?prefix=a');
});
