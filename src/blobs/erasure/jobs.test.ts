import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { newNeedleVolume, writeNeedleVolume } from '../../../test/support/needle-volume.ts';
import { newNodePlatform } from '../../platform/node-platform.ts';
import { SeededRandom } from '../../platform/simulated/seeded-random.ts';
import { ErasureVolume } from './erasure-volume.ts';
import { ErasureJobs } from './jobs.ts';
import { shardPath } from './shard-files.ts';

const seed = process.env.ORBIT_TEST_SEED ?? '1';
const platform = newNodePlatform();
let directory = '';

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'orbit-erasure-'));
});

afterEach(() => rm(directory, { recursive: true, force: true }));

describe('works on a thread', () => {
  it('encode, rebuild, scrub and decode, with progress', async () => {
    const base = join(directory, '7');
    const source = newNeedleVolume(new SeededRandom(seed), { needles: 200, dataBytesMax: 100_000 });
    await writeNeedleVolume(platform.files, base, source);
    const jobs = new ErasureJobs();
    const seen: number[] = [];
    const encoded = await jobs.run(
      { kind: 'encode', base },
      { progress: (done, total) => void seen.push(done / total) },
    );
    expect(encoded).toMatchObject({ shards: 14, datBytes: source.dat.length, needles: source.contents.size });
    expect(seen.at(-1)).toBe(1);
    for (const shard of [0, 4, 9, 11]) await rm(shardPath(base, shard));
    const volume = await ErasureVolume.open({ platform }, base, 7);
    for (const [id, data] of source.contents) {
      expect(Buffer.compare((await volume.read(id))!.data, data), `needle ${id}, seed ${seed}`).toBe(0);
    }
    await volume.close();
    const scrubbed = await jobs.run({ kind: 'scrub', base, repair: true, rebuild: true });
    expect(scrubbed).toMatchObject({ lost: [0, 4, 9, 11], rebuilt: [0, 4, 9, 11], rot: [] });
    const decoded = await jobs.run({ kind: 'decode', base });
    expect(decoded.datBytes).toBe(source.dat.length);
    expect(Buffer.compare(await platform.files.read(`${base}.dat`), source.dat)).toBe(0);
  });

  it('stop when told to, and tell what went wrong with its code', async () => {
    const base = join(directory, '7');
    const source = newNeedleVolume(new SeededRandom(seed), { needles: 60, dataBytesMax: 100_000 });
    await writeNeedleVolume(platform.files, base, source);
    const jobs = new ErasureJobs();
    const stop = new AbortController();
    const slow = jobs.run({ kind: 'encode', base }, { bytesPerS: 200_000, signal: stop.signal, progress: () => stop.abort() }); // biome-ignore format: one line
    await expect(slow).rejects.toMatchObject({ code: 'cancelled' });
    await expect(jobs.run({ kind: 'decode', base })).rejects.toMatchObject({ code: 'already_exists' });
    await expect(jobs.run({ kind: 'encode', base: join(directory, '8') })).rejects.toMatchObject({ code: 'not_found' });
    await expect(jobs.run({ kind: 'encode', base }, { signal: stop.signal })).rejects.toMatchObject({
      code: 'cancelled',
    });
    expect((await readdir(directory)).filter((name) => name === '7.dat')).toEqual(['7.dat']);
  });
});
