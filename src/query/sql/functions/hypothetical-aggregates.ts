/**
 * Hypothetical-set aggregates (manual, 9.21, table 9.63): where a row would stand among those of the group. The rows come in order, each
 * packed as its sort keys followed by the values of the hypothetical row.
 */

import type { SqlRecord } from '../../../models/relational/values.ts';
import { type Compare, compareFor } from '../types/compare.ts';
import type { SqlType, SqlValue } from '../types/types.ts';
import type { Accumulator } from './aggregates.ts';
import type { PackedAggregate } from './packed-aggregates.ts';

/** One key of WITHIN GROUP (ORDER BY …). */
export interface HypotheticalKey {
  readonly type: SqlType;
  readonly descending: boolean;
  readonly nullsFirst: boolean;
}

interface Standing {
  readonly rows: number;
  /** Rows that sort before the hypothetical one. */
  readonly before: number;
  /** Different keys among those. */
  readonly groupsBefore: number;
  /** Rows that sort as it does. */
  readonly peers: number;
}

const RESULTS: Readonly<Record<string, { readonly result: SqlType; value(standing: Standing): SqlValue }>> = {
  rank: { result: 'int8', value: ({ before }) => BigInt(before + 1) },
  dense_rank: { result: 'int8', value: ({ groupsBefore }) => BigInt(groupsBefore + 1) },
  percent_rank: { result: 'float8', value: ({ before, rows }) => (rows === 0 ? 0 : before / rows) },
  cume_dist: { result: 'float8', value: ({ before, peers, rows }) => (before + peers + 1) / (rows + 1) },
};

export function isHypotheticalSet(name: string): boolean {
  return Object.hasOwn(RESULTS, name);
}

/** @param name One that `isHypotheticalSet`. */
export function hypotheticalAggregate(name: string, keys: readonly HypotheticalKey[]): PackedAggregate {
  const { result, value } = RESULTS[name]!;
  const types = keys.map((key) => key.type);
  return {
    name,
    argument: 'record',
    result,
    packed: [...types, ...types],
    json: [],
    create: () => accumulate(keys, value),
  };
}

function accumulate(keys: readonly HypotheticalKey[], finish: (standing: Standing) => SqlValue): Accumulator {
  const compares = keys.map((key) => compareKey(key));
  const width = keys.length;
  let [rows, before, groupsBefore, peers] = [0, 0, 0, 0];
  let last: readonly SqlValue[] | undefined;
  const order = (a: readonly SqlValue[], aFrom: number, b: readonly SqlValue[], bFrom: number): number => {
    for (let i = 0; i < width; i++) {
      const found = compares[i]!(a[aFrom + i]!, b[bFrom + i]!);
      if (found !== 0) return found;
    }
    return 0;
  };
  return {
    add(row) {
      const { values } = row as SqlRecord;
      rows++;
      const found = order(values, 0, values, width);
      if (found === 0) peers++;
      if (found >= 0) return;
      before++;
      if (last === undefined || order(values, 0, last, 0) !== 0) groupsBefore++;
      last = values;
    },
    result: () => finish({ rows, before, groupsBefore, peers }),
  };
}

function compareKey({ type, descending, nullsFirst }: HypotheticalKey): (a: SqlValue, b: SqlValue) => number {
  const compare: Compare = compareFor(type);
  return (a, b) => {
    if (a === null || b === null) return a === b ? 0 : (a === null) === nullsFirst ? -1 : 1;
    return compare(a, b) * (descending ? -1 : 1);
  };
}
