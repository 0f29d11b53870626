import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { newNeedleVolume, writeNeedleVolume } from '../../../test/support/needle-volume.ts';
import { crc32c } from '../../base/crc32c.ts';
import { silentLog } from '../../base/log.ts';
import { type SimulatedPlatform, Simulation } from '../../platform/simulated/simulation.ts';
import { decodeVolumeInfo, encodeVolumeInfo } from '../formats/volume-info.ts';
import { Volume } from '../volume/volume.ts';
import { encodeChecksums } from './checksum-file.ts';
import type { WorkContext } from './context.ts';
import { decodeVolume } from './decode.ts';
import { encodeVolume } from './encode.ts';
import { ErasureVolume } from './erasure-volume.ts';
import { combinations } from './examine.ts';
import { PlainKernel } from './kernel.ts';
import { scrubVolume } from './rebuild.ts';
import { readErasureInfo, shardPath } from './shard-files.ts';

const FIXTURES = join(import.meta.dirname, '../../../test/fixtures/seaweedfs');
const seed = process.env.ORBIT_TEST_SEED ?? '1';
const BASE = 'blobs/1';
const ALL = Array.from({ length: 14 }, (_, shard) => shard);
/** Large and small blocks as SeaweedFS's own test has them. */
const SMALL = { largeBlockBytes: 10_000, smallBlockBytes: 100 };
/** Few stripes, and needles over several of them. */
const MEDIUM = { largeBlockBytes: 8_192, smallBlockBytes: 1_024 };

let simulation: Simulation;
let platform: SimulatedPlatform;

beforeEach(async () => {
  simulation = new Simulation(seed);
  platform = simulation.boot();
  await platform.files.makeDirectory('blobs');
});

const sha = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');
const shardHashes = (count = 14) =>
  Promise.all(ALL.slice(0, count).map(async (shard) => sha(await platform.files.read(shardPath(BASE, shard)))));

async function flip(path: string, position: number, bit: number): Promise<void> {
  platform.disk.corrupt(path, position, bit);
}

/** Every live needle reads as it was written, every deleted one not at all. */
async function expectContents(
  volume: ErasureVolume,
  contents: ReadonlyMap<bigint, Uint8Array>,
  deleted: readonly bigint[] = [],
): Promise<void> {
  for (const [id, data] of contents) {
    const needle = await volume.read(id);
    if (needle === undefined || Buffer.compare(needle.data, data) !== 0) expect.fail(`needle ${id}, seed ${seed}`);
  }
  for (const id of deleted) expect(await volume.read(id)).toBeUndefined();
}

async function withVolume<T>(context: WorkContext, use: (volume: ErasureVolume) => Promise<T>): Promise<T> {
  const volume = await ErasureVolume.open(context, BASE, 1);
  try {
    return await use(volume);
  } finally {
    await volume.close();
  }
}

describe('the fixture volume', () => {
  const dat = readFileSync(join(FIXTURES, '1.dat'));
  const idx = readFileSync(join(FIXTURES, '1.idx'));
  const zeros = '30e14955ebf1352266dc2ff8067e68104607e750abb9d3b36582b8af909fcb58';

  beforeEach(async () => {
    await platform.files.writeAtomic(`${BASE}.dat`, dat);
    await platform.files.writeAtomic(`${BASE}.idx`, idx);
  });

  it('encodes to the published shards, every needle reads back, and decodes to itself', async () => {
    const context = { platform };
    const report = await encodeVolume(context, BASE);
    expect(report).toMatchObject({ datBytes: 2_590_912, shardBytes: 1_048_576, shards: 14, needles: 298 });
    expect(await shardHashes()).toEqual([
      'f903381561f727c7509b5c286d5941075c18cf4ea07bb70925ca126c11271564',
      '901b0032551fb544331ee2055d63fa690c0eab4955b412cb30339d1232a210c0',
      'a8d8e087c6ec15732e9155bd579673ddb64208c71286afb5ad99bacdb5416059',
      ...new Array(7).fill(zeros),
      'a166e4d73956621adb4cd48f28f5573fb9662a1b82e24b48d6d12634b10e3f2b',
      'f13c9dc568f01b5cc7555c8493c5a75cdc6e3046d0eed57a18dde63870f55a84',
      'e37532ebfc5827d2a89ffd4a4bcc319758fe73d66864d03126db1d09f557e6bc',
      'b8455ba4d5755c1e613c8265180ac556d8b56bd3eae28deccfcd12c87238ebd3',
    ]);
    expect(sha(await platform.files.read(`${BASE}.ecx`))).toBe(
      'a05edac0e528e0e5360839f0bc0b39d5cc7664519d06888ab19e4a1cecdb2ae0',
    );
    const names = await platform.files.list('blobs');
    expect(names).toEqual([...ALL.map((shard) => shardPath('1', shard)), '1.ecsum', '1.ecx', '1.vif']);
    const info = decodeVolumeInfo(await platform.files.read(`${BASE}.vif`));
    expect(info).toMatchObject({ version: 3, datFileBytes: 2_590_912, ecShardConfig: { dataShards: 10 } });
    await withVolume(context, async (volume) => {
      for (let id = 1n; id <= 298n; id++) expect((await volume.read(id))?.id).toBe(id);
      expect(await volume.read(299n)).toBeUndefined();
    });
    const decoded = await decodeVolume(context, BASE);
    expect(decoded).toMatchObject({ datBytes: 2_590_912, needles: 298, deleted: 0, rottenBlocks: 0 });
    expect(sha(await platform.files.read(`${BASE}.dat`))).toBe(sha(dat));
    expect(await platform.files.list('blobs')).toEqual(['1.dat', '1.idx', '1.vif']);
  });

  it('encodes to the published shards in small blocks, with both kernels', async () => {
    for (const newKernel of [undefined, () => new PlainKernel()]) {
      const context = { platform, ...SMALL, ...(newKernel !== undefined && { newKernel }) };
      expect((await encodeVolume(context, BASE)).shardBytes).toBe(259_100);
      expect(sha(Buffer.from((await shardHashes()).join()))).toBe(
        sha(
          Buffer.from(
            [
              'ecc8f0c25381bc0da9c7cd97ddbcf3fae7f6d710058f06be8a68161f2d4850f9',
              '52ef93ba0347e7b3a7d0190ac6bf233419e8bbca7f5a1b1bd1076b3a4852f0a2',
              '087844ad5ecc0d6b626dcc5d243f99e56fd41ba78c2363fc4768297f5e602762',
              'ca24349f4755768ccedde6250de6b77d6790523f3960ea7d7a05b2e8155a9904',
              'f3bb8b2032b60cb21d31b5af3fe10a3d99e477cea1d6ebf2a0a5edac3838ec92',
              'd0d9b0d0275b84f492aac6ca623f67868a2ed8e56fa32a6c7f027fae1e920a2e',
              '159aab42af549aca65d90e901d9f2978111c967c093068f35aa007e5ed7e4b52',
              '2968a8d78373397bee481cbe61672cc87629c25789aa65a9b5cc6a5526fe58dc',
              'b766df3234513e06863d81ea508500fd3f218a73548908583920b5f280f90636',
              '45384c46490df10e5178903a229f0f7ff5775087f8caeca5c144e1fb122651e8',
              'd2f5515bd185fd2a6b068842ab6a8e06f20a20150b78fef3b406d94536e86f12',
              '7fe79457341eeacd74c5cadd9c6380407ffc9480066255862183b239f4178e28',
              '6a845184fc105d418513279ce8c0a99923bb1e32954a49227fc53a9fc1d503d0',
              'bc63a3d7b954864cb6a023f1a34b705a37cdc69f84bbe025a59b4d6cd7400995',
            ].join(),
          ),
        ),
      );
      await withVolume(context, async (volume) => {
        for (let id = 1n; id <= 298n; id++) expect((await volume.read(id))?.id).toBe(id);
      });
      await decodeVolume(context, BASE);
      expect(sha(await platform.files.read(`${BASE}.dat`))).toBe(sha(dat));
    }
  });
});

describe('an erasure-coded volume', () => {
  const medium = () => ({ platform, ...MEDIUM });

  async function encoded(context: WorkContext, needles = 40, dataBytesMax = 3_000) {
    const source = newNeedleVolume(simulation.random.fork('needles'), { needles, dataBytesMax });
    await writeNeedleVolume(platform.files, BASE, source);
    await encodeVolume(context, BASE);
    return source;
  }

  it('reads every needle with any 4 of its 14 shards lost, in all 1,001 combinations', async () => {
    const context = medium();
    const { contents, deleted } = await encoded(context, 12, 2_000);
    const kept = await Promise.all(ALL.map((shard) => platform.files.read(shardPath(BASE, shard))));
    const volume = await ErasureVolume.open(context, BASE, 1);
    let tried = 0;
    for (const lost of combinations(ALL, 4)) {
      for (const shard of lost) await platform.files.remove(shardPath(BASE, shard));
      await volume.refresh();
      expect(volume.status.lost).toEqual(lost);
      await expectContents(volume, contents, deleted);
      for (const shard of lost) await platform.files.writeAtomic(shardPath(BASE, shard), kept[shard]!);
      tried++;
    }
    expect(tried).toBe(1_001);
    for (const shard of [0, 3, 5, 9, 12]) await platform.files.remove(shardPath(BASE, shard));
    await volume.close();
    await expect(ErasureVolume.open(context, BASE, 1)).rejects.toThrow('9 intact shards are left, 10 are needed');
  });

  it('makes lost shards anew, the same', async () => {
    const context = medium();
    await encoded(context);
    const before = await shardHashes();
    for (const lost of [[0], [13], [0, 3, 10, 13], [6, 7, 8, 9], [10, 11, 12, 13]]) {
      for (const shard of lost) await platform.files.remove(shardPath(BASE, shard));
      // One that was cut short counts as lost.
      await platform.files.writeAtomic(shardPath(BASE, lost[0]!), Buffer.alloc(5));
      const report = await scrubVolume(context, BASE, { repair: true, rebuild: true });
      expect(report).toMatchObject({ lost, rebuilt: lost, rot: [], compared: 'checksums' });
      expect(await shardHashes()).toEqual(before);
    }
    expect((await platform.files.list('blobs')).filter((name) => name.endsWith('.part'))).toEqual([]);
  });

  it('codes in other ratios', async () => {
    for (const [dataShards, parityShards] of [
      [3, 2],
      [20, 12],
      [1, 1],
    ] as const) {
      // biome-ignore format: pairs
      const context = medium();
      const source = newNeedleVolume(simulation.random, { needles: 30, dataBytesMax: 4_000 });
      await writeNeedleVolume(platform.files, BASE, source);
      await encodeVolume(context, BASE, { ratio: { dataShards, parityShards } });
      for (let shard = 0; shard < parityShards; shard++) await platform.files.remove(shardPath(BASE, shard));
      await withVolume(context, (volume) => expectContents(volume, source.contents, source.deleted));
      await decodeVolume(context, BASE);
      expect(Buffer.compare(await platform.files.read(`${BASE}.dat`), source.dat)).toBe(0);
    }
    await expect(encodeVolume(medium(), BASE, { ratio: { dataShards: 30, parityShards: 4 } })).rejects.toMatchObject({
      code: 'unsupported',
    });
  });

  it('keeps deletes, and gives them to the volume that it is decoded to', async () => {
    const context = medium();
    const { contents, deleted } = await encoded(context);
    const [first, second, ...rest] = [...contents.keys()];
    await withVolume(context, async (volume) => {
      expect(await volume.delete(first!)).toBeGreaterThan(0);
      expect(await volume.delete(first!)).toBe(0);
      expect(await volume.delete(999n)).toBe(0);
      expect(await volume.read(first!)).toBeUndefined();
      await Promise.all([volume.delete(second!), volume.delete(second!)]);
    });
    // A torn end counts for nothing.
    const journal = await platform.files.read(`${BASE}.ecj`);
    expect(journal.length).toBe(16);
    await platform.files.writeAtomic(`${BASE}.ecj`, Buffer.concat([journal, Buffer.of(0, 0, 0)]));
    const left = new Map(rest.map((id) => [id, contents.get(id)!]));
    await withVolume(context, async (volume) => {
      await expectContents(volume, left, [...deleted, first!, second!]);
      expect(volume.status).toMatchObject({ needles: contents.size, deleted: 2, lost: [] });
    });
    await decodeVolume(context, BASE);
    const name = { collection: '', volumeId: 1 };
    const volume = await Volume.open({ platform, directory: 'blobs', name, log: silentLog });
    for (const [id, data] of left) {
      const found = await volume.read(id, Number(id) * 7 + 1);
      expect(Buffer.compare(found!.needle.data, data), `needle ${id}`).toBe(0);
    }
    for (const id of [...deleted, first!, second!]) expect(await volume.read(id, Number(id) * 7 + 1)).toBeUndefined();
    await volume.close();
  });

  it('finds a flipped bit anywhere in a shard, serves the right bytes all the same, and repairs it', async () => {
    const context = medium();
    const { contents, deleted } = await encoded(context);
    const before = await shardHashes();
    const { layout } = await readErasureInfo(context, BASE);
    const random = simulation.random.fork('flips');
    for (let round = 0; round < 60; round++) {
      const shards = new Set(Array.from({ length: 1 + random.int(4) }, () => random.int(14)));
      for (const shard of shards) await flip(shardPath(BASE, shard), random.int(layout.shardBytes), random.int(8));
      const label = `seed ${seed}, round ${round}`;
      await withVolume(context, (volume) => expectContents(volume, contents, deleted));
      const found = await scrubVolume(context, BASE, { repair: false, rebuild: false });
      expect(
        found.rot.map((rot) => rot.shard),
        label,
      ).toEqual([...shards].sort((a, b) => a - b));
      expect(found.repaired).toEqual([]);
      const repaired = await scrubVolume(context, BASE, { repair: true, rebuild: true });
      expect(repaired.repaired, label).toEqual(found.rot);
      expect(await shardHashes(), label).toEqual(before);
    }
  });

  it('finds a flipped bit anywhere in the index', async () => {
    const context = medium();
    await encoded(context);
    const random = simulation.random.fork('index');
    const bytes = await platform.files.read(`${BASE}.ecx`);
    const flips = Array.from({ length: 40 }, () => [random.int(bytes.length), random.int(8)] as const);
    // Of the first row too: the lowest bit of its offset, and the sign of its size.
    for (const [position, bit] of [...flips, [11, 0] as const, [12, 7] as const]) {
      await flip(`${BASE}.ecx`, position, bit);
      const report = await scrubVolume(context, BASE, { repair: false, rebuild: false });
      expect(report.wrongRows, `seed ${seed}, byte ${position}, bit ${bit}`).toBeGreaterThan(0);
      await flip(`${BASE}.ecx`, position, bit);
    }
    expect((await scrubVolume(context, BASE, { repair: false, rebuild: false })).wrongRows).toBe(0);
  });

  it('writes a damaged or lost index anew from the shards, deletes included', async () => {
    const context = medium();
    const { contents, deleted } = await encoded(context);
    const path = `${BASE}.ecx`;
    const bytes = Buffer.from(await platform.files.read(path));
    const layout = (await readErasureInfo(context, BASE)).index;
    // As older SeaweedFS deletes: in the row alone.
    const gone = [...contents.keys()].find((id) => !deleted.includes(id))!;
    for (let at = 0; at < bytes.length; at += layout.rowBytes) {
      if (bytes.readBigUInt64BE(at) === gone) bytes.writeInt32BE(-1, at + layout.rowBytes - 4);
    }
    await platform.files.writeAtomic(path, bytes);
    await withVolume(context, async (volume) => expect(await volume.read(gone)).toBeUndefined());
    const random = simulation.random.fork('index');
    for (let round = 0; round < 20; round++) {
      const broken = Buffer.from(bytes);
      if (round % 4 === 1) await platform.files.writeAtomic(path, broken.subarray(0, random.int(broken.length)));
      else {
        // Not the mark of a delete, which nothing else tells.
        const rows = broken.length / layout.rowBytes;
        const row = random.int(rows) * layout.rowBytes;
        if (broken.readBigUInt64BE(row) === gone) continue;
        broken[row + random.int(12)]! ^= 1 << random.int(8);
        await platform.files.writeAtomic(path, broken);
      }
      const report = await scrubVolume(context, BASE, { repair: true, rebuild: true });
      const label = `seed ${seed}, round ${round}`;
      if (round % 4 === 1) continue; // Whatever the cut took is told by the records; the mark may be lost with its row.
      expect([report.indexRebuilt, report.wrongRows], label).toEqual([true, 0]);
      await withVolume(context, async (volume) => {
        expect(await volume.read(gone), label).toBeUndefined();
        await expectContents(volume, new Map([...contents].filter(([id]) => id !== gone)), deleted);
      });
    }
    await platform.files.remove(path);
    await expect(ErasureVolume.open(context, BASE, 1)).rejects.toMatchObject({ code: 'not_found' });
    expect((await scrubVolume(context, BASE, { repair: false, rebuild: false })).wrongRows).toBe(1);
    expect(await scrubVolume(context, BASE, { repair: true, rebuild: true })).toMatchObject({
      indexRebuilt: true,
      wrongRows: 0,
    });
    await withVolume(context, (volume) => expectContents(volume, contents, deleted));
  });

  it('leaves nothing of a decode that was cut short', async () => {
    const context = medium();
    const { contents, deleted } = await encoded(context);
    await withVolume(context, async () => {}); // Makes the journal of deletes.
    const before = await platform.files.list('blobs');
    for (const name of ['.dat', '.idx', '.vif', '.ecx']) {
      await platform.files.writeAtomic(`${BASE}${name}.part`, Buffer.alloc(1_000, 7));
    }
    await withVolume(context, (volume) => expectContents(volume, contents, deleted));
    expect(await platform.files.list('blobs')).toEqual(before);
  });

  it('names what is beyond repair, and serves what is not touched by it', async () => {
    const context = medium();
    const { contents } = await encoded(context);
    for (const shard of [0, 1, 2, 3, 4]) await flip(shardPath(BASE, shard), 10, 1);
    const report = await scrubVolume(context, BASE, { repair: true, rebuild: true });
    expect(report.unrepairable).toHaveLength(5);
    expect(report.repaired).toEqual([]);
    await withVolume(context, async (volume) => {
      let served = 0;
      for (const [id, data] of contents) {
        const needle = await volume.read(id).catch((error: Error) => error);
        if (needle instanceof Error) expect(needle).toMatchObject({ code: 'corruption' });
        else if (Buffer.compare(needle!.data, data) === 0) served++;
        else expect.fail('wrong bytes');
      }
      expect(served).toBeGreaterThan(0);
    });
  });

  it('tells rot without checksums, by comparing shards, and writes checksums once all agree', async () => {
    const context = medium();
    const { contents } = await encoded(context);
    const before = await shardHashes();
    const sums = await platform.files.read(`${BASE}.ecsum`);
    await platform.files.remove(`${BASE}.ecsum`);
    await flip(shardPath(BASE, 2), 300, 4);
    await flip(shardPath(BASE, 11), 300, 2);
    await withVolume(context, (volume) => expectContents(volume, contents));
    const report = await scrubVolume(context, BASE, { repair: true, rebuild: true });
    expect(report).toMatchObject({ compared: 'shards', checksumsWritten: true });
    expect(report.repaired.map((rot) => rot.shard)).toEqual([2, 11]);
    expect(await shardHashes()).toEqual(before);
    // The same but for the id of the encoding, 16 bytes at the end.
    const written = await platform.files.read(`${BASE}.ecsum`);
    expect(Buffer.compare(written.subarray(14, -16), sums.subarray(14, -16))).toBe(0);
  });

  it('never mixes shards of different encodings', async () => {
    const context = medium();
    await encoded(context);
    const old = await Promise.all(ALL.map((shard) => platform.files.read(shardPath(BASE, shard))));
    const oldSums = await platform.files.read(`${BASE}.ecsum`);
    await decodeVolume(context, BASE);
    await platform.files.remove('blobs');
    await platform.files.makeDirectory('blobs');
    await simulation.time.advance(5);
    // Another volume whose shards have the same length.
    const source = newNeedleVolume(simulation.random.fork('other'), { needles: 40, dataBytesMax: 3_000 });
    const padded = old[0]!.length;
    await writeNeedleVolume(platform.files, BASE, source);
    await encodeVolume(context, BASE);
    for (const shard of [1, 4, 11]) {
      const now = await platform.files.read(shardPath(BASE, shard));
      const mixed = Buffer.alloc(now.length);
      mixed.set(old[shard]!.subarray(0, Math.min(padded, now.length)));
      await platform.files.writeAtomic(shardPath(BASE, shard), mixed);
    }
    await withVolume(context, (volume) => expectContents(volume, source.contents, source.deleted));
    // Without the right checksums two can still be told from the others.
    await platform.files.remove(shardPath(BASE, 4));
    expect((await scrubVolume(context, BASE, { repair: false, rebuild: true })).rebuilt).toEqual([4]);
    await platform.files.writeAtomic(`${BASE}.ecsum`, oldSums);
    expect(await readErasureInfo(context, BASE)).toMatchObject({ checksums: undefined });
    expect((await readErasureInfo(context, BASE)).checksumsProblem).toMatch(/another encoding|shards of/);
    await withVolume(context, (volume) => expectContents(volume, source.contents, source.deleted));
  });

  it('makes nothing from shards that contradict each other, and serves what they agree on', async () => {
    const context = medium();
    const { contents } = await encoded(context);
    await platform.files.remove(`${BASE}.ecsum`);
    for (const shard of [2, 7, 11]) await flip(shardPath(BASE, shard), 100, 0);
    const report = await scrubVolume(context, BASE, { repair: true, rebuild: true });
    expect(report).toMatchObject({ disputed: [0], rot: [], repaired: [], checksumsWritten: false });
    await platform.files.remove(shardPath(BASE, 0));
    await expect(scrubVolume(context, BASE, { repair: true, rebuild: true })).rejects.toThrow(/contradict/);
    await expect(decodeVolume(context, BASE)).rejects.toThrow(/contradict/);
    let served = 0;
    await withVolume(context, async (volume) => {
      for (const [id, data] of contents) {
        const needle = await volume.read(id).catch(() => undefined);
        if (needle !== undefined) expect(Buffer.compare(needle.data, data)).toBe(0);
        if (needle !== undefined) served++;
      }
    });
    expect(served).toBeGreaterThan(contents.size / 2);
  });

  it('reads shards of a single block, and those whose length was never recorded', async () => {
    const shardBytes = 16_384;
    const single = { platform, largeBlockBytes: shardBytes, smallBlockBytes: shardBytes };
    const { contents, deleted } = await encoded(single);
    const info = decodeVolumeInfo(await platform.files.read(`${BASE}.vif`))!;
    const config = { ...info.ecShardConfig!, blockBytes: shardBytes };
    await platform.files.writeAtomic(`${BASE}.vif`, encodeVolumeInfo({ ...info, ecShardConfig: config }));
    await withVolume(medium(), (volume) => expectContents(volume, contents, deleted));
    await decodeVolume(medium(), BASE);
    await encodeVolume(medium(), BASE);
    await platform.files.remove(`${BASE}.vif`);
    await platform.files.remove(`${BASE}.ecsum`);
    await withVolume(medium(), (volume) => expectContents(volume, contents, deleted));
    await decodeVolume(medium(), BASE);
  });

  it('takes the larger checksum blocks of SeaweedFS, and goes on with the parts of an interrupted rebuild', async () => {
    const context = { platform };
    const { contents } = await encoded(context, 80, 400_000);
    const before = await shardHashes();
    const info = await readErasureInfo(context, BASE);
    const blockBytes = 2 * 1024 * 1024;
    const shards = await Promise.all(ALL.map((shard) => platform.files.read(shardPath(BASE, shard))));
    const blocks = shards.map((bytes) =>
      Uint32Array.from({ length: Math.ceil(bytes.length / blockBytes) }, (_, i) =>
        crc32c(bytes, i * blockBytes, Math.min(bytes.length, (i + 1) * blockBytes)),
      ),
    );
    await platform.files.writeAtomic(`${BASE}.ecsum`, encodeChecksums({ ...info.checksums!, blockBytes, blocks }));
    for (const shard of [0, 8]) await flip(shardPath(BASE, shard), info.layout.shardBytes - 3, 6);
    await platform.files.remove(shardPath(BASE, 5));
    // Right up to somewhere.
    await platform.files.writeAtomic(`${shardPath(BASE, 5)}.part`, shards[5]!.subarray(0, info.layout.shardBytes - 9));
    await withVolume(context, (volume) => expectContents(volume, contents));
    const report = await scrubVolume(context, BASE, { repair: true, rebuild: true });
    expect(report.repaired.map((rot) => rot.shard)).toEqual([0, 8]);
    expect(report).toMatchObject({ rebuilt: [5], blockBytes, unrepairable: [] });
    expect(await shardHashes()).toEqual(before);
  });

  it('refuses what it cannot turn', async () => {
    const context = medium();
    await expect(encodeVolume(context, BASE)).rejects.toMatchObject({ code: 'not_found' });
    await expect(decodeVolume(context, BASE)).rejects.toMatchObject({ code: 'not_found' });
    const source = await encoded(context);
    await expect(encodeVolume(context, BASE)).rejects.toMatchObject({ code: 'already_exists' });
    await platform.files.writeAtomic(`${BASE}.dat`, source.dat);
    await platform.files.writeAtomic(`${BASE}.idx`, source.idx);
    await expect(decodeVolume(context, BASE)).rejects.toMatchObject({ code: 'already_exists' });
    await expect(encodeVolume(context, BASE)).rejects.toThrow(/both a .dat and/);
    await expect(ErasureVolume.open(context, BASE, 1)).rejects.toMatchObject({ code: 'not_found' });
  });
});
