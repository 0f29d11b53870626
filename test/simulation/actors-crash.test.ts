/** Power losses at random moments: whoever was told yes keeps the seat, and nobody was told what a crash took back. */

import { expect, test } from 'vitest';
import { hasCode } from '../../src/base/errors.ts';
import { ActorMachine, SEED } from '../support/actors.ts';
import { SeatMap } from '../support/seat-map.ts';

const SHOWS = 3;
const SEATS = 100;
const CLIENTS = 10;
const CRASHES = 25;

test('seats that were confirmed, or seen taken, stay with their holder through power losses', async () => {
  const machine = await ActorMachine.start({}, [0, 8]);
  const random = machine.simulation.random.fork('workload');
  /** By show and seat: who was confirmed, or reported to someone as the holder. */
  const told = new Map<string, string>();
  const tell = (place: string, holder: string) => {
    expect(told.get(place) ?? holder, `${place}, seed ${SEED}`).toBe(holder);
    told.set(place, holder);
  };
  /** Places of which somebody was told that they are taken. */
  const taken = new Set<string>();
  /** The place that was asked for last: its commit may be on its way. */
  let hot = { show: 0, seat: '0' };

  async function client(name: string): Promise<void> {
    for (;;) {
      const { show, seat } = random.int(2) === 0 ? hot : { show: random.int(SHOWS), seat: String(random.int(SEATS)) };
      hot = { show, seat };
      const place = `${show}/${seat}`;
      const seats = machine.runtime.get(SeatMap, show);
      if (random.int(3) === 0) {
        const holder = await seats.holderOf(seat);
        if (holder !== undefined) tell(place, holder);
        // What was told must be seen by everybody from then on.
        else expect(told.get(place), `${place}, seed ${SEED}`).toBeUndefined();
      } else {
        try {
          await seats.hold(seat, name);
          tell(place, name);
        } catch (error) {
          if (!hasCode(error, 'already_exists')) throw error;
          taken.add(place);
          expect(told.get(place), `${place}, seed ${SEED}`).not.toBe(name);
        }
      }
      await machine.platform.timers.sleep(random.int(5));
    }
  }

  for (let crash = 0; crash < CRASHES; crash++) {
    // After a power loss the clients of that machine hang forever, as their calls do; new ones take their place.
    const failures: unknown[] = [];
    for (let i = 0; i < CLIENTS; i++) client(`client-${i}`).catch((error: unknown) => failures.push(error));
    await machine.time.advance(5 + random.int(60));
    expect(failures, `seed ${SEED}`).toEqual([]);
    machine.platform.losePower(random.int(2) === 0 ? 'lost' : 'torn');
    await machine.boot();
    for (const [place, holder] of told) {
      const [show, seat] = place.split('/') as [string, string];
      const stored = await machine.run(async () => machine.runtime.get(SeatMap, show).holderOf(seat));
      expect(stored, `${place} after crash ${crash}, seed ${SEED}`).toBe(holder);
    }
    for (const place of taken) {
      const [show, seat] = place.split('/') as [string, string];
      const stored = await machine.run(async () => machine.runtime.get(SeatMap, show).holderOf(seat));
      expect(stored, `${place} was refused before crash ${crash}, seed ${SEED}`).toBeDefined();
    }
  }
  expect(told.size, `seed ${SEED}`).toBeGreaterThan(60);
  expect(taken.size, `seed ${SEED}`).toBeGreaterThan(20);
  await machine.stop();
});
