/**
 * Binds calls with OVER: the function, the window it looks at, and the frame (PostgreSQL's parse_func.c, parse_clause.c,
 * parse_agg.c). Calls over the same window share its partitions and order.
 */

import type { FuncCall, Node, WindowDef } from '@pgsql/types';
import { findAggregate, isAggregate } from '../functions/aggregates.ts';
import { findPackedAggregate } from '../functions/packed-aggregates.ts';
import { isFunction } from '../functions/resolve.ts';
import { WINDOW_FUNCTIONS } from '../operators/window-functions.ts';
import { notSupported, SqlError } from '../sql-error.ts';
import { baseOf, type SqlType, titleOf } from '../types/types.ts';
import { requireKnownType } from './bind-aggregate.ts';
import {
  type BoundExpression,
  type BoundFrame,
  type BoundFrameEnd,
  type BoundSortKey,
  type BoundWindow,
  type BoundWindowCall,
  columnAt,
  leftmost,
  sameExpression,
  someExpression,
} from './bound.ts';
import { requireEquality, requireOrder } from './comparable.ts';
import type { ExpressionBinder } from './expression-binder.ts';
import { kindOf } from './names.ts';
import { bindSortKeys, sortDirection } from './sort-keys.ts';
import { isVolatile } from './volatility.ts';

/** parsenodes.h */
const FRAME = {
  nonDefault: 0x1,
  range: 0x2,
  rows: 0x4,
  groups: 0x8,
  startUnboundedPreceding: 0x20,
  endUnboundedFollowing: 0x100,
  startCurrent: 0x200,
  endCurrent: 0x400,
  startPreceding: 0x800,
  endPreceding: 0x1000,
  startFollowing: 0x2000,
  endFollowing: 0x4000,
  excludeRow: 0x8000,
  excludeGroup: 0x1_0000,
  excludeTies: 0x2_0000,
} as const;

interface WindowCall {
  readonly id: number;
  readonly call: BoundWindowCall;
}

interface WrittenWindow {
  readonly definition: WindowDef;
  readonly calls: WindowCall[];
}

/** Windows of one query: those of its WINDOW clause, and those that its calls look at. */
export class Windows {
  readonly bound: { readonly window: BoundWindow; readonly calls: WindowCall[] }[] = [];
  /** As they are written, those of the WINDOW clause first. */
  readonly #written: WrittenWindow[] = [];
  #calls = 0;

  /** The WINDOW clause. */
  name(definitions: readonly Node[]): void {
    for (const node of definitions) {
      if (!('WindowDef' in node)) throw notSupported(`${kindOf(node)} in WINDOW`);
      this.#written.push({ definition: node.WindowDef, calls: [] });
    }
  }

  /** What is wrong in the window is told by `finish`. @throws SqlError `undefined_object` where OVER names none. */
  add(definition: WindowDef, call: BoundWindowCall): number {
    const { calls } = this.#requireWritten(definition);
    const isOnce = [...call.args, ...(call.filter === undefined ? [] : [call.filter])].every(
      (each) => !isVolatile(each),
    );
    const same = isOnce ? calls.find((each) => sameExpression(each.call, call)) : undefined;
    if (same !== undefined) return same.id;
    const id = this.#calls++;
    calls.push({ id, call });
    return id;
  }

  #requireWritten(definition: WindowDef): WrittenWindow {
    const isNamed = isReference(definition);
    const known = this.#written.find((each) =>
      isNamed ? each.definition.name === definition.name : isWrittenAlike(each.definition, definition),
    );
    if (known !== undefined) return known;
    if (isNamed) throw missingWindow(definition.name!, definition.location);
    const window: WrittenWindow = { definition, calls: [] };
    this.#written.push(window);
    return window;
  }

  /**
   * Binds the windows, after the rest of the query as PostgreSQL does: what a parameter is has been told by then. Those that no call
   * looks at may be wrong as well.
   * @throws SqlError what is wrong in any window, those of the WINDOW clause first.
   */
  finish(binder: ExpressionBinder): void {
    const named = new Map<string, NamedWindow>();
    for (const { definition, calls } of this.#written) {
      const { name, location, frameOptions = 0 } = definition;
      if (name !== undefined && named.has(name)) {
        throw new SqlError('windowing_error', `window "${name}" is already defined`, { location });
      }
      const window = binder.inClause(DEFINITION, () => bindDefinition(definition, named, binder));
      if (name !== undefined) named.set(name, { window, hasFrame: (frameOptions & FRAME.nonDefault) !== 0 });
      if (calls.length === 0) continue;
      const known = this.bound.find((each) => sameExpression(each.window, window));
      if (known === undefined) this.bound.push({ window, calls: [...calls] });
      else known.calls.push(...calls);
    }
  }

  get count(): number {
    return this.#calls;
  }

  /** Where the result of a call is among the results of all, as the windows are computed one after another. */
  placeOf(id: number): number {
    return this.bound.flatMap(({ calls }) => calls).findIndex((each) => each.id === id);
  }
}

interface NamedWindow {
  readonly window: BoundWindow;
  readonly hasFrame: boolean;
}

/** Whether two definitions say the same, whatever they are called. */
function isWrittenAlike({ name: _, ...one }: WindowDef, { name: __, ...other }: WindowDef): boolean {
  return sameExpression(one, other);
}

function missingWindow(name: string, location: number | undefined): SqlError {
  return new SqlError('undefined_object', `window "${name}" does not exist`, { location });
}

/** OVER name, without parentheses. */
function isReference({ name, partitionClause, orderClause, frameOptions = 0 }: WindowDef): boolean {
  return (
    name !== undefined &&
    partitionClause === undefined &&
    orderClause === undefined &&
    (frameOptions & FRAME.nonDefault) === 0
  );
}

export function bindWindowCall(name: string, call: FuncCall, binder: ExpressionBinder): BoundExpression {
  const { location } = call;
  const star = call.agg_star === true;
  const own = WINDOW_FUNCTIONS.get(name);
  if (own === undefined && !isAggregate(name)) {
    // What is no function at all is told first.
    if (!isFunction(name)) binder.resolveCall(name, call);
    throw new SqlError(
      'wrong_object_type',
      `OVER specified, but ${name} is not a window function nor an aggregate function`,
      { location },
    );
  }
  if (call.agg_distinct === true) {
    throw new SqlError('feature_not_supported', 'DISTINCT is not implemented for window functions', { location });
  }
  if (call.agg_within_group === true) {
    throw new SqlError('feature_not_supported', `OVER is not supported for ordered-set aggregate ${name}`, {
      location,
    });
  }
  if (call.agg_order !== undefined) {
    throw new SqlError('feature_not_supported', 'aggregate ORDER BY is not implemented for window functions', {
      location,
    });
  }
  const args = (call.args ?? []).map((arg) => binder.bindInside(arg));
  const types = args.map(({ type }) => type);
  const shown = `${name}(${types.map(titleOf).join(', ')})`;
  const missing = () =>
    new SqlError('undefined_function', `function ${shown} does not exist`, {
      location,
      hint: 'No function matches the given name and argument types. You might need to add explicit type casts.',
    });
  let bound: Omit<BoundWindowCall, 'filter'>;
  let result: SqlType;
  if (own === undefined) {
    if (types.length === 1 && types[0] === 'unknown') requireKnownType(name, location);
    const packed = findPackedAggregate(name, types, false);
    const found = packed ?? (args.length === (star ? 0 : 1) ? findAggregate(name, types[0]) : undefined);
    if (found === undefined || (star && name !== 'count')) throw missing();
    const coerced =
      packed === undefined
        ? args.map((arg) =>
            name === 'count'
              ? binder.ofAnyType(arg)
              : binder.settle(binder.coerce(arg, found.argument!, -1, 'implicit')),
          )
        : [binder.pack(packed, args, location)];
    bound = { function: found, args: coerced };
    result = found.result;
  } else {
    if (star || args.length < own.required || args.length > own.arguments.length) throw missing();
    if (call.agg_filter !== undefined) {
      throw new SqlError('feature_not_supported', 'FILTER is not implemented for non-aggregate window functions', {
        location,
      });
    }
    const anyArgs = args.filter((_, i) => own.arguments[i] === 'any');
    if (anyArgs.length > 0 && anyArgs.every((arg) => arg.type === 'unknown')) {
      const message = 'could not determine polymorphic type because input has type unknown';
      throw new SqlError('datatype_mismatch', message);
    }
    const alike = binder.alike(anyArgs, name);
    const coerced = args.map((arg, i) => {
      const wanted = own.arguments[i]!;
      if (wanted === 'any') return alike[anyArgs.indexOf(arg)]!;
      const fitting = binder.tryCoerce(arg, wanted, -1, 'implicit');
      if (fitting === undefined) throw missing();
      return fitting;
    });
    bound = { function: own, args: coerced };
    result = own.result === 'any' ? coerced[0]!.type : own.result;
  }
  const filter =
    call.agg_filter &&
    binder.inClause({ title: 'FILTER', aggregates: 'refused' }, () =>
      binder.conditionInside(call.agg_filter!, 'FILTER'),
    );
  const id = binder.windows.add(call.over!, { ...bound, filter });
  return { kind: 'column', type: result, modifier: -1, location, index: id, computed: 'window' };
}

const DEFINITION = { title: 'window definitions', aggregates: 'allowed', sets: 'allowed' } as const;

/** @param named Those before it, one of which it may begin with. */
function bindDefinition(
  definition: WindowDef,
  named: ReadonlyMap<string, NamedWindow>,
  binder: ExpressionBinder,
): BoundWindow {
  const { refname, partitionClause = [], orderClause = [], location } = definition;
  const base = refname === undefined ? undefined : named.get(refname);
  if (refname !== undefined && base === undefined) throw missingWindow(refname, location);
  const ownOrder = bindSortKeys(orderClause, (node) => {
    const subject = 'SortBy' in node ? node.SortBy.node! : node;
    const expression = binder.settle(binder.bindInside(subject));
    requireOrder(expression);
    return { expression, ...sortDirection(node) };
  });
  const ownPartition = partitionClause.map((node) => {
    const key = binder.settle(binder.bindInside(node));
    requireEquality(key);
    return key;
  });
  if (base !== undefined) refuseOverriding(definition, base);
  const orderBy = ownOrder.length > 0 ? ownOrder : (base?.window.orderBy ?? []);
  const frame = bindFrame(definition, orderBy, binder);
  return { partitionBy: base?.window.partitionBy ?? ownPartition, orderBy, frame };
}

/** @throws SqlError `windowing_error` where a window says again what the one that it begins with has said. */
function refuseOverriding(definition: WindowDef, { window, hasFrame }: NamedWindow): void {
  const { refname, partitionClause = [], orderClause = [], location } = definition;
  if (partitionClause.length > 0) {
    throw new SqlError('windowing_error', `cannot override PARTITION BY clause of window "${refname}"`, { location });
  }
  if (orderClause.length > 0 && window.orderBy.length > 0) {
    throw new SqlError('windowing_error', `cannot override ORDER BY clause of window "${refname}"`, { location });
  }
  if (!hasFrame) return;
  throw new SqlError('windowing_error', `cannot copy window "${refname}" because it has a frame clause`, {
    location,
    ...(isReferenceOnly(definition) ? { hint: 'Omit the parentheses in this OVER clause.' } : {}),
  });
}

function bindFrame(
  { frameOptions = 0, startOffset, endOffset, location }: WindowDef,
  orderBy: readonly BoundSortKey[],
  binder: ExpressionBinder,
): BoundFrame {
  const has = (flag: number): boolean => (frameOptions & flag) !== 0;
  const mode = has(FRAME.rows) ? 'rows' : has(FRAME.groups) ? 'groups' : 'range';
  if (mode === 'groups' && orderBy.length === 0) {
    throw new SqlError('windowing_error', 'GROUPS mode requires an ORDER BY clause', { location });
  }
  const end = (kind: BoundFrameEnd['kind'], offset: Node | undefined): BoundFrameEnd => {
    if (offset === undefined) return { kind, offset: undefined, moved: undefined };
    return bindOffset(kind, offset, mode, orderBy, binder, location);
  };
  return {
    mode,
    start: has(FRAME.startPreceding)
      ? end('preceding', startOffset)
      : has(FRAME.startFollowing)
        ? end('following', startOffset)
        : end(has(FRAME.startCurrent) ? 'current' : 'unboundedPreceding', undefined),
    end: has(FRAME.endPreceding)
      ? end('preceding', endOffset)
      : has(FRAME.endFollowing)
        ? end('following', endOffset)
        : end(has(FRAME.endUnboundedFollowing) ? 'unboundedFollowing' : 'current', undefined),
    exclude: has(FRAME.excludeRow)
      ? 'row'
      : has(FRAME.excludeGroup)
        ? 'group'
        : has(FRAME.excludeTies)
          ? 'ties'
          : 'none',
  };
}

function bindOffset(
  kind: BoundFrameEnd['kind'],
  node: Node,
  mode: BoundFrame['mode'],
  orderBy: readonly BoundSortKey[],
  binder: ExpressionBinder,
  location: number | undefined,
): BoundFrameEnd {
  const title = mode.toUpperCase();
  const { sets: _, ...around } = binder.clause;
  const bound = binder.inClause(around, () => binder.bindInside(node));
  const variable = (each: BoundExpression) => each.kind === 'column';
  if (someExpression(bound, variable)) {
    throw new SqlError('invalid_column_reference', `argument of ${title} must not contain variables`, {
      location: leftmost(bound),
    });
  }
  if (mode !== 'range') {
    const offset = binder.tryCoerce(bound, 'int8', -1, 'assignment');
    if (offset !== undefined && bound.type !== 'text') {
      return { kind, offset, moved: undefined };
    }
    throw new SqlError(
      'datatype_mismatch',
      `argument of ${title} must be type bigint, not type ${titleOf(bound.type)}`,
      {
        location: leftmost(bound),
      },
    );
  }
  const [first, ...others] = orderBy;
  if (first === undefined || others.length > 0) {
    throw new SqlError(
      'windowing_error',
      'RANGE with offset PRECEDING/FOLLOWING requires exactly one ORDER BY column',
      { location },
    );
  }
  const { expression, descending } = first;
  const offsets = RANGE_OFFSETS[baseOf(expression.type)];
  if (offsets === undefined) {
    throw new SqlError(
      'feature_not_supported',
      `RANGE with offset PRECEDING/FOLLOWING is not supported for column type ${titleOf(expression.type)}`,
      { location: leftmost(bound) },
    );
  }
  const known =
    bound.type === 'unknown'
      ? INTEGERS.includes(baseOf(expression.type))
        ? baseOf(expression.type)
        : offsets[0]!
      : bound.type;
  const type = offsets.includes(known) ? known : offsets[0]!;
  const offset = offsets.length === 1 || type === known ? binder.tryCoerce(bound, type, -1, 'implicit') : undefined;
  if (offset === undefined) {
    throw new SqlError(
      'feature_not_supported',
      `RANGE with offset PRECEDING/FOLLOWING is not supported for column type ${titleOf(expression.type)} and offset type ${titleOf(bound.type)}`,
      { location: leftmost(bound), hint: 'Cast the offset value to an appropriate type.' },
    );
  }
  if (type !== 'interval' || MOVED_AS_TIMES.has(baseOf(expression.type))) return { kind, offset, moved: undefined };
  // Sorted downwards, what precedes is greater.
  const sign = (kind === 'preceding') === descending ? '+' : '-';
  const key = columnAt(0, { type: expression.type, modifier: -1 });
  const moved = binder.tryOperator(sign, key, columnAt(1, { type, modifier: -1 }));
  return { kind, offset, moved };
}

const INTEGERS: readonly SqlType[] = ['int2', 'int4', 'int8'];

/** By the type of the sort key: what its distance can be told in (the in_range functions of PostgreSQL's pg_amproc). */
const RANGE_OFFSETS: Readonly<Record<string, readonly SqlType[]>> = {
  int2: INTEGERS,
  int4: INTEGERS,
  int8: ['int8'],
  numeric: ['numeric'],
  float4: ['float8'],
  float8: ['float8'],
  date: ['interval'],
  time: ['interval'],
  timetz: ['interval'],
  timestamp: ['interval'],
  timestamptz: ['interval'],
  interval: ['interval'],
};

const MOVED_AS_TIMES: ReadonlySet<string> = new Set(['time', 'timetz']);

/** `OVER (w)`, with nothing of its own. */
function isReferenceOnly({ name, orderClause = [], frameOptions = 0 }: WindowDef): boolean {
  return name === undefined && orderClause.length === 0 && (frameOptions & FRAME.nonDefault) === 0;
}
