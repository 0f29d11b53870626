import { describe, expect, it } from 'vitest';
import { utf8 } from '../../base/bytes.ts';
import { silentLog } from '../../base/log.ts';
import { Simulation } from '../../platform/simulated/simulation.ts';
import { type Needle, NO_DETAILS } from '../formats/needle.ts';
import { vacuum } from '../vacuum/vacuum.ts';
import { Volume, type VolumeOptions } from './volume.ts';

function needle(id: number, data: string, fields: Partial<Needle> = {}): Needle {
  return { ...NO_DETAILS, id: BigInt(id), cookie: 7, data: utf8(data), ...fields };
}

function newHost(options: Partial<VolumeOptions> = {}) {
  const simulation = new Simulation(1);
  const disk = simulation.newDisk();
  let node = simulation.boot({ disk });
  const volumeOptions = (): VolumeOptions => ({
    platform: node,
    directory: '/blobs',
    name: { collection: '', volumeId: 3 },
    log: silentLog,
    ...options,
  });
  return {
    simulation,
    disk,
    volumeOptions,
    run: <T>(work: () => Promise<T>) => simulation.time.run(work),
    restart(how: 'kill' | 'lost' | 'kept' | 'torn' = 'kill') {
      if (how === 'kill') node.kill();
      else node.losePower(how);
      node = simulation.boot({ disk });
    },
  };
}

async function dataOf(volume: Volume, id: number, cookie = 7): Promise<string | undefined> {
  const found = await volume.read(BigInt(id), cookie);
  return found === undefined ? undefined : Buffer.from(found.needle.data).toString();
}

describe('a volume', () => {
  it('reads what was written, overwrites and deletes by cookie only, and opens again with all of it', async () => {
    const host = newHost();
    await host.run(async () => {
      const volume = await Volume.create(host.volumeOptions());
      expect(await Promise.all([1, 2, 3].map((id) => volume.write(needle(id, `data ${id}`))))).toEqual(
        [1, 2, 3].map(() => ({ unchanged: false })),
      );
      expect(volume.writer.batches).toBe(1);
      expect(await volume.write(needle(1, 'data 1', { lastModifiedS: undefined }))).toEqual({ unchanged: true });
      await volume.write(needle(1, 'other'));
      await expect(volume.write(needle(1, 'x', { cookie: 8 }))).rejects.toMatchObject({ code: 'permission_denied' });
      await expect(volume.delete(1n, 8)).rejects.toMatchObject({ code: 'permission_denied' });
      expect(await volume.delete(2n, 7)).toBe(4 + 6 + 1);
      expect(await volume.delete(2n, 7)).toBeUndefined();
      await volume.write(needle(4, ''));
      const state = async () => Promise.all([1, 2, 3, 4, 5].map((id) => dataOf(volume, id)));
      expect(await state()).toEqual(['other', undefined, 'data 3', '', undefined]);
      expect(await dataOf(volume, 4, 9)).toBeUndefined();
      expect(await volume.read(2n, 7, { readDeleted: true })).toMatchObject({ needle: { id: 2n } });
      await volume.close();
      const again = await Volume.open(host.volumeOptions());
      expect(again.recovery.source).toBe('index');
      expect(await Promise.all([1, 2, 3, 4].map((id) => dataOf(again, id)))).toEqual([
        'other',
        undefined,
        'data 3',
        '',
      ]);
      await again.close();
    });
  });

  it('rebuilds its index from the data when it is missing, empty uploads and their deletes included', async () => {
    const host = newHost();
    await host.run(async () => {
      const { files } = host.volumeOptions().platform;
      const volume = await Volume.create(host.volumeOptions());
      for (const id of [1, 2, 3, 4]) await volume.write(needle(id, id % 2 === 0 ? '' : `data ${id}`));
      await volume.delete(2n, 7);
      await volume.delete(3n, 7);
      await volume.close();
      const idx = await files.read('/blobs/3.idx');
      await files.remove('/blobs/3.idx');
      const again = await Volume.open(host.volumeOptions());
      expect(again.recovery.source).toBe('data');
      expect(await Promise.all([1, 2, 3, 4].map((id) => dataOf(again, id)))).toEqual([
        'data 1',
        undefined,
        undefined,
        '',
      ]);
      await again.close();
      expect(Buffer.from(await files.read('/blobs/3.idx')).equals(idx)).toBe(true);
    });
  });

  it('vacuums while it is written to, and keeps all that is alive', async () => {
    const host = newHost();
    await host.run(async () => {
      const volume = await Volume.create(host.volumeOptions());
      for (let id = 1; id <= 40; id++) await volume.write(needle(id, `data ${id}`.repeat(id)));
      for (let id = 1; id <= 30; id++) await volume.delete(BigInt(id), 7);
      const vacuuming = vacuum(volume);
      const meanwhile = [
        volume.write(needle(50, 'meanwhile')),
        volume.write(needle(31, 'overwritten')),
        volume.delete(32n, 7),
      ];
      expect(await vacuuming).toMatchObject({ done: true });
      await Promise.all(meanwhile);
      const expectState = async (of: Volume) => {
        expect(await dataOf(of, 30)).toBeUndefined();
        expect(await dataOf(of, 31)).toBe('overwritten');
        expect(await dataOf(of, 32)).toBeUndefined();
        expect(await dataOf(of, 50)).toBe('meanwhile');
        for (let id = 33; id <= 40; id++) expect(await dataOf(of, id)).toBe(`data ${id}`.repeat(id));
      };
      await expectState(volume);
      expect(volume.superBlock.compactionRevision).toBe(1);
      await volume.close();
      expect(await host.volumeOptions().platform.files.list('/blobs')).toEqual(['3.clean', '3.dat', '3.idx', '3.vif']);
      const again = await Volume.open(host.volumeOptions());
      await expectState(again);
      await again.close();
    });
  });
});
