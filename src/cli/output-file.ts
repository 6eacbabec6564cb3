/**
 * A standard output that is a file. Node writes each piece of it with one call, and takes no notice
 * where a disk that fills up took a part of it: then the rest would be lost, and nobody told.
 */
import { writeSync } from 'node:fs';
import { Socket } from 'node:net';

/** From now on each piece is written to its end, or the stream fails. */
export function writeWhole(stream: NodeJS.WriteStream & { fd: number }): void {
  // Pipes and terminals are sockets to Node, and go on with the rest by themselves.
  if (stream instanceof Socket) return;
  const output: NodeJS.WriteStream & { fd: number } = stream;
  output._write = (chunk: Buffer, _encoding, done) => {
    try {
      for (let at = 0; at < chunk.length; ) at += writeSync(output.fd, chunk, at);
      done();
    } catch (error) {
      done(error as Error);
    }
  };
}
