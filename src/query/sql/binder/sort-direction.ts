/** ASC, DESC and NULLS FIRST or LAST of one sort key. */

import type { Node } from '@pgsql/types';
import { notSupported } from '../sql-error.ts';
import type { BoundSortKey } from './bound.ts';
import { kindOf } from './names.ts';

/** Which way a key sorts; nulls are greater than everything unless the key says otherwise. */
export function sortDirection(node: Node): Pick<BoundSortKey, 'descending' | 'nullsFirst'> {
  if (!('SortBy' in node)) throw notSupported(`${kindOf(node)} in ORDER BY`);
  const { sortby_dir, sortby_nulls, location } = node.SortBy;
  if (sortby_dir === 'SORTBY_USING') throw notSupported('ORDER BY … USING', location);
  const descending = sortby_dir === 'SORTBY_DESC';
  return {
    descending,
    nullsFirst: sortby_nulls === 'SORTBY_NULLS_FIRST' || (sortby_nulls !== 'SORTBY_NULLS_LAST' && descending),
  };
}
