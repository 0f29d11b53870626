/** Which tables a function of a user reads and writes, told from the trees of its statements before any of them is bound. */

import type { Node } from '@pgsql/types';
import type { UserFunction } from '../../../models/relational/function-definition.ts';
import type { TableId } from '../../../models/relational/table.ts';
import { statementsOf } from '../binder/body-statements.ts';
import type { FindTable } from '../binder/query-context.ts';
import { walkTree } from '../binder/walk-tree.ts';
import type { FunctionSet } from './user-functions.ts';

/** Through functions that it calls too; undefined where it cannot be told. */
export interface FunctionTables {
  readonly written: ReadonlySet<TableId> | undefined;
  /** Those that it reads, and those that it writes. */
  readonly used: ReadonlySet<TableId> | undefined;
}

export function tablesOfFunction(
  definition: UserFunction,
  functions: FunctionSet,
  findTable: FindTable,
): FunctionTables {
  const written = new Set<TableId>();
  const used = new Set<TableId>();
  let readsView = false;
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
  const noteRead = ({
    schemaname,
    relname = '',
  }: {
    readonly schemaname?: string;
    readonly relname?: string;
  }): void => {
    const table = findTable({ schema: schemaname, name: relname });
    if (table?.view !== undefined) readsView = true;
    if (table !== undefined) used.add(table.table.id);
  };
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    for (const node of statementsOf(next)) {
      walkTree(node, (part) => {
        if ('InsertStmt' in part) note(part.InsertStmt as object, false);
        else if ('UpdateStmt' in part) note(part.UpdateStmt as object, true);
        else if ('DeleteStmt' in part) note(part.DeleteStmt as object, true);
        else if ('MergeStmt' in part) note(part.MergeStmt as object, true);
        else if ('RangeVar' in part) noteRead(part.RangeVar as object);
        else if ('FuncCall' in part) pending.push(...unseen(calledBy(part as Extract<Node, { FuncCall: unknown }>)));
        return true;
      });
    }
  }
  for (const id of written) used.add(id);
  return { written: isKnown ? written : undefined, used: isKnown && !readsView ? used : undefined };

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
