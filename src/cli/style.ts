/** Text as a terminal shows it: colours, widths, times, and nothing that could command it. */

/** Paints text where colours are wanted; else it leaves it as it is. */
export class Style {
  readonly #isColoured: boolean;

  constructor(stream: NodeJS.WriteStream, wantsColour: boolean) {
    this.#isColoured = wantsColour && stream.isTTY === true;
  }

  bold = (text: string): string => this.#paint(text, 1);
  dim = (text: string): string => this.#paint(text, 2);
  red = (text: string): string => this.#paint(text, 31);
  green = (text: string): string => this.#paint(text, 32);

  /** Painted as is usual for a task in this state. */
  state(text: string, state: string): string {
    const code = STATE_COLOURS[state];
    return code === undefined ? text : this.#paint(text, code);
  }

  #paint(text: string, code: number): string {
    return this.#isColoured && text !== '' ? `\x1b[${code}m${text}\x1b[0m` : text;
  }
}

const STATE_COLOURS: Readonly<Record<string, number>> = {
  PENDING: 2,
  STARTED: 36,
  RETRY: 33,
  SUCCESS: 32,
  FAILURE: 31,
};

/** Text without what a terminal would obey, other than line ends and tabs. */
export function harmless(text: string): string {
  return text.replace(/[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]/g, '\ufffd');
}

/** Text on one line, without what a terminal would obey. */
export function oneLine(text: string): string {
  return harmless(text.replace(/[\r\n\t]+/g, ' '));
}

/** How many columns one character takes, about: those of East Asian scripts and emoji take two. */
function widthOf(character: string): number {
  if (/\p{Mark}/u.test(character)) return 0;
  return /[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60]|\p{Extended_Pictographic}/u.test(
    character,
  )
    ? 2
    : 1;
}

/** Cut, with an ellipsis, or padded to exactly so many columns; at least one. */
export function fit(text: string, columns: number): string {
  let width = 0;
  let cut = '';
  let cutWidth = 0;
  for (const character of text) {
    width += widthOf(character);
    if (width > columns) return `${cut}…${' '.repeat(columns - cutWidth - 1)}`;
    if (width < columns) {
      cut += character;
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
