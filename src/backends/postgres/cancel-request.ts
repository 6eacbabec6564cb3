/**
 * Tells a server to stop what one of its connections is doing: the only way to end a statement that
 * waits for a lock, also where a pooler lets nobody set a time-out for the session.
 *
 * The request has a connection of its own and is never answered (PostgreSQL's protocol, 'Canceling
 * Requests in Progress').
 */
import { connect, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import type { PostgresAddress } from './postgres-url.js';

const CANCEL_CODE = 80_877_102;
const TLS_CODE = 80_877_103;

/** Whom to stop, as the server named it when the connection was made. */
export interface BackendKey {
  readonly processId: number;
  readonly secretKey: number;
}

/** Asks for it, and does not wait for what comes of it; the attempt ends after so long. */
export function requestCancel(address: PostgresAddress, key: BackendKey, timeoutMs: number): void {
  const { host, port, tls } = address;
  const socket = connect({ host, port });
  socket.setTimeout(timeoutMs, () => socket.destroy());
  socket.on('error', () => {});
  const request = message(CANCEL_CODE, key.processId, key.secretKey);
  if (tls === undefined) {
    socket.end(request);
    return;
  }
  socket.write(message(TLS_CODE));
  socket.once('data', (answer) => {
    if (answer.toString('latin1') === 'S') secured(socket, address).end(request);
    else socket.destroy();
  });
}

function secured(socket: Socket, { host, tls }: PostgresAddress): Socket {
  return connectTls({ ...tls, socket, host }).on('error', () => socket.destroy());
}

function message(...numbers: readonly number[]): Buffer {
  const bytes = Buffer.allocUnsafe(4 + 4 * numbers.length);
  let at = bytes.writeInt32BE(bytes.length, 0);
  for (const number of numbers) at = bytes.writeInt32BE(number, at);
  return bytes;
}
