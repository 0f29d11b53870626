/** Scenarios 1 to 5 and 8 to 13 of the reference: optimistic transactions, conflicts, and outcomes. */

import { expect } from 'vitest';
import type { ArrivedCall } from '../../test-cluster/faults.ts';
import { suite } from '../support/scenario.ts';
import { bytes, getText, outcomeOf, putAll, putText, readText, scanText } from '../support/world.ts';

export const transactions = suite('transactions', (scenario) => {
  scenario(1, 'set, read, overwrite and delete a key', async (newWorld) => {
    await newWorld().run(async (client) => {
      expect(await readText(client, 'a')).toBeUndefined();
      await putAll(client, { a: '1' });
      expect(await readText(client, 'a')).toBe('1');
      await putAll(client, { a: '2' });
      expect(await readText(client, 'a')).toBe('2');
      const transaction = await client.begin();
      transaction.delete(bytes('a'));
      expect(await getText(transaction, 'a')).toBeUndefined();
      await transaction.commit();
      expect(await readText(client, 'a')).toBeUndefined();
    });
  });

  scenario(
    2,
    'scan hundreds of keys over many regions, forward and backward, in any size of batch',
    async (newWorld) => {
      const world = newWorld();
      const keys = Array.from({ length: 300 }, (_, i) => `k${String(i).padStart(3, '0')}`);
      world.cluster.split('k050', 'k051', 'k099', 'k100', 'k2', 'k250');
      for (const scanBatchSize of [1, 2, 3, 7, 50, 256]) {
        await world.run(
          async (client) => {
            if (scanBatchSize === 1) await putAll(client, Object.fromEntries(keys.map((key) => [key, `v${key}`])));
            const reader = await client.begin();
            const all = keys.map((key) => `${key}=v${key}`);
            expect(await scanText(reader)).toEqual(all);
            expect(await scanText(reader, '', '', { reverse: true })).toEqual(all.toReversed());
            expect(await scanText(reader, 'k049', 'k101')).toEqual(all.slice(49, 101));
            expect(await scanText(reader, 'k049', 'k101', { reverse: true })).toEqual(all.slice(49, 101).reverse());
            expect(await scanText(reader, 'k09', '', { limit: 20 })).toEqual(all.slice(90, 110));
            expect(await scanText(reader, 'k050', 'k051', { keysOnly: true })).toEqual(['k050=']);
            expect(await scanText(reader, 'k3', 'k4')).toEqual([]);
          },
          { scanBatchSize },
        );
      }
    },
  );

  scenario([], 'see their own writes in gets, batches and scans', async (newWorld) => {
    const world = newWorld();
    world.cluster.split('c', 'e');
    await world.run(async (client) => {
      await putAll(client, { a: '1', b: '2', c: '3', d: '4', e: '5' });
      const transaction = await client.begin();
      putText(transaction, 'b', 'own');
      putText(transaction, 'bb', 'new');
      transaction.delete(bytes('d'));
      putText(transaction, 'z', 'last');
      expect(await scanText(transaction)).toEqual(['a=1', 'b=own', 'bb=new', 'c=3', 'e=5', 'z=last']);
      expect(await scanText(transaction, '', '', { reverse: true, limit: 3 })).toEqual(['z=last', 'e=5', 'c=3']);
      const found = await transaction.batchGet(['d', 'b', 'a', 'nope', 'z'].map(bytes));
      expect(found.map(String)).toEqual(['undefined', 'own', '1', 'undefined', 'last']);
      const savepoint = transaction.savepoint();
      putText(transaction, 'b', 'undone');
      transaction.delete(bytes('a'));
      await transaction.rollbackTo(savepoint);
      expect(await scanText(transaction, 'a', 'bb')).toEqual(['a=1', 'b=own']);
      await transaction.rollback();
      expect(await readText(client, 'z')).toBeUndefined();
    });
  });

  scenario(3, 'answer a batch with absent, repeated and locked keys', async (newWorld) => {
    const world = newWorld();
    world.cluster.split('m');
    await world.run(async (client) => {
      await putAll(client, { a: '1', n: '2', z: '3' });
      await client.settled();
      // The commits of this one's secondaries get lost: they stay locked.
      world.cluster.faults.add({ method: 'KvCommit', after: 1, times: 100, action: { kind: 'swallow' } });
      const writer = await client.begin({ asyncCommit: false });
      for (const key of ['a', 'n', 'z']) putText(writer, key, `new ${key}`);
      await writer.commit();
      const reader = await client.begin();
      const found = await reader.batchGet(['z', 'nope', 'a', 'n', 'a'].map(bytes));
      expect(found.map(String)).toEqual(['new z', 'undefined', 'new a', 'new n', 'new a']);
      world.cluster.faults.clear();
    });
  });

  scenario(4, 'let the second committer lose, and the reader of the old snapshot alone', async (newWorld) => {
    await newWorld().run(async (client) => {
      await putAll(client, { a: '0' });
      const [first, second, reader] = [await client.begin(), await client.begin(), await client.begin()];
      putText(first, 'a', '1');
      putText(second, 'a', '2');
      await first.commit();
      await expect(second.commit()).rejects.toMatchObject({ code: 'write_conflict', retry: 'transaction' });
      expect(await getText(reader, 'a')).toBe('0');
      expect(await readText(client, 'a')).toBe('1');
    });
  });

  scenario(5, 'add up to the exact sum when increments run into each other', async (newWorld) => {
    const world = newWorld({ seed: 5 });
    await world.run(async (client) => {
      await putAll(client, { n: '0' });
      const increment = async () => {
        for (;;) {
          const transaction = await client.begin();
          putText(transaction, 'n', String(Number(await getText(transaction, 'n')) + 1));
          try {
            await transaction.commit();
            return;
          } catch (error) {
            expect(error).toMatchObject({ retry: 'transaction' });
          }
        }
      };
      await Promise.all(Array.from({ length: 20 }, increment));
      expect(await readText(client, 'n')).toBe('20');
    });
  });

  scenario(8, 'leave no lock behind when the prewrite fails', async (newWorld) => {
    const world = newWorld();
    world.cluster.split('b', 'c');
    await world.run(async (client) => {
      const loser = await client.begin();
      for (const key of ['a', 'b', 'c']) putText(loser, key, 'loser');
      await putAll(client, { b: 'winner' });
      await expect(loser.commit()).rejects.toMatchObject({ code: 'write_conflict' });
      await client.settled();
      expect(world.cluster.state.data.locked.size).toBe(0);
      expect(await scanText(await client.begin())).toEqual(['b=winner']);
    });
  });

  scenario(35, 'refuse duplicates with the key in question, and an insert after its own delete', async (newWorld) => {
    await newWorld().run(async (client) => {
      await putAll(client, { a: '1' });
      const duplicate = await client.begin();
      duplicate.insert(bytes('a'), bytes('2'));
      await expect(duplicate.commit()).rejects.toMatchObject({ code: 'already_exists', key: bytes('a') });
      const checked = await client.begin();
      checked.insert(bytes('a'), bytes('2'));
      checked.delete(bytes('a'));
      putText(checked, 'b', 'x');
      await expect(checked.commit()).rejects.toMatchObject({ code: 'already_exists' });
      const fresh = await client.begin();
      fresh.insert(bytes('c'), bytes('2'));
      await fresh.commit();
      expect(await readText(client, 'c')).toBe('2');
    });
  });

  for (const first of ['assertion', 'conflict'])
    scenario(35, `tell of a conflict rather than of an assertion, the ${first} answered first`, async (newWorld) => {
      const world = newWorld();
      world.cluster.split('m');
      await world.run(async (client) => {
        await putAll(client, { a: '1', z: '1' });
        const loser = await client.begin({ asyncCommit: false, onePhaseCommit: false });
        await putAll(client, { z: '2' });
        const begins = (key: string) => (call: ArrivedCall) =>
          (call.request.mutations as { key: Buffer }[])[0]?.key.toString() === key;
        const failed = { startTs: loser.startTs, key: bytes('a'), assertion: 1 };
        world.cluster.faults.add({
          method: 'KvPrewrite',
          when: begins('a'),
          action: { kind: 'respond', response: { errors: [{ assertionFailed: failed }] } },
        });
        world.cluster.faults.add({
          method: 'KvPrewrite',
          when: begins(first === 'conflict' ? 'a' : 'z'),
          action: { kind: 'delay', ms: 50 },
        });
        putText(loser, 'a', 'x');
        putText(loser, 'z', 'x');
        expect(await outcomeOf(loser)).toBe('write_conflict');
      });
    });

  scenario([], 'guard keys that they only read', async (newWorld) => {
    await newWorld().run(async (client) => {
      await putAll(client, { a: '1', b: '1' });
      const guarded = await client.begin();
      guarded.guard(bytes('a'));
      putText(guarded, 'b', '2');
      await putAll(client, { a: 'changed' });
      await expect(guarded.commit()).rejects.toMatchObject({ code: 'write_conflict' });
    });
  });

  scenario(12, 'move the commit timestamp when a reader has pushed it, but not by hours', async (newWorld) => {
    const world = newWorld({ client: { asyncCommit: false, onePhaseCommit: false } });
    await world.run(async (client) => {
      let readerSaw: string | undefined = 'nothing yet';
      world.cluster.faults.add({ method: 'KvCommit', action: { kind: 'delay', ms: 200 } });
      const writer = await client.begin();
      putText(writer, 'a', '1');
      const committing = writer.commit();
      const reading = (async () => {
        await new Promise<void>((resolve) => void world.time.after(100, resolve));
        readerSaw = await readText(client, 'a');
      })();
      await Promise.all([committing, reading]);
      expect(readerSaw).toBeUndefined(); // It did not wait: the commit was pushed behind it.
      expect(await readText(client, 'a')).toBe('1');
      expect(world.cluster.faults.count('KvCommit')).toBe(2);

      const far = { startTs: 1n, attemptedCommitTs: 1n, minCommitTs: 1n + (3_600_001n << 18n), key: bytes('a') };
      world.cluster.faults.add({
        method: 'KvCommit',
        action: { kind: 'respond', response: { error: { commitTsExpired: far } } },
      });
      const pushedFar = await client.begin();
      putText(pushedFar, 'a', '2');
      await expect(pushedFar.commit()).rejects.toMatchObject({ code: 'aborted' });
    });
  });
});
