/** The actor runtime on one machine: turns, state, limits, circles, residency, crashes. */

import { afterEach, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { type DeactivationReason, defineActor, type Turn } from '../../src/actors/actor.ts';
import { stateKey } from '../../src/actors/keys.ts';
import { RequestContext } from '../../src/actors/request-context.ts';
import { encodeState } from '../../src/actors/state-codec.ts';
import { AssertionError } from '../../src/base/assert.ts';
import { deferred } from '../../src/base/awaitable.ts';
import { OperationError } from '../../src/base/errors.ts';
import { newObserver } from '../../src/base/observer.ts';
import { ActorMachine, keyspace, type MachineOptions } from '../support/actors.ts';
import { SeatMap } from '../support/seat-map.ts';

let machine: ActorMachine;

async function start(options: MachineOptions = {}, syncMs?: readonly [number, number]): Promise<void> {
  machine = await ActorMachine.start(options, syncMs);
}

afterEach(async () => {
  await machine.stop();
});

interface Count {
  readonly n: number;
}

/** A persistent counter. */
const Counter = defineActor({
  type: 'counter',
  initial: (): Count => ({ n: 0 }),
  methods: {
    add(turn, by: number): number {
      turn.save({ n: turn.state.n + by });
      return turn.state.n;
    },
    read: (turn): number => turn.state.n,
    async addSlowly(turn, by: number, wait: Promise<unknown>): Promise<number> {
      const before = turn.state.n;
      await wait;
      turn.save({ n: before + by });
      return turn.state.n;
    },
    addAndThrow(turn, by: number): void {
      turn.save({ n: turn.state.n + by });
      throw new OperationError('out_of_range', 'no further');
    },
    leave(turn): void {
      turn.deactivateOnIdle();
    },
  },
});

function statisticsOf(type: string) {
  return machine.runtime.statistics().types.find((each) => each.type === type)!;
}

/** Lets what is in memory go, so that the next call reads the store. */
function forgetInMemory(type: string, key: string) {
  return machine.run(() => machine.runtime.deactivate(type, key));
}

describe('turns', () => {
  test('a synchronous turn of a resident actor that saves nothing answers without a promise', async () => {
    await start();
    const counter = machine.runtime.get(Counter, 'a');
    expect(await machine.run(async () => counter.read())).toBe(0);
    expect(counter.read()).toBe(0);
  });

  test('turns of one actor never overlap, turns of two do', async () => {
    await start();
    const gate = deferred<void>();
    const a = machine.runtime.get(Counter, 'a');
    const b = machine.runtime.get(Counter, 'b');
    await machine.run(async () => {
      const slow = a.addSlowly(1, gate.promise);
      const second = a.add(10);
      const third = a.read();
      expect(await b.add(5)).toBe(5);
      gate.resolve();
      expect(await Promise.all([slow, second, third])).toEqual([1, 11, 11]);
    });
  });

  test('calls of one caller run in the order in which they were made, activation included', async () => {
    await start();
    const order: number[] = [];
    const Ordered = defineActor({
      type: 'ordered',
      initial: () => ({}),
      onActivate: async () => {
        await machine.platform.timers.sleep(5);
      },
      methods: {
        note(_turn, n: number) {
          order.push(n);
        },
      },
    });
    const ordered = machine.runtime.get(Ordered);
    await machine.run(async () => {
      await Promise.all([1, 2, 3, 4].map((n) => ordered.note(n)));
    });
    expect(order).toEqual([1, 2, 3, 4]);
  });

  test('calls keep their order when the state must be read again before them', async () => {
    await start({ slowReads: true });
    const order: number[] = [];
    const Listing = defineActor({
      type: 'listing',
      initial: (): Count => ({ n: 0 }),
      methods: {
        async wait(_turn, until: Promise<void>): Promise<void> {
          await until;
        },
        note(turn, n: number): number {
          order.push(n);
          return turn.state.n;
        },
      },
    });
    const gate = deferred<void>();
    await machine.run(async () => {
      const listing = machine.runtime.get(Listing, 'a');
      await listing.note(0);
      const waiting = listing.wait(gate.promise);
      const notes = [1, 2, 3].map((n) => listing.note(n));
      const transaction = machine.store.begin();
      transaction.put(stateKey(keyspace.actors, 'listing', 'a'), encodeState({ n: 5 }, 0));
      await transaction.commit();
      gate.resolve();
      await waiting;
      expect(await Promise.all(notes)).toEqual([5, 5, 5]);
    });
    expect(order).toEqual([0, 1, 2, 3]);
  });

  test('a change that arrives while the state is being read is not missed', async () => {
    await start({ slowReads: true });
    await machine.run(async () => {
      const counter = machine.runtime.get(Counter, 'a');
      const loading = counter.read();
      await machine.platform.timers.sleep(1.5);
      const transaction = machine.store.begin();
      transaction.put(stateKey(keyspace.actors, 'counter', 'a'), encodeState({ n: 5 }, 0));
      await transaction.commitVisible();
      expect(await loading).toBeOneOf([0, 5]);
      expect(await counter.read()).toBe(5);
      expect(await counter.add(1)).toBe(6);
    });
  });

  test('methods receive exactly the arguments that were passed, however many', async () => {
    await start();
    const Variadic = defineActor({
      type: 'variadic',
      persistent: false,
      initial: () => null,
      methods: {
        count: (_turn, ...args: number[]) => args.length,
        withDefault: (_turn, a: number, b = 7) => a + b,
      },
    });
    const variadic = machine.runtime.get(Variadic);
    for (let round = 0; round < 2; round++) {
      for (let n = 0; n < 7; n++) expect(variadic.count(...Array.from({ length: n }, (_, i) => i))).toBe(n);
      expect(variadic.withDefault(1)).toBe(8);
    }
  });

  test('an error of the method that is no OperationError arrives as actor_failed with its cause', async () => {
    await start();
    const Broken = defineActor({
      type: 'broken',
      persistent: false,
      initial: () => null,
      methods: {
        sync(): void {
          throw new TypeError('x is not y');
        },
        async later(): Promise<void> {
          throw new TypeError('x is not y');
        },
      },
    });
    const broken = machine.runtime.get(Broken, 1);
    expect(() => broken.sync()).toThrow(
      expect.objectContaining({ code: 'actor_failed', message: 'broken/1.sync failed: x is not y' }),
    );
    await expect(broken.later()).rejects.toMatchObject({ code: 'actor_failed', cause: expect.any(TypeError) });
    expect(statisticsOf('broken').errors).toBe(2);
  });

  test('a failed assertion ends the activation', async () => {
    await start();
    const Corrupted = defineActor({
      type: 'corrupted',
      persistent: false,
      initial: () => ({ n: 0 }),
      methods: {
        bump: (turn): number => ++turn.state.n,
        fail(): void {
          throw new AssertionError('cannot be');
        },
      },
    });
    const corrupted = machine.runtime.get(Corrupted);
    expect(corrupted.bump()).toBe(1);
    expect(() => corrupted.fail()).toThrow('cannot be');
    expect(corrupted.bump()).toBe(1);
  });

  test('a turn that is used after its end throws', async () => {
    await start();
    let kept: Turn<Count> | undefined;
    const Leaking = defineActor({
      type: 'leaking',
      initial: (): Count => ({ n: 0 }),
      methods: {
        leak(turn): void {
          kept = turn;
        },
      },
    });
    await machine.run(async () => machine.runtime.get(Leaking).leak());
    expect(() => kept!.save({ n: 1 })).toThrow('used after it had ended');
    expect(() => kept!.state).toThrow('used after it had ended');
    expect(() => kept!.transaction).toThrow('used after it had ended');
  });

  test('keys are addressed by their text', async () => {
    await start();
    await machine.run(async () => {
      await machine.runtime.get(Counter, 7).add(1);
      await machine.runtime.get(Counter, 7n).add(1);
      await machine.runtime.get(Counter, '7').add(1);
      await machine.runtime.get(Counter).add(10);
      expect(await machine.runtime.get(Counter, 7).read()).toBe(3);
      expect(await machine.runtime.get(Counter).read()).toBe(10);
    });
    expect(() => machine.runtime.get(Counter, 0.5)).toThrow(expect.objectContaining({ code: 'invalid_argument' }));
    expect(() => machine.runtime.get(Counter, 'x'.repeat(1_025))).toThrow('too long');
  });
});

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

describe('limits', () => {
  test('one call more than the mailbox holds answers overloaded', async () => {
    await start();
    const Narrow = defineActor({ ...Counter, type: 'narrow', mailboxTurnsMax: 2 });
    const gate = deferred<void>();
    await machine.run(async () => {
      const narrow = machine.runtime.get(Narrow, 'a');
      const calls = [narrow.addSlowly(1, gate.promise), narrow.add(1), narrow.add(1)];
      expect(() => narrow.add(1)).toThrow(expect.objectContaining({ code: 'overloaded' }));
      expect(statisticsOf('narrow')).toMatchObject({ queued: 2, overloaded: 1 });
      gate.resolve();
      expect(await Promise.all(calls)).toEqual([1, 2, 3]);
      expect(statisticsOf('narrow').queued).toBe(0);
    });
  });

  test('a queued call whose deadline passes is withdrawn and never runs; a running one is rolled back', async () => {
    await start();
    const gate = deferred<void>();
    const context = new RequestContext({ deadlineMs: machine.platform.clock.monotonicMs() + 100 });
    const counter = machine.runtime.get(Counter, 'a', context);
    const patient = machine.runtime.get(Counter, 'a');
    const running = Promise.resolve(counter.addSlowly(1, gate.promise));
    const queued = Promise.resolve(counter.add(10));
    const other = Promise.resolve(patient.add(100));
    await Promise.all([
      expect(machine.time.runUntil(Promise.allSettled([running, queued]))).resolves.toMatchObject([
        { reason: { code: 'deadline_exceeded' } },
        { reason: { code: 'deadline_exceeded' } },
      ]),
    ]);
    expect(statisticsOf('counter').queued).toBe(1);
    gate.resolve();
    expect(await machine.run(() => other)).toBe(100);
    expect(() => counter.read()).toThrow(expect.objectContaining({ code: 'deadline_exceeded' }));
  });

  test('a caller withdraws its request: turn.signal aborts and nested calls go with it', async () => {
    await start();
    const gate = deferred<void>();
    const seen: string[] = [];
    const Outer = defineActor({
      type: 'outer',
      initial: () => ({}),
      methods: {
        async go(turn): Promise<void> {
          turn.signal.addEventListener('abort', () => seen.push('outer'));
          await turn.get(Counter, 'busy').add(1);
        },
      },
    });
    const controller = new AbortController();
    await machine.run(async () => {
      const blocking = machine.runtime.get(Counter, 'busy').addSlowly(5, gate.promise);
      const context = new RequestContext({ signal: controller.signal, principal: 'ann' });
      const call = Promise.resolve(machine.runtime.get(Outer, 'o', context).go());
      await machine.platform.timers.sleep(1);
      controller.abort(new Error('gone'));
      await expect(call).rejects.toMatchObject({ code: 'cancelled' });
      expect(seen).toEqual(['outer']);
      expect(statisticsOf('counter').queued).toBe(0);
      gate.resolve();
      await blocking;
      expect(await machine.runtime.get(Counter, 'busy').read()).toBe(5);
    });
  });

  test('a nested call can be given less time than its request', async () => {
    await start();
    const gate = deferred<void>();
    const Impatient = defineActor({
      type: 'impatient',
      persistent: false,
      initial: () => null,
      methods: {
        async ask(turn): Promise<string> {
          try {
            await turn.get(Counter, 'a', { timeoutMs: 50 }).addSlowly(1, gate.promise);
            return 'answered';
          } catch (error) {
            return (error as OperationError).code;
          }
        },
      },
    });
    expect(await machine.run(async () => machine.runtime.get(Impatient).ask())).toBe('deadline_exceeded');
    gate.resolve();
  });

  test('the request goes along with nested calls', async () => {
    await start();
    const Leaf = defineActor({
      type: 'leaf',
      persistent: false,
      initial: () => null,
      methods: { who: (turn) => `${turn.context.principal} ${turn.context.trace?.traceparent}` },
    });
    const Root = defineActor({
      type: 'root',
      persistent: false,
      initial: () => null,
      methods: { who: (turn) => turn.get(Leaf, 1).who() },
    });
    const context = new RequestContext({ principal: 'ann', trace: { traceparent: '00-1' } });
    expect(machine.runtime.get(Root, 1, context).who()).toBe('ann 00-1');
  });
});

describe('circles', () => {
  interface Step {
    readonly type: 'a' | 'b';
    readonly key: string;
  }

  const definitions: { a?: Link; b?: Link } = {};
  type Link = ReturnType<typeof link>;

  /** Calls along a path, waiting for `wait` first. */
  function link(type: 'a' | 'b', reentrant: boolean) {
    return defineActor({
      type,
      reentrant,
      initial: (): Count => ({ n: 0 }),
      methods: {
        async follow(turn: Turn<Count>, path: readonly Step[], wait?: Promise<void>): Promise<number> {
          turn.save({ n: turn.state.n + 1 });
          await wait;
          const [next, ...rest] = path;
          if (next === undefined) return turn.state.n;
          const deeper: number = await turn.get(definitions[next.type]!, next.key).follow(rest);
          return deeper + turn.state.n;
        },
        read: (turn: Turn<Count>): number => turn.state.n,
        async fail(turn: Turn<Count>): Promise<void> {
          turn.save({ n: 99 });
          throw new OperationError('out_of_range', 'no');
        },
        async survive(turn: Turn<Count>, saves: boolean): Promise<number> {
          if (saves) turn.save({ n: 1 });
          await turn.get(Mirror, turn.key).bounce();
          return turn.state.n;
        },
      },
    });
  }

  /** Calls back into a/key and swallows its failure. */
  const Mirror = defineActor({
    type: 'mirror',
    persistent: false,
    initial: () => null,
    methods: {
      async bounce(turn): Promise<void> {
        try {
          await turn.get(definitions.a!, turn.key).fail();
        } catch (error) {
          if (!(error instanceof OperationError && error.code === 'out_of_range')) throw error;
        }
      },
    },
  });

  test('a call back into a waiting actor names the circle', async () => {
    await start();
    definitions.a = link('a', false);
    definitions.b = link('b', false);
    await machine.run(async () => {
      const path: Step[] = [
        { type: 'b', key: '2' },
        { type: 'a', key: '1' },
      ];
      await expect(machine.runtime.get(definitions.a!, 1).follow(path)).rejects.toMatchObject({
        code: 'actor_cycle',
        message: expect.stringContaining('a/1 -> b/2 -> a/1'),
      });
      // All of it was rolled back.
      expect(await machine.runtime.get(definitions.a!, 1).read()).toBe(0);
      expect(await machine.runtime.get(definitions.b!, 2).read()).toBe(0);
      await expect(machine.runtime.get(definitions.a!, 1).follow([{ type: 'a', key: '1' }])).rejects.toMatchObject({
        message: expect.stringContaining('a/1 -> a/1'),
      });
    });
    expect(statisticsOf('a').cycles).toBe(2);
  });

  test('a reentrant actor is called back inside its waiting turn and commits with it', async () => {
    await start();
    definitions.a = link('a', true);
    definitions.b = link('b', false);
    await machine.run(async () => {
      const path: Step[] = [
        { type: 'b', key: '2' },
        { type: 'a', key: '1' },
      ];
      // a/1 saves 1, b/2 saves 1, a/1 again saves 2: 2 + 1 + 2.
      expect(await machine.runtime.get(definitions.a!, 1).follow(path)).toBe(5);
      expect(await machine.runtime.get(definitions.a!, 1).read()).toBe(2);
    });
    await forgetInMemory('a', '1');
    expect(await machine.run(async () => machine.runtime.get(definitions.a!, 1).read())).toBe(2);
  });

  test('a re-entrant turn that fails is taken back alone', async () => {
    await start();
    definitions.a = link('a', true);
    definitions.b = link('b', false);
    await machine.run(async () => {
      expect(await machine.runtime.get(definitions.a!, 'y').survive(false)).toBe(0);
      expect(await machine.store.get(stateKey(keyspace.actors, 'a', 'y'))).toBeUndefined();
      expect(await machine.runtime.get(definitions.a!, 'x').survive(true)).toBe(1);
    });
    await forgetInMemory('a', 'x');
    expect(await machine.run(async () => machine.runtime.get(definitions.a!, 'x').read())).toBe(1);
  });

  test('two requests that would wait for each other: one is refused with the circle, the other goes on', async () => {
    for (const reentrant of [false, true]) {
      await start();
      definitions.a = link('a', reentrant);
      definitions.b = link('b', reentrant);
      const gate = deferred<void>();
      await machine.run(async () => {
        const one = machine.runtime.get(definitions.a!, 1).follow([{ type: 'b', key: '2' }], gate.promise);
        const two = machine.runtime.get(definitions.b!, 2).follow([{ type: 'a', key: '1' }], gate.promise);
        gate.resolve();
        const outcomes = await Promise.allSettled([one, two]);
        expect(outcomes.map((outcome) => outcome.status).sort()).toEqual(['fulfilled', 'rejected']);
        expect(outcomes.find((outcome) => outcome.status === 'rejected')!.reason).toMatchObject({
          code: 'actor_cycle',
          message: expect.stringMatching(/b\/2 -> a\/1 -> b\/2|a\/1 -> b\/2 -> a\/1/),
        });
      });
      if (!reentrant) await machine.stop();
    }
  });

  test('three requests in a ring are found as well', async () => {
    await start();
    definitions.a = link('a', false);
    definitions.b = link('b', false);
    const gate = deferred<void>();
    await machine.run(async () => {
      const calls = ['1', '2', '3'].map((key, i) =>
        machine.runtime.get(definitions.a!, key).follow([{ type: 'a', key: String(((i + 1) % 3) + 1) }], gate.promise),
      );
      gate.resolve();
      const outcomes = await Promise.allSettled(calls);
      expect(outcomes.filter((outcome) => outcome.status === 'rejected')).toHaveLength(1);
      const rejected = outcomes.find((outcome) => outcome.status === 'rejected')!;
      expect(rejected.reason.message).toContain('a/3 -> a/1 -> a/2 -> a/3');
    });
  });

  test('waiting without a circle is no deadlock', async () => {
    await start();
    definitions.a = link('a', false);
    definitions.b = link('b', false);
    const gate = deferred<void>();
    await machine.run(async () => {
      const one = machine.runtime.get(definitions.a!, 1).follow([{ type: 'b', key: '2' }], gate.promise);
      const two = machine.runtime.get(definitions.a!, 2).follow([{ type: 'b', key: '2' }], gate.promise);
      gate.resolve();
      expect(await Promise.all([one, two])).toEqual([2, 3]);
    });
  });

  test('a detached call is in nobody’s way, not even in that of its sender', async () => {
    await start();
    const Sender = defineActor({
      type: 'sender',
      initial: (): Count => ({ n: 0 }),
      methods: {
        async send(turn): Promise<void> {
          void turn.detached(Sender_, turn.key).arrive();
          void turn.detached(Sender_, turn.key).explode();
          turn.save({ n: 1 });
          await undefined;
        },
        arrive(turn): void {
          turn.save({ n: turn.state.n + 10 });
        },
        explode(): void {
          throw new Error('logged, not thrown at anyone');
        },
        read: (turn): number => turn.state.n,
      },
    });
    // The type of a definition that calls itself cannot be inferred from within.
    const Sender_ = Sender as unknown as { type: 'sender' } & typeof Loose;
    await machine.run(async () => {
      await machine.runtime.get(Sender, 's').send();
      await machine.platform.timers.sleep(10);
      expect(await machine.runtime.get(Sender, 's').read()).toBe(11);
    });
  });

  const Loose = defineActor({
    type: 'loose',
    initial: (): Count => ({ n: 0 }),
    methods: { arrive(_turn): void {}, explode(_turn): void {} },
  });
});

describe('timers', () => {
  const ticks: number[] = [];
  const Ticking = defineActor({
    type: 'ticking',
    idleMs: 10_000,
    initial: (): Count => ({ n: 0 }),
    methods: {
      begin(turn): void {
        turn.timer({ afterMs: 100, everyMs: 100 }, (tick) => {
          tick.save({ n: tick.state.n + 1 });
          ticks.push(machine.time.elapsedMs);
        });
      },
      async hold(_turn, wait: Promise<void>): Promise<number> {
        await wait;
        return ticks.length;
      },
      read: (turn): number => turn.state.n,
    },
  });

  test('a tick is a turn: it waits for others, saves, and repeats', async () => {
    await start();
    ticks.length = 0;
    const ticking = machine.runtime.get(Ticking);
    await machine.run(async () => ticking.begin());
    await machine.time.advance(250);
    expect(ticks).toHaveLength(2);
    const gate = deferred<void>();
    const held = Promise.resolve(ticking.hold(gate.promise));
    await machine.time.advance(1_000);
    expect(ticks).toHaveLength(2);
    gate.resolve();
    expect(await machine.run(() => held)).toBe(2);
    await machine.time.advance(150);
    expect(await machine.run(async () => ticking.read())).toBe(ticks.length);
    expect(ticks.length).toBeGreaterThan(3);
  });

  test('timers neither keep an actor from being idle nor outlive it', async () => {
    await start();
    ticks.length = 0;
    await machine.run(async () => machine.runtime.get(Ticking).begin());
    await machine.time.advance(15_000);
    expect(statisticsOf('ticking').resident).toBe(0);
    const seen = ticks.length;
    expect(seen).toBeGreaterThan(90);
    await machine.time.advance(5_000);
    expect(ticks).toHaveLength(seen);
  });
});

describe('reminders', () => {
  const Alarm = defineActor({
    type: 'alarm',
    idleMs: 2_000,
    initial: () => ({ rings: [] as string[] }),
    methods: {
      async set(turn, name: string, afterMs: number, everyMs?: number): Promise<void> {
        await turn.remind(name, everyMs === undefined ? { afterMs } : { afterMs, everyMs }, 'ring', name);
      },
      async unset(turn, name: string): Promise<void> {
        await turn.forget(name);
      },
      async setAndThrow(turn): Promise<void> {
        await turn.remind('never', { afterMs: 1 }, 'ring', 'never');
        throw new OperationError('out_of_range', 'no');
      },
      async list(turn): Promise<readonly string[]> {
        return (await turn.reminders()).map((reminder) => reminder.name);
      },
      ring(turn, name: string): void {
        if (name === 'bad' && failures-- > 0) throw new Error('not yet');
        turn.save({ rings: [...turn.state.rings, name] });
      },
      rings: (turn): readonly string[] => turn.state.rings,
    },
  });
  let failures = 0;

  const rings = () => machine.run(async () => machine.runtime.get(Alarm, 'a').rings());

  test('a reminder wakes its actor after it was passivated', async () => {
    await start();
    await machine.run(async () => machine.runtime.get(Alarm, 'a').set('tea', 60_000));
    await machine.time.advance(30_000);
    expect(statisticsOf('alarm').resident).toBe(0);
    await machine.time.advance(32_000);
    expect(await rings()).toEqual(['tea']);
    expect(await machine.run(async () => machine.runtime.get(Alarm, 'a').list())).toEqual([]);
  });

  test('a reminder survives a power loss, rings once, and a period goes on', async () => {
    await start();
    await machine.run(async () => {
      const alarm = machine.runtime.get(Alarm, 'a');
      await alarm.set('once', 5_000);
      await alarm.set('often', 10_000, 10_000);
    });
    await machine.crash();
    machine.runtime.register(Alarm);
    await machine.time.advance(7_000);
    expect(await rings()).toEqual(['once']);
    await machine.crash();
    machine.runtime.register(Alarm);
    await machine.time.advance(26_000);
    expect(await rings()).toEqual(['once', 'often', 'often', 'often']);
    expect(await machine.run(async () => machine.runtime.get(Alarm, 'a').list())).toEqual(['often']);
  });

  test('forgetting, replacing and a failed turn leave no reminder behind', async () => {
    await start();
    await machine.run(async () => {
      const alarm = machine.runtime.get(Alarm, 'a');
      await alarm.set('gone', 3_000);
      await alarm.unset('gone');
      await alarm.set('moved', 3_000);
      await alarm.set('moved', 20_000);
      await expect(alarm.setAndThrow()).rejects.toMatchObject({ code: 'out_of_range' });
      expect(await alarm.list()).toEqual(['moved']);
    });
    await machine.time.advance(10_000);
    expect(await rings()).toEqual([]);
    await machine.time.advance(12_000);
    expect(await rings()).toEqual(['moved']);
  });

  test('a reminder whose method fails is tried again, later each time', async () => {
    await start();
    failures = 3;
    await machine.run(async () => machine.runtime.get(Alarm, 'a').set('bad', 1_000));
    await machine.time.advance(3_500);
    expect(await rings()).toEqual([]);
    await machine.time.advance(15_000);
    expect(await rings()).toEqual(['bad']);
  });

  test('a reminder of an unknown method or with too short a period is refused', async () => {
    await start();
    const Wrong = defineActor({
      type: 'wrong',
      initial: () => ({}),
      methods: {
        ring(): void {},
        async unknown(turn): Promise<void> {
          await turn.remind('x', { afterMs: 1 }, 'rin');
        },
        async short(turn): Promise<void> {
          await turn.remind('x', { afterMs: 1, everyMs: 5 }, 'ring');
        },
        async large(turn): Promise<void> {
          await turn.remind('x', { afterMs: 1 }, 'ring', 'x'.repeat(70_000));
        },
      },
    });
    await machine.run(async () => {
      const wrong = machine.runtime.get(Wrong);
      await expect(wrong.unknown()).rejects.toMatchObject({ code: 'not_found', hint: 'did you mean "ring"?' });
      await expect(wrong.short()).rejects.toMatchObject({ code: 'invalid_argument' });
      await expect(wrong.large()).rejects.toMatchObject({ code: 'too_large' });
    });
  });
});

describe('residency', () => {
  const log: string[] = [];
  const Hooked = defineActor({
    type: 'hooked',
    idleMs: 5_000,
    initial: (): Count => ({ n: 0 }),
    onActivate: async (turn) => {
      log.push(`+${turn.key}`);
    },
    onDeactivate: (turn, reason: DeactivationReason) => {
      log.push(`-${turn.key} ${reason}`);
      turn.save({ n: turn.state.n + 100 });
    },
    methods: {
      touch: (turn): number => turn.state.n,
      leave: (turn) => turn.deactivateOnIdle(),
    },
  });

  test('an idle actor is passivated, its hooks run as turns, and the next call brings it back', async () => {
    await start();
    log.length = 0;
    const hooked = machine.runtime.get(Hooked, 'x');
    expect(await machine.run(async () => hooked.touch())).toBe(0);
    await machine.time.advance(3_000);
    hooked.touch();
    await machine.time.advance(3_000);
    expect(log).toEqual(['+x']);
    await machine.time.advance(4_000);
    expect(log).toEqual(['+x', '-x idle']);
    expect(await machine.run(async () => hooked.touch())).toBe(100);
    expect(log).toEqual(['+x', '-x idle', '+x']);
  });

  test('an actor leaves when it asks to, and calls in its mailbox are served', async () => {
    await start();
    log.length = 0;
    const hooked = machine.runtime.get(Hooked, 'x');
    await machine.run(async () => {
      await hooked.touch();
      await Promise.all([hooked.leave(), hooked.touch(), hooked.touch()]);
    });
    expect(log.slice(0, 2)).toEqual(['+x', '-x requested']);
    expect(await machine.run(() => machine.runtime.deactivate('hooked', 'nobody'))).toBe(false);
  });

  test('at the bound on activations the least recently used make room', async () => {
    await start({ activationsMax: 100 });
    await machine.run(async () => {
      for (let i = 0; i < 100; i++) await machine.runtime.get(Counter, i).add(i);
    });
    await machine.time.advance(2_000);
    await machine.run(async () => {
      for (let i = 0; i < 50; i++) await machine.runtime.get(Counter, i).read();
      for (let i = 100; i < 150; i++) await machine.runtime.get(Counter, i).add(i);
      expect(machine.runtime.statistics().resident).toBeLessThanOrEqual(100);
      const before = statisticsOf('counter').activations;
      for (let i = 0; i < 50; i++) expect(await machine.runtime.get(Counter, i).read()).toBe(i);
      expect(statisticsOf('counter').activations).toBe(before);
      for (let i = 50; i < 150; i++) expect(await machine.runtime.get(Counter, i).read()).toBe(i);
    });
  });

  test('when none can leave, one more is refused', async () => {
    await start({ activationsMax: 2 });
    const gate = deferred<void>();
    await machine.run(async () => {
      const busy = [1, 2].map((key) => machine.runtime.get(Counter, key).addSlowly(1, gate.promise));
      expect(() => machine.runtime.get(Counter, 3).read()).toThrow(expect.objectContaining({ code: 'overloaded' }));
      gate.resolve();
      await Promise.all(busy);
      expect(await machine.runtime.get(Counter, 3).read()).toBe(0);
    });
  });

  test('the bound on memory holds for states that are large', async () => {
    await start({ memoryBytesMax: 4_000_000 });
    const Large = defineActor({
      type: 'large',
      initial: () => ({ bytes: new Uint8Array(0) }),
      stateBytes: (state) => state.bytes.length,
      methods: {
        fill: (turn) => turn.save({ bytes: new Uint8Array(100_000) }),
      },
    });
    await machine.run(async () => {
      for (let i = 0; i < 100; i++) await machine.runtime.get(Large, i).fill();
    });
    const { memoryBytes, resident } = machine.runtime.statistics();
    expect(memoryBytes).toBeLessThanOrEqual(4_100_400);
    expect(resident).toBeGreaterThan(30);
    expect(resident).toBeLessThan(42);
  });

  test('onActivate that throws fails the waiting calls, and the next one tries again', async () => {
    await start();
    let fails = true;
    const Fragile = defineActor({
      type: 'fragile',
      initial: () => ({}),
      onActivate: async () => {
        if (fails) throw new Error('not today');
      },
      methods: { ping: () => 'pong' },
    });
    await machine.run(async () => {
      const fragile = machine.runtime.get(Fragile);
      const outcomes = await Promise.allSettled([fragile.ping(), fragile.ping()]);
      for (const outcome of outcomes) {
        expect(outcome).toMatchObject({ status: 'rejected', reason: { code: 'actor_failed' } });
      }
      fails = false;
      expect(await fragile.ping()).toBe('pong');
    });
  });

  test('a turn that begins in onActivate knows who called: a circle through it is refused', async () => {
    await start();
    const Child = defineActor({
      type: 'child',
      initial: () => ({}),
      onActivate: async (turn) => {
        await turn.get(Parent_, turn.key).ping();
      },
      methods: { ping: () => 'pong' },
    });
    const Parent = defineActor({
      type: 'parent',
      initial: () => ({}),
      methods: { ping: () => 'pong', call: (turn) => turn.get(Child, turn.key).ping() },
    });
    const Parent_ = Parent as unknown as ReturnType<typeof loosePing>;
    await expect(machine.run(async () => machine.runtime.get(Parent, 1).call())).rejects.toMatchObject({
      code: 'actor_cycle',
      message: expect.stringContaining('parent/1 -> child/1 -> parent/1'),
    });
  });

  function loosePing() {
    return defineActor({ type: 'loose-ping', initial: () => ({}), methods: { ping: (): string => '' } });
  }

  test('stop finishes accepted turns, refuses new ones, passivates all', async () => {
    await start();
    log.length = 0;
    const gate = deferred<void>();
    const counter = machine.runtime.get(Counter, 'a');
    await machine.run(async () => {
      await machine.runtime.get(Hooked, 'x').touch();
      const running = counter.addSlowly(1, gate.promise);
      const queued = counter.add(1);
      const stopped = machine.runtime.stop();
      await machine.platform.timers.sleep(10);
      await expect((async () => counter.add(1))()).rejects.toMatchObject({ code: 'overloaded' });
      await expect((async () => machine.runtime.get(Counter, 'new').add(1))()).rejects.toMatchObject({
        code: 'overloaded',
      });
      gate.resolve();
      expect(await Promise.all([running, queued])).toEqual([1, 2]);
      await stopped;
      expect(machine.runtime.statistics().resident).toBe(0);
      expect(log).toEqual(['+x', '-x stopping']);
    });
  });

  test('stop does not wait forever for a turn that hangs', async () => {
    await start({ stopTimeoutMs: 1_000 });
    const never = new Promise<void>(() => {});
    const counter = machine.runtime.get(Counter, 'a');
    void Promise.resolve(counter.addSlowly(1, never)).catch(() => {});
    const queued = Promise.resolve(counter.add(1));
    await expect(
      machine.run(async () => {
        await machine.runtime.stop();
        return queued;
      }),
    ).rejects.toMatchObject({ code: 'overloaded' });
  });
});

describe('calls by name', () => {
  test('invoke reaches a method, and unknown names are answered with the nearest', async () => {
    await start();
    machine.runtime.register(SeatMap);
    machine.runtime.register(Counter);
    await machine.run(async () => {
      await machine.runtime.invoke('seat-map', 'hamlet', 'hold', ['A1', 'ann']);
      expect(await machine.runtime.invoke('seat-map', 'hamlet', 'holderOf', ['A1'])).toBe('ann');
    });
    expect(() => machine.runtime.invoke('seatmap', 'hamlet', 'hold', [])).toThrow(
      expect.objectContaining({ code: 'not_found', hint: 'did you mean "seat-map"?' }),
    );
    expect(() => machine.runtime.invoke('seat-map', 'hamlet', 'hodl', [])).toThrow(
      expect.objectContaining({ code: 'not_found', hint: 'did you mean "hold"?' }),
    );
    expect(() => machine.runtime.invoke('seat-map', 'hamlet', 'toString', [])).toThrow('has no method');
    expect(machine.runtime.types()).toEqual([
      { type: 'counter', methods: ['add', 'read', 'addSlowly', 'addAndThrow', 'leave'] },
      { type: 'seat-map', methods: ['hold', 'release', 'holderOf'] },
    ]);
  });

  test('two definitions of one type and malformed definitions are refused', async () => {
    await start();
    machine.runtime.register(Counter);
    expect(() => machine.runtime.register({ ...SeatMap, type: 'counter' })).toThrow(
      expect.objectContaining({ code: 'already_exists' }),
    );
    expect(() => machine.runtime.register({ ...SeatMap, type: '' })).toThrow('1 to 255 bytes');
    expect(() =>
      machine.runtime.register(
        defineActor({ type: 'thenable', initial: () => 0, methods: Object.fromEntries([['then', () => 1]]) }),
      ),
    ).toThrow('cannot be named "then"');
  });

  test('a circle over several members is seen in the chain that the request carries', async () => {
    await start();
    machine.runtime.register(Counter);
    const context = new RequestContext({ chain: ['counter/a', 'other/b'] });
    await expect(
      machine.run(async () => machine.runtime.invoke('counter', 'a', 'read', [], context)),
    ).rejects.toMatchObject({
      code: 'actor_cycle',
      message: expect.stringContaining('counter/a -> other/b -> counter/a'),
    });
  });

  test('statistics count turns, errors and durations per type', async () => {
    await start();
    const counter = machine.runtime.get(Counter, 'a');
    await machine.run(async () => {
      await counter.add(1);
      await expect((async () => counter.addAndThrow(1))()).rejects.toMatchObject({ code: 'out_of_range' });
      for (let i = 0; i < 200; i++) counter.read();
    });
    const figures = statisticsOf('counter');
    expect(figures).toMatchObject({ turns: 202, errors: 1, activations: 1, resident: 1 });
    expect(figures.durationBuckets.reduce((sum, n) => sum + n, 0)).toBeGreaterThanOrEqual(3);
  });
});
