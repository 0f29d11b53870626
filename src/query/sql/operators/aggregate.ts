/** Aggregates over all rows of the input: exactly one row of results, in the order of the aggregates. */

import { type Awaitable, whenReady } from '../../../base/awaitable.ts';
import type { AggregateFunction } from '../functions/aggregates.ts';
import type { Evaluate } from '../functions/evaluation.ts';
import { drain } from './drain.ts';
import type { ExecutionContext, Operator, RowBatch } from './operator.ts';

export interface PlannedAggregate {
  readonly function: AggregateFunction;
  /** Undefined counts rows. */
  readonly argument: Evaluate | undefined;
}

export class Aggregate implements Operator {
  readonly #input: Operator;
  readonly #aggregates: readonly PlannedAggregate[];
  readonly #context: ExecutionContext;
  #done = false;

  constructor(input: Operator, aggregates: readonly PlannedAggregate[], context: ExecutionContext) {
    this.#input = input;
    this.#aggregates = aggregates;
    this.#context = context;
  }

  next(): Awaitable<RowBatch | undefined> {
    if (this.#done) return undefined;
    this.#done = true;
    const states = this.#aggregates.map((aggregate) => aggregate.function.create());
    const take = (batch: RowBatch): void => {
      for (let i = 0; i < states.length; i++) {
        const state = states[i]!;
        const { argument } = this.#aggregates[i]!;
        for (const row of batch) {
          const value = argument === undefined ? true : argument(row, this.#context);
          if (value !== null) state.add(value);
        }
      }
    };
    return whenReady(drain(this.#input, take), () => [states.map((state) => state.result())]);
  }

  close(): void {
    this.#done = true;
    this.#input.close();
  }
}
