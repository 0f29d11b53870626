/**
 * Plans the reading of one table: of all ways that its conditions and the wanted order open (access-path.ts), the one that
 * costs least, the sort included that it may save. Only the columns that anybody asks for are decoded, and those behind a
 * selective condition only of rows that meet it.
 */

import { once } from '../../../base/once.ts';
import { rowWidth } from '../../../models/relational/table.ts';
import {
  addColumns,
  type BoundExpression,
  type BoundScan,
  type BoundSortKey,
  columnsOf,
  conjunction,
  conjuncts,
  hasSubquery,
  mapOperands,
  someExpression,
} from '../binder/bound.ts';
import type { BoundIndex } from '../binder/table-rules.ts';
import { isVolatile } from '../binder/volatility.ts';
import type { CatalogTable } from '../catalog-cache.ts';
import { Filter } from '../operators/filter.ts';
import { HELD_AT_ONCE_MAX, HELD_ROWS_MAX, type HeldScanOptions, openHeldScan } from '../operators/held-scan.ts';
import { IndexScan } from '../operators/index-scan.ts';
import { type KeyParts, type PartValue, prefixValues, WHOLE } from '../operators/key-parts.ts';
import { FilterLater } from '../operators/later.ts';
import type { ExecutionContext, Operator } from '../operators/operator.ts';
import { ManyGet, PointGet } from '../operators/point-get.ts';
import { type PlannedVectors, RangeScan } from '../operators/range-scan.ts';
import type { PlannedReader } from '../operators/row-reader.ts';
import { SearchScan } from '../operators/search-scan.ts';
import { SystemScan } from '../operators/system-scan.ts';
import { type UnionPart, UnionScan } from '../operators/union-scan.ts';
import {
  type AccessPath,
  accessPaths,
  isPoint,
  isSingle,
  isWhole,
  type KeyPart,
  pathOrder,
  rangesOf,
  valuesOfColumn,
} from './access-path.ts';
import { compileExpression } from './compile-expression.ts';
import { compileLater } from './compile-later.ts';
import { compileVectorTest } from './compile-vector.ts';
import {
  type Costs,
  costOfFirst,
  FETCH_COST,
  indexCost,
  pointsCost,
  rangeCost,
  scanCost,
  sortCosts,
  TUPLE_COST,
} from './costs.ts';
import { bytesOf, factsOf, rowsOfTable } from './facts.ts';
import { expectedRows, type NodeKind, type PlanNode, planNode, scanTarget } from './plan-node.ts';
import { conditionDetail, measured, type Planned, type PlanScope, scanNames } from './planned.ts';
import { type PlannerSettings, type PlannerSwitch, switchCost } from './planner-settings.ts';
import { searchPaths } from './search-paths.ts';
import { selectivityOf } from './selectivity.ts';

export interface ScanOptions {
  /** Columns that anybody looks at; undefined for all of them, in their places. */
  readonly needed?: ReadonlySet<number> | undefined;
  /** The order that is wanted of the rows. */
  readonly orderBy?: readonly BoundSortKey[];
  /** At most so many rows matter, the first in that order. */
  readonly most?: number;
  /** How many rows are likely to be asked for. */
  readonly wanted?: number;
}

/** A way to read the table and what it takes. */
interface Candidate extends Costs {
  readonly path: AccessPath;
  readonly order: 'forward' | 'reverse' | 'none';
  /** The index tells all that anybody asks for. */
  readonly covered: boolean;
  /** Parts of an OR, each read by a way of its own, or searches in an inverted index; `path` is then the whole table's. */
  readonly arms: readonly AccessPath[] | undefined;
  /** The OR itself, or what is searched for. */
  readonly rechecked: readonly BoundExpression[];
}

export function planScan(
  scan: BoundScan,
  conditions: readonly BoundExpression[],
  scope: PlanScope,
  options: ScanOptions = {},
): Planned {
  const read = readingOf(scan, conditions, scope, options);
  return realized(read, cheapest(candidates(read, scope, options), read.rows, options, scope.settings), scope, options);
}

/** The same in the wanted order and no other; undefined where no way to read the table gives it. */
export function planScanInOrder(
  scan: BoundScan,
  conditions: readonly BoundExpression[],
  scope: PlanScope,
  options: ScanOptions & Required<Pick<ScanOptions, 'orderBy'>>,
): Planned | undefined {
  const read = readingOf(scan, conditions, scope, options);
  const ordered = candidates(read, scope, options).filter(({ order }) => order !== 'none');
  if (ordered.length === 0) return undefined;
  return realized(read, cheapest(ordered, read.rows, options, scope.settings), scope, options);
}

function placesIn(layout: readonly number[]): ReadonlyMap<number, number> {
  const places = new Map<number, number>();
  for (let place = 0; place < layout.length; place++) places.set(layout[place]!, place);
  return places;
}

/** What is to be read. */
interface Reading {
  readonly scan: BoundScan;
  readonly conditions: readonly BoundExpression[];
  /** Those of them that are tested behind the others. */
  readonly late: readonly BoundExpression[];
  /** Positions of the columns that are decoded; undefined for all. */
  readonly layout: readonly number[] | undefined;
  /** How many rows are likely to meet all conditions. */
  readonly rows: number;
}

function readingOf(
  scan: BoundScan,
  conditions: readonly BoundExpression[],
  scope: PlanScope,
  { needed }: ScanOptions,
): Reading {
  const { table } = scan;
  const rows = rowsOfTable(table, scope.known) * selectivityOf(conditions, factsOf(table, scope.known));
  const layout = needed && layoutOf(needed, conditions, rowWidth(table.table));
  return { scan, conditions, late: conditions.filter(isLate), layout, rows };
}

/** The places of a row that holds what is needed and what conditions read. */
function layoutOf(
  needed: ReadonlySet<number>,
  conditions: readonly BoundExpression[],
  width: number,
): readonly number[] {
  const all = new Set(needed);
  for (const condition of conditions) addColumns(condition, all);
  const layout: number[] = [];
  for (let position = 0; position < width; position++) if (all.has(position)) layout.push(position);
  return layout;
}

function cheapest(
  found: readonly Candidate[],
  rows: number,
  { orderBy = [], wanted = Number.POSITIVE_INFINITY }: ScanOptions,
  settings: PlannerSettings,
): Candidate {
  const price = (each: Candidate): number => {
    const sorts = orderBy.length > 0 && each.order === 'none';
    if (!sorts) return costOfFirst(each, rows, wanted);
    return costOfFirst(sortCosts(each, rows, wanted), rows, wanted) + switchCost(settings, 'enable_sort');
  };
  let best = found[0]!;
  let least = price(best);
  for (const each of found.slice(1)) {
    const cost = price(each);
    if (cost >= least) continue;
    best = each;
    least = cost;
  }
  return best;
}

function candidates(
  { scan, conditions, late, layout }: Reading,
  scope: PlanScope,
  { orderBy = [] }: ScanOptions,
): readonly Candidate[] {
  const { table } = scan;
  const sizes = sizesOf(table, scope);
  const plain = late.length === 0 ? conditions : conditions.filter((each) => !late.includes(each));
  const mayCover = layout !== undefined && !late.some(isVolatile);
  const found: Candidate[] = [];
  const whole: AccessPath = {
    index: undefined,
    prefix: [],
    low: undefined,
    high: undefined,
    notNull: false,
    used: [],
    rest: conditions,
  };
  if (table.system !== undefined) {
    const cost = scanCost(sizes.rows, sizes.bytes, plain.length);
    return [{ path: whole, arms: undefined, rechecked: [], order: 'none', covered: false, startup: 0, cost }];
  }
  for (const path of accessPaths(table, plain)) {
    const complete = late.length === 0 ? path : withRest(path, conditions);
    const order = orderBy.length === 0 ? 'forward' : pathOrder(table, path, orderBy);
    const tells = path.index !== undefined && mayCover && isCovered(path.index, layout);
    const covered = tells && !scope.settings.has('enable_indexonlyscan');
    const narrows = path.prefix.length > 0 || path.low !== undefined || path.high !== undefined || path.notNull;
    if (
      path.index !== undefined &&
      !narrows &&
      path.used.length === 0 &&
      !covered &&
      (orderBy.length === 0 || order === 'none')
    )
      continue;
    const method = methodOf(path, covered, orderBy.length > 0 && order !== 'none');
    const cost = pathCost(table, path, covered, scope) + switchCost(scope.settings, method);
    found.push({ path: complete, arms: undefined, rechecked: [], order, covered, startup: 0, cost });
  }
  if (isPoint(table, found[0]!.path)) return [found[0]!];
  const ofKey = orderBy.length === 0 ? 'forward' : pathOrder(table, whole, orderBy);
  const byKey = { path: whole, order: ofKey === 'forward' ? ofKey : 'none', covered: false } as const;
  for (const path of searchPaths(table, plain)) {
    const cost = pathCost(table, path, false, scope) + switchCost(scope.settings, 'enable_bitmapscan');
    found.push({ ...byKey, arms: [path], rechecked: path.used, startup: 0, cost });
  }
  for (const condition of plain) {
    if (condition.kind !== 'or') continue;
    const arms = condition.args.map((arm) => bestArm(table, conjuncts(arm), scope));
    if (!arms.every((arm) => arm !== undefined)) continue;
    const entries = arms.reduce((sum, arm) => sum + arm.entries, 0);
    const fetched = entries * (FETCH_COST + TUPLE_COST * 2) + switchCost(scope.settings, 'enable_bitmapscan');
    const cost = arms.reduce((sum, arm) => sum + arm.cost, 0) + fetched;
    const paths = arms.map(({ path }) => path);
    // Rows are read once all that is meant is known.
    found.push({ ...byKey, arms: paths, rechecked: [condition], startup: cost * 0.9, cost });
  }
  return found;
}

/** Which switch keeps the planner off a path. @param ordered Whether it is for its order, too. */
function methodOf({ index, prefix, low, high }: AccessPath, covered: boolean, ordered: boolean): PlannerSwitch {
  if (index === undefined && prefix.length === 0 && low === undefined && high === undefined && !ordered) {
    return 'enable_seqscan';
  }
  return covered ? 'enable_indexonlyscan' : 'enable_indexscan';
}

/** The path with the conditions that no path is made of among those that are left. */
function withRest(path: AccessPath, conditions: readonly BoundExpression[]): AccessPath {
  return { ...path, rest: conditions.filter((each) => !path.used.includes(each)) };
}

interface Sizes {
  readonly rows: number;
  readonly bytes: number;
}

function sizesOf(table: CatalogTable, { known }: PlanScope): Sizes {
  return { rows: rowsOfTable(table, known), bytes: bytesOf(table, undefined, known) };
}

function isCovered({ source }: BoundIndex, layout: readonly number[]): boolean {
  const { covered } = source.keys;
  return layout.every((position) => covered.has(position));
}

/** How many entries the ranges of a path hold. */
export function entriesOf(table: CatalogTable, path: AccessPath, scope: PlanScope): number {
  const rows = rowsOfTable(table, scope.known);
  if (isWhole(table, path)) return Math.min(rows, rangesOf(path));
  return rows * selectivityOf(path.used, factsOf(table, scope.known));
}

function pathCost(table: CatalogTable, path: AccessPath, covered: boolean, scope: PlanScope): number {
  const { rows, bytes } = sizesOf(table, scope);
  const { index, prefix, low, high } = path;
  const entries = entriesOf(table, path, scope);
  const conditions = path.rest.length;
  if (index === undefined) {
    if (prefix.length > 0 && prefix.length === table.table.primaryKey.length)
      return pointsCost(rangesOf(path), conditions);
    if (prefix.length === 0 && low === undefined && high === undefined) return scanCost(rows, bytes, conditions);
    return rangeCost(entries, bytes, rangesOf(path), conditions);
  }
  if (path.searches !== undefined) return searchCost(path, entries, true);
  const entryBytes = bytesOf(table, index.held, scope.known);
  return indexCost({ entries, entryBytes, ranges: rangesOf(path), fetches: !covered, conditions });
}

/** Values that are searched for are thought to have a few terms each, which have about as many rows as all of them together. */
function searchCost({ searches = [], rest, used }: AccessPath, entries: number, fetches: boolean): number {
  const terms = searches.length * TERMS_EXPECTED;
  const conditions = fetches ? rest.length + used.length : 0;
  return indexCost({ entries, entryBytes: TERM_BYTES, ranges: terms, fetches, conditions });
}

const TERMS_EXPECTED = 2;
const TERM_BYTES = 12;

/** The cheapest way to find the rows of one part of an OR. */
function bestArm(table: CatalogTable, conditions: readonly BoundExpression[], scope: PlanScope) {
  let best: { readonly path: AccessPath; readonly cost: number; readonly entries: number } | undefined;
  for (const path of [...accessPaths(table, conditions), ...searchPaths(table, conditions)]) {
    if (path.used.length === 0) continue;
    const entries = entriesOf(table, path, scope);
    const cost = armCost(path, entries);
    if (best === undefined || cost < best.cost) best = { path, cost, entries };
  }
  return best;
}

/** To find the keys of rows. */
function armCost(path: AccessPath, entries: number): number {
  if (path.searches !== undefined) return searchCost(path, entries, false);
  return indexCost({ entries, entryBytes: 32, ranges: rangesOf(path), fetches: false, conditions: 0 });
}

/** The expression over a row with another layout. */
export function relocated(expression: BoundExpression, placeOf: (index: number) => number): BoundExpression {
  if (expression.kind === 'column') {
    const index = placeOf(expression.index);
    return index === expression.index ? expression : { ...expression, index };
  }
  return mapOperands(expression, (operand) => relocated(operand, placeOf));
}

function keyParts({ prefix, low, high, notNull }: AccessPath): KeyParts {
  const bound = (side: typeof low) => side && { value: compileExpression(side.value), inclusive: side.inclusive };
  return { prefix: prefix.map(partValue), low: bound(low), high: bound(high), notNull };
}

/** What conditions say that columns of a computed relation are equal to: the rows of others need not be made. */
function planNarrowing(conditions: readonly BoundExpression[]): (scan: SystemScan, context: ExecutionContext) => void {
  const said = new Set(conditions.flatMap((each) => [...columnsOf(each)]));
  const parts = [...said].flatMap((column) => {
    const part = valuesOfColumn(conditions, column);
    return part === undefined || part === 'isNull' ? [] : [{ column, value: partValue(part) }];
  });
  return (scan, context) => {
    for (const { column, value } of parts) scan.narrow(column, new Set(prefixValues([value], context).flat()));
  };
}

function unionPart(arm: AccessPath): UnionPart {
  const searches = arm.searches?.map(({ part, operator, value }) => ({
    part,
    operator,
    value: compileExpression(value),
  }));
  return { index: arm.index?.source, parts: keyParts(arm), ...(searches === undefined ? {} : { searches }) };
}

function partValue(part: KeyPart): PartValue {
  if (part === 'isNull') return part;
  if (isSingle(part)) return compileExpression(part as BoundExpression);
  if (part.kind === 'list') return { list: part.values.map(compileExpression) };
  return { elements: compileExpression((part as { readonly array: BoundExpression }).array) };
}

/**
 * What decodes rows of a table and tests them.
 * @param layout The positions of the columns, one for each place of a row. Undefined for whole rows.
 * @param test Over such a row. @param passes Which part of the rows is likely to meet it.
 */
export function plannedReader(
  { table, codec }: CatalogTable,
  layout: readonly number[] | undefined,
  test: BoundExpression | undefined,
  passes: number,
): PlannedReader {
  const positions = layout ?? Array.from({ length: rowWidth(table) }, (_, i) => i);
  const all = positions.map((position, place) => ({ position, place }));
  const shared = { width: positions.length, test: test && compileExpression(test) };
  if (test === undefined || passes > SELECTIVE) return { ...shared, first: codec.columnReader(all), second: undefined };
  const tested = columnsOf(test);
  const second = all.filter(({ place }) => !tested.has(place));
  if (second.length === 0) return { ...shared, first: codec.columnReader(all), second: undefined };
  const first = all.filter(({ place }) => tested.has(place));
  return { ...shared, first: codec.columnReader(first), second: codec.columnReader(second) };
}

/**
 * The same for vectors, made when the first of them is asked for.
 * @param needed Positions that anybody but the test looks at; undefined for all.
 */
function plannedVectors(
  { table, codec }: CatalogTable,
  layout: readonly number[] | undefined,
  test: BoundExpression | undefined,
  needed: ReadonlySet<number> | undefined,
): () => PlannedVectors {
  return once(() => {
    const positions = layout ?? Array.from({ length: rowWidth(table) }, (_, i) => i);
    return {
      reader: positions.length === 0 ? undefined : codec.vectorReader(positions),
      test: test && compileVectorTest(test),
      kept: positions.map((position) => needed?.has(position) ?? true),
    };
  });
}

/** Conditions that let more than this part of the rows pass are not worth decoding twice for. */
const SELECTIVE = 0.6;

function realized(
  { scan, conditions, late: tested, layout, rows }: Reading,
  candidate: Candidate,
  scope: PlanScope,
  { orderBy = [], needed }: ScanOptions,
): Planned {
  const { table } = scan;
  const { path, order, covered, arms, rechecked } = candidate;
  const { primaryKey, primaryKeyName } = table.table;
  const target = scanTarget(scan);
  const names = scanNames(scan, scope);
  const reverse = order === 'reverse';
  const ordered = orderBy.length > 0 && order !== 'none';
  const width = bytesOf(table, layout, scope.known);
  const direction = reverse ? 'Backward' : 'Forward';
  const costs = { startup: candidate.startup, cost: candidate.cost };
  const places = path.rest.length === 0 || layout === undefined ? undefined : placesIn(layout);
  const placed = (each: BoundExpression): BoundExpression =>
    places === undefined ? each : relocated(each, (index) => places.get(index)!);
  const isPlain = (each: BoundExpression): boolean => !tested.includes(each);
  const plain = (tested.length === 0 ? path.rest : path.rest.filter(isPlain)).map(placed);
  // No path is made of them.
  const late = tested.map(placed);
  const filtered = planFilter(late, scope);
  const isExact = path.rest.length === 0;
  const details = () => [
    ...conditionDetail('Index Cond', path.used, names),
    ...conditionDetail('Filter', path.rest, names),
  ];
  const output = () => (layout ?? table.table.columns.map((_, i) => i)).map(names);
  const node = (kind: NodeKind): PlanNode => planNode(kind, rows, { details, width, costs, output });
  const byIndex = (index: string | undefined, type = 'Index Scan'): PlanNode =>
    node({ type, index, direction, target });
  const shared = { layout, ordered, isPoint: false };
  if (table.system !== undefined) {
    const own = node({ type: 'Seq Scan', target });
    const test = planFilter(conditions, scope);
    const narrow = planNarrowing(conditions.filter(isPlain));
    return {
      isPoint: false,
      node: own,
      open: measured(own, (context) => {
        const scan = new SystemScan(table, context);
        narrow(scan, context);
        return test(scan, context);
      }),
    };
  }
  const test = plain.length === 0 ? undefined : conjunction(plain);
  const counted = layout !== undefined && layout.length === 0 && test === undefined;
  const passes = rows / Math.max(1, entriesOf(table, path, scope));
  const whole = (): PlannedReader => plannedReader(table, layout, test, passes);
  if (arms !== undefined) {
    const parts = arms.map(unionPart);
    const inputs = arms.map((arm) => armNode(scan, arm, scope));
    const found =
      inputs.length === 1
        ? inputs[0]!
        : planNode({ type: 'BitmapOr', isPart: true }, expectedRows(rows), { inputs, width: 0 });
    const recheck = () => [
      ...conditionDetail('Recheck Cond', rechecked, names),
      ...conditionDetail(
        'Filter',
        path.rest.filter((each) => !rechecked.includes(each)),
        names,
      ),
    ];
    const own = planNode({ type: 'Bitmap Heap Scan', target }, rows, {
      inputs: [found],
      details: recheck,
      width,
      costs,
      output,
    });
    const reader = whole();
    return {
      ...shared,
      node: own,
      open: measured(own, (context) => {
        const { index, searches } = parts[0]!;
        const scan =
          parts.length === 1 && index !== undefined && searches !== undefined
            ? new SearchScan(table, index, searches, reader, context)
            : new UnionScan(table, parts, reader, context);
        return filtered(scan, context);
      }),
    };
  }
  if (path.index !== undefined) {
    const { source } = path.index;
    const parts = keyParts(path);
    const positions = covered ? layout : undefined;
    const own = byIndex(source.index.name, covered ? 'Index Only Scan' : 'Index Scan');
    const compiled = positions && { positions, test: test && compileExpression(test) };
    const scanOptions = {
      parts,
      reverse,
      reader: covered || counted ? undefined : whole(),
      covered: counted ? undefined : compiled,
    };
    return {
      ...shared,
      node: own,
      open: measured(own, (context, rowsMax) =>
        filtered(new IndexScan(table, source, scanOptions, context, isExact ? rowsMax : undefined), context),
      ),
    };
  }
  const isComplete = path.prefix.length > 0 && path.prefix.length === primaryKey.length;
  if (isComplete) {
    const own = byIndex(primaryKeyName);
    const reader = whole();
    const parts = path.prefix.map(partValue);
    if (!path.prefix.every(isSingle)) {
      return {
        ...shared,
        node: own,
        open: measured(own, (context) => filtered(new ManyGet(table, parts, reverse, reader, context), context)),
      };
    }
    const values = parts.map((part) => part as Extract<PartValue, (...args: never[]) => unknown>);
    return {
      ...shared,
      isPoint: late.length === 0,
      node: own,
      open: measured(own, (context) => filtered(new PointGet(table, values, reader, context), context)),
    };
  }
  const vectors = late.length === 0 ? plannedVectors(table, layout, test, needed) : undefined;
  const fieldsOf = (places: readonly number[]) =>
    table.codec.fieldReader(layout === undefined ? places : places.map((place) => layout[place]!));
  const fields = counted || test !== undefined ? undefined : fieldsOf;
  // Rows are not always made: where vectors are asked for, stored rows, or those that are held.
  const reader = counted ? undefined : once(whole);
  const rangeOptions = { parts: keyParts(path), reverse, reader, vectors, fields };
  const isRange = path.prefix.length > 0 || path.low !== undefined || path.high !== undefined || reverse;
  const usesKey = isRange || (ordered && orderBy.length > 0);
  const own = usesKey ? byIndex(primaryKeyName) : node({ type: 'Seq Scan', target });
  if (scope.isRepeated && !usesKey && !counted && entriesOf(table, path, scope) <= HELD_ROWS_MAX) {
    const read = (context: ExecutionContext) => new RangeScan(table, rangeOptions, context, undefined);
    const isSmall = entriesOf(table, path, scope) <= HELD_AT_ONCE_MAX;
    const held = { ...heldScan(table, layout, plain), read, isSmall };
    return {
      ...shared,
      node: own,
      held: late.length === 0 ? held : undefined,
      open: measured(own, (context) => filtered(openHeldScan(held, context), context)),
    };
  }
  return {
    ...shared,
    node: own,
    open: measured(own, (context, rowsMax) =>
      filtered(new RangeScan(table, rangeOptions, context, isExact ? rowsMax : undefined), context),
    ),
  };
}

/** @param plain Conditions without subqueries, over a row of the layout. */
function heldScan(
  table: CatalogTable,
  layout: readonly number[] | undefined,
  plain: readonly BoundExpression[],
): Pick<HeldScanOptions, 'readHeld' | 'test'> {
  const varies = (each: BoundExpression): boolean =>
    someExpression(each, ({ kind }) => kind === 'slot') || isVolatile(each);
  const [each, all] = [plain.filter(varies), plain.filter((condition) => !varies(condition))];
  const reader = plannedReader(table, layout, all.length === 0 ? undefined : conjunction(all), 1);
  const options = { parts: WHOLE, reverse: false, reader: () => reader };
  return {
    readHeld: (context) => new RangeScan(table, options, context, undefined),
    test: each.length === 0 ? undefined : compileExpression(conjunction(each)),
  };
}

function armNode(scan: BoundScan, arm: AccessPath, scope: PlanScope): PlanNode {
  const { table } = scan;
  const index = arm.index?.source.index.name ?? table.table.primaryKeyName;
  const names = scanNames(scan, scope);
  const entries = entriesOf(table, arm, scope);
  const cost = armCost(arm, entries);
  const details = () => conditionDetail('Index Cond', arm.used, names);
  return planNode({ type: 'Bitmap Index Scan', index, isPart: true }, entries, {
    details,
    costs: { startup: 0, cost },
  });
}

/** Conditions that are tested behind all others: those that may have to wait, and those that do something. */
function isLate(condition: BoundExpression): boolean {
  return hasSubquery(condition) || isVolatile(condition);
}

/** What tests conditions on the rows of an operator, late ones last. */
export function planFilter(
  conditions: readonly BoundExpression[],
  scope: PlanScope,
): (input: Operator, context: ExecutionContext) => Operator {
  const plain = conditions.filter((each) => !isLate(each));
  const late = conditions.filter(isLate);
  const singly = late.some(isVolatile);
  const test = plain.length === 0 ? undefined : compileExpression(conjunction(plain));
  const testLater = late.length === 0 ? undefined : compileLater(conjunction(late), scope);
  return (input, context) => {
    const filtered = test === undefined ? input : new Filter(input, test, context);
    return testLater === undefined ? filtered : new FilterLater(filtered, testLater, context, singly);
  };
}
