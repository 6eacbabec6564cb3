/** Finds out at the start whether it is a resultd that answers, whether it is ready, and on what store. */
import { randomUUID } from 'node:crypto';
import type { Supports } from '../../result-backend/types.js';
import { absentOr, taskPath } from './command-request.js';
import { readable } from './task-view.js';
import type { Transport } from './transport.js';

/** What the service's store can do: the rest of `Supports` is a matter of HTTP. */
type RemoteSupports = Pick<Supports, 'durable' | 'listing'>;

/**
 * Throws `store-unavailable` where it is not ready or not a resultd, `unauthenticated` or
 * `forbidden` where it does not take the credentials.
 */
export async function probe(transport: Transport): Promise<RemoteSupports> {
  const { shown } = transport.settings;
  const { body } = await transport.call({ method: 'GET', path: '/readyz', expected: [200] });
  // Many things have a /readyz; only a resultd says in its own words that a task is unknown.
  const path = `${taskPath(`resultd-probe-${randomUUID()}`)}/status`;
  const answer = await transport.call({ method: 'GET', path, expected: [404] });
  absentOr(answer, shown);
  const { durable, listing } = readable(() => {
    return (JSON.parse(body.toString()) as { store: RemoteSupports }).store;
  });
  return { durable, listing };
}
