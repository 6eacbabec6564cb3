import type { Topic } from './topic.js';

export const outage: Topic = { name: 'outage', cases: {} };
