/**
 * Some rows as vectors, one for each place of a row, each made when it is first asked for: what nobody looks at is never
 * read, gathered or turned into objects.
 */

import { type ColumnVector, gather, valueAt } from '../../../models/relational/column-vector.ts';
import type { ColumnValue } from '../../../models/relational/table.ts';

export class ColumnBatch {
  /** Rows; every vector holds so many values. */
  readonly count: number;
  /** Places in a row. */
  readonly width: number;
  readonly #make: (place: number) => ColumnVector;
  readonly #columns: (ColumnVector | undefined)[];

  constructor(count: number, width: number, make: (place: number) => ColumnVector) {
    this.count = count;
    this.width = width;
    this.#make = make;
    this.#columns = new Array<undefined>(width).fill(undefined);
  }

  /** Rows that are there already. */
  static of(rows: readonly (readonly ColumnValue[])[], width: number): ColumnBatch {
    return new ColumnBatch(rows.length, width, (place) => ({
      kind: 'values',
      values: rows.map((row) => row[place]!),
    }));
  }

  column(place: number): ColumnVector {
    let column = this.#columns[place];
    if (column === undefined) {
      column = this.#make(place);
      this.#columns[place] = column;
    }
    return column;
  }

  /** Those of the rows that are named, in that order. */
  select(places: Int32Array, count: number): ColumnBatch {
    return new ColumnBatch(count, this.width, (place) => gather(this.column(place), places, count));
  }

  rowAt(at: number): ColumnValue[] {
    const row: ColumnValue[] = new Array(this.width);
    for (let place = 0; place < this.width; place++) row[place] = valueAt(this.column(place), at);
    return row;
  }

  rows(): ColumnValue[][] {
    const rows: ColumnValue[][] = new Array(this.count);
    for (let at = 0; at < this.count; at++) rows[at] = this.rowAt(at);
    return rows;
  }
}
