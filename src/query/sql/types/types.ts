/**
 * The types of SQL expressions: what clients know them by, and what converts into what.
 *
 * A type is an interned string, so `===` is its identity: a name of PostgreSQL's `pg_type` for the types that are built in,
 * the same behind an underscore for arrays of it (`_int4`), and `user:…` for types that a catalog defines and registers here
 * with `defineType`. `unknown` is a bare string literal or parameter whose type its surroundings decide. OIDs, sizes,
 * categories and titles are PostgreSQL 15's (`pg_type.dat`); a test compares them.
 */

import { assert } from '../../../base/assert.ts';
import type { ColumnType, ColumnValue, SqlExpression } from '../../../models/relational/table.ts';
import { type InSchema, notSupported } from '../sql-error.ts';
import { castRule } from './cast-rules.ts';
import { intervalModifierText } from './interval.ts';
import type { TimeContext } from './timestamptz.ts';

export type SqlType = ColumnType | PseudoType;
export type SqlValue = ColumnValue;

/** Types that no column has. Those that begin with `any` stand in signatures only; see `polymorph` of `candidates.ts`. */
export type PseudoType =
  | 'unknown'
  | 'void'
  | 'record'
  | '_record'
  | 'cstring'
  | 'trigger'
  | 'any'
  | 'anyelement'
  | 'anyarray'
  | 'anynonarray'
  | 'anyenum'
  | 'anyrange'
  | 'anymultirange'
  | 'anycompatible'
  | 'anycompatiblearray'
  | 'anycompatiblenonarray'
  | 'anycompatiblerange'
  | 'anycompatiblemultirange';

/** How freely a value becomes another type: by itself, when stored into a column, or only where CAST is written. */
export type CastContext = 'implicit' | 'assignment' | 'explicit';

/**
 * PostgreSQL's categories: A array, B boolean, D date and time, E enum, I network, N number, P pseudo, R range, S string,
 * T timespan, U user-defined, V bit string, X unknown, Z internal.
 */
export type TypeCategory = 'A' | 'B' | 'C' | 'D' | 'E' | 'I' | 'N' | 'P' | 'R' | 'S' | 'T' | 'U' | 'V' | 'X' | 'Z';

/** base, pseudo, range, multirange, composite, domain, enum: `pg_type.typtype`. Arrays are base types. */
export type TypeKind = 'b' | 'p' | 'r' | 'm' | 'c' | 'd' | 'e';

/** A label of an enum: what it is called, what its values are, and the names that it had before. */
export interface KnownLabel {
  readonly name: string;
  readonly value: string;
  readonly former: readonly string[];
}

export interface TypeInfo {
  readonly type: SqlType;
  readonly oid: number;
  /** `pg_type.typname`. */
  readonly name: string;
  /** Bytes in PostgreSQL's memory; -1 variable, -2 a C string. */
  readonly size: number;
  /** As error messages and `format_type` print it. */
  readonly title: string;
  readonly category: TypeCategory;
  /** Preferred in its category where several types would do. */
  readonly preferred: boolean;
  readonly kind: TypeKind;
  /** Of arrays; of ranges, the type between the bounds; of multiranges, the type of the ranges. */
  readonly element?: SqlType;
  /** Of ranges: the type of several of them. */
  readonly multirange?: SqlType;
  /** The type of arrays of this; undefined where there is none. */
  readonly array?: SqlType;
  readonly arrayOid?: number;
  /** Of a domain: what its values are, with the modifier that they have there. */
  readonly base?: SqlType;
  readonly modifier?: number;
  /** Of a domain: the collation that it names. */
  readonly collation?: string | undefined;
  /** Of a domain: throws for a value, null too, that it does not allow; in the name of the domain that was asked for, one above it maybe. */
  readonly check?: (value: SqlValue, context: TimeContext, asked?: InSchema) => void;
  /** Of a domain: what columns of it hold that an INSERT leaves out. */
  readonly default?: SqlExpression | undefined;
  /** Of an enum, in order. */
  readonly labels?: readonly KnownLabel[];
  /** Of an enum: what those are called that are not called as their values. */
  readonly renamed?: ReadonlyMap<string, string>;
  /** Of a composite type. */
  readonly fields?: readonly { readonly name: string; readonly type: SqlType; readonly modifier: number }[];
}

type BuiltinRow = readonly [
  type: SqlType,
  oid: number,
  size: number,
  title: string,
  category: TypeCategory,
  arrayOid: number,
  element?: SqlType,
];

const PREFERRED = new Set<SqlType>(['bool', 'text', 'oid', 'float8', 'inet', 'timestamptz', 'interval', 'varbit']);

const BUILTIN: readonly BuiltinRow[] = [
  ['bool', 16, 1, 'boolean', 'B', 1000],
  ['bytea', 17, -1, 'bytea', 'U', 1001],
  ['char', 18, 1, '"char"', 'Z', 1002],
  ['name', 19, 64, 'name', 'S', 1003],
  ['int8', 20, 8, 'bigint', 'N', 1016],
  ['int2', 21, 2, 'smallint', 'N', 1005],
  ['int2vector', 22, -1, 'int2vector', 'A', 1006, 'int2'],
  ['int4', 23, 4, 'integer', 'N', 1007],
  ['regproc', 24, 4, 'regproc', 'N', 1008],
  ['text', 25, -1, 'text', 'S', 1009],
  ['oid', 26, 4, 'oid', 'N', 1028],
  ['xid', 28, 4, 'xid', 'U', 1011],
  ['oidvector', 30, -1, 'oidvector', 'A', 1013, 'oid'],
  ['json', 114, -1, 'json', 'U', 199],
  ['pg_node_tree', 194, -1, 'pg_node_tree', 'Z', 0],
  ['cidr', 650, -1, 'cidr', 'I', 651],
  ['macaddr8', 774, 8, 'macaddr8', 'U', 775],
  ['float4', 700, 4, 'real', 'N', 1021],
  ['float8', 701, 8, 'double precision', 'N', 1022],
  ['unknown', 705, -2, 'unknown', 'X', 0],
  ['macaddr', 829, 6, 'macaddr', 'U', 1040],
  ['inet', 869, -1, 'inet', 'I', 1041],
  ['aclitem', 1033, 12, 'aclitem', 'U', 1034],
  ['bpchar', 1042, -1, 'character', 'S', 1014],
  ['varchar', 1043, -1, 'character varying', 'S', 1015],
  ['date', 1082, 4, 'date', 'D', 1182],
  ['time', 1083, 8, 'time without time zone', 'D', 1183],
  ['timestamp', 1114, 8, 'timestamp without time zone', 'D', 1115],
  ['timestamptz', 1184, 8, 'timestamp with time zone', 'D', 1185],
  ['interval', 1186, 16, 'interval', 'T', 1187],
  ['timetz', 1266, 12, 'time with time zone', 'D', 1270],
  ['bit', 1560, -1, 'bit', 'V', 1561],
  ['varbit', 1562, -1, 'bit varying', 'V', 1563],
  ['numeric', 1700, -1, 'numeric', 'N', 1231],
  ['regprocedure', 2202, 4, 'regprocedure', 'N', 2207],
  ['regoper', 2203, 4, 'regoper', 'N', 2208],
  ['regoperator', 2204, 4, 'regoperator', 'N', 2209],
  ['regclass', 2205, 4, 'regclass', 'N', 2210],
  ['regtype', 2206, 4, 'regtype', 'N', 2211],
  ['record', 2249, -1, 'record', 'P', 2287],
  ['cstring', 2275, -2, 'cstring', 'P', 1263],
  ['any', 2276, 4, '"any"', 'P', 0],
  ['anyarray', 2277, -1, 'anyarray', 'P', 0],
  ['void', 2278, 4, 'void', 'P', 0],
  ['trigger', 2279, 4, 'trigger', 'P', 0],
  ['anyelement', 2283, 4, 'anyelement', 'P', 0],
  ['anynonarray', 2776, 4, 'anynonarray', 'P', 0],
  ['uuid', 2950, 16, 'uuid', 'U', 2951],
  ['anyenum', 3500, 4, 'anyenum', 'P', 0],
  ['jsonb', 3802, -1, 'jsonb', 'U', 3807],
  ['anyrange', 3831, -1, 'anyrange', 'P', 0],
  ['int4range', 3904, -1, 'int4range', 'R', 3905, 'int4'],
  ['numrange', 3906, -1, 'numrange', 'R', 3907, 'numeric'],
  ['tsrange', 3908, -1, 'tsrange', 'R', 3909, 'timestamp'],
  ['tstzrange', 3910, -1, 'tstzrange', 'R', 3911, 'timestamptz'],
  ['daterange', 3912, -1, 'daterange', 'R', 3913, 'date'],
  ['int8range', 3926, -1, 'int8range', 'R', 3927, 'int8'],
  ['txid_snapshot', 2970, -1, 'txid_snapshot', 'U', 2949],
  ['pg_snapshot', 5038, -1, 'pg_snapshot', 'U', 5039],
  ['pg_lsn', 3220, 8, 'pg_lsn', 'U', 3221],
  ['xid8', 5069, 8, 'xid8', 'U', 271],
  ['jsonpath', 4072, -1, 'jsonpath', 'U', 4073],
  ['regnamespace', 4089, 4, 'regnamespace', 'N', 4090],
  ['regrole', 4096, 4, 'regrole', 'N', 4097],
  ['regcollation', 4191, 4, 'regcollation', 'N', 4192],
  ['int4multirange', 4451, -1, 'int4multirange', 'R', 6150, 'int4range'],
  ['nummultirange', 4532, -1, 'nummultirange', 'R', 6151, 'numrange'],
  ['tsmultirange', 4533, -1, 'tsmultirange', 'R', 6152, 'tsrange'],
  ['tstzmultirange', 4534, -1, 'tstzmultirange', 'R', 6153, 'tstzrange'],
  ['datemultirange', 4535, -1, 'datemultirange', 'R', 6155, 'daterange'],
  ['int8multirange', 4536, -1, 'int8multirange', 'R', 6157, 'int8range'],
  ['anymultirange', 4537, -1, 'anymultirange', 'P', 0],
  ['anycompatible', 5077, 4, 'anycompatible', 'P', 0],
  ['anycompatiblearray', 5078, -1, 'anycompatiblearray', 'P', 0],
  ['anycompatiblenonarray', 5079, 4, 'anycompatiblenonarray', 'P', 0],
  ['anycompatiblerange', 5080, -1, 'anycompatiblerange', 'P', 0],
  ['anycompatiblemultirange', 4538, -1, 'anycompatiblemultirange', 'P', 0],
];

const INFO = new Map<SqlType, TypeInfo>();
const BY_OID = new Map<number, SqlType>();

for (const [type, oid, size, title, category, arrayOid, element] of BUILTIN) {
  register({
    type,
    oid,
    name: type,
    size,
    title,
    category,
    preferred: PREFERRED.has(type),
    kind:
      category === 'R' ? (element!.endsWith('range') ? 'm' : 'r') : category === 'P' || type === 'unknown' ? 'p' : 'b',
    ...(element === undefined ? {} : { element }),
    ...(category === 'R' && !element!.endsWith('range')
      ? { multirange: type.replace('range', 'multirange') as SqlType }
      : {}),
    ...(arrayOid === 0 ? {} : { array: `_${type}` as SqlType, arrayOid }),
  });
}

function register(info: TypeInfo): void {
  INFO.set(info.type, info);
  if (!isAnonymousRecord(info.type)) BY_OID.set(info.oid, info.type);
  if (info.array === undefined) return;
  INFO.set(info.array, {
    type: info.array,
    oid: info.arrayOid!,
    name: `_${info.name}`,
    size: -1,
    title: `${info.title}[]`,
    category: info.title === 'record' ? 'P' : 'A',
    preferred: false,
    kind: info.title === 'record' ? 'p' : 'b',
    element: info.type,
  });
  if (!isAnonymousRecord(info.type)) BY_OID.set(info.arrayOid!, info.array);
}

/** A `record` whose fields are known: the row of a query, or of a function. Its OID is that of `record`. */
export function isAnonymousRecord(type: SqlType): boolean {
  return type.startsWith('user:record(');
}

/** The type of a table's rows. */
export function isRowType(type: SqlType): boolean {
  return type.startsWith('user:row:');
}

/** Anonymous records are one type to whoever does not look into them. */
function plainRecord(type: SqlType): SqlType {
  return isAnonymousRecord(type) ? 'record' : type;
}

/** Whether values of the type are records: composite types, rows of tables, and `record` itself. */
export function isRecord(type: SqlType): boolean {
  return type === 'record' || (type.startsWith('user:') && typeInfo(type).fields !== undefined);
}

/**
 * Makes a type of a catalog known, and the type of its arrays if `info` names one; again with new labels or fields after it
 * was altered. Its id begins with `user:` and belongs to one definition in one store: no two stores share one.
 */
export function defineType(info: TypeInfo): void {
  assert(info.type.startsWith('user:'), 'a defined type is called user:…');
  register(info);
}

/** @throws SqlError `feature_not_supported` for a name that nothing registered. */
export function typeInfo(type: SqlType): TypeInfo {
  const info = INFO.get(type);
  if (info === undefined) throw notSupported(`type ${type}`);
  return info;
}

/** All types there are, arrays and defined ones included: the rows of `pg_type`. */
export function allTypes(): Iterable<TypeInfo> {
  return INFO.values();
}

export function typeOfOid(oid: number): SqlType | undefined {
  return BY_OID.get(oid);
}

/** The domain that a type is, with the default of the nearest domain that has one; undefined for all other types. */
export function domainOf(type: SqlType): { readonly default: SqlExpression | undefined } | undefined {
  if (!type.startsWith('user:')) return undefined;
  let info = typeInfo(type);
  if (info.base === undefined) return undefined;
  while (info.default === undefined && info.base !== undefined) info = typeInfo(info.base);
  return { default: info.default };
}

/** What a value of the type has to pass, its being null included; undefined for all but domains. */
export function domainCheckOf(type: SqlType): TypeInfo['check'] {
  return type.startsWith('user:') ? typeInfo(type).check : undefined;
}

export function titleOf(type: SqlType): string {
  return typeInfo(type).title;
}

/** The type of arrays of `element`; undefined where there is none. */
export function arrayOf(element: SqlType): SqlType | undefined {
  return typeInfo(element).array;
}

/** What an array holds; undefined for a type that is no array. */
export function elementOf(type: SqlType): SqlType | undefined {
  const { category, element } = typeInfo(type);
  return category === 'A' || (element !== undefined && type.startsWith('_')) ? element : undefined;
}

/** SQL's own names for types, besides those of `pg_type`. */
const ALIASES: Readonly<Record<string, SqlType>> = {
  boolean: 'bool',
  smallint: 'int2',
  integer: 'int4',
  int: 'int4',
  bigint: 'int8',
  real: 'float4',
  float: 'float8',
  decimal: 'numeric',
};

/** A built-in type by its name or alias, in lower case; `_int4` is an array. */
export function typeNamed(name: string): SqlType | undefined {
  const alias = ALIASES[name];
  if (alias !== undefined) return alias;
  return !name.startsWith('user:') && INFO.has(name as SqlType) ? (name as SqlType) : undefined;
}

/** `character varying(10)`, `numeric(5,2)`: the type with its modifier. */
export function titleWithModifier(type: SqlType, modifier: number): string {
  if (modifier < 0) return titleOf(type);
  const element = elementOf(type);
  if (element !== undefined) return `${titleWithModifier(element, modifier)}[]`;
  if (type === 'varchar' || type === 'bpchar') return `${titleOf(type)}(${modifier - 4})`;
  if (type === 'bit' || type === 'varbit') return `${titleOf(type)}(${modifier})`;
  if (type === 'numeric') {
    // The scale is signed, in eleven bits.
    return `numeric(${(modifier - 4) >>> 16},${(((modifier - 4) & 0x7ff) ^ 1_024) - 1_024})`;
  }
  if (type === 'time' || type === 'timestamp' || type === 'timetz' || type === 'timestamptz') {
    return titleOf(type).replace(' ', `(${modifier}) `);
  }
  if (type === 'interval') return `interval${intervalModifierText(modifier)}`;
  return titleOf(type);
}

/** The multirange type of a type of ranges. */
export function multirangeOf(range: SqlType): SqlType | undefined {
  return typeInfo(range).multirange;
}

export function isInteger(type: SqlType): type is 'int2' | 'int4' | 'int8' {
  return type === 'int2' || type === 'int4' || type === 'int8';
}

export function isString(type: SqlType): type is 'text' | 'varchar' | 'bpchar' | 'name' {
  return type === 'text' || type === 'varchar' || type === 'bpchar' || type === 'name';
}

const FREEDOM = { implicit: 0, assignment: 1, explicit: 2 } as const;

/** The type below a domain; any other type is itself. */
export function baseOf(type: SqlType): SqlType {
  let base = type;
  if (!base.startsWith('user:')) return base;
  for (let info = typeInfo(base); info.base !== undefined; info = typeInfo(base)) base = info.base;
  return base;
}

/** How a value of one type becomes another: as it is, by a function of `cast.ts`, element by element, or through text. */
export type CastPath = 'same' | 'function' | 'elements' | 'text';

/**
 * After PostgreSQL's find_coercion_pathway: a row of the table of casts if it is as free as `context` wants; else arrays by
 * their elements, and text for strings. Undefined where there is no way.
 */
export function castPath(from: SqlType, to: SqlType, context: CastContext): CastPath | undefined {
  if (from === to || from === 'unknown') return 'same';
  const source = plainRecord(baseOf(from));
  const target = plainRecord(baseOf(to));
  if (source === target) return 'same';
  const rule = castRule(source, target);
  if (rule !== undefined) return FREEDOM[rule] <= FREEDOM[context] ? 'function' : undefined;
  const sourceInfo = typeInfo(source);
  const targetInfo = typeInfo(target);
  // Types that users defined have no rows in the table of casts.
  if (sourceInfo.multirange === target) return context === 'explicit' ? 'function' : undefined;
  if (sourceInfo.category === 'A' && targetInfo.category === 'A' && target !== 'oidvector' && target !== 'int2vector') {
    const element = castPath(sourceInfo.element!, targetInfo.element!, context);
    // Elements of a domain have to pass its checks, whatever they are made of.
    const isChecked = typeInfo(targetInfo.element!).base !== undefined && sourceInfo.element !== targetInfo.element;
    if (element !== undefined) return element === 'same' && !isChecked ? 'same' : 'elements';
  }
  if (source === 'record' && targetInfo.kind === 'c') return 'function';
  if (sourceInfo.kind === 'c' && target === 'record') return 'same';
  if (sourceInfo.kind === 'p' && source !== 'record') return undefined;
  if (targetInfo.category === 'S' && context !== 'implicit') return 'text';
  if (sourceInfo.category === 'S' && context === 'explicit' && targetInfo.kind !== 'p') return 'text';
  return undefined;
}

/** Whether a value of `from` may become `to` in `context`; the same type always may. */
export function canCast(from: SqlType, to: SqlType, context: CastContext): boolean {
  return castPath(from, to, context) !== undefined;
}

/**
 * The type that alternatives (CASE, COALESCE, IN, VALUES) share: unknowns give way; then the one that those before become
 * by themselves, unless theirs is preferred. Undefined when they do not match. After PostgreSQL's select_common_type.
 */
export function commonType(types: readonly SqlType[]): SqlType | undefined {
  if (types.length > 0 && types[0] !== 'unknown' && types.every((type) => type === types[0])) return types[0];
  let common: SqlType = 'unknown';
  for (const each of types) {
    const type = baseOf(each);
    if (type === 'unknown' || type === common) continue;
    if (common === 'unknown') common = type;
    // Of rows of several shapes no field is known by its name.
    else if (isAnonymousRecord(common) && plainRecord(type) === 'record') common = 'record';
    else if (typeInfo(type).category !== typeInfo(common).category) return undefined;
    else if (!typeInfo(common).preferred && canCast(common, type, 'implicit') && !canCast(type, common, 'implicit')) {
      common = type;
    }
  }
  if (common === 'unknown') return 'text';
  return types.every((type) => canCast(type, common, 'implicit')) ? common : undefined;
}
