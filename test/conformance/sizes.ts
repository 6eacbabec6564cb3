import type { Topic } from './topic.js';

export const sizes: Topic = { name: 'sizes', cases: {} };
