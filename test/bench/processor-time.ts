/** Processor time of a server, as Linux's /proc tells it. */

import { readFile } from 'node:fs/promises';

/** The kernel tells processor time in hundredths of a second. */
const US_PER_TICK = 10_000;

/**
 * Microseconds that a process and those of its children that have ended ran so far, in user and system mode (proc(5):
 * utime, stime, cutime, cstime).
 */
export async function processorUs(pid: number): Promise<number> {
  return sumOf(`/proc/${pid}/stat`, [11, 12, 13, 14]);
}

/** The same of a process's first thread alone: without V8's compilers and collectors, and without threads of I/O. */
export async function mainThreadUs(pid: number): Promise<number> {
  return sumOf(`/proc/${pid}/task/${pid}/stat`, [11, 12]);
}

/** A server that has started rehearses statements while it is idle, for some seconds. */
const REST_MS = 500;
const REST_US_MAX = 2 * US_PER_TICK;
const REST_LOOKS_MAX = 60;

/** Resolves once a process does nothing of its own accord any more, or after half a minute. */
export async function atRest(pid: number): Promise<void> {
  let before = await processorUs(pid);
  for (let looks = 0; looks < REST_LOOKS_MAX; looks++) {
    await new Promise((resolve) => setTimeout(resolve, REST_MS));
    const now = await processorUs(pid);
    if (now - before <= REST_US_MAX) return;
    before = now;
  }
}

async function sumOf(path: string, wanted: readonly number[]): Promise<number> {
  const stat = await readFile(path, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  let us = 0;
  for (const field of wanted) us += Number(fields[field]) * US_PER_TICK;
  return us;
}
