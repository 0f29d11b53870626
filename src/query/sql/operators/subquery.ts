/**
 * Computes subqueries of expressions: fills the slots that the query reads, runs it, and makes a value of its rows.
 *
 * A query that reads no slot is run once per execution. Its rows, where a value is looked for among them (IN), are held by
 * that value; with a null on either side the answer may be unknown (SQL's three-valued logic; PostgreSQL's nodeSubplan.c).
 */

import { type Awaitable, isPromise, whenReady } from '../../../base/awaitable.ts';
import type { ColumnType } from '../../../models/relational/table.ts';
import { SqlArray } from '../../../models/relational/values.ts';
import { accumulateArrays } from '../functions/array-access.ts';
import type { Evaluate } from '../functions/evaluation.ts';
import { SqlError } from '../sql-error.ts';
import { type DistinctKey, distinctRowKey } from '../types/distinct-key.ts';
import type { SqlType, SqlValue } from '../types/types.ts';
import { keyBytes } from '../types/value-bytes.ts';
import { drain } from './drain.ts';
import { gather } from './gather.ts';
import { countHeld, type HeldCount } from './held-scan.ts';
import { answerKey, KeptAnswers } from './kept-answers.ts';
import { MemoryBudget } from './memory-budget.ts';
import type { ExecutionContext, ExecutionRow, Operator, RowBatch } from './operator.ts';

/** An expression whose value may have to be waited for. */
export type EvaluateLater = (row: ExecutionRow, context: ExecutionContext) => Awaitable<SqlValue>;

export interface PlannedSubquery {
  readonly mode: 'scalar' | 'array' | 'exists' | 'any' | 'all' | 'row';
  /** Of `array`: what its elements are. */
  readonly element?: ColumnType;
  /** Of `array`: its rows are arrays, which become its parts. */
  readonly nested?: boolean;
  readonly open: (context: ExecutionContext, rowsMax?: number) => Operator;
  readonly args: readonly { readonly slot: number; readonly value: Evaluate }[];
  /** Depends on rows outside. */
  readonly correlated: boolean;
  /** Answers are kept by the values of `args` and `operands`. */
  readonly keepsAnswers: boolean;
  readonly hashed: HashedLookup | undefined;
  /** It asks no more than this. */
  readonly counts: HeldCount | undefined;
  /** Computed over the row outside. */
  readonly operands: readonly EvaluateLater[];
  /** Over a row of operands followed by a row of the query. */
  readonly test: Evaluate | undefined;
  /** When `test` is the equality of operands, in order, with these, over the query's row. */
  readonly equal: readonly { readonly left: Evaluate; readonly right: Evaluate; readonly type: SqlType }[] | undefined;
}

/** An EXISTS by equal values: gathers all values that there are, and looks for those of a row among them. */
export interface HashedLookup {
  readonly open: (context: ExecutionContext) => Operator;
  /** What is looked for, once the slots are filled. */
  readonly values: readonly Evaluate[];
  readonly types: readonly SqlType[];
  /** From so many rows on: until then running the query for each of them takes less. */
  readonly after: number;
}

/** Rows by the values that are compared. */
interface Hashed {
  readonly rows: readonly ExecutionRow[];
  readonly keys: ReadonlySet<DistinctKey>;
  /** Rows with a null among the values. */
  readonly incomplete: readonly ExecutionRow[];
}

export function subqueryEvaluator(planned: PlannedSubquery): EvaluateLater {
  const asked = planned.hashed === undefined ? asking(planned) : lookingUp(planned, planned.hashed);
  return planned.keepsAnswers ? keeping(planned, asked) : asked;
}

/** Asks only what was not asked before. */
function keeping({ args, operands }: PlannedSubquery, ask: EvaluateLater): EvaluateLater {
  const owner = {};
  const asked = (
    given: readonly SqlValue[],
    kept: KeptAnswers,
    row: ExecutionRow,
    context: ExecutionContext,
  ): Awaitable<SqlValue> => {
    const key = answerKey(given);
    const known = kept.get(key);
    if (known !== undefined) return known;
    const answer = ask(row, context);
    if (isPromise(answer)) return answer.then((late) => kept.keep(key, late));
    return kept.keep(key, answer);
  };
  return (row, context) => {
    const kept = context.state(owner, () => new KeptAnswers(context));
    if (!kept.isOn) return ask(row, context);
    const given: SqlValue[] = [];
    for (let i = 0; i < args.length; i++) given.push(args[i]!.value(row, context));
    if (operands.length === 0) return asked(given, kept, row, context);
    return whenReady(evaluateAll(operands, row, context), (values) => asked([...given, ...values], kept, row, context));
  };
}

/** Looks for a row's values among all that there are, once that takes less than asking again. */
function lookingUp(planned: PlannedSubquery, { open, values, types, after }: HashedLookup): EvaluateLater {
  const ask = asking(planned);
  const owner = {};
  const isThere = (keys: ReadonlySet<DistinctKey>, row: ExecutionRow, context: ExecutionContext): boolean => {
    for (const { slot, value } of planned.args) context.slots[slot] = value(row, context);
    const wanted = values.map((each) => each([], context));
    return !wanted.includes(null) && keys.has(distinctRowKey(types, wanted));
  };
  return (row, context) => {
    const state = context.state<{ asked: number; keys?: ReadonlySet<DistinctKey> | 'too many' }>(owner, () => ({
      asked: 0,
    }));
    if (state.keys instanceof Set) return isThere(state.keys, row, context);
    if (state.keys !== undefined || ++state.asked <= after) return ask(row, context);
    return whenReady(gatherKeys(open(context), types, context), (keys) => {
      state.keys = keys ?? 'too many';
      return keys === undefined ? ask(row, context) : isThere(keys, row, context);
    });
  };
}

/** Undefined where they do not fit. */
function gatherKeys(
  input: Operator,
  types: readonly SqlType[],
  context: ExecutionContext,
): Awaitable<Set<DistinctKey> | undefined> {
  const keys = new Set<DistinctKey>();
  const budget = new MemoryBudget('a subquery', context);
  let isOver = false;
  const take = (batch: RowBatch): void => {
    for (let i = 0; i < batch.length && !isOver; i++) {
      const values = batch[i]!;
      if (values.includes(null)) continue;
      const key = distinctRowKey(types, values);
      if (keys.has(key)) continue;
      if (budget.tryTake(keyBytes(key))) keys.add(key);
      else isOver = true;
    }
    if (isOver) input.close();
  };
  return whenReady(drain(input, context, take), () => {
    if (!isOver) return keys;
    budget.clear();
    return undefined;
  });
}

function asking(planned: PlannedSubquery): EvaluateLater {
  /** What becomes of rows decides how long they are held: until the next run, where there is one. */
  const run = (context: ExecutionContext, rowsMax?: number): Awaitable<ExecutionRow[]> => {
    const budget = context.state(planned, () => new MemoryBudget('a subquery', context));
    budget.clear();
    return gather(planned.open(context, rowsMax), budget, context, rowsMax);
  };
  const once = {};
  const uncorrelated = <T>(
    context: ExecutionContext,
    compute: (context: ExecutionContext) => Awaitable<T>,
  ): Awaitable<T> => {
    if (planned.correlated) return compute(context);
    const state = context.state<{ value?: Awaitable<T> }>(once, newState);
    if (state.value !== undefined) return state.value;
    const value = compute(context);
    state.value = value;
    if (isPromise(value)) {
      value.then(
        (late) => {
          state.value = late;
        },
        () => {},
      );
    }
    return value;
  };
  const fill = (row: ExecutionRow, context: ExecutionContext): void => {
    for (const { slot, value } of planned.args) context.slots[slot] = value(row, context);
  };
  /** Where rows can be counted as they are held; what EXPLAIN ANALYZE watches has to run. */
  const counted = (
    context: ExecutionContext,
    ask: (context: ExecutionContext) => Awaitable<SqlValue>,
    answer: (count: number) => SqlValue,
  ): Awaitable<SqlValue> => {
    if (planned.counts === undefined || context.measure !== undefined) return ask(context);
    const count = countHeld(planned.counts, context);
    if (isPromise(count)) return count.then((late) => (late === undefined ? ask(context) : answer(late)));
    return count === undefined ? ask(context) : answer(count);
  };
  switch (planned.mode) {
    case 'scalar': {
      const scalar = (rows: readonly ExecutionRow[]): SqlValue => atMostOne(rows)[0]?.[0] ?? null;
      const compute = (context: ExecutionContext): Awaitable<SqlValue> => whenReady(run(context, 2), scalar);
      const ask = (context: ExecutionContext): Awaitable<SqlValue> => uncorrelated(context, compute);
      return (row, context) => {
        fill(row, context);
        return counted(context, ask, BigInt);
      };
    }
    case 'array': {
      const gathered = (rows: readonly ExecutionRow[]): SqlArray => {
        const values = rows.map(([value]) => value ?? null);
        if (planned.nested !== true) return new SqlArray(planned.element!, values);
        return accumulateArrays(planned.element!, values as (SqlArray | null)[]);
      };
      const compute = (context: ExecutionContext): Awaitable<SqlArray> => whenReady(run(context), gathered);
      return (row, context) => {
        fill(row, context);
        return uncorrelated(context, compute);
      };
    }
    case 'exists': {
      const isAny = (rows: readonly ExecutionRow[]): boolean => rows.length > 0;
      const compute = (context: ExecutionContext): Awaitable<SqlValue> => whenReady(run(context, 1), isAny);
      const ask = (context: ExecutionContext): Awaitable<SqlValue> => uncorrelated(context, compute);
      return (row, context) => {
        fill(row, context);
        return counted(context, ask, Boolean);
      };
    }
    case 'row': {
      const compute = (context: ExecutionContext): Awaitable<readonly ExecutionRow[]> =>
        whenReady(run(context, 2), atMostOne);
      return (row, context) =>
        whenReady(evaluateAll(planned.operands, row, context), (left) => {
          fill(row, context);
          return whenReady(uncorrelated(context, compute), ([only]) =>
            only === undefined ? null : planned.test!([...left, ...only], context),
          );
        });
    }
    default:
      return quantified(planned, run, uncorrelated, fill);
  }
}

const newState = (): Record<string, never> => ({});

function atMostOne(rows: readonly ExecutionRow[]): readonly ExecutionRow[] {
  if (rows.length <= 1) return rows;
  throw new SqlError('cardinality_violation', 'more than one row returned by a subquery used as an expression');
}

function quantified(
  planned: PlannedSubquery,
  run: (context: ExecutionContext) => Awaitable<ExecutionRow[]>,
  uncorrelated: <T>(context: ExecutionContext, compute: (context: ExecutionContext) => Awaitable<T>) => Awaitable<T>,
  fill: (row: ExecutionRow, context: ExecutionContext) => void,
): EvaluateLater {
  const { equal, test, operands } = planned;
  const decisive = planned.mode === 'any';
  const hashed = (rows: readonly ExecutionRow[], context: ExecutionContext): Hashed => {
    if (equal === undefined || planned.correlated) return { rows, keys: new Set(), incomplete: [] };
    const keys = new Set<DistinctKey>();
    const types = equal.map(({ type }) => type);
    const incomplete: ExecutionRow[] = [];
    for (const row of rows) {
      const values = equal.map(({ right }) => right(row, context));
      if (values.includes(null)) incomplete.push(row);
      else keys.add(distinctRowKey(types, values));
    }
    return { rows, keys, incomplete };
  };
  const scan = (rows: readonly ExecutionRow[], left: readonly SqlValue[], context: ExecutionContext): SqlValue => {
    let unknown = false;
    for (const row of rows) {
      const value = test!([...left, ...row], context);
      if (value === decisive) return decisive;
      if (value === null) unknown = true;
    }
    return unknown ? null : !decisive;
  };
  const judge = ({ rows, keys, incomplete }: Hashed, left: SqlValue[], context: ExecutionContext): SqlValue => {
    if (equal === undefined || planned.correlated || !decisive) return scan(rows, left, context);
    if (rows.length === 0) return false;
    // A null on the left is equal to nothing, and different from nothing: of one value no more has to be known.
    if (equal.length === 1 && left[0] === null) return null;
    const values = equal.map((each) => each.left(left, context));
    if (values.includes(null)) return scan(rows, left, context);
    if (
      keys.has(
        distinctRowKey(
          equal.map(({ type }) => type),
          values,
        ),
      )
    )
      return true;
    return scan(incomplete, left, context);
  };
  const compute = (context: ExecutionContext): Awaitable<Hashed> =>
    whenReady(run(context), (all) => hashed(all, context));
  return (row, context) =>
    whenReady(evaluateAll(operands, row, context), (left) => {
      fill(row, context);
      return whenReady(uncorrelated(context, compute), (held) => judge(held, left, context));
    });
}

/** The values of all expressions, one after another. */
export function evaluateAll(
  expressions: readonly EvaluateLater[],
  row: ExecutionRow,
  context: ExecutionContext,
  values: SqlValue[] = [],
): Awaitable<SqlValue[]> {
  for (let i = values.length; i < expressions.length; i++) {
    const value = expressions[i]!(row, context);
    if (isPromise(value)) {
      return value.then((late) => {
        values.push(late);
        return evaluateAll(expressions, row, context, values);
      });
    }
    values.push(value);
  }
  return values;
}
