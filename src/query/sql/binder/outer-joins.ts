/** Outer joins that conditions behind them turn into plainer ones (PostgreSQL's reduce_outer_joins). */

import { type BoundExpression, type BoundJoin, type BoundRelation, conjuncts, shifted, widthOf } from './bound.ts';

/** The relation with each of its outer joins as the join that it is behind the conditions. */
export function withReducedJoins(relation: BoundRelation, conditions: readonly BoundExpression[]): BoundRelation {
  if (relation.kind !== 'join' || relation.args.length > 0) return relation;
  const join = reduced(relation, conditions);
  const { type, left, right } = join;
  const own = type === 'inner' && join.condition !== undefined ? conjuncts(join.condition) : [];
  const all = [...conditions, ...own];
  // Of a side that may be missing the conditions say nothing.
  const width = widthOf(left);
  const onLeft = type === 'inner' || type === 'left' ? all : [];
  const onRight = type === 'inner' || type === 'right' ? all.map((each) => shifted(each, -width)) : [];
  return { ...join, left: withReducedJoins(left, onLeft), right: withReducedJoins(right, onRight) };
}

/** An outer join whose rows with nulls for a missing side no condition would let pass, as the join that it is then. */
export function reduced(join: BoundJoin, conditions: readonly BoundExpression[]): BoundJoin {
  const width = widthOf(join.left);
  const end = widthOf(join);
  // Conditions may speak of what is beside the join as well.
  const rejectsLeft = conditions.some((each) => rejectsNulls(each, (index) => index >= 0 && index < width));
  const rejectsRight = conditions.some((each) => rejectsNulls(each, (index) => index >= width && index < end));
  switch (join.type) {
    case 'left':
      return rejectsRight ? { ...join, type: 'inner' } : join;
    case 'right':
      return rejectsLeft ? { ...join, type: 'inner' } : join;
    case 'full':
      if (rejectsLeft && rejectsRight) return { ...join, type: 'inner' };
      return rejectsLeft ? { ...join, type: 'left' } : rejectsRight ? { ...join, type: 'right' } : join;
    default:
      return join;
  }
}

/** Whether the condition cannot be true when these columns are null. */
function rejectsNulls(condition: BoundExpression, isNull: (index: number) => boolean): boolean {
  switch (condition.kind) {
    case 'and':
      return condition.args.some((arg) => rejectsNulls(arg, isNull));
    case 'or':
      return condition.args.every((arg) => rejectsNulls(arg, isNull));
    case 'isNull':
      return condition.negated && isStrict(condition.arg, isNull);
    default:
      return isStrict(condition, isNull);
  }
}

/** Whether the expression is null when these columns are. */
function isStrict(expression: BoundExpression, isNull: (index: number) => boolean): boolean {
  const strict = (each: BoundExpression): boolean => isStrict(each, isNull);
  switch (expression.kind) {
    case 'column':
      return isNull(expression.index);
    case 'compare':
      return strict(expression.left) || strict(expression.right);
    case 'call':
      return expression.function.strict && expression.args.some(strict);
    case 'not':
    case 'cast':
    case 'applyModifier':
      return strict(expression.arg);
    default:
      return false;
  }
}
