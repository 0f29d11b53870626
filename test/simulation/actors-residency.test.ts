/** The actor runtime on one machine: timers, reminders, and how actors come and go. */

import { describe, expect, test } from 'vitest';
import { type DeactivationReason, defineActor } from '../../src/actors/actor.ts';
import { deferred } from '../../src/base/awaitable.ts';
import { OperationError } from '../../src/base/errors.ts';
import { type Count, Counter } from '../support/counter.ts';
import { machine, start, statisticsOf } from '../support/one-machine.ts';

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
