/**
 * Whether a bare server answers as we do: with the same status, the same headers, and as many bytes
 * in each of them and in the body. A comparison with anything else would say nothing.
 */
import { OUTCOME, readyTaskId, resultPath } from './sample.js';

/** The shape of the answer to one request, as text that can be compared. */
export async function answerShape(url: string, method: 'GET' | 'POST'): Promise<string> {
  const isPost = method === 'POST';
  const answer = await fetch(url + resultPath(isPost ? 'shape-of-it' : readyTaskId(0)), {
    method,
    ...(isPost ? { headers: { 'content-type': 'application/json' }, body: OUTCOME } : {}),
  });
  const body = await answer.arrayBuffer();
  const headers = [...answer.headers].map(([name, value]) => `${name}: ${value.length}`);
  return [`${method} ${answer.status}`, ...headers.sort(), `${body.byteLength} bytes`].join('\n');
}

/** Throws where the two differ. */
export function requireSameShape(ours: string, bare: string): void {
  if (ours === bare) return;
  throw new Error(`the bare server does not answer as ours does.\nOurs:\n${ours}\nBare:\n${bare}`);
}
