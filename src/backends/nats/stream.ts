/**
 * The stream of a bucket: as it has to be, made where it is not there, and held against that where
 * it is. What a newer server adds is switched on where it was not yet.
 */
import { invalidParameter, type ResultdError } from '../../errors.js';
import type { NatsConnection } from './nats-connection.js';
import { JetStreamError } from './nats-errors.js';
import type { NatsSettings } from './nats-url.js';
import type { Subjects } from './subjects.js';

/** What is asked of a stream's configuration; the server keeps more in it. */
interface StreamConfig {
  readonly name: string;
  readonly subjects: readonly string[];
  readonly storage: string;
  readonly num_replicas: number;
  readonly retention: string;
  readonly discard: string;
  readonly max_msgs_per_subject: number;
  readonly max_age: number;
  readonly allow_direct: boolean;
  readonly deny_delete: boolean;
  readonly deny_purge: boolean;
  readonly republish?: {
    readonly src: string;
    readonly dest: string;
    readonly headers_only?: boolean;
  };
  readonly allow_msg_ttl?: boolean;
  readonly subject_delete_marker_ttl?: number;
  readonly metadata?: Readonly<Record<string, string>>;
}

interface StreamInfo {
  readonly config: StreamConfig;
}

/** The stream as it is. */
export interface Stream {
  /** Whether the server removes by itself what has expired. */
  readonly hasTtl: boolean;
  /** Whether it may hold tasks of which the server does not know when they expire. */
  readonly hasOthers: boolean;
  readonly replicas: number;
}

/** What is noted of a stream that held tasks when the server learnt to remove them. */
const OTHERS = 'resultd-without-ttl';
const NOT_FOUND = 10059;
/** Another replica made it meanwhile, with other settings. */
const NAME_IN_USE = 10058;
/** How long the trace of what expired is kept. */
const MARKER_TTL_NS = 10e9;
/** What the server may be told to change in a stream that holds tasks. */
const CHANGEABLE: readonly string[] = [
  'allow_direct',
  'republish',
  'discard',
  'allow_msg_ttl',
  'subject_delete_marker_ttl',
];

/** Throws `invalid-parameter` where the stream is another one than the URL asks for. */
export async function openStream(
  connection: NatsConnection,
  settings: NatsSettings,
  subjects: Subjects,
): Promise<Stream> {
  const hasTtl = isAtLeast(connection.info?.version, 2, 11);
  if (settings.replicas > 1 && !hasTtl) {
    throw invalidParameter(
      `replicas is ${settings.replicas}, and NATS ${connection.info?.version} compares and swaps ` +
        'safely on a single server only: use 2.11 or newer, or one replica',
    );
  }
  const wanted = configOf(settings, subjects, hasTtl);
  const found = await readStream(connection, settings);
  if (found === undefined) return streamOf(await makeStream(connection, wanted));
  const wrong = differences(found, wanted);
  if (wrong.length === 0) return streamOf(found);
  const fixed = wrong.filter((name) => !CHANGEABLE.includes(name));
  if (fixed.length > 0 || !settings.creates) throw mismatch(found, wanted, wrong);
  const changes = Object.fromEntries(wrong.map((name) => [name, wanted[name]]));
  const noted = wrong.includes('allow_msg_ttl') ? { [OTHERS]: 'yes' } : {};
  const update = { ...found, ...changes, metadata: { ...found.metadata, ...noted } };
  const subject = `$JS.API.STREAM.UPDATE.${wanted.name}`;
  const { config } = await connection.ask<StreamInfo>(subject, JSON.stringify(update));
  return streamOf(config);
}

function configOf(
  { bucket, storage, replicas }: NatsSettings,
  subjects: Subjects,
  hasTtl: boolean,
): StreamConfig {
  return {
    name: bucket,
    subjects: [subjects.all],
    storage,
    num_replicas: replicas,
    retention: 'limits',
    // A full stream refuses writes; by default it would drop the oldest tasks.
    discard: 'new',
    max_msgs_per_subject: 1,
    max_age: 0,
    allow_direct: true,
    deny_delete: false,
    deny_purge: false,
    republish: { src: subjects.all, dest: subjects.hints, headers_only: true },
    ...(hasTtl ? { allow_msg_ttl: true, subject_delete_marker_ttl: MARKER_TTL_NS } : {}),
  };
}

/** The configuration of the stream that is there; undefined where it is missing and may be made. */
async function readStream(
  connection: NatsConnection,
  { bucket, creates }: NatsSettings,
): Promise<StreamConfig | undefined> {
  try {
    return (await connection.ask<StreamInfo>(`$JS.API.STREAM.INFO.${bucket}`)).config;
  } catch (error) {
    const isMissing = error instanceof JetStreamError && error.errCode === NOT_FOUND;
    if (isMissing && creates) return undefined;
    throw error;
  }
}

async function makeStream(connection: NatsConnection, wanted: StreamConfig): Promise<StreamConfig> {
  const subject = `$JS.API.STREAM.CREATE.${wanted.name}`;
  try {
    return (await connection.ask<StreamInfo>(subject, JSON.stringify(wanted))).config;
  } catch (error) {
    if (!(error instanceof JetStreamError) || error.errCode !== NAME_IN_USE) throw error;
    const info = await connection.ask<StreamInfo>(`$JS.API.STREAM.INFO.${wanted.name}`);
    const wrong = differences(info.config, wanted);
    if (wrong.length > 0) throw mismatch(info.config, wanted, wrong);
    return info.config;
  }
}

/** The names of what is otherwise than wanted. */
function differences(found: StreamConfig, wanted: StreamConfig): (keyof StreamConfig)[] {
  const names = Object.keys(wanted) as (keyof StreamConfig)[];
  return names.filter((name) => text(found[name]) !== text(wanted[name]));
}

function mismatch(
  found: StreamConfig,
  wanted: StreamConfig,
  names: readonly (keyof StreamConfig)[],
): ResultdError {
  const list = names.map((name) => `${name} is ${text(found[name])}, not ${text(wanted[name])}`);
  return invalidParameter(
    `the stream ${wanted.name} is not one that results can be kept in: ${list.join('; ')}. ` +
      'Change the stream or the URL, or name another bucket',
  );
}

/** A value to compare and to show: the server leaves out what is false. */
function text(value: StreamConfig[keyof StreamConfig]): string {
  if (typeof value !== 'object' || Array.isArray(value)) return JSON.stringify(value ?? false);
  const { src, dest, headers_only } = value as NonNullable<StreamConfig['republish']>;
  return JSON.stringify({ src, dest, headers_only: headers_only ?? false });
}

function streamOf({ allow_msg_ttl, metadata, num_replicas }: StreamConfig): Stream {
  const hasTtl = allow_msg_ttl === true;
  const hasOthers = !hasTtl || metadata?.[OTHERS] !== undefined;
  return { hasTtl, hasOthers, replicas: num_replicas };
}

function isAtLeast(version: string | undefined, major: number, minor: number): boolean {
  const match = /^(\d+)\.(\d+)/.exec(version ?? '');
  if (match === null) return false;
  const [first, second] = [Number(match[1]), Number(match[2])];
  return first > major || (first === major && second >= minor);
}
