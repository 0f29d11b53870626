/** The actor runtime on one machine: actors that wait for each other. */

import { describe, expect, test } from 'vitest';
import { defineActor, type Turn } from '../../src/actors/actor.ts';
import { stateKey } from '../../src/actors/keys.ts';
import { deferred } from '../../src/base/awaitable.ts';
import { OperationError } from '../../src/base/errors.ts';
import { keyspace } from '../support/actors.ts';
import type { Count } from '../support/counter.ts';
import { machine, start, statisticsOf } from '../support/one-machine.ts';

/** Lets what is in memory go, so that the next call reads the store. */
function forgetInMemory(type: string, key: string) {
  return machine.run(() => machine.runtime.deactivate(type, key));
}

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
