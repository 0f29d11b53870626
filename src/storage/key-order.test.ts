import fc from 'fast-check';
import { expect, it } from 'vitest';
import { compareBytes } from '../base/bytes.ts';
import { sortByKey } from './key-order.ts';

const seed = Number(process.env.ORBIT_TEST_SEED ?? 1);

/** The keys one behind another, as an arena has them, and what is sorted: their numbers. */
function sorted(keys: readonly Uint8Array[]): number[] {
  const starts: number[] = [];
  let used = 0;
  for (const key of keys) {
    starts.push(used);
    used += key.length;
  }
  const order = Int32Array.from(keys.keys());
  sortByKey(order, {
    bytes: Buffer.concat(keys),
    keyStart: (entry) => starts[entry]!,
    keyLength: (entry) => keys[entry]!.length,
    compare: (a, b) => compareBytes(keys[a]!, keys[b]!),
  });
  return [...order];
}

const byte = fc.integer({ min: 0, max: 255 });
const fewBytes = fc.constantFrom<number>(0, 1, 255);

/** Keys of one kind, no two alike: of any bytes; of few, so that many begin alike or end where others go on. */
const manyKeys = fc
  .record({
    prefix: fc.array(byte, { maxLength: 40 }),
    keys: fc.oneof(
      fc.array(fc.array(byte, { maxLength: 12 }), { maxLength: 1_500, size: 'max' }),
      fc.array(fc.array(fewBytes, { maxLength: 24 }), { maxLength: 1_500, size: 'max' }),
    ),
  })
  .map(({ prefix, keys }) => {
    const distinct = new Map(keys.map((key) => [String(key), Uint8Array.from([...prefix, ...key])]));
    return [...distinct.values()];
  });

it('puts keys in the order of their bytes', () => {
  fc.assert(
    fc.property(manyKeys, (keys) => {
      const expected = [...keys.keys()].sort((a, b) => compareBytes(keys[a]!, keys[b]!));
      expect(sorted(keys)).toEqual(expected);
    }),
    { seed, numRuns: 60 },
  );
});

it('puts keys in order each of which is the beginning of the next', () => {
  const keys = Array.from({ length: 3_000 }, (_, i) => Buffer.alloc((i * 7) % 3_000));
  expect(sorted(keys).map((entry) => keys[entry]!.length)).toEqual([...keys.keys()]);
});
