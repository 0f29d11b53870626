/** Erasure coding on a disk that loses power, is killed and fills up: one whole volume at any time, and no wrong byte. */

import { describe, expect, it } from 'vitest';
import { hasCode, OperationError } from '../../src/base/errors.ts';
import { silentLog } from '../../src/base/log.ts';
import { recoverConversion } from '../../src/blobs/erasure/conversion.ts';
import { decodeVolume } from '../../src/blobs/erasure/decode.ts';
import { encodeVolume } from '../../src/blobs/erasure/encode.ts';
import { ErasureVolume } from '../../src/blobs/erasure/erasure-volume.ts';
import { scrubVolume } from '../../src/blobs/erasure/rebuild.ts';
import { shardPath } from '../../src/blobs/erasure/shard-files.ts';
import { Volume } from '../../src/blobs/volume/volume.ts';
import type { Files } from '../../src/platform/files.ts';
import type { SimulatedDisk } from '../../src/platform/simulated/simulated-disk.ts';
import { type SimulatedPlatform, Simulation } from '../../src/platform/simulated/simulation.ts';
import { type NeedleVolume, newNeedleVolume, writeNeedleVolume } from '../support/needle-volume.ts';

const seed = process.env.ORBIT_TEST_SEED ?? '1';
const BASE = 'blobs/1';
const BLOCKS = { largeBlockBytes: 256 * 1024, smallBlockBytes: 8 * 1024 };
const NAME = { collection: '', volumeId: 1 };

class World {
  readonly simulation: Simulation;
  readonly disk: SimulatedDisk;
  readonly source: NeedleVolume;
  node: SimulatedPlatform;

  constructor(name: string) {
    this.simulation = new Simulation(`${seed} ${name}`);
    this.disk = this.simulation.newDisk({ latencyMs: { read: [0, 1], write: [0, 2], sync: [0.5, 4], name: [0, 1] } });
    this.node = this.simulation.boot({ disk: this.disk });
    this.source = newNeedleVolume(this.simulation.random.fork('needles'), { needles: 60, dataBytesMax: 40_000 });
  }

  get context() {
    return { platform: this.node, ...BLOCKS };
  }

  run<T>(promise: Promise<T>): Promise<T> {
    return this.simulation.time.runUntil(promise);
  }

  async prepare(): Promise<void> {
    await this.run(this.node.files.makeDirectory('blobs'));
    await this.run(this.node.files.syncDirectory('.').catch(() => {}));
    await this.run(writeNeedleVolume(this.node.files, BASE, this.source));
  }

  /** Whatever it is now, every needle reads as it was written. @returns what it is. */
  async verify(deleted: ReadonlySet<bigint> = new Set()): Promise<'needles' | 'erasure'> {
    const kind = await this.run(recoverConversion(this.node.files, BASE));
    const { contents } = this.source;
    const gone = [...this.source.deleted, ...deleted];
    if (kind === 'erasure') {
      const volume = await this.run(ErasureVolume.open(this.context, BASE, 1));
      for (const [id, data] of contents) {
        if (deleted.has(id)) continue;
        const needle = await this.run(volume.read(id));
        if (needle === undefined || Buffer.compare(needle.data, data) !== 0) throw new Error(`needle ${id}`);
      }
      for (const id of gone) expect(await this.run(volume.read(id))).toBeUndefined();
      await this.run(volume.close());
      return kind;
    }
    expect(kind).toBe('needles');
    const volume = await this.run(Volume.open({ platform: this.node, directory: 'blobs', name: NAME, log: silentLog }));
    for (const [id, data] of contents) {
      if (deleted.has(id)) continue;
      const found = await this.run(volume.read(id, Number(id) * 7 + 1));
      if (found === undefined || Buffer.compare(found.needle.data, data) !== 0) throw new Error(`needle ${id}`);
    }
    for (const id of gone) expect(await this.run(volume.read(id, Number(id) * 7 + 1))).toBeUndefined();
    await this.run(volume.close());
    return 'needles';
  }

  crash(): void {
    const how = this.simulation.random.pick(['torn', 'lost', 'kept', 'kill'] as const);
    if (how === 'kill') this.node.kill();
    else this.node.losePower(how);
    this.node = this.simulation.boot({ disk: this.disk });
  }
}

/** The same files, but that one name can be given to none. */
function withoutRenameTo(files: Files, path: string): Files {
  return new Proxy(files, {
    get(target, key: keyof Files) {
      if (key !== 'rename') return target[key].bind(target);
      return (from: string, to: string) =>
        to === path ? Promise.reject(new OperationError('io', `cannot rename to ${to}`)) : target.rename(from, to);
    },
  });
}

describe('erasure coding and crashes', () => {
  it('leaves one whole volume at whatever step it is cut short, and gets through in the end', async () => {
    const world = new World('turning');
    await world.prepare();
    const { random } = world.simulation;
    const seen = { needles: 0, erasure: 0, encoded: 0, decoded: 0, resumed: 0 };
    for (let round = 0; round < 60; round++) {
      const label = `seed ${seed}, round ${round}`;
      const kind = await world.verify().catch((error: Error) => expect.fail(`${label}: ${error.message}`));
      seen[kind]++;
      const lost = kind === 'erasure' && random.chance(0.5) ? random.int(14) : undefined;
      if (lost !== undefined) await world.run(world.node.files.remove(shardPath(BASE, lost)));
      const work = async () => {
        if (kind === 'needles') {
          const report = await encodeVolume(world.context, BASE, { checkpointBytes: 100_000 });
          seen.encoded++;
          if (report.resumedAt > 0) seen.resumed++;
        } else if (lost !== undefined) {
          await scrubVolume(world.context, BASE, { repair: true, rebuild: true });
        } else {
          await decodeVolume(world.context, BASE);
          seen.decoded++;
        }
      };
      const working = work();
      working.catch(() => {});
      if (random.chance(0.3)) await world.run(working);
      else await world.simulation.time.advance(random.int(300));
      world.crash();
    }
    expect(Math.min(seen.needles, seen.erasure, seen.encoded, seen.decoded), JSON.stringify(seen)).toBeGreaterThan(0);
  });

  it('keeps acknowledged deletes through crashes', async () => {
    const world = new World('deletes');
    await world.prepare();
    await world.run(encodeVolume(world.context, BASE));
    const acknowledged = new Set<bigint>();
    const attempted = new Set<bigint>();
    for (let round = 0; round < 10; round++) {
      const volume = await world.run(ErasureVolume.open(world.context, BASE, 1));
      const ids = [...world.source.contents.keys()].filter((id) => !attempted.has(id)).slice(0, 5);
      for (const id of ids) {
        attempted.add(id);
        volume.delete(id).then(
          () => acknowledged.add(id),
          () => {},
        );
      }
      await world.simulation.time.advance(world.simulation.random.int(25));
      world.crash();
      const after = await world.run(ErasureVolume.open(world.context, BASE, 1));
      for (const id of acknowledged) expect(await world.run(after.read(id)), `seed ${seed}`).toBeUndefined();
      for (const [id, data] of world.source.contents) {
        const needle = await world.run(after.read(id));
        if (needle === undefined) expect(attempted.has(id), `seed ${seed}`).toBe(true);
        else expect(Buffer.compare(needle.data, data), `seed ${seed}`).toBe(0);
      }
      await world.run(after.close());
    }
  });

  it('ends with disk_full when there is no room, before or half way, and leaves the volume and no parts', async () => {
    const world = new World('full');
    await world.prepare();
    const { files } = world.node;
    const { random } = world.simulation;
    const before = await world.run(files.list('blobs'));
    const isFull = (promise: Promise<unknown>) =>
      world.run(
        promise.then(
          () => false,
          (error: unknown) => hasCode(error, 'disk_full'),
        ),
      );
    world.disk.capacityBytes = world.source.dat.length * 2;
    expect(await isFull(encodeVolume(world.context, BASE))).toBe(true);
    world.disk.capacityBytes = Number.POSITIVE_INFINITY;
    expect(await world.run(files.list('blobs'))).toEqual(before);
    for (let round = 0; round < 20; round++) {
      const writes = 1 + random.int(round < 10 ? 30 : 200);
      // Fills up at some write of some file.
      const paths = ['.part', 'ecwork', 'ecsum', 'vif', 'ecx', 'ec13'];
      const path = new RegExp(random.pick(paths).replace('.', '\\.'));
      const lift = world.disk.fail('write', { code: 'ENOSPC', path, times: writes, afterBytes: random.int(100) });
      const failed = await isFull(encodeVolume(world.context, BASE, { checkpointBytes: 100_000 }));
      lift();
      const left = (await world.run(files.list('blobs'))).filter((name) => name !== '1.clean');
      if (failed) expect(left, `seed ${seed}, round ${round}`).toEqual(before);
      expect(await world.verify()).toBe(failed ? 'needles' : 'erasure');
      if (!failed) await world.run(decodeVolume(world.context, BASE));
    }
    await world.run(encodeVolume(world.context, BASE));
    await world.run(files.remove(shardPath(BASE, 3)));
    await world.verify();
    const shards = await world.run(files.list('blobs'));
    for (const work of [
      () => scrubVolume(world.context, BASE, { repair: true, rebuild: true }),
      () => decodeVolume(world.context, BASE),
    ]) {
      const lift = world.disk.fail('write', { code: 'ENOSPC', path: /part/, times: 1_000 });
      expect(await isFull(work())).toBe(true);
      lift();
      expect(await world.run(files.list('blobs'))).toEqual(shards);
      expect(await world.verify()).toBe('erasure');
    }
  });

  it('keeps the old files when another program removed new ones half way', async () => {
    for (const kind of ['needles', 'erasure'] as const) {
      const world = new World(`foreign ${kind}`);
      await world.prepare();
      const { files } = world.node;
      if (kind === 'erasure') await world.run(encodeVolume(world.context, BASE));
      const before = (await world.run(files.list('blobs'))).filter((name) => name !== '1.clean');
      const { timers, clock, random } = world.node;
      const context = { ...BLOCKS, platform: { timers, clock, random, files: withoutRenameTo(files, `${BASE}.vif`) } };
      const work = kind === 'needles' ? encodeVolume : decodeVolume;
      await expect(world.run<unknown>(work(context, BASE))).rejects.toMatchObject({ code: 'io' });
      expect(await world.run(files.exists('blobs/1.ecwork'))).toBe(true);
      await world.run(files.remove(kind === 'needles' ? shardPath(BASE, 6) : `${BASE}.dat`));
      expect(await world.verify()).toBe(kind);
      const left = (await world.run(files.list('blobs'))).filter((name) => !['1.clean', '1.ecj'].includes(name));
      expect(left).toEqual(before);
    }
  });

  it('stops when told to, and goes on from there', async () => {
    const world = new World('stopping');
    await world.prepare();
    const stop = new AbortController();
    const working = encodeVolume(world.context, BASE, {
      checkpointBytes: 200_000,
      signal: stop.signal,
      bytesPerS: 2_000_000,
      progress: (done, total) => {
        if (done > total / 2) stop.abort();
      },
    });
    await expect(world.run(working)).rejects.toMatchObject({ code: 'cancelled' });
    expect(await world.verify()).toBe('needles');
    const seen: number[] = [];
    const report = await world.run(encodeVolume(world.context, BASE, { progress: (done) => void seen.push(done) }));
    expect(report.resumedAt).toBeGreaterThan(0);
    expect(seen[0]!).toBeGreaterThan(report.resumedAt);
    expect(await world.verify()).toBe('erasure');
  });
});
