/**
 * Reads what a test file prints (TAP) and counts tests, not assertions: a test is what has assertions of
 * its own, however deep it is nested. What failed keeps its name and the first thing that it said.
 */
import { type FinalResults, Parser, type Result } from 'tap-parser';

export interface Failure {
  /** The test's name, with those of the tests that it is in. */
  readonly name: string;
  /** What was expected and found, or thrown, and where. */
  readonly message: string;
}

export interface Tally {
  passed: number;
  /** What was not run, and why. */
  readonly skips: string[];
  readonly failures: Failure[];
}

/** Lines of one failure's message. */
const MOST_LINES = 30;

export class TapReader {
  readonly tally: Tally = { passed: 0, skips: [], failures: [] };
  readonly #parser = new Parser();
  readonly #ended: Promise<void>;

  constructor() {
    this.#ended = new Promise((resolve) => {
      this.#parser.on('complete', () => resolve());
    });
    this.#follow(this.#parser, []);
  }

  write(text: string): void {
    this.#parser.write(text);
  }

  /** To be called when all of the output has come. */
  async end(): Promise<Tally> {
    this.#parser.end();
    await this.#ended;
    return this.tally;
  }

  #follow(parser: Parser, path: readonly string[]): void {
    let hasChildren = false;
    let assertions = 0;
    let hasFailedWithin = false;
    const messages: string[] = [];
    parser.on('child', (child: Parser) => {
      hasChildren = true;
      this.#follow(child, [...path, child.name]);
    });
    parser.on('assert', (result: Result) => {
      if (result.skip || result.todo) {
        this.tally.skips.push(`${[...path, result.name].join(' > ')} (${result.skip || 'to do'})`);
      } else if (result.closingTestPoint) hasFailedWithin ||= !result.ok;
      else {
        assertions += 1;
        if (!result.ok) messages.push(describe(result));
      }
    });
    parser.on('complete', ({ ok, failures }: FinalResults) => {
      if (!ok && messages.length === 0 && !hasFailedWithin) {
        messages.push(...failures.map((failure) => String(failure.tapError)), 'it has failed');
      }
      if (messages.length > 0) {
        const others = messages.length > 1 ? `\n(and ${messages.length - 1} more)` : '';
        this.tally.failures.push({ name: path.join(' > '), message: messages[0]! + others });
      } else if (assertions > 0 || (!hasChildren && path.length > 0)) this.tally.passed += 1;
    });
  }
}

const SELF_EVIDENT = new Set(['source', 'compare', 'tapCaught']);

interface Diagnostics {
  readonly diff?: string;
  readonly stack?: string;
  readonly at?: { readonly fileName?: string; readonly lineNumber?: number };
  readonly [name: string]: unknown;
}

function describe({ name, diag }: Result): string {
  const { diff, stack, at, ...others } = (diag ?? {}) as Diagnostics;
  const place = at?.fileName === undefined ? '' : `at ${at.fileName}:${at.lineNumber}`;
  const rest = Object.entries(others).flatMap(([key, value]) =>
    typeof value === 'object' || SELF_EVIDENT.has(key) ? [] : `${key}: ${value}`,
  );
  const lines = [name, diff ?? rest.join('\n'), stack ?? place].join('\n').split('\n');
  return lines
    .filter((line) => line.trim() !== '')
    .slice(0, MOST_LINES)
    .join('\n');
}
