import type { Topic } from './topic.js';

export const many: Topic = { name: 'many', cases: {} };
