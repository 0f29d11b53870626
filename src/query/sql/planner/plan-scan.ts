/** Plans the reading of one table: by one key, by a range of its keys or of an index, or whole. */

import { type BoundExpression, type BoundScan, conjunction, conjuncts, hasSubquery } from '../binder/bound.ts';
import type { CatalogTable } from '../catalog-cache.ts';
import { Filter } from '../operators/filter.ts';
import { IndexScan, type IndexScanOptions } from '../operators/index-scan.ts';
import { FilterLater } from '../operators/later.ts';
import type { ExecutionContext, Operator } from '../operators/operator.ts';
import { PointGet } from '../operators/point-get.ts';
import { RangeScan, type RangeScanOptions } from '../operators/range-scan.ts';
import { SystemScan } from '../operators/system-scan.ts';
import { typeInfo } from '../types/types.ts';
import { type AccessPath, chooseAccessPath } from './access-path.ts';
import { compileExpression } from './compile-expression.ts';
import { compileLater } from './compile-later.ts';
import { measured, type Planned, type PlanScope, planNode, rowNames, shown } from './planned.ts';

/** Rows that a table is thought to have: nothing counts them. */
export const TABLE_ROWS = 1_000;

export interface ScanOptions {
  readonly reverse?: boolean;
  /** False when nobody looks at the rows, only counts them. */
  readonly decode?: boolean;
  /** How it is read; without, as the conditions say. */
  readonly path?: AccessPath;
}

export function planScan(
  { table, alias }: BoundScan,
  where: BoundExpression | undefined,
  scope: PlanScope,
  { reverse = false, decode = true, path = chooseAccessPath(table, where) }: ScanOptions = {},
): Planned {
  const { rest, index } = path;
  const { primaryKey, name, primaryKeyName } = table.table;
  const isExact = rest.length === 0;
  const filtered = planFilter(rest, scope);
  const called = alias === name ? name : `${name} ${alias}`;
  const names = rowNames({ kind: 'scan', table, alias }, scope);
  const rows = estimatedRows(path, index === undefined ? primaryKey.length : index.parts.length);
  const width = rowBytes(table);
  const used = where === undefined ? [] : conjuncts(where).filter((each) => !rest.includes(each));
  const details = (): readonly string[] => [
    ...(used.length === 0 ? [] : [`Index Cond: ${shown(conjunction(used), names)}`]),
    ...(rest.length === 0 ? [] : [`Filter: ${shown(conjunction(rest), names)}`]),
  ];
  const node = (title: string) => planNode(title, rows * 0.3 ** rest.length, [], details, width);
  if (table.system !== undefined) {
    return {
      isPoint: false,
      node: node(`Seq Scan on ${called}`),
      open: (context) => filtered(new SystemScan(table, context), context),
    };
  }
  const bound = (side: typeof path.low) => side && { value: compileExpression(side.value), inclusive: side.inclusive };
  const direction = reverse ? ' Backward' : '';
  if (index !== undefined) {
    const { source } = index;
    const options: IndexScanOptions = {
      prefix: path.prefix.map((value) => (value === 'isNull' ? value : compileExpression(value))),
      low: bound(path.low),
      high: bound(path.high),
      reverse,
      decode: decode || !isExact,
      covered: false,
    };
    const own = node(`Index Scan${direction} using ${source.index.name} on ${called}`);
    return {
      isPoint: false,
      node: own,
      open: measured(own, (context, rowsMax) =>
        filtered(new IndexScan(table, source, options, context, isExact ? rowsMax : undefined), context),
      ),
    };
  }
  const prefix = path.prefix.map((value) => compileExpression(value as BoundExpression));
  if (prefix.length > 0 && prefix.length === primaryKey.length) {
    const own = node(`Index Scan using ${primaryKeyName} on ${called}`);
    return {
      isPoint: !rest.some(hasSubquery),
      node: own,
      open: measured(own, (context) => filtered(new PointGet(table, prefix, context), context)),
    };
  }
  const options: RangeScanOptions = {
    prefix,
    low: bound(path.low),
    high: bound(path.high),
    reverse,
    decode: decode || !isExact,
  };
  const isRange = prefix.length > 0 || path.low !== undefined || path.high !== undefined || reverse;
  const own = node(isRange ? `Index Scan${direction} using ${primaryKeyName} on ${called}` : `Seq Scan on ${called}`);
  return {
    isPoint: false,
    node: own,
    open: measured(own, (context, rowsMax) =>
      filtered(new RangeScan(table, options, context, isExact ? rowsMax : undefined), context),
    ),
  };
}

/** What tests conditions on the rows of an operator; those with subqueries last. */
export function planFilter(
  conditions: readonly BoundExpression[],
  scope: PlanScope,
): (input: Operator, context: ExecutionContext) => Operator {
  const plain = conditions.filter((each) => !hasSubquery(each));
  const late = conditions.filter(hasSubquery);
  const test = plain.length === 0 ? undefined : compileExpression(conjunction(plain));
  const testLater = late.length === 0 ? undefined : compileLater(conjunction(late), scope);
  return (input, context) => {
    const filtered = test === undefined ? input : new Filter(input, test, context);
    return testLater === undefined ? filtered : new FilterLater(filtered, testLater, context);
  };
}

/** @param parts Parts of the whole key. */
function estimatedRows({ prefix, low, high, index }: AccessPath, parts: number): number {
  const isUnique = index === undefined || index.source.index.unique;
  if (isUnique && parts > 0 && prefix.length === parts) return 1;
  const narrowed = TABLE_ROWS * 0.1 ** prefix.length;
  const bounds = (low === undefined ? 0 : 1) + (high === undefined ? 0 : 1);
  return narrowed / 3 ** bounds;
}

const VARIABLE_BYTES = 32;

function rowBytes({ table }: CatalogTable): number {
  return table.columns.reduce((sum, { type }) => {
    const { size } = typeInfo(type);
    return sum + (size > 0 ? size : VARIABLE_BYTES);
  }, 0);
}
