/**
 * The ranges of a key that one execution reads, computed from what its parts must be equal to and lie between.
 *
 * Parts with several values make several ranges: in the order of the key, none twice. A null equals and bounds nothing.
 */

import { compareBytes, equalBytes } from '../../../base/bytes.ts';
import { SqlArray } from '../../../models/relational/values.ts';
import type { KeyRange } from '../../../storage/key-range.ts';
import type { Evaluate } from '../functions/evaluation.ts';
import type { SqlValue } from '../types/types.ts';
import type { ExecutionContext } from './operator.ts';

export interface KeyBound {
  readonly value: Evaluate;
  readonly inclusive: boolean;
}

/** A value, IS NULL, one of several values, or one of the elements of an array. */
export type PartValue = Evaluate | 'isNull' | { readonly list: readonly Evaluate[] } | { readonly elements: Evaluate };

export interface KeyParts {
  /** Of the first parts of the key. */
  readonly prefix: readonly PartValue[];
  readonly low: KeyBound | undefined;
  readonly high: KeyBound | undefined;
  /** The next part is not null. */
  readonly notNull: boolean;
}

export const WHOLE: KeyParts = { prefix: [], low: undefined, high: undefined, notNull: false };

interface Bound {
  readonly value: SqlValue;
  readonly inclusive: boolean;
}

/** @param make The range of keys whose first values are these and whose next lies between the bounds. */
export function keyRanges(
  { prefix, low, high }: KeyParts,
  context: ExecutionContext,
  make: (values: readonly SqlValue[], low: Bound | undefined, high: Bound | undefined) => KeyRange,
): readonly KeyRange[] {
  const from = low && { value: low.value([], context), inclusive: low.inclusive };
  const to = high && { value: high.value([], context), inclusive: high.inclusive };
  if (from?.value === null || to?.value === null) return [];
  const all = prefixValues(prefix, context);
  if (all.length === 1) return [make(all[0]!, from, to)];
  const ranges = all.map((values) => make(values, from, to));
  ranges.sort((a, b) => compareBytes(a.start, b.start));
  return ranges.filter((range, i) => i === 0 || !equalBytes(range.start, ranges[i - 1]!.start));
}

/** All combinations of values of the first parts. */
export function prefixValues(
  prefix: readonly PartValue[],
  context: ExecutionContext,
): readonly (readonly SqlValue[])[] {
  let all: SqlValue[][] = [[]];
  for (const part of prefix) {
    if (part === 'isNull') {
      for (const values of all) values.push(null);
    } else if (typeof part === 'function') {
      const value = part([], context);
      if (value === null) return [];
      for (const values of all) values.push(value);
    } else {
      const choices = choicesOf(part, context);
      all = choices.flatMap((choice) => all.map((values) => [...values, choice]));
    }
  }
  return all;
}

function choicesOf(
  part: { readonly list: readonly Evaluate[] } | { readonly elements: Evaluate },
  context: ExecutionContext,
): readonly SqlValue[] {
  let values: readonly SqlValue[];
  if ('list' in part) values = part.list.map((evaluate) => evaluate([], context));
  else {
    const array = part.elements([], context);
    values = array instanceof SqlArray ? array.values : [];
  }
  return values.filter((value) => value !== null);
}
