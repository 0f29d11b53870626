/**
 * Statistics of one column from a sample of its values: nulls, width, how many different ones, the most common ones, a
 * histogram of the others, and how far they are in the order of the rows.
 *
 * After PostgreSQL's analyze.c (compute_scalar_stats, analyze_mcv_list). The count of different values is that of Haas and
 * Stokes, "Sampling-based estimation of the number of distinct values of an attribute" (1998). Values wider than
 * `WIDE_BYTES` count as different and are kept nowhere. Of types without an order only nulls and width are told.
 */

import type { Awaitable } from '../../../base/awaitable.ts';
import { Numeric } from '../../../models/relational/numeric.ts';
import type { ColumnStatistics } from '../../../models/relational/statistics.ts';
import type { ColumnType, ColumnValue } from '../../../models/relational/table.ts';
import { type Compare, compareFor } from '../types/compare.ts';
import { typeInfo } from '../types/types.ts';
import { sortInSlices } from './sort-in-slices.ts';

/** Common values, and parts of the histogram: PostgreSQL's default_statistics_target. */
const STATISTICS_TARGET = 100;
const WIDE_BYTES = 1_024;

export interface SampledColumn {
  readonly type: ColumnType;
  /** One for each row of the sample, in the order of the rows. */
  readonly values: readonly ColumnValue[];
  /** Rows that the sample stands for. */
  readonly totalRows: number;
}

/** @param pause Between pieces of work. */
export async function columnStatistics(
  { type, values, totalRows }: SampledColumn,
  pause: () => Awaitable<void>,
): Promise<ColumnStatistics> {
  const found: { readonly value: Exclude<ColumnValue, null>; readonly place: number }[] = [];
  let width = 0;
  let wide = 0;
  let nulls = 0;
  for (const value of values) {
    if (value === null) {
      nulls++;
      continue;
    }
    const bytes = widthOf(type, value);
    width += bytes;
    if (bytes > WIDE_BYTES) wide++;
    else found.push({ value, place: found.length });
  }
  const sampled = values.length;
  const known = sampled - nulls;
  const nullFraction = sampled === 0 ? 0 : nulls / sampled;
  const shared = { type, nullFraction, width: known === 0 ? 0 : Math.round(width / known) };
  const compare = orderOf(type);
  if (compare === undefined || known === 0) {
    return { ...shared, distinct: 0, common: [], histogram: [] };
  }
  const present = await sortInSlices(found, (a, b) => compare(a.value, b.value), pause);
  await pause();
  const runs = runsOf(present, compare);
  await pause();
  const counts = { sampled, known, nulls, wide, totalRows };
  const distinct = distinctOf(runs, counts);
  const common = commonOf(runs, distinct, counts);
  const chosen = new Set(common);
  const rest: ColumnValue[] = [];
  let restRuns = 0;
  for (const run of runs) {
    if (chosen.has(run)) continue;
    restRuns++;
    for (let i = 0; i < run.count; i++) rest.push(present[run.start + i]!.value);
  }
  return {
    ...shared,
    distinct,
    common: common.map(({ start, count }) => ({ value: present[start]!.value, fraction: count / sampled })),
    histogram: histogramOf(rest, restRuns),
    correlation: correlationOf(present),
  };
}

/** Equal values side by side in a sorted list. */
interface Run {
  readonly start: number;
  count: number;
}

function runsOf(sorted: readonly { readonly value: Exclude<ColumnValue, null> }[], compare: Compare): Run[] {
  const runs: Run[] = [];
  for (let i = 0; i < sorted.length; i++) {
    const last = runs.at(-1);
    if (last !== undefined && compare(sorted[last.start]!.value, sorted[i]!.value) === 0) last.count++;
    else runs.push({ start: i, count: 1 });
  }
  return runs;
}

interface Counts {
  readonly sampled: number;
  readonly known: number;
  readonly nulls: number;
  readonly wide: number;
  readonly totalRows: number;
}

/** See `ColumnStatistics.distinct`. */
function distinctOf(runs: readonly Run[], { sampled, known, nulls, wide, totalRows }: Counts): number {
  const repeated = runs.reduce((sum, { count }) => sum + (count > 1 ? 1 : 0), 0);
  const knownPart = 1 - nulls / sampled;
  if (repeated === 0) return -knownPart;
  let distinct: number;
  if (wide === 0 && repeated === runs.length) distinct = runs.length;
  else {
    const once = runs.length - repeated + wide;
    const seen = once + repeated;
    const total = totalRows * knownPart;
    const estimate = total > 0 ? (known * seen) / (known - once + (once * known) / total) : 0;
    distinct = Math.floor(Math.min(Math.max(estimate, seen), total) + 0.5);
  }
  return distinct > 0.1 * totalRows ? -(distinct / totalRows) : distinct;
}

/** The runs that are told as common values, the most common first. */
function commonOf(runs: readonly Run[], distinct: number, counts: Counts): readonly Run[] {
  const candidates = runs
    .filter(({ count }) => count > 1)
    .sort((a, b) => b.count - a.count || a.start - b.start)
    .slice(0, STATISTICS_TARGET);
  // All there are, each more than once: then the list is the whole truth.
  if (candidates.length === runs.length && counts.wide === 0 && distinct > 0) return candidates;
  return candidates.slice(0, worthKeeping(candidates, distinct, counts));
}

/** How many of the candidates are more common than chance explains. */
function worthKeeping(candidates: readonly Run[], distinct: number, { sampled, nulls, totalRows }: Counts): number {
  if (sampled === totalRows || totalRows <= 1) return candidates.length;
  const distinctRows = distinct < 0 ? -distinct * totalRows : distinct;
  let kept = candidates.length;
  let before = 0;
  for (let i = 0; i < kept - 1; i++) before += candidates[i]!.count;
  while (kept > 0) {
    let share = Math.min(1, Math.max(0, 1 - before / sampled - nulls / sampled));
    const others = distinctRows - (kept - 1);
    if (others > 1) share /= others;
    const { count } = candidates[kept - 1]!;
    const inTable = (totalRows * count) / sampled;
    const variance =
      (sampled * inTable * (totalRows - inTable) * (totalRows - sampled)) / (totalRows * totalRows * (totalRows - 1));
    if (count > share * sampled + 2 * Math.sqrt(Math.max(0, variance)) + 0.5) break;
    kept--;
    if (kept > 0) before -= candidates[kept - 1]!.count;
  }
  return kept;
}

function histogramOf(sorted: readonly ColumnValue[], distinct: number): readonly ColumnValue[] {
  const bounds = Math.min(distinct, STATISTICS_TARGET + 1);
  if (bounds < 2) return [];
  return Array.from({ length: bounds }, (_, i) => sorted[Math.floor((i * (sorted.length - 1)) / (bounds - 1))]!);
}

/** Of the places in the sorted list with the places in the sample. */
function correlationOf(sorted: readonly { readonly place: number }[]): number {
  const n = sorted.length;
  if (n < 2) return 1;
  let products = 0;
  for (let i = 0; i < n; i++) products += i * sorted[i]!.place;
  const sum = ((n - 1) * n) / 2;
  const squares = ((n - 1) * n * (2 * n - 1)) / 6;
  return (n * products - sum * sum) / (n * squares - sum * sum);
}

function orderOf(type: ColumnType): Compare | undefined {
  try {
    return compareFor(type);
  } catch {
    return undefined;
  }
}

/** Bytes of a value as PostgreSQL stores it, near enough. */
function widthOf(type: ColumnType, value: Exclude<ColumnValue, null>): number {
  const { size } = typeInfo(type);
  if (size > 0) return size;
  if (typeof value === 'string') {
    const bytes = Buffer.byteLength(value, 'utf8');
    return bytes + (bytes < 126 ? 1 : 4);
  }
  if (value instanceof Numeric) {
    const digits = value.isFinite ? value.digits.toString().length : 1;
    return 3 + 2 * Math.ceil((digits + 3) / 4);
  }
  if (value instanceof Uint8Array) return value.length + (value.length < 126 ? 1 : 4);
  if (typeof value === 'object' && 'values' in value) {
    return value.values.reduce<number>((sum, each) => sum + (each === null ? 0 : 8), 24);
  }
  return 32;
}
