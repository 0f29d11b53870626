/** Binds the options of EXPLAIN (PostgreSQL's explain.c). */

import type { ExplainStmt } from '@pgsql/types';
import { assert } from '../../../base/assert.ts';
import { SqlError } from '../sql-error.ts';
import { parseBoolean } from '../types/text-form.ts';
import type { ExplainOptions } from './bound.ts';

/** @throws SqlError `syntax_error` for an option that does not exist, `invalid_parameter_value`. */
export function bindExplainOptions({ options = [] }: ExplainStmt): ExplainOptions {
  const found = new Map<string, string>();
  for (const option of options) {
    if (!('DefElem' in option)) continue;
    const { defname = '', arg, location } = option.DefElem;
    const value =
      arg === undefined
        ? 'true'
        : 'String' in arg
          ? (arg.String.sval ?? '')
          : 'Integer' in arg
            ? String(arg.Integer.ival ?? 0)
            : 'Boolean' in arg
              ? String(arg.Boolean.boolval ?? false)
              : '';
    if (!KNOWN.has(defname)) {
      throw new SqlError('syntax_error', `unrecognized EXPLAIN option "${defname}"`, { location });
    }
    if (defname === 'format' && !isFormat(value)) {
      const message = `unrecognized value for EXPLAIN option "format": "${value}"`;
      throw new SqlError('invalid_parameter_value', message, { location });
    }
    found.set(defname, value);
  }
  const flag = (name: string, otherwise: boolean): boolean => {
    const value = found.get(name);
    return value === undefined ? otherwise : parseBoolean(value);
  };
  const analyze = flag('analyze', false);
  const wal = flag('wal', false);
  if (wal && !analyze) {
    throw new SqlError('invalid_parameter_value', 'EXPLAIN option WAL requires ANALYZE');
  }
  if (found.has('timing') && flag('timing', false) && !analyze) {
    throw new SqlError('invalid_parameter_value', 'EXPLAIN option TIMING requires ANALYZE');
  }
  const format = found.get('format') ?? 'text';
  assert(isFormat(format), 'a format that was looked at');
  return {
    analyze,
    verbose: flag('verbose', false),
    costs: flag('costs', true),
    buffers: flag('buffers', false),
    settings: flag('settings', false),
    timing: flag('timing', analyze),
    summary: flag('summary', analyze),
    wal,
    format,
  };
}

function isFormat(value: string): value is ExplainOptions['format'] {
  return value === 'text' || value === 'json' || value === 'xml' || value === 'yaml';
}

const KNOWN = new Set(['analyze', 'verbose', 'costs', 'buffers', 'wal', 'settings', 'timing', 'summary', 'format']);
