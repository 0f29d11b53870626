/**
 * EXPLAIN: a plan as text in PostgreSQL's layout, or as JSON with its keys (explain.c). With ANALYZE the statement runs to
 * its end, its rows go nowhere, and every operator tells how long it took and what it gave.
 */

import { type Awaitable, isPromise, whenReady } from '../../../base/awaitable.ts';
import type { ExplainOptions } from '../binder/bound.ts';
import { drain } from '../operators/drain.ts';
import type { ColumnSource, ExecutionContext, ExecutionRow, Open, Operator, RowBatch } from '../operators/operator.ts';
import type { PlanNode } from './planned.ts';

/** What one node did. */
interface Measure {
  loops: number;
  rows: number;
  micros: number;
  /** When the first row came; of the first run. */
  firstMicros: number | undefined;
}

export interface Explained {
  readonly node: PlanNode;
  readonly open: Open;
  readonly options: ExplainOptions;
}

/** One row for each line; or one of JSON. */
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
    const { node, options } = this.#explained;
    if (!options.analyze) return print(node, options, undefined, 0);
    const measures = new Map<object, Measure>();
    const { clockMicros } = this.#context;
    const now = (): bigint => clockMicros.call(this.#context);
    // The context is this execution's own; its operators ask for the watcher when they are opened.
    this.#context.measure = (of, operator) => new Watched(operator, measureOf(measures, of), now);
    const began = now();
    return whenReady(
      drain(this.#explained.open(this.#context), this.#context, () => {}),
      () => print(node, options, measures, Number(now() - began)),
    );
  }

  close(): void {
    this.#done = true;
  }
}

function measureOf(measures: Map<object, Measure>, node: object): Measure {
  const known = measures.get(node);
  if (known !== undefined) return known;
  const measure = { loops: 0, rows: 0, micros: 0, firstMicros: undefined };
  measures.set(node, measure);
  return measure;
}

class Watched implements Operator {
  readonly #operator: Operator;
  readonly #measure: Measure;
  readonly #now: () => bigint;

  constructor(operator: Operator, measure: Measure, now: () => bigint) {
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

  #note(batch: RowBatch | undefined, began: bigint): RowBatch | undefined {
    this.#noteRows(batch?.length ?? 0, began);
    return batch;
  }

  #noteRows(count: number, began: bigint): void {
    const measure = this.#measure;
    measure.micros += Number(this.#now() - began);
    measure.firstMicros ??= measure.micros;
    measure.rows += count;
  }
}

type Measures = ReadonlyMap<object, Measure> | undefined;

function print(node: PlanNode, options: ExplainOptions, measures: Measures, micros: number): RowBatch {
  if (options.format === 'json') {
    const plan = {
      Plan: json(node, options, measures),
      ...(measures && options.summary && { 'Execution Time': round(micros) }),
    };
    return [[JSON.stringify([plan], undefined, 2)]];
  }
  const lines: string[] = [];
  const visit = (each: PlanNode, depth: number): void => {
    const indent = depth === 0 ? '' : `${' '.repeat(depth * 6 - 4)}->  `;
    lines.push(`${indent}${each.title}${numbers(each, options, measures)}`);
    const below = ' '.repeat(depth * 6 + 2);
    for (const detail of each.details()) lines.push(below + detail);
    for (const input of each.inputs) visit(input, depth + 1);
  };
  visit(node, 0);
  if (measures !== undefined && options.summary) lines.push(`Execution Time: ${round(micros).toFixed(3)} ms`);
  return lines.map((line): ExecutionRow => [line]);
}

function numbers(node: PlanNode, { costs, timing }: ExplainOptions, measures: Measures): string {
  const parts: string[] = [];
  if (costs) parts.push(`  (cost=0.00..${node.cost.toFixed(2)} rows=${node.rows} width=${node.width})`);
  if (measures !== undefined) {
    const measure = measures.get(node);
    if (measure === undefined || measure.loops === 0) parts.push(' (never executed)');
    else {
      const { loops, rows, micros, firstMicros = 0 } = measure;
      const time = timing ? `time=${round(firstMicros).toFixed(3)}..${round(micros / loops).toFixed(3)} ` : '';
      parts.push(` (actual ${time}rows=${Math.round(rows / loops)} loops=${loops})`);
    }
  }
  return parts.join('');
}

function json(node: PlanNode, options: ExplainOptions, measures: Measures): Record<string, unknown> {
  const out: Record<string, unknown> = { 'Node Type': node.title };
  if (options.costs) {
    out['Startup Cost'] = 0;
    out['Total Cost'] = Number(node.cost.toFixed(2));
    out['Plan Rows'] = node.rows;
    out['Plan Width'] = node.width;
  }
  const measure = measures?.get(node);
  if (measures !== undefined) {
    const loops = measure?.loops ?? 0;
    if (options.timing) {
      out['Actual Startup Time'] = round(measure?.firstMicros ?? 0);
      out['Actual Total Time'] = loops === 0 ? 0 : round(measure!.micros / loops);
    }
    out['Actual Rows'] = loops === 0 ? 0 : Math.round(measure!.rows / loops);
    out['Actual Loops'] = loops;
  }
  for (const detail of node.details()) {
    const colon = detail.indexOf(': ');
    out[detail.slice(0, colon)] = detail.slice(colon + 2);
  }
  if (node.inputs.length > 0) out.Plans = node.inputs.map((input) => json(input, options, measures));
  return out;
}

/** Microseconds as milliseconds. */
function round(micros: number): number {
  return Math.round(micros) / 1_000;
}
