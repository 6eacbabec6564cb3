/** The HTTP backend on a remote resultd, with a front between the two that disturbs what it is told to. */
import type { Test } from 'tap';
import { HttpBackend, type HttpBackendOptions } from '../../src/backends/http/http-backend.js';
import { FlakyFront } from './flaky-front.js';
import type { RemoteStore } from './remote-store.js';

export interface FrontedRemote {
  readonly remote: RemoteStore;
  /** Between the backend under test and the service. */
  readonly front: FlakyFront;
  readonly backend: HttpBackend;
}

/** Starts the front and the backend; the test's end stops them, and the remote too. */
export async function frontRemote(
  t: Test,
  remote: RemoteStore,
  options: HttpBackendOptions = {},
): Promise<FrontedRemote> {
  const front = await FlakyFront.start(remote.url);
  const backend = HttpBackend.fromUrl(front.url, options);
  await backend.startup();
  t.teardown(async () => {
    await backend.shutdown();
    await front.stop();
    await remote.stop();
  });
  return { remote, front, backend };
}
