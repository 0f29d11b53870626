/** Whether an expression gives the same for the same row, always: what indexes and generated columns are made of. */

import { typeInfo } from '../types/types.ts';
import { type BoundExpression, someOperand } from './bound.ts';

export function isImmutable(expression: BoundExpression): boolean {
  if (expression.kind === 'call' && expression.function.volatility !== 'immutable' && !joinsPlain(expression))
    return false;
  return !someOperand(expression, (operand) => !isImmutable(operand));
}

/** Whether a function in it may give another value each time it is asked. */
export function isVolatile(expression: BoundExpression): boolean {
  if (expression.kind === 'call' && expression.function.volatility === 'volatile') return true;
  return someOperand(expression, isVolatile);
}

/** `||` of text with anything prints that: PostgreSQL looks inside, where printing most types depends on nothing. */
function joinsPlain(expression: Extract<BoundExpression, { kind: 'call' }>): boolean {
  const { name } = expression.function;
  return name === '||' && expression.args.every(({ type }) => 'NSB'.includes(typeInfo(type).category));
}
