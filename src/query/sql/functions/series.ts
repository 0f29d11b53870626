/** generate_series over numbers: from the first value to the last, both included, by steps. */

import { isNaNumeric, type Numeric } from '../../../models/relational/numeric.ts';
import { SqlError } from '../sql-error.ts';
import { addExactly, compareNumeric, numericOf } from '../types/numeric-arithmetic.ts';
import type { FunctionTable } from './definition.ts';

function refuseZero(isZero: boolean): void {
  if (isZero) throw new SqlError('invalid_parameter_value', 'step size cannot equal zero');
}

/** Ends silently where the next value would be no integer of the type any more. */
function* numbers(start: number, stop: number, step: number): Generator<number> {
  refuseZero(step === 0);
  for (let value = start; step > 0 ? value <= stop : value >= stop; value += step) yield value;
}

function* bigints(start: bigint, stop: bigint, step: bigint): Generator<bigint> {
  refuseZero(step === 0n);
  for (let value = start; step > 0n ? value <= stop : value >= stop; value += step) yield value;
}

function refuseSpecial(what: string, value: Numeric): void {
  if (value.isFinite) return;
  throw new SqlError('invalid_parameter_value', `${what} cannot be ${isNaNumeric(value) ? 'NaN' : 'infinity'}`);
}

function* numerics(start: Numeric, stop: Numeric, step: Numeric): Generator<Numeric> {
  const zero = numericOf(0);
  refuseSpecial('start value', start);
  refuseSpecial('stop value', stop);
  refuseSpecial('step size', step);
  refuseZero(compareNumeric(step, zero) === 0);
  const isUp = compareNumeric(step, zero) > 0;
  // What comes behind the last value may be no number of the type any more.
  for (let value = start; ; value = addExactly(value, step)) {
    const order = compareNumeric(value, stop);
    if (isUp ? order > 0 : order < 0) return;
    yield value;
  }
}

export const SERIES_FUNCTIONS: FunctionTable = {
  'generate_series(int4, int4) setof int4': (start: number, stop: number) => numbers(start, stop, 1),
  'generate_series(int4, int4, int4) setof int4': numbers,
  'generate_series(int8, int8) setof int8': (start: bigint, stop: bigint) => bigints(start, stop, 1n),
  'generate_series(int8, int8, int8) setof int8': bigints,
  'generate_series(numeric, numeric) setof numeric': (start: Numeric, stop: Numeric) =>
    numerics(start, stop, numericOf(1)),
  'generate_series(numeric, numeric, numeric) setof numeric': numerics,
};
