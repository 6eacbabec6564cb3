/**
 * Loaded into `resultd serve` with `--import`: takes down the request line of each request that
 * Node's HTTP server gets, and writes them all to the file in `BENCH_REQUESTS` when the process
 * ends. So the service itself says what it was asked, and nothing stands between it and its clients.
 */
import { subscribe } from 'node:diagnostics_channel';
import { writeFileSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';

const file = process.env.BENCH_REQUESTS;
if (file === undefined) throw new Error('BENCH_REQUESTS is not set: it names the file to write');

const lines: string[] = [];

subscribe('http.server.request.start', (message) => {
  const { method, url } = (message as { request: IncomingMessage }).request;
  lines.push(`${method} ${url}\n`);
});

process.on('exit', () => writeFileSync(file, lines.join('')));
