/** An outcome inside another document: as bytes, since no value in it may be re-written. */
import type { TaskSnapshot } from './snapshot.js';

/** The member that holds an outcome: a text, the outcome's bytes, and a text. */
type OutcomeMember = readonly [before: string, bytes: Buffer, after: string];

/** `"outcome":{…}`, or `"outcome_base64":"…"` where it is opaque. */
export function outcomeMember(isOpaque: boolean, outcome: Buffer): OutcomeMember {
  return isOpaque
    ? ['"outcome_base64":"', Buffer.from(outcome.toString('base64'), 'latin1'), '"']
    : ['"outcome":', outcome, ''];
}

/** The status view with the outcome embedded, where there is one. */
export function viewWithOutcome(snapshot: TaskSnapshot): Buffer {
  const view = snapshot.toStatusView();
  const { outcome } = snapshot;
  if (outcome === undefined) return Buffer.from(view);
  const [before, bytes, after] = outcomeMember(snapshot.isOpaque, outcome);
  const start = Buffer.from(`${view.slice(0, -1)},${before}`);
  return Buffer.concat([start, bytes, Buffer.from(`${after}}`)]);
}
