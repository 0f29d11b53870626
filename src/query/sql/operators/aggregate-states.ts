/** What a group has of each aggregate: its state, and the values that it is given in an order of their own. */

import type { ColumnValue } from '../../../models/relational/table.ts';
import { SqlRecord } from '../../../models/relational/values.ts';
import type { Accumulator } from '../functions/aggregates.ts';
import type { Evaluate } from '../functions/evaluation.ts';
import { valueBytes } from '../types/value-bytes.ts';
import type { PlannedAggregate } from './aggregate.ts';
import { AggregateInput, type InputOrder } from './aggregate-input.ts';
import type { MemoryBudget } from './memory-budget.ts';
import type { ExecutionContext, ExecutionRow } from './operator.ts';
import { keysOf } from './sort.ts';

/** Of what a state keeps, beside the value. */
const KEPT_VALUE_BYTES = 8;

export interface AggregateStates {
  /** What the rows are grouped by. */
  readonly values?: ExecutionRow;
  readonly states: readonly Accumulator[];
  /** For each aggregate that is given its values in order. */
  readonly inputs: readonly (AggregateInput | undefined)[];
}

/**
 * @param budget Of the operator; undefined when what is kept is counted already.
 * @param sorterBytesMax What each aggregate may hold once its values are put into files.
 */
export function newStates(
  aggregates: readonly PlannedAggregate[],
  orders: readonly (InputOrder | undefined)[],
  context: ExecutionContext,
  budget: MemoryBudget | undefined,
  sorterBytesMax: number,
): AggregateStates {
  return {
    states: aggregates.map((aggregate) => aggregate.function.create()),
    inputs: orders.map((order) => order && new AggregateInput(order, context, budget, sorterBytesMax)),
  };
}

/**
 * Gives a row to the aggregates of its group. @param from The first that has not got it.
 * @returns a promise to wait for before the next row, now and then. @throws SqlError `out_of_memory`, and of files.
 */
export function addRow(
  aggregates: readonly PlannedAggregate[],
  group: AggregateStates,
  row: ExecutionRow,
  context: ExecutionContext,
  budget: MemoryBudget | undefined,
  from = 0,
): Promise<void> | undefined {
  const { states, inputs } = group;
  for (let i = from; i < states.length; i++) {
    const { function: found, argument, filter, orderBy, direct } = aggregates[i]!;
    if (filter !== undefined && filter(row, context) !== true) continue;
    let value = argument === undefined ? true : argument(row, context);
    if (direct !== undefined) value = withDirect(value as SqlRecord, direct, group.values!, context);
    if (value === null) continue;
    const input = inputs[i];
    if (input === undefined) {
      if (found.holds === true) budget?.takeBytes(KEPT_VALUE_BYTES + valueBytes(value));
      states[i]!.add(value);
      continue;
    }
    const added = input.add(value, keysOf(orderBy, row, context), states[i]!);
    if (added !== undefined) return added.then(() => addRow(aggregates, group, row, context, budget, i + 1));
  }
  return undefined;
}

function withDirect(
  { types, values }: SqlRecord,
  direct: readonly Evaluate[],
  group: ExecutionRow,
  context: ExecutionContext,
): SqlRecord {
  const found = direct.map((evaluate) => evaluate(group, context) as ColumnValue);
  return new SqlRecord(types, [...values.slice(0, values.length - found.length), ...found]);
}
