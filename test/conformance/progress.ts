import type { Topic } from './topic.js';

export const progress: Topic = { name: 'progress', cases: {} };
