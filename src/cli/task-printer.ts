/** Prints tasks as they are now: a table on a terminal, else a line each. */
import type { Context } from './command.js';
import { Style } from './style.js';
import { jsonLine, plainLine, type ShownTask } from './task-lines.js';
import { taskLines } from './task-table.js';

/** Resolves when the output has taken them: what reads slowly is not run ahead of. */
export async function printTasks(
  tasks: readonly ShownTask[],
  { json }: { readonly json: boolean },
  { stdout, settings }: Context,
): Promise<void> {
  if (tasks.length === 0) return;
  let text: string;
  if (json || stdout.isTTY !== true) {
    text = tasks.map(json ? jsonLine : plainLine).join('');
  } else {
    const style = new Style(stdout, settings.wantsColour);
    const columns = Math.max(20, (stdout.columns || 80) - 1);
    text = `${taskLines({ tasks, now: Date.now() }, columns, style).join('\n')}\n`;
  }
  await new Promise<void>((resolve) => {
    stdout.write(text, () => resolve());
  });
}
