/**
 * A key for values that are equal in SQL's sense: what hashing for GROUP BY and DISTINCT looks rows up by. Nulls are
 * alike, 1.0 and 1.00 are, NaN is itself, and the spaces that fill up `character` do not count.
 */

import { Numeric } from '../../../models/relational/numeric.ts';
import { withoutPadding } from '../../../models/relational/padding.ts';
import type { SqlType, SqlValue } from './types.ts';

/** What a Map tells apart just as SQL does, for values of one type. */
export type DistinctKey = null | boolean | number | bigint | string;

/** One value of one type. */
export function distinctKey(type: SqlType, value: SqlValue): DistinctKey {
  if (value instanceof Numeric) return canonical(value);
  if (type === 'bpchar' && typeof value === 'string') return withoutPadding(value);
  return value;
}

/** Several values, each of its type; keys of rows of one width and types are comparable. */
export function distinctRowKey(types: readonly SqlType[], values: readonly SqlValue[]): DistinctKey {
  if (types.length === 1) return distinctKey(types[0]!, values[0]!);
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

function canonical({ digits, scale }: Numeric): string {
  if (digits === 0n) return '0';
  let rest = digits;
  let places = scale;
  while (places > 0 && rest % 10n === 0n) {
    rest /= 10n;
    places--;
  }
  return `${rest}e-${places}`;
}
