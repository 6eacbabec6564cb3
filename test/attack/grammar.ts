/**
 * Bodies that are made to be expensive, for each route that reads one. A body is a frame with a hole,
 * and the hole is filled with the same few elements, or members, up to a size: what collects, compares
 * or answers something for each of them shows.
 */

export type Kind = 'elements' | 'members' | 'text' | 'lines';

/** Where a body goes, and what stands around its hole. */
export interface Frame {
  readonly method: 'POST' | 'PUT';
  readonly path: string;
  readonly contentType: string;
  readonly before: string;
  readonly kind: Kind;
  readonly after: string;
}

export interface Body {
  readonly frame: Frame;
  /** What is repeated, one after the other; `#` stands for a number that grows. */
  readonly units: readonly string[];
}

const JSON_TYPE = 'application/json';
const NDJSON_TYPE = 'application/x-ndjson';
const RESULT = '/v1/tasks/attack/result';
const EXCEPTION = '/v1/tasks/attack/exception';
const SET = '/v1/batch/set';

type Row = readonly [
  method: 'POST' | 'PUT',
  path: string,
  before: string,
  kind: Kind,
  after: string,
];

const ROWS: readonly Row[] = [
  ...['', '"return_value":1,'].map((start): Row => ['PUT', RESULT, `{${start}`, 'members', '}']),
  ['PUT', RESULT, '[', 'elements', ']'],
  ['PUT', RESULT, '{"return_value":[', 'elements', ']}'],
  ['PUT', RESULT, '{"return_value":{', 'members', '}}'],
  ['PUT', RESULT, '{"log":"', 'text', '","return_value":1}'],
  ['PUT', RESULT, '{"execution_time":"', 'text', '","return_value":1}'],
  ['PUT', RESULT, '{"error":{"exc_type":"E",', 'members', '}}'],
  ['PUT', RESULT, '{"error":{"exc_type":"E","exc_message":[', 'elements', ']}}'],
  ['PUT', RESULT, '{"error":{"exc_type":"E","exc_cause":{"exc_type":"F",', 'members', '}}}'],
  ['PUT', EXCEPTION, '{"exc_type":"E",', 'members', '}'],
  ['PUT', EXCEPTION, '{"exc_type":"E","exc_message":[', 'elements', ']}'],
  ['PUT', EXCEPTION, '{"exc_type":"E","exc_cause":{"exc_type":"F",', 'members', '}}'],
  ['PUT', EXCEPTION, '{"exc_type":"', 'text', '"}'],
  ['PUT', '/v1/tasks/attack/status', '{', 'members', '}'],
  ['PUT', '/v1/tasks/attack/status', '{"state":"', 'text', '"}'],
  ['PUT', '/v1/tasks/attack/status', '{"state":"A","meta":[', 'elements', ']}'],
  ['PUT', '/v1/tasks/attack/status', '{"state":"A","meta":{', 'members', '}}'],
  ['PUT', '/v1/tasks/attack/expiry', '{', 'members', '}'],
  ['PUT', '/v1/tasks/attack/expiry', '{"ttl":"', 'text', '"}'],
  ...['get', 'wait', 'delete'].flatMap((name): Row[] => [
    ['POST', `/v1/batch/${name}`, '{', 'members', '}'],
    ['POST', `/v1/batch/${name}`, '{"task_ids":[', 'elements', ']}'],
    ['POST', `/v1/batch/${name}`, '{"task_ids":["', 'text', '"]}'],
  ]),
  ['POST', '/v1/batch/get', '{"include":"outcome","task_ids":[', 'elements', ']}'],
  ['POST', '/v1/batch/wait', '{"task_ids":["attack"],"wait":0,"mode":{', 'members', '}}'],
  ['POST', '/v1/batch/wait', '{"wait":"0s","mode":"all","task_ids":[', 'elements', ']}'],
  ['POST', SET, '{', 'members', '}'],
  ['POST', SET, '[', 'elements', ']'],
  ['POST', SET, '{"items":[', 'elements', ']}'],
];

/** What an item of a batch may be filled in. Each stands in a list, and in a line. */
const ITEMS: readonly (readonly [before: string, kind: Kind, after: string])[] = [
  ['{', 'members', '}'],
  ['{"task_id":"', 'text', '"}'],
  ['{"task_id":"attack","outcome":{', 'members', '}}'],
  ['{"task_id":"attack","outcome":{"return_value":[', 'elements', ']}}'],
  ['{"task_id":"attack","exception":{"exc_type":"E",', 'members', '}}'],
  ['{"task_id":"attack","progress":{', 'members', '}}'],
  ['{"task_id":"attack","opaque":{', 'members', '}}'],
  ['{"task_id":"attack","opaque":{"base64":"","content_type":"', 'text', '"}}'],
  ['{"task_id":"attack","opaque":{"content_type":"a/b","base64":"', 'text', '"}}'],
  ['{"task_id":"attack","outcome":{"return_value":1},"if_match":"', 'text', '"}'],
  ['{"task_id":"attack","outcome":{"return_value":1},"mode":"', 'text', '"}'],
  ['{"task_id":"attack","outcome":{"return_value":1},"ttl":"', 'text', '"}'],
];

export const FRAMES: readonly Frame[] = [
  ...ROWS.map(([method, path, before, kind, after]) => ({
    ...{ method, path, contentType: JSON_TYPE },
    ...{ before, kind, after },
  })),
  ...ITEMS.flatMap(([before, kind, after]) => {
    const frame = { method: 'POST' as const, path: SET, kind };
    return [
      { ...frame, contentType: JSON_TYPE, before: `{"items":[${before}`, after: `${after}]}` },
      { ...frame, contentType: NDJSON_TYPE, before, after },
    ];
  }),
  {
    ...{ method: 'POST', path: SET, contentType: NDJSON_TYPE },
    ...{ before: '', kind: 'lines', after: '' },
  },
];

const MEMBERS = ['"":0', '"k#":0', '"ab\\u0063#":""', '"return_value":[]', '"exc_message":""']
  .concat(['"exc_message":[]', '"exc_cause":{"exc_type":""}', '"exc_context":null', '"exc_x":1'])
  .concat(['"exc_context":{"exc_type":"","exc_message":"","exc_cause":{"exc_type":"E"}}'])
  .concat([
    '"task_id":"t#"',
    '"ttl":1',
    '"task_ids":[0,0,0,0]',
    '"items":[{},{},{}]',
    '"state":"A"',
  ])
  .concat([
    '"log":null',
    '"error":{"exc_type":"E"}',
    '"exc_type":"E"',
    '"count":1',
    '"a":{"b":{}}',
  ]);
/** Items and ids; the items come in lines too. */
const WRITES = ['{"task_id":"t#","outcome":{"return_value":#}}', '{"task_id":"","outcome":{}}']
  .concat(['{"task_id":"t#","exception":{"exc_type":"E","exc_message":"m"}}', '{"task_id":"t"}'])
  .concat(['{"task_id":"t","mode":"replace","progress":{"state":"A"}}', '{"":0,"":1}', '{}', '0'])
  .concat([`{"task_id":"t#","outcome":{"return_value":1,${keys(90)}}}`])
  .concat([`{"task_id":"t#","exception":{"exc_type":"E",${keys(90)}}}`])
  .concat(['{"task_id":"t#","opaque":{"content_type":"a/b","base64":"AAAA"}}'])
  .concat(['{"task_id":"t#","if_match":"\\"a\\",\\"b\\"","outcome":{"return_value":1}}']);
const UNITS: Readonly<Record<Kind, readonly string[]>> = {
  elements: [
    ...WRITES,
    '"t#"',
    '"a"',
    '""',
    '[]',
    '[[]]',
    '1e9',
    '-0.0',
    'true',
    '"\\u0000"',
    '" "',
  ],
  members: MEMBERS,
  text: [
    ';',
    ';a=',
    'a',
    '\\"a\\",',
    'W/\\"\\",',
    ' ',
    '\\u0000',
    '=',
    'A',
    '/',
    '?',
    '&',
    '://',
    'é',
    ',',
  ],
  lines: [...WRITES, '', ' ', '\r', '{', '[[]]'],
};

export function unitsFor(kind: Kind): readonly string[] {
  return UNITS[kind];
}

const SEPARATORS = { elements: ',', members: ',', text: '', lines: '\n' } as const;

/** The numbers that units have, one after the other, before they come again. */
const NUMBERS = 10_001;

/** The bytes of a body: at most so many. */
export function render({ frame, units }: Body, size: number): Buffer {
  const { before, kind, after } = frame;
  const separator = SEPARATORS[kind];
  const count = units.some((unit) => unit.includes('#')) ? NUMBERS : units.length;
  const parts = Array.from({ length: count }, (_, at) =>
    units[at % units.length]!.replaceAll('#', String(at)),
  );
  const room = size - Buffer.byteLength(before + after);
  const block = Buffer.from(parts.join(separator) + separator);
  const blocks = Math.floor(room / block.length);
  // At least one, of which as many as there is room for.
  while (blocks === 0 && Buffer.byteLength(parts.join(separator)) > room) parts.length >>= 1;
  const hole = Buffer.alloc(blocks * block.length, block).subarray(
    0,
    -separator.length || undefined,
  );
  const only = Buffer.from(parts.join(separator));
  return Buffer.concat([Buffer.from(before), blocks === 0 ? only : hole, Buffer.from(after)]);
}

/** A body in a line, so that it can be made again. */
export function describe({ frame, units }: Body): string {
  const { method, path, contentType, before, after } = frame;
  const type = contentType === JSON_TYPE ? '' : ` (${contentType})`;
  return `${method} ${path}${type} ${before} … ${units.join(' ')} … ${after}`;
}

function keys(count: number): string {
  return Array.from({ length: count }, (_, at) => `"k${at}":0`).join(',');
}
