import type { Topic } from './topic.js';

export const versions: Topic = { name: 'versions', cases: {} };
