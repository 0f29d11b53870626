/**
 * The order of values that are not null, per type. Text compares by code point (the "C" collation), as keys do.
 */

import type { Numeric } from '../../../models/relational/numeric.ts';
import { withoutPadding } from '../../../models/relational/padding.ts';
import type {
  Inet,
  Interval,
  Jsonb,
  SqlArray,
  SqlRange,
  SqlRecord,
  TimeTz,
} from '../../../models/relational/values.ts';
import { SqlError } from '../sql-error.ts';
import { compareInterval } from './interval.ts';
import { compareJson } from './json-value.ts';
import { compareInet } from './network.ts';
import { compareNumeric } from './numeric-arithmetic.ts';
import { compareRanges } from './range-bounds.ts';
import { elementOf, type SqlType, type SqlValue, titleOf, typeInfo } from './types.ts';

export type Compare = (a: Exclude<SqlValue, null>, b: Exclude<SqlValue, null>) => number;

function comparePlain(a: Exclude<SqlValue, null>, b: Exclude<SqlValue, null>): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** NaN equals itself and is greater than every other number. */
function compareFloat(x: Exclude<SqlValue, null>, y: Exclude<SqlValue, null>): number {
  const a = x as number;
  const b = y as number;
  if (a < b) return -1;
  if (a > b) return 1;
  if (a === b) return 0;
  return Number.isNaN(a) ? (Number.isNaN(b) ? 0 : 1) : -1;
}

/** JavaScript compares UTF-16 units; surrogates stand for characters above all others and are lifted there. */
export function compareText(x: Exclude<SqlValue, null>, y: Exclude<SqlValue, null>): number {
  const a = x as string;
  const b = y as string;
  if (a === b) return 0;
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    const p = a.charCodeAt(i);
    const q = b.charCodeAt(i);
    if (p !== q) return lifted(p) - lifted(q);
  }
  return a.length - b.length;
}

function lifted(unit: number): number {
  return unit >= 0xd800 && unit < 0xe000 ? unit + 0x1_0000 : unit;
}

function compareTimetz(x: Exclude<SqlValue, null>, y: Exclude<SqlValue, null>): number {
  const a = x as TimeTz;
  const b = y as TimeTz;
  const instants = a.micros - a.offset * 1e6 - (b.micros - b.offset * 1e6);
  return instants !== 0 ? instants : b.offset - a.offset;
}

function compareJsonb(x: Exclude<SqlValue, null>, y: Exclude<SqlValue, null>): number {
  return compareJson((x as Jsonb).tree, (y as Jsonb).tree, compareNumeric, compareText);
}

/** Nulls are alike, and above everything. */
function compareNullable(compare: Compare, a: SqlValue, b: SqlValue): number {
  if (a === null || b === null) return Number(a === null) - Number(b === null);
  return compare(a, b);
}

/** Element by element; then the shorter, the one with fewer dimensions, and their bounds. */
function compareArrays(element: SqlType): Compare {
  const compare = compareFor(element);
  return (x, y) => {
    const a = x as SqlArray;
    const b = y as SqlArray;
    const length = Math.min(a.values.length, b.values.length);
    for (let i = 0; i < length; i++) {
      const order = compareNullable(compare, a.values[i]!, b.values[i]!);
      if (order !== 0) return order;
    }
    if (a.values.length !== b.values.length) return a.values.length - b.values.length;
    if (a.dimensions.length !== b.dimensions.length) return a.dimensions.length - b.dimensions.length;
    for (let i = 0; i < a.dimensions.length; i++) {
      if (a.dimensions[i] !== b.dimensions[i]) return a.dimensions[i]! - b.dimensions[i]!;
    }
    for (let i = 0; i < a.lowers.length; i++) if (a.lowers[i] !== b.lowers[i]) return a.lowers[i]! - b.lowers[i]!;
    return 0;
  };
}

/** Column by column, nulls above. @throws SqlError `datatype_mismatch` for rows of different shapes. */
function compareRecords(x: Exclude<SqlValue, null>, y: Exclude<SqlValue, null>): number {
  const a = x as SqlRecord;
  const b = y as SqlRecord;
  for (let i = 0; i < Math.min(a.types.length, b.types.length); i++) {
    if (a.types[i] !== b.types[i]) {
      throw new SqlError(
        'datatype_mismatch',
        `cannot compare dissimilar column types ${titleOf(a.types[i]!)} and ${titleOf(b.types[i]!)} at record column ${i + 1}`,
      );
    }
    const order = compareNullable(compareFor(a.types[i]!), a.values[i]!, b.values[i]!);
    if (order !== 0) return order;
  }
  if (a.types.length !== b.types.length) {
    throw new SqlError('datatype_mismatch', 'cannot compare record types with different numbers of columns');
  }
  return 0;
}

const made = new Map<SqlType, Compare>();

/** @throws SqlError `undefined_function` for a type without an order. */
export function compareFor(type: SqlType): Compare {
  switch (type) {
    case 'bool':
    case 'int2':
    case 'int4':
    case 'int8':
    case 'oid':
    case 'xid':
    case 'date':
    case 'time':
    case 'timestamp':
    case 'timestamptz':
    case 'uuid':
    case 'xid8':
    case 'pg_lsn':
      return comparePlain;
    case 'float4':
    case 'float8':
      return compareFloat;
    case 'numeric':
      return (a, b) => compareNumeric(a as Numeric, b as Numeric);
    case 'bpchar':
      return (a, b) => compareText(withoutPadding(a as string), withoutPadding(b as string));
    case 'text':
    case 'varchar':
    case 'name':
    case 'char':
    case 'bit':
    case 'varbit':
    case 'macaddr':
    case 'macaddr8':
    case 'aclitem':
    case 'unknown':
      return compareText;
    case 'bytea':
      return (a, b) => Buffer.compare(a as Uint8Array, b as Uint8Array);
    case 'interval':
      return (a, b) => compareInterval(a as Interval, b as Interval);
    case 'timetz':
      return compareTimetz;
    case 'jsonb':
      return compareJsonb;
    case 'inet':
    case 'cidr':
      return (a, b) => compareInet(a as Inet, b as Inet);
    case 'record':
      return compareRecords;
    default: {
      const known = made.get(type);
      if (known !== undefined) return known;
      const compare = compareOther(type);
      // The labels of an enum can change.
      if (!type.startsWith('user:')) made.set(type, compare);
      return compare;
    }
  }
}

function compareOther(type: SqlType): Compare {
  if (type.startsWith('reg')) return comparePlain;
  const info = typeInfo(type);
  const element = elementOf(type);
  if (element !== undefined) return compareArrays(element);
  if (info.kind === 'm') return compareArrays(info.element!);
  if (info.kind === 'r') {
    const compare = compareRanges(compareFor(info.element!));
    return (a, b) => compare(a as SqlRange, b as SqlRange);
  }
  if (info.base !== undefined) return compareFor(info.base);
  if (info.labels !== undefined) {
    const places = new Map(info.labels.map(({ value }, i) => [value, i]));
    return (a, b) => places.get(a as string)! - places.get(b as string)!;
  }
  if (info.fields !== undefined) return compareRecords;
  throw new SqlError('undefined_function', `could not identify a comparison function for type ${info.title}`);
}
