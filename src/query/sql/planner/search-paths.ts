/**
 * How a table may be read by its inverted indexes: conditions that compare a part of one with something that does not depend on the row
 * make searches for the terms of that value (inverted-terms.ts). Terms are less than values, so that the conditions are tested again.
 */

import type { SearchOperator } from '../../../models/relational/inverted-terms.ts';
import { type BoundExpression, sameExpression } from '../binder/bound.ts';
import type { CatalogTable } from '../catalog-cache.ts';
import { defaultOperatorClass } from '../operator-classes.ts';
import { type AccessPath, implies, isRowless, keysOf, type Part, type PlannedIndex } from './access-path.ts';

/** The operators of each class. */
const OPERATORS: Readonly<Record<string, ReadonlySet<string>>> = {
  array_ops: new Set(['@>', '<@', '&&', '=']),
  jsonb_ops: new Set(['@>', '?', '?|', '?&', '@?', '@@']),
  jsonb_path_ops: new Set(['@>', '@?', '@@']),
};

/** Those with the indexed value on their right, as they are with it on their left. */
const MIRRORED: Readonly<Record<string, string>> = { '@>': '<@', '<@': '@>', '&&': '&&', '=': '=' };

/** All ways that narrow what is read. Their `rest` leaves out what they use. */
export function searchPaths(table: CatalogTable, conditions: readonly BoundExpression[]): readonly AccessPath[] {
  const { inverted } = keysOf(table);
  return inverted.flatMap((index) => {
    const path = searchPath(index, conditions);
    return path === undefined ? [] : [path];
  });
}

function searchPath(index: PlannedIndex, conditions: readonly BoundExpression[]): AccessPath | undefined {
  const { asked, tests, source } = index;
  if (!asked.every((each) => conditions.some((condition) => implies(condition, each)))) return undefined;
  const searches: NonNullable<AccessPath['searches']>[number][] = [];
  const used: BoundExpression[] = [];
  for (const condition of conditions) {
    for (const [part, isPart] of tests.entries()) {
      const { type, operatorClass = defaultOperatorClass(type, 'gin')!.name } = source.index.parts[part]!;
      const found = searchable(condition, isPart, OPERATORS[operatorClass]!);
      if (found === undefined) continue;
      searches.push({ part, ...found });
      used.push(condition);
      break;
    }
  }
  if (searches.length === 0) return undefined;
  const isSaid = (condition: BoundExpression): boolean => asked.some((each) => sameExpression(each, condition));
  used.push(...conditions.filter((condition) => isSaid(condition) && !used.includes(condition)));
  const rest = conditions.filter((condition) => !used.includes(condition));
  return { index, prefix: [], low: undefined, high: undefined, notNull: false, searches, used, rest };
}

/** The condition read as `part operator value`, if it is that and the operator is one of these. */
function searchable(
  condition: BoundExpression,
  isPart: Part,
  operators: ReadonlySet<string>,
): { readonly operator: SearchOperator; readonly value: BoundExpression } | undefined {
  const sides = sidesOf(condition);
  if (sides === undefined) return undefined;
  const { operator, left, right } = sides;
  if (operators.has(operator) && isPart(left) && isRowless(right)) {
    return { operator: operator as SearchOperator, value: right };
  }
  const mirrored = MIRRORED[operator];
  if (mirrored === undefined || !operators.has(mirrored) || !isPart(right) || !isRowless(left)) return undefined;
  return { operator: mirrored as SearchOperator, value: left };
}

function sidesOf(
  condition: BoundExpression,
): { readonly operator: string; readonly left: BoundExpression; readonly right: BoundExpression } | undefined {
  if (condition.kind === 'compare') return condition;
  if (condition.kind !== 'call' || condition.args.length !== 2) return undefined;
  const [left, right] = condition.args;
  return { operator: condition.function.name, left: left!, right: right! };
}
