/** The HTTP backend passes the conformance suite, on a real service that is restarted in it. */
import { HttpBackend } from '../../src/backends/http/http-backend.js';
import type { Factory } from '../conformance/factory.js';
import { conformance } from '../conformance/suite.js';
import { HTTP_DEVIATIONS } from '../support/http-deviations.js';
import { RemoteStore } from '../support/remote-store.js';

const http: Factory = {
  name: 'http',
  async open() {
    const remote = await RemoteStore.lmdb();
    return {
      create: (options) => HttpBackend.fromUrl(remote.url, options),
      countStored: async () => remote.storedTasks,
      outage: { begin: () => remote.kill(), end: () => remote.restart() },
      freeze: {
        begin: async () => remote.freeze(),
        end: async () => remote.proxy.heal(),
      },
      close: () => remote.stop(),
    };
  },
};

conformance({ ...http, deviations: HTTP_DEVIATIONS });
