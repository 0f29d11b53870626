import { describe, expect, it } from 'vitest';
import { silentLog } from '../base/log.ts';
import { Simulation } from '../platform/simulated/simulation.ts';
import { NO_DETAILS } from './formats/needle.ts';
import { VolumeSet, type VolumeSetOptions } from './volume-set.ts';

const COOKIE = 5;

function newMachine(options: Partial<VolumeSetOptions> = {}) {
  const simulation = new Simulation(1);
  const disk = simulation.newDisk({ capacityBytes: 10_000_000 });
  const node = simulation.boot({ disk });
  const open = () => VolumeSet.open({ platform: node, log: silentLog, directories: ['/blobs'], ...options });
  const write = (set: VolumeSet, volumeId: number, id: number, data: Buffer | string) =>
    set.get(volumeId)!.write({ ...NO_DETAILS, id: BigInt(id), cookie: COOKIE, data: Buffer.from(data) });
  return { simulation, disk, node, open, write };
}

describe('a set of volumes', () => {
  it('has several writable volumes per collection and takes them in turn', async () => {
    const { simulation, open, write } = newMachine({ volumesMax: 4 });
    await simulation.time.run(async () => {
      const set = await open();
      for (const volumeId of [1, 2, 3]) await set.create(volumeId, 'pictures');
      await set.create(4, 'pictures', { ttl: { count: 3, unit: 1 } });
      await expect(set.create(5)).rejects.toMatchObject({ code: 'out_of_range' });
      await expect(set.create(1)).rejects.toMatchObject({ code: 'already_exists' });
      const picked = Array.from({ length: 6 }, () => set.pickWritable('pictures')!.volumeId);
      expect(picked).toEqual([1, 2, 3, 1, 2, 3]);
      expect(set.pickWritable('pictures', { count: 3, unit: 1 })?.volumeId).toBe(4);
      expect(set.pickWritable('other')).toBeUndefined();
      await set.get(2)!.mark({ readOnly: true });
      expect(set.pickWritable('pictures')?.volumeId).not.toBe(2);
      await expect(write(set, 2, 1, 'x')).rejects.toMatchObject({ code: 'store_read_only' });
      await set.close();
    });
  });

  it('lets one process have a directory, and opens the others when one volume cannot be opened', async () => {
    const { simulation, node, open, write } = newMachine();
    await simulation.time.run(async () => {
      const set = await open();
      await set.create(1);
      await set.create(2);
      await write(set, 2, 1, 'x');
      await expect(open()).rejects.toMatchObject({ code: 'store_locked' });
      await set.close();
      await node.files.writeAtomic('/blobs/1.dat', Buffer.alloc(8));
      const again = await open();
      expect(again.broken).toMatchObject([{ volumeId: 1, reason: expect.stringContaining('needle version 0') }]);
      expect(await again.get(2)!.read(1n, COOKIE)).toBeDefined();
      await again.close();
    });
  });

  it('names shards whose index is lost', async () => {
    const { simulation, node, open } = newMachine();
    await simulation.time.run(async () => {
      await node.files.makeDirectory('/blobs');
      for (const name of ['c_7.ec00', 'c_7.ec13', '8.ec01', '8.dat']) {
        await node.files.writeAtomic(`/blobs/${name}`, Buffer.from([3, 0, 0, 0, 0, 0, 0, 0]));
      }
      const set = await open();
      expect(set.broken).toMatchObject([
        { volumeId: 7, collection: 'c', reason: 'the index of the shards of volume 7 is lost' },
      ]);
      expect(set.get(8)).toBeDefined();
      await set.close();
    });
  });

  it('vacuums by itself, removes volumes whose time is over, and takes deletes only on an almost full disk', async () => {
    const { simulation, disk, node, open, write } = newMachine({ freeBytesMin: 100_000 });
    const set = await simulation.time.run(open);
    await simulation.time.run(async () => {
      await set.create(1);
      await set.create(2, '', { ttl: { count: 1, unit: 1 } });
      await write(set, 2, 1, 'short-lived');
      for (let id = 1; id <= 50; id++) await write(set, 1, id, Buffer.alloc(1_000, id));
      for (let id = 1; id <= 40; id++) await set.get(1)!.delete(BigInt(id), COOKIE);
    });
    const before = set.get(1)!.generation.datBytes;
    await simulation.time.advance(130_000);
    expect(set.get(1)!.generation.datBytes).toBeLessThan(before / 3);
    expect(set.get(2)).toBeUndefined();
    expect(
      (await simulation.time.run(() => node.files.list('/blobs'))).filter((name) => name.startsWith('2.')),
    ).toEqual([]);
    disk.capacityBytes = 10_000_000 - disk.freeBytes + 50_000;
    await simulation.time.advance(1_100);
    await simulation.time.run(async () => {
      expect(set.get(1)!.readOnly?.reason).toBe('space_low');
      await expect(write(set, 1, 60, 'x')).rejects.toMatchObject({ code: 'disk_full' });
      expect(await set.get(1)!.delete(50n, COOKIE)).toBeGreaterThan(0);
    });
    disk.capacityBytes = 10_000_000;
    await simulation.time.advance(1_100);
    await simulation.time.run(async () => {
      await write(set, 1, 60, 'x');
      await set.close();
    });
  });

  it('preallocates, and keeps nothing of a volume that has no room', async () => {
    const { simulation, node, open } = newMachine({ preallocate: true, volumeBytesMax: 20_000_000 });
    await simulation.time.run(async () => {
      const set = await open();
      await expect(set.create(1)).rejects.toMatchObject({ code: 'disk_full' });
      expect(await node.files.list('/blobs')).toEqual(['orbit-blobs.lock']);
      await set.close();
    });
  });
});
