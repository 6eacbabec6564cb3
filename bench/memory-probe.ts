/**
 * Loaded into a server with `--import`, so that what is measured is the program as it is shipped:
 * answers the parent's question for its memory, after a full garbage collection.
 */
import type { Memory } from './program.js';

process.on('message', () => {
  globalThis.gc?.();
  globalThis.gc?.();
  const { rss, heapUsed, external } = process.memoryUsage();
  const memory: Memory = { rss, used: heapUsed + external };
  process.send?.(memory);
});
