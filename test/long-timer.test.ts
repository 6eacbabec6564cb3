/** Timers of any length. */
import { mock } from 'node:test';
import t from 'tap';
import { startTimer } from '../src/timing.js';

const DAY_MS = 86_400_000;

t.beforeEach(() => mock.timers.enable({ apis: ['setTimeout'] }));
t.afterEach(() => mock.timers.reset());

t.test('a timer of sixty days fires once, after sixty days', async (t) => {
  let fired = 0;
  startTimer(60 * DAY_MS, () => {
    fired += 1;
  });
  for (let day = 1; day < 60; day += 1) mock.timers.tick(DAY_MS);
  t.equal(fired, 0);
  // The mocked clock begins a timer that is set within a tick at the end of that tick.
  for (let day = 0; day < 3; day += 1) mock.timers.tick(DAY_MS);
  t.equal(fired, 1);
  for (let day = 0; day < 60; day += 1) mock.timers.tick(DAY_MS);
  t.equal(fired, 1);
});

t.test('a timer that was stopped does not fire, however long it has run', async (t) => {
  let fired = 0;
  const stop = startTimer(60 * DAY_MS, () => {
    fired += 1;
  });
  for (let day = 0; day < 40; day += 1) mock.timers.tick(DAY_MS);
  stop();
  for (let day = 0; day < 40; day += 1) mock.timers.tick(DAY_MS);
  t.equal(fired, 0);
});
