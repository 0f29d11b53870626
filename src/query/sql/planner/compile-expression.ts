/**
 * Bound expressions to closures, once per plan. Three-valued logic: null is unknown, AND and OR stop at the first
 * operand that decides, a strict function of a null is null without a call.
 */

import { unreachable } from '../../../base/assert.ts';
import type { Numeric } from '../../../models/relational/numeric.ts';
import type { BoundExpression, CompareOperator } from '../binder/bound.ts';
import type { Argument, Evaluate } from '../functions/evaluation.ts';
import { notSupported } from '../sql-error.ts';
import type { Cast } from '../types/cast.ts';
import { type Compare, compareFor } from '../types/compare.ts';
import { applyModifier } from '../types/modifiers.ts';
import { addNumeric, multiplyNumeric, subtractNumeric } from '../types/numeric-arithmetic.ts';
import { type SqlType, type SqlValue, typeInfo } from '../types/types.ts';

export function compileExpression(expression: BoundExpression): Evaluate {
  switch (expression.kind) {
    case 'constant': {
      const { value } = expression;
      return () => value;
    }
    case 'column': {
      const { index } = expression;
      return (row) => row[index]!;
    }
    case 'parameter': {
      const { index } = expression;
      return (_, context) => context.parameters[index] ?? null;
    }
    case 'slot': {
      const { slot } = expression;
      return (_, context) => context.slots[slot] ?? null;
    }
    case 'subquery':
      throw notSupported('a subquery here', expression.location);
    case 'call':
      return call(expression);
    case 'compare':
      return comparison(
        expression.operator,
        expression.left.type,
        compileExpression(expression.left),
        compileExpression(expression.right),
      );
    case 'distinct': {
      const compare = compareFor(expression.left.type);
      const left = compileExpression(expression.left);
      const right = compileExpression(expression.right);
      const { negated } = expression;
      return (row, context) => {
        const a = left(row, context);
        const b = right(row, context);
        const distinct = a === null || b === null ? a !== b : compare(a, b) !== 0;
        return distinct !== negated;
      };
    }
    case 'and':
      return junction(expression.args.map(compileExpression), false);
    case 'or':
      return junction(expression.args.map(compileExpression), true);
    case 'not': {
      const arg = compileExpression(expression.arg);
      return (row, context) => {
        const value = arg(row, context);
        return value === null ? null : !value;
      };
    }
    case 'isNull': {
      const arg = compileExpression(expression.arg);
      const { negated } = expression;
      return (row, context) => (arg(row, context) === null) !== negated;
    }
    case 'isBoolean': {
      const arg = compileExpression(expression.arg);
      const { value, negated } = expression;
      return (row, context) => (arg(row, context) === value) !== negated;
    }
    case 'case': {
      const whens = expression.whens.map(({ condition, result }) => ({
        condition: compileExpression(condition),
        result: compileExpression(result),
      }));
      const otherwise = compileExpression(expression.otherwise);
      return (row, context) => {
        for (const { condition, result } of whens) if (condition(row, context) === true) return result(row, context);
        return otherwise(row, context);
      };
    }
    case 'coalesce': {
      const args = expression.args.map(compileExpression);
      return (row, context) => {
        for (const arg of args) {
          const value = arg(row, context);
          if (value !== null) return value;
        }
        return null;
      };
    }
    case 'extreme': {
      const args = expression.args.map(compileExpression);
      const compare = compareFor(expression.type);
      const wanted = expression.greatest ? 1 : -1;
      return (row, context) => {
        let best: SqlValue = null;
        for (const arg of args) {
          const value = arg(row, context);
          if (value !== null && (best === null || Math.sign(compare(value, best)) === wanted)) best = value;
        }
        return best;
      };
    }
    case 'nullIf': {
      const condition = compileExpression(expression.condition);
      const value = compileExpression(expression.value);
      return (row, context) => (condition(row, context) === true ? null : value(row, context));
    }
    case 'cast': {
      const arg = compileExpression(expression.arg);
      const { cast } = expression;
      if (cast === undefined) return arg;
      if (expression.arg.kind === 'parameter' && isNumber(expression.type) && isNumber(expression.arg.type)) {
        return castOnce(arg, cast);
      }
      return (row, context) => {
        const value = arg(row, context);
        return value === null ? null : cast(value, context);
      };
    }
    case 'applyModifier': {
      const arg = compileExpression(expression.arg);
      const { type, modifier, explicit } = expression;
      return (row, context) => applyModifier(type, modifier, arg(row, context), explicit);
    }
    default:
      return unreachable(expression);
  }
}

/** Operators of numeric, without a list of arguments for each call. */
const NUMERIC_OPERATORS: Readonly<Record<string, (a: Numeric, b: Numeric) => Numeric>> = {
  '+': addNumeric,
  '-': subtractNumeric,
  '*': multiplyNumeric,
};

function numericOperator({ function: { name, arguments: types }, args }: Extract<BoundExpression, { kind: 'call' }>) {
  if (args.length !== 2 || types[0] !== 'numeric' || types[1] !== 'numeric') return undefined;
  return Object.hasOwn(NUMERIC_OPERATORS, name) ? NUMERIC_OPERATORS[name] : undefined;
}

function call(expression: Extract<BoundExpression, { kind: 'call' }>): Evaluate {
  const operator = numericOperator(expression);
  if (operator !== undefined) {
    const [left, right] = expression.args.map(compileExpression) as [Evaluate, Evaluate];
    return (row, context) => {
      const a = left(row, context);
      const b = right(row, context);
      return a === null || b === null ? null : operator(a as Numeric, b as Numeric);
    };
  }
  const { evaluate, strict } = expression.function;
  const args = expression.args.map(compileExpression);
  if (strict && args.length === 1) {
    const only = args[0]!;
    return (row, context) => {
      const value = only(row, context);
      return value === null ? null : evaluate([value], context);
    };
  }
  if (strict && args.length === 2) {
    const [first, second] = args as [Evaluate, Evaluate];
    return (row, context) => {
      const a = first(row, context);
      if (a === null) return null;
      const b = second(row, context);
      return b === null ? null : evaluate([a, b], context);
    };
  }
  return (row, context) => {
    const values = args.map((arg) => arg(row, context));
    return strict && values.includes(null) ? null : evaluate(values, context);
  };
}

function isNumber(type: SqlType): boolean {
  return typeInfo(type).category === 'N' && !type.startsWith('reg');
}

/** A parameter's value stays the same for all rows: what it was cast to is kept until another comes. */
function castOnce(arg: Evaluate, cast: Cast): Evaluate {
  let from: SqlValue = null;
  let to: SqlValue = null;
  return (row, context) => {
    const value = arg(row, context);
    if (value === null) return null;
    if (!Object.is(value, from)) {
      to = cast(value, context);
      from = value;
    }
    return to;
  };
}

/** AND (decided by false) or OR (decided by true). */
function junction(args: readonly Evaluate[], decisive: boolean): Evaluate {
  return (row, context) => {
    let unknown = false;
    for (const arg of args) {
      const value = arg(row, context);
      if (value === decisive) return decisive;
      if (value === null) unknown = true;
    }
    return unknown ? null : !decisive;
  };
}

/** Types whose JavaScript operators are already SQL's order. */
const PLAIN: ReadonlySet<SqlType> = new Set([
  'bool',
  'int2',
  'int4',
  'int8',
  'oid',
  'date',
  'time',
  'timestamp',
  'timestamptz',
]);

function comparison(operator: CompareOperator, type: SqlType, left: Evaluate, right: Evaluate): Evaluate {
  const test =
    PLAIN.has(type) || (isText(type) && (operator === '=' || operator === '<>'))
      ? plainTest(operator)
      : orderTest(operator, compareFor(type));
  return (row, context) => {
    const a = left(row, context);
    const b = right(row, context);
    return a === null || b === null ? null : test(a, b);
  };
}

function isText(type: SqlType): boolean {
  return type === 'text' || type === 'varchar' || type === 'name';
}

function plainTest(operator: CompareOperator): (a: Argument, b: Argument) => boolean {
  switch (operator) {
    case '=':
      return (a, b) => a === b;
    case '<>':
      return (a, b) => a !== b;
    case '<':
      return (a, b) => a < b;
    case '<=':
      return (a, b) => a <= b;
    case '>':
      return (a, b) => a > b;
    case '>=':
      return (a, b) => a >= b;
    default:
      return unreachable(operator);
  }
}

function orderTest(operator: CompareOperator, compare: Compare): (a: Argument, b: Argument) => boolean {
  switch (operator) {
    case '=':
      return (a, b) => compare(a, b) === 0;
    case '<>':
      return (a, b) => compare(a, b) !== 0;
    case '<':
      return (a, b) => compare(a, b) < 0;
    case '<=':
      return (a, b) => compare(a, b) <= 0;
    case '>':
      return (a, b) => compare(a, b) > 0;
    case '>=':
      return (a, b) => compare(a, b) >= 0;
    default:
      return unreachable(operator);
  }
}
