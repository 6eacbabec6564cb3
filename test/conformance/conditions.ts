import type { Topic } from './topic.js';

export const conditions: Topic = { name: 'conditions', cases: {} };
