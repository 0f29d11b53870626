/** Binds lists of result columns: those of SELECT and RETURNING, their names, and what `*` stands for. */

import type { Node, SubLink } from '@pgsql/types';
import { notSupported, SqlError } from '../sql-error.ts';
import { baseOf, titleOf, typeInfo } from '../types/types.ts';
import { bindField, withFields } from './bind-array.ts';
import type { BoundColumn, BoundExpression } from './bound.ts';
import type { Clause, ExpressionBinder } from './expression-binder.ts';
import { kindOf, type NodeOf, stringOf, stringsOf } from './names.ts';
import { passIn } from './scope.ts';

/** @param keepsUnknown Leaves literals without a type to whoever knows better: the other side of a set operation. */
export function bindTargets(
  nodes: readonly Node[],
  binder: ExpressionBinder,
  clause: Clause,
  keepsUnknown = false,
): BoundColumn[] {
  const columns: BoundColumn[] = [];
  for (const node of nodes) {
    if (!('ResTarget' in node)) throw notSupported(`${kindOf(node)} in a target list`);
    const { name, val, location } = node.ResTarget;
    if (val !== undefined && isStar(val)) {
      binder.enter(clause);
      columns.push(...expandStar(val, binder, location));
      continue;
    }
    const expression = withFields(binder.bind(val!, clause));
    columns.push({ name: name ?? columnNameOf(val!), expression, origin: originOf(expression, binder, val!) });
  }
  return keepsUnknown ? columns : settledTargets(columns, binder);
}

/** Literals and parameters that nothing gave a type become text: in the end, as a parameter may be told its type behind the column that it is. */
export function settledTargets(columns: readonly BoundColumn[], binder: ExpressionBinder): BoundColumn[] {
  return columns.map((column) =>
    column.expression.type === 'unknown' ? { ...column, expression: binder.settle(column.expression) } : column,
  );
}

/** `*`, `t.*` or `(expression).*`. */
export function isStar(node: Node): boolean {
  if ('A_Indirection' in node) return (node.A_Indirection.indirection ?? []).some((step) => 'A_Star' in step);
  return 'ColumnRef' in node && (node.ColumnRef.fields ?? []).some((field) => 'A_Star' in field);
}

/** The fields of a composite value: it is computed for each of them. */
function expandIndirection(node: Node, binder: ExpressionBinder, location: number | undefined): BoundColumn[] {
  if (!('A_Indirection' in node)) return [];
  const { arg, indirection = [] } = node.A_Indirection;
  const before = indirection.slice(0, -1);
  const value = binder.bindInside(before.length === 0 ? arg! : { A_Indirection: { arg: arg!, indirection: before } });
  return expandFields(withFields(value), location);
}

function expandFields(value: BoundExpression, location: number | undefined): BoundColumn[] {
  const { fields } = typeInfo(baseOf(value.type));
  if (fields === undefined) {
    if (value.type === 'record') throw notSupported('expanding a record whose fields are not known', location);
    throw new SqlError('wrong_object_type', `type ${titleOf(value.type)} is not composite`, { location });
  }
  return fields.map(({ name }) => ({ name, expression: bindField(value, name), origin: undefined }));
}

export function expandStar(node: Node, binder: ExpressionBinder, location: number | undefined): BoundColumn[] {
  if ('A_Indirection' in node) return expandIndirection(node, binder, location);
  const { scope } = binder;
  const fields = 'ColumnRef' in node ? (node.ColumnRef.fields ?? []) : [];
  if (fields.length > 3) throw notSupported('a column name qualified by a database', location);
  if (fields.length > 1) {
    const name = stringOf(fields.at(-2));
    const schema = fields.length === 3 ? stringOf(fields[0]) : undefined;
    const isItem = scope?.itemNamed(name) !== undefined;
    const parameter = isItem ? undefined : binder.wholeParameter(stringsOf(fields.slice(0, -1)), location);
    if (parameter !== undefined) return expandFields(parameter, location);
    if (scope === undefined) {
      throw new SqlError('undefined_table', `missing FROM-clause entry for table "${name}"`, { location });
    }
    const { item, crossed } = scope.requireItem(name, location, schema);
    return item.columns.map((column) => ({
      name: column.name,
      expression: passIn({ ...column.expression, location }, crossed, binder.progress),
      origin: crossed.length === 0 ? column.origin : undefined,
    }));
  }
  if (scope === undefined || scope.items.length === 0) {
    throw new SqlError('syntax_error', 'SELECT * with no tables specified is not valid', { location });
  }
  return scope.items
    .filter(({ open }) => open)
    .flatMap((item) => item.columns)
    .map(({ name, expression, origin }) => ({ name, expression: { ...expression, location }, origin }));
}

function originOf(expression: BoundExpression, binder: ExpressionBinder, node: Node): BoundColumn['origin'] {
  if (expression.kind !== 'column' || expression.computed !== undefined || !('ColumnRef' in node)) return undefined;
  return binder.scope?.originAt(expression.index);
}

/** The name of a result column without AS. */
export function columnNameOf(node: Node): string {
  return suggestedName(node)?.name ?? '?column?';
}

interface SuggestedName {
  readonly name: string;
  readonly weak: boolean;
}

/** By PostgreSQL's FigureColname: a weak name gives way to that of a cast or CASE around it. */
export function suggestedName(node: Node): SuggestedName | undefined {
  switch (kindOf(node)) {
    case 'ColumnRef':
      return lastName((node as NodeOf<'ColumnRef'>).ColumnRef.fields);
    case 'FuncCall':
      return strong(stringsOf((node as NodeOf<'FuncCall'>).FuncCall.funcname).at(-1)!);
    case 'TypeCast': {
      const { arg, typeName } = (node as NodeOf<'TypeCast'>).TypeCast;
      const inner = suggestedName(arg!);
      return inner?.weak === false ? inner : { name: stringsOf(typeName?.names).at(-1)!, weak: true };
    }
    case 'SQLValueFunction': {
      const { op = '' } = (node as NodeOf<'SQLValueFunction'>).SQLValueFunction;
      return strong(op.replace('SVFOP_', '').replace(/_N$/, '').toLowerCase());
    }
    case 'CollateClause':
      return suggestedName((node as NodeOf<'CollateClause'>).CollateClause.arg!);
    case 'A_ArrayExpr':
      return strong('array');
    case 'RowExpr':
      return strong('row');
    case 'A_Indirection': {
      const { arg, indirection } = (node as NodeOf<'A_Indirection'>).A_Indirection;
      return lastName(indirection) ?? suggestedName(arg!);
    }
    case 'CoalesceExpr':
      return strong('coalesce');
    case 'CaseExpr': {
      const { defresult } = (node as NodeOf<'CaseExpr'>).CaseExpr;
      const inner = defresult && suggestedName(defresult);
      return inner?.weak === false ? inner : { name: 'case', weak: true };
    }
    case 'MinMaxExpr':
      return strong((node as NodeOf<'MinMaxExpr'>).MinMaxExpr.op === 'IS_GREATEST' ? 'greatest' : 'least');
    case 'GroupingFunc':
      return strong('grouping');
    case 'SubLink':
      return ofSubquery((node as NodeOf<'SubLink'>).SubLink);
    case 'A_Expr':
      return (node as NodeOf<'A_Expr'>).A_Expr.kind === 'AEXPR_NULLIF' ? strong('nullif') : undefined;
    default:
      return undefined;
  }
}

function strong(name: string): SuggestedName {
  return { name, weak: false };
}

function lastName(fields: readonly Node[] = []): SuggestedName | undefined {
  const field = fields.findLast((each) => 'String' in each);
  return field && strong(stringOf(field));
}

function ofSubquery({ subLinkType, subselect }: SubLink): SuggestedName | undefined {
  if (subLinkType === 'EXISTS_SUBLINK') return { name: 'exists', weak: false };
  if (subLinkType === 'ARRAY_SUBLINK') return { name: 'array', weak: false };
  if (subLinkType !== 'EXPR_SUBLINK' || subselect === undefined || !('SelectStmt' in subselect)) return undefined;
  // The one column of the query gives the name.
  let { SelectStmt: select } = subselect;
  while (select.larg !== undefined) select = select.larg;
  const [target] = select.targetList ?? [];
  if (target === undefined || !('ResTarget' in target)) {
    return select.valuesLists === undefined ? undefined : { name: 'column1', weak: false };
  }
  const { name, val } = target.ResTarget;
  if (name !== undefined) return { name, weak: false };
  return val === undefined ? undefined : { name: columnNameOf(val), weak: false };
}
