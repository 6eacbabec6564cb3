/** The results as a table in Markdown, on standard output and in README.md. */
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** One row of the table, and what is to be said below it. */
export interface Figure {
  readonly name: string;
  readonly ours: string;
  /** What ours is held against; empty where the target is absolute. */
  readonly ceiling: string;
  readonly ratio: string;
  readonly cpuRatio: string;
  readonly target: string;
  readonly isMet: boolean;
  /** How busy the processes were; empty where that says nothing. */
  readonly busy: string;
  /** The rates say little, as the servers did not set the pace: the CPU ratio decides. */
  readonly isDecidedByCpu: boolean;
}

interface RatioOptions extends Pick<Figure, 'name' | 'ours' | 'ceiling'> {
  readonly ratio: number;
  readonly cpuRatio?: number;
  readonly atLeast?: number;
  readonly atMost?: number;
  readonly busy?: string;
  readonly isDecidedByCpu?: boolean;
}

/** A figure whose target is a ratio to its ceiling. */
export function ratioFigure(options: RatioOptions): Figure {
  const { name, ours, ceiling, ratio, cpuRatio, atLeast, atMost } = options;
  const isDecidedByCpu = options.isDecidedByCpu ?? false;
  const decisive = isDecidedByCpu ? (cpuRatio ?? ratio) : ratio;
  const isMet = decisive >= (atLeast ?? 0) && decisive <= (atMost ?? Number.POSITIVE_INFINITY);
  return {
    name,
    ours,
    ceiling,
    ratio: ratio.toFixed(2),
    cpuRatio: cpuRatio?.toFixed(2) ?? '',
    target: targetOf(atLeast, atMost),
    isMet,
    busy: options.busy ?? '',
    isDecidedByCpu,
  };
}

/** A figure whose target is absolute: at most so much, or so much more than the ceiling. */
export function limitFigure(
  options: Pick<Figure, 'name' | 'ours' | 'ceiling' | 'target' | 'isMet'> & { difference: string },
): Figure {
  const { difference, ...figure } = options;
  return {
    ...figure,
    ratio: difference === '' ? '' : `+${difference}`,
    cpuRatio: '',
    busy: '',
    isDecidedByCpu: false,
  };
}

/** The whole report. */
export function renderReport(figures: readonly Figure[], facts: string): string {
  const rows = figures.map((figure) => {
    const { name, ours, ceiling, ratio, cpuRatio, target, isMet, isDecidedByCpu } = figure;
    const met = target === '' ? '' : isMet ? 'yes' : '**no**';
    return row([
      name,
      ours,
      ceiling,
      ratio,
      cpuRatio,
      target,
      isDecidedByCpu ? `${met} (CPU)` : met,
    ]);
  });
  const busy = figures.filter((figure) => figure.busy !== '');
  return [
    facts,
    '',
    row(['figure', 'ours', 'ceiling', 'ratio', 'CPU ratio', 'target', 'met']),
    row(['---', '---', '---', '---', '---', '---', '---']),
    ...rows,
    ...(busy.length === 0 ? [] : ['', ...busyTable(busy)]),
    '',
  ].join('\n');
}

const README = fileURLToPath(new URL('../../bench/README.md', import.meta.url));
const SECTION = /(<!-- results -->\n)[\s\S]*(<!-- end of results -->)/;

/** Puts the report in place of the one in README.md. */
export function writeReport(report: string): void {
  const text = readFileSync(README, 'utf8');
  if (!SECTION.test(text)) throw new Error(`${README} has no section for the results`);
  writeFileSync(
    README,
    text.replace(SECTION, (_, start, end) => `${start}\n${report}\n${end}`),
  );
}

function busyTable(figures: readonly Figure[]): string[] {
  return [
    row(['figure', 'how busy, in shares of one core']),
    row(['---', '---']),
    ...figures.map(({ name, busy }) => row([name, busy])),
  ];
}

function targetOf(atLeast: number | undefined, atMost: number | undefined): string {
  if (atLeast !== undefined) return `≥ ${atLeast}`;
  return atMost === undefined ? '' : `≤ ${atMost}`;
}

function row(cells: readonly string[]): string {
  return `| ${cells.join(' | ')} |`;
}
