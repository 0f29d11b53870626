/** Positions in a log as values: `pg_lsn`, a number of 64 bits in two halves (PostgreSQL's pg_lsn.c). */

import { isNaNumeric, type Numeric } from '../../../models/relational/numeric.ts';
import { SqlError } from '../sql-error.ts';
import { integerOfNumeric } from './numeric-arithmetic.ts';

/** @throws SqlError `invalid_text_representation`. */
export function parseLsn(text: string): bigint {
  const halves = /^([0-9a-fA-F]{1,8})\/([0-9a-fA-F]{1,8})$/.exec(text);
  if (halves === null) {
    throw new SqlError('invalid_text_representation', `invalid input syntax for type pg_lsn: "${text}"`);
  }
  return (BigInt(`0x${halves[1]}`) << 32n) | BigInt(`0x${halves[2]}`);
}

/** `16/B374D848`. */
export function formatLsn(lsn: bigint): string {
  return `${(lsn >> 32n).toString(16)}/${(lsn & 0xffff_ffffn).toString(16)}`.toUpperCase();
}

/** @throws SqlError `feature_not_supported` for what is not finite, `invalid_parameter_value`. */
export function lsnOfNumeric(value: Numeric): bigint {
  const lsn = integerOfNumeric(value, 'pg_lsn');
  if (lsn >= 0n && lsn < 2n ** 64n) return lsn;
  throw new SqlError('invalid_parameter_value', 'pg_lsn out of range');
}

/** @throws SqlError as `lsnOfNumeric`. */
export function refuseNaN(value: Numeric, what: 'add NaN to' | 'subtract NaN from'): void {
  if (isNaNumeric(value)) throw new SqlError('feature_not_supported', `cannot ${what} pg_lsn`);
}
