/** The machine: which cores do what, how busy a process is, and what the report says of it. */
import { execFileSync } from 'node:child_process';
import { readFileSync, statfsSync } from 'node:fs';
import { availableParallelism, cpus, tmpdir } from 'node:os';
import { setTimeout as pause } from 'node:timers/promises';

const CORES = availableParallelism();

/**
 * The server alone on the first core; what loads it, and the store's server, on others. Undefined
 * where there is one core only.
 */
export const CORE = {
  server: CORES >= 2 ? 0 : undefined,
  generator: CORES >= 2 ? 1 : undefined,
  store: CORES >= 3 ? 2 : CORES === 2 ? 1 : undefined,
} as const;

/** A command, bound to a core. */
export function pinned(
  core: number | undefined,
  command: string,
  args: readonly string[],
): [string, string[]] {
  if (core === undefined) return [command, [...args]];
  return ['taskset', ['-c', String(core), command, ...args]];
}

const TICKS_PER_SECOND = Number(execFileSync('getconf', ['CLK_TCK'], { encoding: 'utf8' }));

/**
 * The CPU seconds that a process has used, all its threads together; undefined where it has gone.
 * See proc(5), `/proc/pid/stat`: fields 14 and 15.
 */
export function cpuSeconds(pid: number): number | undefined {
  let text: string;
  try {
    text = readFileSync(`/proc/${pid}/stat`, 'latin1');
  } catch {
    return undefined;
  }
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
}

/** Throws, with the line to type, where a program that is needed is missing. */
export function requirePrograms(): void {
  const needed = [
    ['wrk', 'wrk', '-v'],
    ['redis-server', 'redis-server', '--version'],
    ['nats-server', 'nats-server', '--version'],
    ['taskset', 'util-linux', '--version'],
  ] as const;
  const missing = needed.filter(([program, , flag]) => !runs(program, flag));
  if (missing.length === 0) return;
  const packages = missing.map(([, name]) => name).join(' ');
  throw new Error(
    `missing: ${missing.map(([program]) => program).join(', ')}. Type:\n` +
      `sudo apt-get update && sudo apt-get install -y ${packages}`,
  );
}

/** How busy the machine is with other things, in shares of all its cores, over half a second. */
export async function othersShare(): Promise<number> {
  const before = coreTimes();
  await pause(500);
  const after = coreTimes();
  return 1 - (after.idle - before.idle) / (after.all - before.all);
}

function coreTimes(): { idle: number; all: number } {
  let [idle, all] = [0, 0];
  for (const { times } of cpus()) {
    idle += times.idle;
    all += times.user + times.nice + times.sys + times.idle + times.irq;
  }
  return { idle, all };
}

/** What the figures were measured on, as a list in Markdown. */
export function describeMachine(busyAtStart: number): string {
  const model = cpus()[0]?.model.trim() ?? 'unknown';
  const redis = /v=(\S+)/.exec(execFileSync('redis-server', ['--version'], { encoding: 'utf8' }));
  const places =
    CORES === 1
      ? 'all processes on the one core'
      : `server and load generator on a core of their own each, the store's server ${CORES === 2 ? 'beside the generator' : 'on a third'}`;
  return [
    `- ${CORES} cores, ${model}; ${places}`,
    `- Node ${process.version}, Redis ${redis?.[1] ?? 'unknown'}`,
    `- LMDB on ${fileSystem(tmpdir())}`,
    `- other processes used ${Math.round(busyAtStart * 100)} % of the machine when it began`,
  ].join('\n');
}

function fileSystem(path: string): string {
  const { type } = statfsSync(path);
  const names: Readonly<Record<number, string>> = {
    61267: 'ext4',
    16914836: 'tmpfs (a sync costs nothing there: set TMPDIR to a disk)',
    1481003842: 'XFS',
    2435016766: 'btrfs',
    2035054128: 'overlayfs',
  };
  return names[type] ?? `a file system of type 0x${type.toString(16)}`;
}

function runs(program: string, flag: string): boolean {
  try {
    execFileSync(program, [flag], { stdio: 'ignore' });
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'ENOENT';
  }
}
