/**
 * Multiranges: ranges in order that neither overlap nor touch, none of them empty (PostgreSQL's multirangetypes.c). A value is the array
 * of its ranges, which gives it the order of arrays.
 */

import { EMPTY_RANGE, SqlArray, type SqlRange } from '../../../models/relational/values.ts';
import { SqlError } from '../sql-error.ts';
import { compareFor } from './compare.ts';
import { compareRanges } from './range-bounds.ts';
import { RangeAlgebra } from './ranges.ts';
import { type SqlType, typeInfo } from './types.ts';

function rangesOf(value: SqlArray): readonly SqlRange[] {
  return value.values as readonly SqlRange[];
}

/** In order, what touches made one. @param range The type of the ranges. */
export function multirange(range: SqlType, ranges: readonly SqlRange[]): SqlArray {
  const algebra = new RangeAlgebra(range);
  const merged: SqlRange[] = [];
  const sorted = ranges.filter(({ empty }) => !empty).sort(compareRanges(compareFor(typeInfo(range).element!)));
  for (const each of sorted) {
    const last = merged.at(-1);
    if (last === undefined || !(algebra.overlaps(last, each) || algebra.adjacent(last, each))) merged.push(each);
    else merged[merged.length - 1] = algebra.union(last, each, false);
  }
  return new SqlArray(range as SqlArray['element'], merged);
}

function malformed(text: string, detail: string): SqlError {
  return new SqlError('invalid_text_representation', `malformed multirange literal: "${text}"`, { detail });
}

/** `{[1,3),[5,7)}`; empty ranges vanish. @param parse Of one range. @throws SqlError `invalid_text_representation`. */
export function parseMultirange(text: string, range: SqlType, parse: (text: string) => SqlRange): SqlArray {
  const brace = /^\s*\{/.exec(text);
  if (brace === null) throw malformed(text, 'Missing left brace.');
  let at = brace[0].length;
  const ranges: SqlRange[] = [];
  const skipSpace = (): void => {
    while (at < text.length && /\s/.test(text[at]!)) at++;
    if (at >= text.length) throw malformed(text, 'Unexpected end of input.');
  };
  skipSpace();
  if (text[at] !== '}') {
    for (;;) {
      skipSpace();
      if (text[at] === '[' || text[at] === '(') {
        const end = endOfRange(text, at);
        if (end === undefined) throw malformed(text, 'Unexpected end of input.');
        ranges.push(parse(text.slice(at, end)));
        at = end;
      } else if (text.slice(at, at + 5).toLowerCase() === 'empty') at += 5;
      else throw malformed(text, 'Expected range start.');
      skipSpace();
      if (text[at] === '}') break;
      if (text[at] !== ',') throw malformed(text, 'Expected comma or end of multirange.');
      at++;
    }
  }
  if (text.slice(at + 1).trim() !== '') throw malformed(text, 'Junk after closing right brace.');
  return multirange(range, ranges);
}

/** Behind the bracket that closes a range, quoted and escaped ones aside. */
function endOfRange(text: string, from: number): number | undefined {
  let quoted = false;
  for (let at = from; at < text.length; at++) {
    const c = text[at];
    if (c === '\\') at++;
    else if (c === '"') quoted = !quoted;
    else if (!quoted && (c === ']' || c === ')')) return at + 1;
  }
  return undefined;
}

export function formatMultirange(value: SqlArray, format: (range: SqlRange) => string): string {
  return `{${rangesOf(value).map(format).join(',')}}`;
}

/** Operations on multiranges of one type. */
export class MultirangeAlgebra {
  readonly range: SqlType;
  readonly ranges: RangeAlgebra;

  /** @param range The type of the ranges. */
  constructor(range: SqlType) {
    this.range = range;
    this.ranges = new RangeAlgebra(range);
  }

  /** The smallest range that holds all of them. */
  span(value: SqlArray): SqlRange {
    const all = rangesOf(value);
    return all.length === 0 ? EMPTY_RANGE : this.ranges.union(all[0]!, all.at(-1)!, false);
  }

  containsRange(value: SqlArray, range: SqlRange): boolean {
    return range.empty || rangesOf(value).some((each) => this.ranges.contains(each, range));
  }

  contains(outer: SqlArray, inner: SqlArray): boolean {
    return rangesOf(inner).every((range) => this.containsRange(outer, range));
  }

  overlapsRange(value: SqlArray, range: SqlRange): boolean {
    return rangesOf(value).some((each) => this.ranges.overlaps(each, range));
  }

  overlaps(a: SqlArray, b: SqlArray): boolean {
    return rangesOf(b).some((range) => this.overlapsRange(a, range));
  }

  union(a: SqlArray, b: SqlArray): SqlArray {
    return multirange(this.range, [...rangesOf(a), ...rangesOf(b)]);
  }

  intersect(a: SqlArray, b: SqlArray): SqlArray {
    const common = rangesOf(a).flatMap((one) => rangesOf(b).map((other) => this.ranges.intersect(one, other)));
    return multirange(this.range, common);
  }

  minus(a: SqlArray, b: SqlArray): SqlArray {
    let left = rangesOf(a);
    for (const taken of rangesOf(b)) left = left.flatMap((range) => this.ranges.without(range, taken));
    return multirange(this.range, left);
  }
}
