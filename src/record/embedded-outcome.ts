/** The document of one task with its outcome inside: as bytes, since no value in it may be re-written. */
import type { TaskSnapshot } from './snapshot.js';

/** The status view with the outcome embedded, where there is one. */
export function viewWithOutcome(snapshot: TaskSnapshot): Buffer {
  const view = snapshot.toStatusView();
  const { outcome } = snapshot;
  if (outcome === undefined) return Buffer.from(view);
  const start = Buffer.from(view.slice(0, -1));
  return snapshot.isOpaque
    ? Buffer.concat([start, Buffer.from(`,"outcome_base64":"${outcome.toString('base64')}"}`)])
    : Buffer.concat([start, Buffer.from(',"outcome":'), outcome, Buffer.from('}')]);
}
