/**
 * The base of compare-and-swap stores passes the conformance suite on a store that is a map, with
 * calls that overlap and swaps that lose at random.
 */
import type { Factory } from './conformance/factory.js';
import { Random, testSeed } from './conformance/random.js';
import { conformance } from './conformance/suite.js';
import { MapBackend, TroubledStore } from './support/map-store.js';

const random = new Random(testSeed());

const map: Factory = {
  name: 'a map that can swap (example)',
  async open() {
    const store = new TroubledStore(random);
    return {
      create: (options) => new MapBackend(store, options),
      countStored: async () => store.rows.size,
      outage: {
        begin: async () => store.faults.begin('gone'),
        end: async () => store.faults.heal(),
      },
      async close() {},
    };
  },
};

conformance(map);
