/** Random statements that write `w`, `wf` that refers to it, and `wv` that shows a part of it, so that each of their rules is broken now and then. */

import type { SeededRandom } from '../../../src/platform/simulated/seeded-random.ts';
import { type Expressions, randomLiteral } from './expressions.ts';
import { type GeneratedType, keyOf } from './generated-types.ts';
import type { Selects } from './selects.ts';
import type { Sight } from './sight.ts';
import { REFERRING, TABLE_COLUMNS, WRITTEN } from './tables.ts';

const TARGET: Sight = { sources: [{ alias: 'w', columns: WRITTEN }], outer: undefined };
const OTHER: Sight = { sources: [{ alias: 'o', columns: TABLE_COLUMNS }], outer: undefined };
const BOTH: Sight = { sources: [...TARGET.sources, ...OTHER.sources], outer: undefined };
const CHILD: Sight = { sources: [{ alias: 'wf', columns: REFERRING }], outer: undefined };

export class Writes {
  readonly #random: SeededRandom;
  readonly #selects: Selects;
  readonly #expressions: Expressions;

  constructor(random: SeededRandom, selects: Selects) {
    this.#random = random;
    this.#selects = selects;
    this.#expressions = selects.expressions;
  }

  statement(): string {
    const made = this.#random.pick([
      () => this.#insert(),
      () => this.#insert(),
      () => this.#insertSelect(),
      () => this.#insertSelect(),
      () => this.#update(),
      () => this.#update(),
      () => this.#updateFrom(),
      () => this.#delete(),
      () => this.#merge(),
      () => this.#writingCte(),
      () => this.#child(),
      () => this.#child(),
      () => this.#view(),
      () => this.#call(),
    ]);
    return made();
  }

  /** A transaction with savepoints, of which a part may fail. */
  block(): readonly string[] {
    const level = this.#random.pick([
      '',
      ' isolation level repeatable read',
      ' read only',
      ' isolation level serializable',
    ]);
    const some = (): string[] => Array.from({ length: this.#random.int(3) }, () => this.statement());
    const inner = this.#random.pick([
      () => [],
      () => ['savepoint a', ...some(), 'rollback to a', ...some()],
      () => ['savepoint a', ...some(), 'release a'],
      () => ['savepoint a', 'savepoint b', ...some(), 'rollback to savepoint b', 'release savepoint a'],
    ])();
    return [
      `begin${level}`,
      ...some(),
      ...inner,
      this.#random.pick(['commit', 'commit', 'rollback', 'commit and chain', 'end']),
    ];
  }

  #bool(sight: Sight, depth = 1, subqueries = false): string {
    return this.#expressions.expression('bool', depth, sight, subqueries);
  }

  #value(type: GeneratedType, sight: Sight): string {
    return this.#expressions.expression(type, 1, sight, false);
  }

  #returning(sight: Sight): string {
    const { alias } = sight.sources[0]!;
    return this.#random.chance(0.6)
      ? ` returning ${this.#random.pick(['*', `${alias}.id`, `${alias}.*`])}, ${this.#value('txt', sight)} as e`
      : '';
  }

  #table(): string {
    return this.#random.pick(['q1', 'q2']);
  }

  #id(): number {
    return this.#random.pick([this.#random.int(10), 20 + this.#random.int(10)]);
  }

  #insert(): string {
    const row = (): string =>
      `(${this.#id()}, ${this.#random.pick([String(this.#random.int(100)), 'null', 'default'])}, ${this.#random.pick([randomLiteral(this.#random, 'txt'), 'default', `(select max(o.t) from ${this.#table()} o)`])})`;
    const rows = Array.from({ length: 1 + this.#random.int(2) }, row);
    return this.#random.pick([
      () => `insert into w (id, k, v) values ${rows.join(', ')}${this.#conflict()}${this.#returning(TARGET)}`,
      () =>
        `insert into w values (${this.#id()}, ${this.#id()}, ${randomLiteral(this.#random, 'txt')}, ${this.#random.pick(['5', '1000000', 'null', '12.345', '99999999'])})${this.#returning(TARGET)}`,
      () => `insert into w (id, arr[2], n) values (${this.#id()}, 5, 1.005)${this.#returning(TARGET)}`,
      () => 'insert into w default values returning *',
    ])();
  }

  #conflict(): string {
    if (this.#random.chance(0.5)) return '';
    const action = this.#random.pick([
      'do nothing',
      `do update set v = excluded.v || '!', n = w.n + 1`,
      `do update set v = ${this.#value('txt', TARGET)} where w.id > 3`,
      'do update set (v, n) = (excluded.v, excluded.n)',
      'do update set arr[1] = excluded.id',
      'do update set k = excluded.k + 10',
      'do update set v = (select max(o.t) from q1 o where o.id = excluded.id)',
      'do update set n = (select count(*) from w) where w.id in (select o.id from q1 o)',
      'do update set (v, n) = (select o.t, o.id from q2 o where o.id = w.id) where excluded.v is not null',
    ]);
    const on = this.#random.pick(['(id)', '(id)', '(k)', 'on constraint w_pkey', '(v)']);
    if (action === 'do nothing' && this.#random.chance(0.5)) return ` on conflict ${action}`;
    return ` on conflict ${on} ${action}`;
  }

  #insertSelect(): string {
    const [from, where] = [this.#table(), this.#bool(OTHER)];
    const by = this.#random.pick([10, 10, 0, 3]);
    return `insert into w (id, k, v, n) select o.id + ${by}, o.id * 10 + 1000, o.t, 5 from ${from} o where ${where}${this.#conflict()}${this.#returning(TARGET)}`;
  }

  #update(): string {
    const set = this.#random.pick([
      () => `v = ${this.#expressions.expression('txt', 2, TARGET)}, n = ${keyOf('num', this.#value('num', TARGET))}`,
      () => `k = ${this.#random.pick(['k + 1000', 'k - 500', '20'])}`,
      () => `id = ${this.#random.pick(['id + 100', 'id - 50', '3'])}`,
      () =>
        `(v, n) = (select o.t, 7 from ${this.#table()} o where o.id = w.id), arr[2] = ${this.#value('int', TARGET)}`,
      () => `n = n * ${this.#random.pick(['2', '1000000'])}, v = default`,
      () => `arr = ${this.#value('ints', TARGET)}, (k, v) = row(k, ${this.#value('txt', TARGET)})`,
    ])();
    return `update w set ${set} where ${this.#bool(TARGET, 2, true)}${this.#returning(TARGET)}`;
  }

  #updateFrom(): string {
    const where = `o.id = w.id and ${this.#bool(BOTH)}`;
    return this.#random.pick([
      () => `update w set v = o.t, arr = o.arr from ${this.#table()} o where ${where}${this.#returning(BOTH)}`,
      () =>
        `update w set v = x.m from (select max(t) as m, id from q1 group by id) x join q2 o on o.id = x.id where ${where} and x.id = w.id${this.#returning(BOTH)}`,
    ])();
  }

  #delete(): string {
    return this.#random.pick([
      () => `delete from w where ${this.#bool(TARGET, 2, true)}${this.#returning(TARGET)}`,
      () => `delete from w using ${this.#table()} o where o.id = w.id and ${this.#bool(BOTH)}${this.#returning(BOTH)}`,
    ])();
  }

  #merge(): string {
    const source = this.#random.pick([
      `${this.#table()} o`,
      `(select * from ${this.#table()} s where ${this.#bool({ sources: [{ alias: 's', columns: TABLE_COLUMNS }], outer: undefined })}) o`,
    ]);
    const matched = this.#random.pick([
      'delete',
      'do nothing',
      `update set v = ${this.#value('txt', BOTH)}`,
      'update set (k, n) = (o.id * 10, 3)',
    ]);
    const missing = this.#random.pick([
      'do nothing',
      'insert (id, v) values (o.id, o.t)',
      'insert values (o.id, default, o.t)',
      'insert default values',
    ]);
    const last = this.#random.pick([
      '',
      '',
      ' when matched then update set n = 1',
      ' when not matched then do nothing',
    ]);
    return (
      `merge into w using ${source} on w.id = o.id when matched and ${this.#bool(BOTH)} then ${matched} ` +
      `when not matched${this.#random.pick(['', ' and o.id > 7', ' and o.f'])} then ${missing}${last}`
    );
  }

  /** A part in WITH that writes one table, and what is asked of its rows. */
  #writingCte(): string {
    const changed = this.#random.pick([
      `update w set k = k + 1000 where ${this.#bool(TARGET)} returning id, v`,
      `delete from w where ${this.#bool(TARGET)} returning id, v`,
      "insert into w (id, v) values (50, 'cte'), (51, null) on conflict do nothing returning id, v",
      `delete from wf where ${this.#bool(CHILD)} returning id, t`,
    ]);
    const { sql } = this.#selects.query(1, undefined, ['int', 'txt']);
    return this.#random.pick([
      `with ch as (${changed}) select * from ch union all (${sql})`,
      `with ch as (${changed}) select count(*), max(ch.id) from ch`,
      `with ch (i, u) as (${changed}) select o.id, ch.u from ${this.#table()} o left join ch on ch.i = o.id`,
      `with ch (i, u) as (${changed}) select w.id, w.k, w.v, ch.u from w left join ch on ch.i = w.id`,
      `with ch as (${changed}) select (select max(id) from w where v is not null), (select count(*) from wf), count(*) from ch`,
    ]);
  }

  #child(): string {
    const key = (): string => this.#random.pick([String(1 + this.#random.int(12)), 'null']);
    return this.#random.pick([
      () =>
        `insert into wf (w, k, t) values (${key()}, ${this.#random.pick(['10', '20', '55', 'null'])}, ${randomLiteral(this.#random, 'txt')})${this.#returning(CHILD)}`,
      () => `insert into wf (id, w) values (${1 + this.#random.int(6)}, ${key()}) returning *`,
      () => `update wf set w = ${key()} where ${this.#bool(CHILD)}${this.#returning(CHILD)}`,
      () =>
        `update wf set t = ${this.#random.pick(['null', "repeat('x', 31)", 't || id', 'default'])} where ${this.#bool(CHILD)}${this.#returning(CHILD)}`,
      () => `delete from wf where ${this.#bool(CHILD)}${this.#returning(CHILD)}`,
      () => `select wf.*, w.v from wf left join w on w.id = wf.w where ${this.#bool(CHILD)}`,
      () => `insert into wf (u) values (${this.#random.pick(["'x'", 'default'])}) returning *`,
      () =>
        `delete from w where id = ${1 + this.#random.int(6)} returning id, (select max(o.t) from q1 o where o.id = w.id)`,
    ])();
  }

  #view(): string {
    return this.#random.pick([
      `insert into wv values (${this.#id()}, ${this.#id()}, 'view') returning *`,
      `update wv set id = id - ${this.#random.int(4)} where k < ${this.#random.int(100)} returning *`,
      `update wv set v = upper(v) where v like '%${this.#random.int(9)}' returning id, v`,
      `delete from wv where id = ${this.#id()} returning *`,
      'select count(*), min(id), max(v) from wv',
      `insert into wv (id, v) select o.id, o.t from q1 o on conflict do nothing returning *`,
      `insert into wv values (${this.#id()}, ${this.#id()}, 'new') on conflict (${this.#random.pick(['id', 'k', 'v'])}) do update set v = excluded.v || wv.v, id = ${this.#random.pick(['wv.id', '1', 'excluded.k'])} returning *`,
    ]);
  }

  /** Functions and procedures whose statements are run. */
  #call(): string {
    const [id, text] = [this.#id(), randomLiteral(this.#random, 'txt')];
    return this.#random.pick([
      () => `select put_w(${id}, ${text})`,
      () => `select put_w(${id}, ${text}), put_w(${this.#id()}, null)`,
      () => `select put_w(o.id, o.t) from ${this.#table()} o where ${this.#bool(OTHER)} order by o.id`,
      () => `select x.*, ${id} as i from put_w(${id}, ${text}) x`,
      () => `select * from cut_w(${id}) order by id`,
      () => `select (cut_w(${id})).id`,
      () => `select id, put_w(id, 'w' || k) from w where ${this.#bool(TARGET)} order by id limit 3`,
      () => `insert into wf (t) select put_w(${id}, 'x')${this.#returning(CHILD)}`,
      () => `call drop_w(${id}, null)`,
    ])();
  }
}
