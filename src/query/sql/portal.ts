/**
 * Prepared statements, portals, and handing out the rows of a running plan batch by batch.
 *
 * Synchronous for as long as the operators and the receiver answer at once.
 */

import { type Awaitable, isPromise, whenReady } from '../../base/awaitable.ts';
import type { Transaction } from '../../storage/store.ts';
import type { Execution } from './execution.ts';
import type { Interrupts } from './interrupts.ts';
import { drain } from './operators/drain.ts';
import { MemoryBudget } from './operators/memory-budget.ts';
import type { ExecutionRow, Operator, RowBatch } from './operators/operator.ts';
import type { ParsedStatement } from './parser/parser.ts';
import { affectedOf, type Plan, type ResultColumn } from './planner/plan.ts';
import type { SqlType, SqlValue } from './types/types.ts';

/** A statement that was parsed and planned, to be bound to values and executed. */
export interface PreparedStatement {
  /** Undefined for an empty query string. */
  readonly statement: ParsedStatement | undefined;
  /** Types of $1, $2, …; a parameter that nothing gave a type is text. */
  readonly parameterTypes: readonly SqlType[];
  readonly columns: readonly ResultColumn[] | undefined;
  /** The plan that was made last, if the statement is planned. */
  plan?: Plan | undefined;
}

/** How a client wants a column. */
export type FieldFormat = 'text' | 'binary';

/** A prepared statement with its values; holds its place between executions with a row limit. */
export interface Portal {
  readonly prepared: PreparedStatement;
  readonly values: readonly SqlValue[];
  /** One for each column, or none: all in text. For whoever sends the rows. */
  readonly formats: readonly FieldFormat[];
  state: 'new' | 'running' | 'done';
  /** @internal */
  running: RunningPortal | undefined;
}

/** A plan that was opened. */
export interface RunningPortal {
  readonly plan: Plan;
  readonly operator: Operator;
  readonly execution: Execution;
  readonly transaction: Transaction | undefined;
  /** Pulled and not yet handed out. */
  pending: RowBatch;
  /** Handed out so far. */
  rows: number;
  /** Whether `pending` is all that is left. */
  held: boolean;
}

/** Hands batches out until the end, or until `rowsMax` rows (0: all). @returns true at the end. */
export function pump(
  running: RunningPortal,
  rowsMax: number,
  interrupts: Interrupts,
  deliver: (batch: RowBatch) => Awaitable<void>,
): Awaitable<boolean> {
  const target = rowsMax === 0 ? Number.POSITIVE_INFINITY : running.rows + rowsMax;
  for (;;) {
    const batch = nextBatch(running, target, interrupts);
    if (isPromise(batch)) return pumpLate(running, target, interrupts, batch, deliver);
    if (batch === undefined) return true;
    const delivered = deliver(batch);
    const full = running.rows >= target;
    if (isPromise(delivered)) {
      const accepted = interrupts.race(delivered);
      if (full) return accepted.then(() => false);
      return pumpLate(
        running,
        target,
        interrupts,
        accepted.then(() => nextBatch(running, target, interrupts)),
        deliver,
      );
    }
    if (full) return false;
  }
}

async function pumpLate(
  running: RunningPortal,
  target: number,
  interrupts: Interrupts,
  first: Promise<RowBatch | undefined>,
  deliver: (batch: RowBatch) => Awaitable<void>,
): Promise<boolean> {
  for (let batch = await first; batch !== undefined; batch = await nextBatch(running, target, interrupts)) {
    const delivered = deliver(batch);
    if (isPromise(delivered)) await interrupts.race(delivered);
    if (running.rows >= target) return false;
  }
  return true;
}

/** At most as many rows as are wanted; the rest of a batch waits in the portal. */
function nextBatch(running: RunningPortal, target: number, interrupts: Interrupts): Awaitable<RowBatch | undefined> {
  const pause = interrupts.pause();
  if (pause !== undefined) return pause.then(() => pullBatch(running, target));
  return pullBatch(running, target);
}

function pullBatch(running: RunningPortal, target: number): Awaitable<RowBatch | undefined> {
  const batch = running.pending.length > 0 ? running.pending : running.operator.next();
  running.pending = [];
  return isPromise(batch) ? batch.then((late) => cutBatch(running, late, target)) : cutBatch(running, batch, target);
}

function cutBatch(running: RunningPortal, batch: RowBatch | undefined, target: number): RowBatch | undefined {
  if (batch === undefined) return undefined;
  const room = target - running.rows;
  running.rows += Math.min(batch.length, room);
  if (batch.length <= room) return batch;
  running.pending = batch.slice(room);
  return batch.slice(0, room);
}

/** For when nothing more will be asked of it; harmless when done already. */
export function closeRunning({ operator, execution }: RunningPortal): void {
  operator.close();
  execution.release();
}

/** What CommandComplete says. */
export function tagOf(running: RunningPortal): string {
  const { verb } = running.plan;
  if (verb === 'SELECT') return `SELECT ${running.rows}`;
  if (verb === 'EXPLAIN') return verb;
  const affected = affectedOf(running.operator);
  return verb === 'INSERT' ? `INSERT 0 ${affected}` : `${verb} ${affected}`;
}

/** Reads what a running portal has left into memory, so that the transaction may move on under it. */
export function holdRest(running: RunningPortal): Awaitable<void> {
  const held: ExecutionRow[] = [...running.pending];
  const budget = new MemoryBudget('the rest of a suspended portal', running.execution);
  const take = (batch: RowBatch): void => {
    for (const row of batch) {
      budget.take(row);
      held.push(row);
    }
  };
  return whenReady(drain(running.operator, running.execution, take), () => {
    running.pending = held;
  });
}
