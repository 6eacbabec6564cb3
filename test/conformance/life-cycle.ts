import type { Topic } from './topic.js';

export const lifeCycle: Topic = { name: 'life-cycle', cases: {} };
