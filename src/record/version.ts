/** The random part of a version: what makes an ETag unlike any other, whatever the clock does. */
import { randomFillSync } from 'node:crypto';

const pool = Buffer.allocUnsafe(8_192);
let poolAt = pool.length;

/** 64 random bits as 16 hexadecimal digits, from a pool: one system call for a thousand of them. */
export function randomVersion(): string {
  if (poolAt === pool.length) {
    randomFillSync(pool);
    poolAt = 0;
  }
  poolAt += 8;
  return pool.toString('hex', poolAt - 8, poolAt);
}
