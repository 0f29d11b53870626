/**
 * Short scans of what is partly in the engine, partly above it, partly the transaction's own, with many ranges deleted around
 * and under them: compared with the state that a list of all commits adds up to.
 */

import { expect, test } from 'vitest';
import { text, utf8 } from '../../src/base/bytes.ts';
import { SeededRandom } from '../../src/platform/simulated/seeded-random.ts';
import type { KeyRange } from '../../src/storage/key-range.ts';
import { PackedEntries } from '../../src/storage/packed-entries.ts';
import type { ScanOptions, Transaction } from '../../src/storage/store.ts';
import { settleStore } from '../support/entries.ts';
import { openTestStore, PROVIDERS } from '../support/stores.ts';

const seed = process.env.ORBIT_TEST_SEED ?? '1';
const TABLES = 12;
const ROWS = 40;

type State = ReadonlyMap<string, string>;

function rowName(table: number, row: number): string {
  return `${tableName(table)}/${String(row).padStart(2, '0')}`;
}

function tableName(table: number): string {
  return `t${String(table).padStart(2, '0')}`;
}

function tableRange(table: number): KeyRange {
  return { start: utf8(`${tableName(table)}/`), end: utf8(`${tableName(table)}0`) };
}

async function scanned(transaction: Transaction, range: KeyRange, options: ScanOptions, packed: boolean) {
  const cursor = transaction.scan(range, options);
  const found: string[] = [];
  for (;;) {
    const batch = await (packed && cursor.nextPacked !== undefined ? cursor.nextPacked() : cursor.next());
    if (batch === undefined) break;
    const entries = batch instanceof PackedEntries ? batch.entries() : batch;
    for (const { key, value } of entries) found.push(`${text(key)}=${options.keysOnly === true ? '' : text(value)}`);
  }
  cursor.close();
  return found;
}

function expected(state: State, { start, end }: KeyRange, { reverse, limit, keysOnly }: ScanOptions): string[] {
  const found = [...state]
    .filter(([key]) => key >= text(start) && (end === undefined || key < text(end)))
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, value]) => `${key}=${keysOnly === true ? '' : value}`);
  if (reverse === true) found.reverse();
  return found.slice(0, limit);
}

/** A few changes of what a transaction writes, made of `state` too. */
function change(random: SeededRandom, transaction: Transaction, state: Map<string, string>, stamp: string): void {
  const table = random.int(TABLES);
  const remove = ({ start, end }: KeyRange): void => {
    transaction.deleteRange({ start, end });
    for (const key of [...state.keys()]) {
      if (key >= text(start) && (end === undefined || key < text(end))) state.delete(key);
    }
  };
  if (random.chance(0.3)) remove(tableRange(table));
  else if (random.chance(0.1)) remove({ start: tableRange(table).start, end: tableRange(random.int(TABLES)).end });
  else if (random.chance(0.02)) remove({ start: utf8('t'), end: undefined });
  for (let i = random.int(ROWS); i > 0; i--) {
    const key = rowName(table, random.int(ROWS));
    if (random.chance(0.2)) {
      transaction.delete(utf8(key));
      state.delete(key);
    } else {
      const value = `${stamp} ${'x'.repeat(random.int(60))}`;
      transaction.put(utf8(key), utf8(value));
      state.set(key, value);
    }
  }
}

async function check(random: SeededRandom, transaction: Transaction, state: State, where: string): Promise<void> {
  for (let i = 0; i < 6; i++) {
    const table = random.int(TABLES);
    const range = random.chance(0.7)
      ? tableRange(table)
      : {
          start: utf8(rowName(table, random.int(ROWS))),
          end: random.chance(0.3) ? undefined : utf8(rowName(table + 1, 9)),
        };
    const options: ScanOptions = {
      reverse: random.chance(0.2),
      keysOnly: random.chance(0.2),
      ...(random.chance(0.3) && { limit: 1 + random.int(50) }),
    };
    const told = `${where}, ${text(range.start)} ${JSON.stringify(options)}`;
    expect(await scanned(transaction, range, options, true), told).toEqual(expected(state, range, options));
    expect(await scanned(transaction, range, options, true), `${told} again`).toEqual(expected(state, range, options));
    expect(await scanned(transaction, range, options, false), told).toEqual(expected(state, range, options));
    const key = rowName(table, random.int(ROWS));
    const value = await transaction.get(utf8(key));
    expect(value && text(value), `${where}, ${key}`).toEqual(state.get(key));
  }
}

test.each(PROVIDERS)(
  'short scans of %s read what is there, whatever was deleted around it',
  async (provider) => {
    const fixture = await openTestStore(provider, { overlayBytesMax: 4 << 20 });
    const { store } = fixture;
    const random = new SeededRandom(`short scans ${seed}`);
    let state = new Map<string, string>();
    const readers: { readonly transaction: Transaction; readonly state: State }[] = [];
    try {
      for (let round = 0; round < 250; round++) {
        const where = `seed ${seed} round ${round}`;
        const writer = store.begin({ isolation: random.pick(['snapshot', 'serializable', 'readCommitted'] as const) });
        const written = new Map(state);
        change(random, writer, written, `${round}`);
        if (random.chance(0.3)) {
          const savepoint = writer.savepoint();
          const tried = new Map(written);
          change(random, writer, tried, `${round} tried`);
          await check(random, writer, tried, `${where} tried`);
          writer.rollbackTo(savepoint);
        }
        if (random.chance(0.5)) await check(random, writer, written, `${where} own`);
        if (random.chance(0.2)) {
          const frozen = writer.freeze!();
          const before = new Map(written);
          change(random, writer, written, `${round} later`);
          const range = tableRange(random.int(TABLES));
          const cursor = frozen.scan(range, {});
          const found: string[] = [];
          for (let batch = await cursor.next(); batch !== undefined; batch = await cursor.next())
            for (const { key, value } of batch) found.push(`${text(key)}=${text(value)}`);
          expect(found, `${where} frozen`).toEqual(expected(before, range, {}));
          frozen.end();
        }
        await writer.commit();
        state = written;
        if (random.chance(0.15)) await settleStore(store);
        const reader = store.begin({ readOnly: true });
        await check(random, reader, state, where);
        if (random.chance(0.2)) readers.push({ transaction: reader, state });
        else reader.rollback();
        for (const old of readers) await check(random, old.transaction, old.state, `${where} old`);
        while (readers.length > 3) readers.splice(random.int(readers.length), 1)[0]!.transaction.rollback();
      }
      for (const { transaction } of readers) transaction.rollback();
    } finally {
      await fixture.dispose();
    }
  },
  60_000,
);

test.each(PROVIDERS)(
  'packed scans of %s hold few long values, and none that is too long to be copied',
  async (provider) => {
    const fixture = await openTestStore(provider, { overlayBytesMax: 16 << 20 });
    const { store } = fixture;
    const range = { start: utf8('v/'), end: utf8('v0') };
    const state = new Map<string, string>();
    const write = async (name: string, bytes: number): Promise<void> => {
      const writer = store.begin();
      state.set(`v/${name}`, name.repeat(bytes / name.length));
      writer.put(utf8(`v/${name}`), utf8(state.get(`v/${name}`)!));
      await writer.commit();
    };
    const read = async (): Promise<void> => {
      const reader = store.begin({ readOnly: true });
      for (let times = 0; times < 3; times++) {
        for (const options of [{}, { limit: 3 }]) {
          expect(await scanned(reader, range, options, true)).toEqual(expected(state, range, options));
        }
      }
      reader.rollback();
    };
    try {
      await read();
      for (let i = 10; i < 22; i++) await write(String(i), i % 5 === 0 ? 600_000 : 100_000);
      await read();
      await settleStore(store);
      await read();
      await write('11', 300_000);
      await write('105', 30_000);
      await write('19', 20_000);
      await read();
    } finally {
      await fixture.dispose();
    }
  },
);
