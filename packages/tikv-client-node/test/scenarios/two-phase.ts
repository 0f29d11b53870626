/** Scenarios 6, 7, 9 to 11, 13 and 18 of the reference: what happens between prewrite and commit. */

import { expect } from 'vitest';
import { UndeterminedError } from '../../src/errors.ts';
import { GrpcStatus } from '../../src/transport.ts';
import type { FaultAction } from '../../test-cluster/faults.ts';
import { suite } from '../support/scenario.ts';
import { bytes, outcomeOf, pause, putAll, putText, readText, scanText, type World } from '../support/world.ts';

const TWO_PHASES = { asyncCommit: false, onePhaseCommit: false };

export const twoPhases = suite('two phases', (scenario) => {
  scenario(6, 'regroup when regions split and merge between prewrite and commit', async (newWorld) => {
    const world = newWorld({ client: TWO_PHASES });
    world.cluster.split('e');
    await world.run(async (client) => {
      world.cluster.faults.add({
        method: 'KvPrewrite',
        action: { kind: 'hook', run: () => world.cluster.split('b', 'g') },
      });
      world.cluster.faults.add({
        method: 'KvCommit',
        action: {
          kind: 'hook',
          run: () => {
            world.cluster.mergeNext('a');
            world.cluster.split('c', 'd');
            world.cluster.transferLeader('a');
          },
        },
      });
      await putAll(client, Object.fromEntries([...'abcdefgh'].map((key) => [key, key])));
      await client.settled();
      expect(await scanText(await client.begin())).toHaveLength(8);
      expect(world.cluster.state.data.locked.size).toBe(0);
      expect(world.background).toEqual([]);
    });
  });

  scenario(7, 'answer a batch get over stale regions without doubling or losing a pair', async (newWorld) => {
    const world = newWorld();
    const keys = Array.from({ length: 60 }, (_, i) => `k${String(i).padStart(2, '0')}`);
    await world.run(async (client) => {
      await putAll(client, Object.fromEntries(keys.map((key) => [key, key])));
      world.cluster.split('k10', 'k20', 'k21', 'k55');
      world.cluster.transferLeader('k15');
      const reader = await client.begin();
      expect((await reader.batchGet(keys.map(bytes))).map(String)).toEqual(keys);
      world.cluster.mergeNext('k10');
      world.cluster.mergeNext('k10');
      expect((await reader.batchGet(keys.map(bytes))).map(String)).toEqual(keys);
      expect(await scanText(reader)).toHaveLength(60);
    });
  });

  scenario(9, 'cannot commit what was rolled back, nor commit before prewriting', async (newWorld) => {
    const world = newWorld({ client: TWO_PHASES });
    await world.run(async (client) => {
      const transaction = await client.begin();
      putText(transaction, 'a', '1');
      const { startTs } = transaction;
      // Somebody rolls it back between its phases.
      world.cluster.faults.add({
        method: 'KvCommit',
        action: { kind: 'hook', run: () => rollBack(world, 'a', startTs) },
      });
      expect(await outcomeOf(transaction)).toBe('aborted');
      expect(await readText(client, 'a')).toBeUndefined();
      expect(await client.transactionStatus(bytes('a'), startTs)).toEqual({ kind: 'rolledBack' });
    });
  });

  scenario(
    10,
    'roll back when cancelled while prewriting, and do not know when cancelled while committing',
    async (newWorld) => {
      for (const [method, expected] of [
        ['KvPrewrite', 'cancelled'],
        ['KvCommit', 'undetermined'],
      ] as const) {
        const world = newWorld({ client: TWO_PHASES });
        await world.run(async (client) => {
          const stop = new AbortController();
          world.cluster.faults.add({ method, action: { kind: 'delay', ms: 500, when: 'after' } });
          const transaction = await client.begin({ signal: stop.signal });
          putText(transaction, 'a', '1');
          const outcome = outcomeOf(transaction);
          await pause(world, 100);
          stop.abort();
          expect(await outcome).toBe(expected);
          await client.settled();
          await pause(world, 1_000);
          expect(await readText(client, 'a')).toBe(expected === 'cancelled' ? undefined : '1');
          if (expected === 'cancelled') expect(world.cluster.state.data.locked.size).toBe(0);
        });
      }
    },
  );

  const disconnect: FaultAction = { kind: 'loseReply', how: 'disconnect' };
  const never: FaultAction = { kind: 'status', status: GrpcStatus.UNAVAILABLE, message: 'reset' };
  const splitting: FaultAction = { kind: 'regionError', error: { epochNotMatch: {} } };
  const abort: FaultAction = { kind: 'respond', response: { error: { abort: 'no' } } };
  const verdicts: readonly (readonly [string, readonly FaultAction[], string])[] = [
    ['a lost request, then success', [never], 'committed'],
    ['a lost reply, then success', [disconnect], 'committed'],
    ['a lost reply, then a region error, then success', [disconnect, splitting], 'committed'],
    ['a lost request, then an error of the key', [never, abort], 'aborted'],
    ['a region error, then an error of the key', [splitting, abort], 'aborted'],
    ['lost replies until the budget ends', Array.from({ length: 200 }, () => disconnect), 'undetermined'],
    ['lost requests until the budget ends', Array.from({ length: 200 }, () => never), 'undetermined'],
    [
      'a lost reply, then region errors until the budget ends',
      [disconnect, ...Array.from({ length: 2000 }, () => splitting)],
      'undetermined',
    ],
  ];
  for (const [what, actions, expected] of verdicts)
    scenario(11, `judge the primary after ${what}`, async (newWorld) => {
      const world = newWorld({ client: TWO_PHASES });
      await world.run(async (client) => {
        for (const action of actions) world.cluster.faults.add({ method: 'KvCommit', action });
        const transaction = await client.begin();
        putText(transaction, 'a', '1');
        expect(await outcomeOf(transaction)).toBe(expected);
        world.cluster.faults.clear();
        await client.settled();
        if (expected === 'undetermined') {
          // The documented way to the truth.
          expect(transaction.state).toBe('undetermined');
          await pause(world, 30_000);
          const status = await client.transactionStatus(transaction.primary!, transaction.startTs);
          expect(status.kind).toBe((await readText(client, 'a')) === '1' ? 'committed' : 'rolledBack');
        } else {
          expect(await readText(client, 'a')).toBe(expected === 'committed' ? '1' : undefined);
        }
      });
    });

  scenario(11, 'tell which transaction is undetermined', async (newWorld) => {
    const world = newWorld({ client: TWO_PHASES });
    await world.run(async (client) => {
      world.cluster.faults.add({ method: 'KvCommit', times: 500, action: disconnect });
      const transaction = await client.begin();
      putText(transaction, 'a', '1');
      const error = await transaction.commit().catch((one: unknown) => one);
      expect(error).toBeInstanceOf(UndeterminedError);
      expect(error).toMatchObject({ startTs: transaction.startTs, primary: bytes('a'), retry: 'after_check' });
      await expect(transaction.get(bytes('a'))).rejects.toMatchObject({ code: 'transaction_closed' });
      world.cluster.faults.clear();
    });
  });

  scenario(13, 'refuse a timestamp that is not after the start, or not after the last', async (newWorld) => {
    const world = newWorld({ client: TWO_PHASES });
    await world.run(async (client) => {
      const transaction = client.beginAt((await client.timestamp()) + (1n << 40n));
      putText(transaction, 'a', '1');
      expect(await outcomeOf(transaction)).toBe('protocol');
      await client.settled();
      expect(world.cluster.state.data.locked.size).toBe(0);
    });
  });

  scenario(
    18,
    'give locks more time the larger the transaction is, and keep those of large ones alive',
    async (newWorld) => {
      const world = newWorld({ client: { ...TWO_PHASES, transactionBytesMax: 64 * 1024 * 1024 } });
      await world.run(async (client) => {
        const ttlOf = async (size: number, waitMs = 0) => {
          const transaction = await client.begin();
          await pause(world, waitMs);
          transaction.put(bytes('a'), Buffer.alloc(size));
          await transaction.commit();
          const call = world.cluster.faults.calls.findLast((one) => one.method === 'KvPrewrite')!;
          return Number(call.request.lockTtl);
        };
        expect(await ttlOf(10)).toBeLessThan(3_100);
        expect(await ttlOf(10, 5_000)).toBeGreaterThanOrEqual(8_000);
        expect(await ttlOf(1024 * 1024)).toBeGreaterThanOrEqual(6_000);

        const large = await client.begin();
        for (let i = 0; i < 40; i++) large.put(bytes(`l${i}`), Buffer.alloc(1024 * 1024));
        world.cluster.faults.add({ method: 'KvCommit', action: { kind: 'delay', ms: 25_000 } });
        await large.commit();
        const beats = world.cluster.faults.count('KvTxnHeartBeat');
        expect(beats).toBeGreaterThanOrEqual(2);
        await pause(world, 60_000);
        expect(world.cluster.faults.count('KvTxnHeartBeat')).toBe(beats);
      });
    },
  );

  scenario([], 'send nothing when nothing was written', async (newWorld) => {
    const world = newWorld();
    await world.run(async (client) => {
      const transaction = await client.begin();
      await transaction.get(bytes('a'));
      expect(await transaction.commit()).toBeUndefined();
      expect(world.cluster.faults.count('KvPrewrite')).toBe(0);
    });
  });
});

function rollBack(world: World, key: string, startTs: bigint): void {
  const { data } = world.cluster.state;
  const state = data.state(key);
  data.clearLock(state);
  state.addRollback(startTs, true);
}
