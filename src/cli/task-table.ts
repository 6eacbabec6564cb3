/** Tasks as a table that fits a terminal: counts by state at the top, then the latest tasks. */
import { COUNTED_STATES, type StateCounts } from '../record/listing.js';
import type { TaskSnapshot } from '../record/snapshot.js';
import { type Advance, advanceOf, bar } from './advance.js';
import { fit, type Style, seconds } from './style.js';

export interface TableView {
  /** What is watched. */
  readonly title: string;
  /** Undefined where the store does not count. */
  readonly counts: StateCounts | undefined;
  /** The last changed first. */
  readonly tasks: readonly TaskSnapshot[];
  /** What keeps the table from being up to date. */
  readonly trouble: string | undefined;
  /** Epoch milliseconds. */
  readonly now: number;
}

export interface TableSize {
  readonly columns: number;
  readonly rows: number;
}

const STATE_COLUMNS = 9;
const BAR_COLUMNS = 16;
const TIME_COLUMNS = 7;
const GAP = '  ';

/** The lines of the table: at most as many as there are rows, none wider than the columns. */
export function tableLines(view: TableView, size: TableSize, style: Style): string[] {
  // The last column stays empty: a terminal may begin a new line with it.
  const columns = Math.max(20, size.columns - 1);
  const widths = widthsFor(view.tasks, columns);
  const head = [
    style.bold(fit(view.title, columns).trimEnd()),
    view.trouble === undefined
      ? countsLine(view.counts, columns, style)
      : style.red(fit(view.trouble, columns).trimEnd()),
    style.dim(headLine(widths)),
  ];
  const room = Math.max(0, size.rows - head.length);
  const rows = view.tasks.slice(0, room).map((task) => row(task, { widths, style, now: view.now }));
  return [...head, ...rows].slice(0, Math.max(1, size.rows));
}

interface Widths {
  readonly id: number;
  /** 0 where there is no room for it. */
  readonly bar: number;
  readonly text: number;
}

function widthsFor(tasks: readonly TaskSnapshot[], columns: number): Widths {
  const longest = tasks.reduce((most, { taskId }) => Math.max(most, taskId.length), 4);
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
  task: TaskSnapshot,
  { widths, style, now }: { readonly widths: Widths; readonly style: Style; readonly now: number },
): string {
  const advance = advanceOf(task);
  const taken = task.ready ? Number(task.executionTime) : (now - task.createdAt) / 1_000;
  return joined(widths, {
    id: fit(task.taskId, widths.id),
    state: style.state(fit(task.state, STATE_COLUMNS), task.state),
    bar: barOf(task, advance),
    time: seconds(Math.max(0, taken)).padStart(TIME_COLUMNS),
    text: advance.text,
  });
}

function barOf({ ready, isErr }: TaskSnapshot, { fraction }: Advance): string {
  const shown = ready && isErr === false ? 1 : fraction;
  if (shown === undefined) return '';
  return bar(shown, BAR_COLUMNS) + `${Math.floor(shown * 100)}%`.padStart(5);
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
  const total = `${counts.total} tasks`;
  const plain = [total, ...parts.map(({ text }) => text)].join(GAP);
  if (plain.length > columns) return fit(plain, columns);
  return [total, ...parts.map(({ state, text }) => style.state(text, state))].join(GAP);
}
