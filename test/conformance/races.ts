import type { Topic } from './topic.js';

export const races: Topic = { name: 'races', cases: {} };
