/**
 * Operator classes of B-trees, hash and inverted indexes: names of PostgreSQL 15's pg_opclass that an index may mention, and that its catalog tells.
 *
 * Keys sort by code point, as `text_pattern_ops` and its kin do, so that a class that is not the default of its type changes
 * nothing but how the index is printed.
 */

import { SqlError } from './sql-error.ts';
import { elementOf, type SqlType, titleOf, typeInfo } from './types/types.ts';

export type AccessMethod = 'btree' | 'hash' | 'gin';

export interface OperatorClass {
  readonly oid: number;
  readonly method: AccessMethod;
  readonly name: string;
  readonly family: number;
  readonly type: SqlType;
  readonly isDefault: boolean;
  /** What entries hold, where that is not the value itself: the type, or `element` for that of an array's elements. */
  readonly keyType: SqlType | 'element' | undefined;
}

type ClassRow = readonly [oid: number, name: string, family: number, type: SqlType, isDefault?: false];

const BTREE_ROWS: readonly ClassRow[] = [
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

const HASH_ROWS: readonly ClassRow[] = [
  [10001, 'array_ops', 627, 'anyarray'],
  [10005, 'bpchar_ops', 427, 'bpchar'],
  [10008, 'char_ops', 431, 'char'],
  [10010, 'cidr_ops', 1975, 'inet', false],
  [10011, 'date_ops', 435, 'date'],
  [10013, 'float4_ops', 1971, 'float4'],
  [10014, 'float8_ops', 1971, 'float8'],
  [10016, 'inet_ops', 1975, 'inet'],
  [10019, 'int2_ops', 1977, 'int2'],
  [10020, 'int4_ops', 1977, 'int4'],
  [10021, 'int8_ops', 1977, 'int8'],
  [10023, 'interval_ops', 1983, 'interval'],
  [10025, 'macaddr_ops', 1985, 'macaddr'],
  [10027, 'macaddr8_ops', 3372, 'macaddr8'],
  [10029, 'name_ops', 1995, 'name'],
  [10030, 'numeric_ops', 1998, 'numeric'],
  [10031, 'oid_ops', 1990, 'oid'],
  [10033, 'oidvector_ops', 1992, 'oidvector'],
  [10035, 'record_ops', 6194, 'record'],
  [10037, 'text_ops', 1995, 'text'],
  [10039, 'time_ops', 1997, 'time'],
  [10040, 'timestamptz_ops', 1999, 'timestamptz'],
  [10042, 'timetz_ops', 2001, 'timetz'],
  [10045, 'varchar_ops', 1995, 'text', false],
  [10046, 'timestamp_ops', 2040, 'timestamp'],
  [10048, 'bool_ops', 2222, 'bool'],
  [10049, 'bytea_ops', 2223, 'bytea'],
  [10052, 'xid8_ops', 5032, 'xid8'],
  [10056, 'text_pattern_ops', 2229, 'text', false],
  [10057, 'varchar_pattern_ops', 2229, 'text', false],
  [10058, 'bpchar_pattern_ops', 2231, 'bpchar', false],
  [10066, 'uuid_ops', 2969, 'uuid'],
  [10068, 'pg_lsn_ops', 3254, 'pg_lsn'],
  [10070, 'enum_ops', 3523, 'anyenum'],
  [10077, 'range_ops', 3903, 'anyrange'],
  [10081, 'multirange_ops', 4225, 'anymultirange'],
  [10089, 'jsonb_ops', 4034, 'jsonb'],
];

const GIN_ROWS: readonly ClassRow[] = [
  [10064, 'array_ops', 2745, 'anyarray'],
  [10090, 'jsonb_ops', 4036, 'jsonb'],
  [10091, 'jsonb_path_ops', 4037, 'jsonb', false],
];

/** Families that hold classes of several types, or are not named as the one that they hold. */
const FAMILY_NAMES: Readonly<Record<number, string>> = {
  434: 'datetime_ops',
  1970: 'float_ops',
  1974: 'network_ops',
  1976: 'integer_ops',
  1994: 'text_ops',
  2095: 'text_pattern_ops',
  435: 'date_ops',
  1971: 'float_ops',
  1975: 'network_ops',
  1977: 'integer_ops',
  1995: 'text_ops',
  2229: 'text_pattern_ops',
};

const KEY_TYPES: Readonly<Record<string, OperatorClass['keyType']>> = {
  10064: 'element',
  10090: 'text',
  10091: 'int4',
};

function classesOf(method: AccessMethod, rows: readonly ClassRow[]): readonly OperatorClass[] {
  return rows.map(([oid, name, family, type, isDefault = true]) => {
    return { oid, method, name, family, type, isDefault, keyType: KEY_TYPES[oid] };
  });
}

export const OPERATOR_CLASSES: readonly OperatorClass[] = [
  ...classesOf('btree', BTREE_ROWS),
  ...classesOf('hash', HASH_ROWS),
  ...classesOf('gin', GIN_ROWS),
];

/** By oid. */
export function operatorFamilies(): ReadonlyMap<number, Pick<OperatorClass, 'name' | 'method'>> {
  return new Map(
    OPERATOR_CLASSES.map(({ family, name, method }) => [family, { name: FAMILY_NAMES[family] ?? name, method }]),
  );
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
export function defaultOperatorClass(type: SqlType, method: AccessMethod = 'btree'): OperatorClass | undefined {
  const declared = classType(type);
  return OPERATOR_CLASSES.find((each) => each.method === method && each.isDefault && each.type === declared);
}

/** @throws SqlError `undefined_object` for one that does not exist. */
export function operatorClassNamed(name: string, method: AccessMethod = 'btree'): OperatorClass {
  const found = OPERATOR_CLASSES.find((each) => each.method === method && each.name === name);
  if (found !== undefined) return found;
  throw new SqlError('undefined_object', `operator class "${name}" does not exist for access method "${method}"`);
}

/**
 * The class of that name for values of `type`.
 *
 * @throws SqlError `undefined_object` for one that does not exist, `datatype_mismatch` for one of other types.
 */
export function requireOperatorClass(name: string, type: SqlType, method: AccessMethod = 'btree'): OperatorClass {
  const found = operatorClassNamed(name, method);
  if (classType(type) !== found.type) {
    throw new SqlError('datatype_mismatch', `operator class "${name}" does not accept data type ${titleOf(type)}`);
  }
  return found;
}
