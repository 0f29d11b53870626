/** The rows of pg_opclass and pg_opfamily, and the classes that pg_index tells. */

import { defaultOperatorClass, OPERATOR_CLASSES, operatorFamilies, requireOperatorClass } from '../operator-classes.ts';
import { type SqlType, typeInfo } from '../types/types.ts';
import { BTREE, OWNER, SYSTEM_SCHEMAS } from './oids.ts';
import type { SystemRows } from './system-row.ts';

/** Of a part of an index; 0 for a type without classes. */
export function operatorClassOid(part: { readonly type: SqlType; readonly operatorClass?: string }): number {
  const { type, operatorClass } = part;
  const found = operatorClass === undefined ? defaultOperatorClass(type) : requireOperatorClass(operatorClass, type);
  return found?.oid ?? 0;
}

export const OPERATOR_CLASS_ROWS: Readonly<Record<string, SystemRows>> = {
  pg_opclass: () =>
    OPERATOR_CLASSES.map(({ oid, name, family, type, isDefault }) => ({
      oid,
      opcmethod: BTREE,
      opcname: name,
      opcnamespace: SYSTEM_SCHEMAS.pg_catalog,
      opcowner: OWNER,
      opcfamily: family,
      opcintype: typeInfo(type).oid,
      opcdefault: isDefault,
      opckeytype: 0,
    })),
  *pg_opfamily() {
    for (const [oid, name] of operatorFamilies()) {
      yield { oid, opfmethod: BTREE, opfname: name, opfnamespace: SYSTEM_SCHEMAS.pg_catalog, opfowner: OWNER };
    }
  },
};
