/**
 * `npm run attack:bodies`: looks for the body that holds the event loop longest, and prints the worst.
 * Exits with 1 where the process ended.
 */
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { request } from 'undici';
import { LineProcess } from '../support/line-process.js';
import { type Body, describe } from './grammar.js';
import { search } from './search.js';

const SERVICE = fileURLToPath(new URL('./metered-service.js', import.meta.url));
const HANG_MS = 600_000;

const USAGE = `npm run attack:bodies -- [options]

  --seconds <n>    how long to search. Default: 60
  --seed <n>       the same search again. Default: of the clock
  --size <bytes>   of each body. Default: 8388608, the body limit
  --heap <MiB>     of the service. Default: 128
  --backend <url>  Default: memory:
`;

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '60' },
    seed: { type: 'string', default: String(Date.now() % 2 ** 31) },
    size: { type: 'string', default: String(8 * 1_024 * 1_024) },
    heap: { type: 'string', default: '128' },
    backend: { type: 'string', default: 'memory:' },
    help: { type: 'boolean', default: false },
  },
});

async function main(): Promise<void> {
  const args = [`--max-old-space-size=${values.heap}`, SERVICE, values.backend];
  const service = new LineProcess(process.execPath, args, { timeoutMs: HANG_MS });
  const origin = (await service.waitFor((line) => line.startsWith('listening'))).split(' ')[1]!;
  const measure = async (body: Body, bytes: Buffer): Promise<number> => {
    try {
      await service.ask('begin', 'begun');
      await send(origin, body, bytes);
      return Number((await service.ask('end', 'longest')).split(' ')[1]);
    } catch (cause) {
      throw new Error(`the service failed on ${describe(body)}`, { cause });
    }
  };
  const { tried, worst } = await search({
    ...{ seed: Number(values.seed), size: Number(values.size), measure },
    endsAt: performance.now() + 1_000 * Number(values.seconds),
  });
  for (const { body, turnMs } of worst.slice(0, 10)) {
    process.stdout.write(`${turnMs.toFixed(0).padStart(6)} ms  ${describe(body)}\n`);
  }
  process.stdout.write(`${tried} bodies of ${values.size} bytes, seed ${values.seed}\n`);
  await service.end();
}

async function send(origin: string, { frame }: Body, bytes: Buffer): Promise<void> {
  const { body } = await request(`${origin}${frame.path}`, {
    method: frame.method,
    headers: { 'content-type': frame.contentType },
    body: bytes,
    headersTimeout: HANG_MS,
    bodyTimeout: HANG_MS,
  });
  await body.dump();
}

if (values.help) process.stdout.write(USAGE);
else await main();
