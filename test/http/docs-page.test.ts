/**
 * The page at `/docs`, in a real browser: every operation, tried from top to bottom with nothing
 * changed on an empty service, does what its summary says.
 */
import { existsSync } from 'node:fs';
import { chromium, type Locator } from 'playwright-core';
import t from 'tap';
import { Service } from '../support/service.js';

const CHROMIUM = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find(
  (path) => existsSync(path),
);
/** Only a hang takes so long, in milliseconds. */
const LIMIT_MS = 240_000;

/** What each operation answers, in the order of the page. */
const ANSWERS: Readonly<Record<string, number>> = {
  reportResult: 201,
  setResult: 200,
  headResult: 200,
  getResult: 200,
  reportException: 201,
  setException: 200,
  getException: 200,
  consumeResult: 200,
  reportStatus: 201,
  setStatus: 200,
  getStatus: 200,
  getTask: 200,
  deleteTask: 204,
  setExpiry: 200,
  listTasks: 200,
  getStats: 200,
  batchSet: 200,
  batchGet: 200,
  batchWait: 200,
  batchDelete: 200,
  streamEvents: 200,
  streamTaskEvents: 200,
  getLiveness: 200,
  getReadiness: 200,
};

if (CHROMIUM === undefined) {
  throw new Error('the test needs Chromium: sudo apt-get install -y chromium');
}
/** Root in a container has no sandbox; nothing but this service is visited. */
const FLAGS = ['--no-sandbox', '--disable-quic', '--disable-background-networking'];

const service = await Service.start(t);
const browser = await chromium.launch({
  executablePath: CHROMIUM,
  args: FLAGS,
  timeout: LIMIT_MS,
});
t.teardown(() => browser.close());
const page = await browser.newPage();
page.setDefaultTimeout(LIMIT_MS);
const elsewhere: string[] = [];
page.on('request', (request) => {
  const url = request.url();
  if (!url.startsWith(`${service.origin}/`) && !url.startsWith('data:')) elsewhere.push(url);
});
await page.goto(`${service.origin}/docs`);
await page.locator('.opblock').last().waitFor();

/** Presses "Try it out" and "Execute" of an operation, and gives its answer. */
async function tryOut(block: Locator): Promise<{ status: number; text: string }> {
  await block.locator('.opblock-summary-control').click();
  await block.locator('.try-out__btn').click();
  return execute(block);
}

async function execute(block: Locator): Promise<{ status: number; text: string }> {
  await block.locator('.execute').click();
  const answer = block.locator('.live-responses-table tbody .response').first();
  await answer.waitFor();
  const status = await answer.locator('.response-col_status').innerText();
  return { status: Number.parseInt(status, 10), text: await answer.innerText() };
}

t.test('the page shows the operations first, and nothing of other projects', async (t) => {
  t.equal(await page.locator('.topbar').count(), 0, 'no bar with a logo');
  t.equal(await page.locator('.info table').count(), 0, 'no table before the operations');
  const icons = await page.locator('link[rel=icon]').evaluateAll((links) => links.length);
  t.equal(icons, 1, 'one icon, its own');
});

t.test('every operation, tried with nothing changed, does what it says', async (t) => {
  const blocks = await page.locator('.opblock').all();
  const names = await Promise.all(blocks.map((block) => block.getAttribute('id')));
  const ids = names.map((name) => name!.split('-').at(-1)!);
  t.same(ids, Object.keys(ANSWERS), 'the operations, in this order');
  for (const [index, block] of blocks.entries()) {
    const id = ids[index]!;
    const { status, text } = await tryOut(block);
    t.equal(status, ANSWERS[id], `${id}: ${text}`);
    if (id === 'streamTaskEvents') t.match(text, /event: status\s+data: \{"task_id"/, 'the event');
    if (id === 'batchSet') {
      await block.locator('.body-param-content-type select').selectOption('application/x-ndjson');
      const lines = await execute(block);
      t.match(lines.text, /"index":1,"task_id":"report-2024-09","code":20/, 'lines work too');
    }
    // Folded away again, so that the page stays small.
    await block.locator('.opblock-summary-control').click();
  }
  t.same(elsewhere, [], 'nothing was asked of anybody else');
});
