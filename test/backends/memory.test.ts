/** The memory backend passes the conformance suite. */
import { MemoryBackend } from '../../src/backends/memory/memory-backend.js';
import type { Factory } from '../conformance/factory.js';
import { conformance } from '../conformance/suite.js';

const memory: Factory = {
  name: 'memory',
  async open() {
    const backends: MemoryBackend[] = [];
    return {
      create(options) {
        const backend = new MemoryBackend(options);
        backends.push(backend);
        return backend;
      },
      async countStored() {
        return backends.reduce((sum, backend) => sum + backend.storedTasks, 0);
      },
      async close() {},
    };
  },
};

conformance(memory);
