/**
 * Prepared statements, portals, and handing out the rows of a running plan batch by batch.
 *
 * Synchronous for as long as the operators and the receiver answer at once.
 */

import { type Awaitable, isPromise } from '../../base/awaitable.ts';
import type { FieldReader } from '../../models/relational/field-reader.ts';
import { PackedEntries } from '../../storage/packed-entries.ts';
import type { Transaction } from '../../storage/store.ts';
import type { Cursor } from './cursor.ts';
import type { Execution } from './execution.ts';
import type { Interrupts } from './interrupts.ts';
import { drain } from './operators/drain.ts';
import type { Operator, RowBatch, StoredEntries, StoredRows } from './operators/operator.ts';
import { RowStore } from './operators/row-store.ts';
import type { ParsedStatement } from './parser/parser.ts';
import { affectedOf, type Plan, type ResultColumn } from './planner/plan.ts';
import type { SqlType, SqlValue } from './types/types.ts';
import type { Workspace } from './workspace/workspace.ts';

/** A statement that was parsed and planned, to be bound to values and executed. */
export interface PreparedStatement {
  /** Undefined for an empty query string. */
  readonly statement: ParsedStatement | undefined;
  /** Types of $1, $2, …; a parameter that nothing gave a type is text. */
  readonly parameterTypes: readonly SqlType[];
  readonly columns: readonly ResultColumn[] | undefined;
  /** The plan that was made last, if the statement is planned. */
  plan?: Plan | undefined;
  /** Wall time in milliseconds since 1970. */
  readonly preparedMs: number;
  /** Whether it was PREPARE, and not the protocol. */
  readonly fromSql: boolean;
  /** How often it was begun. */
  uses: number;
}

/** How a client wants a column. */
export type FieldFormat = 'text' | 'binary';

/** A prepared statement with its values; holds its place between executions with a row limit. */
export interface Portal {
  /** What EXECUTE stands for takes its place when it begins. */
  prepared: PreparedStatement;
  values: readonly SqlValue[];
  /** One for each column, or none: all in text. For whoever sends the rows. */
  readonly formats: readonly FieldFormat[];
  state: 'new' | 'running' | 'done' | 'failed';
  /** @internal */
  running: RunningPortal | undefined;
  /** Once it is read by FETCH. */
  cursor?: Cursor | undefined;
  /** How DECLARE has made it. */
  readonly declared?: CursorTraits;
  /** Wall time in milliseconds since 1970. */
  readonly createdMs: number;
  /** How many savepoints of the transaction it was made behind. */
  depth: number;
  /** Its rows are its own, and it outlives the transaction. */
  persists?: boolean;
}

export interface CursorTraits {
  readonly isBinary: boolean;
  readonly isHoldable: boolean;
  readonly isScrollable: boolean;
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
  /** All that comes after `pending`, once it was read ahead. */
  rest: Operator | undefined;
  /** Where that is to be kept, when not with the execution. */
  readonly restIn?: Workspace;
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

/** As `pump`, to the end, of rows that are written out as they are stored. */
export function pumpStored(
  running: RunningPortal,
  stored: StoredRows,
  interrupts: Interrupts,
  deliver: (entries: StoredEntries, fields: FieldReader) => Awaitable<void>,
): Awaitable<true> {
  for (;;) {
    const entries = stored.next();
    if (isPromise(entries)) return pumpStoredLate(running, stored, interrupts, entries, deliver);
    if (entries === undefined) return true;
    running.rows += entries instanceof PackedEntries ? entries.count : entries.length;
    const delivered = deliver(entries, stored.fields);
    if (isPromise(delivered)) {
      const next = interrupts.race(delivered).then(() => stored.next());
      return pumpStoredLate(running, stored, interrupts, next, deliver);
    }
  }
}

async function pumpStoredLate(
  running: RunningPortal,
  stored: StoredRows,
  interrupts: Interrupts,
  first: Promise<StoredEntries | undefined>,
  deliver: (entries: StoredEntries, fields: FieldReader) => Awaitable<void>,
): Promise<true> {
  for (let entries = await first; entries !== undefined; entries = await stored.next()) {
    running.rows += entries instanceof PackedEntries ? entries.count : entries.length;
    const delivered = deliver(entries, stored.fields);
    if (isPromise(delivered)) await interrupts.race(delivered);
  }
  return true;
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
  const batch = running.pending.length > 0 ? running.pending : (running.rest ?? running.operator).next();
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

/** The next rows, at most so many; undefined at the end. */
export function pullRows(
  running: RunningPortal,
  rowsMax: number,
  interrupts: Interrupts,
): Awaitable<RowBatch | undefined> {
  return nextBatch(running, running.rows + rowsMax, interrupts);
}

/** For when nothing more will be asked of it; harmless when done already. */
export function closeRunning({ operator, execution }: RunningPortal): void {
  operator.close();
  execution.release();
}

/** Of a portal that nobody will read any more. */
export function closeRows({ cursor, running }: Portal): void {
  if (cursor !== undefined) cursor.close();
  else if (running !== undefined) closeRunning(running);
}

/** Its query gave an error: nothing more comes of it. */
export function failPortal(portal: Portal): void {
  closeRows(portal);
  portal.state = 'failed';
  portal.running = undefined;
  portal.cursor = undefined;
}

/** What CommandComplete says. @param rowsBefore Rows that were handed out by earlier executions of the portal. */
export function tagOf(running: RunningPortal, rowsBefore = 0): string {
  const { verb } = running.plan;
  if (verb === 'SELECT') return `SELECT ${running.rows - rowsBefore}`;
  if (verb === 'EXPLAIN' || verb === 'CALL') return verb;
  const affected = affectedOf(running.operator);
  return verb === 'INSERT' ? `INSERT 0 ${affected}` : `${verb} ${affected}`;
}

/** Reads what a running portal has left, so that the transaction may move on under it; into files where memory ends. */
export function holdRest(running: RunningPortal): Awaitable<void> {
  if (running.rest !== undefined) return undefined;
  const workspace = running.restIn ?? running.execution.workspace;
  const rest = new RowStore('the rest of a suspended portal', { workspace });
  running.rest = rest.reader();
  return drain(running.operator, running.execution, (batch) => rest.addAll(batch));
}
