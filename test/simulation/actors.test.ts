/** The actor runtime on one machine: turns, limits, calls by name. */

import { describe, expect, test } from 'vitest';
import { defineActor, type Turn } from '../../src/actors/actor.ts';
import { stateKey } from '../../src/actors/keys.ts';
import { RequestContext } from '../../src/actors/request-context.ts';
import { encodeState } from '../../src/actors/state-codec.ts';
import { AssertionError } from '../../src/base/assert.ts';
import { deferred } from '../../src/base/awaitable.ts';
import type { OperationError } from '../../src/base/errors.ts';
import { keyspace } from '../support/actors.ts';
import { type Count, Counter } from '../support/counter.ts';
import { machine, start, statisticsOf } from '../support/one-machine.ts';
import { SeatMap } from '../support/seat-map.ts';

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
