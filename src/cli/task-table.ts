/** Tasks as a table that fits a terminal: counts by state at the top, then the latest tasks. */
import { counted } from '../errors.js';
import { COUNTED_STATES, type StateCounts } from '../record/listing.js';
import { advanceOf, measuredBar } from './progress-bar.js';
import { fit, type Style, seconds } from './style.js';
import type { ShownTask } from './task-lines.js';

interface TableView {
  /** What is watched. */
  readonly title: string;
  /** Undefined where the store does not count. */
  readonly counts: StateCounts | undefined;
  /** The last changed first. */
  readonly tasks: readonly ShownTask[];
  /** What keeps the table from being up to date. */
  readonly trouble: string | undefined;
  /** Epoch milliseconds. */
  readonly now: number;
}

interface TableSize {
  readonly columns: number;
  readonly rows: number;
}

const STATE_COLUMNS = 9;
const BAR_COLUMNS = 16;
const TIME_COLUMNS = 7;
const GAP = '  ';
/** What stands above the tasks: the title, the counts, and what is in the columns. */
const HEAD_LINES = 3;

/** The lines of the table: at most as many as there are rows, none wider than the columns. */
export function tableLines(view: TableView, size: TableSize, style: Style): string[] {
  // The last column stays empty: a terminal may begin a new line with it.
  const columns = Math.max(20, size.columns - 1);
  const tasks = view.tasks.slice(0, Math.max(0, size.rows - HEAD_LINES));
  const head = [
    style.bold(fit(view.title, columns).trimEnd()),
    view.trouble === undefined
      ? countsLine(view.counts, columns, style)
      : style.red(fit(view.trouble, columns).trimEnd()),
  ];
  const table = taskLines({ tasks, now: view.now }, columns, style);
  return [...head, ...table].slice(0, Math.max(1, size.rows));
}

/** A line that says what stands in the columns, and one for each task. */
export function taskLines(
  { tasks, now }: Pick<TableView, 'tasks' | 'now'>,
  columns: number,
  style: Style,
): string[] {
  const widths = widthsFor(tasks, columns);
  return [style.dim(headLine(widths)), ...tasks.map((task) => row(task, { widths, style, now }))];
}

interface Widths {
  readonly id: number;
  /** 0 where there is no room for it. */
  readonly bar: number;
  readonly text: number;
}

function widthsFor(tasks: readonly ShownTask[], columns: number): Widths {
  const longest = tasks.reduce((most, { snapshot }) => Math.max(most, snapshot.taskId.length), 4);
  const fixed = STATE_COLUMNS + TIME_COLUMNS + 2 * GAP.length;
  const id = Math.max(4, Math.min(longest, Math.floor(columns * 0.4), columns - fixed));
  let left = columns - fixed - id;
  const barWidth = left >= BAR_COLUMNS + 7 ? BAR_COLUMNS + 5 : 0;
  if (barWidth > 0) left -= barWidth + GAP.length;
  return { id, bar: barWidth, text: left > GAP.length ? left - GAP.length : 0 };
}

function headLine(widths: Widths): string {
  return joined(widths, {
    id: fit('TASK', widths.id),
    state: fit('STATE', STATE_COLUMNS),
    bar: 'PROGRESS',
    time: 'TIME'.padStart(TIME_COLUMNS),
    text: '',
  });
}

function row(
  { snapshot: task, why }: ShownTask,
  { widths, style, now }: { readonly widths: Widths; readonly style: Style; readonly now: number },
): string {
  const advance = advanceOf(task);
  const taken = task.ready ? Number(task.executionTime) : (now - task.createdAt) / 1_000;
  return joined(widths, {
    id: fit(task.taskId, widths.id),
    state: style.state(fit(task.state, STATE_COLUMNS), task.state),
    bar: measuredBar(advance.fraction, BAR_COLUMNS),
    time: seconds(Math.max(0, taken)).padStart(TIME_COLUMNS),
    text: why ?? advance.text,
  });
}

interface Cells {
  readonly id: string;
  readonly state: string;
  readonly bar: string;
  readonly time: string;
  readonly text: string;
}

function joined(widths: Widths, { id, state, bar, time, text }: Cells): string {
  const cells = [id, state];
  if (widths.bar > 0) cells.push(fit(bar, widths.bar));
  cells.push(time);
  if (widths.text > 0 && text !== '') cells.push(fit(text, widths.text).trimEnd());
  return cells.join(GAP);
}

function countsLine(counts: StateCounts | undefined, columns: number, style: Style): string {
  if (counts === undefined) return '';
  const parts = [...COUNTED_STATES, 'other' as const]
    .map((state) => ({ state, text: `${counts.states[state]} ${state}` }))
    .filter(({ state }) => counts.states[state] > 0);
  const total = counted(counts.total, 'task');
  const plain = [total, ...parts.map(({ text }) => text)].join(GAP);
  if (plain.length > columns) return fit(plain, columns);
  return [total, ...parts.map(({ state, text }) => style.state(text, state))].join(GAP);
}
