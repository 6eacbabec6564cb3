/**
 * Every message of the stream that stands for a task, by its headers: through a consumer that takes
 * them in portions, at our own pace, and that the server removes soon after.
 */
import { createInbox, type Msg } from '@nats-io/transport-node';
import type { NatsConnection } from './nats-connection.js';
import type { Subjects } from './subjects.js';

const PORTION = 500;
/** How long a portion may take; for the server also, how long it keeps a consumer that is not used. */
const PORTION_MS = 10_000;

/** Calls `each` with the sequence and the headers of every message. Throws the client's error. */
export async function scanTasks(
  connection: NatsConnection,
  subjects: Subjects,
  each: (sequence: number, headers: NonNullable<Msg['headers']>) => void,
): Promise<void> {
  const consumer = await makeConsumer(connection, subjects);
  const next = `$JS.API.CONSUMER.MSG.NEXT.${subjects.bucket}.${consumer}`;
  const portion = JSON.stringify({ batch: PORTION, no_wait: true });
  for (let isLast = false; !isLast; ) {
    isLast = await readPortion(connection, { next, portion, inboxOf: subjects.bucket }, each);
  }
}

async function makeConsumer(connection: NatsConnection, { bucket, tasks }: Subjects) {
  const config = {
    deliver_policy: 'all',
    ack_policy: 'none',
    replay_policy: 'instant',
    filter_subject: tasks,
    headers_only: true,
    inactive_threshold: PORTION_MS * 1e6,
  };
  const question = JSON.stringify({ stream_name: bucket, config });
  const { name } = await connection.ask<{ name: string }>(
    `$JS.API.CONSUMER.CREATE.${bucket}`,
    question,
  );
  return name;
}

/** True where it was the last one: what comes after the messages is a status. */
function readPortion(
  connection: NatsConnection,
  { next, portion, inboxOf }: { next: string; portion: string; inboxOf: string },
  each: (sequence: number, headers: NonNullable<Msg['headers']>) => void,
): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const inbox = createInbox(`_INBOX_${inboxOf}`);
    let count = 0;
    const end = (error: Error | undefined, isLast = true): void => {
      clearTimeout(timer);
      subscription.unsubscribe();
      if (error === undefined) resolve(isLast);
      else reject(error);
    };
    const timer = setTimeout(() => end(new Error('a portion did not come in time')), PORTION_MS);
    // A message keeps the subject that it is stored at: only a subscription of its own tells it apart.
    const subscription = connection.subscribe(
      inbox,
      ({ headers, reply }) => {
        if (headers !== undefined && headers.code > 0) return end(undefined);
        if (headers !== undefined) each(Number(reply?.split('.')[5]), headers);
        count += 1;
        if (count === PORTION) end(undefined, false);
      },
      end,
    );
    connection.publish(next, portion, inbox);
  });
}
