/** The parent's side of `wait-client.ts`, and how it knows that a server has come to rest. */
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { CORE } from './machine.js';
import { Program } from './program.js';
import type { Done, Order } from './wait-client.js';

const CLIENT = fileURLToPath(new URL('wait-client.js', import.meta.url));

export class WaitClient {
  readonly #program: Program;

  private constructor(program: Program) {
    this.#program = program;
  }

  static async start(): Promise<WaitClient> {
    return new WaitClient(
      await Program.start({
        command: process.execPath,
        args: [CLIENT],
        core: CORE.generator,
        ready: /ready/,
      }),
    );
  }

  /** Resolves once it is done; after a wake, to the latencies in milliseconds. */
  async tell(order: Order): Promise<readonly number[]> {
    const { error, latenciesMs } = await this.#program.ask<Done>(order);
    if (error !== undefined) throw new Error(`to ${order.do} has failed: ${error}`);
    return latenciesMs;
  }

  stop(): Promise<void> {
    return this.#program.stop();
  }
}

const LOOK_EVERY_MS = 250;
const RESTS_WITHIN_MS = 30_000;
/** Timers and pings take this much of a core, and no more. */
const RESTING_SHARE = 0.08;

/** Resolves once the processes have next to nothing to do: all that was sent has been dealt with. */
export async function atRest(programs: readonly Program[]): Promise<void> {
  const used = (): number => programs.reduce((sum, program) => sum + program.cpu(), 0);
  const deadline = performance.now() + RESTS_WITHIN_MS;
  let before = used();
  while (performance.now() < deadline) {
    await pause(LOOK_EVERY_MS);
    const now = used();
    if (now - before <= (LOOK_EVERY_MS / 1_000) * RESTING_SHARE * programs.length) return;
    before = now;
  }
  throw new Error('the servers do not come to rest');
}
