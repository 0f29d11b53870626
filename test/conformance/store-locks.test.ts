/** What the storage contract says of locks, held against every provider. */

import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { text, utf8 } from '../../src/base/bytes.ts';
import type { Store } from '../../src/storage/store.ts';
import { asText, type Entries, failure, writeEntries } from '../support/entries.ts';
import { CONTRACT_PROVIDERS, type ContractStore, openContractStore, platform } from '../support/stores.ts';

for (const provider of CONTRACT_PROVIDERS) {
  describe(`locks of the ${provider} provider`, () => {
    let test: ContractStore;
    let store: Store;

    beforeEach(async () => {
      test = await openContractStore(provider);
      store = test.store;
    });
    afterEach(() => test.dispose());

    const write = (entries: Entries) => writeEntries(store, entries);

    it('answer nowait, skip and timeout', async () => {
      const holder = store.begin();
      await holder.lock([utf8('l')]);
      const other = store.begin();
      expect(await failure(() => other.lock([utf8('l')], { wait: 'nowait' }))).toMatchObject({
        code: 'lock_not_available',
      });
      expect((await other.lock([utf8('k'), utf8('l'), utf8('m')], { wait: 'skip' })).map(text)).toEqual(['k', 'm']);
      await expect(other.lock([utf8('l')], { timeoutMs: 10 })).rejects.toMatchObject({ code: 'lock_not_available' });
      holder.rollback();
      expect((await other.lock([utf8('l')])).map(text)).toEqual(['l']);
      other.rollback();
    });

    it('are shared in share mode', async ({ skip }) => {
      if (!store.supports.sharedLocks) skip();
      const [one, two, three] = [store.begin(), store.begin(), store.begin()];
      await one.lock([utf8('l')], { mode: 'share' });
      await two.lock([utf8('l')], { mode: 'share' });
      expect(await failure(() => three.lock([utf8('l')], { wait: 'nowait' }))).toMatchObject({
        code: 'lock_not_available',
      });
      for (const transaction of [one, two, three]) transaction.rollback();
    });

    it('let writers pass who rely on presence, and nobody pass who removes', async ({ skip }) => {
      if (!store.supports.sharedLocks) skip();
      await write({ l: 'before' });
      const [one, two, three] = [store.begin(), store.begin(), store.begin({ isolation: 'snapshot' })];
      expect(asText(await three.get(utf8('l')))).toBe('before');
      await one.lock([utf8('l')], { mode: 'presence' });
      two.put(utf8('l'), utf8('after'));
      expect(await failure(() => two.lock([utf8('l')], { mode: 'removal', wait: 'nowait' }))).toMatchObject({
        code: 'lock_not_available',
      });
      await two.commit();
      // Against its snapshot the value has changed; that there is one has not.
      expect((await three.lock([utf8('l')], { mode: 'presence' })).map(text)).toEqual(['l']);
      expect(await failure(() => three.lock([utf8('l')], { mode: 'share' }))).toMatchObject({
        code: 'transaction_conflict',
      });
      one.rollback();
      three.rollback();
    });

    it('find a deadlock at once and name it', async () => {
      const one = store.begin({ label: 'one' });
      const two = store.begin({ label: 'two' });
      await one.lock([utf8('a')]);
      await two.lock([utf8('b')]);
      const waiting = one.lock([utf8('b')]);
      const start = platform.clock.monotonicMs();
      const failure = await Promise.resolve()
        .then(() => two.lock([utf8('a')]))
        .catch((error: unknown) => error);
      expect(failure).toMatchObject({ code: 'deadlock' });
      expect((failure as Error).message).toMatch(/one[\s\S]*two|two[\s\S]*one/);
      expect(platform.clock.monotonicMs() - start).toBeLessThan(100);
      two.rollback();
      await waiting;
      one.rollback();
    });

    it('make an optimistic writer wait, and fail if the holder changed the key', async () => {
      await write({ a: '1', b: '1' });
      const holder = store.begin();
      await holder.lock([utf8('a'), utf8('b')]);
      const loser = store.begin();
      loser.put(utf8('a'), utf8('optimistic'));
      const winner = store.begin();
      winner.put(utf8('b'), utf8('optimistic'));
      const outcomes = Promise.allSettled([loser.commit(), winner.commit()]);
      holder.put(utf8('a'), utf8('held'));
      await holder.commit();
      const [lost, won] = await outcomes;
      expect(lost).toMatchObject({ status: 'rejected', reason: { code: 'transaction_conflict' } });
      // In a store that others share a lock leaves its mark, which may count as a change.
      if (!store.supports.shared) expect(won.status).toBe('fulfilled');
    });

    it('refuse a lock on a key that changed since a snapshot', async () => {
      await write({ a: '1' });
      const transaction = store.begin();
      await write({ a: '2' });
      expect(await failure(() => transaction.lock([utf8('a')]))).toMatchObject({ code: 'transaction_conflict' });
      transaction.rollback();
    });

    it('keep write batches away', async () => {
      const holder = store.begin();
      await holder.lock([utf8('a')]);
      const batch = store.writeBatch();
      batch.put(utf8('a'), utf8('x'));
      expect(await failure(() => batch.commit())).toMatchObject({ code: 'transaction_conflict' });
      holder.rollback();
      const again = store.writeBatch();
      again.put(utf8('a'), utf8('x'));
      await again.commit();
      expect(asText(await store.get(utf8('a')))).toBe('x');
    });
  });
}
