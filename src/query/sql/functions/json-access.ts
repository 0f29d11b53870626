/** Looking into jsonb: by subscripts, by paths. */

import type { Jsonb, JsonValue } from '../../../models/relational/values.ts';
import { isJsonArray, isJsonObject, jsonbOf } from '../types/json-value.ts';

/** The element under a name or at a place (from 0, from the end when negative); undefined when there is none. */
function jsonChild(tree: JsonValue, step: string | number): JsonValue | undefined {
  if (isJsonObject(tree)) return tree.get(String(step));
  if (!isJsonArray(tree)) return undefined;
  const place = typeof step === 'number' ? step : /^\s*[+-]?\d+$/.test(step) ? Number(step) : Number.NaN;
  return Number.isNaN(place) ? undefined : tree.at(place);
}

export function jsonDescend(tree: JsonValue, path: readonly (string | number)[]): JsonValue | undefined {
  let found: JsonValue | undefined = tree;
  for (const step of path) {
    if (found === undefined) return undefined;
    found = jsonChild(found, step);
  }
  return found;
}

export function jsonElement(json: Jsonb, path: readonly (string | number)[]): Jsonb | null {
  const found = jsonDescend(json.tree, path);
  return found === undefined ? null : jsonbOf(found);
}
