/**
 * Makes rows of stored entries: only the columns that anybody asks for, and those behind a condition only of rows that
 * meet it.
 *
 * One reader belongs to one execution. What it gives is the caller's.
 */

import type { Bytes } from '../../../base/bytes.ts';
import type { ColumnReader } from '../../../models/relational/row-codec.ts';
import type { Key } from '../../../storage/key-range.ts';
import type { PackedEntries } from '../../../storage/packed-entries.ts';
import type { Evaluate } from '../functions/evaluation.ts';
import type { ExecutionContext, ExecutionRow } from './operator.ts';

export interface PlannedReader {
  /** Places in a row. */
  readonly width: number;
  /** Reads what `test` needs; all columns where there is no test. */
  readonly first: ColumnReader;
  /** True of the rows that are wanted. */
  readonly test: Evaluate | undefined;
  /** Reads the others; undefined when there are none. */
  readonly second: ColumnReader | undefined;
}

export class RowReader {
  readonly #planned: PlannedReader;
  readonly #context: ExecutionContext;
  /** Copied for each row: faster than filling one. */
  readonly #empty: readonly null[];
  #spare: ExecutionRow | undefined;
  /** Rows that did not meet the condition. */
  removed = 0;

  constructor(planned: PlannedReader, context: ExecutionContext) {
    this.#planned = planned;
    this.#context = context;
    this.#empty = new Array<null>(planned.width).fill(null);
  }

  /** Undefined for a row that is not wanted. @throws OperationError `corruption`. */
  read(key: Key, value: Bytes): ExecutionRow | undefined {
    const { first, test, second } = this.#planned;
    let row = this.#spare;
    if (row === undefined) row = this.#empty.slice();
    else this.#spare = undefined;
    first.read(key, value, row);
    if (test !== undefined && test(row, this.#context) !== true) {
      this.removed++;
      this.#spare = row;
      return undefined;
    }
    second?.read(key, value, row);
    return row;
  }

  /** Those of packed entries that are wanted, behind `rows`. */
  readAll({ bytes, offsets, from, to }: PackedEntries, rows: ExecutionRow[]): void {
    const { first, test, second } = this.#planned;
    const context = this.#context;
    let spare = this.#spare;
    for (let i = from; i < to; i++) {
      const keyAt = offsets[i * 2]!;
      const valueAt = offsets[i * 2 + 1]!;
      const end = offsets[i * 2 + 2]!;
      const row: ExecutionRow = spare ?? this.#empty.slice();
      first.readAt(bytes, keyAt, valueAt, end, row);
      if (test !== undefined && test(row, context) !== true) {
        this.removed++;
        spare = row;
        continue;
      }
      spare = undefined;
      second?.readAt(bytes, keyAt, valueAt, end, row);
      rows.push(row);
    }
    this.#spare = spare;
  }
}
