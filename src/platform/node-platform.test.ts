import { describe, expect, it, vi } from 'vitest';
import { newNodePlatform } from './node-platform.ts';

const { clock, random, timers } = newNodePlatform();

describe('the platform of the machine', () => {
  it('measures the same monotonic time in two units', async () => {
    const [ms, ns] = [clock.monotonicMs(), clock.monotonicNs()];
    await timers.sleep(5);
    expect(clock.monotonicMs() - ms).toBeGreaterThan(4);
    expect(clock.monotonicNs() - ns).toBeGreaterThan(4_000_000n);
    expect(Math.abs(clock.nowMs() - Date.now())).toBeLessThan(1_000);
  });

  it('draws integers below their bound, bytes of their own memory, and version 4 UUIDs', () => {
    for (let i = 0; i < 100; i++) expect([0, 1, 2]).toContain(random.int(3));
    expect(random.int(2 ** 32)).toBeLessThan(2 ** 32);
    expect(() => random.int(0)).toThrow('below 0');
    expect(random.bytes(16).buffer.byteLength).toBe(16);
    expect(random.uuid()).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  });

  it('ends a sleep when it is cancelled', async () => {
    const abort = new AbortController();
    const sleep = timers.sleep(60_000, abort.signal);
    abort.abort('stopping');
    await expect(sleep).rejects.toMatchObject({ code: 'cancelled', cause: 'stopping' });
    await expect(timers.sleep(60_000, abort.signal)).rejects.toMatchObject({ code: 'cancelled' });
  });

  it('waits longer than setTimeout can count, and cancels at any time', () => {
    vi.useFakeTimers();
    try {
      const days = 24 * 3_600_000;
      let fired = 0;
      timers.after(60 * days, () => fired++);
      const cancelled = timers.after(60 * days, () => fired++);
      vi.advanceTimersByTime(59 * days);
      expect(fired).toBe(0);
      cancelled.cancel();
      cancelled.cancel();
      vi.advanceTimersByTime(2 * days);
      expect(fired).toBe(1);
    } finally {
      vi.useRealTimers();
    }
  });

  it('gives the event loop back', async () => {
    const order: string[] = [];
    timers.soon(() => order.push('soon'));
    queueMicrotask(() => order.push('microtask'));
    await timers.yield();
    expect(order).toEqual(['microtask', 'soon']);
  });

  it('lets those who were put off go on before who yields once more', async () => {
    const rounds = 10;
    const order: string[] = [];
    const work = async (name: string): Promise<void> => {
      for (let round = 0; round < rounds; round++) {
        await timers.yield();
        order.push(name);
        const began = performance.now();
        while (performance.now() - began < 2);
      }
    };
    await Promise.all(['a', 'b', 'c'].map(work));
    expect(order.join('')).toBe('abc'.repeat(rounds));
  });

  it('gives one turn to what one of those who yielded does for long, in the order in which they came', async () => {
    const order: string[] = [];
    const work = async (name: string) => {
      await timers.yield();
      order.push(name);
      timers.soon(() => order.push(`after ${name}`)); // At the end of the next turn.
      const until = performance.now() + 5;
      while (performance.now() < until);
    };
    await Promise.all([work('first'), work('second'), work('third')]);
    expect(order.filter((name) => !name.startsWith('after'))).toEqual(['first', 'second', 'third']);
    expect(order.indexOf('after first')).toBeLessThan(order.indexOf('third'));
  });
});
