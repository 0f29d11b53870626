/**
 * Random statements over a table of some thousand rows with indexes of all kinds, so that plans use them: ranges, keys in lists, orders in either direction,
 * least and greatest values, joins by key, and what an index alone can answer. What they write is rolled back.
 */

import type { SeededRandom } from '../../../src/platform/simulated/seeded-random.ts';

const ROWS = 2_000;

const ROWS_FROM =
  "select i, nullif(i % 97, 50), i * 7919 % 2000, 'k' || i % 300, date '2024-01-01' + i % 365, i % 113 / 4.0, i % 3 = 0, array[i % 7, i % 11] ";

export const SET_UP_LOOKUPS: readonly string[] = [
  'create table big (id int primary key, a int, b int, t text, d date, n numeric(8,2), f bool, arr int[])',
  `insert into big ${ROWS_FROM} from generate_series(1, ${ROWS}) i`,
  'create index on big (a, b desc)',
  'create index on big (t) where f',
  'create index on big (lower(t))',
  'create unique index on big (b) include (a)',
  'create index on big (d desc nulls last, id)',
  'create index on big (n) where n > 10',
  'create index on big ((a + b))',
  'create index on big (a) include (n) where a is not null',
  'create index on big (f, t, id desc)',
];

const COLUMNS = ['id', 'a', 'b', 't', 'd', 'n', 'f', 'arr'] as const;
/** Those that are ordered by, grouped and compared. */
const KEYS = ['id', 'a', 'b', 't', 'd', 'n', 'f'] as const;

export class Lookups {
  readonly #random: SeededRandom;

  constructor(random: SeededRandom) {
    this.#random = random;
  }

  /** One that only reads. */
  statement(): string {
    return this.#random.pick([
      () => this.#rows(),
      () => this.#rows(),
      () => this.#ordered(),
      () => this.#ordered(),
      () => this.#ordered(),
      () => this.#aggregated(),
      () => this.#aggregated(),
      () => this.#grouped(),
      () => this.#joined(),
      () => this.#joined(),
      () => this.#filtered(),
      () => this.#perRow(),
      () => this.#combined(),
      () => this.#windowed(),
    ])();
  }

  /** A transaction that writes and reads what it wrote, and is rolled back. */
  block(): readonly string[] {
    const steps: string[] = [];
    for (let i = 1 + this.#random.int(3); i > 0; i--) {
      steps.push(this.#write(), this.statement());
      if (this.#random.chance(0.3))
        steps.push(
          'savepoint s',
          this.#write(),
          this.statement(),
          this.#random.pick(['rollback to s', 'release s']),
          this.statement(),
        );
      if (this.#random.chance(0.2)) steps.push(...this.#cursor());
    }
    return ['begin', ...steps, 'rollback'];
  }

  #number(bound: number): string {
    return String(this.#random.int(bound));
  }

  #key(): string {
    return `'k${this.#random.int(310)}'`;
  }

  #day(): string {
    return `date '2024-01-01' + ${this.#random.int(370)}`;
  }

  /** @param x The alias. */
  #condition(x: string, count = 1 + this.#random.int(3)): string {
    let all = this.#test(x);
    for (let i = 1; i < count; i++) all += `${this.#random.pick([' and ', ' and ', ' and ', ' or '])}${this.#test(x)}`;
    return this.#random.chance(0.06) ? `not (${all})` : all;
  }

  #test(x: string): string {
    const compared = (): string => this.#random.pick(['=', '<', '<=', '>', '>=', '<>', 'is distinct from']);
    return this.#random.pick([
      () => `${x}.a = ${this.#number(97)}`,
      () => `${x}.a in (${this.#number(97)}, ${this.#number(97)}, ${this.#number(97)})`,
      () => `${x}.a between ${this.#number(97)} and ${this.#number(97)}`,
      () => `${x}.a ${compared()} ${this.#number(97)}`,
      () => `${x}.a is ${this.#random.pick(['', 'not '])}null`,
      () => `${x}.b = ${this.#number(ROWS)}`,
      () => `${x}.b ${compared()} ${this.#number(ROWS)}`,
      () => `${x}.b >= ${this.#number(1_000)} and ${x}.b < ${this.#number(ROWS)}`,
      () => `${x}.b = any (array[${this.#number(ROWS)}, ${this.#number(ROWS)}, null])`,
      () => `${x}.t = ${this.#key()}`,
      () => `${x}.t ${compared()} ${this.#key()}`,
      () => `${x}.t like 'k${this.#random.int(30)}%'`,
      () => `${x}.t in (${this.#key()}, ${this.#key()})`,
      () => `lower(${x}.t) = ${this.#key()}`,
      () => `${x}.a + ${x}.b ${compared()} ${this.#number(ROWS)}`,
      () => `${x}.a + ${x}.b between ${this.#number(1_000)} and ${this.#number(ROWS)}`,
      () => `${x}.d = ${this.#day()}`,
      () => `${x}.d between ${this.#day()} and ${this.#day()}`,
      () => `${x}.d >= ${this.#day()}`,
      () => `${x}.n > 10 and ${x}.n < ${this.#number(30)}`,
      () => `${x}.n = ${this.#number(28)}.25`,
      () => `${x}.n ${compared()} ${this.#number(28)}.5`,
      () => `${x}.f`,
      () => `not ${x}.f`,
      () => `${x}.f and ${x}.t = ${this.#key()}`,
      () => `${x}.id = ${this.#number(ROWS)}`,
      () => `${x}.id between ${this.#number(ROWS)} and ${this.#number(ROWS)}`,
      () => `${x}.id in (${this.#number(ROWS)}, ${this.#number(ROWS)}, ${this.#number(ROWS)})`,
      () => `${x}.id = any ('{${this.#number(ROWS)},${this.#number(ROWS)}}')`,
      () =>
        `(${x}.a, ${x}.b) ${this.#random.pick(['=', '<', '>', '>=', '<='])} (${this.#number(97)}, ${this.#number(ROWS)})`,
      () => `(${x}.d, ${x}.id) ${this.#random.pick(['<', '>'])} (${this.#day()}, ${this.#number(ROWS)})`,
      () => `${x}.id in (select o.a * 10 from q1 o where o.a is not null)`,
      () => `${x}.b = (select max(o.b) from big o where o.a = ${this.#number(97)})`,
      () => `${x}.arr @> array[${this.#number(7)}]`,
      () => `${x}.a % 10 = ${this.#number(10)}`,
      () => `coalesce(${x}.a, 0) = ${this.#number(97)}`,
      () => `${x}.a = ${x}.b`,
      () => `${x}.id = -${this.#number(9)}`,
    ])();
  }

  #columns(x: string): string {
    return Array.from({ length: 1 + this.#random.int(3) }, () => `${x}.${this.#random.pick(COLUMNS)}`).join(', ');
  }

  #rows(): string {
    return `select ${this.#columns('x')} from big x where ${this.#condition('x', 2 + this.#random.int(2))}`;
  }

  #direction(): string {
    return this.#random.pick(['', '', ' desc', ' desc', ' nulls first', ' desc nulls last']);
  }

  /** With the key at the end, so that no two rows are alike. */
  #order(x: string): string {
    const keys = Array.from({ length: this.#random.int(3) }, () => this.#random.pick(KEYS));
    return `order by ${[...new Set(keys), 'id'].map((key) => `${x}.${key}${this.#direction()}`).join(', ')}`;
  }

  #limit(): string {
    return this.#random.pick([
      ` limit ${1 + this.#random.int(9)}`,
      ` limit ${1 + this.#random.int(9)} offset ${this.#random.int(30)}`,
      ' limit 40',
    ]);
  }

  #ordered(): string {
    const where = this.#random.chance(0.75) ? ` where ${this.#condition('x')}` : '';
    const lock = this.#random.chance(0.05) ? this.#random.pick([' for update', ' for share skip locked']) : '';
    const distinct = this.#random.chance(0.1) ? 'distinct on (x.a) ' : '';
    const order =
      distinct === '' ? this.#order('x') : `order by x.a${this.#direction()}, x.b${this.#direction()}, x.id`;
    return `select ${distinct}${this.#columns('x')}, x.id from big x${where} ${order}${this.#limit()}${distinct === '' ? lock : ''}`;
  }

  #aggregates(x: string): string {
    const one = (): string => {
      const column = this.#random.pick(KEYS);
      return this.#random.pick([
        () => 'count(*)',
        () => `count(${x}.${column})`,
        () => `count(distinct ${x}.${column})`,
        () => `min(${x}.${column === 'f' ? 'b' : column})`,
        () => `max(${x}.${column === 'f' ? 'a' : column})`,
        () => `sum(${x}.b)`,
        () => `avg(${x}.n)`,
        () => `sum(${x}.a) filter (where ${x}.f)`,
        () => `bool_or(${x}.f)`,
      ])();
    };
    return Array.from({ length: 1 + this.#random.int(3) }, one).join(', ');
  }

  #aggregated(): string {
    const where = this.#random.chance(0.8) ? ` where ${this.#condition('x')}` : '';
    return `select ${this.#aggregates('x')} from big x${where}`;
  }

  #grouped(): string {
    const key = this.#random.pick(['a', 't', 'd', 'n', 'f', 'a % 5', 'lower(t)']);
    const having = this.#random.pick(['', '', ' having count(*) > 1', ' having min(x.id) < 100']);
    const order = this.#random.pick(['', ' order by 1 limit 7', ' order by 1 desc limit 5 offset 2']);
    if (this.#random.chance(0.3)) return `select distinct ${key} from big x where ${this.#condition('x')}${order}`;
    return `select ${key}, ${this.#aggregates('x')} from big x where ${this.#condition('x')} group by ${key}${having}${order}`;
  }

  #joined(): string {
    const join = this.#random.pick(['join', 'join', 'left join', 'right join', 'full join']);
    const on = this.#random.pick([
      'y.b = x.a',
      'y.id = x.b',
      'y.a = x.id',
      'y.t = x.t and y.f',
      'y.a = x.a and y.b = x.b + 1',
      'y.d = x.d and y.id = x.id + 365',
      'y.b = x.b',
      'lower(y.t) = x.t',
      'y.n = x.n and y.n > 10',
    ]);
    const what = this.#random.pick([
      'count(*), sum(x.id), max(y.t)',
      'count(y.id), min(x.b + y.b)',
      'count(distinct x.a), sum(y.n)',
    ]);
    const from = `big x ${join} big y on ${on}`;
    const both = this.#random.pick([
      () => this.#condition('x', 2),
      () => `${this.#condition('x', 1)} and ${this.#condition('y', 1)}`,
      () => 'x.id < 100',
    ])();
    if (this.#random.chance(0.5)) return `select ${what} from ${from} where ${both}`;
    return `select x.id, y.id as other, ${this.#columns('y')} from ${from} where ${both} order by x.id${this.#direction()}, y.id${this.#direction()} limit ${1 + this.#random.int(9)}`;
  }

  /** By rows of another one that are there, or not. */
  #filtered(): string {
    const not = this.#random.pick(['', '', 'not ']);
    const test = this.#random.pick([
      () => `${not}exists (select from big y where y.b = x.a + ${this.#number(9)} and ${this.#condition('y', 1)})`,
      () => `x.a ${not}in (select y.b from big y where ${this.#condition('y', 1)})`,
      () => `(x.a, x.b) ${not}in (select y.a, y.b from big y where ${this.#condition('y', 2)})`,
      () => `x.b > all (select y.a from big y where y.a is not null and ${this.#condition('y', 1)})`,
      () => `x.b = any (select y.id from big y where ${this.#condition('y', 1)})`,
    ])();
    return `select count(*), min(x.id), max(x.t) from big x where ${this.#condition('x', 1)} and ${test}`;
  }

  #perRow(): string {
    return this.#random.pick([
      () =>
        `select x.id, l.* from q1 x cross join lateral (select y.id, y.b from big y where y.a = x.a order by y.b desc, y.id limit ${1 + this.#random.int(3)}) l`,
      () =>
        `select x.id, (select max(y.b) from big y where y.a = x.a) as m from big x where ${this.#condition('x', 1)} order by x.id limit 9`,
      () =>
        `select x.id, (select count(*) from big y where y.t = x.t and y.f) from big x where x.id between ${this.#number(ROWS)} and ${this.#number(ROWS)} order by 1 limit 20`,
      () =>
        `select v.k, x.id from (values (${this.#number(97)}), (${this.#number(97)}), (null)) v (k) left join big x on x.a = v.k and ${this.#condition('x', 1)}`,
      () =>
        `select g, x.t from generate_series(${this.#number(100)}, ${this.#number(ROWS)}, 97) g left join big x on x.b = g`,
    ])();
  }

  #combined(): string {
    const operation = this.#random.pick(['union', 'union all', 'intersect', 'except']);
    const column = this.#random.pick(['a', 't', 'd', 'id']);
    return `select ${column} from big x where ${this.#condition('x')} ${operation} select ${column} from big y where ${this.#condition('y')} order by 1${this.#direction()} limit 30`;
  }

  #windowed(): string {
    const over = this.#random.pick([
      'order by x.id',
      'partition by x.a order by x.b desc, x.id',
      'partition by x.f order by x.t, x.id desc',
      'order by x.d desc nulls last, x.id',
    ]);
    const what = this.#random.pick(['row_number()', 'lag(x.b)', 'sum(x.b)', 'first_value(x.t)', 'rank()', 'count(*)']);
    const inner = `select x.id, ${what} over (${over}) as w from big x where ${this.#condition('x')}`;
    return this.#random.pick([
      `${inner} order by x.id limit 12`,
      `select * from (${inner}) s where s.w is not null order by 1 desc limit 5`,
    ]);
  }

  #write(): string {
    const returning = this.#random.pick(['', '', ' returning id', ' returning a, b, t']);
    return this.#random.pick([
      () =>
        `update big x set a = ${this.#random.pick(['a + 1', 'null', this.#number(97)])} where ${this.#condition('x', 2)}`,
      () => `update big x set b = b + ${this.#random.pick([String(ROWS), '1'])} where ${this.#condition('x', 2)}`,
      () => `update big x set t = upper(t), f = not f where ${this.#condition('x', 2)}`,
      () => `update big x set d = d + ${this.#number(9)}, n = n * 2 where ${this.#condition('x', 2)}`,
      () => `update big x set id = id + ${this.#random.pick([String(ROWS), '1'])} where ${this.#condition('x', 2)}`,
      () => `update big x set n = y.n + 1 from big y where y.b = x.a and (${this.#condition('y', 2)})`,
      () => `delete from big x where ${this.#condition('x', 2)}`,
      () => `delete from big x using q1 o where o.a = x.a and ${this.#condition('x', 1)}`,
      () =>
        `insert into big values (${this.#number(2 * ROWS)}, ${this.#number(97)}, ${this.#number(2 * ROWS)}, ${this.#key()}, ${this.#day()}, 12.5, true, '{1}')${returning}`,
      () =>
        `insert into big select id + ${ROWS}, a, b + ${ROWS}, t, d, n, f, arr from big x where ${this.#condition('x', 2)}`,
      () =>
        `insert into big (id, b) values (${this.#number(ROWS)}, ${this.#number(ROWS)}), (${this.#number(ROWS)}, -1) on conflict ${this.#random.pick(['do nothing', '(id) do update set a = 5, t = excluded.t', '(b) do update set n = 1'])}${returning}`,
      () =>
        `merge into big x using (select * from big y where ${this.#condition('y', 2)}) s on x.id = s.b when matched and s.f then delete when matched then update set a = s.a, t = s.t when not matched then do nothing`,
    ])();
  }

  #cursor(): readonly string[] {
    const moves = ['fetch 3 from c', 'fetch next from c', 'move 5 in c', 'fetch forward 2 from c'];
    const scrolling = [
      'fetch prior from c',
      'fetch 0 from c',
      'fetch backward 4 from c',
      'fetch last from c',
      'fetch absolute 7 from c',
      'fetch relative -2 from c',
      'fetch first from c',
      'move backward all in c',
    ];
    const scrolls = this.#random.chance(0.5);
    const where = `where ${this.#condition('x')} ${this.#order('x')}`;
    return [
      `declare c ${scrolls ? 'scroll ' : ''}cursor for select ${this.#columns('x')}, x.id from big x ${where}`,
      ...Array.from({ length: 2 + this.#random.int(4) }, () =>
        this.#random.pick(scrolls ? [...moves, ...scrolling] : moves),
      ),
      this.#random.pick(['close c', 'close all']),
    ];
  }
}
