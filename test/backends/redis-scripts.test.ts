/**
 * The scripts inside Redis do what `decide` says: random commands go to both, and each answer, and
 * what is stored after it, must be the same. Short times to live let records expire in between.
 */
import { randomBytes } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { Redis } from 'ioredis';
import t from 'tap';
import { bucketOf, Keys } from '../../src/backends/redis/keys.js';
import { type Answer, argumentsOf, replyOf, SCRIPTS } from '../../src/backends/redis/scripts.js';
import {
  entryExpiresAt,
  NEVER,
  stateOf,
  type TaskEntry,
  versionOf,
} from '../../src/record/entry.js';
import { decodeHead, encodeHead } from '../../src/record/head.js';
import { COUNTED_STATES, countedStateOf } from '../../src/record/listing.js';
import { outcomeFromValue } from '../../src/record/outcome.js';
import { progressFromValue } from '../../src/record/progress.js';
import type { Command, Conditions } from '../../src/result-backend/commands.js';
import { type Decision, decide, type Stored } from '../../src/result-backend/decide.js';
import { Random, testSeed } from '../conformance/random.js';
import { RedisServer } from '../support/redis-server.js';

const NOTHING: Stored = { entry: undefined, consumed: [] };
const keys = new Keys('p:');
/** Of the first two the bucket is the same. */
const TASKS = ['a', 'task-237', 'c'];
const OUTCOMES = [
  outcomeFromValue({ returnValue: 1 }),
  outcomeFromValue({ returnValue: 1, log: 'a line' }),
  outcomeFromValue({ error: { exc_type: 'E' } }),
];
const PROGRESS = [{ state: 'PENDING' }, { state: 'STARTED', meta: [1.5] }].map(progressFromValue);
const TTLS = [1, 2.5, 8, 40, 5_000, 86_400_000, 3.1536e12, NEVER];

t.test('a bucket never changes', async (t) => {
  t.strictSame(
    ['a', 'task-1', '0123456789', 'A.b_c~d:e@f+g=h-i', 'x'.repeat(255)].map(bucketOf),
    [67, 239, 198, 114, 217],
  );
});

t.test('random commands end as decide() says, and are stored so', async (t) => {
  const server = await RedisServer.start();
  const client = new Redis(server.url);
  t.teardown(() => server.stop());
  t.teardown(() => client.disconnect());
  const seed = testSeed();
  t.comment(`seed ${seed}; RESULTD_TEST_SEED=${seed} runs it again`);
  const random = new Random(seed);
  const model = new Map<string, Stored>();
  const verdicts = new Map<string, number>();
  for (let round = 0; round < 4_000; round += 1) {
    const taskId = random.pick(TASKS);
    const stored = model.get(taskId) ?? NOTHING;
    const command = randomCommand(random, taskId, stored.entry);
    const answer = await run(client, command);
    const decision = decide(command, stored, answer[1]);
    const reply = replyOf(answer);
    const said = `round ${round}: ${command.kind} ${JSON.stringify(command.conditions)}`;
    if (reply.verdict !== decision.verdict) t.equal(reply.verdict, decision.verdict, said);
    const isWhole = command.kind === 'consume' && decision.verdict === 'done';
    const [found, wanted] = [image(reply.entry, isWhole), image(decision.entry, isWhole)];
    if (found !== wanted) t.equal(found, wanted, said);
    model.set(taskId, after(stored, decision));
    const isKept = await sameInStore(client, taskId, model.get(taskId)!.entry);
    if (!isKept) t.fail(`${said}: it is stored in another way`);
    const isIndexed = await sameInIndex(client, taskId, model);
    if (!isIndexed) t.fail(`${said}: it is indexed in another way`);
    const name = `${command.kind} ${reply.verdict}`;
    verdicts.set(name, (verdicts.get(name) ?? 0) + 1);
  }
  t.comment([...verdicts].map(([name, count]) => `${name} ${count}`).join(', '));
  t.ok(verdicts.size >= 17, 'every verdict of every command was met');
});

t.test('what is remembered of consumes goes when its time is over', async (t) => {
  const server = await RedisServer.start();
  const client = new Redis(server.url);
  t.teardown(() => server.stop());
  t.teardown(() => client.disconnect());
  const [task, consumed] = keys.all('ns', 'a') as [string, string];
  async function consume(idempotencyKey: string, rememberMs: number): Promise<string[]> {
    const write = { random: '0'.repeat(16), ttlMs: NEVER, taskId: 'a', conditions: {} };
    await run(client, { kind: 'set-outcome', mode: 'replace', outcome: OUTCOMES[1]!, ...write });
    const command = { kind: 'consume', taskId: 'a', conditions: {}, idempotencyKey } as const;
    const answer = await run(client, command, String(rememberMs));
    t.equal(replyOf(answer).verdict, 'done');
    return client.hkeys(consumed);
  }
  const first = await consume('first', 300);
  t.strictSame(first.sort(), ['hfirst', 'index', 'lfirst', 'ofirst']);
  t.equal((await consume('second', 5_000)).length, 7, 'the first one is remembered beside it');
  await pause(305);
  const left = await consume('third', 120);
  t.strictSame(
    left.filter((field) => field.endsWith('first')),
    [],
  );
  t.equal(left.length, 7);
  t.ok((await client.pttl(consumed)) > 120, 'the shorter one does not end the longer one');
  t.equal(await client.exists(task), 0);
});

async function run(client: Redis, command: Command, rememberMs?: string): Promise<Answer> {
  const { sha, source } = SCRIPTS[command.kind];
  const asked = argumentsOf(command, keys.channel('ns'));
  if (rememberMs !== undefined) asked[5] = rememberMs;
  const args = [3, ...keys.all('ns', command.taskId), ...asked];
  return (await client
    .callBuffer('evalsha', sha, ...args)
    .catch(() => client.callBuffer('eval', source, ...args))) as Answer;
}

function randomCommand(random: Random, taskId: string, entry: TaskEntry | undefined): Command {
  const common = { taskId, conditions: randomConditions(random, entry) };
  const write = { random: randomBytes(8).toString('hex'), ttlMs: random.pick(TTLS) };
  switch (random.pick(['outcome', 'outcome', 'progress', 'expire', 'delete', 'consume'])) {
    case 'outcome': {
      const mode = random.pick(['create', 'replace'] as const);
      return { kind: 'set-outcome', mode, outcome: random.pick(OUTCOMES), ...common, ...write };
    }
    case 'progress': {
      const mode = random.pick(['register', 'replace'] as const);
      return { kind: 'set-progress', mode, progress: random.pick(PROGRESS), ...common, ...write };
    }
    case 'expire':
      return { kind: 'expire', ...common, ...write };
    case 'delete':
      return { kind: 'delete', ...common };
    default:
      return { kind: 'consume', idempotencyKey: random.pick([undefined, 'k', 'é']), ...common };
  }
}

function randomConditions(random: Random, entry: TaskEntry | undefined): Conditions {
  const tags = entry === undefined ? ['x'] : ['x', versionOf(entry)];
  switch (random.pick(['none', 'none', 'none', 'match', 'none-match', 'both'])) {
    case 'match':
      return { ifMatch: random.pick(['*', [], tags, ['1-0000000000000000.o', 'a b']]) };
    case 'none-match':
      return { ifNoneMatch: random.pick(['*', [], tags, ['*']]) };
    case 'both':
      return { ifMatch: random.pick(['*', tags]), ifNoneMatch: random.pick(['*', tags]) };
    default:
      return {};
  }
}

function after(stored: Stored, { write, remember }: Decision): Stored {
  return {
    entry: write === undefined ? stored.entry : (write ?? undefined),
    consumed: remember ?? stored.consumed,
  };
}

/** What is in the store is what should be, or has expired. */
async function sameInStore(client: Redis, taskId: string, entry: TaskEntry | undefined) {
  const key = keys.task('ns', taskId);
  // One transaction: the key may expire between two commands.
  const results = await client
    .multi()
    .hmgetBuffer(key, 'head', 'progress', 'outcome', 'log')
    .pexpiretime(key)
    .time()
    .exec();
  const fields = results![0]![1] as (Buffer | null)[];
  const ttl = results![1]![1] as number;
  const time = results![2]![1] as string[];
  const [head, progress, body, log] = fields.map((field) => field ?? undefined);
  if (head === undefined) {
    const now = Number(time[0]) * 1_000 + Number(time[1]) / 1_000;
    return entry === undefined || entryExpiresAt(entry) <= now;
  }
  if (entry === undefined) return false;
  const at = entryExpiresAt(entry);
  const isOnTime = at === NEVER ? ttl === -1 : Math.abs(ttl - at) <= 2;
  return isOnTime && image(decodeHead(head, { progress, body, log })) === image(entry);
}

const indexOf = (taskId: string): string => keys.index('ns', bucketOf(taskId));

/**
 * The task's bucket has what should be in it and, at the most, what has expired; and it stays at
 * least as long as its last task.
 */
async function sameInIndex(client: Redis, taskId: string, model: ReadonlyMap<string, Stored>) {
  const key = indexOf(taskId);
  const results = await client.multi().zrange(key, '0', '-1', 'WITHSCORES').pttl(key).time().exec();
  const found = results![0]![1] as string[];
  const left = results![1]![1] as number;
  const [seconds, micros] = results![2]![1] as string[];
  const now = Number(seconds) * 1_000 + Math.floor(Number(micros) / 1_000);
  const scores = new Map<string, number>();
  for (let at = 0; at < found.length; at += 2) scores.set(found[at]!, Number(found[at + 1]));
  let last = 0;
  for (const [id, { entry }] of model) {
    if (indexOf(id) !== key) continue;
    const expiresAt = entry === undefined ? 0 : Math.ceil(entryExpiresAt(entry));
    const [written, ends] = [scores.get(id), scores.get(`!${id}`)];
    scores.delete(id);
    scores.delete(`!${id}`);
    if (entry === undefined || (written === undefined && expiresAt <= now)) {
      if (written !== undefined || ends !== undefined) return false;
      continue;
    }
    const state = countedStateOf(stateOf(entry));
    const base = [...COUNTED_STATES, 'other'].indexOf(state) * 2 ** 43;
    if (written !== -base - entry.versionMs) return false;
    if (ends !== base + Math.min(expiresAt, 2 ** 43 - 1)) return false;
    last = Math.max(last, expiresAt);
  }
  if (scores.size > 0) return false;
  return last === NEVER ? left === -1 : last <= now ? left !== -1 : now + left + 1 >= last;
}

/** All of an entry as text, or all but its body and log. */
function image(entry: TaskEntry | undefined, isWhole = true): string {
  if (entry === undefined) return 'none';
  const parts = isWhole ? [entry.progress, entry.body, entry.log] : [entry.progress];
  return [encodeHead(entry), ...parts].map((part) => part?.toString('base64')).join(' ');
}
