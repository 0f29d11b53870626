/** What follows a benchmark's name on the command line: words that choose cases, and `--seconds`. */

import { parseArgs } from 'node:util';

const { values, positionals } = parseArgs({
  args: process.argv.slice(3),
  allowPositionals: true,
  options: { seconds: { type: 'string' } },
});

export const WORDS: readonly string[] = positionals;

/** How long each run of a case shall take, the one that warms up included. */
export const SECONDS = Number(values.seconds ?? process.env.ORBIT_BENCH_SECONDS ?? 2);
if (!(SECONDS > 0)) throw new Error('--seconds takes a positive number');
