/**
 * How long the turns of a process's event loop are, in the processor time of its main thread: what a client waits for when it comes
 * at a bad moment, on a machine that has nothing else to do. Loaded before the program (`--import`); on SIGUSR2 the
 * turns since the last time are written to the file that `TURNS_FILE` names.
 */

import { renameSync, writeFileSync } from 'node:fs';
import { readFile, rm } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';

export interface Turns {
  /** 99 of 100 took less. */
  readonly p99Ms: number;
  readonly longestMs: number;
  /** Share of the time in which the main thread had a processor. */
  readonly busy: number;
}

/** The environment of a process that shall tell. */
export function turnsEnvironment(file: string): Readonly<Record<string, string>> {
  return { TURNS_FILE: file, NODE_OPTIONS: `--import=${fileURLToPath(import.meta.url)}` };
}

/** The turns of process `pid` since it was last asked. */
export async function turnsOf(pid: number, file: string): Promise<Turns> {
  await rm(file, { force: true });
  process.kill(pid, 'SIGUSR2');
  for (;;) {
    try {
      return JSON.parse(await readFile(file, 'utf8')) as Turns;
    } catch (error) {
      if ((error as { code?: string }).code !== 'ENOENT') throw error;
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
  }
}

const file = process.env.TURNS_FILE;
if (file !== undefined) {
  const turns: number[] = [];
  const usedMs = () => {
    // Of one thread Linux tells what it had counted at its last tick, up to 4 ms ago; asked for the process it counts first.
    process.cpuUsage();
    const { user, system } = process.threadCpuUsage();
    return (user + system) / 1_000;
  };
  let lastMs = usedMs();
  let [sinceMs, sinceUsedMs] = [performance.now(), lastMs];
  // Fires once in a turn that takes longer than it.
  setInterval(() => {
    const nowMs = usedMs();
    turns.push(nowMs - lastMs);
    lastMs = nowMs;
  }, 1).unref();
  process.on('SIGUSR2', () => {
    turns.sort((a, b) => a - b);
    const busy = (lastMs - sinceUsedMs) / (performance.now() - sinceMs);
    const told: Turns = { p99Ms: turns[Math.floor(turns.length * 0.99)] ?? 0, longestMs: turns.at(-1) ?? 0, busy };
    turns.length = 0;
    [sinceMs, sinceUsedMs] = [performance.now(), lastMs];
    writeFileSync(`${file}.new`, JSON.stringify(told));
    renameSync(`${file}.new`, file);
  });
}
