/** `Transaction.putInSlices` of local stores: a long value is there as a whole once it is committed, and not at all before. */

import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Bytes, equalBytes, utf8 } from '../../src/base/bytes.ts';
import { SeededRandom } from '../../src/platform/simulated/seeded-random.ts';
import type { CommitRecord } from '../../src/storage/store.ts';
import { openTestStore, PROVIDERS, type TestStore } from '../support/stores.ts';

const SEED = process.env.ORBIT_TEST_SEED ?? '1';
const KEY = utf8('k');
const HEAD = utf8('head');
/** More than two slices. */
const LENGTH = 18_000_001;

function isWhole(stored: Bytes | undefined, value: Bytes): boolean {
  if (stored === undefined) return false;
  return equalBytes(stored.subarray(0, HEAD.length), HEAD) && equalBytes(stored.subarray(HEAD.length), value);
}

for (const provider of PROVIDERS) {
  describe(`the ${provider} provider (seed ${SEED})`, () => {
    const value = new SeededRandom(Number(SEED)).bytes(LENGTH);
    let test: TestStore;

    beforeEach(async () => {
      test = await openTestStore(provider);
    });
    afterEach(() => test.dispose());

    it('keeps a value that was put in slices, among others and over a reopening', async () => {
      const records: CommitRecord[] = [];
      test.store.watch({ start: KEY, end: utf8('l') }, (record) => {
        if (record.changes.length > 0) records.push(record);
      });
      const transaction = test.store.begin({ isolation: 'readCommitted' });
      transaction.put(utf8('a'), utf8('before'));
      const done = transaction.putInSlices!(KEY, [HEAD, value]);
      expect(await test.store.get(KEY)).toBeUndefined();
      await done;
      expect(isWhole(await transaction.get(KEY), value)).toBe(true);
      expect(await test.store.get(KEY)).toBeUndefined();
      transaction.put(utf8('b'), utf8('behind'));
      await transaction.commit();
      const [change] = records[0]!.changes;
      expect(change?.kind === 'put' && isWhole(change.value, value)).toBe(true);
      const reader = test.store.begin({ readOnly: true });
      const cursor = reader.scan({ start: utf8('a'), end: utf8('z') });
      const entries = [];
      for (let batch = await cursor.next(); batch !== undefined; batch = await cursor.next()) entries.push(...batch);
      expect(entries).toHaveLength(3);
      expect(isWhole(entries[2]!.value, value)).toBe(true);
      reader.rollback();
      if (!test.store.supports.persistent) return;
      await test.reopen();
      expect(isWhole(await test.store.get(KEY), value)).toBe(true);
      expect(await test.store.get(utf8('b'))).toEqual(Buffer.from('behind'));
    });

    it('writes nothing when the transaction ends in between', async () => {
      const transaction = test.store.begin({ isolation: 'readCommitted' });
      const done = transaction.putInSlices!(KEY, [HEAD, value]);
      transaction.rollback();
      await expect(done).rejects.toMatchObject({ code: 'transaction_closed' });
      expect(await test.store.get(KEY)).toBeUndefined();
    });

    it('takes a savepoint back', async () => {
      const transaction = test.store.begin({ isolation: 'readCommitted' });
      transaction.put(KEY, utf8('old'));
      const savepoint = transaction.savepoint();
      await transaction.putInSlices!(KEY, [HEAD, value]);
      transaction.rollbackTo(savepoint);
      expect(await transaction.get(KEY)).toEqual(Buffer.from('old'));
      await transaction.commit();
      expect(await test.store.get(KEY)).toEqual(Buffer.from('old'));
    });
  });
}
