/** The commit log and damage: a torn end is where it ends, anything else is named and refused. */

import { crc32 } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { text, utf8 } from '../../src/base/bytes.ts';
import { silentLog } from '../../src/base/log.ts';
import type { DirectorySnapshot } from '../../src/platform/simulated/simulated-disk.ts';
import { Simulation } from '../../src/platform/simulated/simulation.ts';
import { MemoryEngine } from '../../src/providers/memory/memory-engine.ts';
import { LocalStore } from '../../src/storage/local-store.ts';
import {
  decodeFrameHeader,
  FRAME_HEADER_BYTES,
  frameBytes,
  SEGMENT_HEADER_BYTES,
} from '../../src/storage/log-format.ts';
import { listSegments, replaySegments } from '../../src/storage/log-segments.ts';

const seed = process.env.ORBIT_TEST_SEED ?? '1';
const LOG = 'data/log';

/** A disk on which stores live one after another; latencies are zero, so nothing waits but timers. */
class LogWorld {
  readonly simulation = new Simulation(`${seed} log`);
  readonly disk = this.simulation.newDisk();
  #node = this.simulation.boot({ disk: this.disk });

  open(segmentBytes = 4096, retainBytes = 1 << 30, overlayBytesMax = 1 << 20): Promise<LocalStore> {
    return this.simulation.time.run(() =>
      LocalStore.open({
        name: 'log',
        platform: this.#node,
        log: silentLog,
        engine: new MemoryEngine(this.#node.timers),
        durability: 'disk',
        commitLog: { directory: LOG, segmentBytes, retainBytes },
        persistent: true,
        overlayBytesMax,
      }),
    );
  }

  /** One commit, and with it one frame. */
  async put(store: LocalStore, key: string, value: string): Promise<void> {
    const transaction = store.begin();
    transaction.put(utf8(key), utf8(value));
    await this.simulation.time.runUntil(transaction.commit());
  }

  kill(): void {
    this.#node.kill();
    this.#node = this.simulation.boot({ disk: this.disk });
  }

  /** Opens a log that is refused. */
  refused(): Promise<unknown> {
    return this.open().then(
      (store) => {
        throw new Error(`it was opened at version ${store.version}`);
      },
      (error: unknown) => error,
    );
  }

  /** First versions of the frames that are handed on to whoever holds all up to `after`, and the sequence that follows. */
  async replayed(after: number): Promise<{ readonly versions: number[]; readonly nextSequence: number }> {
    const versions: number[] = [];
    const { files } = this.#node;
    const { segments } = await listSegments(files, LOG);
    const { nextSequence } = await replaySegments(files, segments, after, ({ header }) => {
      versions.push(header.firstVersion);
    });
    return { versions, nextSequence };
  }

  async values(store: LocalStore): Promise<string[]> {
    const values: string[] = [];
    for (let i = 0; i < 200; i++) {
      const value = await store.get(utf8(`key ${i}`));
      if (value !== undefined) values.push(text(value));
    }
    return values;
  }
}

/** Where the frames of a segment are. */
function framesOf(segment: Uint8Array): { readonly offset: number; readonly bytes: number }[] {
  const frames: { readonly offset: number; readonly bytes: number }[] = [];
  for (let offset = SEGMENT_HEADER_BYTES; ; ) {
    const header = decodeFrameHeader(segment, offset);
    if (header === undefined) return frames;
    frames.push({ offset, bytes: FRAME_HEADER_BYTES + header.bodyBytes });
    offset += frameBytes(header.bodyBytes);
  }
}

function changed(snapshot: DirectorySnapshot, name: string, change: (bytes: Buffer) => Buffer | undefined) {
  const copy = new Map(snapshot);
  const bytes = change(Buffer.from(snapshot.get(name)!));
  if (bytes === undefined) copy.delete(name);
  else copy.set(name, bytes);
  return copy;
}

async function written(commits: number): Promise<{ world: LogWorld; log: DirectorySnapshot }> {
  const world = new LogWorld();
  const store = await world.open();
  for (let i = 0; i < commits; i++) await world.put(store, `key ${i}`, `value ${i}`);
  world.kill();
  return { world, log: world.disk.snapshot(LOG) };
}

describe('a log', () => {
  it('with more in it than may wait to be applied is taken in before anything is written', async () => {
    const world = new LogWorld();
    const large = 'x'.repeat(20_000);
    await world.put(await world.open(1 << 20, 1 << 30, 4096), 'key 0', large);
    world.kill();
    const store = await world.open(1 << 20, 1 << 30, 4096);
    await world.put(store, 'key 1', 'after');
    expect(await world.values(store)).toEqual([large, 'after']);
  });

  it('with long records among short ones is taken in as it is, and long ones are only checked where they are known', async () => {
    const world = new LogWorld();
    const long = (text: string): string => text.repeat(5_000_000);
    const values = ['first', long('a'), 'third', long('b'), 'fifth'];
    const store = await world.open(1 << 20);
    for (const [i, value] of values.entries()) await world.put(store, `key ${i}`, value);
    world.kill();
    const log = world.disk.snapshot(LOG);
    for (let start = 0; start < 2; start++) {
      const again = await world.open(1 << 20);
      expect((await world.values(again)).slice(0, 5)).toEqual(values);
      await world.put(again, `key ${5 + start}`, 'more');
      world.kill();
    }
    expect((await world.replayed(0)).versions).toEqual([1, 2, 3, 4, 5, 6, 7]);
    expect(await world.replayed(3)).toEqual({ versions: [1, 3, 4, 5, 6, 7], nextSequence: 8 });
    expect((await world.replayed(7)).versions).toEqual([1, 3, 5, 6, 7]);
    const [name] = [...log.keys()].filter((file) => log.get(file)!.length > 5_000_000);
    const flipped = changed(log, name!, (bytes) => {
      bytes[3_000_000]! ^= 1;
      return bytes;
    });
    world.disk.restore(LOG, flipped);
    for (const after of [0, 7]) await expect(world.replayed(after)).rejects.toMatchObject({ code: 'corruption' });
  });

  it('whose last record is torn at any byte recovers to the record before it, and goes on', async () => {
    const { world, log } = await written(5);
    const last = framesOf(log.get('0000000001.log')!).at(-1)!;
    for (let cut = 0; cut < last.bytes; cut++) {
      for (const rest of ['zeros', 'garbage', 'flipped'] as const) {
        if (rest !== 'zeros' && cut % 7 !== 0) continue;
        world.disk.restore(
          LOG,
          changed(log, '0000000001.log', (bytes) => {
            if (rest === 'zeros') return bytes.fill(0, last.offset + cut, last.offset + last.bytes);
            if (rest === 'garbage') return bytes.fill(0xa5, last.offset + cut, last.offset + last.bytes);
            bytes[last.offset + cut]! ^= 0x40;
            return bytes;
          }),
        );
        const store = await world.open();
        // A cut behind the last byte that is not zero changes nothing.
        const whole = store.version === 5;
        expect(whole ? rest : 'torn').toBe(whole ? 'zeros' : 'torn');
        expect(await world.values(store)).toEqual([
          'value 0',
          'value 1',
          'value 2',
          'value 3',
          ...(whole ? ['value 4'] : []),
        ]);
        if (!whole) expect(store.version, `cut at ${cut}, ${rest}`).toBe(4);
        await world.put(store, 'key 7', 'after');
        world.kill();
        const again = await world.open();
        expect(again.version).toBe(whole ? 6 : 5);
        expect((await world.values(again)).at(-1)).toBe('after');
        world.kill();
      }
    }
  });

  it('damaged at any byte of a record in its middle is refused, and the place is named', async () => {
    const { world, log } = await written(5);
    const middle = framesOf(log.get('0000000001.log')!)[2]!;
    for (let at = 0; at < middle.bytes; at++) {
      world.disk.restore(
        LOG,
        changed(log, '0000000001.log', (bytes) => {
          bytes[middle.offset + at]! ^= 1 << (at % 8);
          return bytes;
        }),
      );
      const error = await world.refused();
      expect(error, `byte ${at}`).toMatchObject({ code: 'corruption' });
      expect((error as Error).message).toContain(`data/log/0000000001.log, offset ${middle.offset}`);
      // Nothing was changed by the attempt.
      world.kill();
    }
    world.disk.restore(LOG, log);
    expect((await world.open()).version).toBe(5);
  });

  it('damaged in any place of any older segment, or at the header of any segment, is refused', async () => {
    const { world, log } = await written(160);
    const names = [...log.keys()].filter((name) => /^\d/.test(name));
    expect(names.length).toBeGreaterThan(3);
    for (const [index, name] of names.entries()) {
      const frames = framesOf(log.get(name)!);
      const places = [0, 9, 20, 44, ...frames.map(({ offset }) => offset + 70)];
      if (index === names.length - 1) places.pop();
      for (const place of places) {
        world.disk.restore(
          LOG,
          changed(log, name, (bytes) => {
            bytes[place]! ^= 0x10;
            return bytes;
          }),
        );
        const error = await world.refused();
        expect(error, `${name} at ${place}`).toMatchObject({ code: 'corruption' });
        expect((error as Error).message).toContain('data/log/00000000');
        world.kill();
      }
      world.disk.restore(
        LOG,
        changed(log, name, (bytes) => bytes.fill(0, 0, SEGMENT_HEADER_BYTES)),
      );
      expect(await world.refused(), `zeroed header of ${name}`).toMatchObject({ code: 'corruption' });
      world.kill();
      world.disk.restore(
        LOG,
        changed(log, name, (bytes) => bytes.fill(0x5a)),
      );
      expect(await world.refused(), `${name} full of garbage`).toMatchObject({ code: 'corruption' });
      world.kill();
    }
  });

  it('of one segment is refused where its header is damaged in any place', async () => {
    const { world, log } = await written(5);
    const name = '0000000001.log';
    const damages = [
      ...Array.from({ length: SEGMENT_HEADER_BYTES }, (_, at) => (bytes: Buffer) => {
        bytes[at]! ^= 0x10;
        return bytes;
      }),
      (bytes: Buffer) => bytes.fill(0, 0, SEGMENT_HEADER_BYTES),
    ];
    for (const damage of damages) {
      world.disk.restore(LOG, changed(log, name, damage));
      expect(await world.refused()).toMatchObject({ code: 'corruption' });
      world.kill();
    }
    world.disk.restore(LOG, log);
    expect((await world.open()).version).toBe(5);
  });

  it('that misses its oldest or a middle segment is refused', async () => {
    const { world, log } = await written(160);
    const names = [...log.keys()].filter((name) => /^\d/.test(name));
    for (const name of names.slice(0, -1)) {
      world.disk.restore(
        LOG,
        changed(log, name, () => undefined),
      );
      const error = await world.refused();
      expect(error).toMatchObject({ code: 'corruption' });
      world.kill();
    }
    world.disk.restore(
      LOG,
      changed(log, names[1]!, () => undefined),
    );
    expect(((await world.refused()) as Error).message).toContain('misses segment 2');
  });

  it('of another format version is refused with the fix', async () => {
    const { world, log } = await written(3);
    world.disk.restore(
      LOG,
      changed(log, '0000000001.log', (bytes) => {
        bytes.writeUInt32LE(2, 8);
        bytes.writeUInt32LE(0, 12);
        bytes.writeUInt32LE(crc32(bytes.subarray(0, SEGMENT_HEADER_BYTES)), 12);
        return bytes;
      }),
    );
    expect(await world.refused()).toMatchObject({ code: 'store_format', hint: expect.stringContaining('release') });
  });

  it('mixed from two directories is refused', async () => {
    const one = await written(120);
    const other = new LogWorld();
    const store = await other.open();
    for (let i = 0; i < 60; i++) await other.put(store, `key ${i}`, `other ${i}`);
    const foreign = Buffer.from(other.disk.snapshot(LOG).get('0000000002.log')!);
    foreign.writeBigUInt64LE(77n, 24);
    foreign.writeUInt32LE(0, 12);
    foreign.writeUInt32LE(crc32(foreign.subarray(0, SEGMENT_HEADER_BYTES)), 12);
    one.world.disk.restore(
      LOG,
      changed(one.log, '0000000002.log', () => foreign),
    );
    expect(((await one.world.refused()) as Error).message).toContain('belongs to another log');
  });
});

describe('a reader of the log', () => {
  it('is told when what it wants was trimmed, and is served what was not', async () => {
    const world = new LogWorld();
    const { simulation } = world;
    const node = simulation.boot({ disk: simulation.newDisk() });
    const store = await simulation.time.run(() =>
      LocalStore.open({
        name: 'trimmed',
        platform: node,
        log: silentLog,
        engine: new MemoryEngine(node.timers),
        durability: 'disk',
        commitLog: { directory: LOG, segmentBytes: 4096, retainBytes: 8192 },
        applyDelayMs: 1,
        syncBytes: 4096,
        syncDelayMs: 5,
        persistent: true,
      }),
    );
    const slow = store.changes(0)[Symbol.asyncIterator]();
    await world.put(store, 'key', 'first');
    expect((await simulation.time.runUntil(slow.next())).value!.version).toBe(1);
    const release = store.holdLog(1);
    const fill = async () => {
      for (let i = 0; i < 200; i++) await world.put(store, `key ${i % 10}`, `value ${i}`);
      await simulation.time.advance(100);
    };
    await fill();
    // Held: everything is still there.
    const held = store.changes(1)[Symbol.asyncIterator]();
    expect((await simulation.time.runUntil(held.next())).value!.version).toBe(2);
    await held.return?.(undefined);
    release();
    await fill();
    await expect(simulation.time.runUntil(store.changes(1)[Symbol.asyncIterator]().next())).rejects.toMatchObject({
      code: 'transaction_too_old',
    });
    const recent = store.changes(store.version - 1)[Symbol.asyncIterator]();
    expect((await simulation.time.runUntil(recent.next())).value!.version).toBe(store.version);
    await recent.return?.(undefined);
    // The slow one reads on in the segment it has open, in order, until it comes to what is gone.
    let version = 1;
    const end = await simulation.time.run(async () => {
      for (;;) {
        try {
          const { value } = await slow.next();
          expect(value!.version).toBe(version + 1);
          version++;
        } catch (error) {
          return error;
        }
      }
    });
    expect(end).toMatchObject({ code: 'transaction_too_old' });
    expect(version).toBeGreaterThan(1);
    await simulation.time.runUntil(store.close());
  });

  it('reads every byte of the log about once, however long it follows', async () => {
    const world = new LogWorld();
    const store = await world.open(1 << 20);
    let bytesRead = 0;
    const readFile = world.disk.readFile.bind(world.disk);
    world.disk.readFile = (file, path, into, position) => {
      const read = readFile(file, path, into, position);
      bytesRead += read;
      return read;
    };
    const abort = new AbortController();
    let last = 0;
    const following = (async () => {
      for await (const { version } of store.changes(0, abort.signal)) last = version;
    })();
    for (let i = 0; i < 500; i++) await world.put(store, `key ${i}`, `value ${i}`);
    await world.simulation.time.advance(10);
    expect(last).toBe(500);
    abort.abort();
    await world.simulation.time.runUntil(following);
    expect(bytesRead).toBeLessThan(3 * store.statistics().logBytes);
    await world.simulation.time.runUntil(store.close());
  });
});
