/** What well-behaved clients feel while others are not, at full size: ten thousand idle connections, and each attack for a while. */

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runAbuse } from '../wire/abuse.ts';
import type { SoakOptions, SoakResult } from './soak.ts';

const IDLE_CONNECTIONS = 10_000;
const ATTACK_MS = 10_000;
/** What others wait at most: twice what they wait otherwise, or so long. */
const P99_MS_MAX = 50;

export async function abuse({ seed, count, progress }: SoakOptions): Promise<SoakResult> {
  const dataDir = await mkdtemp(join(tmpdir(), 'orbit-abuse-'));
  try {
    const idleConnections = count ?? IDLE_CONNECTIONS;
    const report = await runAbuse({ seed, dataDir, attackMs: ATTACK_MS, idleConnections, progress });
    const { quiet, attacks, problems } = report;
    const slow = attacks.flatMap(({ attack, redisP99Ms, postgresP99Ms }) => {
      const over = (now: number, before: number) => now > Math.max(2 * before, P99_MS_MAX);
      return over(redisP99Ms, quiet.redisP99Ms) || over(postgresP99Ms, quiet.postgresP99Ms) ? [attack] : [];
    });
    const worst = (of: 'redisP99Ms' | 'postgresP99Ms') => Math.max(...attacks.map((attack) => attack[of])).toFixed(1);
    const memory = Math.max(...attacks.map(({ memoryBytes }) => memoryBytes));
    return {
      problems: [...problems, ...slow.map((attack) => `others waited for more than twice as long under: ${attack}`)],
      line:
        `${attacks.length} attacks of ${ATTACK_MS / 1_000} s, ${idleConnections.toLocaleString('en')} idle connections in one: ` +
        `p99 of GET by others ${quiet.redisP99Ms.toFixed(1)} ms in quiet, at most ${worst('redisP99Ms')} ms; ` +
        `of a point SELECT ${quiet.postgresP99Ms.toFixed(1)} ms, at most ${worst('postgresP99Ms')} ms; ` +
        `at most ${Math.round(memory / 1e6)} MB under a limit of 256 MB`,
    };
  } finally {
    await rm(dataDir, { recursive: true, force: true });
  }
}
