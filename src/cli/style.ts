/** Text as a terminal shows it: colours, widths, times, and nothing that could command it. */
import { styleText } from 'node:util';
import stringWidth from 'string-width';

type Format = 'bold' | 'dim' | 'red' | 'green' | 'yellow' | 'cyan';

/** Paints text where colours are wanted; else it leaves it as it is. */
export class Style {
  readonly #isColoured: boolean;

  constructor(stream: NodeJS.WriteStream, wantsColour: boolean) {
    this.#isColoured = wantsColour && stream.isTTY === true;
  }

  bold = (text: string): string => this.#paint(text, 'bold');
  dim = (text: string): string => this.#paint(text, 'dim');
  red = (text: string): string => this.#paint(text, 'red');

  /** Painted as is usual for a task in this state. */
  state(text: string, state: string): string {
    const format = STATE_COLOURS[state];
    return format === undefined ? text : this.#paint(text, format);
  }

  #paint(text: string, format: Format): string {
    // Whether there are colours is decided above, by the stream that this text goes to.
    return this.#isColoured ? styleText(format, text, { validateStream: false }) : text;
  }
}

const STATE_COLOURS: Readonly<Record<string, Format>> = {
  PENDING: 'dim',
  STARTED: 'cyan',
  RETRY: 'yellow',
  SUCCESS: 'green',
  FAILURE: 'red',
};

/** The most code units of text that one column is given: more than the longest emoji has. */
const MOST_UNITS = 32;

const graphemes = new Intl.Segmenter();

/** Text without what a terminal would obey, other than line ends and tabs. */
export function harmless(text: string): string {
  return text.replace(/[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]/g, '\ufffd');
}

/** Text on one line, without what a terminal would obey. */
export function oneLine(text: string): string {
  return harmless(text.replace(/[\r\n\t]+/g, ' '));
}

/** Cut, with an ellipsis, or padded to exactly so many columns; at least one. */
export function fit(given: string, columns: number): string {
  // Marks without a width could go on for megabytes.
  const text = given.slice(0, Math.max(1, columns) * MOST_UNITS);
  let width = 0;
  let cut = '';
  let cutWidth = 0;
  for (const { segment } of graphemes.segment(text)) {
    width += stringWidth(segment);
    if (width > columns) return `${cut}…${' '.repeat(columns - cutWidth - 1)}`;
    if (width < columns) {
      cut += segment;
      cutWidth = width;
    }
  }
  return text + ' '.repeat(columns - width);
}

/** Seconds as people read them: `0.12s`, `48s`, `3m20s`, `2h05m`. */
export function seconds(value: number): string {
  if (!(value >= 0)) return '';
  if (value < 10) return `${Number(value.toFixed(2))}s`;
  if (value < 60) return `${Math.round(value)}s`;
  const minutes = Math.floor(value / 60);
  if (minutes < 60) return `${minutes}m${two(Math.floor(value % 60))}s`;
  return `${Math.floor(minutes / 60)}h${two(minutes % 60)}m`;
}

function two(value: number): string {
  return String(value).padStart(2, '0');
}
