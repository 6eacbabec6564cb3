/** The worlds that a simulation can be run in, by name. */
import { httpWorld } from './http-world.js';
import { lmdbWorld } from './lmdb-world.js';
import { mapWorld } from './map-world.js';
import { memoryWorld } from './memory-world.js';
import { natsWorld } from './nats-world.js';
import { postgresWorld } from './postgres-world.js';
import { redisWorld } from './redis-world.js';
import type { World } from './world.js';

export const WORLDS = [
  'memory',
  'lmdb',
  'compare-and-swap',
  'redis',
  'nats',
  'postgres',
  'http',
] as const;

export type WorldName = (typeof WORLDS)[number];

export async function openWorld(name: WorldName): Promise<World> {
  switch (name) {
    case 'memory':
      return memoryWorld();
    case 'lmdb':
      return lmdbWorld();
    case 'compare-and-swap':
      return mapWorld();
    case 'redis':
      return redisWorld();
    case 'nats':
      return natsWorld();
    case 'postgres':
      return postgresWorld();
    case 'http':
      return httpWorld();
    default:
      throw new Error(`${name} is not a backend that is simulated: use ${WORLDS.join(', ')}`);
  }
}
