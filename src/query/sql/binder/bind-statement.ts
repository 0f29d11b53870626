/** Binds a statement that is planned: a query, or one that writes, with what its WITH defines. */

import type { Node, WithClause } from '@pgsql/types';
import { at, notSupported, SqlError } from '../sql-error.ts';
import { explainedBy } from '../statement-kinds.ts';
import { bindExplainOptions } from './bind-explain.ts';
import { bindMerge } from './bind-merge.ts';
import { bindDelete, bindInsert, bindUpdate } from './bind-modify.ts';
import { bindCallStatement } from './bind-procedure-call.ts';
import { bindQuery, bindWith, queryContext } from './bind-query.ts';
import type { BoundModify, BoundQuery } from './bound.ts';
import { statementTitle } from './names.ts';
import type { BindContext, FindTable, QueryContext } from './query-context.ts';
import { Frame } from './scope.ts';

/** @throws SqlError of any kind that a statement can be wrong in. */
export function bindStatement(node: Node, context: BindContext, findTable: FindTable): BoundQuery {
  return at(undefined, () => {
    if ('ExplainStmt' in node) {
      const options = bindExplainOptions(node.ExplainStmt);
      return { kind: 'explain', query: bindStatement(explainedBy(node.ExplainStmt), context, findTable), options };
    }
    const plain = queryContext(context, findTable);
    const queries: QueryContext = { ...plain, queries: { ...plain.queries, modify: bindModify } };
    const frame = new Frame(undefined);
    if ('CallStmt' in node) return bindCallStatement(node.CallStmt, plain);
    if ('SelectStmt' in node) return bindQuery(node.SelectStmt, queries, frame, false);
    const clause = withClauseOf(node);
    const ctes = clause === undefined ? undefined : bindWith(clause, queries, frame);
    const modify = bindModify(node, queries, frame);
    if (modify === undefined) throw notSupported(statementTitle(node));
    return ctes === undefined ? modify : { kind: 'modifyWith', ctes, modify };
  });
}

function withClauseOf(node: Node): WithClause | undefined {
  if ('InsertStmt' in node) return node.InsertStmt.withClause;
  if ('UpdateStmt' in node) return node.UpdateStmt.withClause;
  if ('MergeStmt' in node) return node.MergeStmt.withClause;
  return 'DeleteStmt' in node ? node.DeleteStmt.withClause : undefined;
}

function bindModify(node: Node, context: QueryContext, frame: Frame): BoundModify | undefined {
  if (withClauseOf(node) !== undefined && frame.outer !== undefined) throw notSupported('WITH inside of WITH');
  if ('MergeStmt' in node) {
    if (frame.outer !== undefined) throw new SqlError('feature_not_supported', 'MERGE not supported in WITH query');
    return bindMerge(node.MergeStmt, context, frame);
  }
  if ('InsertStmt' in node) return bindInsert(node.InsertStmt, context, frame);
  if ('UpdateStmt' in node) return bindUpdate(node.UpdateStmt, context, frame);
  return 'DeleteStmt' in node ? bindDelete(node.DeleteStmt, context, frame) : undefined;
}
