/** Random queries: joins of all kinds, LATERAL, WITH and recursion, set operations, groupings, windows, orders and limits. */

import type { SeededRandom } from '../../../src/platform/simulated/seeded-random.ts';
import { Expressions, NAMED_WINDOW, type QuerySource, randomLiteral } from './expressions.ts';
import { GENERATED_TYPES, type GeneratedType, KEYS, keyOf } from './generated-types.ts';
import { type GeneratedColumn, type Query, type Sight, type Source, type Statement, totalOrder } from './sight.ts';
import { pickTable, TABLE_COLUMNS, VIEWS } from './tables.ts';
import { AGGREGATES, WINDOWS } from './templates.ts';

interface From {
  readonly sql: string;
  readonly sources: readonly Source[];
}

interface Item extends From {
  readonly lateral: boolean;
}

interface Target extends GeneratedColumn {
  readonly sql: string;
}

/** Types that most aggregates have something for. */
const GROUPED: readonly GeneratedType[] = [
  'int',
  'int',
  'txt',
  'txt',
  'num',
  'bool',
  'date',
  'big',
  'json',
  'ints',
  'mood',
];

export class Selects implements QuerySource {
  readonly expressions: Expressions;
  readonly #statement: Statement;
  readonly #random: SeededRandom;

  constructor(statement: Statement) {
    this.#statement = statement;
    this.#random = statement.random;
    this.expressions = new Expressions(statement, this);
  }

  /** A whole statement that only reads. */
  statement(): string {
    if (this.#random.chance(0.04)) return this.#locking();
    return this.#withCtes(() => this.query(2, undefined, undefined)).sql;
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
      const { sql, columns } = this.query(1, undefined, undefined);
      const names = columns.map((_, place) => `x${place + 1}`);
      const hint = this.#random.pick(['', '', 'materialized ', 'not materialized ']);
      parts.push(`${name} (${names.join(', ')}) as ${hint}(${sql})`);
      this.#statement.ctes.push({
        alias: name,
        columns: columns.map(({ type }, place) => ({ name: names[place]!, type })),
      });
    }
    const { sql, columns } = body();
    return { sql: `with ${recursive ? 'recursive ' : ''}${parts.join(', ')} ${sql}`, columns };
  }

  #recursive(name: string): string {
    const limit = 2 + this.#random.int(6);
    const columns: GeneratedColumn[] = [
      { name: 'n', type: 'int' },
      { name: 'p', type: 'txt' },
    ];
    const all = this.#random.pick(['all', '']);
    const step = 1 + this.#random.int(2);
    const first = `select id, t from q1 where id = ${1 + this.#random.int(3)}`;
    const body = this.#random.pick([
      `(select 1, 'x' union ${all} select n + 1, p || n from ${name} where n < ${limit})`,
      `(${first} union ${all} select q1.id, coalesce(${name}.p, '') || '.' from q1 join ${name} on q1.id = ${name}.n + ${step} where q1.id < 12)`,
      `(values (1, 'v') union ${all} (select n + ${step}, p from ${name} where n < ${limit} and exists (select from q2 where q2.id >= n)))`,
      `(${first} union all select (n + ${step}) % 4, p from ${name}) cycle n set cyc using path`,
      `(${first} union all select n + ${step}, p from ${name} where n < ${limit}) search ${this.#random.pick(['breadth', 'depth'])} first by n set ord`,
    ]);
    if (body.includes(' cycle ')) columns.push({ name: 'cyc', type: 'bool' });
    this.#statement.ctes.push({ alias: name, columns });
    return `${name} (n, p) as ${body}`;
  }

  /** Of tables alone, as nothing else takes locks. */
  #locking(): string {
    const tables = this.#tables(1 + this.#random.int(2));
    const sight: Sight = { sources: tables.sources, outer: undefined };
    const [first] = tables.sources;
    const strength = this.#random.pick(['update', 'share', 'no key update', 'key share']);
    const of = this.#random.pick(['', ` of ${first!.alias}`]);
    const wait = this.#random.pick(['', ' nowait', ' skip locked']);
    return (
      `select ${first!.alias}.id, ${this.expressions.expression('txt', 2, sight)} as e from ${tables.sql} ` +
      `where ${this.expressions.expression('bool', 2, sight)} for ${strength}${of}${wait}`
    );
  }

  #tables(count: number): From {
    const sources = Array.from({ length: count }, () => ({ alias: this.#statement.alias(), columns: TABLE_COLUMNS }));
    const parts = sources.map(({ alias }) => `${pickTable(this.#random)} ${alias}`);
    const [one, other] = sources.map(({ alias }) => alias);
    return { sql: count === 1 ? parts[0]! : `${parts.join(' join ')} on ${one}.a = ${other}.b`, sources };
  }

  /** @param wanted Types of its columns; undefined for any. */
  query(depth: number, outer: Sight | undefined, wanted: readonly GeneratedType[] | undefined): Query {
    const roll = this.#random.float();
    if (depth > 0 && roll < 0.14) return this.#setOperation(depth, outer, wanted);
    if (roll < 0.17) return this.#values(wanted);
    if (roll < 0.2) return this.#withTies(depth, outer, wanted);
    return this.select(depth, outer, wanted);
  }

  #types(wanted: readonly GeneratedType[] | undefined, from: readonly GeneratedType[] = GENERATED_TYPES) {
    return wanted ?? Array.from({ length: 1 + this.#random.int(3) }, () => this.#random.pick(from));
  }

  #values(wanted: readonly GeneratedType[] | undefined): Query {
    const types = this.#types(wanted);
    const rows = Array.from({ length: 1 + this.#random.int(3) }, () => {
      const values = types.map((type) => randomLiteral(this.#random, type));
      return `(${values.join(', ')})`;
    });
    return { sql: `values ${rows.join(', ')}`, columns: types.map((type, i) => ({ name: `column${i + 1}`, type })) };
  }

  #setOperation(depth: number, outer: Sight | undefined, wanted: readonly GeneratedType[] | undefined): Query {
    const types = this.#types(wanted, KEYS);
    if (types.some((type) => !KEYS.includes(type))) return this.select(depth, outer, types);
    const sides = Array.from({ length: 2 + this.#random.int(2) }, () => this.#keyed(depth - 1, outer, types));
    let sql = `(${sides[0]!.sql})`;
    for (const side of sides.slice(1)) {
      const operation = this.#random.pick(['union', 'union all', 'intersect', 'except', 'except all', 'intersect all']);
      const isNested = this.#random.chance(0.2);
      sql = isNested ? `(${side.sql}) ${operation} (${sql})` : `${sql} ${operation} (${side.sql})`;
    }
    const order = this.#random.chance(0.4) ? this.#orderOf(types.length) : '';
    return { sql: `${sql}${order}`, columns: sides[0]!.columns };
  }

  /** The first rows of an order of some columns, and those that are equal to the last: in no order themselves. */
  #withTies(depth: number, outer: Sight | undefined, wanted: readonly GeneratedType[] | undefined): Query {
    const types = this.#types(wanted, KEYS);
    const inner = this.#keyed(Math.max(0, depth - 1), outer, types);
    const alias = this.#statement.alias();
    const names = types.map((_, i) => `z${i + 1}`);
    const key = `1${this.#random.pick(['', ' desc', ' nulls first'])}`;
    const skip = this.#random.pick(['', '', ' offset 1']);
    // Rows that are skipped are told apart only where no two are alike in the key.
    const keys = skip === '' ? key : names.map((_, i) => String(i + 1)).join(', ');
    return {
      sql: `select * from (select * from (${inner.sql}) ${alias} (${names.join(', ')}) order by ${keys}${skip} fetch first ${1 + this.#random.int(4)} rows with ties) ${alias}t`,
      columns: types.map((type, i) => ({ name: names[i]!, type })),
    };
  }

  /** An order by all columns, and then perhaps a limit. */
  #orderOf(columns: number): string {
    const keys = Array.from(
      { length: columns },
      (_, i) => `${i + 1}${this.#random.pick(['', ' desc', ' nulls first', ' desc nulls last'])}`,
    );
    const limit = this.#random.pick([
      '',
      '',
      ' limit #',
      ' limit # offset 1',
      ' offset 2',
      ' fetch first # rows only',
      ' fetch first # rows with ties',
      ' limit all',
      ' limit 0',
    ]);
    return ` order by ${keys.join(', ')}${limit.replace('#', String(1 + this.#random.int(6)))}`;
  }

  select(depth: number, outer: Sight | undefined, wanted: readonly GeneratedType[] | undefined): Query {
    return this.#select(depth, outer, wanted, false);
  }

  /** One whose values may stand for others that are equal. */
  #keyed(depth: number, outer: Sight | undefined, types: readonly GeneratedType[]): Query {
    return this.#select(depth, outer, types, true);
  }

  #select(
    depth: number,
    outer: Sight | undefined,
    wanted: readonly GeneratedType[] | undefined,
    keyed: boolean,
  ): Query {
    const { sql: from, sources } = this.from(depth, outer);
    const sight: Sight = { sources, outer };
    const where = this.#random.chance(0.55) ? ` where ${this.expressions.expression('bool', 2, sight)}` : '';
    const roll = this.#random.float();
    if (roll < 0.25) return this.#grouped(from, where, sight, wanted, keyed);
    const isWindowed = roll < 0.4;
    const isDistinct = !isWindowed && roll < 0.5;
    const isOn = !isWindowed && !isDistinct && roll < 0.54;
    const isOrdered = this.#random.chance(0.35);
    const mustKey = keyed || isDistinct || isOn || isOrdered;
    const types = this.#types(wanted, mustKey ? KEYS : GENERATED_TYPES);
    const columns = types.map((type, i): Target => {
      const windows = isWindowed ? windowsOf(type, sight) : [];
      const value =
        windows.length > 0 && this.#random.chance(0.7)
          ? this.expressions.filled(this.#random.pick(windows), 1, sight)
          : this.expressions.expression(type, 2, sight);
      return { name: `y${i + 1}`, type, sql: mustKey ? keyOf(type, value) : value };
    });
    const list = columns.map(({ name, sql }) => `${sql} as ${name}`).join(', ');
    const keysOnly = types.every((type) => KEYS.includes(type));
    const window = columns.some(({ sql }) => /over \(?wn/.test(sql))
      ? ` window ${NAMED_WINDOW} as (partition by ${this.expressions.column('int', sight)} order by ${totalOrder(sight)})`
      : '';
    let sql = `select ${isDistinct && keysOnly ? 'distinct ' : ''}${list} from ${from}${where}${window}`;
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
    const types = this.#types(wanted, GROUPED);
    const keys = Array.from({ length: this.#random.int(4) }, () => {
      const type = this.#random.pick(['int', 'txt', 'bool', 'date', 'mood', 'big'] as const);
      return { type, sql: this.expressions.expression(type, 1, sight) };
    });
    // A constant is no key: a number would be a position.
    const usable = keys.filter(({ sql }) => /[a-z]\d*\.[a-z]/.test(sql) && !sql.includes('select'));
    const columns = types.map((type, i): Target => {
      const key = usable.find((each) => each.type === type);
      const aggregates = AGGREGATES[type];
      const value =
        key !== undefined && this.#random.chance(0.4)
          ? key.sql
          : aggregates === undefined
            ? randomLiteral(this.#random, type)
            : this.expressions.filled(this.#random.pick(aggregates), 1, sight);
      return { name: `g${i + 1}`, type, sql: keyed ? keyOf(type, value) : value };
    });
    const grouping = usable.length === 0 ? '' : ` group by ${this.#groupingOf(usable.map(({ sql }) => sql))}`;
    const isSets = /group by.* ?(rollup|cube|grouping)/.test(grouping);
    const list = columns.map(({ name, sql }) => `${sql} as ${name}`);
    if (isSets && wanted === undefined) {
      list.push(`grouping(${usable.map(({ sql }) => sql).join(', ')}) as gg`);
      columns.push({ name: 'gg', type: 'int', sql: '' });
    }
    const having = this.#random.chance(0.2)
      ? ` having ${this.#random.pick([() => 'count(*) > 1', () => 'count(*) < 4', () => 'true', () => this.expressions.filled('max($int) is not null or bool_and($bool)', 1, sight, undefined, false)])()}`
      : '';
    return { sql: `select ${list.join(', ')} from ${from}${where}${grouping}${having}`, columns };
  }

  #groupingOf(keys: readonly string[]): string {
    const [first, ...others] = keys;
    const all = keys.join(', ');
    if (others.length === 0) return this.#random.pick([all, all, `rollup (${all})`, `grouping sets ((${all}), ())`]);
    return this.#random.pick([
      all,
      all,
      `(${all})`,
      `rollup (${all})`,
      `cube (${all})`,
      `grouping sets (${all})`,
      `grouping sets ((${all}), (${first}), ())`,
      `grouping sets (rollup (${first}), cube (${others.join(', ')}))`,
      `${first}, rollup (${others.join(', ')})`,
      `distinct rollup (${first}, (${others.join(', ')})), cube (${first})`,
    ]);
  }

  from(depth: number, outer: Sight | undefined): From {
    const first = this.#item(depth, outer, []);
    let { sql } = first;
    const sources = [...first.sources];
    const more = this.#random.pick([0, 0, 1, 1, 2]);
    for (let i = 0; i < more; i++) {
      const item = this.#item(depth, outer, sources);
      // One product of everything with everything is enough.
      const joins = ['join', 'left join', 'right join', 'full join', i === 0 ? 'cross join' : 'join'];
      const join = this.#random.pick(joins);
      if (item.lateral && join !== 'cross join') {
        sql += ` ${this.#random.pick(['join', 'left join'])} ${item.sql} on true`;
      } else if (join === 'cross join') {
        sql += `${this.#random.pick([' cross join ', ', '])}${item.sql}`;
      } else sql += ` ${this.#joined(join, sources, item)}`;
      sources.push(...item.sources);
    }
    return { sql, sources };
  }

  #joined(join: string, left: readonly Source[], { sql, sources: right }: Item): string {
    const [last] = left.slice(-1);
    const [first] = right;
    const shared =
      left.length === 1 && right.length === 1
        ? last!.columns.filter(({ name, type }) =>
            first!.columns.some((each) => each.name === name && each.type === type),
          )
        : [];
    const usable = shared.filter(({ type }) => KEYS.includes(type) && type !== 'num');
    // Names that both have and that are of other types would be an error.
    const isAlike = last!.columns.every(({ name, type }) =>
      first!.columns.every((each) => each.name !== name || each.type === type),
    );
    if (usable.length > 0 && this.#random.chance(0.25)) {
      if (isAlike && shared.length === usable.length && this.#random.chance(0.5)) return `natural ${join} ${sql}`;
      const names = [...new Set([this.#random.pick(usable).name, this.#random.pick(usable).name])];
      return `${join} ${sql} using (${names.join(', ')})`;
    }
    return `${join} ${sql} on ${this.#joinCondition(join, left, right)}`;
  }

  /** Full joins take conditions that can be hashed. */
  #joinCondition(join: string, left: readonly Source[], right: readonly Source[]): string {
    const type = this.#random.pick(['int', 'int', 'int', 'txt', 'date'] as const);
    const named = (sources: readonly Source[]): readonly string[] =>
      sources.flatMap(({ alias, columns }) =>
        columns.filter((column) => column.type === type).map(({ name }) => `${alias}.${name}`),
      );
    const [mine, theirs] = [named(left), named(right)];
    if (mine.length === 0 || theirs.length === 0) return 'true';
    const equal = `${this.#random.pick(mine)} = ${this.#random.pick(theirs)}`;
    if (join === 'full join' || this.#random.chance(0.6)) return equal;
    const sight: Sight = { sources: [...left, ...right], outer: undefined };
    const subqueries = join === 'join' && this.#random.chance(0.2);
    return `${equal} ${this.#random.pick(['and', 'or'])} ${this.expressions.expression('bool', 1, sight, subqueries)}`;
  }

  #item(depth: number, outer: Sight | undefined, left: readonly Source[]): Item {
    const { ctes } = this.#statement;
    const roll = this.#random.float();
    if (ctes.length > 0 && roll < 0.35) {
      const alias = this.#statement.alias();
      const cte = this.#random.pick(ctes);
      return { sql: `${cte.alias} ${alias}`, sources: [{ alias, columns: cte.columns }], lateral: false };
    }
    if (depth > 0 && roll < 0.45) return this.#derived(depth, outer, left);
    if (roll < 0.55) return this.#function(outer, left);
    if (roll < 0.6) {
      const { sql, sources } = this.#tables(2);
      return { sql: `(${sql})`, sources, lateral: false };
    }
    const alias = this.#statement.alias();
    if (roll < 0.7) {
      const { name, columns } = this.#random.pick(VIEWS);
      return { sql: `${name} ${alias}`, sources: [{ alias, columns }], lateral: false };
    }
    return {
      sql: `${pickTable(this.#random)} ${alias}`,
      sources: [{ alias, columns: TABLE_COLUMNS }],
      lateral: false,
    };
  }

  #derived(depth: number, outer: Sight | undefined, left: readonly Source[]): Item {
    const alias = this.#statement.alias();
    const lateral = left.length > 0 && this.#random.chance(0.5);
    const inner = this.query(depth - 1, lateral ? { sources: left, outer } : outer, undefined);
    const names = inner.columns.map((_, i) => `z${i + 1}`);
    const columns = inner.columns.map(({ type }, i) => ({ name: names[i]!, type }));
    return {
      sql: `${lateral ? 'lateral ' : ''}(${inner.sql}) ${alias} (${names.join(', ')})`,
      sources: [{ alias, columns }],
      lateral,
    };
  }

  #function(outer: Sight | undefined, left: readonly Source[]): Item {
    const alias = this.#statement.alias();
    const array = (type: 'ints' | 'txts'): string => {
      const sight: Sight = { sources: left, outer };
      return left.length > 0 ? this.expressions.expression(type, 1, sight, false) : randomLiteral(this.#random, type);
    };
    const column = (name: string, type: GeneratedType): GeneratedColumn => ({ name, type });
    const [sql, columns] = this.#random.pick<() => readonly [string, readonly GeneratedColumn[]]>([
      () => [`generate_series(1, ${1 + this.#random.int(4)}) ${alias} (x)`, [column('x', 'int')]],
      () => [
        `generate_series(date '2024-01-01', date '2024-03-01', interval '1 month') ${alias} (x)`,
        [column('x', 'tz')],
      ],
      () => [`unnest(${array('ints')}) ${alias} (x)`, [column('x', 'int')]],
      () => [`unnest(${array('ints')}) with ordinality ${alias} (x, o)`, [column('x', 'int'), column('o', 'big')]],
      () => [`unnest(${array('ints')}, ${array('txts')}) ${alias} (x, u)`, [column('x', 'int'), column('u', 'txt')]],
      () => [
        `rows from (unnest(${array('txts')}), generate_series(1, 2)) with ordinality ${alias} (u, x, o)`,
        [column('u', 'txt'), column('x', 'int'), column('o', 'big')],
      ],
      () => [`jsonb_each_text('{"k": 1, "l": "m"}') ${alias} (k, v)`, [column('k', 'txt'), column('v', 'txt')]],
      () => [`jsonb_array_elements('[1, "b", null]') ${alias} (x)`, [column('x', 'json')]],
      () => [
        `jsonb_to_recordset('[{"i": 1, "u": "p"}, {"i": 2}]') ${alias} (i int, u text)`,
        [column('i', 'int'), column('u', 'txt')],
      ],
      () => [`regexp_split_to_table('a,b,,c', ',') ${alias} (x)`, [column('x', 'txt')]],
      () => [`string_to_table('a b c', ' ') ${alias} (x)`, [column('x', 'txt')]],
    ])();
    return { sql, sources: [{ alias, columns }], lateral: left.length > 0 };
  }
}

/** Rows that are alike in all columns have no place of their own, which two windows could differ in. */
function windowsOf(type: GeneratedType, { sources }: Sight): readonly string[] {
  const templates = WINDOWS[type] ?? [];
  const isTotal = sources.every(({ columns }) => columns.some(({ name }) => name === 'id'));
  return isTotal ? templates : templates.filter((each) => /![pg]/.test(each));
}
