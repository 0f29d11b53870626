/** What stands behind a type's name in brackets: lengths, precisions, and what they make of values. */

import type { Numeric } from '../../../models/relational/numeric.ts';
import { withPadding } from '../../../models/relational/padding.ts';
import { type Interval, SqlArray, TimeTz } from '../../../models/relational/values.ts';
import { SqlError } from '../sql-error.ts';
import { applyBitLength } from './bit-strings.ts';
import { applyIntervalModifier } from './interval.ts';
import { applyNumericModifier } from './numeric-arithmetic.ts';
import { roundMicros, roundTimestamp } from './timestamptz.ts';
import { type SqlType, type SqlValue, titleOf } from './types.ts';

/**
 * Applies a type's modifier: `varchar(n)`, `character(n)`, `numeric(p, s)`, `timestamp(p)` and its kin; to arrays, for each of
 * their elements.
 * @throws SqlError `string_data_right_truncation` unless `explicit`, `numeric_value_out_of_range`.
 */
export function applyModifier(type: SqlType, modifier: number, value: SqlValue, explicit: boolean): SqlValue {
  if (modifier < 0 || value === null) return value;
  switch (type) {
    case 'numeric':
      return applyNumericModifier(value as Numeric, modifier);
    case 'timestamp':
    case 'timestamptz':
      return roundTimestamp(value as bigint, modifier);
    case 'time':
      return Number(roundMicros(BigInt(value as number), modifier));
    case 'timetz':
      return new TimeTz(Number(roundMicros(BigInt((value as TimeTz).micros), modifier)), (value as TimeTz).offset);
    case 'interval':
      return applyIntervalModifier(value as Interval, modifier);
    case 'varchar':
    case 'bpchar':
      return applyLength(type, modifier, value as string, explicit);
    case 'bit':
    case 'varbit':
      return applyBitLength(type, modifier, value as string, explicit);
    default:
      if (!(value instanceof SqlArray)) return value;
      return new SqlArray(
        value.element,
        value.values.map((each) => applyModifier(value.element, modifier, each, explicit)),
        value.dimensions,
        value.lowers,
      );
  }
}

function applyLength(type: 'varchar' | 'bpchar', modifier: number, value: string, explicit: boolean): string {
  const text = type === 'varchar' ? value : withPadding(value, modifier);
  const charactersMax = modifier - 4;
  if (text.length <= charactersMax) return text;
  const characters = [...text];
  if (characters.length <= charactersMax) return text;
  const kept = characters.slice(0, charactersMax).join('');
  if (explicit || /^ *$/.test(text.slice(kept.length))) return kept;
  throw new SqlError('string_data_right_truncation', `value too long for type ${titleOf(type)}(${charactersMax})`);
}
