/**
 * A process that writes, deletes and vacuums until it is killed: `node blob-child.ts DIRECTORY SEED DURABILITY STEP`, where STEP
 * is the last one that was used. Lines on stdout: `t VOLUME ID STEP` before a step (no STEP for a delete), `a VOLUME ID`
 * once it was acknowledged, `v` after a vacuum.
 */

import { writeSync } from 'node:fs';
import { hasCode } from '../../src/base/errors.ts';
import { silentLog } from '../../src/base/log.ts';
import { NO_DETAILS } from '../../src/blobs/formats/needle.ts';
import type { VolumeDurability } from '../../src/blobs/volume/volume.ts';
import { VolumeSet } from '../../src/blobs/volume-set.ts';
import { newNodePlatform } from '../../src/platform/node-platform.ts';
import { SeededRandom } from '../../src/platform/simulated/seeded-random.ts';
import { contentOf } from './blob-ledger.ts';

export const CHILD_VOLUMES = 2;
export const CHILD_IDS = 48;
export const CHILD_COOKIE = 77;

async function main(): Promise<void> {
  const [directory, seed, durability, firstStep] = process.argv.slice(2) as [string, string, VolumeDurability, string];
  const random = new SeededRandom(seed);
  const platform = newNodePlatform();
  const set = await VolumeSet.open({
    platform,
    log: silentLog,
    directories: [directory],
    durability,
    garbageThreshold: 0,
  });
  for (let volumeId = 1; volumeId <= CHILD_VOLUMES; volumeId++) {
    if (set.get(volumeId) === undefined) await set.create(volumeId);
  }
  let step = Number(firstStep);
  const client = async (id: number): Promise<void> => {
    for (;;) {
      const volumeId = 1 + (id % CHILD_VOLUMES);
      const volume = set.get(volumeId)!;
      const isDelete = random.chance(0.3);
      const next = isDelete ? undefined : ++step;
      writeSync(1, `t ${volumeId} ${id} ${next ?? ''}\n`);
      if (next === undefined) await volume.delete(BigInt(id), CHILD_COOKIE);
      else await volume.write({ ...NO_DETAILS, id: BigInt(id), cookie: CHILD_COOKIE, data: contentOf(id, next) });
      writeSync(1, `a ${volumeId} ${id}\n`);
      if (random.chance(0.05)) await platform.timers.sleep(random.int(5));
    }
  };
  for (let id = 1; id <= CHILD_IDS; id++) void client(id);
  for (;;) {
    await platform.timers.sleep(random.int(30));
    try {
      await set.vacuum(1 + random.int(CHILD_VOLUMES), 0.05);
      writeSync(1, 'v\n');
    } catch (error) {
      if (!hasCode(error, 'lock_not_available')) throw error;
    }
  }
}

if (import.meta.main) await main();
