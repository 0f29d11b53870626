/** Literals of a statement: numbers by the smallest type that holds them, text without a type. */

import type { A_Const } from '@pgsql/types';
import { Numeric, parseNumeric } from '../../../models/relational/numeric.ts';
import { at, SqlError } from '../sql-error.ts';
import { parseBits } from '../types/bit-strings.ts';
import type { SqlType, SqlValue } from '../types/types.ts';
import type { BoundExpression } from './bound.ts';

export function nullConstant(location: number | undefined): BoundExpression {
  return { kind: 'constant', type: 'unknown', modifier: -1, location, value: null };
}

/** Fields that are zero are missing from the tree. */
export function literal(constant: A_Const): BoundExpression {
  const { location } = constant;
  const typed = (type: SqlType, value: SqlValue): BoundExpression => ({
    kind: 'constant',
    type,
    modifier: -1,
    location,
    value,
  });
  if (constant.isnull === true) return nullConstant(location);
  if (constant.ival !== undefined) return typed('int4', constant.ival.ival ?? 0);
  if (constant.boolval !== undefined) return typed('bool', constant.boolval.boolval ?? false);
  if (constant.sval !== undefined) return typed('unknown', constant.sval.sval ?? '');
  if (constant.fval !== undefined) {
    const text = constant.fval.fval ?? '0';
    const plain = text.replaceAll('_', '');
    if (/^-?\d+$/.test(plain) && plain.length <= 20) {
      const value = BigInt(plain);
      if (value >= -2_147_483_648n && value <= 2_147_483_647n) return typed('int4', Number(value));
      if (value === BigInt.asIntN(64, value)) return typed('int8', value);
    }
    const value = parseNumeric(plain);
    if (value instanceof Numeric) return typed('numeric', value);
    throw new SqlError('numeric_value_out_of_range', 'value overflows numeric format', { location });
  }
  return typed(
    'bit',
    at(location, () => parseBits(constant.bsval?.bsval ?? '')),
  );
}
