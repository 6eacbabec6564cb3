/** Just enough of Markdown for tests that hold documents and code together. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The top of the repository, seen from the compiled file. */
export const ROOT = fileURLToPath(new URL('../../../', import.meta.url));

/** Every document of this repository, by its path. */
export function documents(): string[] {
  const below = ['docs', 'examples', 'bench', 'test'].flatMap((folder) => {
    try {
      const names = readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' });
      return names.map((name) => join(folder, name));
    } catch {
      return [];
    }
  });
  return [...readdirSync(ROOT), 'clients/python/README.md', ...below].filter((name) =>
    name.endsWith('.md'),
  );
}

export function readDocument(path: string): string {
  return readFileSync(join(ROOT, path), 'utf8');
}

/** The text below a heading, up to the next one of its level or above. Throws where it is missing. */
export function section(text: string, heading: string): string {
  const [marks = ''] = heading.split(' ', 1);
  const lines = text.split('\n');
  const start = lines.indexOf(heading);
  if (start === -1) throw new Error(`there is no heading "${heading}"`);
  const length = lines
    .slice(start + 1)
    .findIndex((line) => /^#+ /.test(line) && line.indexOf(' ') <= marks.length);
  return lines.slice(start + 1, length === -1 ? undefined : start + 1 + length).join('\n');
}

export interface Fence {
  readonly language: string;
  readonly text: string;
}

/** The fenced blocks, in order. */
export function fences(text: string): Fence[] {
  return [...text.matchAll(/^```(\w*)\n([\s\S]*?)^```$/gm)].map(([, language, content]) => ({
    language: language!,
    text: content!,
  }));
}

/** The rows of the first table below its heading line, as the text of their cells. */
export function tableRows(text: string): string[][] {
  const lines = text.split('\n');
  const start = lines.findIndex((line) => /^\|[ |:-]+\|$/.test(line));
  const rows: string[][] = [];
  for (const line of lines.slice(start + 1)) {
    if (!line.startsWith('|')) break;
    rows.push(
      line
        .split('|')
        .slice(1, -1)
        .map((cell) => cell.trim()),
    );
  }
  return rows;
}
