/** Scenarios 28 to 35 of the reference: pessimistic transactions. */

import { expect } from 'vitest';
import type { TikvClient } from '../../src/client.ts';
import { TikvError } from '../../src/errors.ts';
import type { Transaction } from '../../src/transaction.ts';
import { suite } from '../support/scenario.ts';
import { bytes, getText, outcomeOf, pause, putAll, putText, readText, scanText } from '../support/world.ts';

const begin = (client: TikvClient): Promise<Transaction> => client.begin({ pessimistic: true });

async function lockText(transaction: Transaction, keys: readonly string[], options = {}): Promise<string> {
  try {
    await transaction.lock(keys.map(bytes), options);
    return 'locked';
  } catch (error) {
    return error instanceof TikvError ? `${error.code}${error.statementRetry ? ' (statement)' : ''}` : String(error);
  }
}

export const pessimisticTransactions = suite('pessimistic transactions', (scenario) => {
  scenario(28, 'wait for a lock, give up in time, or do not wait at all', async (newWorld) => {
    const world = newWorld();
    await world.run(async (client) => {
      const [first, second, third] = [await begin(client), await begin(client), await begin(client)];
      expect(await lockText(first, ['a'])).toBe('locked');
      expect(await lockText(second, ['a'], { waitMs: 0 })).toBe('lock_not_available');
      const before = world.time.elapsedMs;
      expect(await lockText(second, ['a'], { waitMs: 2_500 })).toBe('lock_wait_timeout');
      expect(world.time.elapsedMs - before).toBeGreaterThan(2_400);
      expect(world.time.elapsedMs - before).toBeLessThan(4_000);
      const waiting = lockText(third, ['a']);
      await pause(world, 3_000);
      putText(first, 'a', '1');
      await first.commit();
      expect(await waiting).toBe('write_conflict (statement)');
      await third.beginStatement();
      expect(await lockText(third, ['a'])).toBe('locked');
      expect(await getText(third, 'a')).toBe('1');
      putText(third, 'a', '2');
      await third.commit();
      expect(await readText(client, 'a')).toBe('2');
    });
  });

  scenario(28, 'wait no longer than the time of the statement', async (newWorld) => {
    const world = newWorld();
    await world.run(async (client) => {
      const [holder, waiter] = [await begin(client), await begin(client)];
      expect(await lockText(holder, ['a'])).toBe('locked');
      const before = world.time.elapsedMs;
      expect(await lockText(waiter, ['a'], { waitMs: 30_000, statementMs: 1_500 })).toBe('cancelled');
      expect(world.time.elapsedMs - before).toBeGreaterThan(1_400);
      expect(world.time.elapsedMs - before).toBeLessThan(3_000);
      expect(await lockText(waiter, ['a'], { waitMs: 100, statementMs: 1_500 })).toBe('lock_wait_timeout');
      await holder.rollback();
      expect(await lockText(waiter, ['a'], { waitMs: 100, statementMs: 1_500 })).toBe('locked');
      await waiter.rollback();
    });
  });

  scenario(29, 'fail a statement whose key has changed, and choose a new primary for the next', async (newWorld) => {
    const world = newWorld();
    await world.run(async (client) => {
      const transaction = await begin(client);
      await putAll(client, { b: 'newer' });
      expect(await lockText(transaction, ['a', 'b'])).toBe('write_conflict (statement)');
      await pause(world, 2_000);
      expect(world.cluster.state.data.locked.size).toBe(0);
      await transaction.beginStatement();
      expect(await lockText(transaction, ['b', 'c'])).toBe('locked');
      expect(String(transaction.primary)).toBe('b');
      putText(transaction, 'b', 'mine');
      await transaction.commit();
      expect(await readText(client, 'b')).toBe('mine');
    });
  });

  for (const count of [2, 3])
    scenario(30, `find a deadlock of ${count} transactions: one fails, the others go on`, async (newWorld) => {
      const world = newWorld({ seed: count });
      await world.run(async (client) => {
        const transactions = await Promise.all(Array.from({ length: count }, () => begin(client)));
        for (const [i, one] of transactions.entries()) expect(await lockText(one, [`k${i}`])).toBe('locked');
        const failures: unknown[] = [];
        await Promise.all(
          transactions.map(async (one, i) => {
            await one.lock([bytes(`k${(i + 1) % count}`)]).catch((error: unknown) => failures.push(error));
            await one.rollback();
          }),
        );
        expect(failures).toMatchObject([{ code: 'deadlock' }]);
        // The victim hears who waited for whom: each of them, once.
        const { waitChain } = failures[0] as TikvError;
        expect([...waitChain!].sort()).toEqual(transactions.map(({ startTs }) => startTs).sort());
        await client.settled();
        await pause(world, 2_000);
        expect(world.cluster.state.data.locked.size).toBe(0);
      });
    });

  scenario(31, 'notice at commit that their lock was lost, unless nothing was written meanwhile', async (newWorld) => {
    const world = newWorld();
    await world.run(async (client) => {
      const lost = await begin(client);
      expect(await lockText(lost, ['a'])).toBe('locked');
      const { data } = world.cluster.state;
      data.clearLock(data.state('a'));
      await putAll(client, { a: 'other' });
      putText(lost, 'a', 'mine');
      expect(await outcomeOf(lost)).toBe('aborted');
      const amended = await begin(client);
      expect(await lockText(amended, ['a'])).toBe('locked');
      data.clearLock(data.state('a'));
      putText(amended, 'a', 'amended');
      expect(await outcomeOf(amended)).toBe('committed');
      expect(await readText(client, 'a')).toBe('amended');
    });
  });

  scenario([18, 31], 'are kept alive by their heartbeat, and notice when it finds nothing', async (newWorld) => {
    const world = newWorld();
    await world.run(async (client) => {
      const long = await begin(client);
      expect(await lockText(long, ['a'])).toBe('locked');
      const other = await begin(client);
      expect(await lockText(other, ['a'], { waitMs: 60_000 })).toMatch(/lock_(wait_timeout|unresolved)/);
      putText(long, 'a', 'kept');
      expect(await outcomeOf(long)).toBe('committed');
      const dead = await begin(client);
      expect(await lockText(dead, ['b'])).toBe('locked');
      world.cluster.state.data.clearLock(world.cluster.state.data.state('b'));
      await pause(world, 15_000);
      putText(dead, 'b', 'late');
      expect(await outcomeOf(dead)).toBe('aborted');
    });
  });

  scenario(
    32,
    'leave no lock behind when a request of many keys fails half-way, even one taken late',
    async (newWorld) => {
      const world = newWorld();
      world.cluster.split('m');
      await world.run(async (client) => {
        const holder = await begin(client);
        expect(await lockText(holder, ['z'])).toBe('locked');
        const transaction = await begin(client);
        const late = (call: { request: Readonly<Record<string, unknown>> }) =>
          (call.request.mutations as { key: Buffer }[])[0]?.key.toString() === 'b';
        world.cluster.faults.add({ method: 'KvPessimisticLock', when: late, action: { kind: 'duplicate' } });
        expect(await lockText(transaction, ['a', 'b', 'z'], { waitMs: 0 })).toBe('lock_not_available');
        await pause(world, 3_000);
        expect([...world.cluster.state.data.locked].map((state) => state.key)).toEqual(['z']);
        await holder.rollback();
      });
    },
  );

  scenario(
    33,
    'do not keep readers waiting; an expired lock is removed without ending its transaction',
    async (newWorld) => {
      const world = newWorld();
      await world.run(async (client) => {
        await putAll(client, { a: 'old' });
        const transport = world.transport();
        const dying = await world.open({}, transport);
        const transaction = await begin(dying);
        expect(await lockText(transaction, ['a', 'b'])).toBe('locked');
        transport.die();
        const before = world.time.elapsedMs;
        expect(await readText(client, 'a')).toBe('old');
        expect(world.time.elapsedMs - before).toBeLessThan(100);
        const other = await begin(client);
        expect(await lockText(other, ['b'], { waitMs: 30_000 })).toBe('locked');
        putText(other, 'b', 'taken');
        await other.commit();
        expect(await readText(client, 'b')).toBe('taken');
      });
    },
  );

  scenario(33, 'remove a lock whose primary is no primary any more', async (newWorld) => {
    const world = newWorld();
    await world.run(async (client) => {
      const transport = world.transport();
      const dying = await world.open({}, transport);
      const transaction = await begin(dying);
      expect(await lockText(transaction, ['a', 'b'])).toBe('locked');
      transport.die();
      const { data } = world.cluster.state;
      Object.assign(data.state('b').lock!, { primary: 'c' });
      data.setLock(data.state('c'), { ...data.state('a').lock!, primary: 'a' });
      const other = await begin(client);
      expect(await lockText(other, ['b'], { waitMs: 5_000 })).toBe('locked');
      await other.rollback();
    });
  });

  scenario(34, 'tell values and existence with their locks', async (newWorld) => {
    const world = newWorld();
    world.cluster.split('b');
    await world.run(async (client) => {
      await putAll(client, { a: '1', c: '3' });
      const transaction = await begin(client);
      const values = await transaction.lock(['c', 'b', 'a'].map(bytes), { returnValues: true });
      expect(values.map(String)).toEqual(['3', 'undefined', '1']);
      await transaction.rollback();
      await client.settled();
      const existing = await begin(client);
      await existing.lock(['a', 'b', 'c'].map(bytes), { returnValues: true, onlyIfExists: true });
      expect(existing.isLocked(bytes('b'))).toBe(false);
      expect(existing.isLocked(bytes('c'))).toBe(true);
      const absent = await begin(client);
      expect(await lockText(absent, ['b'], { mustNotExist: true })).toBe('locked');
      expect(await lockText(absent, ['a'], { mustNotExist: true, waitMs: 0 })).not.toBe('locked');
      await existing.rollback();
      await absent.rollback();
      await client.settled();
      const again = await begin(client);
      expect(await lockText(again, ['a'], { mustNotExist: true })).toBe('already_exists');
      await again.rollback();
    });
  });

  scenario(34, 'are taken over a newer version where that is asked for, and tell which', async (newWorld) => {
    const world = newWorld();
    await world.run(async (client) => {
      await putAll(client, { a: 'old', b: 'old' });
      const transaction = await begin(client);
      await putAll(client, { a: 'newer' });
      const forced = { force: true, returnValues: true };
      expect((await transaction.lock([bytes('a')], forced)).map(String)).toEqual(['newer']);
      expect(transaction.lockedAt(bytes('a'))).toBeGreaterThan(transaction.startTs);
      expect((await transaction.lock([bytes('b')], forced)).map(String)).toEqual(['old']);
      expect(transaction.lockedAt(bytes('b'))).toBe(transaction.startTs);
      expect(await transaction.lock([bytes('absent')], forced)).toEqual([undefined]);
      expect(await lockText(transaction, ['c', 'd'], forced)).toBe('invalid_argument');
      expect(await lockText(await begin(client), ['a'], { ...forced, waitMs: 0 })).toBe('lock_not_available');
      for (const key of ['a', 'b', 'absent']) putText(transaction, key, 'mine');
      expect(await outcomeOf(transaction)).toBe('committed');
      expect(await scanText(await client.begin())).toEqual(['a=mine', 'absent=mine', 'b=mine']);
    });
  });

  scenario(34, 'that were taken over a newer version are looked at when their keys are written', async (newWorld) => {
    const world = newWorld();
    await world.run(async (client) => {
      const transaction = await begin(client);
      await putAll(client, { a: 'newer' });
      await transaction.lock([bytes('a')], { force: true });
      const lock = world.cluster.state.data.state('a').lock!;
      expect(lock.forUpdateTs).toBe(transaction.lockedAt(bytes('a')));
      // Lost, and taken again by a request that came late, as of another time.
      Object.assign(lock, { forUpdateTs: lock.forUpdateTs - 1n });
      putText(transaction, 'a', 'mine');
      expect(await outcomeOf(transaction)).toBe('aborted');
      await client.settled();
      expect(await readText(client, 'a')).toBe('newer');
      const again = await begin(client);
      await putAll(client, { a: 'newest' });
      await again.lock([bytes('a')], { force: true });
      await again.rollback();
      await client.settled();
      expect(world.cluster.state.data.locked.size).toBe(0);
    });
  });

  scenario([], 'give locks back to a savepoint, and all of them when they end', async (newWorld) => {
    const world = newWorld();
    await world.run(async (client) => {
      const transaction = await begin(client);
      expect(await lockText(transaction, ['a'])).toBe('locked');
      const savepoint = transaction.savepoint();
      expect(await lockText(transaction, ['b', 'c'])).toBe('locked');
      await transaction.rollbackTo(savepoint);
      const other = await begin(client);
      expect(await lockText(other, ['b'], { waitMs: 0 })).toBe('locked');
      expect(await lockText(other, ['a'], { waitMs: 0 })).toBe('lock_not_available');
      await transaction.rollback();
      await client.settled();
      expect(await lockText(other, ['a'], { waitMs: 0 })).toBe('locked');
      await other.commit();
      await client.settled();
      expect(world.cluster.state.data.locked.size).toBe(0);
    });
  });

  scenario([], 'hold their locks to the end although they write elsewhere', async (newWorld) => {
    const world = newWorld();
    await world.run(async (client) => {
      const transaction = await begin(client);
      expect(await lockText(transaction, ['a'])).toBe('locked');
      putText(transaction, 'b', '1');
      await transaction.commit();
      expect(world.cluster.state.data.state('a').newest).toMatchObject({ type: 2 });
      const late = await client.begin();
      putText(late, 'b', '2');
      const unlocked = await begin(client);
      await putAll(client, { b: 'between' });
      putText(unlocked, 'b', 'not locked');
      expect(await outcomeOf(unlocked)).toBe('write_conflict');
      expect(await outcomeOf(late)).toBe('write_conflict');
      expect(await scanText(await client.begin())).toEqual(['b=between']);
    });
  });

  scenario([], 'follow their keys through splits and new leaders', async (newWorld) => {
    const world = newWorld();
    await world.run(async (client) => {
      const holder = await begin(client);
      expect(await lockText(holder, ['a', 'm'])).toBe('locked');
      const waiter = await begin(client);
      const waiting = lockText(waiter, ['m'], { waitMs: 20_000 });
      await pause(world, 500);
      world.cluster.split('k');
      world.cluster.transferLeader('m');
      await holder.rollback();
      expect(await waiting).toBe('locked');
      putText(waiter, 'm', '1');
      await waiter.commit();
      expect(await readText(client, 'm')).toBe('1');
    });
  });
});
