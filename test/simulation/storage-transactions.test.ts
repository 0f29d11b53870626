/** Corners of the transaction manager that need an engine, a disk or a moment of one's own choosing. */

import { afterEach, describe, expect, it } from 'vitest';
import { type Deferred, deferred } from '../../src/base/awaitable.ts';
import { text, utf8 } from '../../src/base/bytes.ts';
import { silentLog } from '../../src/base/log.ts';
import { Simulation } from '../../src/platform/simulated/simulation.ts';
import { MemoryEngine } from '../../src/providers/memory/memory-engine.ts';
import type { Engine, EngineBatch, EngineSnapshot } from '../../src/storage/engine.ts';
import { ALL_KEYS, type Key, prefixRange } from '../../src/storage/key-range.ts';
import { LocalStore } from '../../src/storage/local-store.ts';
import type { Transaction } from '../../src/storage/store.ts';

/** A memory engine that does what it is asked when the test says so. */
class HeldEngine implements Engine {
  readonly memory: Engine['memory'] = () => ({});
  /** Set: applying waits for it. */
  applies: Deferred<void> | undefined;
  /** Set: reads are asynchronous, and wait for it. */
  reads: Deferred<void> | undefined;
  /** Set: views are opened now and given out when it resolves. */
  views: Deferred<void> | undefined;
  /** Set: a batch that is in, as its views show, changes position and reads only when it resolves. */
  news: Deferred<void> | undefined;
  gets = 0;
  /** Operations of each batch that was applied. */
  readonly applied: number[] = [];
  /** What position and reads are of, while that is not the newest state. */
  #before: EngineSnapshot | undefined;
  readonly #engine: MemoryEngine;

  constructor(engine: MemoryEngine) {
    this.#engine = engine;
  }

  get position(): number {
    return (this.#before ?? this.#engine).position;
  }

  get(key: Key) {
    this.gets++;
    if (this.reads === undefined) return (this.#before ?? this.#engine).get(key);
    return this.reads.promise.then(() => this.#engine.get(key));
  }

  batchGet(keys: readonly Key[]) {
    if (this.reads === undefined) return this.#engine.batchGet(keys);
    return this.reads.promise.then(() => this.#engine.batchGet(keys));
  }

  snapshot(): EngineSnapshot | Promise<EngineSnapshot> {
    const view = this.#engine.snapshot();
    return this.views === undefined ? view : this.views.promise.then(() => view);
  }

  async apply(batch: EngineBatch, options: { readonly sync: boolean }): Promise<void> {
    await this.applies?.promise;
    this.applied.push(batch.count);
    if (this.news !== undefined) this.#before = this.#engine.snapshot();
    await this.#engine.apply(batch, options);
    await this.news?.promise;
    this.#before?.release();
    this.#before = undefined;
  }

  recover(): Promise<void> {
    return this.#engine.recover();
  }

  close(): Promise<void> {
    return this.#engine.close();
  }
}

const simulation = new Simulation('transactions');
const node = simulation.boot({ disk: simulation.newDisk({ latencyMs: { sync: 10 } }) });
let opened: LocalStore | undefined;
let stores = 0;
afterEach(async () => {
  if (opened !== undefined) await simulation.time.runUntil(opened.close());
});

async function open(
  durability: 'disk' | 'memory' = 'memory',
  overlayBytesMax = 1 << 20,
  writeSetBytesMax?: number,
  applyDelayMs = 5,
): Promise<{ store: LocalStore; engine: HeldEngine; memory: MemoryEngine }> {
  const memory = new MemoryEngine(node.timers);
  const engine = new HeldEngine(memory);
  const commitLog = { directory: `log ${stores++}`, segmentBytes: 1 << 20 };
  const store = await simulation.time.runUntil(
    LocalStore.open({
      name: 'corners',
      platform: node,
      log: silentLog,
      engine,
      durability,
      ...(durability === 'disk' ? { commitLog } : {}),
      persistent: durability === 'disk',
      arenaBytes: 8 * 1024,
      overlayBytesMax,
      ...(writeSetBytesMax === undefined ? {} : { writeSetBytesMax }),
      applyDelayMs,
    }),
  );
  opened = store;
  return { store, engine, memory };
}

function write(store: LocalStore, entries: Readonly<Record<string, string | undefined>>): number {
  const batch = store.writeBatch();
  for (const [key, value] of Object.entries(entries)) {
    if (value === undefined) batch.delete(utf8(key));
    else batch.put(utf8(key), utf8(value));
  }
  batch.commit();
  return store.version;
}

async function settle(store: LocalStore): Promise<void> {
  await simulation.time.advance(200);
  expect(store.statistics().appliedVersion).toBe(store.version);
}

describe('what a transaction observed', () => {
  it('includes a range deletion that a scan found nothing because of', async () => {
    const { store } = await open('disk');
    write(store, { 'r/1': 'a' });
    await settle(store);
    const deletion = store.begin();
    deletion.deleteRange(prefixRange(utf8('r/')));
    deletion.commitVisible();
    const { version } = store;
    const reader = store.begin({ readOnly: true });
    expect(await reader.scan(prefixRange(utf8('r/'))).next()).toBeUndefined();
    expect(reader.observedVersion).toBe(version);
    expect(store.whenDurable(reader.observedVersion)).toBeInstanceOf(Promise);
    reader.rollback();
  });
});

describe('a scan under read committed', () => {
  it('goes on at its own snapshot when the transaction begins another statement', async () => {
    const { store } = await open();
    for (let i = 0; i < 40; i++) write(store, { [`k/${String(i).padStart(2, '0')}`]: 'old' });
    await settle(store);
    const transaction = store.begin({ isolation: 'readCommitted' });
    const cursor = transaction.scan(ALL_KEYS);
    const first = (await cursor.next())!;
    write(store, { 'k/20': 'new', 'k/21': undefined, 'k/99': 'new' });
    transaction.beginStatement();
    await settle(store);
    write(store, { 'k/22': 'newer' });
    transaction.beginStatement();
    await settle(store);
    expect(text((await transaction.get(utf8('k/22')))!)).toBe('newer');
    const entries = [...first];
    for (let batch = await cursor.next(); batch !== undefined; batch = await cursor.next()) entries.push(...batch);
    expect(entries.length).toBe(40);
    expect(new Set(entries.map(({ value }) => text(value)))).toEqual(new Set(['old']));
    transaction.rollback();
    // Nothing is kept for it.
    write(store, { 'k/1': 'x' });
    await settle(store);
    expect(store.snapshots.count).toBe(0);
    expect(store.overlay.memtables.length).toBe(1);
  });
});

describe('a view that shows a batch before the engine has moved on to it', () => {
  it.each(['snapshot', 'serializable', 'readCommitted'] as const)('is what is read, %s', async (isolation) => {
    const { store, engine } = await open();
    write(store, { kept: 'old', gone: 'old' });
    await settle(store);
    engine.news = deferred();
    write(store, { kept: 'new', gone: undefined });
    await simulation.time.advance(50);
    expect(engine.position).toBeLessThan(store.version);
    const reader = store.begin({ isolation });
    await reader.scan(prefixRange(utf8('nothing'))).next();
    expect(text((await reader.get(utf8('kept')))!)).toBe('new');
    expect(await reader.get(utf8('gone'))).toBeUndefined();
    expect((await reader.batchGet([utf8('kept'), utf8('gone')])).map((value) => value && text(value))).toEqual([
      'new',
      undefined,
    ]);
    reader.rollback();
    engine.news.resolve();
    await settle(store);
  });
});

describe('a snapshot that was given up', () => {
  it('lets nothing be committed, also what was written before', async () => {
    const { store } = await open('memory', 32 * 1024);
    write(store, { base: '1' });
    await settle(store);
    // A view that the writer will read through, older than what the writer has seen.
    const older = store.begin({ readOnly: true });
    await older.scan(ALL_KEYS).next();
    write(store, { base: '2' });
    const writer = store.begin();
    await writer.scan(ALL_KEYS).next();
    writer.put(utf8('contested'), utf8('mine'));
    await settle(store);
    write(store, { contested: 'theirs' });
    for (let i = 0; i < 40; i++) {
      write(store, { [`fill/${i % 3}`]: 'x'.repeat(4_000) });
      await simulation.time.advance(10);
    }
    await settle(store);
    await expect(writer.commit()).rejects.toMatchObject({ code: 'transaction_too_old' });
    expect(text((await store.get(utf8('contested')))!)).toBe('theirs');
    older.rollback();
  });
});

describe('a snapshot younger than what the engine still has to take', () => {
  it.each([false, true])('outlives more than the overlay may keep, reverse %s', async (reverse) => {
    const { store } = await open('memory', 32 * 1024);
    write(store, { 'k/0': 'first' });
    await settle(store);
    const expected = ['k/0=first'];
    for (let i = 1; i <= 30; i++) {
      const key = `k/${String(i).padStart(2, '0')}`;
      write(store, { [key]: String(i).padEnd(4_000, '.') });
      expected.push(`${key}=${i}`);
    }
    if (reverse) expected.reverse();
    // It reads from a view without the thirty, and they are four times what the overlay may keep.
    const reader = store.begin({ isolation: 'readCommitted' });
    const cursor = reader.scan(ALL_KEYS, { reverse });
    const read = [...(await cursor.next())!];
    await settle(store);
    write(store, { 'k/17': undefined, 'k/30': 'later', 'k/31': 'later' });
    await settle(store);
    for (let batch = await cursor.next(); batch !== undefined; batch = await cursor.next()) read.push(...batch);
    expect(read.map(({ key, value }) => `${text(key)}=${text(value).replace(/\.+$/, '')}`)).toEqual(expected);
    expect(text((await reader.get(utf8('k/17')))!)).toMatch(/^17\./);
    expect(store.overlay.bytes).toBeLessThan(32 * 1024 + 3 * 8 * 1024);
    reader.rollback();
    expect(store.snapshots.count).toBe(0);
  });
});

describe('an engine that answers late', () => {
  it('does not keep a commit with requirements going round', async () => {
    const { store, engine } = await open();
    write(store, { lease: 'epoch 1' });
    await settle(store);
    engine.reads = deferred();
    engine.gets = 0;
    const fenced = store.begin();
    fenced.require(utf8('lease'), utf8('epoch 1'));
    fenced.require(utf8('absent'), undefined);
    fenced.put(utf8('a'), utf8('1'));
    const commit = fenced.commit();
    engine.reads.resolve();
    await simulation.time.runUntil(commit);
    expect(engine.gets).toBe(2);
    // Changed while it was being read: the answer is not believed.
    engine.reads = deferred();
    const stale = store.begin();
    stale.require(utf8('lease'), utf8('epoch 1'), () => new Error('fenced'));
    stale.put(utf8('a'), utf8('2'));
    const outcome = stale.commit();
    const refused = expect(outcome).rejects.toThrow('fenced');
    write(store, { lease: 'epoch 2' });
    engine.reads.resolve();
    await simulation.time.advance(100);
    await refused;
    expect(text((await store.get(utf8('a')))!)).toBe('1');
    engine.reads = undefined;
    expect(store.snapshots.count).toBe(0);
  });

  it('with a view of a state that has moved on meanwhile does not hide what was applied', async () => {
    const { store, engine } = await open();
    write(store, { a: '1' });
    await settle(store);
    write(store, { a: '2', b: '2' });
    engine.views = deferred();
    const reader = store.begin({ readOnly: true });
    const scanned = reader.scan(ALL_KEYS).next();
    await settle(store);
    engine.views.resolve();
    engine.views = undefined;
    const entries = (await simulation.time.runUntil(Promise.resolve(scanned)))!;
    expect(entries.map(({ key, value }) => `${text(key)}=${text(value)}`)).toEqual(['a=2', 'b=2']);
    reader.rollback();
  });

  it('and fails, fails every read once, with nothing left unhandled', async () => {
    const { store, engine } = await open();
    write(store, { a: '1', b: '1', c: '1' });
    await settle(store);
    const reader = store.begin();
    await reader.scan(ALL_KEYS).next();
    write(store, { a: '2' });
    await settle(store);
    engine.reads = deferred();
    const reading = reader.batchGet([utf8('a'), utf8('b'), utf8('c')]);
    engine.reads.reject(new Error('the disk is gone'));
    await expect(reading).rejects.toThrow('the disk is gone');
    engine.reads = undefined;
    reader.rollback();
  });
});

describe('closing', () => {
  it('applies everything, however much had gathered', async () => {
    const { store, engine, memory } = await open('disk');
    engine.applies = deferred();
    const expected: string[] = [];
    for (let i = 0; i < 60; i++) {
      write(store, { [`k/${String(i).padStart(2, '0')}`]: 'x'.repeat(1_000) });
      expected.push(`k/${String(i).padStart(2, '0')}`);
    }
    expect(store.overlay.memtables.length).toBeGreaterThan(4);
    await simulation.time.advance(50);
    const held: string[] = [];
    const close = memory.close.bind(memory);
    memory.close = async () => {
      for (const key of expected) if (memory.get(utf8(key)) !== undefined) held.push(key);
      await close();
    };
    const closing = store.close();
    engine.applies.resolve();
    await simulation.time.runUntil(closing);
    expect(held).toEqual(expected);
  });

  it('lets go of whoever waits for room, and waits for itself when it is asked twice', async () => {
    const { store, engine } = await open('memory', 16 * 1024);
    engine.applies = deferred();
    for (let i = 0; i < 40; i++) write(store, { [`k/${i}`]: 'x'.repeat(1_000) });
    const room = store.whenWritable();
    expect(room).toBeInstanceOf(Promise);
    const waiting = store.begin();
    waiting.put(utf8('late'), utf8('1'));
    const refused = expect(waiting.commit()).rejects.toMatchObject({ code: 'store_closed' });
    let closed = 0;
    const closings = [store.close(), store.close()].map((closing) => closing.then(() => closed++));
    await room;
    await refused;
    expect(closed).toBe(0);
    engine.applies.resolve();
    await simulation.time.runUntil(Promise.all(closings));
  });
});

describe('a commit', () => {
  it('waits while the memory for writes not yet applied is used up', async () => {
    const { store, engine } = await open('memory', 16 * 1024);
    engine.applies = deferred();
    let committed = 0;
    const writing = (async () => {
      for (let i = 0; i < 200; i++) {
        const transaction = store.begin();
        transaction.put(utf8(`k/${i}`), Buffer.alloc(1_000));
        await transaction.commit();
        committed++;
      }
    })();
    await simulation.time.advance(1_000);
    expect(committed).toBeLessThan(30);
    engine.applies.resolve();
    engine.applies = undefined;
    await simulation.time.runUntil(writing);
  });

  it('that fails ends its transaction, and leaves no lock and no snapshot behind', async () => {
    const { store } = await open();
    write(store, { a: '1', b: '1' });
    const one = store.begin({ label: 'one' });
    const two = store.begin({ label: 'two' });
    await one.lock([utf8('a')]);
    await two.lock([utf8('b')]);
    one.put(utf8('b'), utf8('one'));
    two.put(utf8('a'), utf8('two'));
    // Each waits for the other's key: the second closes the cycle.
    const first = one.commit();
    await expect(two.commit()).rejects.toMatchObject({ code: 'deadlock' });
    expect(two.state).toBe('rolledBack');
    await simulation.time.runUntil(first);
    expect(store.locks.count).toBe(0);
    expect(store.statistics().openTransactions).toBe(0);
    expect(store.snapshots.count).toBe(0);
  });

  it('has happened, whatever a listener does', async () => {
    const { store } = await open();
    store.watch(ALL_KEYS, () => {
      throw new Error('a bug of the listener');
    });
    const transaction = store.begin();
    transaction.put(utf8('a'), utf8('1'));
    await transaction.commit();
    expect(transaction.state).toBe('committed');
  });
});

describe('rolling back to a savepoint', () => {
  it('gives up a lock taken after it, or the upgrade of one, and forgets requirements', async () => {
    const { store } = await open();
    const transaction = store.begin();
    await transaction.lock([utf8('shared')], { mode: 'share' });
    const savepoint = transaction.savepoint();
    await transaction.lock([utf8('shared'), utf8('other')]);
    transaction.require(utf8('x'), utf8('never'));
    transaction.put(utf8('x'), utf8('1'));
    transaction.rollbackTo(savepoint);
    const other = store.begin();
    expect((await other.lock([utf8('other')], { wait: 'skip' })).length).toBe(1);
    expect((await other.lock([utf8('shared')], { mode: 'share', wait: 'skip' })).length).toBe(1);
    other.rollback();
    transaction.put(utf8('y'), utf8('1'));
    await transaction.commit();
    expect(await store.get(utf8('x'))).toBeUndefined();
  });
});

describe('what the engine gets', () => {
  const KEYS = ['a', 'b', 'c', 'd'];
  const WRITES = 400;

  /** Fills some memtables with the same keys in one stretch. */
  function writeAgainAndAgain(store: LocalStore): void {
    for (let i = 0; i < WRITES; i++) write(store, { [KEYS[i % KEYS.length]!]: `${i}`.padStart(200) });
  }

  it('lacks what younger memtables hold, and has it once they are applied', async () => {
    const { store, engine, memory } = await open('disk', 1 << 20, undefined, 200); // Long enough for some syncs.
    writeAgainAndAgain(store);
    await simulation.time.advance(199);
    expect(engine.applied).toEqual([]);
    await simulation.time.advance(400);
    expect(store.statistics().appliedVersion).toBe(WRITES);
    expect(engine.applied.length).toBeGreaterThan(5);
    expect(engine.applied.filter((count) => count > 0)).toEqual([KEYS.length]);
    for (const [i, key] of KEYS.entries()) {
      expect(text((await memory.get(utf8(key)))!).trim()).toBe(`${WRITES - KEYS.length + i}`);
    }
  });

  it('has all that an open transaction may read', async () => {
    const { store, engine } = await open('disk');
    write(store, { a: 'before' });
    const transaction = store.begin({ readOnly: true });
    writeAgainAndAgain(store);
    await settle(store);
    expect(engine.applied.filter((count) => count > 0).length).toBeGreaterThan(5);
    expect(text((await transaction.get(utf8('a')))!)).toBe('before');
    transaction.rollback();
  });

  it('has each memtable whole where there is no log', async () => {
    const { store, engine } = await open('memory');
    writeAgainAndAgain(store);
    await settle(store);
    expect(engine.applied.filter((count) => count === KEYS.length).length).toBeGreaterThan(5);
  });
});

describe('the writes of open transactions', () => {
  it('are refused over the bound of the store, for as long as others hold its memory', async () => {
    const { store } = await open('memory', 1 << 20, 64 * 1024);
    const fill = (transaction: Transaction, keys: number): void => {
      for (let i = 0; i < keys; i++) transaction.put(utf8(`key ${i}`), new Uint8Array(1024));
    };
    const ends = ['rollback', 'commit'] as const;
    for (const end of ends) {
      const first = store.begin();
      fill(first, 30);
      const second = store.begin();
      expect(() => fill(second, 31)).toThrow(expect.objectContaining({ code: 'out_of_memory' }));
      second.rollback();
      await first[end]();
    }
    const alone = store.begin();
    fill(alone, 31);
    expect(() => fill(alone, 100)).toThrow(expect.objectContaining({ code: 'out_of_memory' }));
    alone.rollback();
  });
});
