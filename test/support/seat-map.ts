/**
 * The seats of one performance; the actor key is the performance id. Turns of one activation
 * never overlap and `hold` does not await, so its check still stands when it saves. The turn
 * commits before its reply leaves: whoever was told yes still holds the seat after a crash.
 */

import { z } from 'zod';
import { defineActor, type Turn } from '../../src/actors/actor.ts';
import { OperationError } from '../../src/base/errors.ts';

export type Seat = string;
export type Holder = string;

export interface SeatMapState {
  readonly holders: ReadonlyMap<Seat, Holder>;
}

export const SeatMap = defineActor({
  type: 'seat-map',
  idleMs: 60_000,
  state: z.object({ holders: z.map(z.string(), z.string()) }),
  initial: (): SeatMapState => ({ holders: new Map() }),
  methods: {
    /** Idempotent for the same holder. @throws OperationError `already_exists` when taken. */
    hold(turn: Turn<SeatMapState>, seat: Seat, holder: Holder): void {
      const current = turn.state.holders.get(seat);
      if (current === holder) return;
      if (current !== undefined) throw new OperationError('already_exists', `seat ${seat} is held`);
      turn.save({ holders: new Map(turn.state.holders).set(seat, holder) });
    },

    /** Idempotent. @throws OperationError `permission_denied` when someone else holds the seat. */
    release(turn: Turn<SeatMapState>, seat: Seat, holder: Holder): void {
      const current = turn.state.holders.get(seat);
      if (current === undefined) return;
      if (current !== holder) throw new OperationError('permission_denied', `seat ${seat} is held by someone else`);
      const holders = new Map(turn.state.holders);
      holders.delete(seat);
      turn.save({ holders });
    },

    holderOf(turn: Turn<SeatMapState>, seat: Seat): Holder | undefined {
      return turn.state.holders.get(seat);
    },
  },
});
