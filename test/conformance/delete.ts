import type { Topic } from './topic.js';

export const deletion: Topic = { name: 'delete', cases: {} };
