/**
 * kill -9 of a process that writes, deletes and vacuums needle volumes, over and over; after each kill the volumes are opened
 * and every needle is held against the ledger: what was acknowledged is there, and never another byte. What a power failure
 * adds (torn and lost sectors) is simulated: `test/simulation/blobs-crash.test.ts`.
 */

import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { silentLog } from '../../src/base/log.ts';
import type { VolumeDurability } from '../../src/blobs/volume/volume.ts';
import { VolumeSet } from '../../src/blobs/volume-set.ts';
import { newNodePlatform } from '../../src/platform/node-platform.ts';
import { SeededRandom } from '../../src/platform/simulated/seeded-random.ts';
import { CHILD_COOKIE, CHILD_VOLUMES } from '../support/blob-child.ts';
import { BlobLedger } from '../support/blob-ledger.ts';
import type { SoakOptions, SoakResult } from './soak.ts';

const CHILD = fileURLToPath(new URL('../support/blob-child.ts', import.meta.url));
const ROUNDS = 100;

export interface BlobKillReport {
  readonly problems: readonly string[];
  readonly acknowledged: number;
  readonly vacuums: number;
  /** Rounds in which opening found a vacuum that had begun, or a torn end. */
  readonly interrupted: number;
}

export interface BlobKillOptions {
  readonly seed: number | string;
  readonly rounds: number;
  readonly killAfterMs: readonly [number, number];
  readonly progress?: (line: string) => void;
}

/** Stops at the first round with a problem. */
export async function runBlobKill(options: BlobKillOptions): Promise<BlobKillReport> {
  const random = new SeededRandom(options.seed);
  const directory = await mkdtemp(join(tmpdir(), 'orbit-blob-kill-'));
  const ledgers = Array.from({ length: CHILD_VOLUMES }, () => new BlobLedger());
  const problems: string[] = [];
  let vacuums = 0;
  let interrupted = 0;
  let step = 0;
  try {
    for (let round = 1; round <= options.rounds && problems.length === 0; round++) {
      const durability: VolumeDurability = random.chance(0.5) ? 'disk' : 'process';
      const child = spawn(process.execPath, [CHILD, directory, `${options.seed} ${round}`, durability, String(step)], {
        stdio: ['ignore', 'pipe', 'pipe'],
      });
      let stderr = '';
      child.stderr.on('data', (chunk) => {
        stderr += chunk;
      });
      const acknowledgedBefore = sum(ledgers);
      const lines = createInterface({ input: child.stdout });
      const read = new Promise<void>((resolve) => lines.on('close', resolve));
      lines.on('line', (line) => {
        const [kind, volumeId, id, made] = line.split(' ');
        const ledger = ledgers[Number(volumeId) - 1];
        if (kind === 'v') vacuums++;
        else if (kind === 't') {
          if (made !== '') step = Math.max(step, Number(made));
          ledger!.attempt(Number(id), made === '' ? undefined : Number(made));
        } else if (kind === 'a') ledger!.acknowledge(Number(id));
      });
      const exited = new Promise<number | null>((resolve) => child.on('exit', resolve));
      while (sum(ledgers) === acknowledgedBefore && child.exitCode === null) await sleep(5);
      await sleep(random.between(...options.killAfterMs));
      child.kill('SIGKILL');
      const code = await exited;
      await read;
      if (code !== null) problems.push(`round ${round}: the process ended by itself with ${code}\n${stderr}`);
      const platform = newNodePlatform();
      const names = await platform.files.list(directory);
      const set = await VolumeSet.open({ platform, log: silentLog, directories: [directory], garbageThreshold: 0 });
      for (const { volumeId, reason } of set.broken) problems.push(`round ${round}: volume ${volumeId}: ${reason}`);
      if (
        names.some((name) => /\.cp[dxc]$/.test(name)) ||
        set.volumes().some(({ recovery }) => recovery.cutBytes > 0)
      ) {
        interrupted++;
      }
      for (const [index, ledger] of ledgers.entries()) {
        const volume = set.get(index + 1);
        for (const id of volume === undefined ? [] : ledger.ids()) {
          try {
            const problem = ledger.found(id, (await volume!.read(BigInt(id), CHILD_COOKIE))?.needle.data);
            if (problem !== undefined) problems.push(`round ${round}, volume ${index + 1}: ${problem}`);
          } catch (error) {
            problems.push(`round ${round}, volume ${index + 1}: ${error}`);
          }
        }
        for (const { reason } of volume?.recovery.quarantined ?? []) problems.push(`round ${round}: ${reason}`);
      }
      await set.close();
      options.progress?.(`round ${round} (${durability}): ${sum(ledgers)} acknowledged so far, ${vacuums} vacuums`);
    }
  } finally {
    if (problems.length === 0) await rm(directory, { recursive: true, force: true });
    else problems.push(`the directory is kept: ${directory}`);
  }
  return { problems, acknowledged: sum(ledgers), vacuums, interrupted };
}

function sum(ledgers: readonly BlobLedger[]): number {
  return ledgers.reduce((total, ledger) => total + ledger.acknowledgedTotal, 0);
}

export async function blobs({ seed, rounds, progress }: SoakOptions): Promise<SoakResult> {
  const count = rounds ?? ROUNDS;
  const report = await runBlobKill({ seed, rounds: count, killAfterMs: [20, 600], progress });
  const line =
    `${count} kills, ${report.acknowledged.toLocaleString('en')} acknowledged steps, ${report.vacuums.toLocaleString('en')} ` +
    `vacuums, ${report.interrupted} kills within a vacuum or a write; none lost, no other byte`;
  return { problems: report.problems, line };
}
