/**
 * The functions that only windows have: what they take, what type they give, and what they compute for one row of a
 * partition (PostgreSQL's windowfuncs.c). Aggregates over frames are in window.ts.
 */

import { SqlError } from '../sql-error.ts';
import type { SqlType, SqlValue } from '../types/types.ts';

/** One partition, in order, as a function sees it at one of its rows. */
export interface WindowRow {
  /** Place in the partition from 0. */
  readonly place: number;
  /** Rows of the partition. */
  readonly count: number;
  /** Places of the first row that sorts as this one does, and behind the last. */
  readonly peersStart: number;
  readonly peersEnd: number;
  /** How many different sort keys are before this one. */
  readonly peerGroup: number;
  /** Places in the frame, in order, by their number from 0; undefined beyond. */
  frame(index: number): number | undefined;
  readonly frameRows: number;
  /** An argument, computed over the row at a place. */
  argument(index: number, place: number): SqlValue;
}

export interface WindowFunction {
  readonly name: string;
  /** Types of the arguments; `any` takes the type of the first such argument. The rest of what a call gives is optional. */
  readonly arguments: readonly (SqlType | 'any')[];
  readonly required: number;
  readonly result: SqlType | 'any';
  evaluate(row: WindowRow, given: number): SqlValue;
}

function define(
  name: string,
  args: readonly (SqlType | 'any')[],
  result: SqlType | 'any',
  evaluate: (row: WindowRow, given: number) => SqlValue,
  required = args.length,
): WindowFunction {
  return { name, arguments: args, required, result, evaluate };
}

/** The value `by` rows before this one, or after it when negative. */
function shiftedValue(row: WindowRow, given: number, sign: number): SqlValue {
  const by = given > 1 ? row.argument(1, row.place) : 1;
  if (by === null) return null;
  const place = row.place - sign * Number(by);
  if (place >= 0 && place < row.count) return row.argument(0, place);
  return given > 2 ? row.argument(2, row.place) : null;
}

const DEFINITIONS: readonly WindowFunction[] = [
  define('row_number', [], 'int8', ({ place }) => BigInt(place + 1)),
  define('rank', [], 'int8', ({ peersStart }) => BigInt(peersStart + 1)),
  define('dense_rank', [], 'int8', ({ peerGroup }) => BigInt(peerGroup + 1)),
  define('percent_rank', [], 'float8', ({ peersStart, count }) => (count <= 1 ? 0 : peersStart / (count - 1))),
  define('cume_dist', [], 'float8', ({ peersEnd, count }) => peersEnd / count),
  define('ntile', ['int4'], 'int4', (row) => {
    const buckets = row.argument(0, 0);
    if (buckets === null) return null;
    if ((buckets as number) <= 0) {
      throw new SqlError('invalid_argument_for_ntile_function', 'argument of ntile must be greater than zero');
    }
    const size = Math.trunc(row.count / (buckets as number));
    const larger = row.count % (buckets as number);
    // The first buckets hold one row more.
    const boundary = larger * (size + 1);
    if (row.place < boundary) return Math.trunc(row.place / (size + 1)) + 1;
    return larger + Math.trunc((row.place - boundary) / size) + 1;
  }),
  define('lag', ['any', 'int4', 'any'], 'any', (row, given) => shiftedValue(row, given, 1), 1),
  define('lead', ['any', 'int4', 'any'], 'any', (row, given) => shiftedValue(row, given, -1), 1),
  define('first_value', ['any'], 'any', (row) => {
    const place = row.frame(0);
    return place === undefined ? null : row.argument(0, place);
  }),
  define('last_value', ['any'], 'any', (row) => {
    const place = row.frame(row.frameRows - 1);
    return place === undefined ? null : row.argument(0, place);
  }),
  define('nth_value', ['any', 'int4'], 'any', (row) => {
    const nth = row.argument(1, row.place);
    if (nth === null) return null;
    if ((nth as number) <= 0) {
      throw new SqlError('invalid_argument_for_nth_value_function', 'argument of nth_value must be greater than zero');
    }
    const place = row.frame((nth as number) - 1);
    return place === undefined ? null : row.argument(0, place);
  }),
];

export const WINDOW_FUNCTIONS: ReadonlyMap<string, WindowFunction> = new Map(
  DEFINITIONS.map((each) => [each.name, each]),
);
