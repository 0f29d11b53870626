/** The names of all tables in a statement that can be bound, so that they are looked up before binding begins. */

import type { Node, SelectStmt } from '@pgsql/types';

export function referencedTables(node: Node): ReadonlySet<string> {
  const names = new Set<string>();
  const from = (nodes: readonly Node[] | undefined): void => {
    for (const each of nodes ?? []) {
      if ('RangeVar' in each) names.add(each.RangeVar.relname ?? '');
      if ('JoinExpr' in each) from([each.JoinExpr.larg!, each.JoinExpr.rarg!]);
    }
  };
  const select = (statement: SelectStmt): void => from(statement.fromClause);
  if ('SelectStmt' in node) select(node.SelectStmt);
  if ('InsertStmt' in node) {
    names.add(node.InsertStmt.relation?.relname ?? '');
    if (node.InsertStmt.selectStmt !== undefined && 'SelectStmt' in node.InsertStmt.selectStmt) {
      select(node.InsertStmt.selectStmt.SelectStmt);
    }
  }
  if ('UpdateStmt' in node) names.add(node.UpdateStmt.relation?.relname ?? '');
  if ('DeleteStmt' in node) names.add(node.DeleteStmt.relation?.relname ?? '');
  return names;
}
