/**
 * The one place where the client's errors become this package's. Whatever keeps Redis from doing
 * its work is `store-unavailable`.
 *
 * The client hangs a command's arguments on its errors, and those of the first command are the
 * credentials: they are taken off before the error is passed on as a cause.
 */
import { ResultdError, storeUnavailable } from '../../errors.js';
import type { Address } from './redis-url.js';

/** What the replies mean to an operator, by their first word. */
const REPLIES: Readonly<Record<string, string>> = {
  OOM: 'it is full (OOM): raise maxmemory, or shorten the times to live',
  READONLY: 'it is a replica that takes no writes (READONLY): use the primary',
  LOADING: 'it is still loading its data (LOADING): try again soon',
  MISCONF: 'it cannot save to its disk and takes no writes (MISCONF): see its log',
  NOAUTH: 'it asks for a password (NOAUTH): put one into the URL',
  WRONGPASS: 'it refuses the user or the password (WRONGPASS)',
  NOPERM:
    'the user may not do this (NOPERM): on keys ~<prefix>* and channels &<prefix>* it needs +@hash ' +
    '+@sortedset +@keyspace +@scripting +@connection +publish +subscribe +unsubscribe +time ' +
    '+setrange, behind sentinels +info too, and in a cluster +cluster|slots',
  BUSY: 'it is busy with a long script (BUSY)',
  MASTERDOWN: 'it is a replica that has lost its primary (MASTERDOWN)',
  CLUSTERDOWN: 'the cluster has lost a part, and takes no commands (CLUSTERDOWN): see CLUSTER INFO',
  TRYAGAIN: 'the task is being moved to another node (TRYAGAIN): try again soon',
  MOVED: 'it is a node of a cluster (MOVED): give a redis+cluster: URL',
  ASK: 'it is a node of a cluster (ASK): give a redis+cluster: URL',
  UNBLOCKED: 'it is no longer the primary (UNBLOCKED); the write may have been kept',
  NOREPLICAS: 'it has fewer replicas than it asks for (NOREPLICAS): see min-replicas-to-write',
};

/** A write was made, and too few replicas have said in time that they have it. */
export class TooFewReplicas extends Error {
  constructor(confirmed: number, wanted: number) {
    super(
      `${confirmed} of the ${wanted} replicas that wait_replicas asks for confirmed the write in ` +
        'time; it may have been kept: send it again',
    );
  }
}

/** `host:port`, with brackets where the host has colons. */
export function addressText({ host, port }: Address): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

/** Any error of the client, as it was met while asking the server at `address`. */
export function wrapped(error: unknown, address: string, lastError?: unknown): ResultdError {
  if (error instanceof ResultdError) return error;
  return storeUnavailable(`Redis at ${address}: ${reasonOf(error, lastError)}`, bare(error));
}

export function isNoScript(error: unknown): boolean {
  return error instanceof Error && error.message.startsWith('NOSCRIPT');
}

export function isTimeout(error: unknown): boolean {
  return error instanceof Error && error.message === 'Command timed out';
}

function reasonOf(error: unknown, lastError: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (error instanceof TooFewReplicas) return error.message;
  if (isTimeout(error)) return 'it did not answer in time; a write may yet be done';
  const { code } = error as NodeJS.ErrnoException;
  if (error.name === 'ReplyError') {
    return REPLIES[firstWord(error)] ?? `it answered ${error.message.slice(0, 200)}`;
  }
  if (code !== undefined) return `it cannot be reached (${code}: ${error.message})`;
  if (error.message.startsWith('All sentinels are unreachable')) {
    const last = /Last error: (.*)$/.exec(error.message)?.[1] ?? 'none knows it';
    return `no sentinel says where it is (${last})`;
  }
  const isLost = error.name === 'MaxRetriesPerRequestError' || error.name === 'AbortError';
  const state = isLost
    ? 'the connection was lost before the answer, and a write may have been done'
    : 'there is no connection';
  return lastError === undefined ? state : `${state}: ${reasonOf(lastError, undefined)}`;
}

function firstWord(error: Error): string {
  return error.message.split(' ', 1)[0]!;
}

function bare(error: unknown): unknown {
  if (error instanceof Error && 'command' in error) delete error.command;
  return error;
}
