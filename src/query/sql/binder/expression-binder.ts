/**
 * Binds expressions: finds columns, functions and operators, gives every node a type, and spells out coercions, by the
 * rules of PostgreSQL's parser (parse_expr.c, parse_oper.c, parse_coerce.c) for the types there are here.
 *
 * A string literal and a parameter without a declared type are `unknown` until their surroundings decide. Literals are
 * converted here, once, so that what does not convert is an error with a place.
 */

import type { A_Expr, ColumnRef, FuncCall, Node, SQLValueFunction, SubLink } from '@pgsql/types';
import { assert } from '../../../base/assert.ts';
import type { SqlRecord } from '../../../models/relational/values.ts';
import { findAggregate, isAggregate } from '../functions/aggregates.ts';
import type { ScalarFunction } from '../functions/evaluation.ts';
import { hypotheticalAggregate, isHypotheticalSet } from '../functions/hypothetical-aggregates.ts';
import { findPackedAggregate, type PackedAggregate } from '../functions/packed-aggregates.ts';
import { resolveFunction, resolveOperator } from '../functions/resolve.ts';
import { WINDOW_FUNCTIONS } from '../operators/window-functions.ts';
import { at, notSupported, SqlError } from '../sql-error.ts';
import { applyModifier, castFor, domainStorage, integerToBits } from '../types/cast.ts';
import { parseText } from '../types/text-form.ts';
import {
  baseOf,
  type CastContext,
  canCast,
  commonType,
  domainCheckOf,
  elementOf,
  isInteger,
  isRecord,
  type SqlType,
  type SqlValue,
  titleOf,
  typeInfo,
} from '../types/types.ts';
import { countArguments, forgetArguments, levelOf, liftedOut } from './aggregate-level.ts';
import {
  bindArrayConstructor,
  bindIndirection,
  bindRow,
  bindScalarArray,
  type OperandBinder,
  packArguments,
} from './bind-array.ts';
import { bindUserCall } from './bind-function.ts';
import { bindRowQuery, bindSubLink, type RowQuery } from './bind-subquery.ts';
import { expandStar, isStar } from './bind-targets.ts';
import { bindWindowCall, Windows } from './bind-window.ts';
import {
  type BoundAggregate,
  type BoundExpression,
  type BoundSet,
  type CompareOperator,
  hasSubquery,
  leftmost,
  sameExpression,
  someExpression,
} from './bound.ts';
import { requireEquality, requireOrder } from './comparable.ts';
import { literal, nullConstant } from './literals.ts';
import { kindOf, namedType, nameOfList, stringsOf } from './names.ts';
import { type BindContext, type QueryContext, tooDeep } from './query-context.ts';
import { compareRows, rowConstructors } from './row-comparison.ts';
import { type BindProgress, passIn, type Scope } from './scope.ts';
import { sortDirection } from './sort-direction.ts';

/** Where an expression stands: as messages name it, and whether aggregates may be in it. */
export interface Clause {
  readonly title: string;
  readonly aggregates: 'allowed' | 'refused';
  /** As the message about aggregates names it, when that is another word. */
  readonly place?: string;
  /** As the message about subqueries names it, when that is yet another. */
  readonly subqueries?: string;
  /** Whether window functions and functions that return sets may be in it; without, they may not. */
  readonly windows?: 'allowed';
}

const NO_CLAUSE: Clause = { title: 'this expression', aggregates: 'refused' };
const SEQUENCE_CALLS: ReadonlySet<string> = new Set(['nextval', 'currval', 'setval']);
const FILTER: Clause = { title: 'FILTER', aggregates: 'refused' };
const PARAMETERS_MAX = 65_535;

const INTEGERS: ReadonlySet<unknown> = new Set(['int2', 'int4', 'int8']);
const SPECIAL_TIMES = /\b(now|today|tomorrow|yesterday)\b/i;

export class ExpressionBinder {
  readonly #context: BindContext;
  readonly progress: BindProgress;
  readonly scope: Scope | undefined;
  /** Filled in the order of appearance; expressions above the aggregation read them as columns. */
  readonly aggregates: BoundAggregate[] = [];
  /** Calls of GROUPING, likewise. */
  readonly windows = new Windows();
  /** Set-returning functions of the select list, likewise. */
  readonly sets: BoundSet[] = [];
  readonly groupings: { readonly args: readonly BoundExpression[]; readonly location: number | undefined }[] = [];
  #clause = NO_CLAUSE;
  readonly operands: OperandBinder = {
    bind: (node) => this.#bind(node),
    coerce: (expression, type, context) => this.coerce(expression, type, -1, context),
  };
  #inAggregate = false;
  #inWindow = false;
  /** Of the function in FROM that is bound next, where a list of columns says what its rows are. */
  #record: SqlType | undefined;

  constructor(context: BindContext, scope: Scope | undefined) {
    this.#context = context;
    this.progress = context.progress ?? { depth: 0, slots: 0 };
    this.scope = scope;
    if (scope !== undefined) scope.binder = this;
  }

  /** @throws SqlError of any kind that a name or type can be wrong in, with its location. */
  bind(node: Node, clause: Clause): BoundExpression {
    this.#clause = clause;
    return this.#bind(node);
  }

  /** What `work` binds stands in this clause, and not inside of a window call. */
  inClause<T>(clause: Clause, work: () => T): T {
    const [outer, inWindow] = [this.#clause, this.#inWindow];
    this.#clause = clause;
    this.#inWindow = false;
    const result = work();
    this.#clause = outer;
    this.#inWindow = inWindow;
    return result;
  }

  /** A call of what is neither aggregate nor window function. @throws SqlError `undefined_function`. */
  resolveCall(name: string, call: FuncCall): BoundExpression {
    return this.#resolved(name, call);
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
    return bindRowQuery(link, columns, this.#context as QueryContext, this.scope);
  }

  /** An operand of what is being bound, in the same clause. */
  bindInside(node: Node): BoundExpression {
    return this.#bind(node);
  }

  conditionInside(node: Node, title: string): BoundExpression {
    return this.#condition(this.#bind(node), title);
  }

  alike(expressions: readonly BoundExpression[], title: string): readonly BoundExpression[] {
    return this.#alike(expressions, title);
  }

  /** Undefined when there is no such operator. */
  tryOperator(name: string, left: BoundExpression, right: BoundExpression): BoundExpression | undefined {
    try {
      return this.#binary(name, left, right, undefined);
    } catch (error) {
      if (error instanceof SqlError) return undefined;
      throw error;
    }
  }

  /** Bound and of type boolean. */
  bindCondition(node: Node, clause: Clause): BoundExpression {
    return this.#condition(this.bind(node, clause), clause.title);
  }

  /** A function in FROM: one that returns a set, or any other as a set of one. */
  bindSet(node: Node, clause: Clause, record?: SqlType): BoundSet {
    this.#record = record;
    const bound = this.bind(node, clause);
    if (isSet(bound)) return this.sets.pop()!;
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

  /**
   * `expression` as `type`, or undefined where `context` does not allow it.
   * @throws SqlError when it is a constant that does not convert.
   */
  tryCoerce(
    expression: BoundExpression,
    type: SqlType,
    modifier: number,
    context: CastContext,
  ): BoundExpression | undefined {
    let bound = expression;
    if (bound.type !== type && type.startsWith('user:')) {
      const check = domainCheckOf(type);
      if (check !== undefined) return this.#toDomain(expression, type, check, context);
    }
    if (bound.type !== type) {
      if (bound.type === 'unknown') bound = this.#resolveUnknown(bound, type, modifier);
      else if (!canCast(bound.type, type, context)) return undefined;
      else if (type === 'bit' && isInteger(baseOf(bound.type))) bound = bitsCast(bound, modifier);
      else bound = this.#cast(bound, type);
    }
    if (modifier < 0 || bound.modifier === modifier) return bound;
    return {
      kind: 'applyModifier',
      type,
      modifier,
      location: bound.location,
      arg: bound,
      explicit: context === 'explicit',
    };
  }

  /** As a value of what is below the domain, held against its checks, being null too. */
  #toDomain(
    expression: BoundExpression,
    type: SqlType,
    check: NonNullable<ReturnType<typeof domainCheckOf>>,
    context: CastContext,
  ): BoundExpression | undefined {
    const { base, modifier } = domainStorage(type);
    if (expression.type === 'unknown' && expression.kind === 'parameter') {
      return this.#checked(this.#resolveUnknown(expression, type, -1), type, check);
    }
    const based = this.tryCoerce(expression, base, modifier, context);
    return based === undefined ? undefined : this.#checked(based, type, check);
  }

  #checked(arg: BoundExpression, type: SqlType, check: NonNullable<ReturnType<typeof domainCheckOf>>): BoundExpression {
    const found: ScalarFunction = {
      name: '::',
      arguments: [arg.type],
      result: type,
      strict: false,
      volatility: 'immutable',
      evaluate: ([value = null], evaluation) => {
        check(value, evaluation);
        return value;
      },
    };
    return { kind: 'call', type, modifier: -1, location: arg.location, function: found, args: [arg] };
  }

  coerce(expression: BoundExpression, type: SqlType, modifier: number, context: CastContext): BoundExpression {
    const coerced = this.tryCoerce(expression, type, modifier, context);
    if (coerced !== undefined) return coerced;
    throw new SqlError('cannot_coerce', `cannot cast type ${titleOf(expression.type)} to ${titleOf(type)}`, {
      location: leftmost(expression),
    });
  }

  /** A literal or parameter that nothing gave a type becomes `type`. */
  coerceUnknown(expression: BoundExpression, type: SqlType): BoundExpression {
    return expression.type === 'unknown' ? this.coerce(expression, type, -1, 'implicit') : expression;
  }

  /** @throws SqlError `undefined_function` when the types cannot be compared. */
  equal(left: BoundExpression, right: BoundExpression, location: number | undefined): BoundExpression {
    return this.#compare('=', left, right, location);
  }

  operator(name: string, left: BoundExpression, right: BoundExpression, location: number | undefined): BoundExpression {
    return this.#binary(name, left, right, location);
  }

  #bind(node: Node): BoundExpression {
    if (++this.progress.depth > this.#context.depthMax) throw tooDeep(this.#context.depthMax);
    const bound = this.#bindNode(node);
    this.progress.depth--;
    return bound;
  }

  #bindNode(node: Node): BoundExpression {
    if ('ColumnRef' in node) return this.#columnRef(node.ColumnRef);
    if ('A_Const' in node) return literal(node.A_Const);
    if ('ParamRef' in node) return this.#parameter(node.ParamRef.number ?? 0, node.ParamRef.location);
    if ('A_Expr' in node) return this.#operator(node.A_Expr);
    if ('FuncCall' in node) return this.#call(node.FuncCall);
    if ('SQLValueFunction' in node) return this.#valueFunction(node.SQLValueFunction);
    if ('BoolExpr' in node) {
      const { boolop, args, location } = node.BoolExpr;
      const title = boolop === 'AND_EXPR' ? 'AND' : boolop === 'OR_EXPR' ? 'OR' : 'NOT';
      const bound = (args ?? []).map((arg) => this.#condition(this.#bind(arg), title));
      if (title === 'NOT') return { kind: 'not', ...BOOLEAN, location, arg: bound[0]! };
      return { kind: title === 'AND' ? 'and' : 'or', ...BOOLEAN, location, args: bound };
    }
    if ('TypeCast' in node) {
      const { arg, typeName, location } = node.TypeCast;
      const target = namedType(typeName);
      const bound =
        'A_ArrayExpr' in arg! && elementOf(target.type) !== undefined
          ? bindArrayConstructor(arg.A_ArrayExpr.elements ?? [], arg.A_ArrayExpr.location, this.operands, target.type)
          : this.#bind(arg!);
      checkWidth(bound, target.type, location);
      const cast = this.tryCoerce(bound, target.type, target.modifier, 'explicit');
      // A cast that changes nothing still takes the modifier away: of numeric(5,2) to numeric, for example.
      if (cast !== undefined && target.modifier === -1 && cast.modifier !== -1) {
        return { kind: 'cast', type: cast.type, modifier: -1, location: cast.location, arg: cast, cast: undefined };
      }
      if (cast !== undefined) return cast;
      throw new SqlError('cannot_coerce', `cannot cast type ${titleOf(bound.type)} to ${titleOf(target.type)}`, {
        location: location === undefined || location < 0 ? bound.location : location,
      });
    }
    if ('NullTest' in node) {
      const { arg, nulltesttype, location } = node.NullTest;
      const bound = this.settle(this.#bind(arg!));
      const negated = nulltesttype === 'IS_NOT_NULL';
      if (isRecord(baseOf(bound.type))) return this.#apply(nullRow(bound.type, negated), [bound], location);
      return { kind: 'isNull', ...BOOLEAN, location, arg: bound, negated };
    }
    if ('BooleanTest' in node) {
      const { arg, booltesttype = 'IS_TRUE', location } = node.BooleanTest;
      const title = booltesttype.replaceAll('_', ' ');
      const bound = this.#condition(this.#bind(arg!), title);
      const negated = booltesttype.startsWith('IS_NOT');
      if (booltesttype.endsWith('UNKNOWN')) return { kind: 'isNull', ...BOOLEAN, location, arg: bound, negated };
      const value = booltesttype.endsWith('TRUE');
      return { kind: 'isBoolean', ...BOOLEAN, location, arg: bound, value, negated };
    }
    if ('CaseExpr' in node) return this.#case(node.CaseExpr);
    if ('CoalesceExpr' in node) {
      const { args, location } = node.CoalesceExpr;
      const bound = this.#alike(
        (args ?? []).map((arg) => this.#bind(arg)),
        'COALESCE',
      );
      refuseSets(bound, 'COALESCE');
      return { kind: 'coalesce', type: bound[0]!.type, modifier: commonModifier(bound), location, args: bound };
    }
    if ('MinMaxExpr' in node) {
      const { op, args, location } = node.MinMaxExpr;
      const greatest = op === 'IS_GREATEST';
      const bound = this.#alike(
        (args ?? []).map((arg) => this.#bind(arg)),
        greatest ? 'GREATEST' : 'LEAST',
      );
      return {
        kind: 'extreme',
        type: bound[0]!.type,
        modifier: commonModifier(bound),
        location,
        greatest,
        args: bound,
      };
    }
    if ('SubLink' in node) {
      const { queries, progress } = this.#context;
      if (queries === undefined || progress === undefined) {
        const { title, place = title, subqueries = place } = this.#clause;
        throw new SqlError('feature_not_supported', `cannot use subquery in ${subqueries}`, {
          location: node.SubLink.location,
        });
      }
      return bindSubLink(node.SubLink, this, this.#context as QueryContext, this.scope);
    }
    if ('GroupingFunc' in node) {
      const { args, location } = node.GroupingFunc;
      const bound = (args ?? []).map((arg) => this.#bind(arg));
      const level = levelOf(this.scope, bound);
      if (level !== undefined) {
        if (level.scope.binder !== undefined) throw notSupported('GROUPING of a query around this one', location);
        const message = 'grouping operations are not allowed in FROM clause of their own query level';
        throw new SqlError('grouping_error', message, { location });
      }
      if (this.#clause.aggregates === 'refused') {
        const { title, place = title } = this.#clause;
        throw new SqlError('grouping_error', `grouping operations are not allowed in ${place}`, { location });
      }
      const index = this.groupings.push({ args: bound, location }) - 1;
      return { kind: 'column', type: 'int4', modifier: -1, location, index, computed: 'grouping' };
    }
    if ('RowExpr' in node) {
      const args = (node.RowExpr.args ?? []).flatMap((arg) =>
        isStar(arg) ? expandStar(arg, this, node.RowExpr.location).map((each) => each.expression) : [this.#bind(arg)],
      );
      return bindRow(args, node.RowExpr.location, this.operands);
    }
    if ('A_ArrayExpr' in node) {
      const { elements, location } = node.A_ArrayExpr;
      return bindArrayConstructor(elements ?? [], location, this.operands);
    }
    if ('A_Indirection' in node) {
      const { arg, indirection } = node.A_Indirection;
      const column = this.#columnOfRow(arg!, indirection ?? []);
      if (column !== undefined) return bindIndirection(column, indirection!.slice(1), this.operands);
      return bindIndirection(this.#bind(arg!), indirection ?? [], this.operands);
    }
    if ('CollateClause' in node) {
      // All text compares by code point: the collations that say so change nothing.
      const { arg, collname, location } = node.CollateClause;
      const name = stringsOf(collname).at(-1) ?? '';
      const bound = this.#bind(arg!);
      if (bound.type !== 'unknown' && !hasCollation(baseOf(bound.type))) {
        const message = `collations are not supported by type ${titleOf(bound.type)}`;
        throw new SqlError('datatype_mismatch', message, { location });
      }
      if (name === 'default' || name === 'C' || name === 'POSIX') return bound;
      throw new SqlError('undefined_object', `collation "${name}" for encoding "UTF8" does not exist`, { location });
    }
    if ('SetToDefault' in node) {
      throw new SqlError('syntax_error', 'DEFAULT is not allowed in this context', {
        location: node.SetToDefault.location,
      });
    }
    throw notSupported(`an expression of kind ${kindOf(node)}`);
  }

  #columnRef({ fields, location }: ColumnRef): BoundExpression {
    if ((fields ?? []).some((field) => 'A_Star' in field)) {
      const whole =
        fields?.length === 2 ? this.scope?.wholeRow(stringsOf(fields)[0]!, location, this.progress) : undefined;
      if (whole !== undefined) return whole;
      throw new SqlError('syntax_error', 'row expansion via "*" is not supported here', { location });
    }
    const names = stringsOf(fields);
    if (this.scope !== undefined) return this.scope.column(names, location, this.progress);
    if (names.length > 1) {
      throw new SqlError('undefined_table', `missing FROM-clause entry for table "${names.at(-2)}"`, { location });
    }
    throw new SqlError('undefined_column', `column "${names[0]}" does not exist`, { location });
  }

  /** `(t).a` is `t.a`. */
  #columnOfRow(arg: Node, [first]: readonly Node[]): BoundExpression | undefined {
    if (this.scope === undefined || !('ColumnRef' in arg) || first === undefined || !('String' in first))
      return undefined;
    const { fields, location } = arg.ColumnRef;
    const [name, second] = stringsOf(fields);
    if (name === undefined || second !== undefined || !this.scope.isWholeRow(name)) return undefined;
    return this.scope.column([name, first.String.sval ?? ''], location, this.progress);
  }

  #parameter(number: number, location: number | undefined): BoundExpression {
    if (number < 1 || number > PARAMETERS_MAX || !this.#context.takesParameters) {
      throw new SqlError('undefined_parameter', `there is no parameter $${number}`, { location });
    }
    const { parameters } = this.#context;
    while (parameters.length < number) parameters.push(undefined);
    return { kind: 'parameter', type: parameters[number - 1] ?? 'unknown', modifier: -1, location, index: number - 1 };
  }

  #condition(expression: BoundExpression, title: string): BoundExpression {
    const coerced = this.tryCoerce(expression, 'bool', -1, 'implicit');
    if (coerced !== undefined) return coerced;
    throw new SqlError(
      'datatype_mismatch',
      `argument of ${title} must be type boolean, not type ${titleOf(expression.type)}`,
      { location: leftmost(expression) },
    );
  }

  /** All of one type. */
  #alike(expressions: readonly BoundExpression[], title: string): readonly BoundExpression[] {
    const type = commonType(expressions.map((each) => each.type));
    if (type === undefined) {
      const first = expressions.find((each) => each.type !== 'unknown')!;
      const other = expressions.find((each) => commonType([first.type, each.type]) === undefined) ?? first;
      throw new SqlError(
        'datatype_mismatch',
        `${title} types ${titleOf(first.type)} and ${titleOf(other.type)} cannot be matched`,
        { location: leftmost(other) },
      );
    }
    return expressions.map((each) => this.coerce(each, type, -1, 'implicit'));
  }

  #operator(expression: A_Expr): BoundExpression {
    const { kind = 'AEXPR_OP', lexpr, rexpr, location } = expression;
    const names = stringsOf(expression.name);
    if (names.length > 1 && names[0] !== 'pg_catalog') throw notSupported(`operator ${names.join('.')}`, location);
    const name = names.at(-1)!;
    switch (kind) {
      case 'AEXPR_OP': {
        if (lexpr === undefined) return this.#unary(name, this.#bind(rexpr!), location);
        const rows = this.#compareRows(name, lexpr, rexpr!, location);
        if (rows !== undefined) return rows;
        if ('RowExpr' in lexpr && 'SubLink' in rexpr! && rexpr.SubLink.subLinkType === 'EXPR_SUBLINK') {
          const { name: operName } = expression;
          const compared: SubLink = { ...rexpr.SubLink, subLinkType: 'ROWCOMPARE_SUBLINK', testexpr: lexpr };
          if (operName !== undefined) compared.operName = operName;
          if (location !== undefined) compared.location = location;
          return this.#bind({ SubLink: compared });
        }
        return this.#binary(name, this.#bind(lexpr), this.#bind(rexpr!), location);
      }
      case 'AEXPR_DISTINCT':
      case 'AEXPR_NOT_DISTINCT': {
        const negated = kind === 'AEXPR_NOT_DISTINCT';
        const distinct = (one: Node, other: Node): BoundExpression => {
          const { left, right } = this.#compare('=', this.#bind(one), this.#bind(other), location);
          return { kind: 'distinct', ...BOOLEAN, location, negated, left, right };
        };
        const pairs = rowConstructors(lexpr!, rexpr!, location);
        if (pairs === undefined) return distinct(lexpr!, rexpr!);
        const args = pairs.map(([one, other]) => distinct(one, other));
        return { kind: negated ? 'and' : 'or', ...BOOLEAN, location, args };
      }
      case 'AEXPR_NULLIF': {
        const value = this.#bind(lexpr!);
        const other = this.#bind(rexpr!);
        const condition = this.#compare('=', value, other, location);
        // As the operator takes it: nullif(1, 2.5) is a number with decimals. Integers are compared across their types.
        const isCast = !(INTEGERS.has(value.type) && INTEGERS.has(other.type)) && condition.kind === 'compare';
        const settled = isCast ? condition.left : this.settle(value);
        return {
          kind: 'nullIf',
          type: settled.type,
          modifier: settled.modifier,
          location,
          condition,
          value: settled,
        };
      }
      case 'AEXPR_IN': {
        const left = this.#bind(lexpr!);
        const items = rexpr !== undefined && 'List' in rexpr ? (rexpr.List.items ?? []) : [];
        if ('RowExpr' in lexpr! && items.every((item) => 'RowExpr' in item)) {
          const args = items.map((item) => this.#compareRows(name, lexpr, item, location)!);
          if (args.length === 1) return args[0]!;
          return { kind: name === '<>' ? 'and' : 'or', ...BOOLEAN, location, args };
        }
        const bound = this.#alike([left, ...items.map((item) => this.#bind(item))], 'IN');
        const negated = name === '<>';
        const tests = bound
          .slice(1)
          .map((item) => this.#compare(negated ? '<>' : '=', bound[0]!, item, location) as BoundExpression);
        if (tests.length === 1) return tests[0]!;
        return { kind: negated ? 'and' : 'or', ...BOOLEAN, location, args: tests };
      }
      case 'AEXPR_BETWEEN':
      case 'AEXPR_NOT_BETWEEN': {
        const negated = kind === 'AEXPR_NOT_BETWEEN';
        return this.#between(expression, false, negated);
      }
      case 'AEXPR_BETWEEN_SYM':
      case 'AEXPR_NOT_BETWEEN_SYM': {
        const negated = kind === 'AEXPR_NOT_BETWEEN_SYM';
        const args = [this.#between(expression, false, negated), this.#between(expression, true, negated)];
        return { kind: negated ? 'and' : 'or', ...BOOLEAN, location, args };
      }
      case 'AEXPR_LIKE':
      case 'AEXPR_ILIKE': {
        return this.#binary(name, this.#bind(lexpr!), this.#bind(rexpr!), location);
      }
      case 'AEXPR_OP_ANY':
      case 'AEXPR_OP_ALL':
        return bindScalarArray(
          name,
          kind === 'AEXPR_OP_ALL',
          this.#bind(lexpr!),
          this.#bind(rexpr!),
          location,
          this.operands,
        );
      case 'AEXPR_SIMILAR':
        return this.#binary(name, this.#bind(lexpr!), this.#bind(rexpr!), location);
      default:
        throw notSupported(`an operator of kind ${kind}`, location);
    }
  }

  #between({ lexpr, rexpr, location }: A_Expr, swapped: boolean, negated: boolean): BoundExpression {
    const [low, high] = rexpr !== undefined && 'List' in rexpr ? (rexpr.List.items ?? []) : [];
    const bound = (name: string, limit: Node): BoundExpression =>
      this.#compareRows(name, lexpr!, limit, location) ??
      this.#compare(name as '<', this.#bind(lexpr!), this.#bind(limit), location);
    const args = [
      bound(negated ? '<' : '>=', swapped ? high! : low!),
      bound(negated ? '>' : '<=', swapped ? low! : high!),
    ];
    return { kind: negated ? 'or' : 'and', ...BOOLEAN, location, args };
  }

  /** Undefined where not both are row constructors. */
  #compareRows(name: string, left: Node, right: Node, location: number | undefined): BoundExpression | undefined {
    const pairs = rowConstructors(left, right, location);
    if (pairs === undefined) return undefined;
    const bound = pairs.map(([one, other]) => [this.#bind(one), this.#bind(other)] as const);
    return compareRows(name, bound, location, (operator, one, other) => this.#binary(operator, one, other, location));
  }

  #unary(name: string, arg: BoundExpression, location: number | undefined): BoundExpression {
    const found = resolveOperator(name, undefined, arg.type, location);
    return this.#apply(found, [this.coerce(arg, found.arguments[0]!, -1, 'implicit')], location);
  }

  #binary(name: string, left: BoundExpression, right: BoundExpression, location: number | undefined): BoundExpression {
    const found = resolveOperator(name, left.type, right.type, location);
    const args = [left, right].map((each, i) => this.coerce(each, found.arguments[i]!, -1, 'implicit'));
    if (found.comparison === undefined) return this.#apply(found, args, location);
    return { kind: 'compare', ...BOOLEAN, location, operator: found.comparison, left: args[0]!, right: args[1]! };
  }

  #compare(
    operator: CompareOperator,
    left: BoundExpression,
    right: BoundExpression,
    location: number | undefined,
  ): Extract<BoundExpression, { kind: 'compare' }> {
    const compared = this.#binary(operator, left, right, location);
    assert(compared.kind === 'compare', 'a comparison is bound as one');
    return compared;
  }

  #call(call: FuncCall): BoundExpression {
    const { location } = call;
    const names = stringsOf(call.funcname);
    const name = names.at(-1)!;
    const isQualified = names.length > 1 && names[0] !== 'pg_catalog';
    if (isQualified && this.#context.functions === undefined) {
      throw new SqlError('invalid_schema_name', `schema "${names[0]}" does not exist`, { location });
    }
    if (isQualified) return this.#resolved(name, call, names.join('.'));
    if (call.over !== undefined) return this.#window(name, call);
    const isAggregated = isAggregate(name) || (call.agg_within_group === true && isHypotheticalSet(name));
    if (WINDOW_FUNCTIONS.has(name) && !isAggregated) {
      if (isHypotheticalSet(name) && (call.args ?? []).length > 0) {
        const message = `WITHIN GROUP is required for ordered-set aggregate ${name}`;
        throw new SqlError('wrong_object_type', message, { location });
      }
      throw new SqlError('wrong_object_type', `window function ${name} requires an OVER clause`, { location });
    }
    const option =
      call.agg_filter !== undefined
        ? 'FILTER'
        : call.agg_distinct === true
          ? 'DISTINCT'
          : call.agg_order !== undefined
            ? 'ORDER BY'
            : undefined;
    if (option !== undefined && !isAggregated) {
      // What is no function at all is told first.
      const keys = call.agg_within_group === true ? (call.agg_order ?? []) : [];
      const args = [...(call.args ?? []), ...keys.map((key) => ('SortBy' in key ? key.SortBy.node! : key))];
      this.#resolved(name, { ...call, args });
      const message = `${option} specified, but ${name} is not an aggregate function`;
      throw new SqlError('wrong_object_type', message, { location });
    }
    if (isAggregated) return this.#aggregate(name, call);
    return this.#resolved(name, call);
  }

  /** A call of a function that is neither aggregate nor window function. @param qualified Its name with a schema. */
  #resolved(name: string, call: FuncCall, qualified?: string): BoundExpression {
    const { location } = call;
    const names = stringsOf(call.funcname);
    const argumentNames: string[] = [];
    const record = this.#record;
    this.#record = undefined;
    const args = (call.args ?? []).map((arg) => {
      if (!('NamedArgExpr' in arg)) return this.#bind(arg);
      argumentNames.push(arg.NamedArgExpr.name ?? '');
      return this.#bind(arg.NamedArgExpr.arg!);
    });
    const shape = {
      ...(argumentNames.length > 0 ? { names: argumentNames } : {}),
      ...(call.func_variadic === true ? { variadic: true } : {}),
      ...(record === undefined ? {} : { record }),
      ...(qualified === undefined ? {} : { qualified }),
      shown: names.join('.'),
    };
    const types = args.map((arg) => arg.type);
    const others = names[0] === 'pg_catalog' ? [] : this.#context.functions?.named({ ...nameOfList(names), location });
    const found = resolveFunction(name, types, shape, location, others);
    if (call.agg_star === true) {
      const message = `${name}(*) specified, but ${name} is not an aggregate function`;
      throw new SqlError('wrong_object_type', message, { location });
    }
    if ('cast' in found) return this.coerce(args[0]!, found.cast, -1, 'explicit');
    const coerced = args.map((arg, i) => this.coerce(arg, found.arguments[i]!, -1, 'implicit'));
    if (found.user !== undefined) return this.#callUser(found, coerced, location);
    if (found.returnsSet === true) return this.#set(found, coerced, location);
    if (args[0]?.type === 'unknown') this.#checkSequence(name, coerced[0]!);
    return this.#apply(found, coerced, location);
  }

  /** A sequence that a literal names has to be there, as if the literal was one of type regclass. */
  #checkSequence(name: string, arg: BoundExpression): void {
    const { sequenceNamed } = this.#context;
    if (sequenceNamed === undefined || !SEQUENCE_CALLS.has(name)) return;
    if (arg.kind !== 'constant' || typeof arg.value !== 'string') return;
    const { value, location } = arg;
    at(location, () => sequenceNamed(value));
  }

  #callUser(found: ScalarFunction, args: readonly BoundExpression[], location: number | undefined): BoundExpression {
    // In FROM the call is a query of its own.
    if (this.#clause.title === 'functions in FROM') return this.#apply(found, args, location);
    if (found.returnsSet === true) {
      throw notSupported('a function in SQL that returns a set outside of FROM', location);
    }
    const { queries, progress } = this.#context;
    if (queries === undefined) throw notSupported('a function in SQL here', location);
    const context = { ...this.#context, queries, progress: progress ?? this.progress };
    return bindUserCall(found.user!, args, context, location);
  }

  #window(name: string, call: FuncCall): BoundExpression {
    const { location } = call;
    if (this.#inAggregate) {
      throw new SqlError('grouping_error', 'aggregate function calls cannot contain window function calls', {
        location,
      });
    }
    if (this.#inWindow) {
      throw new SqlError('windowing_error', 'window function calls cannot be nested', { location });
    }
    if (this.#clause.windows !== 'allowed') {
      const { title, place = title } = this.#clause;
      throw new SqlError('windowing_error', `window functions are not allowed in ${place}`, { location });
    }
    this.#inWindow = true;
    const bound = bindWindowCall(name, call, this);
    this.#inWindow = false;
    return bound;
  }

  #set(found: ScalarFunction, args: readonly BoundExpression[], location: number | undefined): BoundExpression {
    if (this.#inAggregate) {
      throw new SqlError(
        'feature_not_supported',
        'aggregate function calls cannot contain set-returning function calls',
        { location, hint: SET_HINT },
      );
    }
    if (this.#clause.windows !== 'allowed') {
      const { title, place = title } = this.#clause;
      throw new SqlError('feature_not_supported', `set-returning functions are not allowed in ${place}`, { location });
    }
    if (this.#inWindow || args.some((arg) => someExpression(arg, isSet))) {
      throw notSupported('a set-returning function inside of another call', location);
    }
    let index = this.sets.findIndex((other) => other.function.name === found.name && sameExpression(other.args, args));
    if (index < 0) index = this.sets.push({ function: found, args }) - 1;
    return { kind: 'column', type: found.result, modifier: -1, location, index, computed: 'set' };
  }

  #aggregate(name: string, call: FuncCall): BoundExpression {
    const { location } = call;
    if (this.#inAggregate) {
      throw new SqlError('grouping_error', 'aggregate function calls cannot be nested', { location });
    }
    const counts = countArguments(this.scope);
    const star = call.agg_star === true;
    this.#inAggregate = true;
    const args = (call.args ?? []).map((arg) => this.#bind(arg));
    const orderBy = (call.agg_order ?? []).map((node) => ({
      expression: this.settle(this.#bind('SortBy' in node ? node.SortBy.node! : node)),
      ...sortDirection(node),
    }));
    this.#inAggregate = false;
    const filter =
      call.agg_filter && this.inClause(FILTER, () => this.#condition(this.#bind(call.agg_filter!), 'FILTER'));
    const within = call.agg_within_group === true;
    const hypothetical = within && isHypotheticalSet(name);
    if (hypothetical && args.length === orderBy.length) {
      for (const [i, key] of orderBy.entries()) {
        const [wanted, value] = this.#alike([key.expression, args[i]!], 'WITHIN GROUP') as [
          BoundExpression,
          BoundExpression,
        ];
        args[i] = this.settle(value);
        orderBy[i] = { ...key, expression: this.settle(wanted) };
      }
    }
    const given = within ? [...orderBy.map((key) => key.expression), ...args] : args;
    const types = given.map((arg) => arg.type);
    const packed = !hypothetical
      ? findPackedAggregate(name, types, within)
      : args.length === orderBy.length
        ? hypotheticalAggregate(
            name,
            orderBy.map((key) => ({ ...key, type: key.expression.type })),
          )
        : undefined;
    const single = args.length === (star ? 0 : 1) && !within ? findAggregate(name, args[0]?.type) : undefined;
    const found = packed ?? single;
    if (found === undefined && args.length === 1 && types[0] === 'unknown' && (name === 'sum' || name === 'avg')) {
      throw new SqlError('ambiguous_function', `function ${name}(unknown) is not unique`, {
        location,
        hint: 'Could not choose a best candidate function. You might need to add explicit type casts.',
      });
    }
    if (found === undefined || (star && name !== 'count')) {
      const shown = [...args, ...(within ? orderBy.map((key) => key.expression) : [])];
      const title = `${name}(${shown.map((arg) => titleOf(arg.type)).join(', ')})`;
      throw new SqlError('undefined_function', `function ${title} does not exist`, {
        location,
        hint: hypothetical
          ? `To use the hypothetical-set aggregate ${name}, the number of hypothetical direct arguments (here ${args.length}) must match the number of ordering columns (here ${orderBy.length}).`
          : 'No function matches the given name and argument types. You might need to add explicit type casts.',
      });
    }
    let argument = args[0];
    if (packed !== undefined) {
      argument = packArguments(packed, given, location, this.operands);
      if (within && !hypothetical)
        orderBy[0] = { ...orderBy[0]!, expression: this.coerce(given[0]!, packed.packed[0]!, -1, 'implicit') };
    } else if (argument !== undefined) {
      const type = name === 'count' ? argument.type : found.argument!;
      argument = this.settle(this.coerce(argument, type, -1, 'implicit'));
    }
    const distinct = call.agg_distinct === true && argument !== undefined;
    if (distinct) for (const arg of args) requireEquality(arg);
    for (const key of orderBy) requireOrder(key.expression);
    if (distinct && !orderBy.every((key) => [argument, ...args].some((arg) => sameExpression(key.expression, arg)))) {
      throw new SqlError(
        'invalid_column_reference',
        'in an aggregate with DISTINCT, ORDER BY expressions must appear in argument list',
        { location: leftmost(orderBy[0]!.expression) },
      );
    }
    const wanted = distinct ? { ...found, distinct: argument!.type } : found;
    const aggregate: BoundAggregate = { function: wanted, argument, distinct, filter, orderBy };
    const parts = [argument, filter, ...orderBy.map((key) => key.expression)].filter((part) => part !== undefined);
    const level = levelOf(this.scope, parts);
    if (level === undefined) return this.takeAggregate(aggregate, location);
    const { binder } = level.scope;
    if (binder === undefined) {
      const message = 'aggregate functions are not allowed in FROM clause of their own query level';
      throw new SqlError('grouping_error', message, { location });
    }
    // What a query inside takes from around is told by its own frames, which stay where they are.
    if (parts.some(hasSubquery)) throw notSupported('an aggregate of an outer query over a subquery', location);
    const lift = liftedOut(level);
    const lifted = {
      ...aggregate,
      argument: argument && lift(argument),
      filter: filter && lift(filter),
      orderBy: orderBy.map((key) => ({ ...key, expression: lift(key.expression) })),
    };
    forgetArguments(level, counts);
    return passIn(binder.takeAggregate(lifted, location), level.crossed, this.progress);
  }

  /** An aggregate over the rows of this query, wherever it stands. @throws SqlError `grouping_error`. */
  takeAggregate(aggregate: BoundAggregate, location: number | undefined): BoundExpression {
    if (this.#clause.aggregates === 'refused') {
      const { title, place = title } = this.#clause;
      throw new SqlError('grouping_error', `aggregate functions are not allowed in ${place}`, { location });
    }
    if (this.#inAggregate) {
      throw new SqlError('grouping_error', 'aggregate function calls cannot be nested', { location });
    }
    // One that is written twice is computed once.
    let index = this.aggregates.findIndex(
      (other) =>
        other.function.name === aggregate.function.name &&
        other.distinct === aggregate.distinct &&
        sameExpression(other.argument, aggregate.argument) &&
        sameExpression(other.filter, aggregate.filter) &&
        sameExpression(other.orderBy, aggregate.orderBy),
    );
    if (index < 0) index = this.aggregates.push(aggregate) - 1;
    const { result } = aggregate.function;
    return { kind: 'column', type: result, modifier: -1, location, index, computed: 'aggregate' };
  }

  #valueFunction({ op, typmod, location }: SQLValueFunction): BoundExpression {
    const timed = TIME_FUNCTIONS[(op ?? '').replace(/_N$/, '')];
    if (timed !== undefined) {
      const now = resolveFunction('now', [], {}, location);
      assert(!('cast' in now), 'a function of no arguments is no cast');
      return this.coerce(this.#apply(now, [], location), timed, typmod ?? 0, 'explicit');
    }
    const name = VALUE_FUNCTIONS[op ?? ''];
    if (name === undefined) throw notSupported((op ?? '').replace('SVFOP_', ''), location);
    const found = resolveFunction(name, [], {}, location);
    assert(!('cast' in found), 'a function of no arguments is no cast');
    return this.#apply(found, [], location);
  }

  #case({ arg, args, defresult, location }: Extract<Node, { CaseExpr: unknown }>['CaseExpr']): BoundExpression {
    const subject = arg === undefined ? undefined : this.settle(this.#bind(arg));
    const conditions: BoundExpression[] = [];
    const results: BoundExpression[] = [];
    for (const each of args ?? []) {
      if (!('CaseWhen' in each)) continue;
      const test = this.#bind(each.CaseWhen.expr!);
      conditions.push(
        subject === undefined
          ? this.#condition(test, 'CASE/WHEN')
          : this.#compare('=', subject, test, each.CaseWhen.location),
      );
      results.push(this.#bind(each.CaseWhen.result!));
    }
    // ELSE speaks first when the common type is chosen, as in PostgreSQL.
    const otherwise = defresult === undefined ? nullConstant(location) : this.#bind(defresult);
    refuseSets([...conditions, ...results, otherwise], 'CASE');
    const alike = this.#alike([otherwise, ...results], 'CASE');
    return {
      kind: 'case',
      type: alike[0]!.type,
      modifier: commonModifier(alike),
      location,
      whens: conditions.map((condition, i) => ({ condition, result: alike[i + 1]! })),
      otherwise: alike[0]!,
    };
  }

  #apply(found: ScalarFunction, args: readonly BoundExpression[], location: number | undefined): BoundExpression {
    return { kind: 'call', type: found.result, modifier: -1, location, function: found, args };
  }

  #resolveUnknown(expression: BoundExpression, type: SqlType, modifier: number): BoundExpression {
    const { location } = expression;
    if (expression.kind === 'parameter') {
      const { parameters } = this.#context;
      const known = parameters[expression.index];
      if (known === undefined) parameters[expression.index] = type;
      else if (known !== type) return this.coerce({ ...expression, type: known }, type, -1, 'explicit');
      return { ...expression, type };
    }
    if (expression.kind !== 'constant') return this.#cast(expression, type);
    if (expression.value === null) return { ...expression, type };
    const text = expression.value as string;
    if (isPointInTime(type) && SPECIAL_TIMES.test(text)) {
      // Depends on when it is asked: not a constant.
      const cast = castFor('text', type);
      at(location, () => parseText(type, text, this.#context.time, modifier));
      return { kind: 'cast', type, modifier: -1, location, arg: { ...expression, type: 'text' }, cast };
    }
    return { ...expression, type, value: at(location, () => parseText(type, text, this.#context.time, modifier)) };
  }

  #cast(arg: BoundExpression, type: SqlType): BoundExpression {
    return { kind: 'cast', type, modifier: -1, location: arg.location, arg, cast: castFor(arg.type, type) };
  }
}

function bitsCast(arg: BoundExpression, modifier: number): BoundExpression {
  return { kind: 'cast', type: 'bit', modifier, location: arg.location, arg, cast: integerToBits(modifier) };
}

/** Keywords for the time of the transaction's start, by the type it is shown as. */
const TIME_FUNCTIONS: Readonly<Record<string, SqlType>> = {
  SVFOP_CURRENT_DATE: 'date',
  SVFOP_CURRENT_TIME: 'timetz',
  SVFOP_CURRENT_TIMESTAMP: 'timestamptz',
  SVFOP_LOCALTIME: 'time',
  SVFOP_LOCALTIMESTAMP: 'timestamp',
};

/** Where all alternatives are of one modifier, their choice is. */
function commonModifier(alternatives: readonly BoundExpression[]): number {
  const { modifier } = alternatives[0]!;
  return alternatives.every((one) => one.modifier === modifier) ? modifier : -1;
}

/** Keywords that are functions, by the function's name. */
const VALUE_FUNCTIONS: Readonly<Record<string, string>> = {
  SVFOP_CURRENT_USER: 'current_user',
  SVFOP_CURRENT_ROLE: 'current_user',
  SVFOP_USER: 'current_user',
  SVFOP_SESSION_USER: 'session_user',
  SVFOP_CURRENT_CATALOG: 'current_catalog',
  SVFOP_CURRENT_SCHEMA: 'current_schema',
};

/** Text of such a type can mean another value tomorrow. */
function isPointInTime(type: SqlType): boolean {
  return type === 'timestamptz' || type === 'timestamp' || type === 'date' || type === 'time' || type === 'timetz';
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

function hasCollation(type: SqlType): boolean {
  return typeInfo(elementOf(type) ?? type).category === 'S';
}

const SET_HINT = 'You might be able to move the set-returning function into a LATERAL FROM item.';

/** What may be left uncomputed holds no set. @throws SqlError `feature_not_supported`. */
function refuseSets(expressions: readonly BoundExpression[], title: string): void {
  for (const expression of expressions) {
    let place: number | undefined;
    const isRefused = someExpression(expression, (each) => {
      if (isSet(each)) place = each.location;
      return isSet(each);
    });
    if (!isRefused) continue;
    const message = `set-returning functions are not allowed in ${title}`;
    throw new SqlError('feature_not_supported', message, { location: place, hint: SET_HINT });
  }
}

/** The result of a set-returning function. */
function isSet(expression: BoundExpression): boolean {
  return expression.kind === 'column' && expression.computed === 'set';
}

/** A row has as many fields as the type that it is to be of. */
function checkWidth(row: BoundExpression, type: SqlType, location: number | undefined): void {
  if (row.kind !== 'call' || row.type !== 'record' || row.function.name !== 'row') return;
  const { fields } = typeInfo(baseOf(type));
  if (fields === undefined || fields.length === row.args.length) return;
  throw new SqlError('cannot_coerce', `cannot cast type record to ${titleOf(type)}`, {
    location,
    detail: row.args.length < fields.length ? 'Input has too few columns.' : 'Input has too many columns.',
  });
}

const BOOLEAN = { type: 'bool', modifier: -1 } as const;

/** The error of a value that does not fit the column it is meant for. */
export function assignmentMismatch(
  column: string,
  type: SqlType,
  expression: BoundExpression,
  place = leftmost(expression),
): SqlError {
  return new SqlError(
    'datatype_mismatch',
    `column "${column}" is of type ${titleOf(type)} but expression is of type ${titleOf(expression.type)}`,
    { location: place, hint: 'You will need to rewrite or cast the expression.' },
  );
}

/** Shared with defaults: a constant with its column's modifier. */
export function constantOf(type: SqlType, modifier: number, value: SqlValue): BoundExpression {
  return { kind: 'constant', type, modifier, location: undefined, value: applyModifier(type, modifier, value, false) };
}
