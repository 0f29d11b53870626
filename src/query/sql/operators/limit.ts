/**
 * LIMIT and OFFSET: rows [offset, offset + limit) of the input, in the input's order.
 * Streams, holding one batch; stops pulling when satisfied, so LIMIT 10 never reads a whole table.
 */

import { type Awaitable, isPromise } from '../../../base/awaitable.ts';
import type { Operator, RowBatch } from './operator.ts';

export class Limit implements Operator {
  readonly #input: Operator;
  #toSkip: number;
  #toEmit: number;

  /** @param limit Infinity for none. */
  constructor(input: Operator, limit: number, offset: number) {
    this.#input = input;
    this.#toSkip = offset;
    this.#toEmit = limit;
  }

  next(): Awaitable<RowBatch | undefined> {
    while (this.#toEmit > 0) {
      const batch = this.#input.next();
      if (isPromise(batch)) return this.#nextLate(batch);
      if (batch === undefined) return undefined;
      const rows = this.#cut(batch);
      if (rows.length > 0) return rows;
    }
    this.close();
    return undefined;
  }

  close(): void {
    this.#toEmit = 0;
    this.#input.close();
  }

  async #nextLate(first: Promise<RowBatch | undefined>): Promise<RowBatch | undefined> {
    for (let batch = await first; batch !== undefined; batch = await this.#input.next()) {
      const rows = this.#cut(batch);
      if (rows.length > 0) return rows;
    }
    return undefined;
  }

  #cut(batch: RowBatch): RowBatch {
    const rows = batch.slice(this.#toSkip, this.#toSkip + this.#toEmit);
    this.#toSkip -= Math.min(this.#toSkip, batch.length);
    this.#toEmit -= rows.length;
    return rows;
  }
}
