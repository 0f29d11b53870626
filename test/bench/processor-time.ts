/** Processor time of a server, as Linux's /proc tells it. */

import { readFile } from 'node:fs/promises';

/** The kernel tells processor time in hundredths of a second. */
const US_PER_TICK = 10_000;

/**
 * Microseconds that a process and those of its children that have ended ran so far, in user and system mode (proc(5):
 * utime, stime, cutime, cstime).
 */
export async function processorUs(pid: number): Promise<number> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  let us = 0;
  for (const field of [11, 12, 13, 14]) us += Number(fields[field]) * US_PER_TICK;
  return us;
}
