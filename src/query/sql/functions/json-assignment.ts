/** Assigning to a part of jsonb by subscripts (PostgreSQL's jsonfuncs.c: setPath with JB_PATH_FILL_GAPS). */

import type { JsonValue } from '../../../models/relational/values.ts';
import { SqlError } from '../sql-error.ts';
import { isJsonArray, isJsonObject, jsonObject } from '../types/json-value.ts';

/** What is not there on the way is made: an array for a number, an object for a name. */
function made(steps: readonly (string | number)[], depth: number, value: JsonValue): JsonValue {
  if (depth === steps.length) return value;
  const step = steps[depth]!;
  const inner = made(steps, depth + 1, value);
  if (typeof step === 'string') return jsonObject([[step, inner]]);
  if (step < 0) throw beyond(depth, step);
  return [...new Array<JsonValue>(step).fill(null), inner];
}

function beyond(depth: number, step: number): SqlError {
  return new SqlError('invalid_parameter_value', `path element at position ${depth + 1} is out of range: ${step}`);
}

/**
 * @param tree Undefined where there is no value yet.
 * @throws SqlError `invalid_parameter_value`, `invalid_text_representation`.
 */
export function withJsonPart(
  tree: JsonValue | undefined,
  steps: readonly (string | number)[],
  value: JsonValue,
  depth = 0,
): JsonValue {
  if (tree === undefined) return made(steps, depth, value);
  if (depth === steps.length) return value;
  const step = steps[depth]!;
  if (isJsonObject(tree)) {
    const name = String(step);
    return jsonObject([...tree, [name, withJsonPart(tree.get(name), steps, value, depth + 1)]]);
  }
  if (!isJsonArray(tree)) {
    throw new SqlError('invalid_parameter_value', 'cannot replace existing key', {
      detail: 'The path assumes key is a composite object, but it is a scalar value.',
    });
  }
  const given = typeof step === 'number' ? step : /^\s*[+-]?\d+$/.test(step) ? Number(step) : Number.NaN;
  if (Number.isNaN(given)) {
    throw new SqlError(
      'invalid_text_representation',
      `path element at position ${depth + 1} is not an integer: "${step}"`,
    );
  }
  const place = given < 0 ? tree.length + given : given;
  if (place < 0) throw beyond(depth, given);
  const all = tree.slice();
  while (all.length < place) all.push(null);
  all[place] = withJsonPart(tree[place], steps, value, depth + 1);
  return all;
}
