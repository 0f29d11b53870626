/**
 * Random statements that come again: as the same text, as one that differs in numbers, prepared by SQL or by the protocol and executed with other
 * values, and with other tables in between. A server that keeps what it made of the first has to answer the others as if it had not.
 *
 * Numbers become greater and never 0, so that recursion ends; positions in ORDER BY stay, as rows that are cut off would have no order.
 */

import type { SeededRandom } from '../../../src/platform/simulated/seeded-random.ts';
import {
  type BoundValue,
  bind,
  closeStatement,
  describePortal,
  describeStatement,
  execute,
  int,
  parse,
  query,
  sync,
} from '../frontend-messages.ts';

/** What is answered with one ReadyForQuery. */
export interface Step {
  /** The statement that it is about. */
  readonly sql: string;
  /** What is asked, for people. */
  readonly shown: string;
  readonly message: Buffer;
  /** How many steps before it belong to it. */
  readonly following: number;
}

type Made = Omit<Step, 'following'>;

const NAME = 'again';

/** Rolled back after the statement was asked. */
const CHANGES: readonly string[] = [
  'create index on q1 (b)',
  'create index on q2 (t desc, a) include (b)',
  'create index on q1 (lower(t)) where a > 1',
  'create unique index on w (v, id desc)',
  'drop index q1_a_t_idx',
  'analyze q1',
  'alter table q2 alter g type numeric',
  'alter table q2 alter n type double precision',
  'alter table q2 alter tz type timestamp',
  'alter table w alter n type numeric',
  'alter table wf alter w type bigint',
  'alter table q3 add zz int default 5',
  'alter table w add zz int default 5',
  'alter table w drop arr',
  'alter table q2 drop y',
  'alter table w rename v to vv',
  'alter table wf drop constraint wf_t',
  'alter table w drop constraint w_pkey cascade',
  "alter table w alter v set default 'other'",
  'alter table w add check (k < 50)',
  'alter table q2 rename to q2x',
  'drop table wf',
  'drop table q2 cascade',
  'create temp table q2 as select * from q1',
  'create temp table q3 (like q1)',
  'create temp table w (id int primary key, k int, v text, n numeric(8,2), arr int[])',
  'create or replace view v1 as select * from q1 where a is null',
  'insert into q3 select * from q1',
  'delete from q2 where id > 2',
  'truncate q1',
  'update q1 set a = b, t = upper(t), m = null',
  "set local timezone = 'America/New_York'",
  "set local datestyle = 'SQL, DMY'",
  "set local intervalstyle = 'iso_8601'",
  'set local enable_hashjoin = off',
  'set local bytea_output = escape',
  'set local search_path = pg_catalog',
];

export class Repeats {
  readonly #random: SeededRandom;

  constructor(random: SeededRandom) {
    this.#random = random;
  }

  /** All that is asked for one statement. */
  of(sql: string): readonly Step[] {
    const made = this.#random.pick([
      () => this.#asText(sql),
      () => this.#asText(sql),
      () => this.#bySql(sql),
      () => this.#byProtocol(sql),
      () => this.#byProtocol(sql),
    ])();
    return made.map((step, following) => ({ ...step, following }));
  }

  #asText(sql: string): readonly Made[] {
    const other = (): Made => simple(this.#random.chance(0.25) ? sql : this.#withOtherNumbers(sql));
    return this.#random.pick([
      () => [...rolledBack(other()), simple(sql)],
      () => [...rolledBack(other()), ...rolledBack(other()), other()],
      () => [other(), ...rolledBack(this.#change(), simple(sql)), other()],
      () => Array.from({ length: 7 }, () => rolledBack(other())).flat(),
    ])();
  }

  #bySql(sql: string): readonly Made[] {
    const { sql: template, parameters } = this.#parameterized(sql);
    const types = parameters.map(({ type }) => TYPE_NAMES[type]);
    const call = (): Made => {
      const values = parameters.map((each) => quoted(this.#valueOf(each), each));
      return simple(`execute ${NAME}${values.length === 0 ? '' : `(${values.join(', ')})`}`, template);
    };
    return [
      simple('deallocate all'),
      simple(`prepare ${NAME}${types.length === 0 ? '' : ` (${types.join(', ')})`} as ${template}`),
      ...this.#calls(call),
    ];
  }

  #byProtocol(sql: string): readonly Made[] {
    const { sql: template, parameters } = this.#parameterized(sql);
    const types = parameters.map(({ type }) => type);
    const call = (): Made => {
      const values = parameters.map((each) => this.#boundValue(each));
      const inBinary = this.#random.chance(0.3);
      const describes = this.#random.chance(0.5);
      const shownValues = values.map((value) => (Buffer.isBuffer(value) ? `0x${value.toString('hex')}` : value));
      return {
        sql: template,
        shown: `bind ${JSON.stringify(shownValues)}${inBinary ? ' for results in binary' : ''}`,
        message: Buffer.concat([
          bind('', NAME, values, inBinary),
          ...(describes ? [describePortal('')] : []),
          execute(''),
          sync,
        ]),
      };
    };
    const parsed: Made = {
      sql: template,
      shown: `parse [${types.join(', ')}] ${template}`,
      message: Buffer.concat([closeStatement(NAME), parse(NAME, template, types), describeStatement(NAME), sync]),
    };
    return [parsed, ...this.#calls(call)];
  }

  /** PostgreSQL plans without the values from the sixth on. */
  #calls(call: () => Made): readonly Made[] {
    return this.#random.pick([
      () => [...rolledBack(call()), call()],
      () => [...rolledBack(call()), ...rolledBack(this.#change(), call()), call()],
      () => Array.from({ length: 7 }, () => rolledBack(call())).flat(),
      () => [...Array.from({ length: 6 }, () => rolledBack(call())).flat(), ...rolledBack(this.#change(), call())],
    ])();
  }

  #change(): Made {
    return simple(this.#random.pick(CHANGES));
  }

  /** Mostly the same number for the same number: expressions that have to be alike stay so. */
  #withOtherNumbers(sql: string): string {
    const numbers = literalsOf(sql).filter(({ kind }) => kind !== 'text');
    if (numbers.length === 0) return sql;
    if (this.#random.chance(0.3)) {
      const { start, text } = this.#random.pick(numbers);
      // The scale of what has to look alike.
      if (sql.slice(start - 2, start + 2) === ', 2)') return sql;
      return sql.slice(0, start) + this.#greater(text) + sql.slice(start + text.length);
    }
    const others = new Map(numbers.map(({ text }) => [text, this.#greater(text)]));
    return replaced(sql, numbers, ({ text }) => others.get(text)!);
  }

  #greater(text: string): string {
    return text.includes('.') ? `${text}${this.#random.int(10)}` : String(Number(text) + this.#random.int(4));
  }

  #parameterized(sql: string): { readonly sql: string; readonly parameters: readonly Parameter[] } {
    const parameters: Parameter[] = [];
    /** Whether a literal is one, and which: the same for all that are alike. */
    const chosen = new Map<string, string>();
    const made = replaced(sql, literalsOf(sql), ({ text, kind }) => {
      const known = chosen.get(text);
      if (known !== undefined) return known;
      let by = text;
      if (this.#random.chance(kind === 'text' ? 0.3 : 0.5)) {
        parameters.push({ text, kind, type: this.#random.pick(PARAMETER_TYPES[kind]) });
        by = `$${parameters.length}`;
      }
      chosen.set(text, by);
      return by;
    });
    return { sql: made, parameters };
  }

  #valueOf({ text, kind }: Parameter): string | null {
    if (this.#random.chance(0.06)) return null;
    if (kind === 'text') return text.slice(1, -1).replaceAll("''", "'");
    return this.#random.chance(0.3) ? text : this.#greater(text);
  }

  #boundValue(parameter: Parameter): BoundValue {
    const value = this.#valueOf(parameter);
    if (value === null || this.#random.chance(0.5)) return value;
    switch (parameter.type) {
      case INT4:
        return int(4, Number(value));
      case INT8: {
        const bytes = Buffer.alloc(8);
        bytes.writeBigInt64BE(BigInt(value));
        return bytes;
      }
      case FLOAT8: {
        const bytes = Buffer.alloc(8);
        bytes.writeDoubleBE(Number(value));
        return bytes;
      }
      case TEXT:
        return Buffer.from(value);
      default:
        return value;
    }
  }
}

interface Parameter {
  readonly text: string;
  readonly kind: Literal['kind'];
  readonly type: ParameterType;
}

const [UNKNOWN, INT8, INT4, TEXT, FLOAT8, NUMERIC] = [0, 20, 23, 25, 701, 1700] as const;
type ParameterType = typeof UNKNOWN | typeof INT8 | typeof INT4 | typeof TEXT | typeof FLOAT8 | typeof NUMERIC;

const TYPE_NAMES: Readonly<Record<ParameterType, string>> = {
  [UNKNOWN]: 'unknown',
  [INT8]: 'bigint',
  [INT4]: 'int',
  [TEXT]: 'text',
  [FLOAT8]: 'float8',
  [NUMERIC]: 'numeric',
};

const PARAMETER_TYPES: Readonly<Record<Literal['kind'], readonly ParameterType[]>> = {
  integer: [INT4, INT4, INT4, INT4, INT8, NUMERIC, UNKNOWN],
  decimal: [NUMERIC, NUMERIC, FLOAT8, UNKNOWN],
  text: [UNKNOWN, UNKNOWN, TEXT],
};

interface Literal {
  readonly kind: 'integer' | 'decimal' | 'text';
  readonly text: string;
  readonly start: number;
}

/** A word, a name in quotes, positions of an ORDER BY, a bound of a frame, a type and its literal or modifiers, or else a literal. */
const TOKEN =
  /\border by \d+(?: desc| nulls first| nulls last|, \d+)*|\b(?:interval|date|timestamp|timestamptz|time|daterange|inet|jsonb|bigint|precision) '[^']*'|\b(?:numeric|varchar|char)\(\d+(?:, ?\d+)?\)|\b\d+ (?:preceding|following)|[a-z_]\w*|"[^"]*"|(?<text>'(?:[^']|'')*')|(?<number>\d+(?:\.\d+)?)/gi;

function literalsOf(sql: string): readonly Literal[] {
  const found: Literal[] = [];
  for (const { groups, index } of sql.matchAll(TOKEN)) {
    const text = groups!.text ?? groups!.number;
    if (text === undefined) continue;
    const kind = groups!.text !== undefined ? 'text' : text.includes('.') ? 'decimal' : 'integer';
    // What has no type of its own for being large would have one as a parameter.
    if (kind === 'integer' && text.length > 9) continue;
    found.push({ kind, text, start: index });
  }
  return found;
}

function replaced(sql: string, literals: readonly Literal[], by: (literal: Literal) => string): string {
  let made = '';
  let from = 0;
  for (const literal of literals) {
    made += sql.slice(from, literal.start) + by(literal);
    from = literal.start + literal.text.length;
  }
  return made + sql.slice(from);
}

function quoted(value: string | null, { kind }: Parameter): string {
  if (value === null) return 'null';
  return kind === 'text' ? `'${value.replaceAll("'", "''")}'` : value;
}

/** @param about What it executes, if that is another statement. */
export function simple(sql: string, about = sql): Made {
  return { sql: about, shown: sql, message: query(sql) };
}

function rolledBack(...steps: readonly Made[]): readonly Made[] {
  return [simple('begin'), ...steps, simple('rollback')];
}
