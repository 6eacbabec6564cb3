/** The commands. Each is loaded when it is asked for: a shell waits for what is loaded. */
import type { Command } from './command.js';

interface CommandEntry {
  readonly summary: string;
  /** Undefined for `serve`, whose flags are the settings. */
  readonly load: (() => Promise<Command>) | undefined;
}

export const COMMANDS: Readonly<Record<string, CommandEntry>> = {
  serve: { summary: 'start the service', load: undefined },
  get: {
    summary: 'print what a task returned',
    load: async () => (await import('./get.js')).get,
  },
  consume: {
    summary: 'print what a task returned, and remove the task',
    load: async () => (await import('./consume.js')).consume,
  },
  wait: {
    summary: 'wait until tasks are ready, and print what they returned',
    load: async () => (await import('./wait.js')).wait,
  },
  status: {
    summary: 'print the state of tasks',
    load: async () => (await import('./status.js')).status,
  },
  list: {
    summary: 'list the tasks that there are',
    load: async () => (await import('./list.js')).list,
  },
  stats: {
    summary: 'count the tasks by state',
    load: async () => (await import('./stats.js')).stats,
  },
  watch: {
    summary: 'show what becomes of tasks, live',
    load: async () => (await import('./watch.js')).watch,
  },
  set: {
    summary: 'store what a task returned',
    load: async () => (await import('./set.js')).set,
  },
  fail: {
    summary: 'store that a task failed',
    load: async () => (await import('./fail.js')).fail,
  },
  progress: {
    summary: 'store how far a task is',
    load: async () => (await import('./progress.js')).progress,
  },
  exec: {
    summary: 'run a command as a task, and store what became of it',
    load: async () => (await import('./exec.js')).exec,
  },
  delete: {
    summary: 'remove tasks',
    load: async () => (await import('./delete.js')).remove,
  },
};
