/**
 * The expressions in a table's definition, bound over its rows: checks, generated columns, what indexes hold.
 *
 * Literals in them mean what they meant to the session that wrote the definition: its time zone is kept with the tree.
 */

import type { Node } from '@pgsql/types';
import type { SqlExpression, Table } from '../../../models/relational/table.ts';
import type { CatalogTable, TableIndex } from '../catalog-cache.ts';
import { notSupported } from '../sql-error.ts';
import { type BoundExpression, columnAt, hasSubquery } from './bound.ts';
import { type Clause, ExpressionBinder } from './expression-binder.ts';
import { type BindContext, definitionContext } from './query-context.ts';
import { tableScope } from './scope.ts';

export interface BoundIndex {
  readonly source: TableIndex;
  readonly parts: readonly BoundExpression[];
  readonly predicate: BoundExpression | undefined;
}

export interface TableRules {
  readonly checks: readonly { readonly name: string; readonly expression: BoundExpression }[];
  readonly generated: readonly { readonly position: number; readonly expression: BoundExpression }[];
  readonly indexes: readonly BoundIndex[];
}

const known = new WeakMap<CatalogTable, TableRules>();

export function rulesOf(table: CatalogTable): TableRules {
  let rules = known.get(table);
  if (rules === undefined) {
    rules = bindRules(table);
    known.set(table, rules);
  }
  return rules;
}

function bindRules(table: CatalogTable): TableRules {
  const { columns, checks = [] } = table.table;
  return {
    checks: checks.map(({ name, expression }) => ({
      name,
      expression: bindOver(table, expression, {
        title: 'check constraints',
        aggregates: 'refused',
        subqueries: 'check constraint',
      }),
    })),
    generated: columns.flatMap(({ generated, type, modifier }, position) =>
      generated === undefined ? [] : [{ position, expression: bindStored(table, generated, type, modifier) }],
    ),
    indexes: table.indexes.map((source) => bindIndex(table, source)),
  };
}

function bindIndex(table: CatalogTable, source: TableIndex): BoundIndex {
  const { parts, predicate } = source.index;
  return {
    source,
    parts: parts.map(({ column, expression, type, modifier }): BoundExpression => {
      if (column === undefined) {
        return bindOver(table, expression!, { title: 'index expressions', aggregates: 'refused' });
      }
      const { collation } = table.table.columns[column]!;
      return columnAt(column, { type, modifier, ...(collation === undefined ? {} : { collation }) });
    }),
    predicate: predicate && bindOver(table, predicate, { title: 'index predicates', aggregates: 'refused' }),
  };
}

function bindStored(
  table: CatalogTable,
  { tree, zone }: SqlExpression,
  type: Table['columns'][number]['type'],
  modifier: number,
): BoundExpression {
  const binder = binderOver(table, definitionContext(zone, table));
  const bound = binder.bind(tree as unknown as Node, { title: 'column generation expressions', aggregates: 'refused' });
  return atOnce(binder.coerce(bound, type, modifier, 'assignment'));
}

/** An expression of the definition over the rows of the table. */
function bindOver(table: CatalogTable, { tree, zone }: SqlExpression, clause: Clause): BoundExpression {
  const binder = binderOver(table, definitionContext(zone, table));
  return atOnce(binder.settle(binder.bind(tree as unknown as Node, clause)));
}

/** Rows are written without waiting. @throws SqlError `feature_not_supported`. */
function atOnce(expression: BoundExpression): BoundExpression {
  if (!hasSubquery(expression)) return expression;
  throw notSupported('a function that is more than an expression, in what a table is defined by,');
}

export function binderOver(table: CatalogTable, context: BindContext): ExpressionBinder {
  return new ExpressionBinder(context, tableScope([{ table, alias: table.table.name, offset: 0 }]));
}
