// Copies the files that the compiler leaves behind to where the compiled code looks for them.
import { cpSync } from 'node:fs';

cpSync('src', 'dist/src', {
  recursive: true,
  filter: (path) => !/\.[a-z]+$/.test(path) || path.endsWith('.lua'),
});
