/** Arithmetic of positions in a log (manual, 8.20 and 9.27.3): distances are numbers of bytes. */

import type { Numeric } from '../../../models/relational/numeric.ts';
import { lsnOfNumeric, refuseNaN } from '../types/log-positions.ts';
import { addNumeric, numericOf, subtractNumeric } from '../types/numeric-arithmetic.ts';
import type { FunctionTable } from './definition.ts';

function moved(lsn: bigint, by: Numeric): bigint {
  refuseNaN(by, 'add NaN to');
  return lsnOfNumeric(addNumeric(numericOf(lsn), by));
}

const distance = (a: bigint, b: bigint): Numeric => numericOf(a - b);

export const LOG_POSITION_OPERATORS: FunctionTable = {
  '-(pg_lsn, pg_lsn) numeric': distance,
  '+(pg_lsn, numeric) pg_lsn': moved,
  '+(numeric, pg_lsn) pg_lsn': (by: Numeric, lsn: bigint) => moved(lsn, by),
  '-(pg_lsn, numeric) pg_lsn': (lsn: bigint, by: Numeric) => {
    refuseNaN(by, 'subtract NaN from');
    return lsnOfNumeric(subtractNumeric(numericOf(lsn), by));
  },
};

export const LOG_POSITION_FUNCTIONS: FunctionTable = {
  'pg_lsn(numeric) pg_lsn': lsnOfNumeric,
  'pg_wal_lsn_diff(pg_lsn, pg_lsn) numeric': distance,
};
