import type { Topic } from './topic.js';

export const exceptions: Topic = { name: 'exceptions', cases: {} };
