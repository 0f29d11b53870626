/** A persistent counter: the actor that most tests of the runtime use. */

import { defineActor } from '../../src/actors/actor.ts';
import { OperationError } from '../../src/base/errors.ts';

export interface Count {
  readonly n: number;
}

export const Counter = defineActor({
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
