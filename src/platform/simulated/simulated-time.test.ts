import { describe, expect, it } from 'vitest';
import { SeededRandom } from './seeded-random.ts';
import { SimulatedTime } from './simulated-time.ts';
import { Simulation } from './simulation.ts';

describe('virtual time', () => {
  it('stands still until it is driven, and then runs events in order', async () => {
    const time = new SimulatedTime();
    const order: string[] = [];
    time.after(20, () => order.push(`b at ${time.elapsedMs}`));
    time.after(10, () => order.push(`a at ${time.elapsedMs}`));
    time.after(20, () => order.push(`c at ${time.elapsedMs}`));
    expect(order).toEqual([]);
    await time.advance(10);
    expect(order).toEqual(['a at 10']);
    await time.advance(100);
    expect(order).toEqual(['a at 10', 'b at 20', 'c at 20']);
    expect(time.elapsedMs).toBe(110);
  });

  it('finishes all that promises do before the next event', async () => {
    const time = new SimulatedTime();
    const order: string[] = [];
    time.after(1, async () => {
      for (let i = 0; i < 50; i++) await Promise.resolve();
      order.push('first');
    });
    time.after(1, () => order.push('second'));
    await time.runUntilIdle();
    expect(order).toEqual(['first', 'second']);
  });

  it('repeats periodic timers until they are cancelled, and is idle with nothing else', async () => {
    const time = new SimulatedTime();
    let ticks = 0;
    const timer = time.every(10, () => {
      if (++ticks === 3) timer.cancel();
    });
    time.every(1_000, () => {});
    time.after(25, () => {});
    await time.runUntilIdle();
    expect([time.elapsedMs, ticks]).toEqual([25, 2]);
    await time.advance(100);
    expect(ticks).toBe(3);
  });

  it('drives until a promise settles, and tells when it never will', async () => {
    const { time, timers } = timersOf(1);
    expect(await time.run(async () => timers.sleep(60_000).then(() => 'slept'))).toBe('slept');
    expect(time.elapsedMs).toBe(60_000);
    await expect(time.run(() => timers.sleep(1).then(() => Promise.reject(new Error('no'))))).rejects.toThrow('no');
    await expect(time.runUntil(new Promise(() => {}))).rejects.toThrow('nothing is left to happen');
    timers.every(10, () => {});
    await expect(time.runUntil(new Promise(() => {}), { limitMs: 1_000 })).rejects.toThrow('the promise is pending');
  });

  it('is ended by an event that throws', async () => {
    const time = new SimulatedTime();
    time.after(1, () => {
      throw new Error('a bug');
    });
    await expect(time.advance(5)).rejects.toThrow('a bug');
    await time.advance(5);
  });

  it('agrees with a sorted list, whatever is scheduled and cancelled', async () => {
    const seed = process.env.ORBIT_TEST_SEED ?? '1';
    const random = new SeededRandom(seed);
    const time = new SimulatedTime();
    const happened: number[] = [];
    const events = Array.from({ length: 500 }, (_, id) => {
      const atMs = random.int(50);
      return { id, atMs, timer: time.after(atMs, () => happened.push(id)), cancelled: false };
    });
    for (const event of events) {
      if (!random.chance(0.6)) continue;
      event.timer.cancel();
      event.timer.cancel();
      event.cancelled = true;
    }
    const expected = events.filter((event) => !event.cancelled).sort((a, b) => a.atMs - b.atMs || a.id - b.id);
    expect(time.pending, `seed ${seed}`).toBe(expected.length);
    await time.advance(100);
    expect(happened, `seed ${seed}`).toEqual(expected.map((event) => event.id));
    expect(time.pending).toBe(0);
  });

  it('stops with its process: a killed one has no timers', async () => {
    const { time, node, timers } = timersOf(1);
    let ticks = 0;
    timers.every(10, () => ticks++);
    timers.after(15, () => ticks++);
    await time.advance(10);
    node.kill();
    timers.after(1, () => ticks++);
    await time.advance(100);
    expect(ticks).toBe(1);
    expect(time.pending).toBe(0);
  });

  it('shows each process its own clocks', async () => {
    const simulation = new Simulation(3);
    const [a, b] = [simulation.boot(), simulation.boot({ clockAheadMs: 5_000 })];
    expect(b.clock.nowMs() - a.clock.nowMs()).toBe(5_000);
    const before = [a.clock.monotonicNs(), b.clock.monotonicMs()] as const;
    await simulation.time.advance(1.5);
    expect(a.clock.monotonicNs() - before[0]).toBe(1_500_000n);
    expect(b.clock.monotonicMs() - before[1]).toBe(1.5);
    expect(a.clock.monotonicMs()).not.toBe(b.clock.monotonicMs());
  });
});

function timersOf(seed: number) {
  const simulation = new Simulation(seed);
  const node = simulation.boot();
  return { time: simulation.time, node, timers: node.timers };
}

describe('seeded chance', () => {
  it('repeats from its seed, differs between seeds and forks', () => {
    const draw = (random: SeededRandom) => Array.from({ length: 5 }, () => random.int(1_000_000));
    expect(draw(new SeededRandom(42))).toEqual(draw(new SeededRandom('42')));
    expect(draw(new SeededRandom(42))).not.toEqual(draw(new SeededRandom(43)));
    const random = new SeededRandom(42);
    const forked = draw(random.fork('a'));
    draw(random);
    expect(draw(random.fork('a'))).toEqual(forked);
    expect(draw(random.fork('b'))).not.toEqual(forked);
  });

  it('gives the same numbers on every machine', () => {
    const random = new SeededRandom('orbit');
    expect([random.int(1_000), random.int(1_000), random.int(1_000), random.uuid()]).toMatchInlineSnapshot(`
      [
        294,
        259,
        40,
        "571d55ec-3bd1-49ae-8661-3e4020a7d4ba",
      ]
    `);
  });

  it('is spread evenly', () => {
    const random = new SeededRandom(5);
    const counts = new Array<number>(10).fill(0);
    for (let i = 0; i < 100_000; i++) counts[random.int(10)]! += 1;
    for (const count of counts) expect(Math.abs(count - 10_000)).toBeLessThan(500);
    for (let i = 0; i < 1_000; i++) expect(random.between(3, 4)).toBeLessThan(4);
  });
});
