/** ASC, DESC and NULLS FIRST or LAST of one sort key. */

import type { Node } from '@pgsql/types';
import { notSupported, SqlError } from '../sql-error.ts';
import type { BoundSortKey } from './bound.ts';
import { kindOf, stringsOf } from './names.ts';

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
