import type { Topic } from './topic.js';

export const notifications: Topic = { name: 'notifications', cases: {} };
