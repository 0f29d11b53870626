/**
 * What a statement writes to: a table, or a view over one (PostgreSQL's rewriteHandler.c, automatically updatable views).
 *
 * A view of one relation without grouping, DISTINCT, LIMIT, set operations and functions over many rows stands for the
 * rows of that relation which its WHERE lets through; the same holds through views of views. Names of its columns are in
 * sight with what they are computed of; those that are columns of the relation itself can be assigned to.
 */

import type { SelectStmt } from '@pgsql/types';
import { columnNumber, type Table } from '../../../models/relational/table.ts';
import type { CatalogTable } from '../catalog-cache.ts';
import { notSupported, SqlError } from '../sql-error.ts';
import { bindView, findRelation, itemOf, tableAs, viewContext } from './bind-from.ts';
import { bindTargets } from './bind-targets.ts';
import type { BoundRows, BoundViewCheck } from './bound.ts';
import { ExpressionBinder } from './expression-binder.ts';
import type { FrozenRange } from './names.ts';
import type { QueryContext } from './query-context.ts';
import { Frame, Scope, type ScopeItem, tableItem } from './scope.ts';

export type WriteVerb = 'INSERT' | 'UPDATE' | 'DELETE';

export interface WriteTarget {
  /** The table whose rows are written. */
  readonly table: CatalogTable;
  /** The relation that the statement names. */
  readonly named: Table;
  /** Its columns over the row of the table. */
  readonly item: ScopeItem;
  /** What rows of the table must meet to be in the view, those of views below it first. */
  readonly conditions: readonly BoundViewCheck[];
  /** WITH CHECK OPTION: what they must meet afterwards. */
  readonly checks: readonly BoundViewCheck[];
}

/** @throws SqlError `undefined_table`, `wrong_object_type`, `object_not_in_prerequisite_state` for what cannot be written. */
export function bindWriteTarget(range: FrozenRange, context: QueryContext, verb: WriteVerb): WriteTarget {
  const found = findRelation(range, context.queries);
  const alias = range.alias?.aliasname ?? range.relname ?? '';
  if (found.view === undefined) {
    if (found.table.view !== undefined && range.relation?.refresh !== true) {
      throw new SqlError('wrong_object_type', `cannot change materialized view "${found.table.name}"`);
    }
    const { items } = tableAs(found, range, 0);
    return { table: found, named: found.table, item: items[0]!, conditions: [], checks: [] };
  }
  const through = throughView(found, context, (reason, view) => notUpdatable(view, verb, reason));
  const item = itemOf({ ...tableItem(found, alias, 0), columns: columnsOf(found, through) }, range);
  return { table: through.table, named: found.table, item, conditions: through.conditions, checks: through.checks };
}

/** Why rows cannot be written through the view, in PostgreSQL's words; undefined when they can. */
export function whyNotUpdatable(found: CatalogTable, context: QueryContext): string | undefined {
  let why: string | undefined;
  try {
    throughView(found, context, (reason) => {
      why = reason;
      return new SqlError('object_not_in_prerequisite_state', reason);
    });
  } catch (error) {
    if (why === undefined) throw error;
  }
  return why;
}

/** Which columns of the view are columns of its table, or of a view that can be written. */
export function updatableColumns(found: CatalogTable, context: QueryContext): readonly boolean[] {
  if (whyNotUpdatable(found, context) !== undefined) return found.table.columns.map(() => false);
  const { columns } = throughView(found, context, (reason) => notSupported(reason));
  return columns.map(({ expression }) => expression.kind === 'column');
}

/**
 * The position in the table of a column of the target.
 * @throws SqlError `undefined_column`, `feature_not_supported` for one that is computed.
 */
export function requireWritable(
  target: WriteTarget,
  name: string,
  verb: WriteVerb,
  location: number | undefined,
): number {
  const { named, item, table } = target;
  const column = item.columns.find((each) => each.name === name);
  const isColumn = column !== undefined || named.columns.some((each) => each.name === name);
  if (!isColumn || column === undefined) {
    throw new SqlError('undefined_column', `column "${name}" of relation "${named.name}" does not exist`, { location });
  }
  const { expression } = column;
  if (expression.kind === 'column' && expression.index < table.table.columns.length) return expression.index;
  const action = verb === 'INSERT' ? 'insert into' : 'update';
  throw new SqlError('feature_not_supported', `cannot ${action} column "${name}" of view "${named.name}"`, {
    detail: 'View columns that are not columns of their base relation are not updatable.',
  });
}

interface Through {
  readonly table: CatalogTable;
  readonly columns: ScopeItem['columns'];
  readonly conditions: readonly BoundViewCheck[];
  readonly checks: readonly BoundViewCheck[];
}

/** @param refuseView Told what stands against it, and of which view. */
function throughView(
  found: CatalogTable,
  outer: QueryContext,
  refuseView: (reason: string, view: Table) => SqlError,
): Through {
  const { view } = found.table;
  const refuse = (reason: string): SqlError => refuseView(reason, found.table);
  const select = view!.query.tree as unknown as SelectStmt;
  const reason = reasonAgainst(select, bindView(found, outer));
  if (reason !== undefined) throw refuse(reason);
  const [node] = select.fromClause ?? [];
  if (node === undefined || !('RangeVar' in node)) throw refuse(NOT_ONE_TABLE);
  const range: FrozenRange = node.RangeVar;
  const context = viewContext(found, outer);
  const base = findRelation(range, context.queries);
  if (base.system !== undefined) throw refuse(NOT_ONE_TABLE);
  if (base.view === undefined && base.table.view !== undefined) throw refuse(NOT_ONE_TABLE);
  const inner: Through =
    base.view === undefined
      ? { table: base, columns: tableItem(base, '', 0).columns, conditions: [], checks: [] }
      : throughView(base, context, refuseView);
  const alias = range.alias?.aliasname ?? range.relname ?? '';
  const item = itemOf({ ...tableItem(base, alias, 0), columns: columnsOf(base, inner) }, range);
  const binder = new ExpressionBinder(context, new Scope(new Frame(undefined), [item]));
  const columns = bindTargets(select.targetList ?? [], binder, { title: 'SELECT', aggregates: 'refused' });
  const where =
    select.whereClause && binder.bindCondition(select.whereClause, { title: 'WHERE', aggregates: 'refused' });
  const { checks } = inner;
  const own: BoundViewCheck[] = [];
  if (view!.check !== undefined) {
    // What views below hold back is checked too, unless only this one asks.
    if (view!.check === 'cascaded' && base.view !== undefined) {
      own.push(...allChecks(base, context).filter((each) => !checks.some(({ view: name }) => name === each.view)));
    }
    if (where !== undefined) own.push({ view: found.table.name, condition: where });
  }
  return {
    table: inner.table,
    columns: columns.map(({ name, expression, origin }) => ({ name, expression, origin })),
    conditions:
      where === undefined ? inner.conditions : [...inner.conditions, { view: found.table.name, condition: where }],
    checks: [...checks, ...own],
  };
}

/** The conditions of a view and of all views below it. */
function allChecks(found: CatalogTable, context: QueryContext): readonly BoundViewCheck[] {
  const { table } = found;
  const cascaded = { ...found, table: { ...table, view: { ...table.view!, check: 'cascaded' as const } } };
  return throughView(cascaded, context, (reason) => notSupported(reason)).checks;
}

/** The view's columns, under their names, as its query computes them. */
function columnsOf({ table }: CatalogTable, { columns }: Through): ScopeItem['columns'] {
  return table.columns.map(({ name }, position) => ({ ...columns[position]!, name }));
}

const NOT_ONE_TABLE = 'Views that do not select from a single table or view are not automatically updatable.';

function reasonAgainst(select: SelectStmt, bound: BoundRows): string | undefined {
  const containing = (what: string): string => `Views containing ${what} are not automatically updatable.`;
  if (select.distinctClause !== undefined) return containing('DISTINCT');
  if (select.groupClause !== undefined) return containing('GROUP BY');
  if (select.havingClause !== undefined) return containing('HAVING');
  if (select.op !== undefined && select.op !== 'SETOP_NONE') return containing('UNION, INTERSECT, or EXCEPT');
  if (select.withClause !== undefined) return containing('WITH');
  if (select.limitCount !== undefined || select.limitOffset !== undefined) return containing('LIMIT or OFFSET');
  if (bound.kind === 'select') {
    if (bound.grouping !== undefined) return 'Views that return aggregate functions are not automatically updatable.';
    if (bound.windows.length > 0) return 'Views that return window functions are not automatically updatable.';
    if (bound.sets.length > 0) return 'Views that return set-returning functions are not automatically updatable.';
  }
  const { fromClause = [] } = select;
  if (fromClause.length !== 1 || !('RangeVar' in fromClause[0]!)) return NOT_ONE_TABLE;
  return undefined;
}

const ACTIONS = {
  INSERT: ['cannot insert into', 'inserting into'],
  UPDATE: ['cannot update', 'updating'],
  DELETE: ['cannot delete from', 'deleting from'],
} as const;

function notUpdatable({ name }: Table, verb: WriteVerb, reason: string): SqlError {
  const [cannot, doing] = ACTIONS[verb];
  return new SqlError('object_not_in_prerequisite_state', `${cannot} view "${name}"`, {
    detail: reason,
    hint: `To enable ${doing} the view, provide an INSTEAD OF ${verb} trigger or an unconditional ON ${verb} DO INSTEAD rule.`,
  });
}

/** What a view's query keeps of each relation that it names, by the node that names it. */
export function frozenTree<T>(tree: T, relations: ReadonlyMap<object, FrozenRange['relation']>): T {
  if (Array.isArray(tree)) return tree.map((each) => frozenTree(each, relations)) as T;
  if (typeof tree !== 'object' || tree === null) return tree;
  const relation = relations.get(tree);
  const entries = Object.entries(tree)
    // Places in the text mean nothing to who reads the view.
    .filter(([name]) => name !== 'location')
    .map(([name, value]) => [name, frozenTree(value as unknown, relations)] as const);
  return Object.fromEntries(relation === undefined ? entries : [...entries, ['relation', relation]]) as T;
}

/** The columns of a relation as they are called now. */
export function frozenRelation({ table, schemaName }: CatalogTable): NonNullable<FrozenRange['relation']> {
  const columns = table.columns.map(({ name }, position) => [columnNumber(table, position), name] as const);
  return { id: table.id, schema: schemaName ?? '', columns };
}
