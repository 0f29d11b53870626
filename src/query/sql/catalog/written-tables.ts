/** Which tables a function of a user writes, told from the trees of its statements before any of them is bound. */

import type { Node } from '@pgsql/types';
import type { UserFunction } from '../../../models/relational/function-definition.ts';
import type { TableId } from '../../../models/relational/table.ts';
import { statementsOf } from '../binder/body-statements.ts';
import type { FindTable } from '../binder/query-context.ts';
import { walkTree } from '../binder/walk-tree.ts';
import type { FunctionSet } from './user-functions.ts';

/** The tables that a function writes, through functions that it calls too; undefined where that cannot be told. */
export function tablesWrittenBy(
  definition: UserFunction,
  functions: FunctionSet,
  findTable: FindTable,
): ReadonlySet<TableId> | undefined {
  const written = new Set<TableId>();
  const pending = [definition];
  const seen = new Set<UserFunction>(pending);
  let isKnown = true;
  const note = (node: object, mayCascade: boolean): void => {
    const { relation } = node as { readonly relation?: { readonly schemaname?: string; readonly relname?: string } };
    const table = findTable({ schema: relation?.schemaname, name: relation?.relname ?? '' });
    if (table === undefined) return; // Running it tells that there is none.
    if (table.view !== undefined) isKnown = false;
    written.add(table.table.id);
    if (mayCascade) for (const id of table.related.keys()) written.add(id);
  };
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    for (const node of statementsOf(next)) {
      walkTree(node, (part) => {
        if ('InsertStmt' in part) note(part.InsertStmt as object, false);
        else if ('UpdateStmt' in part) note(part.UpdateStmt as object, true);
        else if ('DeleteStmt' in part) note(part.DeleteStmt as object, true);
        else if ('MergeStmt' in part) note(part.MergeStmt as object, true);
        else if ('FuncCall' in part) pending.push(...unseen(calledBy(part as Extract<Node, { FuncCall: unknown }>)));
        return true;
      });
    }
  }
  return isKnown ? written : undefined;

  function calledBy({ FuncCall: { funcname = [] } }: Extract<Node, { FuncCall: unknown }>): readonly UserFunction[] {
    const last = funcname.at(-1);
    const name = last !== undefined && 'String' in last ? last.String.sval : undefined;
    return name === undefined ? [] : functions.all.filter((each) => each.name === name);
  }

  function unseen(found: readonly UserFunction[]): readonly UserFunction[] {
    const fresh = found.filter((each) => !seen.has(each));
    for (const each of fresh) seen.add(each);
    return fresh;
  }
}
