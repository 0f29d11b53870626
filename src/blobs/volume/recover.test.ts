import { describe, expect, it } from 'vitest';
import { silentLog } from '../../base/log.ts';
import type { SimulatedPlatform } from '../../platform/simulated/simulation.ts';
import { Simulation } from '../../platform/simulated/simulation.ts';
import { decodeIndexRow, encodeIndexRow, indexLayout, SMALL_INDEX } from '../formats/index-row.ts';
import { decodeNeedle, NO_DETAILS } from '../formats/needle.ts';
import { type NewVolume, Volume, type VolumeOptions } from './volume.ts';

const COOKIE = 9;
const DAT = '/blobs/c_4.dat';
const IDX = '/blobs/c_4.idx';

function newMachine() {
  const simulation = new Simulation(1);
  const disk = simulation.newDisk();
  const platform = simulation.boot({ disk });
  const options: VolumeOptions = {
    platform,
    directory: '/blobs',
    name: { collection: 'c', volumeId: 4 },
    log: silentLog,
  };
  return { simulation, disk, platform, options };
}

/** A closed volume of needles 1 to 20, 3 and 5 deleted, 7 overwritten, 9 empty. */
async function filled(options: VolumeOptions, fields: NewVolume = {}): Promise<void> {
  const volume = await Volume.create(options, fields);
  const write = (id: number, data: string) =>
    volume.write({ ...NO_DETAILS, id: BigInt(id), cookie: COOKIE, data: Buffer.from(data) });
  for (let id = 1; id <= 20; id++) await write(id, id === 9 ? '' : `data ${id}`);
  await volume.delete(3n, COOKIE);
  await volume.delete(5n, COOKIE);
  await write(7, 'other');
  await volume.close();
}

async function state(volume: Volume): Promise<Record<number, string | undefined>> {
  const found: Record<number, string | undefined> = {};
  for (let id = 1; id <= 20; id++) {
    found[id] = (await volume.read(BigInt(id), COOKIE).catch(() => undefined))?.needle.data.toString();
  }
  return found;
}

const EXPECTED = Object.fromEntries(
  Array.from({ length: 20 }, (_, i) => i + 1).map((id) => {
    if (id === 3 || id === 5) return [id, undefined];
    return [id, id === 7 ? 'other' : id === 9 ? '' : `data ${id}`];
  }),
);

/** Opens it, compares, closes, and opens it once more: what was repaired stays so. */
async function expectRecovered(options: VolumeOptions, source: string, expected = EXPECTED): Promise<void> {
  const volume = await Volume.open(options);
  expect(volume.recovery.source).toBe(source);
  expect(await state(volume)).toEqual(expected);
  await volume.close();
  const again = await Volume.open(options);
  expect(again.recovery.source).toBe('index');
  expect(await state(again)).toEqual(expected);
  await again.close();
}

async function rowsOf(platform: SimulatedPlatform): Promise<Buffer[]> {
  const bytes = Buffer.from(await platform.files.read(IDX));
  return Array.from({ length: bytes.length / 16 }, (_, i) => bytes.subarray(i * 16, i * 16 + 16));
}

describe('recovery', () => {
  it.each<[string, (rows: Buffer[]) => Buffer[]]>([
    ['an index that lacks its end', (rows) => rows.slice(0, 15)],
    ['an empty index', () => []],
    ['an index with a hole of zeros', (rows) => rows.map((row, i) => (i === 6 ? Buffer.alloc(16) : row))],
    ['an index in another order, as an erasure-coded volume leaves it', (rows) => [...rows].reverse()],
    [
      'an index of live rows only, as a rebuilt one may be',
      (rows) =>
        rows.filter((row) => row.readInt32BE(12) >= 0 && row.readUInt32BE(4) !== 3 && row.readUInt32BE(4) !== 5),
    ],
    [
      'an index with rows beyond the data',
      (rows) => [...rows, encodeIndexRow({ id: 99n, offset: 1 << 20, size: 50 }, SMALL_INDEX)],
    ],
  ])('takes the data for the truth beside %s', async (_what, change) => {
    const { simulation, platform, options } = newMachine();
    await simulation.time.run(async () => {
      await filled(options);
      await platform.files.writeAtomic(IDX, Buffer.concat(change(await rowsOf(platform))));
      await platform.files.remove('/blobs/c_4.clean');
      const volume = await Volume.open(options);
      expect(await state(volume)).toEqual(EXPECTED);
      expect(await volume.read(99n, COOKIE)).toBeUndefined();
      await volume.close();
      await expectRecovered(options, 'index');
    });
  });

  it('keeps deletes that stand in the index alone', async () => {
    const { simulation, platform, options } = newMachine();
    await simulation.time.run(async () => {
      await filled(options);
      const rows = [...(await rowsOf(platform)), encodeIndexRow({ id: 12n, offset: 0, size: -1 }, SMALL_INDEX)];
      await platform.files.writeAtomic(IDX, Buffer.concat(rows));
      await expectRecovered(options, 'data', { ...EXPECTED, 12: undefined });
      // The same where the whole index has to be written anew.
      const again = await rowsOf(platform);
      await platform.files.writeAtomic(IDX, Buffer.concat([...again.slice(1), again[0]!]));
      await expectRecovered(options, 'data', { ...EXPECTED, 12: undefined });
    });
  });

  it('cuts a torn end off and keeps a copy of it, wherever it was torn', async () => {
    const { simulation, platform, options } = newMachine();
    await simulation.time.run(async () => {
      await filled(options);
      const whole = Buffer.from(await platform.files.read(DAT));
      const rows = await rowsOf(platform);
      const last = decodeIndexRow(rows.at(-1)!, 0, SMALL_INDEX).offset;
      for (let length = last + 1; length < whole.length; length += 3) {
        await platform.files.writeAtomic(DAT, whole.subarray(0, length));
        await platform.files.writeAtomic(IDX, Buffer.concat(rows));
        const volume = await Volume.open(options);
        expect(volume.recovery.cutBytes).toBe(length - last);
        expect(await state(volume)).toEqual({ ...EXPECTED, 7: 'data 7' });
        expect((await platform.files.read('/blobs/c_4.torn')).length).toBe(length - last);
        await volume.close();
        expect(await platform.files.size(DAT)).toBe(last);
      }
    });
  });

  it('names a needle that rotted and serves the rest, and never an older state of it', async () => {
    const { simulation, disk, platform, options } = newMachine();
    await simulation.time.run(async () => {
      await filled(options);
      const rows = (await rowsOf(platform)).map((row) => decodeIndexRow(row, 0, SMALL_INDEX));
      const seventh = rows.at(-1)!;
      disk.corrupt(DAT, seventh.offset + 21, 3);
      await platform.files.remove('/blobs/c_4.clean');
      const volume = await Volume.open(options);
      expect(volume.status().quarantined).toMatchObject([{ fileId: '4,0700000009', offset: seventh.offset }]);
      await expect(volume.read(7n, COOKIE)).rejects.toMatchObject({ code: 'corruption' });
      expect(await state(volume)).toEqual({ ...EXPECTED, 7: undefined });
      // Writing it anew mends it.
      await volume.write({ ...NO_DETAILS, id: 7n, cookie: COOKIE, data: Buffer.from('other') });
      expect(await state(volume)).toEqual(EXPECTED);
      await volume.close();
    });
  });

  it('fills a hole that a power failure left, so that the file reads record by record', async () => {
    const { simulation, platform, options } = newMachine();
    await simulation.time.run(async () => {
      const volume = await Volume.create(options);
      for (let id = 1; id <= 3; id++) {
        await volume.write({ ...NO_DETAILS, id: BigInt(id), cookie: COOKIE, data: Buffer.alloc(2_000, id) });
      }
      await volume.close();
      const rows = (await rowsOf(platform)).map((row) => decodeIndexRow(row, 0, SMALL_INDEX));
      const bytes = Buffer.from(await platform.files.read(DAT));
      bytes.fill(0, 2560, 3072); // A sector of the second record.
      await platform.files.writeAtomic(DAT, bytes);
      await platform.files.remove('/blobs/c_4.clean');
      const again = await Volume.open(options);
      expect(again.recovery.filledBytes).toBe(rows[2]!.offset - rows[1]!.offset);
      expect(await again.read(2n, COOKIE)).toBeUndefined();
      expect((await again.read(3n, COOKIE))?.needle.data.length).toBe(2_000);
      await again.close();
      const filler = decodeNeedle(await platform.files.read(DAT), rows[1]!.offset, 3);
      expect([filler.id, filler.recordBytes]).toEqual([0n, rows[2]!.offset - rows[1]!.offset]);
    });
  });

  it.each<[string, NewVolume]>([
    ['5-byte offsets', { offsetBytes: 5 }],
    ['version 1', { version: 1 }],
    ['version 2', { version: 2 }],
    ['a time to live', { ttl: { count: 3, unit: 5 } }],
  ])('works on volumes with %s', async (_what, fields) => {
    const { simulation, platform, options } = newMachine();
    await simulation.time.run(async () => {
      await filled(options, fields);
      await expectRecovered(options, 'index');
      const rowBytes = indexLayout(fields.offsetBytes ?? 4).rowBytes;
      expect((await platform.files.size(IDX)) % rowBytes).toBe(0);
      await platform.files.remove(IDX);
      await expectRecovered(options, 'data');
    });
  });

  it('lets needles and volumes with a time to live expire', async () => {
    const { simulation, options } = newMachine();
    const volume = await simulation.time.run(() => Volume.create(options));
    const write = (id: bigint, ttl: { count: number; unit: number } | undefined) =>
      volume.write({ ...NO_DETAILS, id, cookie: COOKIE, data: Buffer.from('x'), lastModifiedS: 1, ttl });
    await simulation.time.run(async () => {
      await write(1n, { count: 2, unit: 1 });
      await write(2n, undefined);
      expect(await volume.read(1n, COOKIE)).toBeDefined();
    });
    await simulation.time.advance(121_000);
    await simulation.time.run(async () => {
      expect(await volume.read(1n, COOKIE)).toBeUndefined();
      expect(await volume.read(2n, COOKIE)).toBeDefined();
    });
  });
});
