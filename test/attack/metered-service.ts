/**
 * The service in a process of its own, with a meter of its turns: how much CPU time the event loop took
 * at most between two looks at it. CPU time, since other programs take none of it.
 *
 * It is spoken to in lines: `begin` starts a measurement, `end` answers `longest <ms>`.
 */
import { createInterface } from 'node:readline';
import { buildApp } from '../../src/app.js';
import { Broker } from '../../src/broker.js';

type Usage = (before?: NodeJS.CpuUsage) => NodeJS.CpuUsage;

/** Of this thread where Node can tell, else of the process. */
const { threadCpuUsage } = process as { threadCpuUsage?: Usage };
const usage: Usage = threadCpuUsage?.bind(process) ?? process.cpuUsage.bind(process);

class TurnMeter {
  #longestUs = 0;
  #isOn = false;

  begin(): void {
    this.#longestUs = 0;
    this.#isOn = true;
    this.#look(usage());
  }

  /** In milliseconds. */
  end(): number {
    this.#isOn = false;
    return this.#longestUs / 1_000;
  }

  #look(before: NodeJS.CpuUsage): void {
    setImmediate(() => {
      const { user, system } = usage(before);
      this.#longestUs = Math.max(this.#longestUs, user + system);
      if (this.#isOn) this.#look(usage());
    });
  }
}

const broker = await Broker.fromUrl(process.argv[2] ?? 'memory:', {});
const app = await buildApp(broker, { logLevel: 'error' });
await app.startup();
process.stdout.write(`listening ${await app.http.listen({ host: '127.0.0.1', port: 0 })}\n`);
const meter = new TurnMeter();
for await (const line of createInterface({ input: process.stdin })) {
  if (line === 'begin') {
    meter.begin();
    process.stdout.write('begun\n');
  } else {
    process.stdout.write(`longest ${meter.end()}\n`);
  }
}
await app.shutdown();
