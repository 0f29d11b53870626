/** What can be told of a statement from its tree alone. */

import type { ExplainStmt, Node } from '@pgsql/types';
import { bindExplainOptions } from './binder/bind-explain.ts';
import { offsetName } from './parameter-definitions.ts';
import type { ResultColumn } from './planner/plan.ts';
import { parameterTitle } from './session-parameters.ts';
import { notSupported, SqlError } from './sql-error.ts';
import { parseInterval } from './types/interval-input.ts';

/** Statements that are bound and planned; the others are done at once. */
export function isQuery(node: Node): boolean {
  if ('ExplainStmt' in node) return isQuery(explainedBy(node.ExplainStmt));
  if ('SelectStmt' in node) return node.SelectStmt.intoClause === undefined;
  if ('CallStmt' in node) return true;
  return 'InsertStmt' in node || 'UpdateStmt' in node || 'DeleteStmt' in node || 'MergeStmt' in node;
}

/** What EXPLAIN is about: of a cursor, and of a table to be made and not now, the query. */
export function explainedBy(explain: ExplainStmt): Node {
  const asked = explain.query!;
  if ('DeclareCursorStmt' in asked) return asked.DeclareCursorStmt.query!;
  const isMade = 'CreateTableAsStmt' in asked || ('SelectStmt' in asked && asked.SelectStmt.intoClause !== undefined);
  if (!isMade || bindExplainOptions(explain).analyze) return asked;
  if ('CreateTableAsStmt' in asked) {
    const source = asked.CreateTableAsStmt.query!;
    return 'SelectStmt' in source ? source : asked;
  }
  const { intoClause: _, ...select } = asked.SelectStmt;
  return { SelectStmt: select };
}

/** As statements name what they are about; a routine is either. */
export type RoutineKind = 'function' | 'procedure' | 'routine';

/** Undefined for objects of another kind. */
export function routineKind(objectType: string | undefined): RoutineKind | undefined {
  switch (objectType) {
    case 'OBJECT_FUNCTION':
      return 'function';
    case 'OBJECT_PROCEDURE':
      return 'procedure';
    case 'OBJECT_ROUTINE':
      return 'routine';
    default:
      return undefined;
  }
}

/** Statements that a failed block still takes. */
export function endsBlock(node: Node): boolean {
  if (!('TransactionStmt' in node)) return false;
  const { kind = '' } = node.TransactionStmt;
  return ['TRANS_STMT_COMMIT', 'TRANS_STMT_ROLLBACK', 'TRANS_STMT_ROLLBACK_TO', 'TRANS_STMT_PREPARE'].includes(kind);
}

/** Columns of a statement that is not planned; undefined when it has no rows. */
export function utilityColumns(node: Node): readonly ResultColumn[] | undefined {
  if (!('VariableShowStmt' in node)) return undefined;
  const name = node.VariableShowStmt.name ?? '';
  const names = name.toLowerCase() === 'all' ? ['name', 'setting', 'description'] : [parameterTitle(name)];
  return names.map((each) => ({ name: each, type: 'text', modifier: -1, tableId: 0, columnNumber: 0 }));
}

/** A value in SET as text. */
export function settingOf(node: Node, name: string): string {
  if ('A_Const' in node) {
    const { sval, ival, fval, boolval } = node.A_Const;
    if (sval !== undefined) return sval.sval ?? '';
    if (ival !== undefined) return String(ival.ival ?? 0);
    if (fval !== undefined) return fval.fval ?? '0';
    if (boolval !== undefined) return boolval.boolval === true ? 'on' : 'off';
  }
  if ('TypeCast' in node && node.TypeCast.arg !== undefined && name.toLowerCase() === 'timezone') {
    // SET TIME ZONE INTERVAL '…'
    const span = parseInterval(settingOf(node.TypeCast.arg, name));
    if (span.months !== 0 || span.days !== 0) {
      const what = span.months !== 0 ? 'month' : 'days';
      throw new SqlError(
        'invalid_parameter_value',
        `invalid value for parameter "TimeZone": cannot specify ${what} in time zone interval`,
      );
    }
    return offsetName(Number(span.micros / 1_000_000n));
  }
  throw notSupported(`this value of ${name}`);
}

/** Whether clients that were told of `a` may get rows of `b`. */
export function sameColumns(a: readonly ResultColumn[] | undefined, b: readonly ResultColumn[] | undefined): boolean {
  if (a === undefined || b === undefined) return a === b;
  return (
    a.length === b.length &&
    a.every(({ name, type, modifier }, i) => name === b[i]!.name && type === b[i]!.type && modifier === b[i]!.modifier)
  );
}
