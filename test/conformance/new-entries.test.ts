/** `Transaction.putAllNew` of local stores: what it writes, what it refuses, and that what it claims is locked like all else. */

import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Bytes, text, utf8 } from '../../src/base/bytes.ts';
import { hasCode } from '../../src/base/errors.ts';
import { SeededRandom } from '../../src/platform/simulated/seeded-random.ts';
import { operationBytes, PUT, writeOperation } from '../../src/storage/operations.ts';
import type { Savepoint, Transaction } from '../../src/storage/store.ts';
import { openTestStore, PROVIDERS, platform, type TestStore } from '../support/stores.ts';

const SEED = process.env.ORBIT_TEST_SEED ?? '1';

/** Puts of the keys, each with itself as the value. */
function puts(keys: readonly string[]): Bytes {
  const bytes = Buffer.alloc(keys.reduce((sum, key) => sum + operationBytes(key.length, key.length), 0));
  let at = 0;
  for (const key of keys) at = writeOperation(bytes, at, PUT, utf8(key), utf8(key));
  return bytes;
}

function isTaken(transaction: Transaction, key: string): boolean {
  try {
    transaction.lock([utf8(key)], { wait: 'nowait' });
    return false;
  } catch (error) {
    if (!hasCode(error, 'lock_not_available')) throw error;
    return true;
  }
}

for (const provider of PROVIDERS) {
  describe(`the ${provider} provider`, () => {
    let test: TestStore;
    const begin = () => test.store.begin({ isolation: 'readCommitted' });

    beforeEach(async () => {
      test = await openTestStore(provider);
    });
    afterEach(() => test.dispose());

    async function contents(): Promise<string[]> {
      const reader = test.store.begin({ readOnly: true });
      const keys: string[] = [];
      const cursor = reader.scan({ start: utf8('k'), end: utf8('l') });
      for (let batch = await cursor.next(); batch !== undefined; batch = await cursor.next()) {
        for (const { key, value } of batch) {
          expect(text(value)).toBe(text(key));
          keys.push(text(key));
        }
      }
      reader.rollback();
      return keys;
    }

    it('writes all of them, for its transaction first and for all when it commits', async () => {
      const transaction = begin();
      expect(transaction.putAllNew!(puts(['k1', 'k2', 'k3']), false)).toBe(true);
      expect(text((await transaction.get(utf8('k2')))!)).toBe('k2');
      expect(await test.store.get(utf8('k2'))).toBeUndefined();
      await transaction.commit();
      expect(await contents()).toEqual(['k1', 'k2', 'k3']);
    });

    it('refuses what is there, does not ascend, is locked or needs a snapshot, and writes nothing of it', async () => {
      const first = begin();
      expect(first.putAllNew!(puts(['k3', 'k5']), false)).toBe(true);
      expect(first.putAllNew!(puts(['k4', 'k5']), false)).toBe(false);
      await first.commit();
      const second = begin();
      expect(second.putAllNew!(puts(['k2', 'k3']), false)).toBe(false);
      expect(second.putAllNew!(puts(['k2', 'k1']), false)).toBe(false);
      expect(second.putAllNew!(puts(['k1', 'k1']), false)).toBe(false);
      const applied = test.store.version;
      while (test.store.statistics().appliedVersion < applied) await platform.timers.sleep(5);
      expect(second.putAllNew!(puts(['k4', 'k5']), false)).toBe(false);
      const other = begin();
      other.lock([utf8('k7')]);
      expect(second.putAllNew!(puts(['k6', 'k7']), false)).toBe(false);
      expect(second.putAllNew!(puts(['k8', 'k9']), false)).toBe(true);
      const snapshot = test.store.begin({ isolation: 'snapshot' });
      expect(snapshot.putAllNew!(puts(['ka']), false)).toBe(false);
      snapshot.rollback();
      other.rollback();
      await second.commit();
      expect(await contents()).toEqual(['k3', 'k5', 'k8', 'k9']);
    });

    it('makes others wait for a key until it ends', async () => {
      const writer = begin();
      expect(writer.putAllNew!(puts(['k1', 'k2', 'k3']), false)).toBe(true);
      const waiter = begin();
      expect(isTaken(waiter, 'k2')).toBe(true);
      expect(isTaken(waiter, 'k4')).toBe(false);
      expect(() => waiter.put(utf8('k1'), utf8('x'))).toThrow();
      const waiting = Promise.resolve(waiter.lock([utf8('k2')]));
      await writer.commit();
      await waiting;
      waiter.beginStatement();
      expect(text((await waiter.get(utf8('k2')))!)).toBe('k2');
      waiter.delete(utf8('k2'));
      await waiter.commit();
      expect(await contents()).toEqual(['k1', 'k3']);
    });

    it('keeps optimistic writers and batches off the keys as well', async () => {
      const writer = begin();
      expect(writer.putAllNew!(puts(['k1']), false)).toBe(true);
      const batch = test.store.writeBatch();
      batch.put(utf8('k1'), utf8('x'));
      expect(() => batch.commit()).toThrow('locked');
      const optimist = test.store.begin({ isolation: 'snapshot' });
      optimist.put(utf8('k1'), utf8('x'));
      const refused = expect(optimist.commit()).rejects.toMatchObject({ code: 'transaction_conflict' });
      await writer.commit();
      await refused;
      expect(await contents()).toEqual(['k1']);
    });

    it('agrees with a model of keys and their holders through savepoints, rollbacks and commits', async () => {
      const random = new SeededRandom(SEED);
      const committed = new Set<string>();
      interface Session {
        transaction: Transaction;
        held: Set<string>;
        written: Set<string>;
        marks: { savepoint: Savepoint; held: Set<string>; written: Set<string> }[];
      }
      const fresh = (): Session => ({ transaction: begin(), held: new Set(), written: new Set(), marks: [] });
      const sessions = [fresh(), fresh(), fresh()];
      const key = () => `k${String(random.int(60)).padStart(2, '0')}`;
      const heldByOther = (own: Session, wanted: string) =>
        sessions.some((each) => each !== own && each.held.has(wanted));
      let accepted = 0;
      for (let step = 0; step < 1_500; step++) {
        const place = random.int(sessions.length);
        const session = sessions[place]!;
        const { transaction, held, written, marks } = session;
        const choice = random.int(12);
        const told = `seed ${SEED}, step ${step}`;
        if (choice < 5) {
          const from = random.int(60);
          const keys = Array.from({ length: 1 + random.int(4) }, (_, i) => `k${String(from + i).padStart(2, '0')}`);
          const mayBe = keys.every((each) => !committed.has(each) && !written.has(each) && !heldByOther(session, each));
          const done = transaction.putAllNew!(puts(keys), false);
          if (done) {
            accepted++;
            expect(mayBe, told).toBe(true);
            for (const each of keys) {
              held.add(each);
              written.add(each);
            }
          }
        } else if (choice < 9) {
          const wanted = key();
          expect(isTaken(transaction, wanted), told).toBe(heldByOther(session, wanted));
          if (!heldByOther(session, wanted)) held.add(wanted);
        } else if (choice === 9) {
          marks.push({ savepoint: transaction.savepoint(), held: new Set(held), written: new Set(written) });
        } else if (choice === 10 && marks.length > 0) {
          marks.length = 1 + random.int(marks.length);
          const mark = marks.at(-1)!;
          transaction.rollbackTo(mark.savepoint);
          session.held = new Set(mark.held);
          session.written = new Set(mark.written);
        } else if (choice === 11) {
          if (random.chance(0.3)) {
            await transaction.commit();
            for (const each of written) committed.add(each);
          } else transaction.rollback();
          sessions[place] = fresh();
          if (committed.size > 40) {
            const cleaner = test.store.begin();
            for (const each of committed) {
              if (sessions.some((other) => other.held.has(each))) continue;
              cleaner.delete(utf8(each));
              committed.delete(each);
            }
            await cleaner.commit();
          }
        }
      }
      for (const { transaction } of sessions) transaction.rollback();
      expect(accepted, `seed ${SEED}`).toBeGreaterThan(0);
      expect(await contents(), `seed ${SEED}`).toEqual([...committed].sort());
    });
  });
}
