/**
 * Requests that wait for something that may be long in coming. There may be very many: what their answer
 * does not need is let go of. And who has closed its half of the connection meanwhile has gone, as far as
 * anybody can tell; any other request of a half-closed connection is answered (RFC 9112 §9.5).
 */
import type { Server, ServerResponse } from 'node:http';
import type { BusySocket } from './connections.js';

const parked = new WeakSet<ServerResponse>();

/** Has connections live on whose clients have said all that they will. */
export function allowHalfClosed(server: Server): void {
  // Node has no type for it.
  Object.assign(server, { httpAllowHalfOpen: true });
  server.on('connection', (socket) => socket.on('end', leaveParked));
}

function leaveParked(this: BusySocket): void {
  const response = this._httpMessage;
  if (response != null && parked.has(response)) this.destroy();
}

/** The request waits from now on: its headers have been read, and its client is waited with. */
export function park(response: ServerResponse): void {
  const { req: request } = response;
  if (request.socket.readableEnded) {
    request.socket.destroy();
    return;
  }
  parked.add(response);
  request.rawHeaders = [];
  request.headers = {};
}

/** It is answered now. */
export function unpark(response: ServerResponse): void {
  parked.delete(response);
}
