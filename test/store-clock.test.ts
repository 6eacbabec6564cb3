/** What is known of a store's clock: as much as its answers tell, however slowly they come. */
import t from 'tap';
import { StoreClock } from '../src/result-backend/store-clock.js';

/** A store that is `aheadMs` ahead of a local clock which begins at 1,000. */
function clockAnd() {
  let local = 1_000;
  const clock = new StoreClock(() => local);
  return {
    clock,
    /** One question, which takes so long on its way there and so long back. */
    ask(aheadMs: number, thereMs: number, backMs: number): void {
      const sentAt = clock.local();
      const storeMs = sentAt + thereMs + aheadMs;
      local = sentAt + thereMs + backMs;
      clock.observe(sentAt, storeMs, 0);
    },
    /** How far the clock is off. */
    error: (aheadMs: number): number => clock.now() - Math.floor(local + aheadMs),
  };
}

t.test('an answer bounds the clock by the time that it took', async (t) => {
  const { clock, ask, error } = clockAnd();
  t.equal(clock.errorMs, Number.POSITIVE_INFINITY);
  ask(5_000, 1, 99);
  t.equal(clock.errorMs, 50);
  t.ok(Math.abs(error(5_000)) <= 50);
});

t.test('slow answers that are slow in different ways narrow it together', async (t) => {
  const { clock, ask, error } = clockAnd();
  ask(5_000, 1, 99);
  ask(5_000, 99, 1);
  t.equal(clock.errorMs, 1);
  t.ok(Math.abs(error(5_000)) <= 1);
});

t.test('a slow answer never makes a well known clock worse', async (t) => {
  const { clock, ask, error } = clockAnd();
  ask(5_000, 1, 1);
  ask(5_000, 1, 900);
  t.ok(Math.abs(error(5_000)) <= 1);
  // It has drifted by a hair more than the bounds allow, which only a slow answer tells.
  ask(5_002, 0, 900);
  ask(4_997, 900, 0);
  ask(5_002, 900, 0);
  t.ok(clock.errorMs <= 1, `known to within ${clock.errorMs} ms`);
  t.ok(Math.abs(error(5_000)) <= 5, `${error(5_000)} ms off`);
});

for (const step of [3_600_000, -3_600_000]) {
  t.test(`a clock that is set anew by ${step} ms is followed at once`, async (t) => {
    const { ask, error } = clockAnd();
    ask(5_000, 1, 1);
    ask(5_000 + step, 4, 6);
    t.ok(Math.abs(error(5_000 + step)) <= 10, `${error(5_000 + step)} ms off`);
    ask(5_000 + step, 1, 1);
    t.ok(Math.abs(error(5_000 + step)) <= 2, `${error(5_000 + step)} ms off`);
  });
}
