/** Binds ON CONFLICT: finds the unique indexes that are meant, and what DO UPDATE makes of the row that is there. */

import type { IndexElem, OnConflictClause } from '@pgsql/types';
import { type Index, type IndexPart, rowWidth, type Table } from '../../../models/relational/table.ts';
import { defaultOperatorClass, type OperatorClass, operatorClassNamed } from '../operator-classes.ts';
import { notSupported, SqlError } from '../sql-error.ts';
import type { SqlType } from '../types/types.ts';
import { bindAssignments } from './bind-set-list.ts';
import type { WriteTarget } from './bind-view.ts';
import { type BoundConflicts, type BoundExpression, conjuncts, sameExpression, shifted } from './bound.ts';
import { collationOf, requireCollation } from './collations.ts';
import { ExpressionBinder } from './expression-binder.ts';
import { stringsOf } from './names.ts';
import type { BindContext, QueryContext } from './query-context.ts';
import { type Frame, Scope, type ScopeItem } from './scope.ts';
import { type BoundIndex, rulesOf } from './table-rules.ts';

const WHERE = { title: 'WHERE', aggregates: 'refused' } as const;
const INDEX = { title: 'index expressions', aggregates: 'refused', subqueries: 'index expression' } as const;
const PREDICATE = { title: 'index predicates', aggregates: 'refused', subqueries: 'index predicate' } as const;

/** Without an arbiter where no unique index is meant. */
export function bindConflict(
  clause: OnConflictClause | undefined,
  written: WriteTarget,
  context: QueryContext,
  frame: Frame,
): BoundConflicts | undefined {
  if (clause === undefined) return undefined;
  const { action, infer } = clause;
  const { table } = written.table;
  const offset = rowWidth(table);
  const { columns } = written.item;
  const excluded: ScopeItem = {
    ...written.item,
    alias: 'excluded',
    offset,
    columns: columns.map((column) => ({ ...column, expression: shifted(column.expression, offset) })),
    isPseudo: true,
  };
  if (action === 'ONCONFLICT_UPDATE') frame.ranges.add(excluded);
  if (infer === undefined) for (const index of table.indexes ?? []) requireStrict(index, table);
  const arbiters = infer === undefined ? undefined : bindArbiters(infer, written, context, frame);
  if (action === 'ONCONFLICT_NOTHING') return { arbiters, update: undefined };
  if (arbiters === undefined) {
    throw new SqlError('syntax_error', 'ON CONFLICT DO UPDATE requires inference specification or constraint name', {
      location: clause.location,
      hint: 'For example, ON CONFLICT (column_name).',
    });
  }
  const binder = new ExpressionBinder(context, new Scope(frame, [written.item, excluded]));
  const assignments = bindAssignments(clause.targetList ?? [], written, binder, 'INSERT');
  const where = clause.whereClause && binder.bindCondition(clause.whereClause, WHERE);
  return { arbiters, update: { assignments, where, shown: written.conditions } };
}

function bindArbiters(
  infer: NonNullable<OnConflictClause['infer']>,
  { table: target, named, item }: WriteTarget,
  context: BindContext,
  frame: Frame,
): readonly string[] {
  const { table } = target;
  if (infer.conname !== undefined) {
    const { conname } = infer;
    const isView = named !== table;
    if (!isView && table.primaryKey.length > 0 && conname === table.primaryKeyName) return [conname];
    const index = isView
      ? undefined
      : table.indexes?.find(({ name, isConstraint }) => isConstraint && name === conname);
    if (index !== undefined) return [requireStrict(index, table).name];
    throw new SqlError('undefined_object', `constraint "${conname}" for table "${named.name}" does not exist`);
  }
  // No query can stand in what an index is told by.
  const { queries: _, ...within } = context;
  const binder = new ExpressionBinder(within, new Scope(frame, [item]));
  const wanted = (infer.indexElems ?? []).map((node): WantedPart => {
    if (!('IndexElem' in node)) throw notSupported('this target of ON CONFLICT', infer.location);
    return bindTarget(node.IndexElem, binder, infer.location);
  });
  const asked = infer.whereClause && binder.bind(infer.whereClause, PREDICATE);
  const found: string[] = [];
  if (isPrimaryKey(table, wanted)) found.push(table.primaryKeyName);
  for (const index of rulesOf(target).indexes) {
    if (!index.source.index.unique || index.source.index.invalid === true || !isMeant(index, wanted, asked)) continue;
    found.push(requireStrict(index.source.index, table).name);
  }
  return found;
}

/** What planning says, after the whole statement was read. @throws SqlError `invalid_column_reference` when no unique index is meant. */
export function requireArbiter(conflicts: BoundConflicts | undefined): void {
  if (conflicts?.arbiters?.length !== 0) return;
  throw new SqlError(
    'invalid_column_reference',
    'there is no unique or exclusion constraint matching the ON CONFLICT specification',
  );
}

/** @throws SqlError `object_not_in_prerequisite_state`. */
function requireStrict(index: Index, table: Table): Index {
  if (index.deferrable === undefined) return index;
  throw new SqlError(
    'object_not_in_prerequisite_state',
    'ON CONFLICT does not support deferrable unique constraints/exclusion constraints as arbiters',
    { table, constraint: index.name },
  );
}

/** How values are to be compared. */
interface Means {
  readonly operatorClass: OperatorClass | undefined;
  /** COLLATE. */
  readonly collation: string | undefined;
}

/** A part that the index has to have. */
interface WantedPart extends Means {
  readonly expression: BoundExpression;
}

function bindTarget(
  { name, expr, collation, opclass, ordering, nulls_ordering: nulls }: IndexElem,
  binder: ExpressionBinder,
  location: number | undefined,
): WantedPart {
  if (ordering !== undefined && ordering !== 'SORTBY_DEFAULT') throw notAllowed('ASC/DESC', location);
  if (nulls !== undefined && nulls !== 'SORTBY_NULLS_DEFAULT') throw notAllowed('NULLS FIRST/LAST', location);
  const means = {
    collation: collation === undefined ? undefined : requireCollation(collation, location),
    operatorClass: opclass === undefined ? undefined : operatorClassNamed(stringsOf(opclass).at(-1)!),
  };
  if (name === undefined) return { expression: binder.bind(expr!, INDEX), ...means };
  const place = location === undefined ? {} : { location };
  return {
    expression: binder.bind({ ColumnRef: { fields: [{ String: { sval: name } }], ...place } }, INDEX),
    ...means,
  };
}

function notAllowed(what: string, location: number | undefined): SqlError {
  return new SqlError('invalid_column_reference', `${what} is not allowed in ON CONFLICT clause`, { location });
}

/** Whether an index on values of `type` compares them by what is asked for. @param of Its collation. @param name Of its class, unless it is the default. */
function areMeans({ operatorClass, collation }: Means, type: SqlType, of: string | undefined, name?: string): boolean {
  if (collation !== undefined && collation !== of) return false;
  if (operatorClass === undefined) return true;
  const own = name === undefined ? defaultOperatorClass(type) : operatorClassNamed(name);
  return own?.family === operatorClass.family && own.type === operatorClass.type;
}

/** By what an index compares the values of a part: the collation, and the class unless it is the default. */
function kindOf(
  { collation, operatorClass }: IndexPart,
  part: BoundExpression,
): [string | undefined, string | undefined] {
  return [collation ?? collationOf(part), operatorClass];
}

function isPrimaryKey({ primaryKey }: Table, wanted: readonly WantedPart[]): boolean {
  const positions = new Set(
    wanted.map(({ expression, ...means }) =>
      expression.kind === 'column' && areMeans(means, expression.type, collationOf(expression)) ? expression.index : -1,
    ),
  );
  return (
    primaryKey.length > 0 && positions.size === primaryKey.length && primaryKey.every((each) => positions.has(each))
  );
}

/** An index is meant when it has just the parts that are asked for, and holds all rows that WHERE speaks of. */
function isMeant(
  { parts, predicate, source }: BoundIndex,
  wanted: readonly WantedPart[],
  asked: BoundExpression | undefined,
): boolean {
  const suits = (part: BoundExpression, { expression, ...means }: WantedPart, place: number): boolean =>
    sameExpression(part, expression) && areMeans(means, part.type, ...kindOf(source.index.parts[place]!, part));
  if (!parts.every((part) => wanted.some(({ expression }) => sameExpression(part, expression)))) return false;
  if (!wanted.every((each) => parts.some((part, place) => suits(part, each, place)))) return false;
  if (predicate === undefined) return true;
  const given = asked === undefined ? [] : conjuncts(asked);
  return conjuncts(predicate).every((each) => given.some((other) => sameExpression(each, other)));
}
