/**
 * Reads what a check of other tools prints: counts and failures as pytest says them, or, where it counts
 * nothing, its end as one test.
 */
import type { Reader } from './part.js';
import type { Failure, Tally } from './tap-reader.js';

const COUNTS = /^=+ (.*) in [\d.]+s.* =+$/gm;
/** A test of pytest, as `-rs` shows it, or a check as a whole. */
const SKIPPED = /^SKIPPED .*$|^.* (?:is|are) not run: .*$/gm;
const FAILED = /^(?:FAILED|ERROR) (\S.*?)(?: - (.*))?$/gm;

export class CommandReader implements Reader {
  #text = '';

  write(text: string): void {
    this.#text += text;
  }

  writeError(text: string): void {
    this.write(text);
  }

  end(code: number | null): Tally {
    let passed = 0;
    for (const [, line] of this.#text.matchAll(COUNTS)) {
      passed += Number(/\b(\d+) passed\b/.exec(line!)?.[1] ?? 0);
    }
    const skips = [...this.#text.matchAll(SKIPPED)].map(([line]) => line);
    const failures = [...this.#text.matchAll(FAILED)].map(
      ([, name = '', message = '']): Failure => ({ name, message }),
    );
    if (passed === 0 && skips.length === 0 && code === 0) passed = 1;
    return { passed, skips, failures };
  }
}
