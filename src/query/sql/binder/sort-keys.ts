/** ORDER BY, and ASC, DESC and NULLS FIRST or LAST of each of its keys. */

import type { Node } from '@pgsql/types';
import { notSupported, SqlError } from '../sql-error.ts';
import { type BoundSortKey, sameExpression } from './bound.ts';
import { kindOf, stringsOf } from './names.ts';

/** A key that was there before sorts nothing, in whichever direction it is asked for again. */
export function bindSortKeys(nodes: readonly Node[] | undefined, bind: (node: Node) => BoundSortKey): BoundSortKey[] {
  const keys: BoundSortKey[] = [];
  for (const node of nodes ?? []) {
    const key = bind(node);
    if (!keys.some(({ expression }) => sameExpression(expression, key.expression))) keys.push(key);
  }
  return keys;
}

/** Which way a key sorts; nulls are greater than everything unless the key says otherwise. */
export function sortDirection(node: Node): Pick<BoundSortKey, 'descending' | 'nullsFirst'> {
  if (!('SortBy' in node)) throw notSupported(`${kindOf(node)} in ORDER BY`);
  const { sortby_dir, sortby_nulls, useOp, location } = node.SortBy;
  const operator = sortby_dir === 'SORTBY_USING' ? stringsOf(useOp).at(-1)! : undefined;
  if (operator !== undefined && operator !== '<' && operator !== '>') {
    throw new SqlError('wrong_object_type', `operator ${operator} is not a valid ordering operator`, {
      location,
      hint: 'Ordering operators must be "<" or ">" members of btree operator families.',
    });
  }
  const descending = sortby_dir === 'SORTBY_DESC' || operator === '>';
  return {
    descending,
    nullsFirst: sortby_nulls === 'SORTBY_NULLS_FIRST' || (sortby_nulls !== 'SORTBY_NULLS_LAST' && descending),
  };
}
