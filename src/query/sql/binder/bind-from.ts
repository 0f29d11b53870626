/**
 * Binds FROM: tables, queries and joins of them, from left to right (PostgreSQL's parse_clause.c).
 *
 * The items of the list, and the two sides of a join, follow one another in the row. Columns of a join are its own: the
 * merged ones of USING first, then those of both sides; with an alias the join hides what it joins. LATERAL queries see
 * what stands to their left in the list and in the joins around them; what they take from there becomes an argument of the
 * join whose left side has it.
 */

import type {
  Alias,
  JoinExpr,
  Node,
  RangeFunction,
  RangeSubselect,
  RangeTableSample,
  RangeVar,
  SelectStmt,
} from '@pgsql/types';
import { outputs, type UserFunction } from '../../../models/relational/function-definition.ts';
import { columnNumber } from '../../../models/relational/table.ts';
import type { CatalogTable } from '../catalog-cache.ts';
import { at, notSupported, SqlError } from '../sql-error.ts';
import { isBarrier } from '../storage-parameters.ts';
import { castFor } from '../types/cast.ts';
import { recordTypeOf } from '../types/record-types.ts';
import { baseOf, commonType, isRecord, titleOf, typeInfo } from '../types/types.ts';
import { bindField } from './bind-array.ts';
import { bindUserSet } from './bind-function.ts';
import { bindSample } from './bind-sample.ts';
import { columnNameOf } from './bind-targets.ts';
import {
  type BoundArgument,
  type BoundColumn,
  type BoundExpression,
  type BoundJoin,
  type BoundRelation,
  type BoundRows,
  type BoundSet,
  columnAt,
  columnsOf,
  conjunction,
  type JoinType,
  shifted,
  widthOf,
} from './bound.ts';
import { type Clause, ExpressionBinder } from './expression-binder.ts';
import {
  type FrozenRange,
  kindOf,
  namedType,
  nameOfList,
  placeIn,
  relationName,
  shownName,
  stringsOf,
} from './names.ts';
import { numberedRows } from './numbered-rows.ts';
import { nested, type Queries, type QueryContext, timeOfDefinition } from './query-context.ts';
import { Frame, isLaterCte, Scope, type ScopeColumn, type ScopeItem, tableItem } from './scope.ts';

const FUNCTION: Clause = { title: 'functions in FROM', aggregates: 'refused', sets: 'allowed' };
const ON: Clause = { title: 'JOIN/ON', aggregates: 'refused', place: 'JOIN conditions' };

/** What one item of FROM comes to. */
export interface BoundItem {
  readonly relation: BoundRelation;
  /** Names that it brings into sight. */
  readonly items: readonly ScopeItem[];
  /** What it takes from items to its left, over the row of the whole clause. */
  readonly lateral: readonly BoundArgument[];
}

/**
 * All items of a FROM clause, joined. Undefined for an empty one.
 * @param offset Where their row begins in the one that expressions read.
 * @param around What LATERAL finds besides them.
 */
export function bindFrom(
  nodes: readonly Node[],
  context: QueryContext,
  frame: Frame,
  offset = 0,
  around: readonly ScopeItem[] = [],
): BoundItem | undefined {
  let whole: BoundItem | undefined;
  for (const node of nodes) {
    const binder = new FromBinder(context, frame);
    const width = whole === undefined ? 0 : widthOf(whole.relation);
    const item = binder.bind(node, offset + width, [...around, ...(whole?.items ?? [])]);
    if (whole === undefined) {
      whole = item;
      continue;
    }
    refuseSameNames(whole.items, item.items);
    whole = {
      relation: joined('inner', whole.relation, item, offset, undefined),
      items: [...whole.items, ...item.items],
      lateral: [],
    };
  }
  return whole;
}

class FromBinder {
  readonly #context: QueryContext;
  readonly #frame: Frame;

  constructor(context: QueryContext, frame: Frame) {
    this.#context = context;
    this.#frame = frame;
  }

  /**
   * @param offset Where its row begins in that of the clause.
   * @param left What stands to its left, for LATERAL.
   */
  bind(node: Node, offset: number, left: readonly ScopeItem[]): BoundItem {
    if ('JoinExpr' in node) return nested(this.#context, () => this.#join(node.JoinExpr, offset, left));
    const item = this.#single(node, offset, left);
    this.#frame.ranges.add(...item.items);
    return item;
  }

  /** What is no join. */
  #single(node: Node, offset: number, left: readonly ScopeItem[]): BoundItem {
    if ('RangeVar' in node) return this.#relation(node.RangeVar, offset);
    if ('RangeSubselect' in node) return this.#subselect(node.RangeSubselect, offset, left);
    if ('RangeFunction' in node) return this.#functions(node.RangeFunction, offset, left);
    if ('RangeTableSample' in node) return this.#sample(node.RangeTableSample, offset);
    throw notSupported(`${kindOf(node)} in FROM`, placeIn(node));
  }

  #sample(sample: RangeTableSample, offset: number): BoundItem {
    const range = (sample.relation as Extract<Node, { RangeVar: unknown }>).RangeVar;
    const item = this.#relation(range, offset);
    const { relation: scan } = item;
    if (scan.kind === 'scan' && scan.table.system === undefined) {
      return { ...item, relation: bindSample(scan, sample, this.#context) };
    }
    const message = 'TABLESAMPLE clause can only be applied to tables and materialized views';
    throw new SqlError('feature_not_supported', message, { location: range.location });
  }

  #relation(range: RangeVar, offset: number): BoundItem {
    const cte = range.schemaname === undefined ? this.#frame.findCte(range.relname ?? '') : undefined;
    if (cte === undefined) {
      const { relname = '', schemaname, location } = range;
      if (schemaname === undefined && isLaterCte(this.#frame, relname) && !this.#exists(range)) {
        throw new SqlError('undefined_table', `relation "${relname}" does not exist`, {
          location,
          detail: `There is a WITH item named "${relname}", but it cannot be referenced from this part of the query.`,
          hint: 'Use WITH RECURSIVE, or re-order the WITH items to remove forward references.',
        });
      }
      const found = findRelation(range, this.#context.queries);
      if (found.view === undefined) return tableAs(found, range, offset);
      return viewAs(found, range, offset, this.#context);
    }
    if (cte.modify !== undefined && cte.modify.returning === undefined) {
      throw new SqlError('feature_not_supported', `WITH query "${cte.name}" does not have a RETURNING clause`, {
        location: range.location,
      });
    }
    cte.references++;
    const alias = range.alias?.aliasname ?? cte.name;
    const columns = cte.columns.map((column, i) => ({
      name: column.name,
      expression: columnAt(offset + i, column.expression),
      origin: undefined,
    }));
    const item = { alias, columns: renamed(columns, range.alias, alias), open: true, offset, table: undefined, cte };
    return { relation: { kind: 'cte', alias, cte }, items: [item], lateral: [] };
  }

  #exists(range: RangeVar): boolean {
    return this.#context.queries.findTable(relationName(range)) !== undefined;
  }

  #subselect({ lateral, subquery, alias }: RangeSubselect, offset: number, left: readonly ScopeItem[]): BoundItem {
    if (subquery === undefined || !('SelectStmt' in subquery)) throw notSupported('this query in FROM');
    const { SelectStmt: select } = subquery;
    if (alias === undefined) {
      const [what, form] = select.valuesLists === undefined ? ['subquery', 'SELECT'] : ['VALUES', 'VALUES'];
      throw new SqlError('syntax_error', `${what} in FROM must have an alias`, {
        location: subselectPlace(select),
        atParenthesis: true,
        hint: `For example, FROM (${form} ...) [AS] foo.`,
      });
    }
    const frame = new Frame(new Scope(this.#frame, lateral === true ? left : []));
    const query = nested(this.#context, () => this.#context.queries.bind(select, this.#context, frame));
    const name = alias.aliasname ?? '';
    const columns = query.columns.map((column, i) => ({
      name: column.name,
      expression: columnAt(offset + i, column.expression),
      origin: column.origin,
    }));
    const item = { alias: name, columns: renamed(columns, alias, name), open: true, offset, table: undefined };
    return { relation: { kind: 'derived', alias: name, query }, items: [item], lateral: frame.args };
  }

  /** Functions see what stands to their left, with LATERAL and without. */
  #functions(range: RangeFunction, offset: number, left: readonly ScopeItem[]): BoundItem {
    const { functions: given = [], alias, ordinality = false, coldeflist } = range;
    const lists = given.flatMap(splitUnnest);
    const frame = new Frame(new Scope(this.#frame, left));
    const binder = new ExpressionBinder(this.#context, new Scope(frame, []));
    const functions: BoundSet[] = [];
    const columns: ScopeColumn[] = [];
    let value: BoundExpression | undefined;
    const ofUser = this.#userFunction(range, offset, left) ?? this.#numbered(range, lists, offset, left);
    if (ofUser !== undefined) return ofUser;
    for (const list of lists) {
      const [node, ownList] = 'List' in list ? (list.List.items ?? []) : [];
      const definitions = ownList !== undefined && 'List' in ownList ? (ownList.List.items ?? []) : coldeflist;
      const record = definitions && recordTypeOf(definitions.map(columnDefinition));
      const set = binder.bindSet(node!, FUNCTION, record);
      const { result } = set.function;
      if (definitions !== undefined && result !== record) {
        throw new SqlError(
          'syntax_error',
          'a column definition list is only allowed for functions returning "record"',
          {
            location: placeIn(definitions),
          },
        );
      }
      if (result === 'record') {
        throw new SqlError('syntax_error', 'a column definition list is required for functions returning "record"', {
          location: placeIn(node),
        });
      }
      value = columnAt(offset + functions.length, { type: result, modifier: -1 });
      const fields = typeInfo(baseOf(result)).fields;
      const whole = value;
      if (fields !== undefined) {
        for (const { name } of fields) columns.push({ name, expression: bindField(whole, name), origin: undefined });
      } else {
        // A single function's column goes by the name of the item.
        const own = columnNameOf(node!);
        const only = lists.length === 1 ? alias?.aliasname : undefined;
        const { runs, name: title } = set.function;
        const name = (runs === undefined ? OUTPUT_NAMES.get(title) : outputName(runs)) ?? only ?? own;
        columns.push({ name, expression: whole, origin: undefined });
      }
      functions.push(set);
    }
    const [first] = lists;
    const [firstNode] = first !== undefined && 'List' in first ? (first.List.items ?? []) : [];
    const name = alias?.aliasname ?? columnNameOf(firstNode!);
    if (ordinality) {
      const expression = columnAt(offset + functions.length, { type: 'int8', modifier: -1 });
      columns.push({ name: 'ordinality', expression, origin: undefined });
    }
    const shown = { alias: name, columns: renamed(columns, alias, name), open: true, offset, table: undefined };
    const item = functions.length === 1 && !ordinality && value !== undefined ? { ...shown, value } : shown;
    return { relation: { kind: 'function', alias: name, functions, ordinality }, items: [item], lateral: frame.args };
  }

  /** Several functions, or one WITH ORDINALITY, where one of them is a query. */
  #numbered(
    { ordinality = false, alias, coldeflist }: RangeFunction,
    lists: readonly Node[],
    offset: number,
    left: readonly ScopeItem[],
  ): BoundItem | undefined {
    const calls = lists.map((list) => ('List' in list ? list.List.items?.[0] : undefined));
    const isUsers = calls.map(
      (call) =>
        call !== undefined &&
        'FuncCall' in call &&
        (this.#context.functions?.named(nameOfList(stringsOf(call.FuncCall.funcname))) ?? []).length > 0,
    );
    if ((lists.length === 1 && !ordinality) || !isUsers.includes(true)) return undefined;
    // The column of a single function goes by the name of the item.
    const named = lists.length === 1 && alias?.aliasname !== undefined ? { alias: { aliasname: alias.aliasname } } : {};
    const parts = lists.map((list) => {
      const single: RangeFunction = {
        functions: [list],
        ...named,
        ...(lists.length === 1 && coldeflist ? { coldeflist } : {}),
      };
      return this.#functions(single, 0, left);
    });
    const query = numberedRows(
      parts.map(({ relation, items }) => ({ relation, columns: items.flatMap(({ columns }) => columns) })),
    );
    const shown = ordinality ? query.columns : query.columns.slice(0, -1);
    const columns = shown.map(({ name, expression }, i) => ({
      name,
      expression: columnAt(offset + i, expression),
      origin: undefined,
    }));
    const name = alias?.aliasname ?? columnNameOf(calls[0]!);
    const item = { alias: name, columns: renamed(columns, alias, name), open: true, offset, table: undefined };
    const lateral = parts.flatMap((part) => part.lateral);
    return { relation: { kind: 'derived', alias: name, query }, items: [item], lateral };
  }

  /** A call of a function that a user defined is the query that it stands for. */
  #userFunction(range: RangeFunction, offset: number, left: readonly ScopeItem[]): BoundItem | undefined {
    const { functions: lists = [], alias, ordinality = false, coldeflist } = range;
    const [list] = lists;
    const [node, ownList] = list !== undefined && 'List' in list ? (list.List.items ?? []) : [];
    if (lists.length !== 1 || ordinality || node === undefined || !('FuncCall' in node)) return undefined;
    const known = this.#context.functions?.named(nameOfList(stringsOf(node.FuncCall.funcname))) ?? [];
    if (known.length === 0) return undefined;
    const given = ownList !== undefined && 'List' in ownList ? ownList.List.items : coldeflist;
    const definitions = given?.map(columnDefinition);
    const binder = new ExpressionBinder(this.#context, new Scope(this.#frame, left));
    const set = binder.bindSet(node, FUNCTION, definitions && recordTypeOf(definitions));
    const { user, result } = set.function;
    if (user === undefined) return undefined;
    if (result === 'record') {
      throw new SqlError('syntax_error', 'a column definition list is required for functions returning "record"', {
        location: placeIn(node),
      });
    }
    const { query, frame } = bindUserSet(user, set.args, this.#context);
    const name = alias?.aliasname ?? columnNameOf(node);
    const { fields } = typeInfo(baseOf(result));
    const whole = columnAt(offset, { type: result, modifier: -1 });
    const isRow = fields !== undefined && query.columns.length === 1 && isRecord(query.columns[0]!.expression.type);
    const columns = isRow
      ? fields.map((field) => ({ name: field.name, expression: bindField(whole, field.name), origin: undefined }))
      : query.columns.map((column, i) => ({
          name: definitions?.[i]?.name ?? fields?.[i]?.name ?? outputName(user.definition) ?? name,
          expression: columnAt(offset + i, column.expression),
          origin: undefined,
        }));
    const shown = { alias: name, columns: renamed(columns, alias, name), open: true, offset, table: undefined };
    const item = fields === undefined || isRow ? { ...shown, value: whole } : shown;
    // What it takes of no row around it is computed over a row of nothing.
    const own = frame.args.filter((arg) => columnsOf(arg.value).size === 0);
    const lateral = frame.args.filter((arg) => !own.includes(arg));
    const derived: BoundRelation = { kind: 'derived', alias: name, query };
    if (own.length === 0) return { relation: derived, items: [item], lateral };
    const nothing: BoundRows = { kind: 'values', columns: [], rows: [[]] };
    const unit: BoundRelation = { kind: 'derived', alias: '', query: nothing };
    const right = { relation: derived, items: [item], lateral: own };
    return { relation: joined('inner', unit, right, offset, undefined), items: [item], lateral };
  }

  #join(join: JoinExpr, offset: number, outside: readonly ScopeItem[]): BoundItem {
    const { jointype, larg, rarg, quals, isNatural, usingClause, alias, join_using_alias: usingAlias } = join;

    const type = JOINS[jointype ?? 'JOIN_INNER'];
    if (type === undefined) throw notSupported(`${jointype} in FROM`, placeIn(join));
    const left = this.bind(larg!, offset, outside);
    const leftWidth = widthOf(left.relation);
    const right = this.bind(rarg!, offset + leftWidth, [...outside, ...left.items]);
    if (right.lateral.length > 0 && (type === 'right' || type === 'full')) this.#refuseLateral(left, right, rarg!);
    refuseSameNames(left.items, right.items);
    const names =
      isNatural === true
        ? commonNames(left.items, right.items)
        : usingClause === undefined
          ? undefined
          : stringsOf(usingClause);
    const inner = new Scope(this.#frame, [...left.items, ...right.items]);
    const binder = new ExpressionBinder(this.#context, inner);
    const twice = names?.find((name, i) => names.indexOf(name) < i);
    if (twice !== undefined) {
      throw new SqlError('duplicate_column', `column name "${twice}" appears more than once in USING clause`);
    }
    const merged = (names ?? []).map((name) => this.#merge(name, type, left.items, right.items, binder));
    let condition: BoundExpression | undefined;
    if (merged.length > 0) condition = conjunction(merged.map((each) => each.equal));
    else if (quals !== undefined) condition = binder.bindCondition(quals, ON);
    const rest = (items: readonly ScopeItem[], side: 'left' | 'right') =>
      items
        .filter(({ open }) => open)
        .flatMap(({ columns }) => columns)
        .filter((column) => !merged.some((each) => each[side] === column));
    const columns = [...merged.map((each) => each.column), ...rest(left.items, 'left'), ...rest(right.items, 'right')];
    const relation = joined(type, left.relation, right, offset, condition && shifted(condition, -offset));
    const lateral = [...left.lateral, ...right.lateral.filter(({ value }) => !within(value, offset, leftWidth))];
    const all = [
      ...nullable(left.items, type === 'right' || type === 'full'),
      ...nullable(right.items, type === 'left' || type === 'full'),
    ];
    const hidden = all.map((item) => ({ ...item, open: false }));
    const own = { columns, open: true, offset, table: undefined };
    if (alias === undefined) {
      // Without USING the sides themselves stay in sight; a join of its own would only name their columns twice.
      const items = names === undefined ? all : [...hidden, { ...own, alias: undefined }];
      if (usingAlias === undefined) return { relation, items, lateral };
      const { aliasname = '' } = usingAlias;
      const shared = merged.map((each) => each.column);
      const named = { ...own, open: false, alias: aliasname, columns: renamed(shared, usingAlias, aliasname) };
      refuseSameNames(items, [named]);
      return { relation, items: [...items, named], lateral };
    }
    const name = alias.aliasname ?? '';
    return { relation, items: [{ ...own, alias: name, columns: renamed(columns, alias, name) }], lateral };
  }

  #refuseLateral(left: BoundItem, right: BoundItem, node: Node): void {
    const width = widthOf(left.relation);
    const offset = left.items[0]?.offset ?? 0;
    const own = right.lateral.find(({ value }) => within(value, offset, width));
    if (own === undefined) return;
    const name = left.items[0]?.alias ?? '';
    throw new SqlError('invalid_column_reference', `invalid reference to FROM-clause entry for table "${name}"`, {
      location: own.value.location ?? placeIn(node),
      detail: 'The combining JOIN type must be INNER or LEFT for a LATERAL reference.',
    });
  }

  /** One column of USING: which it is on either side, and what stands for both. */
  #merge(
    name: string,
    type: JoinType,
    leftItems: readonly ScopeItem[],
    rightItems: readonly ScopeItem[],
    binder: ExpressionBinder,
  ) {
    const find = (items: readonly ScopeItem[], side: 'left' | 'right'): ScopeColumn => {
      const found = items
        .filter(({ open }) => open)
        .flatMap(({ columns }) => columns.filter((each) => each.name === name));
      if (found.length > 1) {
        throw new SqlError('ambiguous_column', `common column name "${name}" appears more than once in ${side} table`);
      }
      if (found[0] !== undefined) return found[0];
      throw new SqlError(
        'undefined_column',
        `column "${name}" specified in USING clause does not exist in ${side} table`,
      );
    };
    const left = find(leftItems, 'left');
    const right = find(rightItems, 'right');
    const common = commonType([left.expression.type, right.expression.type]);
    if (common === undefined) {
      throw new SqlError(
        'datatype_mismatch',
        `JOIN/USING types ${titleOf(left.expression.type)} and ${titleOf(right.expression.type)} cannot be matched`,
      );
    }
    const equal = binder.compare('=', left.expression, right.expression, undefined);
    const as = (expression: BoundExpression): BoundExpression =>
      expression.type === common
        ? expression
        : {
            kind: 'cast',
            type: common,
            modifier: -1,
            location: undefined,
            arg: expression,
            cast: castFor(expression.type, common),
          };
    let expression: BoundExpression;
    let origin: BoundColumn['origin'];
    if (type === 'full') {
      const args = [as(left.expression), as(right.expression)];
      const modifier = left.expression.modifier === right.expression.modifier ? left.expression.modifier : -1;
      expression = { kind: 'coalesce', type: common, modifier, location: undefined, args };
    } else {
      const side =
        type === 'right' || (left.expression.type !== common && right.expression.type === common) ? right : left;
      const chosen = type === 'right' ? right : type === 'left' ? left : side;
      expression = as(chosen.expression);
      origin = expression === chosen.expression ? chosen.origin : undefined;
    }
    const column: ScopeColumn = { name, expression, origin };
    return { left, right, equal, column };
  }
}

const JOINS: { readonly [J in string]?: JoinType } = {
  JOIN_INNER: 'inner',
  JOIN_LEFT: 'left',
  JOIN_RIGHT: 'right',
  JOIN_FULL: 'full',
};

/** Built-in functions whose result has a name, which an alias of the item does not change. */
const OUTPUT_NAMES: ReadonlyMap<string, string> = new Map(
  ['json_array_elements', 'json_array_elements_text', 'jsonb_array_elements', 'jsonb_array_elements_text'].map(
    (name) => [name, 'value'],
  ),
);

/** `unnest` of several arrays is one call for each of them, side by side. */
function splitUnnest(list: Node): readonly Node[] {
  const [node, definitions] = 'List' in list ? (list.List.items ?? []) : [];
  if (node === undefined || !('FuncCall' in node)) return [list];
  const { funcname, args = [] } = node.FuncCall;
  const names = stringsOf(funcname);
  const isPlain = names.at(-1) === 'unnest' && (names.length === 1 || names[0] === 'pg_catalog');
  if (!isPlain || args.length < 2 || (definitions !== undefined && 'List' in definitions)) return [list];
  // As PostgreSQL rewrites it, which shows in its errors.
  const own = [{ String: { sval: 'pg_catalog' } }, { String: { sval: 'unnest' } }];
  return args.map((arg) => ({ List: { items: [{ FuncCall: { ...node.FuncCall, funcname: own, args: [arg] } }] } }));
}

/** The only column of RETURNS TABLE has a name of its own. */
function outputName({ parameters }: UserFunction): string | undefined {
  return outputs(parameters)[0]?.name;
}

/** A column of a list that says what the rows of a function are. */
function columnDefinition(node: Node) {
  if (!('ColumnDef' in node)) throw notSupported('this column definition', placeIn(node));
  const { colname = '', typeName } = node.ColumnDef;
  return { name: colname, ...namedType(typeName) };
}

/** Whether all columns that the expression reads are in these places of the row. */
function within(expression: BoundExpression, offset: number, width: number): boolean {
  return [...columnsOf(expression)].every((index) => index >= offset && index < offset + width);
}

/** @param condition Over the row of the join. */
function joined(
  type: JoinType,
  left: BoundRelation,
  right: BoundItem,
  offset: number,
  condition: BoundExpression | undefined,
): BoundJoin {
  const width = widthOf(left);
  const args = right.lateral
    .filter(({ value }) => within(value, offset, width))
    .map(({ slot, value }) => ({ slot, value: shifted(value, -offset) }));
  return { kind: 'join', type, left, right: right.relation, condition, args };
}

function nullable(items: readonly ScopeItem[], isNullable: boolean): readonly ScopeItem[] {
  return isNullable ? items.map((item) => ({ ...item, isNullable })) : items;
}

/** @throws SqlError `duplicate_alias`. */
function refuseSameNames(left: readonly ScopeItem[], right: readonly ScopeItem[]): void {
  for (const { alias } of right) {
    if (alias === undefined || !left.some((other) => other.alias === alias)) continue;
    throw new SqlError('duplicate_alias', `table name "${alias}" specified more than once`);
  }
}

function commonNames(left: readonly ScopeItem[], right: readonly ScopeItem[]): readonly string[] {
  const names = (items: readonly ScopeItem[]) =>
    items.filter(({ open }) => open).flatMap(({ columns }) => columns.map(({ name }) => name));
  const others = new Set(names(right));
  return [...new Set(names(left))].filter((name) => others.has(name));
}

/** Where a query in FROM begins: at the parenthesis before what the tree knows a place of. */
function subselectPlace(select: SelectStmt): number | undefined {
  return placeIn(select.valuesLists ?? select.targetList ?? select);
}

/** Columns under the names that an alias gives them. @throws SqlError `invalid_column_reference`. */
export function renamed(
  columns: readonly ScopeColumn[],
  alias: Alias | undefined,
  name: string,
): readonly ScopeColumn[] {
  const names = stringsOf(alias?.colnames);
  if (names.length > columns.length) {
    throw new SqlError(
      'invalid_column_reference',
      `table "${name}" has ${columns.length} columns available but ${names.length} columns specified`,
    );
  }
  return names.length === 0 ? columns : columns.map((column, i) => ({ ...column, name: names[i] ?? column.name }));
}

/** The relation that a name stands for. @throws SqlError `undefined_table`. */
export function findRelation(range: FrozenRange, { findTable, reads, note }: Queries): CatalogTable {
  const name = relationName(range);
  const { relation: frozen } = range;
  const found =
    frozen === undefined || frozen.refresh === true
      ? findTable(name)
      : (reads?.get(frozen.id) ?? findTable({ ...name, id: frozen.id }));
  if (found === undefined) {
    throw new SqlError('undefined_table', `relation "${shownName(name)}" does not exist`, { location: range.location });
  }
  note?.(range, found);
  return found;
}

/** A table in FROM, or one that is written to. */
export function tableAs(table: CatalogTable, range: FrozenRange, offset: number): BoundItem {
  if (table.table.view?.populated === false && range.relation?.refresh !== true) {
    throw new SqlError(
      'object_not_in_prerequisite_state',
      `materialized view "${table.table.name}" has not been populated`,
      { hint: 'Use the REFRESH MATERIALIZED VIEW command.' },
    );
  }
  const alias = range.alias?.aliasname ?? range.relname ?? '';
  const item = itemOf(tableItem(table, alias, offset), range);
  return { relation: { kind: 'scan', table, alias }, items: [item], lateral: [] };
}

/** The columns that are in sight under a name: those that it had when a view was defined, under their names then. */
export function itemOf(item: ScopeItem, range: FrozenRange): ScopeItem {
  const { table } = item.table!;
  const { relation: frozen, alias } = range;
  const columns =
    frozen === undefined || frozen.refresh === true
      ? item.columns
      : frozen.columns.flatMap(([number, name]) => {
          const position = table.columns.findIndex((_, i) => columnNumber(table, i) === number);
          return position < 0 ? [] : [{ ...item.columns[position]!, name }];
        });
  const schema = frozen === undefined ? {} : { schema: frozen.schema };
  return { ...item, ...schema, columns: renamed(columns, alias, item.alias ?? '') };
}

/** The rows of a view: those of its query, which sees nothing of the statement around it. */
function viewAs(found: CatalogTable, range: FrozenRange, offset: number, context: QueryContext): BoundItem {
  const alias = range.alias?.aliasname ?? range.relname ?? '';
  const query = bindView(found, context);
  const item = itemOf(tableItem(found, alias, offset), range);
  const barrier = isBarrier(found.table.storageParameters) ? ({ barrier: true } as const) : {};
  return { relation: { kind: 'derived', alias, query, view: found, ...barrier }, items: [item], lateral: [] };
}

/** What a view's query is bound in: its own relations, and the time zone that it was written in. */
export function viewContext({ table, view }: CatalogTable, context: QueryContext): QueryContext {
  const { query } = table.view!;
  return {
    ...context,
    parameters: [],
    takesParameters: false,
    time: timeOfDefinition(context.time, query.zone),
    queries: { findTable: () => undefined, reads: view!.reads, bind: context.queries.bind },
  };
}

export function bindView(found: CatalogTable, context: QueryContext): BoundRows {
  const { tree } = found.table.view!.query;
  const select = tree as unknown as SelectStmt;
  // Places are those of another text.
  return at(undefined, () =>
    nested(context, () => context.queries.bind(select, viewContext(found, context), new Frame(undefined))),
  );
}
