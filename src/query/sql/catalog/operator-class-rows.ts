/** The rows of pg_opclass and pg_opfamily, and the classes that pg_index tells. */

import {
  type AccessMethod,
  defaultOperatorClass,
  OPERATOR_CLASSES,
  type OperatorClass,
  operatorFamilies,
  requireOperatorClass,
} from '../operator-classes.ts';
import { baseOf, elementOf, type SqlType, typeInfo } from '../types/types.ts';
import { ACCESS_METHODS, OWNER, SYSTEM_SCHEMAS } from './oids.ts';
import type { SystemRows } from './system-row.ts';

interface Part {
  readonly type: SqlType;
  readonly operatorClass?: string;
}

function classOf({ type, operatorClass }: Part, method: AccessMethod): OperatorClass | undefined {
  return operatorClass === undefined
    ? defaultOperatorClass(type, method)
    : requireOperatorClass(operatorClass, type, method);
}

/** Of a part of an index; 0 for a type without classes. */
export function operatorClassOid(part: Part, method: AccessMethod = 'btree'): number {
  return classOf(part, method)?.oid ?? 0;
}

/** The type that pg_attribute has of a part of an index. */
export function keyTypeOf(part: Part, method: AccessMethod): SqlType {
  // Of values it keeps what they are hashed to.
  if (method === 'hash') return 'int4';
  const { keyType = part.type } = classOf(part, method) ?? {};
  return keyType === 'element' ? elementOf(baseOf(part.type))! : keyType;
}

export const OPERATOR_CLASS_ROWS: Readonly<Record<string, SystemRows>> = {
  pg_opclass: () =>
    OPERATOR_CLASSES.map(({ oid, method, name, family, type, isDefault, keyType }) => ({
      oid,
      opcmethod: ACCESS_METHODS[method],
      opcname: name,
      opcnamespace: SYSTEM_SCHEMAS.pg_catalog,
      opcowner: OWNER,
      opcfamily: family,
      opcintype: typeInfo(type).oid,
      opcdefault: isDefault,
      opckeytype: keyType === undefined ? 0 : typeInfo(keyType === 'element' ? 'anyelement' : keyType).oid,
    })),
  *pg_opfamily() {
    for (const [oid, { name, method }] of operatorFamilies()) {
      const opfmethod = ACCESS_METHODS[method];
      yield { oid, opfmethod, opfname: name, opfnamespace: SYSTEM_SCHEMAS.pg_catalog, opfowner: OWNER };
    }
  },
};
