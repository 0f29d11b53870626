/** Volumes on a disk that loses power, is killed, fills up and rots: what was acknowledged is there, and no other bytes. */

import { describe, expect, it } from 'vitest';
import { hasCode } from '../../src/base/errors.ts';
import { silentLog } from '../../src/base/log.ts';
import { NO_DETAILS } from '../../src/blobs/formats/needle.ts';
import { vacuum } from '../../src/blobs/vacuum/vacuum.ts';
import { Volume, type VolumeDurability, type VolumeOptions } from '../../src/blobs/volume/volume.ts';
import type { SimulatedDisk, Unsynced } from '../../src/platform/simulated/simulated-disk.ts';
import { type SimulatedPlatform, Simulation } from '../../src/platform/simulated/simulation.ts';
import { BlobLedger, contentOf } from '../support/blob-ledger.ts';

const seed = process.env.ORBIT_TEST_SEED ?? '1';
const COOKIE = 0x1234;
const IDS = 60;

class World {
  readonly simulation: Simulation;
  readonly disk: SimulatedDisk;
  readonly ledger = new BlobLedger();
  node: SimulatedPlatform;
  #step = 0;
  readonly #durability: VolumeDurability;

  constructor(name: string, durability: VolumeDurability) {
    this.simulation = new Simulation(`${seed} ${name}`);
    this.disk = this.simulation.newDisk({ latencyMs: { read: [0, 1], write: [0, 2], sync: [0.5, 4], name: [0, 1] } });
    this.node = this.simulation.boot({ disk: this.disk });
    this.#durability = durability;
  }

  options(): VolumeOptions {
    return {
      platform: this.node,
      directory: 'blobs',
      name: { collection: '', volumeId: 1 },
      log: silentLog,
      durability: this.#durability,
    };
  }

  async open(): Promise<Volume> {
    const exists = await this.simulation.time.runUntil(this.node.files.exists('blobs/1.dat'));
    return this.simulation.time.runUntil(exists ? Volume.open(this.options()) : Volume.create(this.options()));
  }

  /** Clients that write and delete for a while, and vacuums now and then, until the process dies. */
  async work(volume: Volume, forMs: number): Promise<void> {
    const { random, time } = this.simulation;
    const { ledger, node } = this;
    const client = async (id: number): Promise<void> => {
      while (node.alive) {
        await node.timers.sleep(random.int(12));
        const isDelete = random.chance(0.3);
        const step = isDelete ? undefined : ++this.#step;
        ledger.attempt(id, step);
        if (step === undefined) await volume.delete(BigInt(id), COOKIE);
        else {
          const data = contentOf(id, step);
          await volume.write({ ...NO_DETAILS, id: BigInt(id), cookie: COOKIE, data });
        }
        ledger.acknowledge(id);
      }
    };
    for (let id = 1; id <= IDS; id++) void client(id);
    const vacuums = async (): Promise<void> => {
      while (node.alive) {
        await node.timers.sleep(random.int(60));
        await vacuum(volume, { threshold: 0.2 });
      }
    };
    void vacuums();
    const sync = async (): Promise<void> => {
      while (node.alive) {
        await node.timers.sleep(20);
        await volume.checkpoint();
      }
    };
    void sync();
    await time.advance(forMs);
  }

  crash(how: Unsynced | 'kill'): void {
    if (how === 'kill') this.node.kill();
    else this.node.losePower(how);
    this.node = this.simulation.boot({ disk: this.disk });
  }

  /** @returns what is not as it must be. */
  async verify(volume: Volume, mayTakeBack: boolean): Promise<string[]> {
    const problems: string[] = [];
    for (const id of this.ledger.ids()) {
      const found = await this.simulation.time.runUntil(volume.read(BigInt(id), COOKIE));
      const problem = this.ledger.found(id, found?.needle.data, mayTakeBack);
      if (problem !== undefined) problems.push(problem);
    }
    return problems;
  }
}

describe('volumes and crashes', () => {
  it.each<[string, VolumeDurability, readonly (Unsynced | 'kill')[], boolean]>([
    ['class disk: power failures and kills take nothing acknowledged', 'disk', ['torn', 'lost', 'kept', 'kill'], false],
    ['class process: kills take nothing acknowledged', 'process', ['kill'], false],
    [
      'class process: a power failure takes what was not synced, and never makes other bytes',
      'process',
      ['torn'],
      true,
    ],
  ])('%s', async (name, durability, hows, mayTakeBack) => {
    const world = new World(name, durability);
    for (let round = 0; round < 14; round++) {
      const volume = await world.open();
      expect(await world.verify(volume, mayTakeBack), `seed ${seed}, round ${round}`).toEqual([]);
      await world.work(volume, 20 + world.simulation.random.int(200));
      const how = world.simulation.random.pick(hows);
      world.crash(how);
    }
    const volume = await world.open();
    expect(await world.verify(volume, mayTakeBack), `seed ${seed}, at the end`).toEqual([]);
    expect(volume.recovery.quarantined).toEqual([]);
    expect(world.ledger.acknowledgedTotal).toBeGreaterThan(200);
  });

  it('finds a flipped bit anywhere in the records, and serves all others', async () => {
    const world = new World('flips', 'disk');
    const volume = await world.open();
    const { time, random } = world.simulation;
    for (let id = 1; id <= 20; id++) {
      const data = contentOf(id, 1);
      await time.runUntil(
        volume.write({ ...NO_DETAILS, id: BigInt(id), cookie: COOKIE, data, name: Buffer.from('n') }),
      );
    }
    await time.runUntil(volume.close());
    const image = world.disk.snapshot('blobs');
    const bytes = image.get('1.dat')!.length;
    for (let round = 0; round < 80; round++) {
      world.disk.restore('blobs', image);
      const position = 8 + random.int(bytes - 8);
      const bit = random.int(8);
      world.disk.corrupt('blobs/1.dat', position, bit);
      const damaged = await world.open();
      let refused = 0;
      for (let id = 1; id <= 20; id++) {
        try {
          const found = await time.runUntil(damaged.read(BigInt(id), COOKIE));
          const where = `seed ${seed}: bit ${bit} of ${position}, needle ${id}`;
          expect(contentOf(id, 1).equals(found!.needle.data), where).toBe(true);
        } catch (error) {
          expect(hasCode(error, 'corruption'), `seed ${seed}: ${error}`).toBe(true);
          refused++;
        }
      }
      expect(refused, `seed ${seed}: bit ${bit} of ${position}`).toBe(1);
      expect(damaged.status().quarantined).toHaveLength(1);
      await time.runUntil(damaged.close());
    }
  });

  it('refuses writes on a full disk, stays readable, and has room again after deletes and a vacuum', async () => {
    const world = new World('full', 'disk');
    const volume = await world.open();
    const { time } = world.simulation;
    const write = (id: number) =>
      time.runUntil(volume.write({ ...NO_DETAILS, id: BigInt(id), cookie: COOKIE, data: Buffer.alloc(5_000, id) }));
    for (let id = 1; id <= 100; id++) await write(id);
    world.disk.capacityBytes = 520_000;
    let written = 100;
    const fill = async () => {
      for (;;) {
        await write(written + 1);
        written++;
      }
    };
    await expect(fill()).rejects.toMatchObject({ code: 'disk_full' });
    expect(volume.readOnly).toBeUndefined();
    // Not even the copy of what is alive has room.
    await expect(time.runUntil(vacuum(volume, { threshold: 0 }))).rejects.toMatchObject({ code: 'disk_full' });
    expect(await time.runUntil(world.node.files.list('blobs'))).toEqual(['1.dat', '1.idx', '1.vif']);
    for (let id = 1; id <= written; id++) {
      expect((await time.runUntil(volume.read(BigInt(id), COOKIE)))!.needle.data.length).toBe(5_000);
    }
    // Deletes append too: they need what a reserve (`freeBytesMin` of a set of volumes) leaves.
    world.disk.capacityBytes += 10_000;
    for (let id = 1; id <= written - 1; id++) await time.runUntil(volume.delete(BigInt(id), COOKIE));
    // A write that fails in the middle of a vacuum leaves nothing behind.
    const undo = world.disk.fail('write', { code: 'ENOSPC', path: /cpd$/, afterBytes: 100 });
    await expect(time.runUntil(vacuum(volume))).rejects.toMatchObject({ code: 'disk_full' });
    undo();
    expect(await time.runUntil(world.node.files.list('blobs'))).toEqual(['1.dat', '1.idx', '1.vif']);
    expect(await time.runUntil(vacuum(volume))).toMatchObject({ done: true });
    expect(world.disk.freeBytes).toBeGreaterThan(500_000);
    await write(1);
    expect((await time.runUntil(volume.read(BigInt(written), COOKIE)))!.needle.data.length).toBe(5_000);
  });

  it('takes no more writes after a failed sync, and serves what it had', async () => {
    const world = new World('sync', 'disk');
    const volume = await world.open();
    const { time } = world.simulation;
    const write = (id: number) =>
      time.runUntil(volume.write({ ...NO_DETAILS, id: BigInt(id), cookie: COOKIE, data: Buffer.from(`${id}`) }));
    await write(1);
    world.disk.fail('sync', { path: /dat$/ });
    await expect(write(2)).rejects.toMatchObject({ code: 'io' });
    await expect(write(3)).rejects.toMatchObject({ code: 'store_read_only' });
    expect(await time.runUntil(volume.read(2n, COOKIE))).toBeUndefined();
    expect((await time.runUntil(volume.read(1n, COOKIE)))?.needle.data.toString()).toBe('1');
    expect(volume.readOnly?.reason).toBe('failed');
  });
});
