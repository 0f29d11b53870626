/**
 * Random expressions of a type over what is in sight. Subqueries are put in as long as the statement takes more; what they are made of comes from
 * `queries`.
 */

import type { SeededRandom } from '../../../src/platform/simulated/seeded-random.ts';
import { type GeneratedType, keyOf, SQL_TYPES, VALUES } from './generated-types.ts';
import { columnsIn, type Query, type Sight, type Source, type Statement, totalOrder } from './sight.ts';
import { pickTable, TABLE_COLUMNS } from './tables.ts';
import { AGGREGATES, QUERY, TEMPLATES } from './templates.ts';

/** Makes queries that stand inside of expressions. */
export interface QuerySource {
  select(depth: number, outer: Sight | undefined, wanted: readonly GeneratedType[]): Query;
  from(depth: number, outer: Sight | undefined): { readonly sql: string; readonly sources: readonly Source[] };
}

const FRAMES: readonly string[] = [
  '',
  ' rows between 1 preceding and current row',
  ' rows between 1 preceding and 2 following',
  ' rows 2 preceding',
  ' rows between 1 following and 3 following',
  ' rows between 3 preceding and 1 preceding exclude no others',
  ' rows between unbounded preceding and unbounded following',
  ' rows between unbounded preceding and unbounded following exclude group',
  ' rows between current row and unbounded following exclude current row',
  ' groups between 1 preceding and 1 following',
  ' groups between current row and 2 following exclude ties',
  ' range between unbounded preceding and current row exclude ties',
];

/** Over one key, by how far its values are apart. */
const DISTANCES: readonly { readonly type: GeneratedType; readonly frames: readonly string[] }[] = [
  {
    type: 'int',
    frames: [
      ' range between 2 preceding and 1 following',
      ' range between current row and 5 following',
      ' range 3 preceding',
      ' range between 1 following and 9 following',
      ' range between unbounded preceding and 1 preceding',
      ' groups between 2 preceding and 1 preceding',
    ],
  },
  {
    type: 'date',
    frames: [
      " range between '1 month' preceding and '10 days' following",
      " range between interval '4 years' preceding and current row exclude current row",
    ],
  },
  {
    type: 'num',
    frames: [' range between 1.5 preceding and 10 following', ' range between 0.5 following and unbounded following'],
  },
];

/** The window of `!n`, which the query has to define. */
export const NAMED_WINDOW = 'wn';

export class Expressions {
  readonly #statement: Statement;
  readonly #queries: QuerySource;
  readonly #random: SeededRandom;

  constructor(statement: Statement, queries: QuerySource) {
    this.#statement = statement;
    this.#queries = queries;
    this.#random = statement.random;
  }

  /** @param subqueries Whether there may be some in it. */
  expression(type: GeneratedType, depth: number, sight: Sight, subqueries = true): string {
    if (depth <= 0 || this.#random.chance(0.25)) return this.#leaf(type, sight);
    const templates = subqueries ? TEMPLATES[type] : TEMPLATES[type].filter((each) => !QUERY.test(each));
    return this.filled(this.#random.pick(templates), depth - 1, sight, type, subqueries);
  }

  /** A column of the type, if one is in sight. */
  column(type: GeneratedType, sight: Sight): string {
    const own = columnsIn(sight, type);
    return own.length > 0 ? this.#random.pick(own) : randomLiteral(this.#random, type);
  }

  #leaf(type: GeneratedType, sight: Sight): string {
    const own = columnsIn(sight, type);
    const around = sight.outer === undefined ? [] : columnsIn(sight.outer, type);
    const roll = this.#random.float();
    if (around.length > 0 && roll < 0.2) return this.#random.pick(around);
    if (own.length > 0 && roll < 0.85) return this.#random.pick(own);
    return randomLiteral(this.#random, type);
  }

  /** @param type Of the whole. */
  filled(template: string, depth: number, sight: Sight, type?: GeneratedType, subqueries = true): string {
    const may = subqueries && this.#statement.subqueries > 0;
    // One that takes no FROM of its own: as a scalar subquery.
    const text = QUERY.test(template) ? `(select ${template})` : template;
    let last = '';
    return text.replace(/\$(\w+)|!([a-z])\b|#(?! 5|>|-)/g, (token, inner?: string, what?: string) => {
      if (inner === 'same') return last;
      if (inner !== undefined) {
        // What has to be written twice the same holds no query.
        const plain = template.includes('$same');
        last = this.expression(inner as GeneratedType, depth, sight, subqueries && !plain);
        return last;
      }
      if (what !== undefined) return this.#special(what, sight, type, may) ?? token;
      return String(1 + this.#random.int(4));
    });
  }

  /** What stands for `!x` in a template; undefined for what is none. */
  #special(what: string, sight: Sight, type: GeneratedType | undefined, may: boolean): string | undefined {
    switch (what) {
      case 'c':
        return may ? this.#scalar(type!, sight) : this.#leaf(type!, sight);
      case 'a':
        return may ? this.#array(sight) : this.#leaf('ints', sight);
      case 'e':
        return may
          ? `${this.#random.pick(['', 'not '])}exists (${this.#inner(sight, ['int'])})`
          : this.#leaf('bool', sight);
      case 'i': {
        if (!may) return this.#leaf('bool', sight);
        const of = this.#random.pick(['int', 'txt', 'date', 'big', 'mood'] as const);
        const value = this.expression(of, 1, sight, false);
        return `(${value} ${this.#random.pick(['in', 'not in', '= any', '<> all'])} (${this.#inner(sight, [of])}))`;
      }
      case 's': {
        if (!may) return this.#leaf('bool', sight);
        const row = `(${this.expression('int', 1, sight, false)}, ${this.expression('txt', 1, sight, false)})`;
        return `(${row} ${this.#random.pick(['in', 'not in', '= any', '<> all'])} (${this.#inner(sight, ['int', 'txt'])}))`;
      }
      case 'q':
        return may
          ? `(${this.expression('int', 1, sight, false)} ${this.#random.pick(['>', '<=', '='])} ${this.#random.pick(['any', 'all'])} (${this.#inner(sight, ['int'])}))`
          : this.#leaf('bool', sight);
      case 'k':
        return totalOrder(sight);
      case 'w':
      case 'p':
      case 'f':
      case 'g':
      case 'n':
        return this.#over(what, sight);
      default:
        return undefined;
    }
  }

  #inner(sight: Sight, types: readonly GeneratedType[]): string {
    this.#statement.subqueries--;
    return this.#queries.select(0, sight, types).sql;
  }

  /** A query of at most one row, whose value does not depend on which. */
  #scalar(type: GeneratedType, sight: Sight): string {
    this.#statement.subqueries--;
    const { sql: from, sources } = this.#queries.from(0, sight);
    const inner: Sight = { sources, outer: sight };
    const aggregates = AGGREGATES[type];
    const where = this.#random.chance(0.7) ? ` where ${this.expression('bool', 1, inner, false)}` : '';
    if (aggregates === undefined) {
      const value = this.expression(type, 1, { sources: [], outer: sight }, false);
      return `(select ${value})`;
    }
    // Of columns of its own: an aggregate over others would belong to the query around.
    const own: Sight = { sources, outer: undefined };
    return `(select ${this.filled(this.#random.pick(aggregates), 1, own, type, false)} from ${from}${where})`;
  }

  #array(sight: Sight): string {
    this.#statement.subqueries--;
    const alias = this.#statement.alias();
    const inner: Sight = { sources: [{ alias, columns: TABLE_COLUMNS }], outer: sight };
    return `array(select ${alias}.a from ${pickTable(this.#random)} ${alias} where ${this.expression('bool', 1, inner, false)} order by ${alias}.id)`;
  }

  #over(kind: 'w' | 'p' | 'f' | 'g' | 'n', sight: Sight): string {
    const partition = this.#random.chance(0.5) ? `partition by ${this.expression('int', 1, sight, false)} ` : '';
    if (kind === 'p') {
      const type = this.#random.pick(['int', 'txt', 'date', 'mood'] as const);
      return `over (${partition}order by ${keyOf(type, this.column(type, sight))}${this.#random.pick(['', ' desc'])})`;
    }
    if (kind === 'g') {
      const { type, frames } = this.#random.pick(DISTANCES);
      return `over (${partition}order by ${this.column(type, sight)}${this.#random.pick(['', ' desc', ' nulls first'])}${this.#random.pick(frames)})`;
    }
    const frame = kind === 'w' ? '' : this.#random.pick(FRAMES);
    if (kind === 'n') return frame === '' ? `over ${NAMED_WINDOW}` : `over (${NAMED_WINDOW}${frame})`;
    return `over (${partition}order by ${totalOrder(sight)}${frame})`;
  }
}

export function randomLiteral(random: SeededRandom, type: GeneratedType): string {
  if (random.chance(0.1)) return `null::${SQL_TYPES[type]}`;
  const value = random.pick(VALUES[type]);
  return value.startsWith('-') ? `(${value})` : value;
}
