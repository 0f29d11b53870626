/**
 * EXPLAIN: a plan as text, or as a tree for programs (explain-format.ts). With ANALYZE the statement runs to its end, its rows go nowhere,
 * and every node tells how long it took and what it gave; with BUFFERS also what it asked of the store, with WAL what it wrote.
 */

import { type Awaitable, isPromise, whenReady } from '../../../base/awaitable.ts';
import type { ExplainOptions } from '../binder/bound.ts';
import { drain } from '../operators/drain.ts';
import type { ColumnSource, ExecutionContext, Measuring, Open, Operator, RowBatch } from '../operators/operator.ts';
import type { SqlValue } from '../types/types.ts';
import { type Explanation, type Measure, printText, printTree } from './explain-format.ts';
import type { PlanEnvironment } from './plan.ts';
import type { PlanNode } from './plan-node.ts';
import { countingContext, noCalls } from './store-calls.ts';

export interface Explained {
  readonly node: PlanNode;
  readonly open: Open;
  readonly options: ExplainOptions;
  readonly planningMs: number;
  readonly environment: Pick<PlanEnvironment, 'changedSettings' | 'elapsedMs' | 'schemaName'>;
}

/** One row for each line of the text; one with all else. */
export class Explain implements Operator {
  readonly #explained: Explained;
  readonly #context: ExecutionContext;
  #done = false;

  constructor(explained: Explained, context: ExecutionContext) {
    this.#explained = explained;
    this.#context = context;
  }

  next(): Awaitable<RowBatch | undefined> {
    if (this.#done) return undefined;
    this.#done = true;
    const { options, environment } = this.#explained;
    if (!options.analyze) return this.#print(undefined, 0);
    const measures = new Map<object, Measure>();
    const now = environment.elapsedMs;
    // The context is this execution's own; its operators ask for the watcher when they are opened.
    this.#context.measure = measuring(measures, options.buffers || options.wal, now);
    const began = now();
    return whenReady(
      drain(this.#explained.open(this.#context), this.#context, () => {}),
      () => this.#print(measures, now() - began),
    );
  }

  close(): void {
    this.#done = true;
  }

  #print(measures: ReadonlyMap<object, Measure> | undefined, executionMs: number): RowBatch {
    const { node, options, planningMs, environment } = this.#explained;
    const { changedSettings, schemaName } = environment;
    const settings = options.settings ? changedSettings : [];
    const explanation: Explanation = { node, options, measures, planningMs, executionMs, settings, schemaName };
    return options.format === 'text' ? printText(explanation).map((line) => [line]) : [[printTree(explanation)]];
  }
}

function measuring(measures: Map<object, Measure>, counts: boolean, now: () => number): Measuring {
  const measureOf = (node: object): Measure => {
    const known = measures.get(node);
    if (known !== undefined) return known;
    const calls = counts ? noCalls() : undefined;
    const measure = { loops: 0, rows: 0, removed: 0, ms: 0, firstMs: undefined, calls };
    measures.set(node, measure);
    return measure;
  };
  return {
    watch: (node, operator) => new Watched(operator, measureOf(node), now),
    within: (node, context) => {
      const { calls } = measureOf(node);
      return calls === undefined ? context : countingContext(context, calls);
    },
  };
}

class Watched implements Operator {
  readonly #operator: Operator;
  readonly #measure: Measure;
  readonly #now: () => number;
  /** What the operator has told of so far. */
  #removed = 0;

  constructor(operator: Operator, measure: Measure, now: () => number) {
    this.#operator = operator;
    this.#measure = measure;
    this.#now = now;
    measure.loops++;
  }

  /** Of an operator that writes. */
  get affected(): number {
    return (this.#operator as Operator & { readonly affected?: number }).affected ?? 0;
  }

  next(): Awaitable<RowBatch | undefined> {
    const began = this.#now();
    const batch = this.#operator.next();
    if (isPromise(batch)) return batch.then((late) => this.#note(late, began));
    return this.#note(batch, began);
  }

  narrow(place: number, values: ReadonlySet<SqlValue>): void {
    this.#operator.narrow?.(place, values);
  }

  get columns(): ColumnSource | undefined {
    const columns = this.#operator.columns;
    if (columns === undefined) return undefined;
    return {
      next: () => {
        const began = this.#now();
        return whenReady(columns.next(), (batch) => {
          this.#noteRows(batch?.count ?? 0, began);
          return batch;
        });
      },
      close: () => columns.close(),
    };
  }

  close(): void {
    this.#operator.close();
  }

  #note(batch: RowBatch | undefined, began: number): RowBatch | undefined {
    this.#noteRows(batch?.length ?? 0, began);
    return batch;
  }

  #noteRows(count: number, began: number): void {
    const measure = this.#measure;
    measure.ms += this.#now() - began;
    measure.firstMs ??= measure.ms;
    measure.rows += count;
    const { removed = 0 } = this.#operator;
    measure.removed += removed - this.#removed;
    this.#removed = removed;
  }
}
