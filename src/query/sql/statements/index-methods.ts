/**
 * USING of CREATE INDEX. A hash index is an ordered one that keeps the rules of PostgreSQL's: one column, not unique, no order of its
 * own. A gin index is an inverted one, over arrays and jsonb. Other methods answer operators that no index here is about, and are refused.
 */

import type { IndexElem, IndexStmt } from '@pgsql/types';
import type { AccessMethod } from '../operator-classes.ts';
import { SqlError } from '../sql-error.ts';

/** What PostgreSQL keeps indexes of such a method for. */
const UNSUPPORTED: Readonly<Record<string, string>> = {
  gist: 'Containment, overlaps and distances',
  spgist: 'Containment and distances',
  brin: 'Conditions over the whole of a large table',
};

/** @throws SqlError `undefined_object`, `feature_not_supported`. */
export function indexMethod({ accessMethod = 'btree', unique, indexParams, ...rest }: IndexStmt): AccessMethod {
  if (accessMethod === 'btree') return 'btree';
  const purpose = UNSUPPORTED[accessMethod];
  if (purpose !== undefined) {
    throw new SqlError('feature_not_supported', `USING ${accessMethod} is not supported`, {
      hint: `${purpose} are answered without an index; one of an expression, without USING, serves comparisons with its values.`,
    });
  }
  if (accessMethod !== 'hash' && accessMethod !== 'gin') {
    throw new SqlError('undefined_object', `access method "${accessMethod}" does not exist`);
  }
  const wanted =
    unique === true
      ? 'unique indexes'
      : (rest.indexIncludingParams ?? []).length > 0
        ? 'included columns'
        : accessMethod === 'hash' && (indexParams ?? []).length > 1
          ? 'multicolumn indexes'
          : undefined;
  if (wanted !== undefined) throw unsupportedBy(accessMethod, wanted);
  return accessMethod;
}

/** @throws SqlError `feature_not_supported` for an order that the method does not keep. */
export function refuseOrder({ ordering, nulls_ordering: nulls }: IndexElem, method: AccessMethod): void {
  if (method === 'btree') return;
  if (ordering !== undefined && ordering !== 'SORTBY_DEFAULT') throw unsupportedBy(method, 'ASC/DESC options');
  if (nulls !== undefined && nulls !== 'SORTBY_NULLS_DEFAULT') throw unsupportedBy(method, 'NULLS FIRST/LAST options');
}

function unsupportedBy(method: string, what: string): SqlError {
  return new SqlError('feature_not_supported', `access method "${method}" does not support ${what}`);
}
