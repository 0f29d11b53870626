/**
 * The writer behind MERGE. Its rows are the target's followed by the source's, the target's null where nothing matched.
 *
 * A matched row is locked before anything is done with it. When someone else has changed it since, the conditions are
 * asked again of the row as it is now; when it is gone, or matches no longer, the row of the source is one that nothing
 * matched. At the isolation levels above READ COMMITTED the lock itself fails then.
 */

import { latin1 } from '../../../base/bytes.ts';
import type { Evaluate } from '../functions/evaluation.ts';
import { SqlError } from '../sql-error.ts';
import type { RowWriter } from './modify.ts';
import type { ExecutionContext, ExecutionRow, RowBatch } from './operator.ts';
import { lockRows } from './row-locks.ts';
import { sameValue } from './row-values.ts';
import { TableWriter } from './table-writer.ts';
import type { Assignment, WriteRules } from './write-rules.ts';

export interface MergeAction {
  /** Whether it is for rows that match. */
  readonly matched: boolean;
  readonly condition: Evaluate | undefined;
  readonly action: 'insert' | 'update' | 'delete' | 'nothing';
  readonly assignments: readonly Assignment[];
}

export interface MergeRules {
  /** Over the joined row. */
  readonly condition: Evaluate;
  readonly actions: readonly MergeAction[];
  /** Values of the target in a row. */
  readonly width: number;
  /** Whether the rows hold values computed of the target as it was: then they cannot be asked again. */
  readonly computed: boolean;
}

export class MergeRows implements RowWriter {
  readonly #writer: TableWriter;
  readonly #rules: MergeRules;
  readonly #context: ExecutionContext;
  /** A value that every row of the target has. */
  readonly #present: number;
  /** Keys of rows that this statement changed: it may not meet them again. */
  readonly #touched = new Set<string>();

  constructor(rules: WriteRules, merge: MergeRules, context: ExecutionContext) {
    this.#writer = new TableWriter(rules, context);
    this.#rules = merge;
    this.#context = context;
    const { primaryKey, columns } = rules.table.table;
    this.#present = primaryKey[0] ?? columns.length;
  }

  async write(batch: RowBatch): Promise<RowBatch> {
    const written: ExecutionRow[] = [];
    for (const row of batch) {
      const done = row[this.#present] === null ? await this.#unmatched(row) : await this.#matched(row);
      if (done) written.push(row);
    }
    await this.#writer.settle();
    return written;
  }

  finish() {
    return this.#writer.finish();
  }

  #actionFor(row: ExecutionRow, matched: boolean): MergeAction | undefined {
    return this.#rules.actions.find(
      (each) =>
        each.matched === matched && (each.condition === undefined || each.condition(row, this.#context) === true),
    );
  }

  /** @returns whether a row was written. */
  async #matched(row: ExecutionRow): Promise<boolean> {
    const { width, condition, computed } = this.#rules;
    const { codec } = this.#writer.rules.table;
    const planned = this.#actionFor(row, true);
    if (planned === undefined || planned.action === 'nothing') return false;
    const old = row.slice(0, width);
    const key = codec.keys.keyOf(old);
    const { transaction } = this.#context;
    if (!this.#touched.has(latin1(key))) this.#context.refuseWritten(key, 'updated or deleted');
    if (this.#touched.has(latin1(key)) || this.#context.isWritten(key)) {
      throw new SqlError('cardinality_violation', 'MERGE command cannot affect row a second time', {
        hint: 'Ensure that not more than one source row matches any one target row.',
      });
    }
    const strength = planned.action === 'delete' ? 'update' : 'noKeyUpdate';
    await lockRows(this.#context, this.#writer.rules.table, [key], strength);
    if (!this.#context.nothingNewer) transaction.beginStatement();
    const found = await transaction.get(key);
    const current = found === undefined ? undefined : (codec.decode(key, found) as ExecutionRow);
    let action: MergeAction | undefined = planned;
    let joined = row;
    if (current === undefined || !current.every((value, i) => sameValue(value, old[i]!))) {
      if (computed) {
        throw new SqlError('serialization_failure', 'could not serialize access due to concurrent update');
      }
      const source = row.slice(width);
      joined = [...(current ?? new Array<null>(width).fill(null)), ...source];
      if (current === undefined || condition(joined, this.#context) !== true) {
        return this.#unmatched([...new Array<null>(width).fill(null), ...source]);
      }
      action = this.#actionFor(joined, true);
      if (action === undefined || action.action === 'nothing') return false;
    }
    this.#touched.add(latin1(key));
    if (action.action === 'delete') {
      // The row may have become one to be deleted while it was waited for.
      if (planned.action !== 'delete') await lockRows(this.#context, this.#writer.rules.table, [key], 'update');
      await this.#writer.delete(current!);
      return true;
    }
    const changed = [...current!];
    for (const { position, value } of action.assignments) changed[position] = value(joined, this.#context);
    this.#writer.prepare(changed);
    await this.#writer.update(current!, changed);
    return true;
  }

  async #unmatched(row: ExecutionRow): Promise<boolean> {
    const action = this.#actionFor(row, false);
    if (action === undefined || action.action === 'nothing') return false;
    const inserted: ExecutionRow = new Array(this.#writer.rules.table.table.columns.length).fill(null);
    for (const { position, value } of action.assignments) inserted[position] = value(row, this.#context);
    this.#writer.prepare(inserted);
    await this.#writer.insertNew(inserted);
    return true;
  }
}
