import { expect, test } from 'vitest';
import type { Seat } from '../base/roster.ts';
import { Simulation } from '../platform/simulated/simulation.ts';
import { LoginDeadlines, type Newcomer } from './login-deadlines.ts';

test('each is due when its own time is over, and whoever has left is not', async () => {
  const simulation = new Simulation('logins');
  const { time } = simulation;
  const platform = simulation.boot();
  const deadlines = new LoginDeadlines(platform, 100);
  const late: string[] = [];
  const come = (name: string): Seat<Newcomer> | undefined => {
    const cameAtMs = platform.clock.monotonicMs();
    return deadlines.add({
      cameAtMs,
      loginTimedOut: () => late.push(`${name} after ${platform.clock.monotonicMs() - cameAtMs}`),
    });
  };
  const first = come('first');
  come('second');
  await time.advance(30);
  const third = come('third');
  come('fourth');
  first?.leave();
  third?.leave();
  await time.advance(69);
  expect(late).toEqual([]);
  await time.advance(1);
  expect(late).toEqual(['second after 100']);
  await time.advance(30);
  expect(late).toEqual(['second after 100', 'fourth after 100']);
  expect(time.pending).toBe(0);
  come('fifth');
  await time.advance(100);
  expect(late.at(-1)).toBe('fifth after 100');
});

test('without a limit nobody is awaited', async () => {
  const simulation = new Simulation('logins');
  const platform = simulation.boot();
  const newcomer = { cameAtMs: 0, loginTimedOut: () => expect.unreachable() };
  expect(new LoginDeadlines(platform, 0).add(newcomer)).toBeUndefined();
  expect(simulation.time.pending).toBe(0);
});
