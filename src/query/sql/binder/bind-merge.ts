/** Binds MERGE (PostgreSQL's parse_merge.c): the source joined to the target, and what is done with each row of that. */

import type { MergeStmt, MergeWhenClause, Node } from '@pgsql/types';
import { rowWidth } from '../../../models/relational/table.ts';
import { notSupported, SqlError } from '../sql-error.ts';
import { bindFrom } from './bind-from.ts';
import { assignValues } from './bind-modify.ts';
import { bindAssignments } from './bind-set-list.ts';
import { bindWriteTarget, requireWritable, type WriteTarget } from './bind-view.ts';
import type { BoundAssignment, BoundMerge, BoundMergeAction } from './bound.ts';
import { defaultOf } from './column-values.ts';
import { type Clause, ExpressionBinder } from './expression-binder.ts';
import { placeIn } from './names.ts';
import type { QueryContext } from './query-context.ts';
import { type Frame, Scope } from './scope.ts';

const ON: Clause = { title: 'JOIN/ON', aggregates: 'refused', place: 'JOIN conditions' };
const WHEN: Clause = { title: 'WHEN', aggregates: 'refused', place: 'MERGE WHEN conditions' };
const VALUES: Clause = { title: 'VALUES', aggregates: 'refused' };

/** @param frame The statement, with what its WITH defines. */
export function bindMerge(merge: MergeStmt, context: QueryContext, frame: Frame): BoundMerge {
  const clauses = (merge.mergeWhenClauses ?? []).flatMap((node) =>
    'MergeWhenClause' in node ? [node.MergeWhenClause] : [],
  );
  if (merge.returningClause !== undefined) throw notSupported('RETURNING of MERGE');
  if (merge.withClause?.recursive === true) {
    throw new SqlError('syntax_error', 'WITH RECURSIVE is not supported for MERGE statement');
  }
  refuseUnreachable(clauses);
  const target = bindWriteTarget(merge.relation!, context, 'UPDATE');
  const { table } = target;
  if (target.named !== table.table) {
    throw new SqlError('feature_not_supported', `cannot execute MERGE on relation "${target.named.name}"`, {
      detail: 'This operation is not supported for views.',
    });
  }
  frame.ranges.add(target.item);
  const source = bindFrom([merge.sourceRelation!], context, frame, rowWidth(table.table))!;
  const clash = source.items.find(({ alias }) => alias === target.item.alias);
  if (clash !== undefined) {
    throw new SqlError('duplicate_alias', `name "${clash.alias}" specified more than once`, {
      detail: 'The name is used both as MERGE target table and data source.',
    });
  }
  const both = new ExpressionBinder(context, new Scope(frame, [target.item, ...source.items]));
  const outside = new ExpressionBinder(context, new Scope(frame, source.items));
  const condition = both.bindCondition(merge.joinCondition!, ON);
  const actions = clauses.map((clause) => bindAction(clause, target, isMatched(clause) ? both : outside));
  return { kind: 'merge', table, source: source.relation, condition, actions, returning: undefined };
}

function isMatched({ matchKind }: MergeWhenClause): boolean {
  if (matchKind === 'MERGE_WHEN_NOT_MATCHED_BY_SOURCE') throw notSupported('WHEN NOT MATCHED BY SOURCE');
  return matchKind === 'MERGE_WHEN_MATCHED';
}

function refuseUnreachable(clauses: readonly MergeWhenClause[]): void {
  for (const matched of [true, false]) {
    const kind = clauses.filter((clause) => isMatched(clause) === matched);
    const last = kind.findIndex(({ condition }) => condition === undefined);
    if (last < 0 || last === kind.length - 1) continue;
    throw new SqlError('syntax_error', 'unreachable WHEN clause specified after unconditional WHEN clause');
  }
}

function bindAction(clause: MergeWhenClause, target: WriteTarget, binder: ExpressionBinder): BoundMergeAction {
  const { commandType, targetList = [], values = [], override } = clause;
  const matched = isMatched(clause);
  const condition = clause.condition && binder.bindCondition(clause.condition, WHEN);
  switch (commandType) {
    case 'CMD_UPDATE':
      return { matched, condition, action: 'update', assignments: bindAssignments(targetList, target, binder) };
    case 'CMD_INSERT':
      return {
        matched,
        condition,
        action: 'insert',
        assignments: bindInsertion(targetList, values, target, binder, override),
      };
    case 'CMD_DELETE':
      return { matched, condition, action: 'delete', assignments: [] };
    default:
      return { matched, condition, action: 'nothing', assignments: [] };
  }
}

/** One assignment for each column of the table. */
function bindInsertion(
  targetList: readonly Node[],
  values: readonly Node[],
  target: WriteTarget,
  binder: ExpressionBinder,
  override: MergeWhenClause['override'],
): readonly BoundAssignment[] {
  const { columns } = target.table.table;
  const positions: number[] = [];
  for (const node of targetList) {
    if (!('ResTarget' in node)) continue;
    const { name = '', location } = node.ResTarget;
    const position = requireWritable(target, name, 'INSERT', location);
    if (positions.includes(position)) {
      throw new SqlError('duplicate_column', `column "${name}" specified more than once`, { location });
    }
    positions.push(position);
  }
  if (targetList.length === 0) positions.push(...columns.keys());
  if (values.length > positions.length) {
    throw new SqlError('syntax_error', 'INSERT has more expressions than target columns', {
      location: placeIn(values[positions.length]),
    });
  }
  if (targetList.length > 0 && values.length > 0 && values.length < positions.length) {
    const [node] = targetList.slice(values.length);
    throw new SqlError('syntax_error', 'INSERT has more target columns than expressions', { location: placeIn(node) });
  }
  const given = assignValues(values, positions, columns, binder, VALUES, override);
  return columns.map((column, position): BoundAssignment => {
    const index = positions.indexOf(position);
    return { position, expression: given[index] ?? defaultOf(column, binder.context) };
  });
}
