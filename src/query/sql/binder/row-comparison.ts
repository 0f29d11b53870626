/**
 * Comparison of row constructors, `(a, b) < (c, d)`: column by column, as the standard has it (manual, 9.24.5). Not the
 * comparison of values of type record, which knows no unknown: here a null that matters makes the answer null.
 */

import type { Node } from '@pgsql/types';
import { SqlError } from '../sql-error.ts';
import { titleOf } from '../types/types.ts';
import { BOOLEAN, type BoundExpression, conjunction } from './bound.ts';

/** Binds one comparison of two values. @throws SqlError where there is none. */
export type CompareValues = (name: string, left: BoundExpression, right: BoundExpression) => BoundExpression;

/**
 * The columns of both sides, bound, where both are row constructors. What is wrong within the rows is told before that they do not match.
 * @throws SqlError where they do not match.
 */
export function rowConstructors(
  left: Node,
  right: Node,
  location: number | undefined,
  bind: (node: Node) => BoundExpression,
): readonly (readonly [left: BoundExpression, right: BoundExpression])[] | undefined {
  if (!('RowExpr' in left) || !('RowExpr' in right)) return undefined;
  // What t.* stands for is not known here: those are compared as records.
  if ([...(left.RowExpr.args ?? []), ...(right.RowExpr.args ?? [])].some(isStar)) return undefined;
  const lefts = (left.RowExpr.args ?? []).map(bind);
  const rights = (right.RowExpr.args ?? []).map(bind);
  if (lefts.length !== rights.length) {
    throw new SqlError('syntax_error', 'unequal number of entries in row expressions', { location });
  }
  if (lefts.length === 0) {
    throw new SqlError('feature_not_supported', 'cannot compare rows of zero length', { location });
  }
  return lefts.map((each, i) => [each, rights[i]!]);
}

function isStar(node: Node): boolean {
  return 'ColumnRef' in node && (node.ColumnRef.fields ?? []).some((field) => 'A_Star' in field);
}

/** @param pairs The columns, at least one. */
export function compareRows(
  name: string,
  pairs: readonly (readonly [left: BoundExpression, right: BoundExpression])[],
  location: number | undefined,
  compare: CompareValues,
): BoundExpression {
  const equal = (): BoundExpression[] => pairs.map(([left, right]) => compare('=', left, right));
  switch (name) {
    case '=':
      return conjunction(equal());
    case '<>': {
      const tests = pairs.map(([left, right]) => compare('<>', left, right));
      return tests.length === 1 ? tests[0]! : { kind: 'or', ...BOOLEAN, location, args: tests };
    }
    case '<':
    case '<=':
    case '>':
    case '>=':
    case '~<~':
    case '~<=~':
    case '~>~':
    case '~>=~': {
      // What columns cannot be compared is told from the first on, by the operator that was asked for.
      for (const [left, right] of pairs) compare(name, left, right);
      const strict = name.replace('=', '');
      // The last column decides by the operator itself, those before it where they differ.
      return pairs.reduceRight<BoundExpression | undefined>((rest, [left, right]) => {
        if (rest === undefined) return compare(name, left, right);
        const whens = [{ condition: compare('=', left, right), result: rest }];
        return { kind: 'case', ...BOOLEAN, location, whens, otherwise: compare(strict, left, right) };
      }, undefined)!;
    }
    default: {
      const [first] = pairs;
      if (pairs.length === 1 && first !== undefined) return compare(name, ...first);
      for (const [left, right] of pairs) {
        const test = compare(name, left, right);
        if (test.type === 'bool') continue;
        const message = `row comparison operator must yield type boolean, not type ${titleOf(test.type)}`;
        throw new SqlError('datatype_mismatch', message, { location });
      }
      const message = `could not determine interpretation of row comparison operator ${name}`;
      throw new SqlError('feature_not_supported', message, {
        location,
        hint: 'Row comparison operators must be associated with btree operator families.',
      });
    }
  }
}
