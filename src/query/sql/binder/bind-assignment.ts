/**
 * Assigning to a part of a column: `SET a[1] = …`, `SET j['x'] = …`, `SET (row).field = …`. The part is put into the column's value, or
 * into what was assigned to another part of it before (PostgreSQL's parse_target.c: transformAssignmentIndirection).
 */

import type { A_Indices, Node } from '@pgsql/types';
import { type Jsonb, SqlArray, SqlRecord } from '../../../models/relational/values.ts';
import type { SliceBound } from '../functions/array-access.ts';
import { withElement, withSlice } from '../functions/array-assignment.ts';
import { withJsonPart } from '../functions/json-assignment.ts';
import { notSupported, SqlError } from '../sql-error.ts';
import { jsonbOf } from '../types/json-value.ts';
import { baseOf, domainCheckOf, elementOf, type SqlType, type SqlValue, titleOf, typeInfo } from '../types/types.ts';
import { bindField, bindIndirection, bindSubscript, callOf, type OperandBinder } from './bind-array.ts';
import type { BoundExpression } from './bound.ts';

/** @param give Binds the value that is assigned, as the type of the part. @param name Of the column, for messages. */
export function bindPart(
  current: BoundExpression,
  name: string,
  steps: readonly Node[],
  location: number | undefined,
  binder: OperandBinder,
  give: (type: SqlType, modifier: number) => BoundExpression,
): BoundExpression {
  const [first] = steps;
  if (first === undefined) return give(current.type, current.modifier);
  if ('String' in first) {
    return bindFieldPart(current, name, first.String.sval ?? '', steps.slice(1), location, binder, give);
  }
  const length = steps.findIndex((step) => !('A_Indices' in step));
  const taken = length < 0 ? steps : steps.slice(0, length);
  const rest = length < 0 ? [] : steps.slice(length);
  const indices = taken.map((step) => (step as { A_Indices: A_Indices }).A_Indices);
  if (indices.length === 0) throw notSupported('assigning to a row with "*"', location);
  const type = baseOf(current.type);
  const inside = (part: SqlType): BoundExpression => {
    if (rest.length === 0) return give(part, -1);
    const value = bindIndirection(current, taken, binder);
    return bindPart(value, name, rest, location, binder, give);
  };
  if (type === 'jsonb') {
    const changed = bindJsonPart(current, indices, inside('jsonb'), location, binder);
    return binder.coerce(changed, current.type, 'assignment');
  }
  const element = elementOf(type);
  if (element === undefined) {
    const message = `cannot subscript type ${titleOf(current.type)} because it does not support subscripting`;
    throw new SqlError('datatype_mismatch', message, { location });
  }
  const isSlice = indices.some((each) => each.is_slice === true);
  const args: BoundExpression[] = [];
  const add = (node: Node | undefined): number | undefined =>
    node === undefined ? undefined : args.push(bindSubscript(node, binder)) - 1;
  const places = indices.map(({ is_slice, lidx, uidx }) => ({
    single: is_slice !== true,
    lower: add(lidx),
    upper: add(uidx),
  }));
  const value = inside(isSlice ? type : element);
  const count = args.length;
  const changed = callOf(
    {
      name: 'array_set',
      result: type,
      strict: false,
      evaluate: (values) => {
        const [array, given] = [values[count] as SqlArray | null, values[count + 1]!];
        for (let i = 0; i < count; i++) {
          if (values[i] !== null) continue;
          throw new SqlError('null_value_not_allowed', 'array subscript in assignment must not be null');
        }
        const base = array ?? new SqlArray(element as SqlArray['element'], []);
        if (!isSlice) {
          return withElement(
            base,
            places.map(({ upper }) => values[upper!] as number),
            given,
          );
        }
        if (given === null) return array;
        const bounds = places.map(
          ({ lower, upper, single }): SliceBound => ({
            lower: single ? 1 : lower === undefined ? undefined : (values[lower] as number),
            upper: upper === undefined ? undefined : (values[upper] as number),
          }),
        );
        return withSlice(base, bounds, given as SqlArray);
      },
    },
    [...args, beforeCheck(current), value],
    location,
  );
  // Of a domain, the value that comes of it has to pass the checks.
  return binder.coerce(changed, current.type, 'assignment');
}

/** What another part was put into already: a domain's checks are for the value with all its parts. */
function beforeCheck(current: BoundExpression): BoundExpression {
  const isCheck =
    current.kind === 'call' && current.function.name === '::' && domainCheckOf(current.type) !== undefined;
  return isCheck ? current.args[0]! : current;
}

function bindFieldPart(
  current: BoundExpression,
  name: string,
  field: string,
  rest: readonly Node[],
  location: number | undefined,
  binder: OperandBinder,
  give: (type: SqlType, modifier: number) => BoundExpression,
): BoundExpression {
  const type = baseOf(current.type);
  const { fields } = typeInfo(type);
  const place = fields?.findIndex((each) => each.name === field) ?? -1;
  if (fields === undefined || place < 0) {
    const title = titleOf(current.type);
    const [condition, why] =
      fields === undefined
        ? (['datatype_mismatch', `its type ${title} is not a composite type`] as const)
        : (['undefined_column', `there is no such column in data type ${title}`] as const);
    throw new SqlError(condition, `cannot assign to field "${field}" of column "${name}" because ${why}`, {
      location,
    });
  }
  const value = bindPart(bindField(current, field), name, rest, location, binder, give);
  const changed = callOf(
    {
      name: 'field_set',
      result: type,
      strict: false,
      evaluate: ([row, given]) => {
        const values = (row as SqlRecord | null)?.values.slice() ?? fields.map(() => null);
        values[place] = given as never;
        return new SqlRecord(fields.map((each) => each.type) as never, values);
      },
    },
    [beforeCheck(current), value],
    location,
  );
  return binder.coerce(changed, current.type, 'assignment');
}

function bindJsonPart(
  current: BoundExpression,
  indices: readonly A_Indices[],
  value: BoundExpression,
  location: number | undefined,
  binder: OperandBinder,
): BoundExpression {
  const steps = indices.map(({ is_slice, lidx, uidx }) => {
    if (is_slice === true) {
      throw new SqlError('datatype_mismatch', 'jsonb subscript does not support slices', {
        location: (lidx ?? uidx) && binder.bind((lidx ?? uidx)!).location,
      });
    }
    const bound = binder.bind(uidx!);
    const type = bound.type === 'int4' || bound.type === 'int2' || bound.type === 'int8' ? 'int4' : 'text';
    return binder.coerce(bound, type, 'assignment');
  });
  return callOf(
    {
      name: 'jsonb_set',
      result: 'jsonb',
      strict: false,
      evaluate: ([json, given, ...path]: readonly SqlValue[]) => {
        if (path.includes(null)) {
          throw new SqlError('null_value_not_allowed', 'jsonb subscript in assignment must not be null');
        }
        const part = given === null ? null : (given as Jsonb).tree;
        return jsonbOf(withJsonPart((json as Jsonb | null)?.tree, path as readonly (string | number)[], part));
      },
    },
    [current, value, ...steps],
    location,
  );
}
