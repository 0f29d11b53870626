/**
 * Scans that are long enough to be kept by the engine, read again and again while keys between them change: always what the
 * snapshot holds, own writes included, and nothing of what was there before.
 */

import { expect, test } from 'vitest';
import { utf8 } from '../../src/base/bytes.ts';
import { PackedEntries } from '../../src/storage/packed-entries.ts';
import type { Entry, Transaction } from '../../src/storage/store.ts';
import { openTestStore, platform } from '../support/stores.ts';

const seed = process.env.ORBIT_TEST_SEED ?? '1';
const KEYS = 6_000;
const START = utf8('k/');
const END = utf8('k0');

function generator(text: string): () => number {
  let state = 2_166_136_261;
  for (const character of text) state = Math.imul(state ^ character.charCodeAt(0), 16_777_619) >>> 0;
  return () => {
    state = (state + 0x6d2b_79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

async function scanned(
  transaction: Transaction,
  from: string,
  to: string | undefined,
  packed = true,
): Promise<readonly string[]> {
  const cursor = transaction.scan({ start: utf8(from), end: to === undefined ? END : utf8(to) });
  const found: string[] = [];
  const note = ({ key, value }: Entry) => found.push(`${Buffer.from(key)}=${Buffer.from(value)}`);
  for (;;) {
    const batch = await (packed && cursor.nextPacked !== undefined ? cursor.nextPacked() : cursor.next());
    if (batch === undefined) break;
    for (const entry of batch instanceof PackedEntries ? batch.entries() : batch) note(entry);
  }
  cursor.close();
  return found;
}

test.each(['memory', 'rocksdb'] as const)(
  'long scans of %s tell the snapshot, however often they are read',
  async (provider) => {
    const fixture = await openTestStore(provider);
    const { store } = fixture;
    const random = generator(`${seed} ${provider}`);
    const model = new Map<string, string>();
    const name = (i: number): string => `k/${String(i).padStart(6, '0')}`;
    const expected = (from: string, to: string | undefined, entries: ReadonlyMap<string, string>) =>
      [...entries]
        .filter(([key]) => key >= from && (to === undefined || key < to))
        .sort(([a], [b]) => (a < b ? -1 : 1))
        .map(([key, value]) => `${key}=${value}`);
    try {
      const load = store.begin();
      for (let i = 0; i < KEYS; i += 2) {
        model.set(name(i), `v${i}`);
        load.put(utf8(name(i)), utf8(`v${i}`));
      }
      await load.commit();
      const old = store.begin({ readOnly: true });
      const before = new Map(model);
      for (let round = 0; round < 12; round++) {
        // Until the engine has all of it: then it may keep what it reads.
        while (store.statistics().appliedVersion < store.version) await platform.timers.sleep(5);
        const reader = store.begin({ readOnly: true });
        // Short ones leave gaps between what is kept of them, which others begin in or cross.
        for (let i = 0; i < 40; i++) {
          const at = Math.floor(random() * KEYS);
          const [a, b] = [name(at), name(at + Math.floor(random() ** 2 * 600))];
          expect(await scanned(reader, a, b, random() < 0.8), `seed ${seed} round ${round} short ${i}`).toEqual(
            expected(a, b, model),
          );
        }
        for (const [from, to] of [
          [START, undefined],
          [utf8(name(Math.floor(random() * KEYS))), utf8(name(KEYS - Math.floor(random() * 1_000)))],
          [START, undefined],
        ] as const) {
          const [a, b] = [Buffer.from(from).toString(), to && Buffer.from(to).toString()];
          expect(await scanned(reader, a, b), `seed ${seed} round ${round}`).toEqual(expected(a, b, model));
          const plain = await scanned(reader, a, b, false);
          expect(plain, `without packing, seed ${seed} round ${round}`).toEqual(expected(a, b, model));
        }
        reader.rollback();
        const writer = store.begin();
        for (let i = 0; i < 1 + random() * 8; i++) {
          const key = name(Math.floor(random() * KEYS));
          if (random() < 0.4) {
            model.delete(key);
            writer.delete(utf8(key));
          } else {
            model.set(key, `new ${round} ${i}`);
            writer.put(utf8(key), utf8(`new ${round} ${i}`));
          }
        }
        if (random() < 0.2) {
          const at = Math.floor(random() * KEYS);
          const [from, to] = [name(at), name(at + 40)];
          for (const key of [...model.keys()]) if (key >= from && key < to) model.delete(key);
          writer.deleteRange({ start: utf8(from), end: utf8(to) });
        }
        // Its own writes are seen before they are committed, and by nobody else.
        expect(await scanned(writer, 'k/', undefined), `own writes, seed ${seed} round ${round}`).toEqual(
          expected('k/', undefined, model),
        );
        await writer.commit();
        if (round % 4 === 3) {
          expect(await scanned(old, 'k/', undefined), `old snapshot, seed ${seed} round ${round}`).toEqual(
            expected('k/', undefined, before),
          );
        }
      }
      old.rollback();
    } finally {
      await fixture.dispose();
    }
  },
  60_000,
);

test.each(['memory', 'rocksdb'] as const)(
  'batches of %s hold few large values, in either direction',
  async (provider) => {
    const { store, dispose } = await openTestStore(provider);
    const name = (i: number): string => `k/${String(i).padStart(3, '0')}`;
    const value = (key: string, generation: string): string => `${generation} ${key}`.padEnd(60_000, '.');
    try {
      const load = store.begin();
      for (let i = 0; i < 40; i++) load.put(utf8(name(i)), utf8(value(name(i), 'old')));
      await load.commit();
      // A third lies in the transaction, the others in the engine or above it.
      const transaction = store.begin();
      const expected = new Map<string, string>();
      for (let i = 0; i < 40; i++) {
        const isOwn = i % 3 === 0;
        if (isOwn && i % 2 === 0) transaction.delete(utf8(name(i)));
        else if (isOwn) transaction.put(utf8(name(i)), utf8(value(name(i), 'new')));
        if (!isOwn || i % 2 === 1) expected.set(name(i), value(name(i), isOwn ? 'new' : 'old'));
      }
      for (const reverse of [false, true]) {
        const cursor = transaction.scan({ start: START, end: END }, { reverse });
        const found: string[] = [];
        for (let batch = await cursor.next(); batch !== undefined; batch = await cursor.next()) {
          // The last one may go beyond the bound.
          expect(batch.reduce((sum, entry) => sum + entry.value.length, 0)).toBeLessThan(256 * 1024 + 60_000);
          for (const entry of batch) {
            const key = Buffer.from(entry.key).toString();
            expect(Buffer.from(entry.value).toString() === expected.get(key), key).toBe(true);
            found.push(key);
          }
        }
        const keys = [...expected.keys()];
        expect(found).toEqual(reverse ? keys.toReversed() : keys);
      }
      transaction.rollback();
    } finally {
      await dispose();
    }
  },
);
