/**
 * The same operations on every provider and on a model, in step: whatever a read answers, it answers on all of them.
 *
 * The model is one sorted map per version. Transactions overlap, so that snapshots are held while batches are applied under
 * them; who conflicts with whom follows from the model too.
 */

import { afterEach, describe, expect, it } from 'vitest';
import { text, utf8 } from '../../src/base/bytes.ts';
import { SeededRandom } from '../../src/platform/simulated/seeded-random.ts';
import { type KeyRange, rangeContains } from '../../src/storage/key-range.ts';
import type { Cursor, Isolation, Savepoint, ScanOptions, Transaction } from '../../src/storage/store.ts';
import { openTestStore, PROVIDERS, platform, type TestStore } from '../support/stores.ts';

const seed = process.env.ORBIT_TEST_SEED ?? '1';

type Contents = ReadonlyMap<string, string>;

/** One transaction on every provider, and what the model knows of it. */
interface Open {
  readonly isolation: Isolation;
  readonly on: readonly Transaction[];
  snapshot: number;
  writes: Map<string, string | undefined>;
  /** Keys and ranges written, which conflict. */
  touched: KeyRange[];
  savepoints: {
    readonly on: readonly Savepoint[];
    readonly writes: Map<string, string | undefined>;
    readonly touched: number;
  }[];
  /** Scans that were begun and not ended: what is still to come. */
  scans: {
    readonly on: readonly Cursor[];
    readonly rest: string[];
    readonly got: string[][];
    /** The transaction wrote while it went on, perhaps to roll it back later: it may or may not show that. */
    blurred: boolean;
  }[];
}

class Mirror {
  readonly stores: TestStore[] = [];
  readonly random: SeededRandom;
  /** Contents by version. */
  readonly versions: Contents[] = [new Map()];
  readonly commits: KeyRange[][] = [[]];
  readonly open: Open[] = [];
  readonly counts = { conflicts: 0, commits: 0, reads: 0, scans: 0, tooOld: 0 };

  constructor(name: string) {
    this.random = new SeededRandom(`${seed}/${name}`);
  }

  key(): string {
    return `${this.random.pick(['a', 'b', 'c'])}/${this.random.int(40)}`;
  }

  range(): KeyRange {
    const [start, end] = [this.key(), this.key()].sort() as [string, string];
    return { start: utf8(start), end: this.random.chance(0.2) ? undefined : utf8(end) };
  }

  contents(transaction: Open): Contents {
    const contents = new Map(this.versions[transaction.snapshot]!);
    for (const [key, value] of transaction.writes) {
      if (value === undefined) contents.delete(key);
      else contents.set(key, value);
    }
    return contents;
  }

  entries(transaction: Open, range: KeyRange, options: ScanOptions): string[] {
    let found = [...this.contents(transaction)].filter(([key]) => rangeContains(range, utf8(key)));
    found.sort(([a], [b]) => (a < b ? -1 : 1));
    if (options.reverse === true) found.reverse();
    found = found.slice(0, options.limit ?? found.length);
    return found.map(([key, value]) => `${key}=${options.keysOnly === true ? '' : value}`);
  }

  async step(): Promise<void> {
    const { random, open } = this;
    if (open.length === 0 || (open.length < 6 && random.chance(0.1))) {
      const isolation = random.pick(['snapshot', 'snapshot', 'readCommitted'] as const);
      open.push({
        isolation,
        on: this.stores.map(({ store }) => store.begin({ isolation })),
        snapshot: this.versions.length - 1,
        writes: new Map(),
        touched: [],
        savepoints: [],
        scans: [],
      });
      return;
    }
    const transaction = random.pick(open);
    switch (random.int(14)) {
      case 0:
      case 1: {
        const key = this.key();
        const expected = this.contents(transaction).get(key);
        for (const on of transaction.on) expect(asText(await on.get(utf8(key)))).toBe(expected);
        this.counts.reads++;
        return;
      }
      case 2: {
        const keys = Array.from({ length: random.int(10) }, () => this.key());
        const expected = keys.map((key) => this.contents(transaction).get(key));
        for (const on of transaction.on) expect((await on.batchGet(keys.map(utf8))).map(asText)).toEqual(expected);
        return;
      }
      case 3:
      case 4: {
        const range = this.range();
        const options = {
          reverse: random.chance(0.5),
          keysOnly: random.chance(0.2),
          ...(random.chance(0.4) ? { limit: random.int(12) } : {}),
        };
        const expected = this.entries(transaction, range, options);
        for (const on of transaction.on) expect(await all(on.scan(range, options))).toEqual(expected);
        this.counts.scans++;
        return;
      }
      case 5: {
        // A scan in pieces, with other things in between; what its own transaction writes meanwhile it may or may not see.
        if (transaction.writes.size > 0 || transaction.scans.length > 2) return;
        const range = this.range();
        const options = { reverse: random.chance(0.5) };
        transaction.scans.push({
          on: transaction.on.map((on) => on.scan(range, options)),
          rest: this.entries(transaction, range, options),
          got: transaction.on.map(() => []),
          blurred: false,
        });
        return;
      }
      case 6: {
        const scan = transaction.scans[0];
        if (scan === undefined) return;
        let ended = true;
        for (const [i, cursor] of scan.on.entries()) {
          const batch = await cursor.next();
          for (const { key, value } of batch ?? []) scan.got[i]!.push(`${text(key)}=${text(value)}`);
          if (batch !== undefined) ended = false;
        }
        if (!scan.blurred) {
          for (const got of scan.got) expect(got).toEqual(scan.rest.slice(0, got.length));
          if (ended) for (const got of scan.got) expect(got).toEqual(scan.rest);
        }
        if (ended || random.chance(0.1)) {
          for (const cursor of scan.on) cursor.close();
          transaction.scans.shift();
        }
        return;
      }
      case 7:
      case 8: {
        const key = this.key();
        const value = random.chance(0.2)
          ? undefined
          : `${this.versions.length}.${'v'.repeat(random.pick([0, 5, 200, 3_000]))}`;
        if (transaction.isolation === 'readCommitted' && !(await this.lock(transaction, key))) return;
        for (const on of transaction.on) {
          if (value === undefined) on.delete(utf8(key));
          else on.put(utf8(key), utf8(value));
        }
        transaction.writes.set(key, value);
        for (const scan of transaction.scans) scan.blurred = true;
        transaction.touched.push({ start: utf8(key), end: Buffer.concat([utf8(key), Buffer.alloc(1)]) });
        return;
      }
      case 9: {
        if (transaction.isolation === 'readCommitted' || !random.chance(0.4)) return;
        const range = this.range();
        for (const key of this.contents(transaction).keys())
          if (rangeContains(range, utf8(key))) transaction.writes.set(key, undefined);
        for (const on of transaction.on) on.deleteRange(range);
        for (const scan of transaction.scans) scan.blurred = true;
        if (range.end === undefined || Buffer.compare(range.start, range.end) < 0) transaction.touched.push(range);
        return;
      }
      case 10: {
        if (random.chance(0.5)) {
          transaction.savepoints.push({
            on: transaction.on.map((on) => on.savepoint()),
            writes: new Map(transaction.writes),
            touched: transaction.touched.length,
          });
        } else if (transaction.savepoints.length > 0) {
          const depth = random.int(transaction.savepoints.length);
          const savepoint = transaction.savepoints[depth]!;
          for (const [i, on] of transaction.on.entries()) on.rollbackTo(savepoint.on[i]!);
          transaction.writes = new Map(savepoint.writes);
          transaction.touched.length = savepoint.touched;
          transaction.savepoints.length = depth + 1;
        }
        return;
      }
      case 11: {
        for (const on of transaction.on) on.beginStatement();
        if (transaction.isolation === 'readCommitted') transaction.snapshot = this.versions.length - 1;
        return;
      }
      case 12:
        return this.batch();
      default:
        return this.end(transaction);
    }
  }

  /** Takes a key in all stores, or in none. */
  async lock(transaction: Open, key: string): Promise<boolean> {
    const locked = await Promise.all(transaction.on.map((on) => on.lock([utf8(key)], { wait: 'skip' })));
    expect(new Set(locked.map((keys) => keys.length)).size).toBe(1);
    return locked[0]!.length === 1;
  }

  async batch(): Promise<void> {
    const writes = Array.from({ length: 1 + this.random.int(5) }, () => ({
      key: this.key(),
      value: this.random.chance(0.2) ? undefined : `batch ${this.versions.length}`,
    }));
    const outcomes: string[] = [];
    for (const { store } of this.stores) {
      const batch = store.writeBatch();
      for (const { key, value } of writes) {
        if (value === undefined) batch.delete(utf8(key));
        else batch.put(utf8(key), utf8(value));
      }
      outcomes.push(await outcome(async () => batch.commit()));
    }
    expect(new Set(outcomes).size, outcomes.join()).toBe(1);
    if (outcomes[0] !== 'done') return;
    this.committed(
      new Map(writes.map(({ key, value }) => [key, value])),
      writes.map(({ key }) => ({ start: utf8(key), end: Buffer.concat([utf8(key), Buffer.alloc(1)]) })),
    );
  }

  async end(transaction: Open): Promise<void> {
    const { random, open } = this;
    if (random.chance(0.2)) {
      for (const on of transaction.on) on.rollback();
      open.splice(open.indexOf(transaction), 1);
      return;
    }
    // A key that another one has locked would make it wait for that one.
    for (const { start } of transaction.touched) if (!(await this.tryTouch(transaction, start))) return;
    const outcomes: string[] = [];
    for (const on of transaction.on) outcomes.push(await outcome(() => on.commit()));
    open.splice(open.indexOf(transaction), 1);
    expect(new Set(outcomes).size, outcomes.join()).toBe(1);
    const conflicts =
      transaction.isolation === 'snapshot' &&
      this.commits
        .slice(transaction.snapshot + 1)
        .some((touched) => touched.some((theirs) => transaction.touched.some((ours) => overlap(theirs, ours))));
    expect(outcomes[0]).toBe(conflicts ? 'transaction_conflict' : 'done');
    if (conflicts) this.counts.conflicts++;
    else if (transaction.touched.length > 0) this.committed(transaction.writes, transaction.touched);
  }

  /** False while a transaction under read committed holds what this one would write. */
  async tryTouch(transaction: Open, key: Uint8Array): Promise<boolean> {
    return !this.open.some(
      (other) =>
        other !== transaction &&
        other.isolation === 'readCommitted' &&
        (other.touched.length > 0 ||
          transaction.touched.some((range) => rangeContains(range, key) && range.end === undefined)),
    );
  }

  committed(writes: ReadonlyMap<string, string | undefined>, touched: KeyRange[]): void {
    const contents = new Map(this.versions.at(-1)!);
    for (const range of touched) {
      if (range.end !== undefined && range.end.length === range.start.length + 1) continue;
      for (const key of contents.keys()) if (rangeContains(range, utf8(key))) contents.delete(key);
    }
    for (const [key, value] of writes) {
      if (value === undefined) contents.delete(key);
      else contents.set(key, value);
    }
    this.versions.push(contents);
    this.commits.push(touched);
    this.counts.commits++;
    for (const { store } of this.stores) expect(store.version).toBe(this.versions.length - 1);
  }
}

function overlap(a: KeyRange, b: KeyRange): boolean {
  const before = (end: KeyRange['end'], start: Uint8Array) => end !== undefined && Buffer.compare(end, start) <= 0;
  return !before(a.end, b.start) && !before(b.end, a.start);
}

async function outcome(work: () => Promise<unknown>): Promise<string> {
  try {
    await work();
    return 'done';
  } catch (error) {
    return (error as { code?: string }).code ?? String(error);
  }
}

function asText(bytes: Uint8Array | undefined): string | undefined {
  return bytes === undefined ? undefined : text(bytes);
}

async function all(cursor: Cursor): Promise<string[]> {
  const entries: string[] = [];
  for (let batch = await cursor.next(); batch !== undefined; batch = await cursor.next())
    for (const { key, value } of batch) entries.push(`${text(key)}=${text(value)}`);
  return entries;
}

describe('providers in step', () => {
  let mirror: Mirror;
  let conflicts = 0;
  afterEach(async () => {
    for (const test of mirror.stores) await test.dispose();
  });

  it.each([0, 1, 2, 3])('answer as the model does, round %i', async (round) => {
    mirror = new Mirror(`mirror ${round}`);
    for (const provider of PROVIDERS)
      mirror.stores.push(await openTestStore(provider, { durability: round % 2 === 0 ? 'disk' : 'process' }));
    try {
      for (let step = 0; step < 1_500; step++) {
        await mirror.step();
        // Lets batches be applied under open snapshots.
        if (step % 50 === 0) await platform.timers.sleep(6);
        if (step % 500 === 499) {
          for (const transaction of mirror.open) for (const on of transaction.on) on.rollback();
          mirror.open.length = 0;
          for (const test of mirror.stores) if (test.store.supports.persistent) await test.reopen();
        }
      }
    } catch (error) {
      throw new Error(`failed with ORBIT_TEST_SEED=${seed}, round ${round}`, { cause: error });
    }
    expect(mirror.counts.commits).toBeGreaterThan(50);
    expect(mirror.counts.scans).toBeGreaterThan(50);
    conflicts += mirror.counts.conflicts;
  });

  it('met conflicts in some round', () => {
    expect(conflicts, `ORBIT_TEST_SEED=${seed}`).toBeGreaterThan(0);
  });
});
