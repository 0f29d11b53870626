/**
 * Binds operators and the syntax that stands for them: comparisons of rows, IS DISTINCT FROM, NULLIF, IN, BETWEEN, LIKE, and ANY or ALL of an
 * array (PostgreSQL's parse_expr.c: transformAExprOp and its neighbours; parse_oper.c).
 */

import type { A_Expr, Node, SubLink } from '@pgsql/types';
import { isMixedOperator } from '../functions/comparisons.ts';
import { resolveOperator } from '../functions/resolve.ts';
import { notSupported } from '../sql-error.ts';
import { comparableCast } from '../types/cast.ts';
import { baseOf, commonType, isInteger, isRecord, type SqlType, type SqlValue } from '../types/types.ts';
import { applied, bindScalarArray } from './bind-array.ts';
import { BOOLEAN, type BoundExpression } from './bound.ts';
import type { ExpressionBinder } from './expression-binder.ts';
import { kindOf, stringOf } from './names.ts';
import { compareRows, rowConstructors } from './row-comparison.ts';

/** Types between which there are operators, so that neither side becomes the other's. */
const COMPARED_ACROSS: readonly ReadonlySet<SqlType>[] = [
  new Set<SqlType>(['int2', 'int4', 'int8']),
  new Set<SqlType>(['float4', 'float8']),
  new Set<SqlType>(['date', 'timestamp', 'timestamptz']),
];

export function bindOperator(binder: ExpressionBinder, expression: A_Expr): BoundExpression {
  const { kind = 'AEXPR_OP', lexpr, rexpr, location } = expression;
  const { name: names = [] } = expression;
  if (names.length > 1 && stringOf(names[0]) !== 'pg_catalog') {
    throw notSupported(`operator ${names.map(stringOf).join('.')}`, location);
  }
  const name = stringOf(names.at(-1));
  switch (kind) {
    case 'AEXPR_OP': {
      if (lexpr === undefined) return unary(binder, name, binder.bindInside(rexpr!), location);
      const isRow = kindOf(lexpr) === 'RowExpr';
      const rows = isRow ? bindRowComparison(binder, name, lexpr, rexpr!, location) : undefined;
      if (rows !== undefined) return rows;
      if (isRow && 'SubLink' in rexpr! && rexpr.SubLink.subLinkType === 'EXPR_SUBLINK') {
        const { name: operName } = expression;
        const compared: SubLink = { ...rexpr.SubLink, subLinkType: 'ROWCOMPARE_SUBLINK', testexpr: lexpr };
        if (operName !== undefined) compared.operName = operName;
        if (location !== undefined) compared.location = location;
        return binder.bindInside({ SubLink: compared });
      }
      return binary(binder, name, binder.bindInside(lexpr), binder.bindInside(rexpr!), location);
    }
    case 'AEXPR_DISTINCT':
    case 'AEXPR_NOT_DISTINCT': {
      const negated = kind === 'AEXPR_NOT_DISTINCT';
      const distinct = (one: BoundExpression, other: BoundExpression): BoundExpression => {
        const { left, right } = binder.compare('=', one, other, location);
        return { kind: 'distinct', ...BOOLEAN, location, negated, left, right };
      };
      const other = isNullLiteral(rexpr!) ? lexpr! : isNullLiteral(lexpr!) ? rexpr! : undefined;
      if (other !== undefined) {
        const arg = binder.ofAnyType(binder.bindInside(other));
        return { kind: 'isNull', ...BOOLEAN, location, arg, negated: !negated };
      }
      const pairs = rowConstructors(lexpr!, rexpr!, location, (node) => binder.bindInside(node));
      if (pairs === undefined) return distinct(binder.bindInside(lexpr!), binder.bindInside(rexpr!));
      const args = pairs.map(([one, other]) => distinct(one, other));
      return { kind: negated ? 'and' : 'or', ...BOOLEAN, location, args };
    }
    case 'AEXPR_NULLIF': {
      const value = binder.bindInside(lexpr!);
      const other = binder.bindInside(rexpr!);
      const condition = binder.compare('=', value, other, location);
      // As the operator takes it: nullif(1, 2.5) is a number with decimals. Some are compared across their types, and rows as they are.
      const isCast =
        !isRecord(value.type) && !COMPARED_ACROSS.some((types) => types.has(value.type) && types.has(other.type));
      const settled = isCast ? condition.left : binder.settle(value);
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
      const items = rexpr !== undefined && 'List' in rexpr ? (rexpr.List.items ?? []) : [];
      if ('RowExpr' in lexpr! && items.every((item) => 'RowExpr' in item)) {
        const args = items.map((item) => bindRowComparison(binder, name, lexpr, item, location)!);
        if (args.length === 1) return args[0]!;
        return { kind: name === '<>' ? 'and' : 'or', ...BOOLEAN, location, args };
      }
      const all = [lexpr!, ...items].map((item) => binder.bindInside(item));
      // Without a type for all, each is compared by itself.
      const bound = commonType(all.map(({ type }) => type)) === undefined ? all : binder.alike(all, 'IN');
      const negated = name === '<>';
      const tests = bound
        .slice(1)
        .map((item) => binder.compare(negated ? '<>' : '=', bound[0]!, item, location) as BoundExpression);
      if (tests.length === 1) return tests[0]!;
      return { kind: negated ? 'and' : 'or', ...BOOLEAN, location, args: tests, listed: true };
    }
    case 'AEXPR_BETWEEN':
    case 'AEXPR_NOT_BETWEEN': {
      const negated = kind === 'AEXPR_NOT_BETWEEN';
      return between(binder, expression, false, negated);
    }
    case 'AEXPR_BETWEEN_SYM':
    case 'AEXPR_NOT_BETWEEN_SYM': {
      const negated = kind === 'AEXPR_NOT_BETWEEN_SYM';
      const args = [between(binder, expression, false, negated), between(binder, expression, true, negated)];
      return { kind: negated ? 'and' : 'or', ...BOOLEAN, location, args };
    }
    case 'AEXPR_LIKE':
    case 'AEXPR_ILIKE': {
      return binary(binder, name, binder.bindInside(lexpr!), binder.bindInside(rexpr!), location);
    }
    case 'AEXPR_OP_ANY':
    case 'AEXPR_OP_ALL':
      return bindScalarArray(
        name,
        kind === 'AEXPR_OP_ALL',
        binder.bindInside(lexpr!),
        binder.bindInside(rexpr!),
        location,
        binder.operands,
      );
    case 'AEXPR_SIMILAR':
      return binary(binder, name, binder.bindInside(lexpr!), binder.bindInside(rexpr!), location);
    default:
      throw notSupported(`an operator of kind ${kind}`, location);
  }
}

function between(
  binder: ExpressionBinder,
  { lexpr, rexpr, location }: A_Expr,
  swapped: boolean,
  negated: boolean,
): BoundExpression {
  const [low, high] = rexpr !== undefined && 'List' in rexpr ? (rexpr.List.items ?? []) : [];
  const isRow = kindOf(lexpr!) === 'RowExpr';
  const bound = (name: string, limit: Node): BoundExpression =>
    (isRow ? bindRowComparison(binder, name, lexpr!, limit, location) : undefined) ??
    binder.compare(name as '<', binder.bindInside(lexpr!), binder.bindInside(limit), location);
  const args = [
    bound(negated ? '<' : '>=', swapped ? high! : low!),
    bound(negated ? '>' : '<=', swapped ? low! : high!),
  ];
  return { kind: negated ? 'or' : 'and', ...BOOLEAN, location, args };
}

/** Undefined where not both are row constructors. */
function bindRowComparison(
  binder: ExpressionBinder,
  name: string,
  left: Node,
  right: Node,
  location: number | undefined,
): BoundExpression | undefined {
  const pairs = rowConstructors(left, right, location, (node) => binder.bindInside(node));
  if (pairs === undefined) return undefined;
  return compareRows(name, pairs, location, (operator, one, other) => binary(binder, operator, one, other, location));
}

function unary(
  binder: ExpressionBinder,
  name: string,
  arg: BoundExpression,
  location: number | undefined,
): BoundExpression {
  const found = resolveOperator(name, undefined, arg.type, location);
  return applied(found, [binder.coerce(arg, found.arguments[0]!, -1, 'implicit')], location);
}

/** @throws SqlError `undefined_function` where there is none for the types. */
export function binary(
  binder: ExpressionBinder,
  name: string,
  left: BoundExpression,
  right: BoundExpression,
  location: number | undefined,
): BoundExpression {
  const found = resolveOperator(name, left.type, right.type, location);
  const args = [left, right].map((each, i) => {
    if (found.arguments[i] === 'xid' && isInteger(baseOf(each.type))) return asXid(each);
    const coerced = binder.coerce(each, found.arguments[i]!, -1, 'implicit');
    if (coerced === each || coerced.kind !== 'cast' || !isMixedOperator(name, left.type, right.type)) return coerced;
    const cast = found.comparison === undefined ? coerced.cast : comparableCast(coerced.cast, each.type);
    return { ...coerced, cast, unspoken: true };
  });
  if (found.comparison === undefined) return applied(found, args, location);
  return { kind: 'compare', ...BOOLEAN, location, operator: found.comparison, left: args[0]!, right: args[1]! };
}

/** PostgreSQL has no cast between the two, only operators: the 32 bits of the integer are compared. */
function asXid(arg: BoundExpression): BoundExpression {
  const cast = (value: SqlValue): SqlValue => (value as number) >>> 0;
  return { kind: 'cast', type: 'xid', modifier: -1, location: arg.location, arg, cast, unspoken: true };
}

/** NULL as such, without a type: to be distinct from it is not to be null, whatever the type. */
function isNullLiteral(node: Node): boolean {
  return 'A_Const' in node && node.A_Const.isnull === true;
}
