/** All named documents of the API. */
import { BATCH_SCHEMAS } from './batches.js';
import { LIST_SCHEMAS } from './lists.js';
import { OUTCOME_SCHEMAS } from './outcomes.js';
import { PROBLEM_SCHEMAS } from './problems.js';
import { TASK_SCHEMAS } from './tasks.js';

export const DOCUMENTS = [
  ...OUTCOME_SCHEMAS,
  ...TASK_SCHEMAS,
  ...LIST_SCHEMAS,
  ...BATCH_SCHEMAS,
  ...PROBLEM_SCHEMAS,
] as const;
