import type { Topic } from './topic.js';

export const consume: Topic = { name: 'consume', cases: {} };
