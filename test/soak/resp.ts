/** Random Redis commands and whole streams of them beside a real Redis, replies compared byte for byte, in both versions of the protocol. */

import { isRedisInstalled } from '../wire/redis-reference.ts';
import { runDifferential } from '../wire/resp-differential.ts';
import { runStreams } from '../wire/resp-streams.ts';
import type { SoakOptions, SoakResult } from './soak.ts';

const COMMANDS = 1_000_000;
/** Commands of one run: each has servers, keys and a seed of its own. */
const RUN = 50_000;

export async function resp({ seed, count = COMMANDS, store, progress }: SoakOptions): Promise<SoakResult> {
  if (!isRedisInstalled) return { problems: ['redis-server is not installed'], line: 'nothing to compare with' };
  const problems: string[] = [];
  let compared = 0;
  for (let run = 0; compared < count && problems.length === 0; run++) {
    const commands = Math.min(RUN, count - compared);
    const options = { seed: seed + 10 * run, commands, ...(store && { server: { provider: store } }) };
    try {
      // Streams swap databases, which a store that several servers share refuses.
      if (run % 2 === 1 && store !== 'tikv') await runStreams(options);
      else await runDifferential(options);
      compared += commands;
      progress(`${compared} commands, no difference`);
    } catch (error) {
      problems.push(error instanceof Error ? error.message : String(error));
    }
  }
  return {
    problems,
    line: `${compared.toLocaleString('en')} commands in RESP2 and RESP3, ${problems.length} differences`,
  };
}
