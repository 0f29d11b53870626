/**
 * Functions that return sets, side by side: row n holds the n-th value of each, null behind its last, until all have
 * ended. In FROM they are the rows; in a select list every row of the input is repeated with theirs behind it, and left
 * out when they have none (PostgreSQL's nodeProjectSet.c, nodeFunctionscan.c).
 */

import { type Awaitable, isPromise, whenReady } from '../../../base/awaitable.ts';
import type { Evaluate } from '../functions/evaluation.ts';
import type { SqlValue } from '../types/types.ts';
import type { ExecutionContext, ExecutionRow, Operator, RowBatch } from './operator.ts';
import { type EvaluateLater, evaluateAll } from './subquery.ts';

export interface PlannedSet {
  readonly args: readonly Evaluate[];
  readonly strict: boolean;
  readonly returnsSet: boolean;
  readonly evaluate: (args: readonly SqlValue[], context: ExecutionContext) => unknown;
}

const BATCH_ROWS = 512;

/** The values of one function for one row. */
function valuesOf(set: PlannedSet, row: ExecutionRow, context: ExecutionContext): Awaitable<Iterator<SqlValue>> {
  const args = set.args.map((arg) => arg(row, context));
  const isNull = set.strict && args.includes(null);
  const given = isNull ? null : set.evaluate(args, context);
  return isPromise(given) ? given.then((late) => iterated(set, late)) : iterated(set, given);
}

function iterated({ returnsSet }: PlannedSet, given: unknown): Iterator<SqlValue> {
  if (!returnsSet) return [given as SqlValue].values();
  return given === null ? [].values() : (given as Iterable<SqlValue>)[Symbol.iterator]();
}

/** Those of all functions for one row, one after another. */
function allValuesOf(
  sets: readonly PlannedSet[],
  row: ExecutionRow,
  context: ExecutionContext,
  begun: Iterator<SqlValue>[] = [],
): Awaitable<(Iterator<SqlValue> | undefined)[]> {
  for (let i = begun.length; i < sets.length; i++) {
    const values = valuesOf(sets[i]!, row, context);
    if (isPromise(values)) {
      return values.then((late) => {
        begun.push(late);
        return allValuesOf(sets, row, context, begun);
      });
    }
    begun.push(values);
  }
  return begun;
}

/** The next value of each; undefined when all have ended. */
function step(iterators: (Iterator<SqlValue> | undefined)[]): SqlValue[] | undefined {
  let some = false;
  const values: SqlValue[] = [];
  for (let i = 0; i < iterators.length; i++) {
    const next = iterators[i]?.next();
    if (next === undefined || next.done === true) {
      iterators[i] = undefined;
      values.push(null);
    } else {
      some = true;
      values.push(next.value);
    }
  }
  return some ? values : undefined;
}

export class FunctionScan implements Operator {
  readonly #sets: readonly PlannedSet[];
  readonly #ordinality: boolean;
  readonly #context: ExecutionContext;
  readonly #values: readonly EvaluateLater[];
  #iterators: (Iterator<SqlValue> | undefined)[] | undefined;
  #count = 0n;
  #done = false;

  /** @param values The row that arguments are computed of: what may have to wait. */
  constructor(
    sets: readonly PlannedSet[],
    ordinality: boolean,
    context: ExecutionContext,
    values: readonly EvaluateLater[] = [],
  ) {
    this.#sets = sets;
    this.#ordinality = ordinality;
    this.#context = context;
    this.#values = values;
  }

  next(): Awaitable<RowBatch | undefined> {
    if (this.#done) return undefined;
    const pause = this.#context.pause();
    return pause === undefined ? this.#begun() : pause.then(() => this.#begun());
  }

  close(): void {
    this.#done = true;
    for (const iterator of this.#iterators ?? []) iterator?.return?.();
    this.#iterators = [];
  }

  #begun(): Awaitable<RowBatch | undefined> {
    if (this.#iterators !== undefined) return this.#pull(this.#iterators);
    return whenReady(evaluateAll(this.#values, [], this.#context), (values) =>
      whenReady(allValuesOf(this.#sets, values, this.#context), (iterators) => {
        this.#iterators = iterators;
        return this.#pull(iterators);
      }),
    );
  }

  #pull(iterators: (Iterator<SqlValue> | undefined)[]): RowBatch | undefined {
    const rows: ExecutionRow[] = [];
    while (rows.length < BATCH_ROWS && !this.#done) {
      const row = step(iterators);
      if (row === undefined) {
        this.#done = true;
        break;
      }
      if (this.#ordinality) row.push(++this.#count);
      rows.push(row);
    }
    return rows.length === 0 ? undefined : rows;
  }
}

export class ProjectSet implements Operator {
  readonly #input: Operator;
  readonly #sets: readonly PlannedSet[];
  readonly #width: number;
  readonly #context: ExecutionContext;
  #rows: RowBatch = [];
  #position = 0;
  #iterators: (Iterator<SqlValue> | undefined)[] | undefined;

  /** @param width Values of a row of the input that are passed on. */
  constructor(input: Operator, sets: readonly PlannedSet[], width: number, context: ExecutionContext) {
    this.#input = input;
    this.#sets = sets;
    this.#width = width;
    this.#context = context;
  }

  next(): Awaitable<RowBatch | undefined> {
    const pause = this.#context.pause();
    return pause === undefined ? this.#fill([]) : pause.then(() => this.#fill([]));
  }

  close(): void {
    this.#rows = [];
    this.#position = 0;
    this.#iterators = undefined;
    this.#input.close();
  }

  #fill(out: ExecutionRow[]): Awaitable<RowBatch | undefined> {
    for (;;) {
      const row = this.#rows[this.#position];
      if (row === undefined) {
        if (out.length > 0) return out;
        const batch = this.#input.next();
        if (isPromise(batch)) return batch.then((late) => (this.#begin(late) ? this.#fill(out) : undefined));
        if (!this.#begin(batch)) return undefined;
        continue;
      }
      if (this.#iterators === undefined) {
        const begun = allValuesOf(this.#sets, row, this.#context);
        if (isPromise(begun)) {
          return begun.then((late) => {
            this.#iterators = late;
            return this.#fill(out);
          });
        }
        this.#iterators = begun;
      }
      const values = step(this.#iterators);
      if (values === undefined) {
        this.#iterators = undefined;
        this.#position++;
        continue;
      }
      out.push([...(row.length === this.#width ? row : row.slice(0, this.#width)), ...values]);
      if (out.length >= BATCH_ROWS) return out;
    }
  }

  #begin(batch: RowBatch | undefined): boolean {
    this.#rows = batch ?? [];
    this.#position = 0;
    return batch !== undefined;
  }
}
