/**
 * What well-behaved clients feel while others are not, at full size: ten thousand idle connections, and each attack for a while, in
 * turns with the same attack on a sink.
 */

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type AttackReport, runAbuse, type Waits } from '../wire/abuse.ts';
import type { SoakOptions, SoakResult } from './soak.ts';

const IDLE_CONNECTIONS = 10_000;
const ATTACK_MS = 10_000;
const ROUNDS = 4;

export async function abuse({ seed, count, progress }: SoakOptions): Promise<SoakResult> {
  const dataDir = await mkdtemp(join(tmpdir(), 'orbit-abuse-'));
  try {
    const idleConnections = count ?? IDLE_CONNECTIONS;
    const report = await runAbuse({ seed, dataDir, attackMs: ATTACK_MS, rounds: ROUNDS, idleConnections, progress });
    const { quiet, attacks, problems } = report;
    const slow = attacks.filter((attack) => timesOf(attack, quiet) > 2).map(({ attack }) => attack);
    const worst = attacks.reduce((a, b) => (timesOf(a, quiet) >= timesOf(b, quiet) ? a : b));
    const memory = Math.max(...attacks.map(({ memoryBytes }) => memoryBytes));
    const turns = (of: 'p99Ms' | 'longestMs') => Math.max(...attacks.map((attack) => attack.turns[of])).toFixed(1);
    return {
      problems: [...problems, ...slow.map((attack) => `others waited for more than twice as long under: ${attack}`)],
      line:
        `${attacks.length} attacks of ${ATTACK_MS / 1_000} s, ${idleConnections.toLocaleString('en')} idle connections in one; ` +
        `p99 of the others, GET and point SELECT: in quiet ${shownWaits(quiet)}; under ${worst.attack}, the worst, ` +
        `${shownWaits(worst)}, beside an attacked sink ${shownWaits(worst.control)}; ` +
        `99 of 100 turns at most ${turns('p99Ms')} ms of processor time, the longest ${turns('longestMs')} ms; ` +
        `at most ${Math.round(memory / 1e6)} MB under a limit of 256 MB`,
    };
  } finally {
    await rm(dataDir, { recursive: true, force: true });
  }
}

/** How many times as long the others wait as they do where the attack is none of the server's business. */
function timesOf(attacked: AttackReport, quiet: Waits): number {
  const times = (of: keyof Waits) => attacked[of] / Math.max(attacked.control[of], quiet[of]);
  return Math.max(times('redisP99Ms'), times('postgresP99Ms'));
}

function shownWaits({ redisP99Ms, postgresP99Ms }: Waits): string {
  return `${redisP99Ms.toFixed(1)} and ${postgresP99Ms.toFixed(1)} ms`;
}
