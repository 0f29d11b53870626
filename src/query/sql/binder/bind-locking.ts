/**
 * FOR UPDATE, FOR NO KEY UPDATE, FOR SHARE, FOR KEY SHARE: which rows of which tables a query locks. Without OF all tables of
 * FROM; what is no table (functions, queries in WITH) is left out then, and refused when OF names it.
 */

import type { Node } from '@pgsql/types';
import { unreachable } from '../../../base/assert.ts';
import type { RowLockStrength } from '../operators/row-locks.ts';
import { notSupported, SqlError } from '../sql-error.ts';
import { type BoundLocking, type BoundRelation, widthOf } from './bound.ts';

const STRENGTHS: readonly RowLockStrength[] = ['keyShare', 'share', 'noKeyUpdate', 'update'];
const WAITS = ['block', 'skip', 'nowait'] as const;

const CLAUSES: Readonly<Record<string, readonly [strength: RowLockStrength, title: string]>> = {
  LCS_FORKEYSHARE: ['keyShare', 'FOR KEY SHARE'],
  LCS_FORSHARE: ['share', 'FOR SHARE'],
  LCS_FORNOKEYUPDATE: ['noKeyUpdate', 'FOR NO KEY UPDATE'],
  LCS_FORUPDATE: ['update', 'FOR UPDATE'],
};

const WAIT_POLICIES: Readonly<Record<string, BoundLocking['wait']>> = { LockWaitError: 'nowait', LockWaitSkip: 'skip' };

/** Something in FROM. */
interface Leaf {
  readonly relation: Exclude<BoundRelation, { readonly kind: 'join' }>;
  readonly offset: number;
  /** An outer join may have no row of it. */
  readonly nullable: boolean;
}

export function lockTitle(strength: RowLockStrength): string {
  return Object.values(CLAUSES).find(([each]) => each === strength)![1];
}

export function lockingTitle(node: Node | undefined): string {
  const strength = node !== undefined && 'LockingClause' in node ? node.LockingClause.strength : undefined;
  return CLAUSES[strength ?? '']?.[1] ?? 'FOR UPDATE';
}

/** @throws SqlError for what cannot be locked. */
export function bindLocking(nodes: readonly Node[], from: BoundRelation | undefined): readonly BoundLocking[] {
  const leaves = from === undefined ? [] : [...leavesOf(from, 0, false)];
  const locks = new Map<Leaf, BoundLocking>();
  for (const node of nodes) {
    if (!('LockingClause' in node)) continue;
    const { lockedRels, strength: kind, waitPolicy } = node.LockingClause;
    const [strength, title] = CLAUSES[kind ?? ''] ?? CLAUSES.LCS_FORUPDATE!;
    const wait = WAIT_POLICIES[waitPolicy ?? ''] ?? 'block';
    const lock = (leaf: Leaf): void => {
      const { relation, offset, nullable } = leaf;
      if (relation.kind === 'derived') throw notSupported(`${title} of a query in FROM`);
      if (relation.kind !== 'scan') return;
      if (nullable) {
        throw new SqlError('feature_not_supported', `${title} cannot be applied to the nullable side of an outer join`);
      }
      if (relation.table.table.view !== undefined) {
        const { name } = relation.table.table;
        throw new SqlError('wrong_object_type', `cannot lock rows in materialized view "${name}"`);
      }
      const before = locks.get(leaf);
      locks.set(leaf, {
        table: relation.table,
        offset,
        strength: stronger(STRENGTHS, before?.strength, strength),
        wait: stronger(WAITS, before?.wait, wait),
      });
    };
    if (lockedRels === undefined) for (const leaf of leaves) lock(leaf);
    for (const each of lockedRels ?? []) {
      if (!('RangeVar' in each)) continue;
      const { relname = '', schemaname, location } = each.RangeVar;
      if (schemaname !== undefined) {
        throw new SqlError('syntax_error', `${title} must specify unqualified relation names`, { location });
      }
      const leaf = leaves.find(({ relation }) => relation.alias === relname);
      if (leaf === undefined) {
        throw new SqlError('undefined_table', `relation "${relname}" in ${title} clause not found in FROM clause`, {
          location,
        });
      }
      const { kind: what } = leaf.relation;
      if (what === 'function' || what === 'cte') {
        const words = what === 'function' ? 'a function' : 'a WITH query';
        throw new SqlError('feature_not_supported', `${title} cannot be applied to ${words}`, { location });
      }
      lock(leaf);
    }
  }
  return [...locks.values()];
}

function stronger<T>(order: readonly T[], before: T | undefined, now: T): T {
  return before !== undefined && order.indexOf(before) > order.indexOf(now) ? before : now;
}

function* leavesOf(relation: BoundRelation, offset: number, nullable: boolean): Generator<Leaf> {
  if (relation.kind !== 'join') {
    yield { relation, offset, nullable };
    return;
  }
  const { type, left, right } = relation;
  const [leftNullable, rightNullable] = nullableSides(type);
  yield* leavesOf(left, offset, nullable || leftNullable);
  yield* leavesOf(right, offset + widthOf(left), nullable || rightNullable);
}

function nullableSides(type: Extract<BoundRelation, { readonly kind: 'join' }>['type']): readonly [boolean, boolean] {
  switch (type) {
    case 'inner':
      return [false, false];
    case 'left':
      return [false, true];
    case 'right':
      return [true, false];
    case 'full':
      return [true, true];
    default:
      return unreachable(type);
  }
}
