/** The actor runtime on one machine: what turns save, and when their replies leave. */

import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { defineActor } from '../../src/actors/actor.ts';
import { stateKey } from '../../src/actors/keys.ts';
import { RequestContext } from '../../src/actors/request-context.ts';
import { encodeState } from '../../src/actors/state-codec.ts';
import { deferred } from '../../src/base/awaitable.ts';
import { OperationError } from '../../src/base/errors.ts';
import { newObserver } from '../../src/base/observer.ts';
import { keyspace } from '../support/actors.ts';
import { type Count, Counter } from '../support/counter.ts';
import { machine, start, statisticsOf } from '../support/one-machine.ts';
import { SeatMap } from '../support/seat-map.ts';

describe('saved state', () => {
  test('two buyers cannot hold one seat, and whoever was told yes still holds it after a power loss', async () => {
    await start();
    await machine.run(async () => {
      const hamlet = machine.runtime.get(SeatMap, 'hamlet');
      const outcomes = await Promise.allSettled([
        Promise.resolve(hamlet.hold('A1', 'ann')),
        (async () => hamlet.hold('A1', 'bob'))(),
      ]);
      expect(outcomes.map((outcome) => outcome.status)).toEqual(['fulfilled', 'rejected']);
      await hamlet.hold('A1', 'ann');
    });
    await machine.crash();
    await machine.run(async () => {
      expect(await machine.runtime.get(SeatMap, 'hamlet').holderOf('A1')).toBe('ann');
    });
  });

  test('a reply to a turn that saved waits until the commit is durable, and the next turn does not wait', async () => {
    await start({}, [50, 50]);
    const counter = machine.runtime.get(Counter, 'a');
    await machine.run(async () => counter.read());
    const startMs = machine.time.elapsedMs;
    const first = counter.add(1);
    const second = counter.add(1);
    expect(first).toBeInstanceOf(Promise);
    expect(second).toBeInstanceOf(Promise);
    expect(await machine.run(() => Promise.all([first, second]))).toEqual([1, 2]);
    const elapsedMs = machine.time.elapsedMs - startMs;
    expect(elapsedMs).toBeGreaterThanOrEqual(50);
    expect(elapsedMs).toBeLessThanOrEqual(101);
  });

  test('a reply that only read, and a refusal, wait for the durability of what they saw', async () => {
    await start({}, [50, 50]);
    const seats = machine.runtime.get(SeatMap, 'hamlet');
    await machine.run(async () => seats.holderOf('A1'));
    const held = seats.hold('A1', 'ann');
    const read = seats.holderOf('A1');
    const refused = seats.hold('A1', 'bob') as unknown as Promise<void>;
    expect(read).toBeInstanceOf(Promise);
    expect(refused).toBeInstanceOf(Promise);
    refused.catch(() => {});
    let answered = 0;
    for (const reply of [held, read]) void Promise.resolve(reply).then(() => answered++);
    void refused.catch(() => answered++);
    await machine.time.advance(20);
    expect(answered).toBe(0);
    await machine.run(async () => {
      expect(await read).toBe('ann');
      await expect(refused).rejects.toMatchObject({ code: 'already_exists' });
    });
    // Durable by now: reads are synchronous again.
    expect(seats.holderOf('A1')).toBe('ann');
  });

  test('the reply of a turn waits for what the actors that it called have saved', async () => {
    await start({}, [50, 50]);
    const Front = defineActor({
      type: 'front',
      persistent: false,
      initial: () => null,
      methods: { add: (turn, key: string) => turn.get(Counter, key).add(1) },
    });
    const front = machine.runtime.get(Front);
    await machine.run(async () => machine.runtime.get(Counter, 'a').read());
    const startMs = machine.time.elapsedMs;
    const reply = front.add('a');
    expect(reply).toBeInstanceOf(Promise);
    expect(await machine.run(async () => reply)).toBe(1);
    expect(machine.time.elapsedMs - startMs).toBeGreaterThanOrEqual(50);
  });

  test('with an observer in its context a call answers at once and notes what to wait for', async () => {
    await start({}, [50, 50]);
    const observer = newObserver();
    const counter = machine.runtime.get(Counter, 'a', new RequestContext({ observer }));
    await machine.run(async () => counter.read());
    observer.observedVersion = 0;
    expect(counter.add(3)).toBe(3);
    expect(observer.observedVersion).toBe(machine.store.version);
    expect(machine.store.whenDurable(observer.observedVersion)).toBeInstanceOf(Promise);
  });

  test('a throw takes back the state and the other writes of the turn', async () => {
    await start();
    const Ledger = defineActor({
      type: 'ledger',
      initial: (): Count => ({ n: 0 }),
      methods: {
        pay(turn, amount: number, fails: boolean): number {
          turn.save({ n: turn.state.n + amount });
          turn.transaction.put(turn.storageKey('payment', BigInt(turn.state.n)), new Uint8Array([amount]));
          if (fails) throw new OperationError('permission_denied', 'not you');
          return turn.state.n;
        },
        async payments(turn): Promise<number> {
          let count = 0;
          const start = turn.storageKey('payment');
          const cursor = turn.transaction.scan({ start, end: Buffer.concat([start, Buffer.from([0xff])]) });
          for (let batch = await cursor.next(); batch !== undefined; batch = await cursor.next()) count += batch.length;
          return count;
        },
        read: (turn): number => turn.state.n,
      },
    });
    await machine.run(async () => {
      const ledger = machine.runtime.get(Ledger, 'x');
      expect(await ledger.pay(5, false)).toBe(5);
      await expect((async () => ledger.pay(2, true))()).rejects.toMatchObject({ code: 'permission_denied' });
      expect(await ledger.read()).toBe(5);
      expect(await ledger.payments()).toBe(1);
    });
    await machine.crash();
    await machine.run(async () => {
      expect(await machine.runtime.get(Ledger, 'x').read()).toBe(5);
      expect(await machine.runtime.get(Ledger, 'x').payments()).toBe(1);
    });
  });

  test('a state that was changed in place and saved is read again from the store when the turn fails', async () => {
    await start();
    const InPlace = defineActor({
      type: 'in-place',
      initial: () => ({ items: [] as string[] }),
      methods: {
        push(turn, item: string, fails: boolean): void {
          turn.state.items.push(item);
          turn.save(turn.state);
          if (fails) throw new OperationError('out_of_range', 'enough');
        },
        items: (turn): readonly string[] => turn.state.items,
      },
    });
    await machine.run(async () => {
      const list = machine.runtime.get(InPlace);
      await list.push('a', false);
      await expect((async () => list.push('b', true))()).rejects.toMatchObject({ code: 'out_of_range' });
      expect(await list.items()).toEqual(['a']);
    });
  });

  test('clear deletes the saved state and begins anew', async () => {
    await start();
    const Clearing = defineActor({
      type: 'clearing',
      initial: (key): { key: string; n: number } => ({ key, n: 0 }),
      methods: {
        set(turn, n: number): boolean {
          turn.save({ ...turn.state, n });
          return turn.saved;
        },
        wipe(turn): boolean {
          turn.clear();
          return turn.saved;
        },
        read: (turn) => turn.state,
      },
    });
    await machine.run(async () => {
      const clearing = machine.runtime.get(Clearing, 'k');
      expect(await clearing.set(4)).toBe(true);
      expect(await clearing.wipe()).toBe(false);
      expect(await clearing.read()).toEqual({ key: 'k', n: 0 });
      expect(await machine.store.get(stateKey(keyspace.actors, 'clearing', 'k'))).toBeUndefined();
    });
  });

  test('states keep maps, sets, dates, bigints and bytes', async () => {
    await start();
    const value = {
      map: new Map([['a', new Set([1, 2])]]),
      date: new Date(1_234),
      big: 2n ** 80n,
      bytes: new Uint8Array([1, 2, 3]),
      missing: undefined,
    };
    const Rich = defineActor({
      type: 'rich',
      initial: (): typeof value | null => null,
      methods: {
        put: (turn) => turn.save(value),
        read: (turn) => turn.state,
      },
    });
    await machine.run(async () => machine.runtime.get(Rich).put());
    await machine.crash();
    expect(await machine.run(async () => machine.runtime.get(Rich).read())).toEqual(value);
  });

  test('a state of an older version is upgraded, one of a newer version or a wrong shape is refused', async () => {
    await start();
    const write = (value: unknown, version: number) =>
      machine.run(async () => {
        const transaction = machine.store.begin();
        transaction.put(stateKey(keyspace.actors, 'versioned', ''), encodeState(value, version));
        await transaction.commit();
      });
    const Versioned = defineActor({
      type: 'versioned',
      state: z.object({ full: z.string() }),
      stateVersion: 2,
      upgrade: (old, from): { full: string } => ({ full: `${(old as { name: string }).name} from ${from}` }),
      initial: () => ({ full: '' }),
      methods: { read: (turn): string => turn.state.full },
    });
    const read = () => machine.run(async () => machine.runtime.get(Versioned).read());
    await write({ name: 'ann' }, 1);
    expect(await read()).toBe('ann from 1');
    await write({ full: 'bob' }, 3);
    await expect(read()).rejects.toMatchObject({ code: 'store_format' });
    await write({ full: 3 }, 2);
    await expect(read()).rejects.toMatchObject({ code: 'corruption' });
    await write({ full: 'cyd' }, 2);
    expect(await read()).toBe('cyd');
  });

  test('a commit from elsewhere to a saved state is seen by the next turn', async () => {
    await start();
    const counter = machine.runtime.get(Counter, 'a');
    await machine.run(async () => {
      await counter.add(1);
      const transaction = machine.store.begin();
      transaction.put(stateKey(keyspace.actors, 'counter', 'a'), encodeState({ n: 40 }, 0));
      await transaction.commit();
      expect(await counter.add(2)).toBe(42);
      const removal = machine.store.begin();
      removal.deleteRange(keyspace.actors.range(['counter', 'a']));
      await removal.commit();
      expect(await counter.read()).toBe(0);
    });
  });

  test('a commit from elsewhere during a turn refuses it, or runs it again where the definition allows', async () => {
    await start();
    const Retrying = defineActor({ ...Counter, type: 'retrying', retries: 2 });
    for (const [definition, outcome] of [
      [Counter, 'refused'],
      [Retrying, 'repeated'],
    ] as const) {
      const gate = deferred<void>();
      await machine.run(async () => {
        const counter = machine.runtime.get(definition, 'a');
        const slow = counter.addSlowly(1, gate.promise);
        const transaction = machine.store.begin();
        transaction.put(stateKey(keyspace.actors, definition.type, 'a'), encodeState({ n: 100 }, 0));
        await transaction.commit();
        gate.resolve();
        if (outcome === 'refused') await expect(slow).rejects.toMatchObject({ code: 'transaction_conflict' });
        else expect(await slow).toBe(101);
        expect(await counter.read()).toBe(outcome === 'refused' ? 100 : 101);
      });
      expect(statisticsOf(definition.type).conflicts).toBe(1);
    }
  });

  test('an actor that keeps everything in memory cannot save', async () => {
    await start();
    const Volatile = defineActor({
      type: 'volatile',
      persistent: false,
      initial: () => ({ n: 0 }),
      methods: { save: (turn) => turn.save({ n: 1 }) },
    });
    expect(() => machine.runtime.get(Volatile).save()).toThrow('keeps its state in memory only');
  });

  test('what cannot be stored fails the turn that saved it', async () => {
    await start();
    const Function_ = defineActor({
      type: 'function',
      initial: (): { f: unknown } => ({ f: 1 }),
      methods: { put: (turn) => turn.save({ f: () => 1 }), read: (turn) => turn.state.f },
    });
    await machine.run(async () => {
      const actor = machine.runtime.get(Function_);
      await expect((async () => actor.put())()).rejects.toMatchObject({ code: 'invalid_argument' });
      expect(await actor.read()).toBe(1);
    });
  });

  test('after a failed sync replies are commit_unknown and nothing undurable is served', async () => {
    await start();
    const counter = machine.runtime.get(Counter, 'a');
    await machine.run(async () => counter.add(1));
    const Cache = defineActor({
      type: 'cache',
      persistent: false,
      initial: () => ({ n: 0 }),
      methods: { bump: (turn): number => ++turn.state.n },
    });
    expect(machine.runtime.get(Cache).bump()).toBe(1);
    machine.disk.fail('sync');
    machine.disk.fail('write');
    await machine.run(async () => {
      await expect((async () => counter.add(1))()).rejects.toMatchObject({ code: 'commit_unknown' });
      expect(await counter.read()).toBe(1);
      // What an actor remembers may come from what was taken back.
      expect(machine.runtime.get(Cache).bump()).toBe(1);
    });
  });
});
