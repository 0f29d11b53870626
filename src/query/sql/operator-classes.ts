/**
 * Operator classes of B-trees: names of PostgreSQL 15's pg_opclass that an index may mention, and that its catalog tells.
 *
 * Keys sort by code point, as `text_pattern_ops` and its kin do, so that a class that is not the default of its type changes
 * nothing but how the index is printed.
 */

import { SqlError } from './sql-error.ts';
import { elementOf, type SqlType, titleOf, typeInfo } from './types/types.ts';

export interface OperatorClass {
  readonly oid: number;
  readonly name: string;
  readonly family: number;
  readonly type: SqlType;
  readonly isDefault: boolean;
}

type ClassRow = readonly [oid: number, name: string, family: number, type: SqlType, isDefault?: false];

const ROWS: readonly ClassRow[] = [
  [1978, 'int4_ops', 1976, 'int4'],
  [1979, 'int2_ops', 1976, 'int2'],
  [1981, 'oid_ops', 1989, 'oid'],
  [3122, 'date_ops', 434, 'date'],
  [3123, 'float8_ops', 1970, 'float8'],
  [3124, 'int8_ops', 1976, 'int8'],
  [3125, 'numeric_ops', 1988, 'numeric'],
  [3126, 'text_ops', 1994, 'text'],
  [3127, 'timestamptz_ops', 434, 'timestamptz'],
  [3128, 'timestamp_ops', 434, 'timestamp'],
  [4217, 'text_pattern_ops', 2095, 'text', false],
  [4218, 'varchar_pattern_ops', 2095, 'text', false],
  [4219, 'bpchar_pattern_ops', 2097, 'bpchar', false],
  [10000, 'array_ops', 397, 'anyarray'],
  [10002, 'bit_ops', 423, 'bit'],
  [10003, 'bool_ops', 424, 'bool'],
  [10004, 'bpchar_ops', 426, 'bpchar'],
  [10006, 'bytea_ops', 428, 'bytea'],
  [10007, 'char_ops', 429, 'char'],
  [10009, 'cidr_ops', 1974, 'inet', false],
  [10012, 'float4_ops', 1970, 'float4'],
  [10015, 'inet_ops', 1974, 'inet'],
  [10022, 'interval_ops', 1982, 'interval'],
  [10024, 'macaddr_ops', 1984, 'macaddr'],
  [10026, 'macaddr8_ops', 3371, 'macaddr8'],
  [10028, 'name_ops', 1994, 'name'],
  [10032, 'oidvector_ops', 1991, 'oidvector'],
  [10034, 'record_ops', 2994, 'record'],
  [10038, 'time_ops', 1996, 'time'],
  [10041, 'timetz_ops', 2000, 'timetz'],
  [10043, 'varbit_ops', 2002, 'varbit'],
  [10044, 'varchar_ops', 1994, 'text', false],
  [10053, 'xid8_ops', 5067, 'xid8'],
  [10067, 'pg_lsn_ops', 3253, 'pg_lsn'],
  [10065, 'uuid_ops', 2968, 'uuid'],
  [10069, 'enum_ops', 3522, 'anyenum'],
  [10076, 'range_ops', 3901, 'anyrange'],
  [10080, 'multirange_ops', 4199, 'anymultirange'],
  [10088, 'jsonb_ops', 4033, 'jsonb'],
];

/** Families that hold classes of several types, or are not named as the one that they hold. */
const FAMILY_NAMES: Readonly<Record<number, string>> = {
  434: 'datetime_ops',
  1970: 'float_ops',
  1974: 'network_ops',
  1976: 'integer_ops',
  1994: 'text_ops',
  2095: 'text_pattern_ops',
};

export const OPERATOR_CLASSES: readonly OperatorClass[] = ROWS.map(([oid, name, family, type, isDefault = true]) => ({
  oid,
  name,
  family,
  type,
  isDefault,
}));

export function operatorFamilies(): ReadonlyMap<number, string> {
  return new Map(OPERATOR_CLASSES.map(({ family, name }) => [family, FAMILY_NAMES[family] ?? name]));
}

/** The type that a class is declared for and that values of `type` can be read as; undefined for one without an order. */
function classType(type: SqlType): SqlType {
  const info = typeInfo(type);
  if (info.kind === 'd') return classType(info.base!);
  switch (info.kind) {
    case 'e':
      return 'anyenum';
    case 'r':
      return 'anyrange';
    case 'm':
      return 'anymultirange';
    case 'c':
      return 'record';
    default:
  }
  if (type === 'varchar') return 'text';
  if (type === 'cidr') return 'inet';
  if (type.startsWith('reg')) return 'oid';
  return type !== 'oidvector' && elementOf(type) !== undefined ? 'anyarray' : type;
}

/** The class of an index on values of `type` that mentions none. */
export function defaultOperatorClass(type: SqlType): OperatorClass | undefined {
  const declared = classType(type);
  return OPERATOR_CLASSES.find((each) => each.isDefault && each.type === declared);
}

/**
 * The class of that name for values of `type`.
 *
 * @throws SqlError `undefined_object` for one that does not exist, `datatype_mismatch` for one of other types.
 */
export function requireOperatorClass(name: string, type: SqlType): OperatorClass {
  const found = OPERATOR_CLASSES.find((each) => each.name === name);
  if (found === undefined) {
    throw new SqlError('undefined_object', `operator class "${name}" does not exist for access method "btree"`);
  }
  if (classType(type) !== found.type) {
    throw new SqlError('datatype_mismatch', `operator class "${name}" does not accept data type ${titleOf(type)}`);
  }
  return found;
}
