/** WITH CHECK OPTION of views whose conditions hold subqueries: rows are held against them once they are written. */

import { type Awaitable, isPromise, whenReady } from '../../../base/awaitable.ts';
import type { Table } from '../../../models/relational/table.ts';
import type { RowWriter } from './modify.ts';
import type { ExecutionContext, RowBatch } from './operator.ts';
import type { EvaluateLater } from './subquery.ts';
import { viewViolation } from './table-writer.ts';

export interface LateViewCheck {
  readonly view: string;
  /** Over a row of the table. */
  readonly test: EvaluateLater;
}

export class CheckedRows implements RowWriter {
  readonly #writer: RowWriter;
  readonly #table: Table;
  readonly #checks: readonly LateViewCheck[];
  readonly #context: ExecutionContext;

  constructor(writer: RowWriter, table: Table, checks: readonly LateViewCheck[], context: ExecutionContext) {
    this.#writer = writer;
    this.#table = table;
    this.#checks = checks;
    this.#context = context;
  }

  /** @throws SqlError `with_check_option_violation`. */
  write(batch: RowBatch): Awaitable<RowBatch> {
    return whenReady(this.#writer.write(batch), (written) => whenReady(this.#checkFrom(written, 0), () => written));
  }

  finish(): Awaitable<void> {
    return this.#writer.finish?.();
  }

  #checkFrom(rows: RowBatch, from: number): Awaitable<void> {
    for (let i = from; i < rows.length; i++) {
      const checked = this.#check(rows, i, 0);
      if (isPromise(checked)) return checked.then(() => this.#checkFrom(rows, i + 1));
    }
  }

  #check(rows: RowBatch, place: number, from: number): Awaitable<void> {
    const row = rows[place]!;
    for (let i = from; i < this.#checks.length; i++) {
      const { view, test } = this.#checks[i]!;
      const require = (passes: unknown): void => {
        if (passes !== true) throw viewViolation(view, this.#table, row, this.#context);
      };
      const passes = test(row, this.#context);
      if (isPromise(passes)) {
        return passes.then((late) => {
          require(late);
          return this.#check(rows, place, i + 1);
        });
      }
      require(passes);
    }
  }
}
