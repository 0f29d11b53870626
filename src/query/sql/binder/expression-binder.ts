/**
 * Binds expressions: gives every node a type by the rules of PostgreSQL's parser (parse_expr.c). Here is what tells the kinds of nodes apart,
 * names of columns, parameters, and conditions; operators, calls, aggregates, choices and subqueries have files of their own (bind-operator.ts,
 * bind-call.ts, bind-aggregate.ts, bind-choice.ts, bind-subquery.ts), which come back here for what is inside of them.
 *
 * A string literal and a parameter without a declared type are `unknown` until their surroundings decide (coercion.ts).
 */

import type { CollateClause, ColumnRef, FuncCall, Node, RowExpr, SubLink, TypeCast } from '@pgsql/types';
import { assert } from '../../../base/assert.ts';
import type { SqlRecord } from '../../../models/relational/values.ts';
import type { ScalarFunction } from '../functions/evaluation.ts';
import type { PackedAggregate } from '../functions/packed-aggregates.ts';
import { notSupported, SqlError } from '../sql-error.ts';
import { isObjectType } from '../types/object-names.ts';
import {
  baseOf,
  type CastContext,
  commonType,
  elementOf,
  isRecord,
  type SqlType,
  titleOf,
  typeInfo,
} from '../types/types.ts';
import { bindGrouping } from './bind-aggregate.ts';
import {
  applied,
  bindArrayConstructor,
  bindField,
  bindIndirection,
  bindRow,
  type OperandBinder,
  packArguments,
} from './bind-array.ts';
import { bindCall, bindValueFunction, type CallsAround, resolveCall } from './bind-call.ts';
import { bindCase, bindCoalesce, bindExtreme } from './bind-choice.ts';
import { binary, bindOperator } from './bind-operator.ts';
import { bindRowQuery, bindSubLink, type RowQuery } from './bind-subquery.ts';
import { expandStar, isStar } from './bind-targets.ts';
import { Windows } from './bind-window.ts';
import {
  BOOLEAN,
  type BoundAggregate,
  type BoundExpression,
  type BoundSet,
  type CompareOperator,
  leftmost,
} from './bound.ts';
import { checkWidth, coerce, ofAnyType, tryCoerce } from './coercion.ts';
import { requireCollatable, requireCollation, requireOneCollation } from './collations.ts';
import { noCommonType } from './common-type.ts';
import { literal } from './literals.ts';
import { kindOf, type NodeOf, namedType, stringsOf } from './names.ts';
import { columnOrParameter, namedParameter } from './parameter-names.ts';
import { type BindContext, type QueryContext, tooDeep } from './query-context.ts';
import type { BindProgress, Scope } from './scope.ts';
import { isSet, refuseSetsInside } from './set-calls.ts';

/** Where an expression stands: as messages name it, and whether aggregates may be in it. */
export interface Clause {
  readonly title: string;
  readonly aggregates: 'allowed' | 'refused';
  /** As the message about aggregates names it, when that is another word. */
  readonly place?: string;
  /** As the message about subqueries names it, when that is yet another. */
  readonly subqueries?: string;
  /** There are no columns to speak of, and the message names the place as the one about subqueries does. */
  readonly columns?: 'refused';
  /** Whether window functions and functions that return sets may be in it; without, they may not. */
  readonly windows?: 'allowed';
  /** Functions that return sets may be in it, though window functions may not. */
  readonly sets?: 'allowed';
}

/** What a column or a domain holds without a value. */
export const DEFAULT_EXPRESSION: Clause = {
  title: 'DEFAULT expressions',
  aggregates: 'refused',
  subqueries: 'DEFAULT expression',
  columns: 'refused',
};

const NO_CLAUSE: Clause = { title: 'this expression', aggregates: 'refused' };
const PARAMETERS_MAX = 65_535;

export class ExpressionBinder {
  readonly context: BindContext;
  readonly progress: BindProgress;
  readonly scope: Scope | undefined;
  /** Filled in the order of appearance; expressions above the aggregation read them as columns. */
  readonly aggregates: BoundAggregate[] = [];
  readonly windows = new Windows();
  /** Set-returning functions of the select list, likewise. */
  readonly sets: BoundSet[] = [];
  /** Calls of GROUPING, likewise. */
  readonly groupings: { readonly args: readonly BoundExpression[]; readonly location: number | undefined }[] = [];
  #clause = NO_CLAUSE;
  readonly operands: OperandBinder = {
    bind: (node) => this.bindInside(node),
    coerce: (expression, type, context) => this.coerce(expression, type, -1, context),
    ofAnyType: (expression) => this.ofAnyType(expression),
  };
  readonly around: CallsAround = { aggregate: false, window: false, record: undefined };

  constructor(context: BindContext, scope: Scope | undefined) {
    this.context = context;
    this.progress = context.progress ?? { depth: 0, slots: 0 };
    this.scope = scope;
    if (scope !== undefined) scope.binder = this;
  }

  /** @throws SqlError of any kind that a name or type can be wrong in, with its location. */
  bind(node: Node, clause: Clause): BoundExpression {
    this.#clause = clause;
    return this.bindInside(node);
  }

  /** What `work` binds stands in this clause, and not inside of a window call. */
  inClause<T>(clause: Clause, work: () => T): T {
    const [outer, inWindow] = [this.#clause, this.around.window];
    this.#clause = clause;
    this.around.window = false;
    const result = work();
    this.#clause = outer;
    this.around.window = inWindow;
    return result;
  }

  /** A call of what is neither aggregate nor window function. @throws SqlError `undefined_function`. */
  resolveCall(name: string, call: FuncCall): BoundExpression {
    return resolveCall(this, name, call);
  }

  /** The clause that is being bound. */
  get clause(): Clause {
    return this.#clause;
  }

  /** The arguments of an aggregate as one row. */
  pack(packed: PackedAggregate, args: readonly BoundExpression[], location: number | undefined): BoundExpression {
    return packArguments(packed, args, location, this.operands);
  }

  /** What follows through `bindInside` stands in this clause. */
  enter(clause: Clause): void {
    this.#clause = clause;
  }

  /** A query whose only row is a record of fields f1, f2, … @throws SqlError `syntax_error` for another number of columns. */
  bindRowQuery(link: SubLink, columns: number, clause: Clause): RowQuery {
    this.enter(clause);
    return bindRowQuery(link, columns, this.context as QueryContext, this.scope);
  }

  /** An operand of what is being bound, in the same clause. @throws SqlError `statement_too_complex`. */
  bindInside(node: Node): BoundExpression {
    if (++this.progress.depth > this.context.depthMax) throw tooDeep(this.context.depthMax);
    const bound = this.#bindNode(node);
    if (this.progress.collates === true) requireOneCollation(bound);
    this.progress.depth--;
    return bound;
  }

  conditionInside(node: Node, title: string): BoundExpression {
    return this.condition(this.bindInside(node), title);
  }

  /** Undefined when there is no such operator. */
  tryOperator(name: string, left: BoundExpression, right: BoundExpression): BoundExpression | undefined {
    try {
      return binary(this, name, left, right, undefined);
    } catch (error) {
      if (error instanceof SqlError) return undefined;
      throw error;
    }
  }

  /** Bound and of type boolean. */
  bindCondition(node: Node, clause: Clause): BoundExpression {
    return this.condition(this.bind(node, clause), clause.title);
  }

  /** A function in FROM: one that returns a set, or any other as a set of one. */
  bindSet(node: Node, clause: Clause, record?: SqlType): BoundSet {
    this.around.record = record;
    const bound = this.bind(node, clause);
    if (isSet(bound)) return this.sets.pop()!;
    refuseSetsInside(bound);
    if (bound.kind === 'call') return { function: bound.function, args: bound.args };
    const settled = this.settle(bound);
    const identity: ScalarFunction = {
      name: '?column?',
      arguments: [settled.type],
      result: settled.type,
      strict: false,
      volatility: 'immutable',
      evaluate: ([value]) => value ?? null,
    };
    return { function: identity, args: [settled] };
  }

  /** A literal or parameter that nothing gave a type becomes text. */
  settle(expression: BoundExpression): BoundExpression {
    return expression.type === 'unknown' ? this.coerce(expression, 'text', -1, 'implicit') : expression;
  }

  /** See coercion.ts. */
  ofAnyType(expression: BoundExpression): BoundExpression {
    return ofAnyType(this.context, expression);
  }

  /** See `tryCoerce` of coercion.ts. */
  tryCoerce(
    expression: BoundExpression,
    type: SqlType,
    modifier: number,
    context: CastContext,
  ): BoundExpression | undefined {
    return tryCoerce(this.context, expression, type, modifier, context);
  }

  /** @throws SqlError `cannot_coerce`. */
  coerce(expression: BoundExpression, type: SqlType, modifier: number, context: CastContext): BoundExpression {
    return coerce(this.context, expression, type, modifier, context);
  }

  /** A literal or parameter that nothing gave a type becomes `type`. */
  coerceUnknown(expression: BoundExpression, type: SqlType): BoundExpression {
    return expression.type === 'unknown' ? this.coerce(expression, type, -1, 'implicit') : expression;
  }

  operator(name: string, left: BoundExpression, right: BoundExpression, location: number | undefined): BoundExpression {
    return binary(this, name, left, right, location);
  }

  #bindNode(node: Node): BoundExpression {
    const kind = kindOf(node);
    switch (kind) {
      case 'ColumnRef':
        return this.#columnRef((node as NodeOf<'ColumnRef'>).ColumnRef);
      case 'A_Const':
        return literal((node as NodeOf<'A_Const'>).A_Const);
      case 'ParamRef': {
        const { number, location } = (node as NodeOf<'ParamRef'>).ParamRef;
        return this.#parameter(number ?? 0, location);
      }
      case 'A_Expr':
        return bindOperator(this, (node as NodeOf<'A_Expr'>).A_Expr);
      case 'FuncCall':
        return bindCall(this, (node as NodeOf<'FuncCall'>).FuncCall);
      case 'SQLValueFunction':
        return bindValueFunction(this, (node as NodeOf<'SQLValueFunction'>).SQLValueFunction);
      case 'BoolExpr': {
        const { boolop, args, location } = (node as NodeOf<'BoolExpr'>).BoolExpr;
        const title = boolop === 'AND_EXPR' ? 'AND' : boolop === 'OR_EXPR' ? 'OR' : 'NOT';
        const bound = (args ?? []).map((arg) => this.condition(this.bindInside(arg), title));
        if (title === 'NOT') return { kind: 'not', ...BOOLEAN, location, arg: bound[0]! };
        return { kind: title === 'AND' ? 'and' : 'or', ...BOOLEAN, location, args: bound };
      }
      case 'TypeCast':
        return this.#cast((node as NodeOf<'TypeCast'>).TypeCast);
      case 'NullTest': {
        const { arg, nulltesttype, location } = (node as NodeOf<'NullTest'>).NullTest;
        const bound = this.ofAnyType(this.bindInside(arg!));
        const negated = nulltesttype === 'IS_NOT_NULL';
        if (isRecord(baseOf(bound.type))) return applied(nullRow(bound.type, negated), [bound], location);
        return { kind: 'isNull', ...BOOLEAN, location, arg: bound, negated };
      }
      case 'BooleanTest': {
        const { arg, booltesttype = 'IS_TRUE', location } = (node as NodeOf<'BooleanTest'>).BooleanTest;
        const title = booltesttype.replaceAll('_', ' ');
        const bound = this.condition(this.bindInside(arg!), title);
        const negated = booltesttype.startsWith('IS_NOT');
        if (booltesttype.endsWith('UNKNOWN')) return { kind: 'isNull', ...BOOLEAN, location, arg: bound, negated };
        const value = booltesttype.endsWith('TRUE');
        return { kind: 'isBoolean', ...BOOLEAN, location, arg: bound, value, negated };
      }
      case 'CaseExpr':
        return bindCase(this, (node as NodeOf<'CaseExpr'>).CaseExpr);
      case 'CoalesceExpr':
        return bindCoalesce(this, (node as NodeOf<'CoalesceExpr'>).CoalesceExpr);
      case 'MinMaxExpr':
        return bindExtreme(this, (node as NodeOf<'MinMaxExpr'>).MinMaxExpr);
      case 'SubLink':
        return this.#subquery((node as NodeOf<'SubLink'>).SubLink);
      case 'GroupingFunc':
        return bindGrouping(this, (node as NodeOf<'GroupingFunc'>).GroupingFunc);
      case 'RowExpr':
        return this.#row((node as NodeOf<'RowExpr'>).RowExpr);
      case 'A_ArrayExpr': {
        const { elements, location } = (node as NodeOf<'A_ArrayExpr'>).A_ArrayExpr;
        return bindArrayConstructor(elements ?? [], location, this.operands);
      }
      case 'A_Indirection': {
        const { arg, indirection } = (node as NodeOf<'A_Indirection'>).A_Indirection;
        const column = this.#columnOfRow(arg!, indirection ?? []);
        if (column !== undefined) return bindIndirection(column, indirection!.slice(1), this.operands);
        return bindIndirection(this.bindInside(arg!), indirection ?? [], this.operands);
      }
      case 'CollateClause':
        return this.#collated((node as NodeOf<'CollateClause'>).CollateClause);
      case 'SetToDefault': {
        const { location } = (node as NodeOf<'SetToDefault'>).SetToDefault;
        throw new SqlError('syntax_error', 'DEFAULT is not allowed in this context', { location });
      }
      default:
        throw notSupported(`an expression of kind ${kind}`);
    }
  }

  #subquery(link: SubLink): BoundExpression {
    const { queries, progress } = this.context;
    if (queries === undefined || progress === undefined) {
      const { title, place = title, subqueries = place } = this.#clause;
      throw new SqlError('feature_not_supported', `cannot use subquery in ${subqueries}`, { location: link.location });
    }
    return bindSubLink(link, this, this.context as QueryContext, this.scope);
  }

  /** @param fields What literals and parameters without a type become, if it has as many. */
  #row({ args = [], location }: RowExpr, fields?: readonly { readonly type: SqlType }[]): BoundExpression {
    const bound = args.flatMap((arg) =>
      isStar(arg) ? expandStar(arg, this, location).map((each) => each.expression) : [this.bindInside(arg)],
    );
    const typed =
      fields?.length === bound.length ? bound.map((each, i) => this.coerceUnknown(each, fields[i]!.type)) : bound;
    return bindRow(typed, location, this.operands);
  }

  #cast(node: TypeCast): BoundExpression {
    const { arg, typeName, location } = node;
    const target = namedType(typeName);
    const base = baseOf(target.type);
    const bound =
      'A_ArrayExpr' in arg! && elementOf(base) !== undefined
        ? bindArrayConstructor(arg.A_ArrayExpr.elements ?? [], arg.A_ArrayExpr.location, this.operands, base)
        : 'RowExpr' in arg!
          ? this.#row(arg.RowExpr, typeInfo(base).fields)
          : this.bindInside(arg!);
    checkWidth(bound, target.type, location);
    const moved = 'RowExpr' in arg! && location !== undefined && location >= 0 ? { ...bound, location } : bound;
    const cast = this.tryCoerce(moved, target.type, target.modifier, 'explicit');
    if (bound.type === 'unknown' && cast?.kind === 'constant' && isObjectType(cast.type)) {
      this.context.objects?.set(node, { type: cast.type, oid: cast.value as number });
    }
    // A cast that changes nothing still takes the modifier away: of numeric(5,2) to numeric, for example.
    if (cast !== undefined && target.modifier === -1 && cast.modifier !== -1) {
      return { kind: 'cast', type: cast.type, modifier: -1, location: cast.location, arg: cast, cast: undefined };
    }
    if (cast !== undefined) return cast;
    throw new SqlError('cannot_coerce', `cannot cast type ${titleOf(bound.type)} to ${titleOf(target.type)}`, {
      location: location === undefined || location < 0 ? bound.location : location,
    });
  }

  #collated({ arg, collname, location }: CollateClause): BoundExpression {
    const bound = this.bindInside(arg!);
    if (bound.type !== 'unknown') requireCollatable(bound.type, location);
    const name = requireCollation(collname, location);
    this.progress.collates = true;
    return { ...bound, collated: { name, location } };
  }

  #columnRef({ fields, location }: ColumnRef): BoundExpression {
    const { columns, title, subqueries = title } = this.#clause;
    if (columns === 'refused') {
      throw new SqlError('feature_not_supported', `cannot use column reference in ${subqueries}`, { location });
    }
    if ((fields ?? []).some((field) => 'A_Star' in field)) {
      const whole =
        fields?.length === 2 ? this.scope?.wholeRow(stringsOf(fields)[0]!, location, this.progress) : undefined;
      if (whole !== undefined) return whole;
      const parameter = this.wholeParameter(stringsOf(fields?.slice(0, -1)), location);
      if (parameter !== undefined) return parameter;
      throw new SqlError('syntax_error', 'row expansion via "*" is not supported here', { location });
    }
    const names = stringsOf(fields);
    if (this.context.named !== undefined) {
      return columnOrParameter(this.context.named, names, location, () => this.#columnOrCall(names, location));
    }
    return this.#columnOrCall(names, location);
  }

  /** A parameter of the function whose body this is, for what stands before a star. */
  wholeParameter(names: readonly string[], location: number | undefined): BoundExpression | undefined {
    const { named } = this.context;
    if (named !== undefined) return namedParameter(named, names, location);
    return this.scope?.isParameter(names) === true ? this.#column(names, location) : undefined;
  }

  /** `t.f` is `f(t)` where the table has no such column. */
  #columnOrCall(names: readonly string[], location: number | undefined): BoundExpression {
    try {
      return this.#column(names, location);
    } catch (error) {
      const field = error instanceof SqlError ? this.#fieldOfParameter(names, location) : undefined;
      if (field !== undefined) return field;
      const [row, name, more] = names;
      const isMissing = error instanceof SqlError && error.condition === 'undefined_column';
      if (!isMissing || row === undefined || name === undefined || more !== undefined) throw error;
      return this.#calledWithRow(name, row, location, error);
    }
  }

  /** `f(t)` for a row by its name. */
  #calledWithRow(name: string, row: string, location: number | undefined, otherwise: SqlError): BoundExpression {
    const place = location === undefined ? {} : { location };
    const args = [{ ColumnRef: { fields: [{ String: { sval: row } }], ...place } }];
    const call = { funcname: [{ String: { sval: name } }], args, ...place };
    return this.#calledOr(otherwise, () => this.resolveCall(name, call));
  }

  #fieldOfParameter(names: readonly string[], location: number | undefined): BoundExpression | undefined {
    const whole = names.slice(0, -1);
    if (whole.length === 0 || this.scope?.isParameter(whole) !== true) return undefined;
    const value = this.#column(whole, location);
    const isField = typeInfo(baseOf(value.type)).fields?.some(({ name }) => name === names.at(-1)) === true;
    return isField ? bindField(value, names.at(-1)!) : undefined;
  }

  #calledOr(otherwise: SqlError, call: () => BoundExpression): BoundExpression {
    try {
      return call();
    } catch (error) {
      if (
        error instanceof SqlError &&
        (error.condition === 'undefined_function' || error.condition === 'ambiguous_function')
      ) {
        throw otherwise;
      }
      throw error;
    }
  }

  #column(names: readonly string[], location: number | undefined): BoundExpression {
    if (this.scope !== undefined) return this.scope.column(names, location, this.progress);
    if (names.length > 1) {
      throw new SqlError('undefined_table', `missing FROM-clause entry for table "${names.at(-2)}"`, { location });
    }
    throw new SqlError('undefined_column', `column "${names[0]}" does not exist`, { location });
  }

  /** `(t).a` and `(t.*).a` are `t.a`. */
  #columnOfRow(arg: Node, [first]: readonly Node[]): BoundExpression | undefined {
    if (this.scope === undefined || !('ColumnRef' in arg) || first === undefined || !('String' in first))
      return undefined;
    const { fields = [], location } = arg.ColumnRef;
    const names = stringsOf(fields.filter((field) => !('A_Star' in field)));
    const [row] = names;
    const isStar = fields.length > names.length;
    if (row === undefined || names.length > 1 || !(isStar ? this.scope.isItem(row) : this.scope.isWholeRow(row)))
      return undefined;
    const { sval: name = '' } = first.String;
    const column = this.scope.columnOf(row, name, location, this.progress);
    if (column !== undefined) return column;
    const missing = new SqlError('undefined_column', `column ${row}.${name} does not exist`, { location });
    return this.#calledWithRow(name, row, location, missing);
  }

  #parameter(number: number, location: number | undefined): BoundExpression {
    if (number < 1 || number > PARAMETERS_MAX || !this.context.takesParameters) {
      throw new SqlError('undefined_parameter', `there is no parameter $${number}`, { location });
    }
    const { parameters } = this.context;
    while (parameters.length < number) parameters.push(undefined);
    return { kind: 'parameter', type: parameters[number - 1] ?? 'unknown', modifier: -1, location, index: number - 1 };
  }

  condition(expression: BoundExpression, title: string): BoundExpression {
    const coerced = this.tryCoerce(expression, 'bool', -1, 'implicit');
    if (coerced !== undefined) return coerced;
    throw new SqlError(
      'datatype_mismatch',
      `argument of ${title} must be type boolean, not type ${titleOf(expression.type)}`,
      { location: leftmost(expression) },
    );
  }

  /** All of one type. */
  alike(expressions: readonly BoundExpression[], title: string): readonly BoundExpression[] {
    const type = commonType(expressions.map((each) => each.type));
    if (type === undefined) throw noCommonType(title, expressions);
    return expressions.map((each) => this.coerce(each, type, -1, 'implicit'));
  }

  /** @throws SqlError `undefined_function` when the types cannot be compared. */
  compare(
    operator: CompareOperator,
    left: BoundExpression,
    right: BoundExpression,
    location: number | undefined,
  ): Extract<BoundExpression, { kind: 'compare' }> {
    const compared = binary(this, operator, left, right, location);
    assert(compared.kind === 'compare', 'a comparison is bound as one');
    return compared;
  }
}

/** A row is null when all of its fields are, and not null when none of them is. */
function nullRow(type: SqlType, negated: boolean): ScalarFunction {
  return {
    name: negated ? 'is not null' : 'is null',
    arguments: [type],
    result: 'bool',
    strict: false,
    volatility: 'immutable',
    evaluate: ([row]) =>
      row === null ? !negated : (row as SqlRecord).values.every((field) => (field === null) !== negated),
  };
}
