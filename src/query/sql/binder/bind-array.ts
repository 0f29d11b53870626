/**
 * Array syntax in expressions: `ARRAY[…]`, subscripts and slices, `operator ANY (array)` and `ALL`, and rows. Each becomes a call
 * of a function made for its types (parse_expr.c: transformArrayExpr, make_scalar_array_op; parse_node.c: subscripts).
 */

import type { A_Indices, Node } from '@pgsql/types';
import { SqlArray, type SqlRecord } from '../../../models/relational/values.ts';
import { concatenateArrays, elementAt, type SliceBound, sliceOf } from '../functions/array-access.ts';
import type { ScalarFunction } from '../functions/evaluation.ts';
import { jsonElement } from '../functions/json-access.ts';
import type { PackedAggregate } from '../functions/packed-aggregates.ts';
import { makeRecord } from '../functions/records.ts';
import { findFunction, resolveOperator } from '../functions/resolve.ts';
import { notSupported, SqlError } from '../sql-error.ts';
import { ARRAY_DIMENSIONS_MAX, tooManyDimensions } from '../types/array-bounds.ts';
import { type Compare, compareFor } from '../types/compare.ts';
import { recordTypeOf } from '../types/record-types.ts';
import {
  arrayOf,
  baseOf,
  commonType,
  elementOf,
  isInteger,
  isRecord,
  type SqlType,
  type SqlValue,
  titleOf,
  typeInfo,
} from '../types/types.ts';
import { type BoundExpression, leftmost } from './bound.ts';
import { noCommonType } from './common-type.ts';

/** What array syntax needs of the binder of expressions. */
export interface OperandBinder {
  bind(node: Node): BoundExpression;
  coerce(expression: BoundExpression, type: SqlType, context: 'implicit' | 'assignment' | 'explicit'): BoundExpression;
  /** As it is; a literal becomes text. */
  ofAnyType(expression: BoundExpression): BoundExpression;
}

/** A call of a function whose arguments are of the types that it takes. */
export function applied(
  found: ScalarFunction,
  args: readonly BoundExpression[],
  location: number | undefined,
): BoundExpression {
  return { kind: 'call', type: found.result, modifier: -1, location, function: found, args };
}

/** A call of a function made for its place. */
export function callOf(
  definition: Pick<ScalarFunction, 'name' | 'result' | 'strict' | 'evaluate'>,
  args: readonly BoundExpression[],
  location: number | undefined,
): BoundExpression {
  const found: ScalarFunction = { ...definition, arguments: args.map((arg) => arg.type), volatility: 'immutable' };
  return applied(found, args, location);
}

/** @param wanted The type of the array, where a cast stands around it. */
export function bindArrayConstructor(
  elements: readonly Node[],
  location: number | undefined,
  binder: OperandBinder,
  wanted?: SqlType,
): BoundExpression {
  const wantedElement = wanted === undefined ? undefined : elementOf(baseOf(wanted));
  const bound = elements.map((node) =>
    'A_ArrayExpr' in node
      ? bindArrayConstructor(node.A_ArrayExpr.elements ?? [], node.A_ArrayExpr.location, binder, wanted)
      : binder.bind(node),
  );
  if (bound.length === 0 && wantedElement === undefined) {
    throw new SqlError('indeterminate_datatype', 'cannot determine type of empty array', {
      location,
      hint: 'Explicitly cast to the desired type, for example ARRAY[]::integer[].',
    });
  }
  const nested =
    elements.some((node) => 'A_ArrayExpr' in node) || bound.some((each) => elementOf(each.type) !== undefined);
  if (nested) {
    const type = wanted ?? commonArrayType(bound, location);
    const args = bound.map((each) => binder.coerce(each, type, wanted === undefined ? 'implicit' : 'explicit'));
    const element = elementOf(baseOf(type))!;
    return callOf(
      {
        name: 'array',
        result: type,
        strict: false,
        evaluate: (values) => concatenateArrays(element, values as SqlArray[]),
      },
      args,
      location,
    );
  }
  const element = wantedElement ?? commonType(bound.map((each) => each.type));
  if (element === undefined) throw noCommonType('ARRAY', bound, (each) => leftmost(each) ?? location);
  const type = wanted ?? arrayOf(element);
  if (type === undefined) {
    throw new SqlError('undefined_object', `could not find array type for data type ${titleOf(element)}`, { location });
  }
  const args = bound.map((each) => binder.coerce(each, element, wanted === undefined ? 'implicit' : 'explicit'));
  return callOf(
    {
      name: 'array',
      result: type,
      strict: false,
      evaluate: (values) => new SqlArray(element as SqlArray['element'], values.slice()),
    },
    args,
    location,
  );
}

function commonArrayType(bound: readonly BoundExpression[], location: number | undefined): SqlType {
  const type = commonType(bound.map((each) => each.type));
  if (type !== undefined && elementOf(baseOf(type)) !== undefined) return type;
  throw noCommonType('ARRAY', bound, (each) => leftmost(each) ?? location);
}

/** `left operator ANY (array)`, or ALL. */
export function bindScalarArray(
  name: string,
  every: boolean,
  left: BoundExpression,
  right: BoundExpression,
  location: number | undefined,
  binder: OperandBinder,
): BoundExpression {
  const element = right.type === 'unknown' ? 'unknown' : elementOf(baseOf(right.type));
  if (element === undefined) {
    throw new SqlError('wrong_object_type', 'op ANY/ALL (array) requires array on right side', { location });
  }
  const found = resolveOperator(name, left.type, element, location);
  if (found.result !== 'bool') {
    throw new SqlError('wrong_object_type', 'op ANY/ALL (array) requires operator to yield boolean', { location });
  }
  const [leftType, rightType] = found.arguments as readonly [SqlType, SqlType];
  const arrayType = arrayOf(rightType);
  if (arrayType === undefined) {
    throw new SqlError('undefined_object', `could not find array type for data type ${titleOf(rightType)}`, {
      location,
    });
  }
  const test: ScalarFunction['evaluate'] =
    found.comparison === undefined ? found.evaluate : comparisonTest(found.comparison, compareFor(leftType));
  // Between the two there are operators and no cast.
  const areXids = rightType === 'xid' && isInteger(baseOf(element));
  const args = [
    binder.coerce(left, leftType, 'implicit'),
    areXids ? right : binder.coerce(right, arrayType, 'implicit'),
  ];
  return callOf(
    {
      name: `${name} ${every ? 'all' : 'any'}`,
      result: 'bool',
      strict: false,
      evaluate: ([value, array], context) => {
        if (array === null) return null;
        const { values } = array as SqlArray;
        let unknown = false;
        for (const each of values) {
          const item = areXids && each !== null ? Number(each) >>> 0 : each;
          const result = value === null || item === null ? null : test([value!, item], context);
          if (result === !every) return !every;
          if (result === null) unknown = true;
        }
        return unknown ? null : every;
      },
    },
    args,
    location,
  );
}

function comparisonTest(
  operator: NonNullable<ScalarFunction['comparison']>,
  compare: Compare,
): (args: readonly SqlValue[]) => boolean {
  type Value = Exclude<SqlValue, null>;
  const order = ([a, b]: readonly SqlValue[]): number => compare(a as Value, b as Value);
  switch (operator) {
    case '=':
      return (args) => order(args) === 0;
    case '<>':
      return (args) => order(args) !== 0;
    case '<':
      return (args) => order(args) < 0;
    case '<=':
      return (args) => order(args) <= 0;
    case '>':
      return (args) => order(args) > 0;
    default:
      return (args) => order(args) >= 0;
  }
}

/** `value[1][2:3].field`. */
export function bindIndirection(arg: BoundExpression, steps: readonly Node[], binder: OperandBinder): BoundExpression {
  let value = arg;
  for (let i = 0; i < steps.length; ) {
    const step = steps[i]!;
    if ('String' in step) {
      value = bindField(value, step.String.sval ?? '');
      i++;
      continue;
    }
    if (!('A_Indices' in step)) throw notSupported('row expansion via "*" of an expression', leftmost(arg));
    const indices: A_Indices[] = [];
    for (; i < steps.length; i++) {
      const each = steps[i]!;
      if (!('A_Indices' in each)) break;
      indices.push(each.A_Indices);
    }
    value = bindSubscripts(value, indices, binder);
  }
  return value;
}

/** Of a value of type name, its end included. */
const NAME_BYTES = 64;

/** A byte of a name, which PostgreSQL keeps as an array of them, the first at 0. */
function bindLetter(value: BoundExpression, index: Node | undefined, binder: OperandBinder): BoundExpression {
  return callOf(
    {
      name: 'subscript',
      result: 'char',
      strict: true,
      evaluate: ([name, at]) => {
        const place = at as number;
        if (place < 0 || place >= NAME_BYTES) return null;
        return Buffer.from(name as string).toString('latin1', place, place + 1);
      },
    },
    [value, bindSubscript(index!, binder)],
    leftmost(value),
  );
}

function bindSubscripts(value: BoundExpression, indices: readonly A_Indices[], binder: OperandBinder): BoundExpression {
  const location = leftmost(value);
  const type = baseOf(value.type);
  if (type === 'jsonb') return bindJsonSubscripts(value, indices, binder);
  if (type === 'name' && indices.length === 1 && indices[0]!.is_slice !== true) {
    return bindLetter(value, indices[0]!.uidx, binder);
  }
  const element = elementOf(type);
  if (element === undefined) {
    throw new SqlError(
      'datatype_mismatch',
      `cannot subscript type ${titleOf(value.type)} because it does not support subscripting`,
      {
        location,
      },
    );
  }
  if (indices.length > ARRAY_DIMENSIONS_MAX) throw tooManyDimensions(indices.length);
  const isSlice = indices.some((each) => each.is_slice === true);
  const args: BoundExpression[] = [value];
  const places: { readonly lower: number | undefined; readonly upper: number | undefined; readonly single: boolean }[] =
    [];
  const add = (node: Node | undefined): number | undefined => {
    return node === undefined ? undefined : args.push(bindSubscript(node, binder)) - 1;
  };
  for (const { is_slice, lidx, uidx } of indices) {
    const single = is_slice !== true;
    places.push({ lower: add(lidx), upper: add(uidx), single });
  }
  // What is a slice, and which of its bounds are given, is part of what the call is.
  const shape = places.map(({ lower, upper, single }) =>
    single ? 'i' : `${lower === undefined ? '' : 'l'}:${upper === undefined ? '' : 'u'}`,
  );
  return callOf(
    {
      name: isSlice ? `subscript ${shape.join(',')}` : 'subscript',
      result: isSlice ? value.type : element,
      strict: true,
      evaluate: (values) => {
        const array = values[0] as SqlArray;
        if (!isSlice)
          return elementAt(
            array,
            places.map(({ upper }) => values[upper!] as number),
          );
        const bounds = places.map(
          ({ lower, upper, single }): SliceBound => ({
            lower: single ? 1 : lower === undefined ? undefined : (values[lower] as number),
            upper: upper === undefined ? undefined : (values[upper] as number),
          }),
        );
        return sliceOf(array, bounds);
      },
    },
    args,
    location,
  );
}

/** @throws SqlError `datatype_mismatch` for what is no integer. */
export function bindSubscript(node: Node, binder: OperandBinder): BoundExpression {
  const bound = binder.bind(node);
  try {
    return binder.coerce(bound, 'int4', 'assignment');
  } catch (error) {
    if (!(error instanceof SqlError) || error.condition !== 'cannot_coerce') throw error;
    throw new SqlError('datatype_mismatch', 'array subscript must have type integer', { location: leftmost(bound) });
  }
}

function bindJsonSubscripts(
  value: BoundExpression,
  indices: readonly A_Indices[],
  binder: OperandBinder,
): BoundExpression {
  const args: BoundExpression[] = [value];
  for (const { is_slice, lidx, uidx } of indices) {
    if (is_slice === true) {
      const bound = (uidx ?? lidx) && binder.bind((uidx ?? lidx)!);
      throw new SqlError('datatype_mismatch', 'jsonb subscript does not support slices', {
        location: bound === undefined ? leftmost(value) : leftmost(bound),
      });
    }
    const bound = binder.bind(uidx!);
    const type = bound.type === 'int4' || bound.type === 'int2' || bound.type === 'int8' ? 'int4' : 'text';
    args.push(binder.coerce(bound, type, 'assignment'));
  }
  return callOf(
    {
      name: 'subscript',
      result: 'jsonb',
      strict: true,
      evaluate: ([json, ...path]) => jsonElement(json as never, path as readonly (string | number)[]),
    },
    args,
    leftmost(value),
  );
}

/** A row of expressions, whose fields are `f1`, `f2` and so on, as a value with fields; anything else as it is. */
export function withFields(value: BoundExpression): BoundExpression {
  if (value.kind !== 'call' || value.type !== 'record' || value.function.name !== 'row') return value;
  const fields = value.args.map(({ type, modifier }, i) => ({ name: `f${i + 1}`, type, modifier }));
  return { ...value, type: recordTypeOf(fields) };
}

export function bindField(from: BoundExpression, name: string): BoundExpression {
  const value = withFields(from);
  const { fields } = typeInfo(baseOf(value.type));
  const at = fields?.findIndex((field) => field.name === name) ?? -1;
  if ((fields === undefined || at < 0) && isRecord(value.type) && titleOf(value.type) === 'record') {
    throw new SqlError('undefined_column', `could not identify column "${name}" in record data type`, {
      location: leftmost(value),
    });
  }
  if (fields === undefined) {
    throw new SqlError(
      'wrong_object_type',
      `column notation .${name} applied to type ${titleOf(value.type)}, which is not a composite type`,
      {
        location: leftmost(value),
      },
    );
  }
  if (at < 0) {
    throw new SqlError('undefined_column', `column "${name}" not found in data type ${titleOf(value.type)}`, {
      location: leftmost(value),
    });
  }
  const field = callOf(
    {
      name: `.${name}`,
      result: fields[at]!.type,
      strict: true,
      evaluate: ([record]) => (record as SqlRecord).values[at] ?? null,
    },
    [value],
    leftmost(value),
  );
  return { ...field, modifier: fields[at]!.modifier };
}

/** `ROW(…)`: literals of unknown type become text. */
export function bindRow(
  args: readonly BoundExpression[],
  location: number | undefined,
  binder: OperandBinder,
): BoundExpression {
  const typed = args.map((arg) => binder.ofAnyType(arg));
  const types = typed.map((arg) => arg.type);
  return callOf(
    { name: 'row', result: 'record', strict: false, evaluate: (values) => makeRecord(types, values) },
    typed,
    location,
  );
}

/** The arguments of an aggregate as one row, which is never null. */
export function packArguments(
  { packed, json, untyped = [] }: Pick<PackedAggregate, 'packed' | 'json' | 'untyped'>,
  args: readonly BoundExpression[],
  location: number | undefined,
  binder: OperandBinder,
): BoundExpression {
  const coerced = args.map((arg, i) => {
    const typed = untyped.includes(i) ? binder.ofAnyType(arg) : binder.coerce(arg, packed[i]!, 'implicit');
    const write = json.includes(i) ? findFunction('to_json', [typed.type]) : undefined;
    return write === undefined ? typed : callOf(write, [typed], location);
  });
  const texts =
    json.length > 0
      ? coerced.map((arg, i) => (json.includes(i) ? arg : binder.coerce(arg, 'text', 'assignment')))
      : coerced;
  return bindRow(texts, location, binder);
}
