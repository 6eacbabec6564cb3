/**
 * What LMDB's backend promises on bad days, against real processes: kill -9, a slow disk, a failing
 * one, a full one. The faults of the disk are made by strace (system calls delayed or failed) and by
 * a limit on the file's size.
 */
import { spawnSync } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t, { type Test } from 'tap';
import { LmdbBackend } from '../../src/backends/lmdb/lmdb-backend.js';
import { Random, testSeed } from '../conformance/random.js';
import { LineProcess } from '../support/line-process.js';
import { readBack } from '../support/read-back.js';

const WRITER = fileURLToPath(new URL('../support/lmdb-writer.js', import.meta.url));
/** One thread makes all commits, so that strace's count of calls (by thread) is one of commits. */
const ONE_COMMITTER = { UV_THREADPOOL_SIZE: '1' };

async function freshDirectory(test: Test): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'resultd-lmdb-'));
  test.teardown(() => rm(directory, { recursive: true }));
  return directory;
}

/** A store that is made already: making it syncs too, which faults are not meant for. */
async function madeStore(test: Test): Promise<string> {
  const directory = await freshDirectory(test);
  await withBackend(directory, async () => {});
  return directory;
}

async function withBackend(
  directory: string,
  use: (backend: LmdbBackend) => Promise<void>,
): Promise<void> {
  const backend = new LmdbBackend({ directory });
  await backend.startup();
  try {
    await use(backend);
  } finally {
    await backend.shutdown();
  }
}

async function start(
  test: Test,
  prefix: readonly string[],
  directory: string,
): Promise<LineProcess> {
  const [program, ...args] = [...prefix, process.execPath, WRITER, directory];
  const writer = new LineProcess(program!, args, { env: ONE_COMMITTER });
  test.teardown(() => writer.kill());
  await writer.waitFor((line) => line === 'ready');
  return writer;
}

async function startUnderStrace(
  test: Test,
  directory: string,
  inject: string,
): Promise<{ writer: LineProcess; log: () => Promise<string[]> }> {
  if (spawnSync('strace', ['-V']).error !== undefined) {
    throw new Error('strace is missing: apt-get install -y strace');
  }
  const file = join(directory, 'strace.log');
  const trace = 'trace=fdatasync,pwrite64,write';
  const strace = ['strace', '-f', '-o', file, '-e', trace, '-e', `inject=${inject}`];
  const writer = await start(test, strace, directory);
  return { writer, log: async () => (await readFile(file, 'utf8')).split('\n') };
}

function refusal(id: string): string {
  return `failed ${id} store-unavailable`;
}

function ackedBy(writer: LineProcess): string[] {
  return writer.lines.filter((line) => line.startsWith('acked ')).map((line) => line.slice(6));
}

async function assertStored(test: Test, directory: string, ids: readonly string[]): Promise<void> {
  await withBackend(directory, async (backend) => {
    const missing: string[] = [];
    for (const id of ids) if ((await readBack(backend, id)) !== 'same') missing.push(id);
    test.same(missing, [], `all of ${ids.length} acknowledged outcomes are there, byte for byte`);
  });
}

t.test('every outcome that was acknowledged before a kill -9 is there afterwards', async (test) => {
  const seed = testSeed();
  test.comment(`seed ${seed}`);
  const random = new Random(seed);
  const directory = await freshDirectory(test);
  const acked: string[] = [];
  for (let round = 1; round <= 5; round += 1) {
    const writer = await start(test, [], directory);
    writer.send(`load 32 round-${round}`);
    const enough = 50 + random.below(2_000);
    await writer.waitFor(() => writer.lines.length >= enough);
    await writer.kill('SIGKILL');
    acked.push(...ackedBy(writer));
    await assertStored(test, directory, acked);
  }
});

t.test('no write is acknowledged before its sync has ended', async (test) => {
  const directory = await madeStore(test);
  const { writer, log } = await startUnderStrace(test, directory, 'fdatasync:delay_enter=300000');
  for (const id of ['a', 'b', 'c']) await writer.ask(`write ${id}`, `acked ${id}`);
  await writer.end();
  const lines = await log();
  for (const id of ['a', 'b', 'c']) {
    const begun = lines.findIndex((line) => line.includes(`"writing ${id}\\n"`));
    const acked = lines.findIndex((line) => line.includes(`"acked ${id}\\n"`));
    const synced = lines.findIndex((line, at) => at > begun && /fdatasync.*= 0 /.test(line));
    const rooted = lines.findIndex((line, at) => at > synced && /pwrite64.*= 128$/.test(line));
    test.ok(begun >= 0 && begun < synced, `${id}: a sync follows the begin of the write`);
    test.match(lines[synced], /DELAYED/, `${id}: that sync was delayed`);
    test.ok(synced < rooted, `${id}: then the root page is written`);
    test.ok(rooted < acked, `${id}: only then it is acknowledged`);
  }
});

t.test(
  'a sync that fails acknowledges nothing, and the store works again after it',
  async (test) => {
    const directory = await madeStore(test);
    const inject = 'fdatasync:error=EIO:when=3..5';
    const { writer, log } = await startUnderStrace(test, directory, inject);
    await writer.ask('write a', 'acked a');
    await writer.ask('write b', 'acked b');
    test.equal(await writer.ask('write c', 'failed c'), refusal('c'));
    test.equal(await writer.ask('read c', 'read c'), 'read c absent');
    test.equal(await writer.ask('read a', 'read a'), 'read a same', 'reads go on');
    test.equal(await writer.ask('ping', 'ping'), 'ping store-unavailable');
    test.equal(await writer.ask('write d', 'failed d'), refusal('d'));
    test.equal(await writer.ask('ping', 'ping'), 'ping ok', 'a write that succeeds shows it');
    await writer.ask('write e', 'acked e');
    test.equal(await writer.end(), 0, 'the process has lived through it');
    test.equal((await log()).filter((line) => line.includes('INJECTED')).length, 3);
    await assertStored(test, directory, ackedBy(writer));
  },
);

/**
 * LMDB's native code may corrupt its heap after a failed page write, and the process then aborts. So
 * what is held here is the promise that matters: an outcome that was acknowledged is there, in the
 * process that lives on or in the next one.
 */
t.test('page writes that fail, the root page too, lose nothing acknowledged', async (test) => {
  const directory = await madeStore(test);
  const inject = 'pwrite64:error=EIO:when=5+9';
  const lines: string[] = [];
  const acked: string[] = [];
  let refused = 0;
  let run = await startUnderStrace(test, directory, inject);
  const closeRun = async (): Promise<void> => {
    await run.writer.end();
    lines.push(...(await run.log()));
    acked.push(...ackedBy(run.writer));
  };
  let restarts = 0;
  for (let count = 1; count <= 40; count += 1) {
    const id = `task-${count}`;
    try {
      run.writer.send(`write ${id}`);
      const isAnswer = (line: string): boolean => line === `acked ${id}` || line === refusal(id);
      if ((await run.writer.waitFor(isAnswer)) === refusal(id)) refused += 1;
      for (const known of ackedBy(run.writer)) {
        const read = await run.writer.ask(`read ${known}`, `read ${known}`);
        if (read !== `read ${known} same`) test.fail(`after ${id}: ${read}`);
      }
    } catch (error) {
      if (!String(error).includes('the process ended')) throw error;
      await closeRun();
      await assertStored(test, directory, acked);
      restarts += 1;
      test.comment(`the process aborted in its native code at ${id}`);
      run = await startUnderStrace(test, directory, inject);
    }
  }
  await closeRun();
  const injected = lines.filter((line) => line.includes('INJECTED'));
  test.ok(
    injected.some((line) => line.includes(' 4096, ')),
    'a page write has failed',
  );
  if (restarts === 0) {
    test.ok(
      injected.some((line) => line.includes(' 128, ')),
      'a write of the root page has failed, after which LMDB must be opened anew',
    );
  }
  test.ok(acked.length > 10, `${acked.length} of 40 writes were acknowledged`);
  test.ok(refused + restarts > 0, `${refused} were refused, ${restarts} times the process ended`);
  await assertStored(test, directory, acked);
});

t.test(
  'a full disk refuses writes, goes on reading, and takes writes once it has room',
  async (test) => {
    const directory = await madeStore(test);
    const writer = await start(test, ['prlimit', '--fsize=300000:'], directory);
    let count = 0;
    let answer = '';
    while (count < 500 && !answer.startsWith('failed')) {
      count += 1;
      const id = `task-${count}`;
      writer.send(`write ${id}`);
      answer = await writer.waitFor((line) => line === `acked ${id}` || line === refusal(id));
    }
    test.equal(answer, refusal(`task-${count}`));
    for (const id of ackedBy(writer)) {
      test.equal(await writer.ask(`read ${id}`, `read ${id}`), `read ${id} same`);
    }
    const lifted = spawnSync('prlimit', ['--pid', String(writer.pid), '--fsize=unlimited:'], {
      encoding: 'utf8',
    });
    test.equal(lifted.status, 0, lifted.stderr);
    test.equal(await writer.ask('ping', 'ping'), 'ping ok');
    await writer.ask('write later', 'acked later');
    test.equal(await writer.end(), 0, 'the process has lived through it');
    await assertStored(test, directory, ackedBy(writer));
  },
);

t.test(
  'a second owner is refused by name, and a killed one leaves nothing behind',
  async (test) => {
    const directory = await freshDirectory(test);
    const writer = await start(test, [], directory);
    const second = new LmdbBackend({ directory });
    await test.rejects(second.startup(), {
      code: 'store-unavailable',
      message: new RegExp(`"${directory}" is in use by the process with pid ${writer.pid},`),
    });
    await writer.kill('SIGKILL');
    await second.startup();
    const third = new LmdbBackend({ directory });
    await test.rejects(third.startup(), {
      code: 'store-unavailable',
      message: new RegExp(`"${directory}" is in use by the process with pid ${process.pid},`),
    });
    await second.shutdown();
    await third.startup();
    await third.shutdown();
  },
);
