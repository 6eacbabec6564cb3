import type { Topic } from './topic.js';

export const expiry: Topic = { name: 'expiry', cases: {} };
