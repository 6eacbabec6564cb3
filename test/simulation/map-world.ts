/** The base of compare-and-swap stores: two replicas of the service on one map that can swap. */
import { Random } from '../conformance/random.js';
import { MapBackend, TroubledStore } from '../support/map-store.js';
import { SWITCH_FAULTS } from './fault-switch.js';
import type { World } from './world.js';

export function mapWorld(): World {
  return {
    name: 'compare-and-swap',
    async arena(seed) {
      const store = new TroubledStore(new Random(seed));
      return {
        faults: SWITCH_FAULTS,
        replicas: 2,
        async open() {
          const backend = new MapBackend(store);
          await backend.startup();
          return backend;
        },
        close: (backend) => backend.shutdown(),
        begin: async (fault) => store.faults.begin(fault),
        heal: async () => store.faults.heal(),
        end: async () => {},
      };
    },
    end: async () => {},
  };
}
