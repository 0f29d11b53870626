/**
 * Random statements from the rows of `sql-rows.ts`, the same for the same seed. Valid, but for the rows that are meant to be wrong, and of
 * the right types, unless they are to be `mixed`: then one expression in some sixty is of another type than its place wants.
 *
 * Keys of groups are never numeric: numbers that are equal and of different scales are one group, and which of them
 * stands for it is up to the plan.
 */

import { SeededRandom } from '../../src/platform/simulated/seeded-random.ts';
import {
  AGGREGATES,
  EXPRESSIONS,
  type ExpressionRow,
  STATEMENTS,
  type StatementRow,
  TYPES,
  type TypeRow,
} from './sql-rows.ts';

/** Which rows may be used. */
export interface Vocabulary {
  readonly types: readonly TypeRow[];
  readonly expressions: readonly ExpressionRow[];
  readonly aggregates: readonly ExpressionRow[];
  readonly statements: readonly StatementRow[];
}

const TABLES = ['t1', 't2'] as const;
const ROWS = 12;
const DEPTH = 3;

export class SqlGenerator {
  readonly #random: SeededRandom;
  readonly #vocabulary: Vocabulary;
  readonly #statements: readonly StatementRow[];
  readonly #templates = new Map<string, readonly string[]>();
  readonly #types = new Map<string, TypeRow>();
  readonly #mixed: boolean;
  #inTransaction = false;

  constructor(seed: number | string, vocabulary: Vocabulary, mixed = false) {
    this.#mixed = mixed;
    this.#random = new SeededRandom(`${seed} sql`);
    this.#vocabulary = vocabulary;
    this.#statements = vocabulary.statements.flatMap((row) => new Array<StatementRow>(row.weight ?? 1).fill(row));
    for (const row of vocabulary.types) this.#types.set(row.type, row);
    for (const { type } of vocabulary.types) {
      const templates = vocabulary.expressions.filter((row) => row.type === type).flatMap((row) => row.templates);
      this.#templates.set(
        type,
        templates.filter((template) => this.#knows(template)),
      );
    }
  }

  /** Tables of a column for each type, and their first rows: `t1` and `t2`, made anew. */
  setUp(): readonly string[] {
    this.#inTransaction = false;
    const columns = this.#vocabulary.types.map(({ type, sql }) => `c_${type} ${sql}`);
    return TABLES.flatMap((table) => [
      `drop table if exists ${table}`,
      `create table ${table} (id int primary key, ${columns.join(', ')})`,
      ...Array.from({ length: ROWS }, (_, i) => `insert into ${table} values (${i}, ${this.#row()})`),
    ]);
  }

  next(): string {
    const { template } = this.#random.pick(this.#statements);
    // Transactions stay short, and are always ended.
    if (this.#inTransaction && this.#random.chance(0.2)) {
      this.#inTransaction = false;
      return this.#random.pick(['commit', 'rollback']);
    }
    if (template === 'begin') this.#inTransaction = true;
    if (template === 'commit' || template === 'rollback') this.#inTransaction = false;
    return this.fill(template);
  }

  fill(template: string): string {
    const table = this.#random.pick(TABLES);
    const other = table === 't1' ? 't2' : 't1';
    // Where tables have aliases, a bare column would be of both.
    const scope = !template.includes('%t') ? undefined : /%[tu] [ab]\b/.test(template) ? 'a.' : '';
    return template.replace(/%(any|row|id|t|u|c|k|a|n)\b|\$(\w+)|@(\w+)|#/g, (token, what, type, literal) => {
      if (type !== undefined) return this.expression(type, DEPTH - 1, scope);
      if (literal !== undefined) return this.literal(literal);
      switch (what) {
        case 't':
          return table;
        case 'u':
          return other;
        case 'c':
          return `c_${this.#random.pick(this.#vocabulary.types).type}`;
        case 'k':
          return this.#random.chance(0.5)
            ? this.#random.pick(['c_bool', 'c_int2', 'c_text', 'c_int4'])
            : this.expression(this.#random.pick(['bool', 'int4', 'text']), 1, scope);
        case 'a':
          return this.#aggregate(scope);
        case 'any':
          return this.expression(this.#random.pick(this.#vocabulary.types).type, DEPTH, scope);
        case 'row':
          return `${this.#id()}, ${this.#row()}`;
        case 'id':
          return String(this.#id());
        case 'n':
          return String(this.#random.int(7));
        default:
          return token === '#' ? String(this.#random.int(6)) : token;
      }
    });
  }

  /** @param scope What stands before a column's name; undefined where there are no columns. */
  expression(type: string, depth: number, scope: string | undefined): string {
    if (this.#mixed && this.#random.chance(1 / 60)) {
      return this.literal(this.#random.pick(this.#vocabulary.types).type);
    }
    const templates = this.#templates.get(type) ?? [];
    if (depth <= 0 || templates.length === 0 || this.#random.chance(0.25)) {
      return scope !== undefined && this.#random.chance(0.6) ? `${scope}c_${type}` : this.literal(type);
    }
    return this.#random.pick(templates).replace(/\$(\w+)|@(\w+)|#/g, (_, inner, literal) => {
      if (inner !== undefined) return this.expression(inner, depth - 1, scope);
      return literal === undefined ? String(this.#random.int(6)) : this.literal(literal);
    });
  }

  literal(type: string): string {
    const row = this.#types.get(type) ?? this.#vocabulary.types[0]!;
    if (this.#random.chance(0.08)) return `null::${row.sql}`;
    const value = this.#random.pick(row.values);
    if (row.bare) return value.startsWith('-') ? `(${value})` : value;
    return `'${value.replaceAll("'", "''")}'::${row.sql}`;
  }

  #aggregate(scope: string | undefined): string {
    const templates = this.#vocabulary.aggregates.flatMap((row) => row.templates).filter((one) => this.#knows(one));
    return this.#random.pick(templates).replace(/\$(\w+)/g, (_, type) => this.expression(type, 1, scope));
  }

  #row(): string {
    return this.#vocabulary.types.map(({ type }) => this.literal(type)).join(', ');
  }

  #id(): number {
    return this.#random.int(20);
  }

  #knows(template: string): boolean {
    return [...template.matchAll(/[$@](\w+)/g)].every(([, type]) => this.#types.has(type!));
  }
}

export interface Trial {
  /** To find the row by, in a list of what is not there. */
  readonly name: string;
  readonly statement: string;
  readonly pending: boolean;
}

/** One statement for each template of each row, to see whether it is there at all; literals are first values. */
export function trials(types: readonly TypeRow[]): readonly (Trial & { readonly allow: (into: Mutable) => void })[] {
  const known = new Map(types.map((row) => [row.type, row]));
  const value = (type: string): string => {
    const row = known.get(type)!;
    const first = row.values[1] ?? row.values[0]!;
    return row.bare ? `(${first})` : `'${first.replaceAll("'", "''")}'::${row.sql}`;
  };
  const literal = (template: string): string | undefined => {
    const wanted = [...template.matchAll(/[$@](\w+)/g)].map(([, type]) => type!);
    if (!wanted.every((type) => known.has(type))) return undefined;
    return template.replace(/[$@](\w+)/g, (_, type) => value(type)).replaceAll('#', '1');
  };
  const all: (Trial & { readonly allow: (into: Mutable) => void })[] = [];
  const expressions = (rows: readonly ExpressionRow[], kind: 'expressions' | 'aggregates') => {
    for (const { type, templates, pending = false } of rows) {
      if (!known.has(type)) continue;
      for (const template of templates) {
        const filled = literal(template);
        if (filled === undefined) continue;
        const from = kind === 'aggregates' ? ' from (values (1)) v (id)' : '';
        const statement = /\bid\b/.test(template)
          ? `select ${filled} from trial`
          : `select ${filled}${from && ' from trial'}`;
        all.push({
          name: template,
          statement,
          pending,
          allow: (into) => into[kind].push({ type, templates: [template] }),
        });
      }
    }
  };
  expressions(EXPRESSIONS, 'expressions');
  expressions(AGGREGATES, 'aggregates');
  const names: Readonly<Record<string, string>> = {
    t: 'trial',
    u: 'trial',
    c: 'c_int4',
    k: 'c_bool',
    a: 'count(*)',
    any: '1',
  };
  for (const row of STATEMENTS) {
    const { template, pending = false } = row;
    const statement = literal(template)?.replace(/%(any|row|id|t|u|c|k|a|n)\b/g, (_, what) => names[what] ?? '1');
    if (statement === undefined) continue;
    all.push({ name: template, statement, pending, allow: (into) => into.statements.push(row) });
  }
  return all;
}

export interface Mutable {
  types: TypeRow[];
  expressions: ExpressionRow[];
  aggregates: ExpressionRow[];
  statements: StatementRow[];
}

export { TYPES };
