/**
 * A key for values that are equal in SQL's sense: what hashing for GROUP BY and DISTINCT looks rows up by. Nulls are
 * alike, 1.0 and 1.00 are, NaN is itself, and the spaces that fill up `character` do not count.
 */

import { Numeric } from '../../../models/relational/numeric.ts';
import { withoutPadding } from '../../../models/relational/padding.ts';
import {
  Inet,
  Interval,
  Jsonb,
  type JsonValue,
  SqlArray,
  SqlRange,
  SqlRecord,
  TimeTz,
} from '../../../models/relational/values.ts';
import { notSupported } from '../sql-error.ts';
import { spanOfInterval } from './interval.ts';
import { type SqlType, type SqlValue, typeInfo } from './types.ts';

/** What a Map tells apart just as SQL does, for values of one type. */
export type DistinctKey = null | boolean | number | bigint | string;

/** As a Map has it. */
export function isSameKey(a: DistinctKey | undefined, b: DistinctKey): boolean {
  return a === b || (Number.isNaN(a) && Number.isNaN(b));
}

/** One value of one type. */
export function distinctKey(type: SqlType, value: SqlValue): DistinctKey {
  if (value instanceof Numeric) return canonical(value);
  if (type === 'bpchar' && typeof value === 'string') return withoutPadding(value);
  if (typeof value === 'object' && value !== null) return keyOfObject(type, value);
  return value;
}

function keyOfObject(type: SqlType, value: object): string {
  if (value instanceof Uint8Array) return Buffer.from(value.buffer, value.byteOffset, value.length).toString('latin1');
  if (value instanceof Interval) return spanOfInterval(value).toString();
  if (value instanceof TimeTz) return `${value.micros - value.offset * 1_000_000}@${value.offset}`;
  if (value instanceof Inet) return `${value.bytes.join('.')}/${value.bits}`;
  if (value instanceof Jsonb) return jsonKey(value.tree);
  if (value instanceof SqlArray) {
    const element = value.element;
    const types = value.values.map(() => element);
    return `${value.dimensions.join('x')}@${value.lowers.join(':')}|${rowText(types, value.values)}`;
  }
  if (value instanceof SqlRange) {
    if (value.empty) return 'empty';
    const bound = typeInfo(type).element!;
    return `${value.lowerInclusive}${value.upperInclusive}${rowText([bound, bound], [value.lower, value.upper])}`;
  }
  if (value instanceof SqlRecord) return rowText(value.types, value.values);
  throw notSupported(`equality of type ${type}`);
}

function jsonKey(tree: JsonValue): string {
  if (tree === null || typeof tree === 'boolean') return String(tree);
  if (typeof tree === 'string') return JSON.stringify(tree);
  if (tree instanceof Numeric) return canonical(tree);
  if (tree instanceof Map) {
    return `{${[...tree].map(([name, each]) => `${JSON.stringify(name)}:${jsonKey(each)}`).join()}}`;
  }
  return `[${(tree as readonly JsonValue[]).map(jsonKey).join()}]`;
}

/** Several values, each of its type; keys of rows of one width and types are comparable. */
export function distinctRowKey(types: readonly SqlType[], values: readonly SqlValue[]): DistinctKey {
  if (types.length === 1) return distinctKey(types[0]!, values[0]!);
  return rowText(types, values);
}

function rowText(types: readonly SqlType[], values: readonly SqlValue[]): string {
  let key = '';
  for (let i = 0; i < types.length; i++) {
    const part = distinctKey(types[i]!, values[i]!);
    if (part === null) {
      key += 'n';
      continue;
    }
    // String makes 0 of -0.
    const text = String(part);
    key += `${text.length}:${text}`;
  }
  return key;
}

function canonical(value: Numeric): string {
  if (!value.isFinite) return value.toString();
  const { scale, small } = value;
  if (small === 0) return '0';
  if (value.large === undefined) {
    let rest = small;
    let places = scale;
    while (places > 0 && rest % 10 === 0) {
      rest /= 10;
      places--;
    }
    return `${rest}e-${places}`;
  }
  let rest = value.large;
  let places = scale;
  while (places > 0 && rest % 10n === 0n) {
    rest /= 10n;
    places--;
  }
  return `${rest}e-${places}`;
}
