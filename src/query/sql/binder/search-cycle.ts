/**
 * SEARCH and CYCLE of recursive queries in WITH, as PostgreSQL spells them out (rewriteSearchCycle.c): columns that both terms get besides
 * their own, so that what follows knows only recursion.
 *
 *   SEARCH DEPTH FIRST BY k SET s     s: an array of the rows (k) from the first to this one
 *   SEARCH BREADTH FIRST BY k SET s   s: the row (depth, k)
 *   CYCLE k SET m USING p             p: an array as above; m: whether (k) was in it before, behind which nothing is looked for
 */

import type { ColumnRef, CommonTableExpr, Node, SelectStmt } from '@pgsql/types';
import { notSupported, SqlError } from '../sql-error.ts';
import { stringsOf } from './names.ts';

const LEFT = '*TLOCRN*';
const RIGHT = '*TROCRN*';

const text = (sval: string): Node => ({ String: { sval } });
const column = (...names: readonly string[]): Node => ({ ColumnRef: { fields: names.map(text) } });
const target = (val: Node, name?: string): Node => ({ ResTarget: name === undefined ? { val } : { name, val } });
const call = (name: string, ...args: Node[]): Node => ({
  FuncCall: { funcname: [text('pg_catalog'), text(name)], args, funcformat: 'COERCE_EXPLICIT_CALL' },
});
const integer = (ival: number): Node => ({ A_Const: { ival: { ival } } });
const typed = (arg: Node, name: string): Node => ({
  TypeCast: { arg, typeName: { names: [text('pg_catalog'), text(name)], typemod: -1 } },
});
const row = (args: Node[]): Node => ({ RowExpr: { args, row_format: 'COERCE_EXPLICIT_CALL' } });
const list = (element: Node): Node => ({ A_ArrayExpr: { elements: [element] } });
const operator = (name: string, lexpr: Node, rexpr: Node, kind: 'AEXPR_OP' | 'AEXPR_OP_ANY' = 'AEXPR_OP'): Node => ({
  A_Expr: { kind, name: [text(name)], lexpr, rexpr },
});
const sum = (a: Node, b: Node): Node => operator('+', a, b);

/** The first field of a row whose type has no names: its text begins with that number. */
function depthOf(sequence: Node): Node {
  const behindParenthesis = call('substr', typed(sequence, 'text'), integer(2));
  return typed(call('split_part', behindParenthesis, { A_Const: { sval: { sval: ',' } } }, integer(1)), 'int8');
}

interface Extra {
  readonly name: string;
  readonly first: Node;
  /** @param carried What the row before it had there. */
  next(carried: (name: string) => Node): Node;
}

function refuse(
  message: string,
  location: number | undefined,
  condition: 'syntax_error' | 'duplicate_column' = 'syntax_error',
): never {
  throw new SqlError(condition, message, { location });
}

function checkKeys(
  kind: 'search' | 'cycle',
  keys: readonly string[],
  columns: readonly string[],
  location?: number,
): void {
  for (const [i, key] of keys.entries()) {
    if (!columns.includes(key)) refuse(`${kind} column "${key}" not in WITH query column list`, location);
    if (keys.indexOf(key) < i) refuse(`${kind} column "${key}" specified more than once`, location, 'duplicate_column');
  }
}

/** The columns that the clauses add, in their order. @throws SqlError `syntax_error`, `duplicate_column`. */
function extrasOf(
  { search_clause: search, cycle_clause: cycle }: CommonTableExpr,
  columns: readonly string[],
): Extra[] {
  const extras: Extra[] = [];
  const keysOf = (names: readonly string[]): Node[] => names.map((name) => column(name));
  if (search !== undefined) {
    const keys = stringsOf(search.search_col_list);
    const name = search.search_seq_column ?? '';
    checkKeys('search', keys, columns, search.location);
    if (columns.includes(name))
      refuse(`search sequence column name "${name}" already used in WITH query column list`, search.location);
    extras.push(
      search.search_breadth_first === true
        ? {
            name,
            first: row([typed(integer(0), 'int8'), ...keysOf(keys)]),
            next: (carried) => row([sum(depthOf(carried(name)), integer(1)), ...keysOf(keys)]),
          }
        : path(name, row(keysOf(keys))),
    );
  }
  if (cycle !== undefined) {
    const keys = stringsOf(cycle.cycle_col_list);
    const { cycle_mark_column: mark = '', cycle_path_column: via = '', location } = cycle;
    checkKeys('cycle', keys, columns, location);
    if (columns.includes(mark))
      refuse(`cycle mark column name "${mark}" already used in WITH query column list`, location);
    if (columns.includes(via))
      refuse(`cycle path column name "${via}" already used in WITH query column list`, location);
    if (mark === via) refuse('cycle mark column name and cycle path column name are the same', location);
    for (const [name, what] of [
      [mark, 'mark'],
      [via, 'path'],
    ] as const) {
      if (name === search?.search_seq_column)
        refuse(`search sequence column name and cycle ${what} column name are the same`, search.location);
    }
    const [isOn, isOff] = [cycle.cycle_mark_value!, cycle.cycle_mark_default!];
    const found = (carried: Node): Node => operator('=', row(keysOf(keys)), carried, 'AEXPR_OP_ANY');
    extras.push({
      name: mark,
      first: isOff,
      next: (carried) => ({
        CaseExpr: { args: [{ CaseWhen: { expr: found(carried(via)), result: isOn } }], defresult: isOff },
      }),
    });
    extras.push(path(via, row(keysOf(keys))));
  }
  return extras;
}

function path(name: string, key: Node): Extra {
  return { name, first: list(key), next: (carried) => call('array_cat', carried(name), list(key)) };
}

const wrapped = (targetList: Node[], query: SelectStmt, alias: string, columns: readonly string[]): SelectStmt => ({
  targetList,
  fromClause: [
    { RangeSubselect: { subquery: { SelectStmt: query }, alias: { aliasname: alias, colnames: columns.map(text) } } },
  ],
  limitOption: 'LIMIT_OPTION_DEFAULT',
  op: 'SETOP_NONE',
});

/** What the recursive term calls the rows before it. @throws SqlError `feature_not_supported`. */
function aliasIn({ fromClause = [] }: SelectStmt, name: string): string {
  const pending = [...fromClause];
  for (let next = pending.shift(); next !== undefined; next = pending.shift()) {
    if ('JoinExpr' in next) pending.unshift(next.JoinExpr.larg!, next.JoinExpr.rarg!);
    if ('RangeVar' in next && next.RangeVar.relname === name && next.RangeVar.schemaname === undefined)
      return next.RangeVar.alias?.aliasname ?? name;
  }
  throw new SqlError(
    'feature_not_supported',
    `with a SEARCH or CYCLE clause, the recursive reference to WITH query "${name}" must be at the top level of its right-hand SELECT`,
  );
}

/** The term that is not recursive, as it was before it got columns. */
export function firstTerm(term: SelectStmt): SelectStmt {
  const [from] = term.fromClause ?? [];
  const wrapping = from !== undefined && 'RangeSubselect' in from ? from.RangeSubselect : undefined;
  const { subquery } = wrapping?.alias?.aliasname === LEFT ? wrapping : {};
  return subquery !== undefined && 'SelectStmt' in subquery ? subquery.SelectStmt : term;
}

/** All columns of the rows before it are those without the new ones. */
function withoutExtras(targets: readonly Node[], alias: string, columns: readonly string[], single: boolean): Node[] {
  return targets.flatMap((node): Node[] => {
    const value = 'ResTarget' in node ? node.ResTarget.val : undefined;
    const fields = value !== undefined && 'ColumnRef' in value ? ((value.ColumnRef as ColumnRef).fields ?? []) : [];
    const last = fields.at(-1);
    if (last === undefined || !('A_Star' in last)) return [node];
    const named = stringsOf(fields.slice(0, -1)).at(-1);
    if (named === alias || (named === undefined && single)) return columns.map((name) => target(column(alias, name)));
    if (named === undefined) throw notSupported('* over several relations in a recursive query with SEARCH or CYCLE');
    return [node];
  });
}

/**
 * The query without the clauses.
 * @param columns The names of its own columns.
 * @throws SqlError `syntax_error`, `duplicate_column`, `feature_not_supported`.
 */
export function withSearchAndCycle(cte: CommonTableExpr, columns: readonly string[]): CommonTableExpr {
  const { search_clause: _, cycle_clause: cycle, ...plain } = cte;
  const { SelectStmt: union } = cte.ctequery as Extract<Node, { SelectStmt: unknown }>;
  const extras = extrasOf(cte, columns);
  const { larg: left, rarg: right } = union;
  for (const [side, query] of [
    ['left', left],
    ['right', right],
  ] as const) {
    if (query!.op === 'SETOP_NONE' && query!.valuesLists === undefined) continue;
    if (side === 'left' && query!.op === 'SETOP_NONE') continue;
    const message = `with a SEARCH or CYCLE clause, the ${side} side of the UNION must be a SELECT`;
    throw new SqlError('feature_not_supported', message);
  }
  const alias = aliasIn(right!, cte.ctename ?? '');
  const names = [...columns, ...extras.map(({ name }) => name)];
  const own = columns.map((name) => target(column(name), name));
  const inner: SelectStmt = {
    ...right!,
    targetList: [
      ...withoutExtras(
        right!.targetList ?? [],
        alias,
        columns,
        (right!.fromClause ?? []).length === 1 && 'RangeVar' in right!.fromClause![0]!,
      ),
      ...extras.map(({ name }) => target(column(alias, name))),
    ],
  };
  if (cycle !== undefined) {
    const open = operator('<>', column(alias, cycle.cycle_mark_column ?? ''), cycle.cycle_mark_value!);
    inner.whereClause =
      inner.whereClause === undefined ? open : { BoolExpr: { boolop: 'AND_EXPR', args: [inner.whereClause, open] } };
  }
  const first = wrapped([...own, ...extras.map((extra) => target(extra.first, extra.name))], left!, LEFT, columns);
  const carried = (name: string): Node => column(RIGHT, name);
  const next = wrapped(
    [...own, ...extras.map((extra) => target(extra.next(carried), extra.name))],
    inner,
    RIGHT,
    names,
  );
  return {
    ...plain,
    aliascolnames: names.map(text),
    ctequery: { SelectStmt: { ...union, larg: first, rarg: next } },
  };
}
