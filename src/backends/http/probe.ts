/** Finds out at the start whether it is a resultd that answers, and whether it is ready. */
import { randomUUID } from 'node:crypto';
import { absentOr, taskPath } from './command-request.js';
import type { Transport } from './transport.js';

/**
 * Throws `store-unavailable` where it is not ready or not a resultd, `unauthenticated` or
 * `forbidden` where it does not take the credentials.
 */
export async function probe(transport: Transport): Promise<void> {
  const { shown } = transport.settings;
  await transport.call({ method: 'GET', path: '/readyz', expected: [200] });
  // Many things have a /readyz; only a resultd says in its own words that a task is unknown.
  const path = `${taskPath(`resultd-probe-${randomUUID()}`)}/status`;
  const answer = await transport.call({ method: 'GET', path, expected: [404] });
  absentOr(answer, shown);
}
