/** Two sides that are joined: what all methods of joining start from. */

import type { BoundExpression, BoundScan, BoundSortKey } from '../binder/bound.ts';
import type { JoinKind } from '../operators/join.ts';
import { columnFacts } from './facts.ts';
import type { NodeKind } from './plan-node.ts';
import type { Planned, PlanScope, RowNames } from './planned.ts';

/** A side of a join and where its columns are in the row of the whole. */
export interface Side {
  readonly planned: Planned;
  /** The place in the whole of each column of a row. */
  readonly layout: readonly number[];
  /** The same rows in an order that a key gives; undefined where none gives it. Keys are over the whole. */
  readonly ordered?: (keys: readonly BoundSortKey[]) => Planned | undefined;
}

/** A table that may be read by key instead of being scanned. */
export interface LookupTable {
  readonly scan: BoundScan;
  /** Where its row begins in the whole. */
  readonly offset: number;
  /** Conditions on it alone, over the whole. */
  readonly own: readonly BoundExpression[];
}

export interface Equality {
  /** Over the whole: of the left side, and of the right one. */
  readonly left: BoundExpression;
  readonly right: BoundExpression;
}

export interface Pair {
  readonly kind: JoinKind;
  readonly left: Side;
  readonly right: Side;
  readonly lookup: LookupTable | undefined;
  readonly equal: readonly Equality[];
  /** What else a joined row must meet to be one, over the whole. */
  readonly conditions: readonly BoundExpression[];
  readonly rows: number;
  /** The order that is wanted of the result, over the whole, and how much of it is likely to be asked for. */
  readonly orderBy: readonly BoundSortKey[];
  readonly wanted: number;
  /** What the places of the whole are called. */
  readonly names: RowNames;
}

const JOIN_TYPES: { readonly [K in JoinKind]: string } = {
  inner: 'Inner',
  left: 'Left',
  full: 'Full',
  semi: 'Semi',
  anti: 'Anti',
};

/** What a join is called: `Hash Join`, `Nested Loop Left Join`. */
export function joinKind(type: 'Hash Join' | 'Merge Join' | 'Nested Loop', kind: JoinKind): NodeKind {
  const joinType = JOIN_TYPES[kind];
  if (kind === 'inner') return { type, joinType };
  return { type, text: `${type.replace(/ Join$/, '')} ${joinType} Join`, joinType };
}

export function equalityCondition({ left, right }: Equality): BoundExpression {
  return { kind: 'compare', operator: '=', type: 'bool', modifier: -1, location: undefined, left, right };
}

/** Whether the equalities name a column of the right side that holds no value twice. */
export function hasUnique({ lookup, equal }: Pair, scope: PlanScope): boolean {
  if (lookup === undefined) return false;
  const { scan, offset } = lookup;
  return equal.some(
    ({ right }) => right.kind === 'column' && columnFacts(scan.table, right.index - offset, scope.known).unique,
  );
}
