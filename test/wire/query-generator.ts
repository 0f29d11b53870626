/**
 * Whole queries at random, the same for the same seed: joins of all kinds, LATERAL, WITH and recursion, set operations, groupings, windows,
 * subqueries everywhere, statements that write, and statements with a mistake put into them.
 *
 * Everything has one right answer. Rows come in no order unless every column orders them; numbers that stand for a group or are cut off
 * by LIMIT have one scale, as equal numbers of different scales are one key; aggregates that keep an order say which; and expressions
 * are such that hardly any row makes them fail, so that what fails does not depend on the plan.
 */

import { SeededRandom } from '../../src/platform/simulated/seeded-random.ts';

export const GENERATED_TYPES = ['int', 'num', 'txt', 'bool', 'date', 'ts', 'iv', 'json', 'ints', 'rng'] as const;
export type GeneratedType = (typeof GENERATED_TYPES)[number];

const SQL_TYPES: Readonly<Record<GeneratedType, string>> = {
  int: 'int',
  num: 'numeric',
  txt: 'text',
  bool: 'boolean',
  date: 'date',
  ts: 'timestamp',
  iv: 'interval',
  json: 'jsonb',
  ints: 'int[]',
  rng: 'int4range',
};

/** Texts of values, as SQL writes them. */
const VALUES: Readonly<Record<GeneratedType, readonly string[]>> = {
  int: ['0', '1', '2', '3', '7', '-1', '12', '40'],
  num: ['0.00', '1.50', '-2.25', '10.00', '99.99', '0.01'],
  txt: ["''", "'a'", "'ab'", "'Hello World'", "'b,c,d'", "'12'", "'x_y%'", "'  pad '", "'a b'"],
  bool: ['true', 'false'],
  date: ["date '2024-02-29'", "date '1999-12-31'", "date '2024-03-01'", "date '2020-06-15'"],
  ts: ["timestamp '2024-02-29 12:34:56'", "timestamp '1999-12-31 23:59:59.5'", "timestamp '2020-06-15'"],
  iv: ["interval '1 day'", "interval '2 hours 30 minutes'", "interval '1 mon -3 days'", "interval '00:00:01.5'"],
  json: [
    `jsonb '{"a": 1, "b": [true, null]}'`,
    `jsonb '[1, 2, "x"]'`,
    `jsonb '{"a": {"c": "d"}, "k": "v"}'`,
    `jsonb '"s"'`,
    `jsonb '{}'`,
    `jsonb '3'`,
  ],
  ints: ["'{1,2,3}'::int[]", "'{}'::int[]", "'{4,NULL,1}'::int[]", "'{7}'::int[]"],
  rng: ['int4range(1, 5)', 'int4range(3, 9)', "'empty'::int4range", 'int4range(null, 4)', "'[2,2]'::int4range"],
};

/** `$type` is an expression, `#` a small number; `!c` a scalar subquery of the type, where one may stand. */
const TEMPLATES: Readonly<Record<GeneratedType, readonly string[]>> = {
  int: [
    '($int + $int)',
    '($int - $int)',
    '($int * 2)',
    '($int / 3)',
    '($int % 5)',
    'abs($int)',
    'length($txt)',
    'octet_length($txt)',
    'coalesce($int, $int)',
    'nullif($int, $int)',
    'greatest($int, $int, #)',
    'least($int, $int)',
    'case when $bool then $int else $int end',
    'case $int when 1 then $int when $int then # end',
    'cardinality($ints)',
    'array_length($ints, 1)',
    '($ints)[#]',
    'array_position($ints, $int)',
    "position('a' in $txt)",
    "strpos($txt, 'l')",
    'ascii($txt)',
    '($date - $date)',
    'extract(year from $date)::int',
    'extract(dow from $ts)::int',
    "date_part('month', $ts)::int",
    'lower($rng)',
    'upper($rng)',
    'sign($num)::int',
    'round($num)::int',
    "jsonb_array_length(case jsonb_typeof($json) when 'array' then $json else '[]' end)",
    'num_nulls($int, $txt, $date)',
    '($bool)::int',
    'width_bucket($num, 0, 10, 5)',
    'bit_length($txt)',
    'gcd($int, 12)',
    '($int & 7)',
    '($int | 1)',
    '($int # 5)',
    '(-$int)',
    'array_upper($ints, 1)',
    "regexp_count($txt, '[aeiou]')",
    '!c',
  ],
  num: [
    '($num + $int)',
    '($num - $num)',
    '($num * 3)',
    '($num / 4)',
    'round($num, 1)',
    'trunc($num, 1)',
    'ceil($num)',
    'floor($num)',
    'abs($num)',
    '$int::numeric',
    'coalesce($num, $int)',
    'case when $bool then $num end',
    'greatest($num, $int)',
    'extract(epoch from $iv)',
    'extract(day from $ts)',
    'mod($num, 7)',
    'scale($num)::numeric',
    '($int)::numeric(8,2)',
    '!c',
  ],
  txt: [
    'upper(left($txt, 3))',
    'lower($txt)',
    'substr($txt, 2, 3)',
    'left($txt, #)',
    'right($txt, #)',
    "lpad($txt, 6, '*')",
    'rpad($txt, 4)',
    "replace($txt, 'a', 'bb')",
    'reverse($txt)',
    "translate($txt, 'abc', 'xy')",
    'concat($txt, $int, $bool)',
    "concat_ws('-', $txt, $int, null, $txt)",
    '($txt || $txt)',
    '($txt || $int)',
    '$int::text',
    '$num::text',
    '$date::text',
    '$iv::text',
    '$ints::text',
    '$rng::text',
    "to_char($date, 'YYYY-MM-DD Day')",
    "to_char($num, 'FM990.00')",
    "to_char($ts, 'HH24:MI:SS.MS')",
    'coalesce($txt, $txt)',
    'case when $bool then $txt else $txt end',
    "nullif($txt, '')",
    "split_part($txt, ',', 2)",
    "regexp_replace($txt, '[aeiou]', '_', 'g')",
    "format('%s|%L|%s', $int, $txt, $bool)",
    "($json ->> 'a')",
    'jsonb_typeof($json)',
    "array_to_string($ints, ',', '-')",
    'quote_literal($txt)',
    'trim($txt)',
    'btrim($txt)',
    "overlay($txt placing 'zz' from 2 for 1)",
    "substring($txt from '[a-z]+')",
    'repeat($txt, 2)',
    'md5($txt)',
    'min(x) || max(x) from (values ($txt), ($txt)) v (x)',
    '!c',
  ],
  bool: [
    '($int < $int)',
    '($int = $int)',
    '($num >= $num)',
    '($txt <> $txt)',
    '($txt < $txt)',
    '($date <= $date)',
    '($ts > $ts)',
    '($ints = $ints)',
    '($ints @> array[#])',
    '($ints && $ints)',
    '($json @> \'{"a": 1}\')',
    "($json ? 'a')",
    '($rng @> $int)',
    '($rng && $rng)',
    'isempty($rng)',
    "($txt like '%a%')",
    "($txt ilike 'H%')",
    "($txt ~ '^[a-h]')",
    "($txt not like '_')",
    '($int between $int and $int)',
    '($num not between 0 and $num)',
    '($int in (1, $int, 7))',
    '($txt not in ($txt, $txt))',
    '($int is null)',
    '($txt is not null)',
    '($int is distinct from $int)',
    '($json is not distinct from $json)',
    '($bool and $bool)',
    '($bool or $bool)',
    '(not $bool)',
    '($bool is true)',
    '($bool is not false)',
    '($bool is unknown)',
    '($int = any ($ints))',
    '($int > all ($ints))',
    'starts_with($txt, $txt)',
    '(($int, $txt) = ($int, $txt))',
    '(($int, $txt) < ($int, $txt))',
    "(($date, $date) overlaps ($date, interval '5 days'))",
    'coalesce($bool, false)',
    "jsonb_path_exists($json, '$.b[*] ? (@ == true)')",
    '!e',
    '!i',
    '!q',
  ],
  date: [
    '($date + #)',
    '($date - $int % 10)',
    "date_trunc('month', $ts)::date",
    '$ts::date',
    'make_date(2024, 1 + #, 5)',
    'coalesce($date, $date)',
    'greatest($date, $date)',
    'case when $bool then $date end',
    '!c',
  ],
  ts: [
    "($date + interval '1 hour')",
    '($ts + $iv)',
    '($ts - $iv)',
    "date_trunc('day', $ts)",
    "date_bin('15 minutes', $ts, timestamp '2000-01-01')",
    '$date::timestamp',
    'coalesce($ts, $ts)',
    'make_timestamp(2024, 1, 1 + #, 3, 4, 5.5)',
    '!c',
  ],
  iv: [
    '($ts - $ts)',
    '($iv + $iv)',
    '($iv * 2)',
    'make_interval(days => $int % 100)',
    'justify_hours($iv)',
    'justify_days($iv)',
    'age($ts, $ts)',
    'coalesce($iv, $iv)',
    "(# * interval '1 minute')",
  ],
  json: [
    "jsonb_build_object('i', $int, 't', $txt)",
    'jsonb_build_array($int, $txt, $bool)',
    'to_jsonb($txt::text)',
    'to_jsonb($ints)',
    "($json -> 'a')",
    "($json #> '{a,c}')",
    "(coalesce($json, '{}') || '{\"z\": 1}')",
    "case jsonb_typeof($json) when 'object' then $json - 'a' else $json end",
    "case jsonb_typeof($json) when 'object' then jsonb_set($json, '{q}', to_jsonb($int)) end",
    'jsonb_strip_nulls($json)',
    "jsonb_path_query_array($json, '$.*')",
    'coalesce($json, $json)',
    "($json)['a']",
  ],
  ints: [
    'array[$int, $int]',
    'array_append($ints, $int)',
    'array_prepend($int, $ints)',
    'array_cat($ints, $ints)',
    '($ints || $ints)',
    '($ints || $int)',
    'array_remove($ints, $int)',
    'array_replace($ints, $int, #)',
    '($ints)[2:3]',
    "string_to_array('1,2,3', ',')::int[]",
    'coalesce($ints, $ints)',
    '!a',
  ],
  rng: [
    'int4range(least($int, $int), greatest($int, $int))',
    "int4range(0, abs($int), '[]')",
    '($rng * $rng)',
    'range_merge($rng, $rng)',
    'coalesce($rng, $rng)',
  ],
};

/** A template that is a query without SELECT. */
const QUERY = / from \(values/;

/** Of the rows of a group; `!k` orders them entirely. */
const AGGREGATES: Readonly<Partial<Record<GeneratedType, readonly string[]>>> = {
  int: [
    'count(*)::int',
    'count($int)::int',
    'count(distinct $txt)::int',
    'max($int)',
    'min($int)',
    'sum($int)::int',
    'count(*) filter (where $bool)::int',
    'bit_or($int)',
    'sum(distinct $int)::int',
    'percentile_disc(0.5) within group (order by $int)',
    'rank(2) within group (order by $int)::int',
    'mode() within group (order by $int)',
    'regr_count($int, $int)::int',
  ],
  num: [
    'avg($int)',
    'sum($num)',
    'round(avg($num), 3)',
    'max(round($num, 2))',
    'sum($int)',
    'stddev($int)',
    'var_pop($int)',
    'sum($num) filter (where $bool)',
  ],
  txt: [
    'max($txt)',
    'min($txt)',
    "string_agg($txt, ',' order by !k)",
    "string_agg(distinct $txt, '' order by $same)",
    'array_agg($int order by !k)::text',
  ],
  bool: ['bool_and($bool)', 'bool_or($bool)', 'every($int > 0)'],
  date: ['max($date)', 'min($date)'],
  json: ['jsonb_agg($int order by !k)', "jsonb_object_agg(coalesce($txt, '?'), $int order by !k)"],
  ints: ['array_agg($int order by !k)', 'array_agg(distinct $int order by $same)'],
};

/** `!w` is OVER with an order that has no ties, `!p` one that may have them, for what does not tell peers apart. */
const WINDOWS: Readonly<Partial<Record<GeneratedType, readonly string[]>>> = {
  int: [
    '(row_number() !w)::int',
    '(rank() !p)::int',
    '(dense_rank() !p)::int',
    'lag($int) !w',
    'lead($int, 2, -1) !w',
    'first_value($int) !w',
    'last_value($int) !f',
    'nth_value($int, 2) !f',
    'ntile(3) !w',
    '(sum($int) !f)::int',
    '(count(*) !f)::int',
    'max($int) !f',
    '(count($int) filter (where $bool) !f)::int',
    '(sum($int) !p)::int',
  ],
  num: [
    'avg($int) !f',
    'sum($num) !f',
    'round((percent_rank() !p)::numeric, 6)',
    'round((cume_dist() !p)::numeric, 6)',
  ],
  txt: ['lag($txt) !w', "string_agg($txt, ',') !f", 'min($txt) !f', 'first_value($txt) !w'],
  bool: ['bool_or($bool) !f'],
  ints: ['array_agg($int) !f'],
};

export interface GeneratedColumn {
  readonly name: string;
  readonly type: GeneratedType;
}

interface Source {
  readonly alias: string;
  readonly columns: readonly GeneratedColumn[];
}

/** What expressions can name: items of FROM, those of the queries around after them. */
interface Sight {
  readonly sources: readonly Source[];
  readonly outer: Sight | undefined;
}

interface Query {
  readonly sql: string;
  readonly columns: readonly GeneratedColumn[];
}

const TABLE_COLUMNS: readonly GeneratedColumn[] = [
  { name: 'id', type: 'int' },
  { name: 'a', type: 'int' },
  { name: 'b', type: 'int' },
  { name: 'n', type: 'num' },
  { name: 't', type: 'txt' },
  { name: 'f', type: 'bool' },
  { name: 'd', type: 'date' },
  { name: 'ts', type: 'ts' },
  { name: 'iv', type: 'iv' },
  { name: 'j', type: 'json' },
  { name: 'arr', type: 'ints' },
  { name: 'r', type: 'rng' },
];

const TABLES = ['q1', 'q2', 'q3'] as const;
const ROWS: Readonly<Record<(typeof TABLES)[number], number>> = { q1: 8, q2: 6, q3: 0 };
const WRITTEN: readonly GeneratedColumn[] = [
  { name: 'id', type: 'int' },
  { name: 'k', type: 'int' },
  { name: 'v', type: 'txt' },
  { name: 'n', type: 'num' },
  { name: 'arr', type: 'ints' },
];

/** Types whose equal values look alike, so that one of them can stand for a group. */
const KEYS: readonly GeneratedType[] = ['int', 'txt', 'bool', 'date', 'ts', 'ints', 'rng', 'num'];

export class QueryGenerator {
  readonly #random: SeededRandom;
  #aliases = 0;
  /** Queries of WITH in sight. */
  #ctes: Source[] = [];
  /** Subqueries that may still be put into the statement. */
  #subqueries = 0;

  constructor(seed: number | string) {
    this.#random = new SeededRandom(`${seed} queries`);
  }

  /** Tables that statements read, and one that they write. */
  setUp(): readonly string[] {
    const columns = TABLE_COLUMNS.map(
      ({ name, type }) => `${name} ${SQL_TYPES[type]}${name === 'id' ? ' primary key' : ''}`,
    );
    const tables = TABLES.flatMap((table) => [
      `drop table if exists ${table}`,
      `create table ${table} (${columns.join(', ')})`,
      ...Array.from({ length: ROWS[table] }, (_, i) => {
        const values = TABLE_COLUMNS.slice(1).map(({ type }) => this.#literal(type));
        return `insert into ${table} values (${i + 1}, ${values.join(', ')})`;
      }),
      `create index on ${table} (a, t)`,
    ]);
    const written =
      'create table w (id int primary key, k int unique, v text, n numeric(8,2), arr int[], check (n < 1000000))';
    return [...tables, 'drop table if exists w', written, ...this.restore()];
  }

  /** The table that is written, as it is in the beginning. */
  restore(): readonly string[] {
    return ['truncate w', `insert into w select i, i * 10, 'v' || i, i, array[i] from generate_series(1, 8) i`];
  }

  next(): string {
    this.#aliases = 0;
    this.#ctes = [];
    this.#subqueries = 3;
    const sql = this.#random.chance(0.18) ? this.#write() : this.#statement();
    return this.#random.chance(0.12) ? this.#mistaken(sql) : sql;
  }

  // --- Queries

  #statement(): string {
    const { sql } = this.#withCtes(() => this.#query(2, undefined, undefined));
    return sql;
  }

  #withCtes(body: () => Query): Query {
    if (!this.#random.chance(0.25)) return body();
    const count = 1 + this.#random.int(2);
    const parts: string[] = [];
    let recursive = false;
    for (let i = 0; i < count; i++) {
      const name = `c${i + 1}`;
      if (this.#random.chance(0.25)) {
        recursive = true;
        parts.push(this.#recursive(name));
        continue;
      }
      const { sql, columns } = this.#query(1, undefined, undefined);
      const names = columns.map((_, place) => `x${place + 1}`);
      const hint = this.#random.pick(['', '', 'materialized ', 'not materialized ']);
      parts.push(`${name} (${names.join(', ')}) as ${hint}(${sql})`);
      this.#ctes.push({ alias: name, columns: columns.map(({ type }, place) => ({ name: names[place]!, type })) });
    }
    const { sql, columns } = body();
    return { sql: `with ${recursive ? 'recursive ' : ''}${parts.join(', ')} ${sql}`, columns };
  }

  #recursive(name: string): string {
    const limit = 2 + this.#random.int(6);
    this.#ctes.push({
      alias: name,
      columns: [
        { name: 'n', type: 'int' },
        { name: 'p', type: 'txt' },
      ],
    });
    const all = this.#random.pick(['all', '']);
    if (this.#random.chance(0.5)) {
      return `${name} (n, p) as (select 1, 'x' union ${all} select n + 1, p || n from ${name} where n < ${limit})`;
    }
    return (
      `${name} (n, p) as (select id, t from q1 where id = ${1 + this.#random.int(3)} union ${all} ` +
      `select q1.id, coalesce(${name}.p, '') || '.' from q1 join ${name} on q1.id = ${name}.n + ${1 + this.#random.int(2)} where q1.id < 12)`
    );
  }

  /** @param wanted Types of its columns; undefined for any. */
  #query(depth: number, outer: Sight | undefined, wanted: readonly GeneratedType[] | undefined): Query {
    const roll = this.#random.float();
    if (depth > 0 && roll < 0.14) return this.#setOperation(depth, outer, wanted);
    if (roll < 0.17) return this.#values(wanted);
    return this.#select(depth, outer, wanted);
  }

  #types(wanted: readonly GeneratedType[] | undefined, from: readonly GeneratedType[] = GENERATED_TYPES) {
    return wanted ?? Array.from({ length: 1 + this.#random.int(3) }, () => this.#random.pick(from));
  }

  #values(wanted: readonly GeneratedType[] | undefined): Query {
    const types = this.#types(wanted);
    const rows = Array.from({ length: 1 + this.#random.int(3) }, () => {
      const values = types.map((type) => this.#literal(type));
      return `(${values.join(', ')})`;
    });
    return { sql: `values ${rows.join(', ')}`, columns: types.map((type, i) => ({ name: `column${i + 1}`, type })) };
  }

  #setOperation(depth: number, outer: Sight | undefined, wanted: readonly GeneratedType[] | undefined): Query {
    const types = this.#types(wanted, KEYS);
    if (types.some((type) => !KEYS.includes(type))) return this.#select(depth, outer, types);
    const sides = Array.from({ length: 2 + this.#random.int(2) }, () => this.#select(depth - 1, outer, types, true));
    let sql = `(${sides[0]!.sql})`;
    for (const side of sides.slice(1)) {
      const operation = this.#random.pick(['union', 'union all', 'intersect', 'except', 'except all', 'intersect all']);
      sql = `${sql} ${operation} (${side.sql})`;
    }
    const order = this.#random.chance(0.4) ? this.#orderOf(types.length) : '';
    return { sql: `${sql}${order}`, columns: sides[0]!.columns };
  }

  /** An order by all columns, and then perhaps a limit. */
  #orderOf(columns: number): string {
    const keys = Array.from(
      { length: columns },
      (_, i) => `${i + 1}${this.#random.pick(['', ' desc', ' nulls first', ' desc nulls last'])}`,
    );
    const limit = this.#random.pick(['', '', ' limit #', ' limit # offset 1', ' offset 2', ' fetch first # rows only']);
    return ` order by ${keys.join(', ')}${limit.replace('#', String(1 + this.#random.int(6)))}`;
  }

  /** @param keyed Its values may stand for others that are equal. */
  #select(depth: number, outer: Sight | undefined, wanted: readonly GeneratedType[] | undefined, keyed = false): Query {
    const { sql: from, sources } = this.#from(depth, outer);
    const sight: Sight = { sources, outer };
    const where = this.#random.chance(0.55) ? ` where ${this.#expression('bool', 2, sight)}` : '';
    const roll = this.#random.float();
    if (roll < 0.25) return this.#grouped(from, where, sight, wanted, keyed);
    const isWindowed = roll < 0.4;
    const isDistinct = !isWindowed && roll < 0.5;
    const isOn = !isWindowed && !isDistinct && roll < 0.54;
    const isOrdered = this.#random.chance(0.35);
    const mustKey = keyed || isDistinct || isOn || isOrdered;
    const types = this.#types(wanted, mustKey ? KEYS : GENERATED_TYPES);
    const columns = types.map((type, i): GeneratedColumn & { readonly sql: string } => {
      const windows = isWindowed ? WINDOWS[type] : undefined;
      const value =
        windows !== undefined && this.#random.chance(0.7)
          ? this.#filled(this.#random.pick(windows), 1, sight)
          : this.#expression(type, 2, sight);
      return { name: `y${i + 1}`, type, sql: mustKey ? keyOf(type, value) : value };
    });
    const list = columns.map(({ name, sql }) => `${sql} as ${name}`).join(', ');
    const keysOnly = types.every((type) => KEYS.includes(type));
    let sql = `select ${isDistinct && keysOnly ? 'distinct ' : ''}${list} from ${from}${where}`;
    // What is compared by its text holds no query: two of them are never the same.
    if (isOn && keysOnly && columns.every((each) => !each.sql.includes('select'))) {
      sql = `select distinct on (${columns[0]!.sql}) ${list} from ${from}${where} order by ${columns.map((each) => each.sql).join(', ')}`;
    } else if (isOrdered && keysOnly) sql += this.#orderOf(types.length);
    return { sql, columns };
  }

  #grouped(
    from: string,
    where: string,
    sight: Sight,
    wanted: readonly GeneratedType[] | undefined,
    keyed: boolean,
  ): Query {
    const types = this.#types(wanted, ['int', 'txt', 'num', 'bool', 'date']);
    const keys = Array.from({ length: this.#random.int(3) }, () => {
      const type = this.#random.pick(['int', 'txt', 'bool', 'date'] as const);
      return { type, sql: this.#expression(type, 1, sight) };
    });
    // A constant is no key: a number would be a position.
    const usable = keys.filter(({ sql }) => /[a-z]\d*\.[a-z]/.test(sql) && !sql.includes('select'));
    const columns = types.map((type, i): GeneratedColumn & { readonly sql: string } => {
      const key = usable.find((each) => each.type === type);
      const aggregates = AGGREGATES[type];
      const value =
        key !== undefined && this.#random.chance(0.4)
          ? key.sql
          : aggregates === undefined
            ? this.#literal(type)
            : this.#filled(this.#random.pick(aggregates), 1, sight);
      return { name: `g${i + 1}`, type, sql: keyed ? keyOf(type, value) : value };
    });
    const grouping =
      usable.length === 0
        ? ''
        : ` group by ${this.#random.pick(['', '', '', 'rollup ', 'cube ', 'grouping sets '])}(${usable.map(({ sql }) => sql).join(', ')})`;
    const isSets = /group by (rollup|cube|grouping)/.test(grouping);
    const list = columns.map(({ name, sql }) => `${sql} as ${name}`);
    if (isSets && wanted === undefined) {
      list.push(`grouping(${usable[0]!.sql}) as gg`);
      columns.push({ name: 'gg', type: 'int', sql: '' });
    }
    const having = this.#random.chance(0.2)
      ? ` having ${this.#random.pick(['count(*) > 1', 'count(*) < 4', 'true'])}`
      : '';
    return { sql: `select ${list.join(', ')} from ${from}${where}${grouping}${having}`, columns };
  }

  #from(depth: number, outer: Sight | undefined): { readonly sql: string; readonly sources: readonly Source[] } {
    const first = this.#item(depth, outer, []);
    let sql = first.sql;
    const sources = [first.source];
    const more = this.#random.pick([0, 0, 1, 1, 2]);
    for (let i = 0; i < more; i++) {
      const item = this.#item(depth, outer, sources);
      // One product of everything with everything is enough.
      const joins = ['join', 'left join', 'right join', 'full join', i === 0 ? 'cross join' : 'join'];
      const join = this.#random.pick(joins);
      if (item.lateral && join !== 'cross join') {
        sql += ` ${this.#random.pick(['join', 'left join'])} ${item.sql} on true`;
      } else if (join === 'cross join') {
        sql += ` cross join ${item.sql}`;
      } else {
        const condition = this.#joinCondition(join, sources, item.source);
        sql += ` ${join} ${item.sql} on ${condition}`;
      }
      sources.push(item.source);
    }
    return { sql, sources };
  }

  /** Full joins take conditions that can be hashed. */
  #joinCondition(join: string, left: readonly Source[], right: Source): string {
    const mine = left.flatMap(({ alias, columns }) =>
      columns.filter(({ type }) => type === 'int').map(({ name }) => `${alias}.${name}`),
    );
    const theirs = right.columns.filter(({ type }) => type === 'int').map(({ name }) => `${right.alias}.${name}`);
    if (mine.length === 0 || theirs.length === 0) return join === 'full join' ? 'true' : 'true';
    const equal = `${this.#random.pick(mine)} = ${this.#random.pick(theirs)}`;
    if (join === 'full join' || this.#random.chance(0.6)) return equal;
    const sight: Sight = { sources: [...left, right], outer: undefined };
    return `${equal} ${this.#random.pick(['and', 'or'])} ${this.#expression('bool', 1, sight, false)}`;
  }

  #item(
    depth: number,
    outer: Sight | undefined,
    left: readonly Source[],
  ): { readonly sql: string; readonly source: Source; readonly lateral: boolean } {
    const alias = `s${++this.#aliases}`;
    const roll = this.#random.float();
    if (this.#ctes.length > 0 && roll < 0.35) {
      const cte = this.#random.pick(this.#ctes);
      return { sql: `${cte.alias} ${alias}`, source: { alias, columns: cte.columns }, lateral: false };
    }
    if (depth > 0 && roll < 0.45) {
      const lateral = left.length > 0 && this.#random.chance(0.5);
      const inner = this.#query(depth - 1, lateral ? { sources: left, outer } : outer, undefined);
      const names = inner.columns.map((_, i) => `z${i + 1}`);
      const columns = inner.columns.map(({ type }, i) => ({ name: names[i]!, type }));
      return {
        sql: `${lateral ? 'lateral ' : ''}(${inner.sql}) ${alias} (${names.join(', ')})`,
        source: { alias, columns },
        lateral,
      };
    }
    if (roll < 0.55) {
      const ints = (): string => {
        const sight: Sight = { sources: left, outer };
        return left.length > 0 ? this.#expression('ints', 1, sight, false) : this.#literal('ints');
      };
      const [sql, columns] = this.#random.pick([
        () => [`generate_series(1, ${1 + this.#random.int(4)}) ${alias} (x)`, [{ name: 'x', type: 'int' }]] as const,
        () => [`unnest(${ints()}) ${alias} (x)`, [{ name: 'x', type: 'int' }]] as const,
        () =>
          [
            `unnest(${ints()}) with ordinality ${alias} (x, o)`,
            [
              { name: 'x', type: 'int' },
              { name: 'o', type: 'num' },
            ],
          ] as const,
        () =>
          [
            `jsonb_each_text('{"k": 1, "l": "m"}') ${alias} (k, v)`,
            [
              { name: 'k', type: 'txt' },
              { name: 'v', type: 'txt' },
            ],
          ] as const,
        () => [`regexp_split_to_table('a,b,,c', ',') ${alias} (x)`, [{ name: 'x', type: 'txt' }]] as const,
      ])();
      return { sql, source: { alias, columns }, lateral: left.length > 0 };
    }
    const table = this.#random.pick(['q1', 'q1', 'q2', 'q2', 'q3'] as const);
    return { sql: `${table} ${alias}`, source: { alias, columns: TABLE_COLUMNS }, lateral: false };
  }

  // --- Expressions

  #expression(type: GeneratedType, depth: number, sight: Sight, subqueries = true): string {
    if (depth <= 0 || this.#random.chance(0.25)) return this.#leaf(type, sight);
    const templates = subqueries ? TEMPLATES[type] : TEMPLATES[type].filter((each) => !QUERY.test(each));
    return this.#filled(this.#random.pick(templates), depth - 1, sight, type, subqueries);
  }

  #leaf(type: GeneratedType, sight: Sight): string {
    const own = columnsIn(sight, type);
    const around = sight.outer === undefined ? [] : columnsIn(sight.outer, type);
    const roll = this.#random.float();
    if (around.length > 0 && roll < 0.2) return this.#random.pick(around);
    if (own.length > 0 && roll < 0.85) return this.#random.pick(own);
    return this.#literal(type);
  }

  #filled(template: string, depth: number, sight: Sight, type?: GeneratedType, subqueries = true): string {
    const may = subqueries && this.#subqueries > 0;
    // One that takes no FROM of its own: as a scalar subquery.
    const text = QUERY.test(template) ? `(select ${template})` : template;
    let last = '';
    return text.replace(/\$(\w+)|!([a-z])\b|#(?! 5|>)/g, (token, inner?: string, what?: string) => {
      if (inner === 'same') return last;
      if (inner !== undefined) {
        // What has to be written twice the same holds no query.
        const plain = template.includes('$same');
        last = this.#expression(inner as GeneratedType, depth, sight, subqueries && !plain);
        return last;
      }
      switch (what) {
        case 'c':
          return may ? this.#scalar(type!, sight) : this.#leaf(type!, sight);
        case 'a':
          return may ? this.#array(sight) : this.#leaf('ints', sight);
        case 'e':
          return may
            ? `${this.#random.pick(['', 'not '])}exists (${this.#inner(sight, undefined)})`
            : this.#leaf('bool', sight);
        case 'i': {
          if (!may) return this.#leaf('bool', sight);
          const of = this.#random.pick(['int', 'txt', 'date'] as const);
          const value = this.#expression(of, 1, sight, false);
          return `(${value} ${this.#random.pick(['in', 'not in', '= any', '<> all'])} (${this.#inner(sight, [of])}))`;
        }
        case 'q':
          return may
            ? `(${this.#expression('int', 1, sight, false)} ${this.#random.pick(['>', '<=', '='])} ${this.#random.pick(['any', 'all'])} (${this.#inner(sight, ['int'])}))`
            : this.#leaf('bool', sight);
        case 'k':
          return this.#totalOrder(sight);
        case 'w':
        case 'p':
        case 'f':
          return this.#over(what, sight);
        default:
          return token === '#' ? String(1 + this.#random.int(4)) : token;
      }
    });
  }

  #inner(sight: Sight, types: readonly GeneratedType[] | undefined): string {
    this.#subqueries--;
    return this.#select(0, sight, types ?? ['int']).sql;
  }

  /** A query of at most one row, whose value does not depend on which. */
  #scalar(type: GeneratedType, sight: Sight): string {
    this.#subqueries--;
    const { sql: from, sources } = this.#from(0, sight);
    const inner: Sight = { sources, outer: sight };
    const aggregates = AGGREGATES[type];
    const where = this.#random.chance(0.7) ? ` where ${this.#expression('bool', 1, inner, false)}` : '';
    if (aggregates === undefined) {
      const value = this.#expression(type, 1, { sources: [], outer: sight }, false);
      return `(select ${value})`;
    }
    // Of columns of its own: an aggregate over others would belong to the query around.
    const own: Sight = { sources, outer: undefined };
    return `(select ${this.#filled(this.#random.pick(aggregates), 1, own, type, false)} from ${from}${where})`;
  }

  #array(sight: Sight): string {
    this.#subqueries--;
    const table = this.#random.pick(['q1', 'q2']);
    const alias = `s${++this.#aliases}`;
    const inner: Sight = { sources: [{ alias, columns: TABLE_COLUMNS }], outer: sight };
    return `array(select ${alias}.a from ${table} ${alias} where ${this.#expression('bool', 1, inner, false)} order by ${alias}.id)`;
  }

  /** Every column there is, so that rows that are alike are alike in all. */
  #totalOrder(sight: Sight): string {
    const all = sight.sources.flatMap(({ alias, columns }) =>
      columns.filter(({ type }) => type !== 'iv').map(({ name }) => `${alias}.${name}`),
    );
    const ids = all.filter((name) => /\.id$/.test(name));
    return (ids.length === sight.sources.length ? ids : all).join(', ');
  }

  #over(kind: 'w' | 'p' | 'f', sight: Sight): string {
    const partition = this.#random.chance(0.5) ? `partition by ${this.#expression('int', 1, sight, false)} ` : '';
    if (kind === 'p') {
      const type = this.#random.pick(['int', 'txt', 'date'] as const);
      return `over (${partition}order by ${keyOf(type, this.#nonConstant(type, sight))}${this.#random.pick(['', ' desc'])})`;
    }
    const frame =
      kind === 'w'
        ? ''
        : this.#random.pick([
            '',
            ' rows between 1 preceding and current row',
            ' rows between 1 preceding and 2 following',
            ' rows between unbounded preceding and unbounded following',
            ' rows between current row and unbounded following exclude current row',
            ' groups between 1 preceding and 1 following',
            ' range between unbounded preceding and current row exclude ties',
          ]);
    return `over (${partition}order by ${this.#totalOrder(sight)}${frame})`;
  }

  #nonConstant(type: GeneratedType, sight: Sight): string {
    const own = columnsIn(sight, type);
    return own.length > 0 ? this.#random.pick(own) : this.#literal(type);
  }

  #literal(type: GeneratedType): string {
    if (this.#random.chance(0.1)) return `null::${SQL_TYPES[type]}`;
    const value = this.#random.pick(VALUES[type]);
    return value.startsWith('-') ? `(${value})` : value;
  }

  // --- Statements that write

  #write(): string {
    const target: Sight = { sources: [{ alias: 'w', columns: WRITTEN }], outer: undefined };
    const returning = (sight: Sight): string =>
      this.#random.chance(0.6)
        ? ` returning ${this.#random.pick(['*', 'w.id', 'w.id, w.v'])}, ${this.#expression('txt', 1, sight, false)} as e`
        : '';
    const from = this.#random.pick(['q1', 'q2']);
    const both: Sight = { sources: [...target.sources, { alias: 'o', columns: TABLE_COLUMNS }], outer: undefined };
    const other: Sight = { sources: [{ alias: 'o', columns: TABLE_COLUMNS }], outer: undefined };
    switch (this.#random.int(9)) {
      case 0:
        return `insert into w (id, k, v) values (${20 + this.#random.int(10)}, ${this.#random.int(100)}, ${this.#literal('txt')})${returning(target)}`;
      case 1: {
        const action = this.#random.pick([
          'do nothing',
          `do update set v = excluded.v || '!', n = w.n + 1`,
          `do update set v = ${this.#expression('txt', 1, target, false)} where w.id > 3`,
          'do update set (v, n) = (excluded.v, excluded.n)',
          'do update set arr[1] = excluded.id',
        ]);
        const on = this.#random.pick(['(id)', '(id)', '(k)', 'on constraint w_pkey']);
        return `insert into w (id, k, v, n) select o.id, o.id * 10 + 1000, o.t, 5 from ${from} o where ${this.#expression('bool', 1, other, false)} on conflict ${on} ${action}${returning(target)}`;
      }
      case 2:
        return `update w set v = ${this.#expression('txt', 2, target)}, n = ${keyOf('num', this.#expression('num', 1, target, false))} where ${this.#expression('bool', 2, target)}${returning(target)}`;
      case 3:
        return `update w set v = o.t, arr = o.arr from ${from} o where o.id = w.id and ${this.#expression('bool', 1, both, false)}${returning(both)}`;
      case 4:
        return `delete from w where ${this.#expression('bool', 2, target)}${returning(target)}`;
      case 5:
        return `delete from w using ${from} o where o.id = w.id and ${this.#expression('bool', 1, both, false)}${returning(both)}`;
      case 6:
        return (
          `merge into w using ${from} o on w.id = o.id when matched and ${this.#expression('bool', 1, both, false)} then ` +
          `${this.#random.pick(['delete', 'do nothing', `update set v = ${this.#expression('txt', 1, both, false)}`])} ` +
          `when not matched then ${this.#random.pick(['do nothing', 'insert (id, v) values (o.id, o.t)'])}`
        );
      case 7: {
        const { sql } = this.#query(1, undefined, ['int', 'txt']);
        const changed = this.#random.pick([
          `update w set k = k + 1000 where ${this.#expression('bool', 1, target, false)} returning id, v`,
          `delete from w where ${this.#expression('bool', 1, target, false)} returning id, v`,
          "insert into w (id, v) values (50, 'cte'), (51, null) on conflict do nothing returning id, v",
        ]);
        return `with ch as (${changed}) select * from ch union all (${sql})`;
      }
      default:
        return `update w set (v, n) = (select o.t, 7 from ${from} o where o.id = w.id), arr[2] = ${this.#expression('int', 1, target, false)} where ${this.#expression('bool', 1, target, false)}${returning(target)}`;
    }
  }

  // --- Mistakes

  #mistaken(sql: string): string {
    switch (this.#random.int(8)) {
      case 0:
        return this.#replaced(sql, /\b[swo]\d*\.[a-z]+\d*/g, (found) => `${found}q`);
      case 1:
        return this.#replaced(sql, /\b[so]\d+\./g, () => 'nope.');
      case 2:
        return this.#replaced(
          sql,
          /\b(?:length|abs|lower|upper|coalesce|concat|round)\(/g,
          (found) => `${found}true, `,
        );
      case 3:
        return this.#replaced(sql, /\bq[123]\b/g, (found) => `${found}x`);
      case 4:
        return this.#replaced(sql, /\b\d+\b/g, () => "'x'");
      case 5:
        return this.#replaced(sql, /\b[a-z]+\(/g, (found) => `x${found}`);
      case 6: {
        const tokens = sql.split(' ');
        tokens.splice(this.#random.int(tokens.length), 1);
        return tokens.join(' ');
      }
      default: {
        const tokens = sql.split(' ');
        const place = this.#random.int(tokens.length);
        tokens.splice(place, 0, tokens[this.#random.int(tokens.length)]!);
        return tokens.join(' ');
      }
    }
  }

  #replaced(sql: string, pattern: RegExp, by: (found: string) => string): string {
    const found = [...sql.matchAll(pattern)];
    if (found.length === 0) return sql;
    const { 0: text, index } = this.#random.pick(found);
    return sql.slice(0, index) + by(text) + sql.slice(index + text.length);
  }
}

function columnsIn({ sources }: Sight, type: GeneratedType): readonly string[] {
  return sources.flatMap(({ alias, columns }) =>
    columns.filter((column) => column.type === type).map(({ name }) => `${alias}.${name}`),
  );
}

/** An expression whose equal values look alike. */
function keyOf(type: GeneratedType, sql: string): string {
  return type === 'num' ? `round(${sql}, 2)` : sql;
}
