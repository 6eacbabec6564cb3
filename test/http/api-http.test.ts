/** The HTTP API over the HTTP backend: a resultd in front of another one. */
import { RemoteStore } from '../support/remote-store.js';
import { apiSuite } from './api-suite.js';

apiSuite('http', async () => {
  const remote = await RemoteStore.memory();
  return { url: remote.url, close: () => remote.stop() };
});
