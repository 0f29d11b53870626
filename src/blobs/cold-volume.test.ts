import { describe, expect, it } from 'vitest';
import { silentLog } from '../base/log.ts';
import { Simulation } from '../platform/simulated/simulation.ts';
import { NO_DETAILS } from './formats/needle.ts';
import { VolumeSet } from './volume-set.ts';

const COOKIE = 5;

describe('a volume that is marked read-only', () => {
  it('is served from its sorted index, which is made anew when the volume was another', async () => {
    const simulation = new Simulation(1);
    const node = simulation.boot({ disk: simulation.newDisk() });
    const open = () => VolumeSet.open({ platform: node, log: silentLog, directories: ['/blobs'] });
    const write = (set: VolumeSet, id: number) =>
      set.get(1)!.write({ ...NO_DETAILS, id: BigInt(id), cookie: COOKIE, data: Buffer.from(`data ${id}`) });
    const read = async (set: VolumeSet, id: number) =>
      (await set.reader(1)!.read(BigInt(id), COOKIE))?.needle.data.toString();
    await simulation.time.run(async () => {
      let set = await open();
      await set.create(1);
      for (let id = 1; id <= 600; id++) await write(set, id * 7);
      await set.get(1)!.delete(70n, COOKIE);
      await set.get(1)!.mark({ readOnly: true });
      await set.close();

      for (let round = 0; round < 2; round++) {
        set = await open();
        expect(set.get(1)).toBeUndefined();
        expect([await read(set, 7), await read(set, 4200), await read(set, 70), await read(set, 8)]).toEqual([
          'data 7',
          'data 4200',
          undefined,
          undefined,
        ]);
        expect(await set.reader(1)!.read(7n, COOKIE + 1)).toBeUndefined();
        expect(set.reader(1)!.status()).toMatchObject({ live: 599, readOnly: { reason: 'marked' } });
        await expect(set.create(1)).rejects.toMatchObject({ code: 'already_exists' });
        await set.close();
      }

      // Made writable, changed and marked again: the old sorted index is of another volume.
      const info = JSON.parse(Buffer.from(await node.files.read('/blobs/1.vif')).toString());
      await node.files.writeAtomic('/blobs/1.vif', Buffer.from(JSON.stringify({ ...info, readOnly: false })));
      set = await open();
      await write(set, 8);
      await set.get(1)!.mark({ readOnly: true });
      await set.close();
      set = await open();
      expect([await read(set, 7), await read(set, 8)]).toEqual(['data 7', 'data 8']);
      await set.close();
    });
  });
});
