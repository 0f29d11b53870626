/**
 * Bound queries as SQL text, in the form of PostgreSQL's ruleutils.c: what pg_get_viewdef prints. For a single SELECT from
 * tables, views and joins of them; other queries (set operations, WITH, subqueries, windows, USING) are printed as they
 * were written, by who asks.
 */

import type { CatalogTable } from '../catalog-cache.ts';
import type { ObjectNames } from '../types/timestamptz.ts';
import type { SqlType } from '../types/types.ts';
import type { BoundAggregate, BoundExpression, BoundRelation, BoundRows, BoundSelect, BoundSortKey } from './bound.ts';
import { widthOf } from './bound.ts';
import { deparse, isWholeRow, quoteName } from './deparse.ts';

interface Place {
  readonly alias: string;
  readonly offset: number;
  readonly width: number;
  readonly table: CatalogTable;
}

export interface DeparseOptions {
  readonly pretty: boolean;
  /** The relation as it is named from where the text is read. */
  readonly nameOf: (table: CatalogTable) => string;
  /** Types, likewise. */
  readonly titles: (type: SqlType) => string;
  /** Functions that users defined, likewise, by their ids. */
  readonly callees: (id: number) => string | undefined;
  /** Other objects of the catalog, likewise. */
  readonly objects: ObjectNames;
  /** Names of the columns of the result. */
  readonly columns: readonly string[];
}

/** Undefined for a query of another shape. */
export function deparseQuery(query: BoundRows, options: DeparseOptions): string | undefined {
  if (query.kind !== 'select') return undefined;
  const places: Place[] = [];
  if (query.from !== undefined && !gather(query.from, 0, places)) return undefined;
  const { windows, sets, distinctOn, locking, withTies, grouping } = query;
  if (windows.length > 0 || sets.length > 0 || distinctOn !== undefined || locking !== undefined || withTies) {
    return undefined;
  }
  if (grouping?.sets !== undefined || (grouping?.groupings.length ?? 0) > 0) return undefined;
  const text = new QueryText(query, places, options).print();
  return /…|\((?:Sub|Init)Plan\)/.test(text) ? undefined : text;
}

/** Tables from left to right; false for anything else among them. */
function gather(relation: BoundRelation, offset: number, places: Place[]): boolean {
  switch (relation.kind) {
    case 'scan':
      places.push({ alias: relation.alias, offset, width: widthOf(relation), table: relation.table });
      return true;
    case 'derived':
      if (relation.view === undefined) return false;
      places.push({ alias: relation.alias, offset, width: widthOf(relation), table: relation.view });
      return true;
    case 'join':
      return (
        relation.args.length === 0 &&
        gather(relation.left, offset, places) &&
        gather(relation.right, offset + widthOf(relation.left), places)
      );
    default:
      return false;
  }
}

const JOINS = { inner: 'JOIN', left: 'LEFT JOIN', right: 'RIGHT JOIN', full: 'FULL JOIN' } as const;

class QueryText {
  readonly #query: BoundSelect;
  readonly #places: readonly Place[];
  readonly #options: DeparseOptions;

  constructor(query: BoundSelect, places: readonly Place[], options: DeparseOptions) {
    this.#query = query;
    this.#places = places;
    this.#options = options;
  }

  print(): string {
    const { columns, from, where, grouping, orderBy, limit, offset, distinct } = this.#query;
    const targets = columns.map(({ expression }, i) => {
      const name = this.#options.columns[i]!;
      const isWhole = isWholeRow(this.#grouped(expression));
      const text = `${this.#over(expression)}${isWhole ? `::${this.#options.titles(expression.type)}` : ''}`;
      return this.#columnName(expression) === name ? text : `${text} AS ${quoteName(name)}`;
    });
    const parts = [` SELECT ${distinct ? 'DISTINCT ' : ''}${targets.join(',\n    ')}`];
    if (from !== undefined) parts.push(`   FROM ${this.#from(from, 0)}`);
    if (where !== undefined) parts.push(`  WHERE ${this.#row(where)}`);
    const keys = grouping?.groupBy?.slice(0, grouping.written) ?? [];
    if (keys.length > 0) parts.push(`  GROUP BY ${keys.map((each) => this.#key(each)).join(', ')}`);
    if (grouping?.having !== undefined) parts.push(` HAVING ${this.#over(grouping.having)}`);
    if (orderBy.length > 0) parts.push(`  ORDER BY ${orderBy.map((each) => this.#sortKey(each)).join(', ')}`);
    if (offset !== undefined) parts.push(` OFFSET ${this.#over(offset)}`);
    if (limit !== undefined) parts.push(` LIMIT ${this.#over(limit)}`);
    return `${parts.join('\n')};`;
  }

  #from(relation: BoundRelation, depth: number): string {
    if (relation.kind !== 'join') {
      const place = this.#places.find(({ alias }) => 'alias' in relation && alias === relation.alias)!;
      const { alias, table } = place;
      const name = this.#options.nameOf(table);
      return table.table.name === alias ? name : `${name} ${quoteName(alias)}`;
    }
    const { type, left, right, condition } = relation;
    // A list is printed as one, without joins around it.
    if (type === 'inner' && condition === undefined && depth === 0) {
      return `${this.#from(left, 0)},\n    ${this.#from(right, 1)}`;
    }
    const word = condition === undefined ? 'CROSS JOIN' : JOINS[type];
    const on = condition === undefined ? '' : ` ON ${this.#condition(condition, relation)}`;
    const text = `${this.#from(left, depth + 1)}\n     ${word} ${this.#from(right, depth + 1)}${on}`;
    return this.#options.pretty ? text : `(${text})`;
  }

  /** Over the row of the join, which begins where its leftmost table does. */
  #condition(condition: BoundExpression, relation: BoundRelation): string {
    let first = relation;
    while (first.kind === 'join') first = first.left;
    const start = this.#places.find(({ alias }) => 'alias' in first && alias === first.alias)!.offset;
    const text = this.#show(condition, (index) => this.#column(index + start));
    return this.#options.pretty ? text : `(${text.replace(/^\((.*)\)$/s, '($1)')})`;
  }

  /** Over the row that FROM gives. */
  #row(expression: BoundExpression): string {
    return this.#show(expression, (index) => this.#column(index));
  }

  #show(expression: BoundExpression, names: (index: number) => string): string {
    const { pretty, titles, callees, objects } = this.#options;
    return deparse(expression, { names, pretty, titles, callees, objects });
  }

  /** Over the row that the result is computed of: a group's, when there are any. */
  #over(expression: BoundExpression): string {
    const { grouping } = this.#query;
    if (grouping === undefined) return this.#row(expression);
    const keys = grouping.groupBy ?? [];
    return this.#show(expression, (index) =>
      index < keys.length ? this.#row(keys[index]!) : this.#aggregate(grouping.aggregates[index - keys.length]!),
    );
  }

  #aggregate({ function: found, argument, distinct, filter, orderBy }: BoundAggregate): string {
    const argumentText = argument === undefined ? '*' : `${distinct ? 'DISTINCT ' : ''}${this.#row(argument)}`;
    const order = orderBy.length === 0 ? '' : '…';
    const where = filter === undefined ? '' : ` FILTER (WHERE ${this.#row(filter)})`;
    return `${quoteName(found.name)}(${argumentText}${order})${where}`;
  }

  #key(expression: BoundExpression): string {
    const text = this.#row(expression);
    const isPlain = (expression.kind === 'column' && expression.collated === undefined) || isWholeRow(expression);
    return isPlain ? text : this.#inParentheses(text);
  }

  /** Keys other than columns stand in parentheses, those that operators have around them unless the text is for people. */
  #inParentheses(text: string): string {
    return !this.#options.pretty && text.startsWith('(') ? text : `(${text})`;
  }

  #sortKey({ expression, descending, nullsFirst }: BoundSortKey): string {
    const direction = descending ? ' DESC' : '';
    const nulls = nullsFirst === descending ? '' : nullsFirst ? ' NULLS FIRST' : ' NULLS LAST';
    const text = this.#over(expression);
    const isPlain = this.#columnName(expression) !== undefined;
    return `${isPlain ? text : this.#inParentheses(text)}${direction}${nulls}`;
  }

  /** Undefined for what is no column: the hidden id of a row, which rows as a whole ask for. */
  #place(index: number): { readonly alias: string; readonly name: string } | undefined {
    const place = this.#places.find(({ offset, width }) => index >= offset && index < offset + width);
    const column = place?.table.table.columns[index - place.offset];
    return place === undefined || column === undefined ? undefined : { alias: place.alias, name: column.name };
  }

  #column(index: number): string {
    const place = this.#place(index);
    return place === undefined ? '…' : `${quoteName(place.alias)}.${quoteName(place.name)}`;
  }

  /** The name of a column that is printed without AS. */
  #columnName(expression: BoundExpression): string | undefined {
    if (expression.kind !== 'column' || expression.collated !== undefined) return undefined;
    const key = this.#grouped(expression);
    if (key === expression && this.#query.grouping !== undefined) return undefined;
    return key.kind === 'column' ? this.#place(key.index)?.name : undefined;
  }

  /** What a column of the row of a group is the value of; itself for all else. */
  #grouped(expression: BoundExpression): BoundExpression {
    const keys = this.#query.grouping?.groupBy ?? [];
    return expression.kind === 'column' ? (keys[expression.index] ?? expression) : expression;
  }
}
