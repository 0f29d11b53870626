/** The rows of pg_opclass and pg_opfamily, and the classes that pg_index tells. */

import {
  type AccessMethod,
  defaultOperatorClass,
  OPERATOR_CLASSES,
  operatorFamilies,
  requireOperatorClass,
} from '../operator-classes.ts';
import { type SqlType, typeInfo } from '../types/types.ts';
import { ACCESS_METHODS, OWNER, SYSTEM_SCHEMAS } from './oids.ts';
import type { SystemRows } from './system-row.ts';

/** Of a part of an index; 0 for a type without classes. */
export function operatorClassOid(
  { type, operatorClass }: { readonly type: SqlType; readonly operatorClass?: string },
  method: AccessMethod = 'btree',
): number {
  const found =
    operatorClass === undefined
      ? defaultOperatorClass(type, method)
      : requireOperatorClass(operatorClass, type, method);
  return found?.oid ?? 0;
}

export const OPERATOR_CLASS_ROWS: Readonly<Record<string, SystemRows>> = {
  pg_opclass: () =>
    OPERATOR_CLASSES.map(({ oid, method, name, family, type, isDefault }) => ({
      oid,
      opcmethod: ACCESS_METHODS[method],
      opcname: name,
      opcnamespace: SYSTEM_SCHEMAS.pg_catalog,
      opcowner: OWNER,
      opcfamily: family,
      opcintype: typeInfo(type).oid,
      opcdefault: isDefault,
      opckeytype: 0,
    })),
  *pg_opfamily() {
    for (const [oid, { name, method }] of operatorFamilies()) {
      const opfmethod = ACCESS_METHODS[method];
      yield { oid, opfmethod, opfname: name, opfnamespace: SYSTEM_SCHEMAS.pg_catalog, opfowner: OWNER };
    }
  },
};
