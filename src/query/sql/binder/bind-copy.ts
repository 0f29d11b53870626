/** Binds COPY … FROM STDIN and TO STDOUT of a table: which columns, and what the options say. Files and programs of the server are refused. */

import type { CopyStmt, Node } from '@pgsql/types';
import { relationWord, type Table } from '../../../models/relational/table.ts';
import type { CatalogTable } from '../catalog-cache.ts';
import type { CopyFormat } from '../copy/copy-text.ts';
import { notSupported, SqlError } from '../sql-error.ts';
import { type BoundAssignment, type BoundExpression, columnsOf, hasSubquery } from './bound.ts';
import { defaultOf, requireColumn } from './column-values.ts';
import { bindCopyOptions } from './copy-options.ts';
import type { Clause } from './expression-binder.ts';
import { relationName, shownName, stringsOf } from './names.ts';
import type { BindContext, FindTable } from './query-context.ts';
import { binderOver } from './table-rules.ts';

export interface BoundCopy {
  readonly table: CatalogTable;
  /** Positions of the columns that the client sends, in its order. */
  readonly columns: readonly number[];
  /** One for each column of the table, over the fields of a line. */
  readonly assignments: readonly BoundAssignment[];
  /** Over the columns of the table, with what is not sent filled in; what is generated is not there yet. */
  readonly where: BoundExpression | undefined;
  readonly format: CopyFormat;
}

const WHERE: Clause = {
  title: 'WHERE',
  aggregates: 'refused',
  place: 'COPY FROM WHERE conditions',
  subqueries: 'COPY FROM WHERE condition',
};

/** @throws SqlError of whatever a name or an option can be wrong in. */
export function bindCopy(copy: CopyStmt, findTable: FindTable, context: BindContext): BoundCopy {
  const found = tableOf(copy, findTable);
  const { table } = found;
  const where = copy.whereClause && bindWhere(copy.whereClause, found, context);
  if (table.view !== undefined) {
    const isStored = table.view.populated !== undefined;
    throw new SqlError('wrong_object_type', `cannot copy to ${isStored ? 'materialized ' : ''}view "${table.name}"`, {
      hint: isStored ? undefined : 'To enable copying to a view, provide an INSTEAD OF INSERT trigger.',
    });
  }
  const format = bindCopyOptions(copy.options ?? [], true);
  const columns = positionsOf(copy, table);
  requireReferenced('FORCE_NOT_NULL', format.forceNotNull, columns, table);
  requireReferenced('FORCE_NULL', format.forceNull, columns, table);
  const assignments = table.columns.map((column, position): BoundAssignment => {
    const index = columns.indexOf(position);
    if (index < 0) return { position, expression: defaultOf(column, context) };
    const { type, modifier } = column;
    return { position, expression: { kind: 'column', type, modifier, location: undefined, index } };
  });
  return { table: found, columns, assignments, where, format };
}

function bindWhere(node: Node, found: CatalogTable, context: BindContext): BoundExpression {
  const where = binderOver(found, context).bindCondition(node, WHERE);
  if (hasSubquery(where)) throw notSupported('a function that runs a query in WHERE of COPY');
  const asked = columnsOf(where);
  const generated = found.table.columns.find((column, i) => column.generated !== undefined && asked.has(i));
  if (generated === undefined) return where;
  const message = 'generated columns are not supported in COPY FROM WHERE conditions';
  throw new SqlError('invalid_column_reference', message, {
    detail: `Column "${generated.name}" is a generated column.`,
  });
}

/** COPY … TO as the query whose rows it writes. */
export function bindCopyTo(
  copy: CopyStmt,
  findTable: FindTable,
): { readonly query: Node; readonly format: CopyFormat } {
  const format = bindCopyOptions(copy.options ?? [], false);
  if (copy.query !== undefined) {
    const { query } = copy;
    if ('SelectStmt' in query && query.SelectStmt.intoClause !== undefined) {
      throw new SqlError('feature_not_supported', 'COPY (SELECT INTO) is not supported');
    }
    for (const kind of ['InsertStmt', 'UpdateStmt', 'DeleteStmt', 'MergeStmt'] as const) {
      const statement = (query as Readonly<Record<string, { readonly returningClause?: unknown } | undefined>>)[kind];
      if (statement !== undefined && statement.returningClause === undefined) {
        throw new SqlError('feature_not_supported', 'COPY query must have a RETURNING clause');
      }
    }
    return { query, format };
  }
  const { table } = tableOf(copy, findTable);
  if (table.view !== undefined) {
    throw new SqlError('wrong_object_type', `cannot copy from ${relationWord(table)} "${table.name}"`, {
      hint: 'Try the COPY (SELECT ...) TO variant.',
    });
  }
  const columns = positionsOf(copy, table);
  if (format.forceQuote !== '*') requireReferenced('FORCE_QUOTE', format.forceQuote, columns, table);
  const targetList = columns.map((position): Node => {
    const field: Node = { String: { sval: table.columns[position]!.name } };
    return { ResTarget: { val: { ColumnRef: { fields: [field] } } } };
  });
  const { alias: _, ...relation } = copy.relation!;
  return { query: { SelectStmt: { targetList, fromClause: [{ RangeVar: relation }] } }, format };
}

function tableOf(copy: CopyStmt, findTable: FindTable): CatalogTable {
  if (copy.filename !== undefined) throw notSupported('COPY with a file or program of the server');
  const name = relationName(copy.relation!);
  const found = findTable(name);
  if (found === undefined) throw new SqlError('undefined_table', `relation "${shownName(name)}" does not exist`);
  return found;
}

/** Positions of the columns; what is generated is not copied. */
function positionsOf(copy: CopyStmt, table: Table): readonly number[] {
  if (copy.attlist === undefined)
    return [...table.columns.keys()].filter((i) => table.columns[i]!.generated === undefined);
  const columns: number[] = [];
  for (const name of stringsOf(copy.attlist)) {
    const position = requireColumn(table, name, undefined);
    if (table.columns[position]!.generated !== undefined) {
      throw new SqlError('invalid_column_reference', `column "${name}" is a generated column`, {
        detail: 'Generated columns cannot be used in COPY.',
      });
    }
    if (columns.includes(position)) {
      throw new SqlError('duplicate_column', `column "${name}" specified more than once`);
    }
    columns.push(position);
  }
  return columns;
}

function requireReferenced(option: string, names: readonly string[], columns: readonly number[], table: Table): void {
  for (const name of names) {
    if (columns.includes(requireColumn(table, name, undefined))) continue;
    const message = `${option} column "${name}" not referenced by COPY`;
    throw new SqlError('invalid_column_reference', message);
  }
}
