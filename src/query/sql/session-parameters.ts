/**
 * Run-time parameters of a session (SET, SHOW): those that clients commonly send, with PostgreSQL's names and defaults.
 *
 * A parameter is here only if setting it does what it says, or if it cannot matter (row_security without policies). Others are
 * an error by name. Values are immutable maps, so that a transaction remembers where it began and goes back on ROLLBACK;
 * SET LOCAL lasts until the transaction ends.
 */

import { SERVER_VERSION, SERVER_VERSION_NUM } from './functions/version.ts';
import { PLANNER_SWITCHES, type PlannerSettings } from './planner/planner-settings.ts';
import { parsePath } from './search-path.ts';
import { notSupported, SqlError } from './sql-error.ts';
import { parseBoolean } from './types/text-form.ts';
import { posixZone, type TimeZone, timeZone, UTC } from './types/time-zone.ts';
import type { ObjectNames, TextStyle } from './types/timestamptz.ts';

interface ParameterDefinition {
  readonly name: string;
  readonly initial: string;
  /** Told to clients when it changes (ParameterStatus). */
  readonly reported?: boolean;
  /** The value as it is kept; throws for what it cannot be. Without it the parameter cannot be set. */
  readonly parse?: (value: string, name: string) => string;
  /** As SHOW prints it. */
  readonly show?: (value: string) => string;
}

function invalid(name: string, value: string, hint?: string): SqlError {
  return new SqlError('invalid_parameter_value', `invalid value for parameter "${name}": "${value}"`, { hint });
}

function boolean(value: string, name: string): string {
  try {
    return parseBoolean(value) ? 'on' : 'off';
  } catch {
    throw new SqlError('invalid_parameter_value', `parameter "${name}" requires a Boolean value`);
  }
}

function oneOf(...words: readonly string[]): (value: string, name: string) => string {
  return (value, name) => {
    const word = value.trim().toLowerCase();
    if (words.includes(word)) return word;
    throw invalid(name, value, `Available values: ${words.join(', ')}.`);
  };
}

/** A value whose only supported setting is the one it has. */
function fixed(...accepted: readonly string[]): (value: string, name: string) => string {
  return (value, name) => {
    if (accepted.some((each) => each.toLowerCase() === value.trim().toLowerCase())) return accepted[0]!;
    throw notSupported(`${name} = ${value}`);
  };
}

/** Only letters and digits of an encoding's name count: clients send `'utf-8'`, quotes and all (encnames.c). */
function encoding(value: string, name: string): string {
  const cleaned = value.toLowerCase().replace(/[^a-z0-9]/g, '');
  if (cleaned === 'utf8' || cleaned === 'unicode') return 'UTF8';
  throw notSupported(`${name} = ${value}`);
}

const UNITS: Readonly<Record<string, number>> = {
  us: 0.001,
  ms: 1,
  s: 1_000,
  min: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};
const MILLISECONDS_MAX = 2_147_483_647;

function milliseconds(value: string, name: string): string {
  const match = /^\s*(-?\d+(?:\.\d+)?)\s*([a-z]*)\s*$/.exec(value);
  const unit = match?.[2] === '' ? 1 : UNITS[match?.[2] ?? ''];
  if (match === null || unit === undefined) {
    throw invalid(
      name,
      value,
      match === null ? undefined : 'Valid units for this parameter are "us", "ms", "s", "min", "h", and "d".',
    );
  }
  const result = Math.round(Number(match[1]) * unit);
  if (Math.abs(result) > MILLISECONDS_MAX) throw invalid(name, value, 'Value exceeds integer range.');
  if (result < 0) {
    throw new SqlError(
      'invalid_parameter_value',
      `${result} ms is outside the valid range for parameter "${name}" (0 .. ${MILLISECONDS_MAX})`,
    );
  }
  return String(result);
}

function showMilliseconds(value: string): string {
  const number = Number(value);
  if (number === 0) return '0';
  for (const unit of ['d', 'h', 'min', 's']) if (number % UNITS[unit]! === 0) return `${number / UNITS[unit]!}${unit}`;
  return `${number}ms`;
}

function dateStyle(value: string, name: string): string {
  let order = 'MDY';
  let style = 'ISO';
  for (const word of value.split(',').map((each) => each.trim().toUpperCase())) {
    if (word === 'MDY' || word === 'DMY' || word === 'YMD') order = word;
    else if (word === 'US' || word === 'NONEURO' || word === 'NONEUROPEAN') order = 'MDY';
    else if (word === 'EURO' || word === 'EUROPEAN') order = 'DMY';
    else if (word === 'SQL') style = 'SQL';
    else if (word === 'POSTGRES') style = 'Postgres';
    else if (word === 'GERMAN') {
      style = 'German';
      order = 'DMY';
    } else if (word !== 'ISO' && word !== 'DEFAULT') {
      const detail = `Unrecognized key word: "${word.toLowerCase()}".`;
      throw new SqlError('invalid_parameter_value', `invalid value for parameter "${name}": "${value}"`, { detail });
    }
  }
  return `${style}, ${order}`;
}

/** How PostgreSQL calls a zone that is so many seconds ahead: `<-07:30>+07:30`. */
export function offsetName(seconds: number): string {
  const minutes = Math.round(Math.abs(seconds) / 60);
  const pad = (part: number): string => String(part).padStart(2, '0');
  const shown = `${pad(Math.trunc(minutes / 60))}${minutes % 60 === 0 ? '' : `:${pad(minutes % 60)}`}`;
  return seconds < 0 ? `<-${shown}>+${shown}` : `<+${shown}>-${shown}`;
}

function zoneName(value: string, name: string): string {
  const text = value.trim();
  // A number is hours to the east.
  if (/^[+-]?\d+(?:\.\d+)?$/.test(text) && Math.abs(Number(text)) <= 168) return offsetName(Number(text) * 3_600);
  const zone = timeZone(text) ?? posixZone(text);
  if (zone === undefined) throw invalid(name, value);
  return zone.name;
}

function printable(value: string): string {
  return value.replace(/[^\x20-\x7e]/g, '?').slice(0, 63);
}

function nameList(value: string, name: string): string {
  if (parsePath(value) !== undefined) return value;
  throw new SqlError('invalid_parameter_value', `invalid value for parameter "${name}": "${value}"`, {
    detail: 'List syntax is invalid.',
  });
}

function integer(min: number, max: number): (value: string, name: string) => string {
  return (value, name) => {
    if (!/^\s*[+-]?\d+\s*$/.test(value)) throw invalid(name, value);
    const number = Number(value);
    if (number >= min && number <= max) return String(number);
    throw new SqlError(
      'invalid_parameter_value',
      `${number} is outside the valid range for parameter "${name}" (${min} .. ${max})`,
    );
  };
}

const ISOLATION_LEVELS = ['serializable', 'repeatable read', 'read committed', 'read uncommitted'] as const;

const DEFINITIONS: readonly ParameterDefinition[] = [
  { name: 'application_name', initial: '', reported: true, parse: printable },
  { name: 'bytea_output', initial: 'hex', parse: oneOf('escape', 'hex') },
  { name: 'check_function_bodies', initial: 'on', parse: boolean },
  { name: 'client_encoding', initial: 'UTF8', reported: true, parse: encoding },
  {
    name: 'client_min_messages',
    initial: 'notice',
    parse: oneOf('debug5', 'debug4', 'debug3', 'debug2', 'debug1', 'log', 'notice', 'warning', 'error'),
  },
  { name: 'DateStyle', initial: 'ISO, MDY', reported: true, parse: dateStyle },
  { name: 'default_table_access_method', initial: 'heap', parse: fixed('heap') },
  { name: 'default_tablespace', initial: '', parse: fixed('') },
  { name: 'default_transaction_isolation', initial: 'read committed', parse: oneOf(...ISOLATION_LEVELS) },
  { name: 'default_transaction_deferrable', initial: 'off', parse: boolean },
  { name: 'default_transaction_read_only', initial: 'off', reported: true, parse: boolean },
  ...PLANNER_SWITCHES.map((name) => ({ name, initial: 'on', parse: boolean })),
  { name: 'extra_float_digits', initial: '1', parse: integer(1, 3) },
  { name: 'idle_in_transaction_session_timeout', initial: '0', parse: milliseconds, show: showMilliseconds },
  { name: 'in_hot_standby', initial: 'off', reported: true },
  { name: 'integer_datetimes', initial: 'on', reported: true },
  {
    name: 'IntervalStyle',
    initial: 'postgres',
    reported: true,
    parse: oneOf('postgres', 'postgres_verbose', 'sql_standard', 'iso_8601'),
  },
  { name: 'is_superuser', initial: 'on', reported: true },
  // There is none to turn on; drivers turn it off before they ask for types.
  { name: 'jit', initial: 'off', parse: fixed('off', 'false', '0', 'no') },
  { name: 'lc_collate', initial: 'C' },
  { name: 'lc_ctype', initial: 'C' },
  { name: 'lock_timeout', initial: '0', parse: milliseconds, show: showMilliseconds },
  { name: 'max_identifier_length', initial: '63' },
  { name: 'max_prepared_transactions', initial: '0' },
  { name: 'row_security', initial: 'on', parse: boolean },
  { name: 'search_path', initial: '"$user", public', parse: nameList },
  { name: 'server_encoding', initial: 'UTF8', reported: true },
  { name: 'server_version', initial: SERVER_VERSION, reported: true },
  { name: 'server_version_num', initial: SERVER_VERSION_NUM },
  { name: 'session_authorization', initial: '', reported: true },
  { name: 'standard_conforming_strings', initial: 'on', reported: true, parse: fixed('on', 'true', '1', 'yes') },
  { name: 'statement_timeout', initial: '0', parse: milliseconds, show: showMilliseconds },
  { name: 'synchronous_commit', initial: 'on', parse: fixed('on', 'true', '1', 'yes', 'local', 'remote_write') },
  { name: 'synchronize_seqscans', initial: 'on', parse: boolean },
  { name: 'TimeZone', initial: 'UTC', reported: true, parse: zoneName },
  // Of a type that is not there.
  { name: 'xmloption', initial: 'content', parse: oneOf('content', 'document') },
];

/** What decides about plans, in the order in which EXPLAIN tells them. */
const PLANNING = [...PLANNER_SWITCHES, 'search_path'];

const BY_NAME = new Map(DEFINITIONS.map((definition) => [definition.name.toLowerCase(), definition]));

export type ParameterValues = ReadonlyMap<string, string>;

/** Where a transaction or savepoint began. */
export interface ParameterMark {
  readonly session: ParameterValues;
  readonly effective: ParameterValues;
}

const DEFAULT_STYLE: TextStyle = { zone: UTC };

/** Those that every statement asks for, in milliseconds; 0 for none. */
interface Timeouts {
  readonly statement_timeout: number;
  readonly lock_timeout: number;
  readonly idle_in_transaction_session_timeout: number;
}

const NO_TIMEOUTS: Timeouts = { statement_timeout: 0, lock_timeout: 0, idle_in_transaction_session_timeout: 0 };

export class SessionParameters {
  /** What RESET goes back to: initial values and what the client sent at the start. */
  readonly #reset: ParameterValues;
  /** What lasts. */
  #session: ParameterValues;
  /** With SET LOCAL on top. */
  #effective: ParameterValues;
  /** The settings that `#style` was made of. */
  #styled: ParameterValues | undefined;
  #styleKey = '';
  #planKey = '';
  #planner: PlannerSettings = new Set();
  #temporary = '';
  #style: TextStyle = DEFAULT_STYLE;
  /** The settings that `#timeouts` was made of. */
  #timed: ParameterValues | undefined;
  #timeouts = NO_TIMEOUTS;

  /** Names of the catalog's objects, for values that are such; see `TextStyle.names`. */
  readonly #names: ObjectNames | undefined;

  /** @throws SqlError for values that a parameter cannot have. Unknown names are an error as well. */
  constructor(fixedValues: ParameterValues, startup: ParameterValues, names?: ObjectNames) {
    this.#names = names;
    const values = new Map(DEFINITIONS.map((definition) => [definition.name, definition.initial]));
    for (const [name, value] of fixedValues) values.set(name, value);
    for (const [name, value] of startup) {
      const definition = writable(name);
      values.set(definition.name, definition.parse!(value, definition.name));
    }
    this.#reset = values;
    this.#session = values;
    this.#effective = values;
  }

  /** The value as SHOW prints it; undefined for a parameter that does not exist. */
  show(name: string): string | undefined {
    const definition = BY_NAME.get(name.toLowerCase()) ?? customParameter(name);
    const value = definition && this.#effective.get(definition.name);
    if (definition === undefined || value === undefined) return undefined;
    return definition.show === undefined ? value : definition.show(value);
  }

  /** Its name as PostgreSQL's manual writes it. @throws SqlError `undefined_object`. */
  canonicalName(name: string): string {
    return defined(name).name;
  }

  /** As it is kept: without SHOW's units. */
  value(
    name:
      | 'client_min_messages'
      | 'default_transaction_isolation'
      | 'default_transaction_read_only'
      | 'default_transaction_deferrable',
  ): string {
    return this.#effective.get(name)!;
  }

  milliseconds(name: keyof Timeouts): number {
    if (this.#timed !== this.#effective) {
      this.#timed = this.#effective;
      const of = (each: keyof Timeouts): number => Number(this.#effective.get(each));
      this.#timeouts = {
        statement_timeout: of('statement_timeout'),
        lock_timeout: of('lock_timeout'),
        idle_in_transaction_session_timeout: of('idle_in_transaction_session_timeout'),
      };
    }
    return this.#timeouts[name];
  }

  get zone(): TimeZone {
    return this.style.zone;
  }

  /** What the text of values depends on. The same object until one of those parameters changes. */
  get style(): TextStyle {
    this.#refresh();
    return this.#style;
  }

  /** Makes anew what is made of several settings, when one of them has changed. */
  #refresh(): void {
    if (this.#styled !== this.#effective) {
      this.#styled = this.#effective;
      const of = (name: string): string => this.#effective.get(name)!;
      const key = ['TimeZone', 'DateStyle', 'IntervalStyle', 'bytea_output'].map(of).join(' ');
      this.#planner = new Set(PLANNER_SWITCHES.filter((name) => of(name) === 'off'));
      const off = [...this.#planner].join();
      this.#planKey = `${key} ${of('search_path')} ${of('session_authorization')} ${this.#temporary} ${off}`;
      if (key !== this.#styleKey) {
        const [dateStyle, dateOrder] = of('DateStyle').split(', ');
        this.#styleKey = key;
        this.#style = {
          zone: timeZone(of('TimeZone')) ?? posixZone(of('TimeZone')) ?? UTC,
          dateStyle: dateStyle as 'ISO',
          dateOrder: dateOrder as 'MDY',
          intervalStyle: of('IntervalStyle') as 'postgres',
          byteaOutput: of('bytea_output') as 'hex',
          names: this.#names,
        };
      }
    }
  }

  /** Names of temporary relations are those of one session: its plans are its own from the first one on. */
  set temporaryScope(scope: string) {
    this.#temporary = scope;
    this.#styled = undefined;
  }

  get searchPath(): string {
    return this.#effective.get('search_path')!;
  }

  /** What plans are made under. */
  get planner(): PlannerSettings {
    this.#refresh();
    return this.#planner;
  }

  /** Those that decide about plans and are not what they are for everybody, with what they are. */
  get changedForPlans(): readonly { readonly name: string; readonly value: string }[] {
    return PLANNING.map((name) => ({ name, value: this.#effective.get(name)! })).filter(
      ({ name, value }) => value !== BY_NAME.get(name)!.initial,
    );
  }

  /** Tells apart settings under which the same text means different values, or other relations. */
  get planKey(): string {
    return this.style === DEFAULT_STYLE ? '' : this.#planKey;
  }

  /** @throws SqlError `undefined_object`, `invalid_parameter_value`, `feature_not_supported`. */
  set(name: string, value: string, options: { readonly local: boolean }): void {
    const definition = writable(name);
    this.#put(definition.name, definition.parse!(value, definition.name), options.local);
  }

  /** Back to the value at the start of the session. */
  reset(name: string, options: { readonly local: boolean }): void {
    const definition = writable(name);
    this.#put(definition.name, this.#reset.get(definition.name) ?? definition.initial, options.local);
  }

  resetAll(): void {
    this.#session = this.#reset;
    this.#effective = this.#reset;
  }

  mark(): ParameterMark {
    return { session: this.#session, effective: this.#effective };
  }

  rollbackTo(mark: ParameterMark): void {
    this.#session = mark.session;
    this.#effective = mark.effective;
  }

  /** The transaction committed: SET LOCAL ends. */
  endTransaction(): void {
    this.#effective = this.#session;
  }

  /** Changes whenever a value does, so that reporting can be skipped. */
  get values(): ParameterValues {
    return this.#effective;
  }

  /** Names and values that clients are told. */
  *reported(): Generator<readonly [string, string]> {
    for (const { name, reported } of DEFINITIONS) if (reported === true) yield [name, this.#effective.get(name)!];
  }

  /** All of them, as SHOW ALL lists them. */
  *all(): Generator<readonly [string, string]> {
    for (const { name } of DEFINITIONS) yield [name, this.show(name)!];
  }

  #put(name: string, value: string, local: boolean): void {
    this.#effective = new Map(this.#effective).set(name, value);
    if (!local) this.#session = new Map(this.#session).set(name, value);
  }
}

/** The name as PostgreSQL's manual writes it, or as it is when there is no such parameter. */
export function parameterTitle(name: string): string {
  return BY_NAME.get(name.toLowerCase())?.name ?? name;
}

/** A parameter of an application's own: any text under a name with a dot in it. */
function customParameter(name: string): ParameterDefinition | undefined {
  if (!/^[a-z_][\w$]*(?:\.[a-z_][\w$]*)+$/i.test(name)) return undefined;
  return { name: name.toLowerCase(), initial: '', parse: (value) => value };
}

function defined(name: string): ParameterDefinition {
  const definition = BY_NAME.get(name.toLowerCase()) ?? customParameter(name);
  if (definition !== undefined) return definition;
  throw new SqlError('undefined_object', `unrecognized configuration parameter "${name}"`);
}

function writable(name: string): ParameterDefinition {
  const definition = defined(name);
  if (definition.parse !== undefined) return definition;
  throw new SqlError('cannot_change_runtime_parameter', `parameter "${definition.name}" cannot be changed`);
}
