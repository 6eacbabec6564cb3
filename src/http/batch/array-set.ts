/** `batch/set` of a list of items: checked as a whole, then carried out item by item. */
import { invalidBody } from '../../errors.js';
import { type ListMember, scanLists } from '../../json/outer-documents.js';
import type { Span } from '../../json/scanner.js';
import { MOST_IDS } from '../../record/names.js';
import { Slices } from '../../timing.js';
import { fieldsOf, wrongType } from './fields.js';
import { ItemPipeline } from './item-pipeline.js';
import type { ItemWriter } from './item-writer.js';

/**
 * The answers as JSON. Throws `invalid-body`, and has stored nothing, where the body is not a list
 * of items; `store-unavailable` where the store could be asked for none of them. Once `hasGone` says
 * so, no further item is begun.
 */
export async function setArray(
  document: Buffer,
  writer: ItemWriter,
  hasGone: () => boolean,
): Promise<string> {
  const slices = new Slices();
  const items = itemsOf(scanLists(document, MOST_IDS));
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
    if (slices.isOver) await slices.rest();
    if (hasGone()) break;
    pipeline.submit(document.subarray(start, end));
  }
  await pipeline.idle();
  answers.push(...pipeline.takeHeld());
  writer.checkReached();
  return `{"items":[${answers.join(',')}]}`;
}

function itemsOf(members: readonly ListMember[]): readonly Span[] {
  const { items } = fieldsOf(members, ['items'], 'a batch set');
  if (items === undefined) throw invalidBody('the batch has no "items": give a list of items');
  if (items.elements === undefined) throw wrongType(items, 'a list of items');
  return items.elements;
}
