/**
 * Holds every answer that the suite sees against the API's description: an operation that answers
 * what it does not document is a failure, and so is one that documents what is never seen.
 */
import type { Test } from 'tap';
import type { Answer, Service } from '../../support/service.js';
import { type OpenApi, operationsOf } from './description.js';

const TASK = /^\/v1\/tasks\/[^/]*/;

/** What was seen: `GET /v1/tasks/{task_id}/result 404 task-unknown`. */
const seen = new Set<string>();

export function record(method: string, target: string, answer: Answer): void {
  const path = target.split('?', 1)[0]!.replace(TASK, '/v1/tasks/{task_id}');
  const isProblem = answer.headers['content-type'] === 'application/problem+json';
  const code =
    isProblem && method !== 'HEAD' ? ` ${String(answer.json().type).split(':').at(-1)}` : '';
  const line = `${method} ${path} ${answer.status}${code}`;
  seen.add(line);
  const isOfTask = path.startsWith('/v1/tasks/{task_id}') && !path.endsWith('/events');
  if (isOfTask && SAYS_STATE.test(line) && answer.headers['task-state'] === undefined) {
    throw new Error(`${line} has no Task-State`);
  }
}

/** Answers for which the store was asked about the task, and has answered. */
const SAYS_STATE = / (2\d\d|304|412|410|409)( |$)| 404 task-unknown$/;

/** Problems that belong to a path or to HTTP, not to an operation. */
const NOT_OF_OPERATIONS = /(method-not-allowed|route-unknown)$|^HEAD \S+ (404|405)$/;

/** What no test of the suite provokes: it takes a store that fails, or many waiters. */
const NOT_SEEN = new Set(['500', '503', '429', '413']);

/** What answers 501 where the store cannot list tasks, and never else. */
const OF_LISTS = /^GET \/v1\/(tasks|stats)$/;

export async function isDocumented(t: Test, service: Service): Promise<void> {
  const { listing } = service.backend.supports;
  const answer = await service.call('GET', '/openapi.json');
  const documented = new Map<string, Set<string>>();
  for (const { name, operation } of operationsOf(answer.json() as unknown as OpenApi)) {
    const answers = Object.entries(operation.responses).flatMap(([status, { content }]) => {
      const codes = Object.keys(content?.['application/problem+json']?.examples ?? {});
      return codes.length === 0 ? [status] : codes.map((code) => `${status} ${code}`);
    });
    documented.set(name, new Set(answers));
  }
  for (const line of [...seen].sort()) {
    const [method, path, ...rest] = line.split(' ');
    const answers = documented.get(`${method} ${path}`);
    if (answers === undefined || NOT_OF_OPERATIONS.test(line)) continue;
    const isKnown =
      method === 'HEAD'
        ? [...answers].some((one) => one.startsWith(rest[0]!))
        : answers.has(rest.join(' '));
    t.ok(isKnown, `${line} is documented`);
  }
  for (const [name, answers] of documented) {
    if (!name.includes('/v1/') || name.startsWith('HEAD')) continue;
    for (const one of answers) {
      const isPossible = !OF_LISTS.test(name) || (one !== '501 unsupported') === listing;
      if (!isPossible) continue;
      if (NOT_SEEN.has(one.slice(0, 3))) continue;
      t.ok(seen.has(`${name} ${one}`), `${name} ${one} was seen`);
    }
  }
}
