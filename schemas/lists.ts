/** The documents of lists and counts of tasks. */
import { Type } from 'typebox';
import { Named, OrNull } from './forms.js';
import { EXAMPLE_VIEW } from './tasks.js';

export const TaskListSchema = Type.Object(
  {
    items: Type.Array(Named('StatusView')),
    next_cursor: OrNull(Type.String({ description: 'For the next page; null on the last.' })),
  },
  {
    $id: 'TaskList',
    description: 'One page of tasks, the last written first.',
    examples: [{ items: [EXAMPLE_VIEW], next_cursor: 'MTcxODAwMDAwMDAwMCByZXBvcnQtMjAyNC0wNg' }],
  },
);

const Count = Type.Integer({ minimum: 0 });

export const StatsSchema = Type.Object(
  {
    total: Count,
    states: Type.Object({
      PENDING: Count,
      STARTED: Count,
      RETRY: Count,
      SUCCESS: Count,
      FAILURE: Count,
      other: Count,
    }),
  },
  {
    $id: 'Stats',
    description: 'How many tasks there are, by the state that is shown of them.',
    examples: [
      {
        total: 12,
        states: { PENDING: 3, STARTED: 2, RETRY: 0, SUCCESS: 6, FAILURE: 1, other: 0 },
      },
    ],
  },
);

/** All of them, to be registered by their names. */
export const LIST_SCHEMAS = [TaskListSchema, StatsSchema] as const;
