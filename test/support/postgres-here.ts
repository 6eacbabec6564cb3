/**
 * The PostgreSQL backend on a server of this machine, whose clock is this process's: for tests that tell
 * milliseconds apart. What the backend knows of a server's clock by itself is as good as answers are
 * quick, and in a process that a hundred others wait for they are not. That is tested on its own
 * (`store-clock.test.ts`, `postgres-store.test.ts`).
 */
import { PostgresBackend } from '../../src/backends/postgres/postgres-backend.js';
import { parsePostgresUrl } from '../../src/backends/postgres/postgres-url.js';

type Options = Parameters<typeof PostgresBackend.fromUrl>[1];

export class PostgresHere extends PostgresBackend {
  static override fromUrl(url: string, options: Options = {}): PostgresHere {
    return new PostgresHere(parsePostgresUrl(url), options);
  }

  protected override _now(): number {
    return Date.now();
  }
}
