/**
 * Which query an aggregate belongs to: the innermost one whose columns its arguments name. In a subquery that may be a query around it, for
 * which the aggregate then is a value of the row outside (PostgreSQL's parse_agg.c: check_agg_arguments).
 */

import { type BoundExpression, mapOperands, someExpression } from './bound.ts';
import type { Frame, Scope } from './scope.ts';

export interface AggregateLevel {
  /** That of the query it belongs to. */
  readonly scope: Scope;
  /** The queries in between, from the inside. */
  readonly crossed: readonly Frame[];
}

/** How many outer values each frame around had taken before the arguments were bound. */
export function countArguments(scope: Scope | undefined): readonly number[] {
  const counts: number[] = [];
  for (let frame = scope?.frame; frame !== undefined; frame = frame.outer?.frame) counts.push(frame.args.length);
  return counts;
}

/** Undefined where it belongs to the query that it stands in. */
export function levelOf(scope: Scope | undefined, parts: readonly BoundExpression[]): AggregateLevel | undefined {
  const slots = new Set<number>();
  let isOwn = false;
  for (const part of parts) {
    someExpression(part, (each) => {
      if (each.kind === 'column') isOwn = true;
      if (each.kind === 'slot') slots.add(each.slot);
      // What a query inside reads of those around this one; what it takes from this one is among its operands.
      if (each.kind === 'subquery') {
        for (const slot of each.reads) if (!each.args.some((arg) => arg.slot === slot)) slots.add(slot);
      }
      return isOwn;
    });
  }
  if (isOwn || slots.size === 0) return undefined;
  const crossed: Frame[] = [];
  for (let frame = scope?.frame; frame?.outer !== undefined; frame = frame.outer.frame) {
    crossed.push(frame);
    if (frame.args.some(({ slot }) => slots.has(slot))) return { scope: frame.outer, crossed };
  }
  return undefined;
}

/** An expression of the query inside as the one around has it: a subquery in it takes the values from there itself. */
export function liftedOut({ crossed }: AggregateLevel): (expression: BoundExpression) => BoundExpression {
  const { args } = crossed.at(-1)!;
  const values = new Map(args.map(({ slot, value }) => [slot, value]));
  const lift = (expression: BoundExpression): BoundExpression => {
    const value = expression.kind === 'slot' ? values.get(expression.slot) : undefined;
    if (value !== undefined) return value;
    const over = mapOperands(expression, lift);
    if (over.kind !== 'subquery') return over;
    const taken = over.args.map(({ slot }) => slot);
    const more = args.filter(({ slot }) => over.reads.includes(slot) && !taken.includes(slot));
    return more.length === 0 ? over : { ...over, args: [...over.args, ...more] };
  };
  return lift;
}

/** The query inside takes no more the values that only the aggregate needed. @param counts See `countArguments`. */
export function forgetArguments({ crossed }: AggregateLevel, counts: readonly number[]): void {
  const { args } = crossed.at(-1)!;
  args.length = counts[crossed.length - 1]!;
}
