import type { Topic } from './topic.js';

export const namespaces: Topic = { name: 'namespaces', cases: {} };
