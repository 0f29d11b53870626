/**
 * The values that a session's run-time parameters have (SET, SHOW); parameter-definitions.ts says which there are.
 *
 * Unknown names are an error. Values are immutable maps of what is not as it was from the beginning, so that a transaction remembers where it
 * began and goes back on ROLLBACK; SET LOCAL lasts until the transaction ends.
 */

import { DEFINITIONS, type ParameterDefinition, type ParameterSetting, ROLE } from './parameter-definitions.ts';
import { PLANNER_SWITCHES, type PlannerSettings } from './planner/planner-settings.ts';
import { SqlError, unknownParameter } from './sql-error.ts';
import { type TimeZone, timeZone, UTC } from './types/time-zone.ts';
import type { ObjectNames, TextStyle } from './types/timestamptz.ts';

/** What decides about plans, in the order in which EXPLAIN tells them. */
const PLANNING = [...PLANNER_SWITCHES, 'search_path'];

const REPORTED = DEFINITIONS.filter(({ reported }) => reported === true);

const BY_NAME = new Map([...DEFINITIONS, ROLE].map((definition) => [definition.name.toLowerCase(), definition]));

export type ParameterValues = ReadonlyMap<string, string>;

/** Where a transaction or savepoint began. */
export interface ParameterMark {
  readonly session: ParameterValues;
  readonly effective: ParameterValues;
}

interface ChangedParameter {
  readonly name: string;
  readonly value: string;
}

const DEFAULT_STYLE: TextStyle = { zone: UTC };

/** Those that every statement asks for, in milliseconds; 0 for none. */
interface Timeouts {
  readonly statement_timeout: number;
  readonly lock_timeout: number;
  readonly idle_in_transaction_session_timeout: number;
  readonly idle_session_timeout: number;
}

const NO_TIMEOUTS: Timeouts = {
  statement_timeout: 0,
  lock_timeout: 0,
  idle_in_transaction_session_timeout: 0,
  idle_session_timeout: 0,
};

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
  #changed: readonly ChangedParameter[] = [];
  /** Parameters of an application's own that were ever set. */
  readonly #ownNames = new Set<string>();
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
    const values = new Map(fixedValues);
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
    const definition = BY_NAME.get(name.toLowerCase());
    if (definition === undefined) return this.#effective.get(name.toLowerCase()) ?? this.#forgotten(name);
    const value = this.#effective.get(definition.name) ?? definition.initial;
    return definition.show === undefined ? value : definition.show(value);
  }

  /** An application's own parameter that was set once, and is not any more, is empty. */
  #forgotten(name: string): string | undefined {
    return this.#ownNames.has(name.toLowerCase()) ? '' : undefined;
  }

  /** As it is kept: without SHOW's units. */
  value(
    name:
      | 'client_min_messages'
      | 'default_transaction_isolation'
      | 'default_transaction_read_only'
      | 'default_transaction_deferrable',
  ): string {
    return this.#of(name);
  }

  milliseconds(name: keyof Timeouts): number {
    if (this.#timed !== this.#effective) {
      this.#timed = this.#effective;
      const of = (each: keyof Timeouts): number => Number(this.#of(each));
      this.#timeouts = {
        statement_timeout: of('statement_timeout'),
        lock_timeout: of('lock_timeout'),
        idle_in_transaction_session_timeout: of('idle_in_transaction_session_timeout'),
        idle_session_timeout: of('idle_session_timeout'),
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

  #refresh(): void {
    if (this.#styled !== this.#effective) this.#restyle();
  }

  /** Makes anew what is made of several settings, as one of them has changed. */
  #restyle(): void {
    this.#styled = this.#effective;
    const of = (name: string): string => this.#of(name);
    const key = ['TimeZone', 'DateStyle', 'IntervalStyle', 'bytea_output', 'extra_float_digits'].map(of).join(' ');
    this.#planner = new Set(PLANNER_SWITCHES.filter((name) => of(name) === 'off'));
    const off = [...this.#planner].join();
    this.#planKey = `${key} ${of('search_path')} ${of('session_authorization')} ${this.#temporary} ${off}`;
    this.#changed = PLANNING.map((name) => ({ name, value: of(name) })).filter(
      ({ name, value }) => value !== BY_NAME.get(name)!.initial,
    );
    if (key === this.#styleKey) return;
    const [dateStyle, dateOrder] = of('DateStyle').split(', ');
    this.#styleKey = key;
    this.#style = {
      zone: timeZone(of('TimeZone')) ?? UTC,
      dateStyle: dateStyle as 'ISO',
      dateOrder: dateOrder as 'MDY',
      intervalStyle: of('IntervalStyle') as 'postgres',
      byteaOutput: of('bytea_output') as 'hex',
      floatDigits: Number(of('extra_float_digits')) > 0 ? undefined : Number(of('extra_float_digits')),
      names: this.#names,
    };
  }

  /** Names of temporary relations are those of one session: its plans are its own from the first one on. */
  set temporaryScope(scope: string) {
    this.#temporary = scope;
    this.#styled = undefined;
  }

  get searchPath(): string {
    return this.#of('search_path');
  }

  /** What plans are made under. */
  get planner(): PlannerSettings {
    this.#refresh();
    return this.#planner;
  }

  /** Those that decide about plans and are not what they are for everybody, with what they are. */
  get changedForPlans(): readonly ChangedParameter[] {
    this.#refresh();
    return this.#changed;
  }

  /** Tells apart settings under which the same text means different values, or other relations. */
  get planKey(): string {
    return this.style === DEFAULT_STYLE ? '' : this.#planKey;
  }

  /** @throws SqlError `undefined_object`, `invalid_parameter_value`, `feature_not_supported`. */
  set(name: string, value: string, options: { readonly local: boolean }): void {
    const definition = writable(name);
    // Not `#of`: a name with a dot is known to nobody before it is set.
    const current = this.#effective.get(definition.name) ?? definition.initial;
    this.#put(definition.name, definition.parse!(value, definition.name, current), options.local);
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

  /** Tells of each parameter that clients are told of and that is not what it was in `before`; without it, of each. */
  report(before: ParameterValues | undefined, tell: (name: string, value: string) => void): void {
    for (const { name, initial } of REPORTED) {
      const value = this.#effective.get(name) ?? initial;
      if (before === undefined || (before.get(name) ?? initial) !== value) tell(name, value);
    }
  }

  /** All of them, as SHOW ALL lists them. */
  *all(): Generator<readonly [string, string]> {
    for (const { name } of DEFINITIONS) yield [name, this.show(name)!];
  }

  /** All of them, as pg_settings lists them. */
  *settings(): Generator<ParameterSetting> {
    for (const definition of DEFINITIONS) {
      const reset = this.#reset.get(definition.name) ?? definition.initial;
      yield { definition, value: this.#of(definition.name), reset };
    }
  }

  #of(name: string): string {
    return this.#effective.get(name) ?? BY_NAME.get(name.toLowerCase())!.initial;
  }

  #put(name: string, value: string, local: boolean): void {
    if (name.includes('.')) this.#ownNames.add(name);
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
  throw unknownParameter(name);
}

function writable(name: string): ParameterDefinition {
  const definition = defined(name);
  if (definition.parse !== undefined) return definition;
  throw new SqlError('cannot_change_runtime_parameter', `parameter "${definition.name}" cannot be changed`);
}
