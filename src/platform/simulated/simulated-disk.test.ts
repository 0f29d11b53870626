import { describe, expect, it } from 'vitest';
import { text, utf8 } from '../../base/bytes.ts';
import type { DiskOptions, Unsynced } from './simulated-disk.ts';
import { type SimulatedPlatform, Simulation } from './simulation.ts';
import { SECTOR_BYTES } from './sparse-bytes.ts';

function start(seed: number, options: DiskOptions = {}) {
  const simulation = new Simulation(seed);
  const disk = simulation.newDisk(options);
  const node = simulation.boot({ disk });
  const reboot = (unsynced: Unsynced) => {
    node.losePower(unsynced);
    return simulation.boot({ disk });
  };
  return { simulation, time: simulation.time, disk, node, files: node.files, reboot };
}

const sectors = (count: number, fill: number) => new Uint8Array(count * SECTOR_BYTES).fill(fill);

/** A file of `count` durable sectors of ones. */
async function durableFile(node: SimulatedPlatform, path: string, count: number) {
  const file = await node.files.open(path, { mode: 'create' });
  await file.write(sectors(count, 1), 0);
  await file.sync();
  return file;
}

/** The first byte of each sector, having checked that a sector is of one kind. */
async function sectorsOf(node: SimulatedPlatform, path: string): Promise<number[]> {
  const bytes = await node.files.read(path);
  const kinds: number[] = [];
  for (let at = 0; at < bytes.length; at += SECTOR_BYTES) {
    const sector = bytes.subarray(at, at + SECTOR_BYTES);
    expect(new Set(sector).size, 'a sector is never torn within').toBe(1);
    kinds.push(sector[0]!);
  }
  return kinds;
}

describe('power loss', () => {
  it('loses what was not synced, and keeps what was', async () => {
    const { node, reboot } = start(1);
    const file = await durableFile(node, '/f', 4);
    await file.write(sectors(2, 2), SECTOR_BYTES);
    expect(await sectorsOf(node, '/f')).toEqual([1, 2, 2, 1]);
    expect(await sectorsOf(reboot('lost'), '/f')).toEqual([1, 1, 1, 1]);
  });

  it('keeps all when the kernel happened to have written it', async () => {
    const { node, reboot } = start(1);
    const file = await durableFile(node, '/f', 2);
    await file.write(sectors(2, 2), SECTOR_BYTES);
    expect(await sectorsOf(reboot('kept'), '/f')).toEqual([1, 2, 2]);
  });

  it('tears by sectors: over many seeds each combination comes up, and synced bytes never suffer', async () => {
    const seen = new Set<string>();
    for (let seed = 0; seed < 200; seed++) {
      const { node, reboot } = start(seed);
      const file = await durableFile(node, '/f', 3);
      await file.write(sectors(1, 2), 0);
      await file.sync();
      await file.write(sectors(2, 3), SECTOR_BYTES);
      const found = await sectorsOf(reboot('torn'), '/f');
      expect(found[0], `seed ${seed}`).toBe(2);
      seen.add(found.slice(1).join());
    }
    expect([...seen].sort()).toEqual(['1,1', '1,3', '3,1', '3,3']);
  });

  it('may show an older version of a sector that was written several times', async () => {
    const seen = new Set<number>();
    for (let seed = 0; seed < 300; seed++) {
      const { node, reboot } = start(seed);
      const file = await durableFile(node, '/f', 1);
      await file.write(sectors(1, 2), 0);
      await file.write(sectors(1, 3), 0);
      seen.add((await sectorsOf(reboot('torn'), '/f'))[0]!);
    }
    expect([...seen].sort()).toEqual([1, 2, 3]);
  });

  it('may lose a truncation or an extension that was not synced', async () => {
    const cut = new Set<number>();
    const grown = new Set<string>();
    for (let seed = 0; seed < 100; seed++) {
      const { node, reboot } = start(seed);
      await (await durableFile(node, '/cut', 2)).truncate(SECTOR_BYTES);
      await (await durableFile(node, '/grown', 1)).write(sectors(2, 2), SECTOR_BYTES);
      const again = reboot('torn');
      cut.add(await again.files.size('/cut'));
      grown.add((await sectorsOf(again, '/grown')).join());
    }
    expect(cut).toEqual(new Set([SECTOR_BYTES, 2 * SECTOR_BYTES]));
    // Zeros where the size was kept and the data was not.
    for (const one of ['1', '1,2', '1,2,2', '1,0,0', '1,0,2']) expect(grown).toContain(one);
  });

  it('never reaches a write that was synced on its way', async () => {
    for (const unsynced of ['lost', 'torn', 'kept'] as const) {
      const { node, files, reboot } = start(2);
      const log = await files.open('/log', { mode: 'create', synced: true });
      await log.truncate(8 * SECTOR_BYTES);
      await log.write(sectors(3, 7), 0);
      await log.write(sectors(1, 8), 2 * SECTOR_BYTES);
      expect(node.alive).toBe(true);
      expect((await sectorsOf(reboot(unsynced), '/log')).slice(0, 3)).toEqual([7, 7, 8]);
    }
  });

  it('does not lose what a killed process wrote, only what it was about to write', async () => {
    const { simulation, disk, node, time } = start(1, { latencyMs: { write: 10 } });
    const file = await node.files.open('/f', { mode: 'create' });
    await time.runUntil(file.write(sectors(1, 1), 0));
    let settled = false;
    void file.write(sectors(1, 2), SECTOR_BYTES).finally(() => {
      settled = true;
    });
    await time.advance(5);
    node.kill();
    const again = simulation.boot({ disk });
    await time.advance(100);
    expect(settled).toBe(false);
    expect(['1', '1,2']).toContain((await sectorsOf(again, '/f')).join());
  });

  it('tears writes under way', async () => {
    const seen = new Set<string>();
    for (let seed = 0; seed < 100; seed++) {
      const { node, time, reboot } = start(seed, { latencyMs: { sync: 10 } });
      const file = await time.run(() => durableFile(node, '/f', 2));
      await time.runUntil(file.sync());
      const log = await node.files.open('/f', { mode: 'write', synced: true });
      void log.write(sectors(2, 2), 0);
      await time.advance(5);
      seen.add((await sectorsOf(reboot('torn'), '/f')).join());
    }
    expect([...seen].sort()).toEqual(['1,1', '1,2', '2,1', '2,2']);
  });
});

describe('names', () => {
  const names = async (node: SimulatedPlatform, path: string) => node.files.list(path);

  it('are lost unless their directory is synced', async () => {
    const { files, reboot } = start(1);
    await files.makeDirectory('/d');
    await files.open('/d/a', { mode: 'create' });
    await files.syncDirectory('/d');
    await files.open('/d/b', { mode: 'create' });
    expect(await names(reboot('lost'), '/d')).toEqual(['a']);
  });

  it('become durable with their own file, as on ext4, unless the disk is strict', async () => {
    for (const strictNames of [false, true]) {
      const { files, reboot } = start(1, { strictNames });
      await files.makeDirectory('/d/e');
      const file = await files.open('/d/e/a', { mode: 'create' });
      await files.open('/d/e/b', { mode: 'create' });
      await file.sync();
      expect(await names(reboot('lost'), '/d/e')).toEqual(strictNames ? [] : ['a']);
    }
  });

  it('are renamed whole or not at all, and in order', async () => {
    const seen = new Set<string>();
    for (let seed = 0; seed < 100; seed++) {
      const { node, files, reboot } = start(seed);
      await durableFile(node, '/a', 1);
      await durableFile(node, '/b', 2);
      await files.syncDirectory('/');
      await files.rename('/a', '/b');
      await files.rename('/b', '/c');
      seen.add((await names(reboot('torn'), '/')).join());
    }
    expect([...seen].sort()).toEqual(['a,b', 'b', 'c']);
  });

  it('show an empty file to whoever renames before syncing', async () => {
    const { files, reboot } = start(1);
    const file = await files.open('/t', { mode: 'create' });
    await file.write(utf8('never synced'), 0);
    await files.rename('/t', '/f');
    await files.syncDirectory('/');
    expect(await reboot('lost').files.read('/f')).toHaveLength(0);
  });

  it('are replaced atomically by writeAtomic, wherever the power goes', async () => {
    const seen = new Set<string>();
    for (let seed = 0; seed < 60; seed++) {
      const { node, time, files, reboot } = start(seed, { latencyMs: { write: 1, sync: 1, name: 1 } });
      await time.runUntil(files.writeAtomic('/f', utf8('old')));
      let done = false;
      void files.writeAtomic('/f', utf8('new')).then(() => {
        done = true;
      });
      await time.advance((seed % 8) + 0.5);
      expect(node.alive).toBe(true);
      const again = reboot('torn');
      const found = text(await time.runUntil(again.files.read('/f')));
      expect(done ? ['new'] : ['old', 'new'], `seed ${seed}`).toContain(found);
      seen.add(`${found} ${done}`);
    }
    expect([...seen].sort()).toEqual(['new false', 'new true', 'old false']);
  });

  it('may come back after a removal that was not synced', async () => {
    const { node, files, reboot } = start(1);
    await durableFile(node, '/f', 1);
    await files.remove('/f');
    expect(await sectorsOf(reboot('lost'), '/f')).toEqual([1]);
  });
});

describe('faults', () => {
  it('fill the disk half way through a write, and free it again', async () => {
    const { disk, files } = start(1, { capacityBytes: 1_000 });
    const file = await files.open('/f', { mode: 'create' });
    await file.write(new Uint8Array(900), 0);
    await expect(file.write(new Uint8Array(200).fill(1), 900)).rejects.toMatchObject({
      code: 'disk_full',
      message: 'cannot write /f: ENOSPC: no space left on device',
      hint: expect.stringContaining('Free space'),
    });
    expect(await file.size()).toBe(1_000);
    expect(await files.freeBytes('/')).toBe(0);
    await file.write(new Uint8Array(1_000).fill(2), 0); // Overwriting takes no space.
    await file.truncate(100);
    expect(disk.freeBytes).toBe(900);
    await files.remove('/f');
    expect(disk.freeBytes).toBe(1_000);
  });

  it('strike as often as asked, where asked', async () => {
    const { disk, files } = start(1);
    disk.fail('write', { path: /log/, times: 2, afterBytes: 3 });
    const [log, other] = [await files.open('/log', { mode: 'create' }), await files.open('/other', { mode: 'create' })];
    await other.write(utf8('fine'), 0);
    await expect(log.write(utf8('abcdef'), 0)).rejects.toMatchObject({
      code: 'io',
      message: expect.stringContaining('EIO'),
    });
    await expect(log.write(utf8('abcdef'), 0)).rejects.toMatchObject({ code: 'io' });
    expect(text(await files.read('/log'))).toBe('abc');
    await log.write(utf8('abcdef'), 0);
    const disarm = disk.fail('read');
    disarm();
    expect(text(await files.read('/log'))).toBe('abcdef');
  });

  it('of a sync lose data for good: the next one succeeds and saves nothing', async () => {
    const seen = new Set<number>();
    for (let seed = 0; seed < 50; seed++) {
      const { disk, node, reboot } = start(seed);
      const file = await durableFile(node, '/f', 1);
      await file.write(sectors(1, 2), 0);
      disk.fail('sync', { code: 'EIO' });
      await expect(file.sync()).rejects.toMatchObject({ code: 'io' });
      await file.sync();
      expect(await sectorsOf(node, '/f')).toEqual([2]);
      seen.add((await sectorsOf(reboot('kept'), '/f'))[0]!);
    }
    expect([...seen].sort()).toEqual([1, 2]);
  });

  it('flip bits', async () => {
    const { disk, node, reboot } = start(1);
    await durableFile(node, '/f', 1);
    disk.corrupt('/f', 7, 1);
    expect((await node.files.read('/f'))[7]).toBe(3);
    expect((await reboot('lost').files.read('/f'))[7]).toBe(3);
  });

  it('take the time the disk is given', async () => {
    const { time, files } = start(1, { latencyMs: { sync: [2, 3] } });
    const file = await files.open('/f', { mode: 'create' });
    await time.runUntil(file.sync());
    expect(time.elapsedMs).toBeGreaterThanOrEqual(2);
    expect(time.elapsedMs).toBeLessThan(3);
  });

  it('corrupt the file of whoever changes a buffer too early', async () => {
    const { time, files } = start(1, { latencyMs: { write: 1 } });
    const file = await files.open('/f', { mode: 'create' });
    const buffer = utf8('first');
    const written = file.write(buffer, 0);
    buffer.fill(0x58);
    await time.runUntil(written);
    expect(text(await files.read('/f'))).toBe('XXXXX');
  });
});

describe('a simulated disk', () => {
  it('frees the locks of the dead, and only theirs', async () => {
    const { simulation, disk, node } = start(1);
    await node.files.lock('/lock');
    const other = simulation.boot({ disk });
    await expect(other.files.lock('/lock')).rejects.toMatchObject({
      code: 'store_locked',
      message: `/lock is in use by process ${node.pid}`,
    });
    node.kill();
    await other.files.lock('/lock');
    other.losePower('torn');
    await simulation.boot({ disk }).files.lock('/lock');
  });

  it('is copied and put back, durably', async () => {
    const { disk, files, reboot } = start(1);
    await files.makeDirectory('/data/deep');
    await files.writeAtomic('/data/a', utf8('one'));
    await files.writeAtomic('/data/deep/b', utf8('two'));
    const snapshot = disk.snapshot('/data');
    expect([...snapshot.keys()]).toEqual(['a', 'deep', 'deep/b']);
    await files.writeAtomic('/data/a', utf8('changed'));
    await files.writeAtomic('/data/c', utf8('new'));
    disk.restore('/data', snapshot);
    const again = reboot('lost');
    expect(disk.snapshot('/data')).toEqual(snapshot);
    expect(text(await again.files.read('/data/deep/b'))).toBe('two');
  });

  it('gives the same run for the same seed, and another for another', async () => {
    const run = async (seed: number) => {
      const { simulation, time, disk, node, reboot } = start(seed, { latencyMs: { write: [0.1, 2], sync: [1, 5] } });
      const { random } = simulation;
      const file = await node.files.open('/f', { mode: 'create' });
      for (let i = 0; i < 40; i++) void file.write(sectors(1 + random.int(4), i), random.int(64) * SECTOR_BYTES);
      await time.advance(1);
      await time.runUntil(file.sync());
      for (let i = 0; i < 40; i++) void file.write(sectors(1 + random.int(4), i), random.int(64) * SECTOR_BYTES);
      await time.advance(1);
      reboot('torn');
      return [time.elapsedMs, Buffer.from(disk.snapshot('/').get('f')!).toString('base64')];
    };
    expect(await run(11)).toEqual(await run(11));
    expect(await run(11)).not.toEqual(await run(12));
  });
});
