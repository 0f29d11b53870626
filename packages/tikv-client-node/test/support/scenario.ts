/**
 * The forty scenarios of the reference, and what goes with them: each is one text that runs in the process and over gRPC.
 * `test/scenarios.md` lists which is where.
 */

import { describe, expect, it } from 'vitest';
import { type Carrier, World, type WorldOptions } from './world.ts';

export type NewWorld = (options?: WorldOptions) => World;

export interface Scenario {
  /** Of the reference; empty for what it does not list. */
  readonly numbers: readonly number[];
  readonly title: string;
  readonly run: (newWorld: NewWorld) => Promise<void>;
}

export interface Suite {
  readonly name: string;
  readonly scenarios: readonly Scenario[];
}

export type Define = (
  numbers: number | readonly number[],
  title: string,
  run: (newWorld: NewWorld) => Promise<void>,
) => void;

/** Sockets are looked at a few times between any two events: hours of the tests' clock take their time on a busy machine. */
const TIMEOUT_MS = 240_000;

export function suite(name: string, define: (scenario: Define) => void): Suite {
  const scenarios: Scenario[] = [];
  define((numbers, title, run) => {
    scenarios.push({ numbers: typeof numbers === 'number' ? [numbers] : numbers, title, run });
  });
  return { name, scenarios };
}

export function runSuites(suites: readonly Suite[], carrier: Carrier): void {
  for (const { name, scenarios } of suites) {
    describe(`${carrier}: ${name}`, () => {
      for (const { numbers, title, run } of scenarios) {
        it([...numbers, title].join(' '), { timeout: TIMEOUT_MS }, async () => {
          const worlds: World[] = [];
          await run((options) => {
            const world = new World({ ...options, carrier });
            worlds.push(world);
            return world;
          });
          expect(worlds.some((world) => world.connections > 0)).toBe(carrier === 'over gRPC');
        });
      }
    });
  }
}

/** One key in each region of `splitWorld`. */
export const SPLIT_KEYS = ['a', 'f', 'p', 'z'];

/** Four regions. */
export function splitWorld(newWorld: NewWorld): World {
  const world = newWorld();
  world.cluster.split('c', 'm', 'x');
  return world;
}
