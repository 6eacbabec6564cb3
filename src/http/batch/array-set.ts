/** `batch/set` of an array: checked as a whole, then carried out item by item. */
import { scanArray } from '../../json/scanner.js';
import { MAX_BATCH, tooMany } from './batch-bodies.js';
import { ItemPipeline } from './item-pipeline.js';
import type { ItemWriter } from './item-writer.js';

/**
 * The answers as a JSON array. Throws `invalid-body`, and has stored nothing, where the body is not
 * an array of JSON. Once `hasGone` says so, no further item is begun.
 */
export async function setArray(
  document: Buffer,
  writer: ItemWriter,
  hasGone: () => boolean,
): Promise<string> {
  const items = scanArray(document);
  if (items.length > MAX_BATCH) throw tooMany(items.length, 'items');
  const answers: string[] = [];
  const pipeline = new ItemPipeline({
    run: (index, item, done) => writer.write(index, item, done),
    emit: (some) => {
      answers.push(...some);
      return true;
    },
  });
  for (const { start, end } of items) {
    while (!pipeline.hasRoom(end - start)) await pipeline.changed();
    if (hasGone()) break;
    pipeline.submit(document.subarray(start, end));
  }
  await pipeline.idle();
  answers.push(...pipeline.takeHeld());
  return `[${answers.join(',')}]`;
}
