/** Hostile bytes by the million, for both wires, without a network: nothing throws, hangs or piles up. */

import { fuzzPgwire, openPgwireTarget } from '../fuzz/pgwire.ts';
import { fuzzRespConnections, fuzzRespParser, openRespTarget } from '../fuzz/resp.ts';
import type { SoakOptions, SoakResult } from './soak.ts';

const INPUTS = 1_000_000;
const PART = 20_000;
/** What may be held at the end beyond the beginning. */
const GROWTH_BYTES_MAX = 300e6;

export async function fuzz({ seed, count = INPUTS, progress }: SoakOptions): Promise<SoakResult> {
  const problems: string[] = [];
  const resp = await openRespTarget();
  const pgwire = await openPgwireTarget();
  let [requests, conversations, messages] = [0, 0, 0];
  let startBytes = 0;
  let begun = performance.now();
  try {
    for (let part = 0; part * PART < count; part++) {
      const size = Math.min(PART, count - part * PART);
      fuzzRespParser(seed + part, size);
      requests += size;
      await fuzzRespConnections(resp, seed + part, size);
      conversations += size;
      await fuzzPgwire(pgwire, `${seed} ${part}`, size);
      messages += size;
      // Code was compiled and caches are full by then.
      if (part === 0) {
        startBytes = process.memoryUsage.rss();
        begun = performance.now();
      } else progress(`${messages} of each after ${Math.round((performance.now() - begun) / 1_000)} s`);
    }
  } catch (error) {
    problems.push(
      error instanceof Error
        ? `${error.message}\n${error.cause instanceof Error ? error.cause.stack : ''}`
        : String(error),
    );
  }
  const growth = process.memoryUsage.rss() - startBytes;
  if (growth > GROWTH_BYTES_MAX) problems.push(`seed ${seed}: memory grew by ${Math.round(growth / 1e6)} MB`);
  await resp.close();
  await pgwire.close();
  return {
    problems,
    line:
      `${requests.toLocaleString('en')} inputs to the parser of Redis, ${conversations.toLocaleString('en')} Redis and ` +
      `${messages.toLocaleString('en')} PostgreSQL conversations damaged: nothing thrown, memory grew by ${Math.round(growth / 1e6)} MB`,
  };
}
