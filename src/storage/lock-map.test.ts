import { expect, it } from 'vitest';
import { randomFrom } from '../../test/support/random-from.ts';
import { latin1 } from '../base/bytes.ts';
import { hashKey } from './key-hash.ts';
import { type Keyed, LockMap } from './lock-map.ts';

const seed = Number(process.env.ORBIT_TEST_SEED ?? 1);

interface Entry extends Keyed<Entry> {}

function entryOf(key: Buffer, hash: number): Entry {
  return { key: latin1(key), hash, next: undefined };
}

it('holds what a Map would, through growing, shrinking and keys that hash alike', () => {
  const random = randomFrom(seed);
  for (const hashOf of [hashKey, () => 7, (key: Buffer) => key[0]! | 0]) {
    const map = new LockMap<Entry>();
    const expected = new Map<string, Entry>();
    for (let step = 0; step < 6_000; step++) {
      // Grows for a third of the time, then dwindles.
      const grows = step % 3_000 < 1_000;
      const key = Buffer.from([random(256), random(8), 0xff]);
      const known = map.get(key, hashOf(key));
      expect(known).toBe(expected.get(latin1(key)));
      if (known === undefined && (grows || random(3) === 0)) {
        const entry = entryOf(key, hashOf(key));
        map.add(entry);
        expected.set(entry.key, entry);
      } else if (known !== undefined && !grows) {
        map.delete(known);
        map.delete(known); // Harmless.
        expected.delete(known.key);
      }
      expect(map.size).toBe(expected.size);
    }
    expect(new Set(map.values())).toEqual(new Set(expected.values()));
    for (const entry of map.values()) map.delete(entry);
    expect([map.size, ...map.values()]).toEqual([0]);
  }
});

it('tells keys apart that begin or end alike', () => {
  const map = new LockMap<Entry>();
  const keys = ['', 'a', 'ab', 'b', 'aab', '\u00ff', '\u00ff\u0000'].map((text) => Buffer.from(text, 'latin1'));
  for (const key of keys) map.add(entryOf(key, 0));
  for (const key of keys) expect(map.get(key, 0)?.key).toBe(latin1(key));
  expect(map.get(Buffer.from('ba'), 0)).toBeUndefined();
});
