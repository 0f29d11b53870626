/** GROUP BY with its grouping sets: which keys there are, and which of them each set groups by (parse_agg.c). */

import type { Node } from '@pgsql/types';
import { SqlError } from '../sql-error.ts';
import { type BoundExpression, sameExpression } from './bound.ts';

export interface GroupBy {
  readonly keys: readonly BoundExpression[];
  /** Places in `keys`; undefined for one set of all of them. */
  readonly sets: readonly (readonly number[])[] | undefined;
}

const SETS_MAX = 4_096;

/** @param distinct Sets that are there twice count once: GROUP BY DISTINCT. */
export function bindGroupBy(nodes: readonly Node[], bind: (node: Node) => BoundExpression, distinct: boolean): GroupBy {
  const keys: BoundExpression[] = [];
  const key = (node: Node): number => {
    const bound = bind(node);
    const known = keys.findIndex((each) => sameExpression(each, bound));
    return known >= 0 ? known : keys.push(bound) - 1;
  };
  /** The keys of one expression, which may be a list in parentheses. */
  const simple = (node: Node): number[] =>
    'RowExpr' in node && node.RowExpr.row_format === 'COERCE_IMPLICIT_CAST'
      ? (node.RowExpr.args ?? []).map(key)
      : [key(node)];
  const setsOf = (node: Node): number[][] => {
    if (!('GroupingSet' in node)) return [simple(node)];
    const { kind, content = [], location } = node.GroupingSet;
    switch (kind) {
      case 'GROUPING_SET_EMPTY':
        return [[]];
      case 'GROUPING_SET_ROLLUP': {
        const parts = content.map(simple);
        return Array.from({ length: parts.length + 1 }, (_, i) => parts.slice(0, parts.length - i).flat());
      }
      case 'GROUPING_SET_CUBE': {
        if (content.length > 12) {
          throw new SqlError('too_many_columns', 'CUBE is limited to 12 elements', { location });
        }
        const parts = content.map(simple);
        const all = 2 ** parts.length;
        return Array.from({ length: all }, (_, i) =>
          parts.filter((_, place) => ((all - 1 - i) >> (parts.length - 1 - place)) & 1).flat(),
        );
      }
      case 'GROUPING_SET_SETS':
        return content.flatMap(setsOf);
      default:
        return [content.flatMap(simple)];
    }
  };
  if (!nodes.some((node) => 'GroupingSet' in node)) {
    for (const node of nodes) simple(node);
    return { keys, sets: undefined };
  }
  let sets: number[][] = [[]];
  for (const node of nodes) {
    const more = setsOf(node);
    if (sets.length * more.length > SETS_MAX) {
      throw new SqlError('statement_too_complex', `too many grouping sets present (maximum ${SETS_MAX})`);
    }
    sets = sets.flatMap((set) => more.map((other) => [...set, ...other]));
  }
  const plain = sets.map((set) => [...new Set(set)]);
  if (!distinct) return { keys, sets: plain };
  const seen = new Map(plain.map((set) => [[...set].sort((a, b) => a - b).join(), set]));
  return { keys, sets: [...seen.values()] };
}
