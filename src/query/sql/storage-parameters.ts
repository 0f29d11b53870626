/**
 * Storage parameters of tables, indexes and views: WITH (…), SET and RESET (PostgreSQL's reloptions.c).
 *
 * They are checked, kept and shown as PostgreSQL does. `autovacuum_enabled` keeps the statistics of a table from being gathered by
 * itself; all others are about pages, or about what VACUUM does with them, and there are none. Of views `security_barrier` keeps conditions
 * out of their queries, and `security_invoker` changes nothing, since tables belong to whoever reads them.
 */

import type { Node } from '@pgsql/types';
import type { StorageParameters } from '../../models/relational/table.ts';
import { stringsOf } from './binder/names.ts';
import { SqlError } from './sql-error.ts';

type Rule =
  | { readonly kind: 'boolean' }
  | { readonly kind: 'integer' | 'floating point'; readonly min: number; readonly max: number }
  /** What it may be, as PostgreSQL tells it, besides what a boolean may be. */
  | { readonly kind: 'enum'; readonly words: readonly string[]; readonly told: string };

const INTEGER_MAX = 2_147_483_647;
const BOOLEAN: Rule = { kind: 'boolean' };
const integer = (min: number, max = INTEGER_MAX): Rule => ({ kind: 'integer', min, max });
const part: Rule = { kind: 'floating point', min: 0, max: 100 };

/** Of tables, and of where PostgreSQL keeps their long values. */
const BOTH: readonly (readonly [string, Rule])[] = [
  ['autovacuum_enabled', BOOLEAN],
  ['autovacuum_vacuum_threshold', integer(0)],
  ['autovacuum_vacuum_insert_threshold', integer(-1)],
  ['autovacuum_vacuum_cost_delay', part],
  ['autovacuum_vacuum_cost_limit', integer(1, 10_000)],
  ['autovacuum_vacuum_scale_factor', part],
  ['autovacuum_vacuum_insert_scale_factor', part],
  ['autovacuum_freeze_min_age', integer(0, 1_000_000_000)],
  ['autovacuum_freeze_max_age', integer(100_000, 2_000_000_000)],
  ['autovacuum_freeze_table_age', integer(0, 2_000_000_000)],
  ['autovacuum_multixact_freeze_min_age', integer(0, 1_000_000_000)],
  ['autovacuum_multixact_freeze_max_age', integer(10_000, 2_000_000_000)],
  ['autovacuum_multixact_freeze_table_age', integer(0, 2_000_000_000)],
  ['log_autovacuum_min_duration', integer(-1)],
  ['vacuum_truncate', BOOLEAN],
  ['vacuum_index_cleanup', { kind: 'enum', words: ['auto'], told: '"on", "off", and "auto"' }],
];

const RULES: Readonly<Record<'table' | 'toast' | 'index' | 'hash' | 'gin' | 'view', ReadonlyMap<string, Rule>>> = {
  table: new Map([
    ...BOTH,
    ['fillfactor', integer(10, 100)],
    ['autovacuum_analyze_threshold', integer(0)],
    ['autovacuum_analyze_scale_factor', part],
    ['toast_tuple_target', integer(128, 8_160)],
    ['parallel_workers', integer(0, 1_024)],
    ['user_catalog_table', BOOLEAN],
  ]),
  toast: new Map(BOTH),
  index: new Map([
    ['fillfactor', integer(10, 100)],
    ['deduplicate_items', BOOLEAN],
  ]),
  view: new Map([
    ['security_barrier', BOOLEAN],
    ['security_invoker', BOOLEAN],
  ]),
  hash: new Map([['fillfactor', integer(10, 100)]]),
  gin: new Map([
    ['fastupdate', BOOLEAN],
    ['gin_pending_list_limit', integer(64)],
  ]),
};

/**
 * Those of `kind` after a change: what was there before stays in front unless it is given anew or taken away.
 * @throws SqlError `invalid_parameter_value`, `syntax_error`.
 */
export function storageParameters(
  kind: 'table' | 'index' | 'hash' | 'gin' | 'view',
  options: readonly Node[],
  before: StorageParameters = [],
  isReset = false,
): StorageParameters {
  const given: (readonly [string, string])[] = [];
  const ofToast: (readonly [string, string])[] = [];
  const changed = new Set<string>();
  for (const option of options) {
    if (!('DefElem' in option)) continue;
    const { defname = '', defnamespace, arg } = option.DefElem;
    if (defnamespace !== undefined && (defnamespace !== 'toast' || kind !== 'table')) {
      throw new SqlError('invalid_parameter_value', `unrecognized parameter namespace "${defnamespace}"`);
    }
    if (isReset) {
      if (arg !== undefined) throw new SqlError('syntax_error', 'RESET must not include values for parameters');
      if (defnamespace === undefined) changed.add(defname);
      continue;
    }
    const value = arg === undefined ? 'true' : textOf(arg, defname);
    if (kind === 'table' && defnamespace === undefined && defname === 'oids') {
      if (booleanOf(value) === false) continue;
      throw new SqlError('feature_not_supported', 'tables declared WITH OIDS are not supported');
    }
    (defnamespace === undefined ? given : ofToast).push([defname, value]);
    if (defnamespace === undefined) changed.add(defname);
  }
  const all = [...before.filter(([name]) => !changed.has(name)), ...given];
  check(RULES[kind], all);
  check(RULES.toast, ofToast);
  return all;
}

/** Whether a view is made WITH (security_barrier). */
export function isBarrier(parameters: StorageParameters = []): boolean {
  const given = parameters.find(([name]) => name === 'security_barrier');
  return given !== undefined && booleanOf(given[1]) === true;
}

/** Whether statistics of the table are gathered by itself. */
export function isAnalyzedByItself(parameters: StorageParameters = []): boolean {
  const given = parameters.find(([name]) => name === 'autovacuum_enabled');
  return given === undefined || booleanOf(given[1]) !== false;
}

function check(rules: ReadonlyMap<string, Rule>, parameters: StorageParameters): void {
  const seen = new Set<string>();
  for (const [name, value] of parameters) {
    const rule = rules.get(name);
    if (rule === undefined) throw new SqlError('invalid_parameter_value', `unrecognized parameter "${name}"`);
    if (seen.has(name)) {
      throw new SqlError('invalid_parameter_value', `parameter "${name}" specified more than once`);
    }
    seen.add(name);
    checkValue(name, value, rule);
  }
}

function checkValue(name: string, value: string, rule: Rule): void {
  const invalid = (detail?: string): SqlError =>
    new SqlError(
      'invalid_parameter_value',
      `invalid value for ${rule.kind} option "${name}": ${value}`,
      detail === undefined ? {} : { detail },
    );
  if (rule.kind === 'boolean') {
    if (booleanOf(value) === undefined) throw invalid();
    return;
  }
  if (rule.kind === 'enum') {
    if (booleanOf(value) === undefined && !rule.words.includes(value.toLowerCase())) {
      throw invalid(`Valid values are ${rule.told}.`);
    }
    return;
  }
  const isInteger = rule.kind === 'integer';
  const number = isInteger ? Math.round(Number(value)) : Number(value);
  const isNumber = /^\s*[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?\s*$/.test(value);
  if (!isNumber || (isInteger && Math.abs(number) > INTEGER_MAX)) throw invalid();
  if (number >= rule.min && number <= rule.max) return;
  const told = (bound: number): string => (isInteger ? String(bound) : bound.toFixed(6));
  throw new SqlError('invalid_parameter_value', `value ${value} out of bounds for option "${name}"`, {
    detail: `Valid values are between "${told(rule.min)}" and "${told(rule.max)}".`,
  });
}

/** As PostgreSQL reads booleans of options: unique beginnings of the words, and numbers. */
function booleanOf(value: string): boolean | undefined {
  const word = value.trim().toLowerCase();
  if (word === '') return undefined;
  if ('true'.startsWith(word) || 'yes'.startsWith(word) || word === 'on' || word === '1') return true;
  if ('false'.startsWith(word) || 'no'.startsWith(word) || word === 'of' || word === 'off' || word === '0')
    return false;
  return undefined;
}

/** A value of an option as PostgreSQL keeps it. @throws SqlError `syntax_error`. */
export function textOf(arg: Node, name: string): string {
  if ('Integer' in arg) return String(arg.Integer.ival ?? 0);
  if ('Float' in arg) return arg.Float.fval ?? '0';
  if ('Boolean' in arg) return arg.Boolean.boolval === true ? 'true' : 'false';
  if ('String' in arg) return arg.String.sval ?? '';
  if ('TypeName' in arg) return stringsOf(arg.TypeName.names).at(-1) ?? '';
  if ('List' in arg) return stringsOf(arg.List.items).join('.');
  throw new SqlError('syntax_error', `${name} requires a parameter`);
}
