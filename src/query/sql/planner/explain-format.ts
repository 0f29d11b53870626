/**
 * How a plan is laid out: as text for people, line by line as PostgreSQL's explain.c prints it, or under its keys, in their
 * order, as JSON, XML or YAML. What PostgreSQL says of pages is said of calls of the store here: `Buffers: gets=1 ranges=1
 * entries=20 bytes=840`, and for programs `Store Gets`, `Store Ranges`, `Store Entries`, `Store Bytes`, `Store Writes`.
 * Records of the log are the entries that are written to the store.
 */

import type { ExplainOptions } from '../binder/bound.ts';
import { quoteName } from '../binder/deparse.ts';
import { jsonOf, type Tree, xmlOf, yamlOf } from './explain-trees.ts';
import type { Detail, NodeKind, PlanNode, Target } from './plan-node.ts';
import { noCalls, type StoreCalls } from './store-calls.ts';

/** What one node did, all its runs together. */
export interface Measure {
  loops: number;
  rows: number;
  /** Rows that its own conditions did not let pass. */
  removed: number;
  ms: number;
  /** When the first row came; of the first run. */
  firstMs: number | undefined;
  readonly calls: StoreCalls | undefined;
}

export interface Explanation {
  readonly node: PlanNode;
  readonly options: ExplainOptions;
  /** Undefined where nothing was run. */
  readonly measures: ReadonlyMap<object, Measure> | undefined;
  readonly planningMs: number;
  readonly executionMs: number;
  readonly settings: readonly { readonly name: string; readonly value: string }[];
  readonly schemaName: (id: number | undefined) => string | undefined;
}

// --- Text

export function printText(explanation: Explanation): readonly string[] {
  const { node, options, measures, planningMs, executionMs, settings } = explanation;
  const lines: string[] = [];
  visit(node, 0, false, explanation, lines);
  if (settings.length > 0) {
    lines.push(`Settings: ${settings.map(({ name, value }) => `${name} = '${value}'`).join(', ')}`);
  }
  if (options.summary) {
    lines.push(`Planning Time: ${fixed(planningMs)} ms`);
    if (measures !== undefined) lines.push(`Execution Time: ${fixed(executionMs)} ms`);
  }
  return lines;
}

/** @param indent Of the arrow before it, or of the node itself where it is the first. */
function visit(node: PlanNode, indent: number, arrow: boolean, explanation: Explanation, lines: string[]): void {
  const { options, measures } = explanation;
  lines.push(
    `${' '.repeat(indent)}${arrow ? '->  ' : ''}${titleOf(node.kind, explanation)}${numbers(node, explanation)}`,
  );
  const inside = indent + (arrow ? 6 : 2);
  const spaces = ' '.repeat(inside);
  for (const { name, value } of detailsOf(node, options)) {
    lines.push(`${spaces}${name}: ${typeof value === 'object' ? value.join(', ') : value}`);
    const removed = removedRows(node, name, measures);
    if (removed > 0) lines.push(`${spaces}Rows Removed by ${name}: ${removed}`);
  }
  const calls = measures && (options.buffers || options.wal) ? callsOf(node, measures) : undefined;
  if (calls !== undefined && options.buffers) {
    const parts = CALLS.filter(({ of }) => calls[of] > 0).map(({ of }) => `${of}=${calls[of]}`);
    if (parts.length > 0) lines.push(`${spaces}Buffers: ${parts.join(' ')}`);
  }
  if (calls !== undefined && options.wal && calls.writes > 0) {
    lines.push(`${spaces}WAL: records=${calls.writes} bytes=${calls.writtenBytes}`);
  }
  const subplans = (relationship: 'InitPlan' | 'SubPlan'): void => {
    for (const each of node.subplans) {
      if (each.relationship !== relationship) continue;
      lines.push(`${spaces}${each.name}`);
      visit(each.node, inside + 2, true, explanation, lines);
    }
  };
  subplans('InitPlan');
  for (const input of node.inputs) visit(input, inside, true, explanation, lines);
  subplans('SubPlan');
}

function titleOf({ type, text, index, direction, target }: NodeKind, explanation: Explanation): string {
  const backward = direction === 'Backward' ? ' Backward' : '';
  const how = type === 'Bitmap Index Scan' ? ' on' : ' using';
  const using = index === undefined ? '' : `${how} ${quoteName(index)}`;
  return `${text ?? type}${backward}${using}${target === undefined ? '' : ` on ${targetText(target, explanation)}`}`;
}

function targetText({ alias, relation, schema, other }: Target, { options, schemaName }: Explanation): string {
  if (other !== undefined) {
    const name = options.verbose && other.schema !== undefined ? `${other.schema}.${other.name}` : other.name;
    return other.name === alias ? name : `${name} ${quoteName(alias)}`;
  }
  if (relation === undefined) return quoteName(alias);
  const schemaText = options.verbose ? schemaOf(schema, schemaName) : undefined;
  const name = schemaText === undefined ? quoteName(relation) : `${quoteName(schemaText)}.${quoteName(relation)}`;
  return relation === alias ? name : `${name} ${quoteName(alias)}`;
}

function schemaOf(schema: Target['schema'], schemaName: Explanation['schemaName']): string | undefined {
  return typeof schema === 'string' ? schema : schemaName(schema);
}

function numbers(node: PlanNode, { options: { costs, timing }, measures }: Explanation): string {
  const parts: string[] = [];
  if (costs) {
    const { startup, cost, rows, width } = rounded(node);
    parts.push(`  (cost=${startup.toFixed(2)}..${cost.toFixed(2)} rows=${rows} width=${width})`);
  }
  const measure = measures?.get(node.id);
  if (measure !== undefined && measure.loops > 0) {
    const { loops, rows, ms, firstMs = 0 } = measure;
    const time = timing ? `time=${fixed(firstMs)}..${fixed(ms / loops)} ` : '';
    parts.push(` (actual ${time}rows=${Math.round(rows / loops)} loops=${loops})`);
  } else if (measures !== undefined && isMeasured(node, measures)) parts.push(' (never executed)');
  return parts.join('');
}

/** Whether the node would have been noted, had it run: what is done in another node has no rows of its own. */
function isMeasured(node: PlanNode, measures: NonNullable<Explanation['measures']>): boolean {
  return measures.has(node.id) || node.kind.isPart !== true;
}

// --- For programs

export function printTree(explanation: Explanation): string {
  const { node, options, measures, planningMs, executionMs, settings } = explanation;
  const query: Tree = {
    Plan: treeOf(node, {}, explanation),
    ...(options.settings && { Settings: Object.fromEntries(settings.map(({ name, value }) => [name, value])) }),
    ...(options.summary && { 'Planning Time': Number(fixed(planningMs)) }),
    ...(measures !== undefined && { Triggers: [] }),
    ...(measures !== undefined && options.summary && { 'Execution Time': Number(fixed(executionMs)) }),
  };
  if (options.format === 'xml') return xmlOf(query);
  return options.format === 'yaml' ? yamlOf(query) : jsonOf(query);
}

function treeOf(node: PlanNode, place: Readonly<Record<string, string>>, explanation: Explanation): Tree {
  const { options, measures } = explanation;
  const { kind } = node;
  const out: { -readonly [name in keyof Tree]: Tree[name] } = {
    'Node Type': kind.type,
    ...kind.variant,
    ...place,
    'Parallel Aware': false,
    'Async Capable': false,
    ...(kind.joinType !== undefined && { 'Join Type': kind.joinType }),
    ...(kind.direction !== undefined && { 'Scan Direction': kind.direction }),
    ...(kind.index !== undefined && { 'Index Name': kind.index }),
    ...(kind.target !== undefined && targetKeys(kind.target, explanation)),
  };
  if (options.costs) {
    const { startup, cost, rows, width } = rounded(node);
    out['Startup Cost'] = startup;
    out['Total Cost'] = cost;
    out['Plan Rows'] = rows;
    out['Plan Width'] = width;
  }
  if (measures !== undefined) {
    const { loops, rows, ms, firstMs = 0 } = measures.get(node.id) ?? { loops: 0, rows: 0, ms: 0 };
    const runs = Math.max(1, loops);
    if (options.timing) {
      out['Actual Startup Time'] = Number(fixed(firstMs));
      out['Actual Total Time'] = Number(fixed(ms / runs));
    }
    out['Actual Rows'] = Math.round(rows / runs);
    out['Actual Loops'] = loops;
  }
  for (const { name, value } of detailsOf(node, options)) {
    out[name] = value;
    if (measures !== undefined && FILTERS.has(name)) out[`Rows Removed by ${name}`] = removedRows(node, name, measures);
  }
  if (measures !== undefined && options.buffers) {
    const calls = callsOf(node, measures);
    for (const { key, of } of CALLS) out[key] = calls[of];
  }
  if (measures !== undefined && options.wal) {
    const { writes, writtenBytes } = callsOf(node, measures);
    out['WAL Records'] = writes;
    out['WAL FPI'] = 0;
    out['WAL Bytes'] = writtenBytes;
  }
  const below = [
    ...subplansOf(node, 'InitPlan', explanation),
    ...node.inputs.map((input, i) => treeOf(input, { 'Parent Relationship': relationship(kind, i) }, explanation)),
    ...subplansOf(node, 'SubPlan', explanation),
  ];
  if (below.length > 0) out.Plans = below;
  return out;
}

function subplansOf(node: PlanNode, kind: 'InitPlan' | 'SubPlan', explanation: Explanation): readonly Tree[] {
  return node.subplans
    .filter((each) => each.relationship === kind)
    .map((each) => treeOf(each.node, { 'Parent Relationship': kind, 'Subplan Name': each.name }, explanation));
}

function relationship({ type }: NodeKind, place: number): string {
  if (type === 'Append' || type === 'Merge Append' || type === 'BitmapOr') return 'Member';
  if (type === 'Subquery Scan') return 'Subquery';
  return place === 0 ? 'Outer' : 'Inner';
}

function targetKeys({ alias, relation, schema, other }: Target, { options, schemaName }: Explanation): Tree {
  if (relation === undefined) {
    if (other === undefined) return { Alias: alias };
    const { key, name, schema: own } = other;
    return { [key]: name, ...(options.verbose && own !== undefined && { Schema: own }), Alias: alias };
  }
  const name = options.verbose ? schemaOf(schema, schemaName) : undefined;
  return { 'Relation Name': relation, ...(name !== undefined && { Schema: name }), Alias: alias };
}

// --- What both say

const CALLS = [
  { of: 'gets', key: 'Store Gets' },
  { of: 'ranges', key: 'Store Ranges' },
  { of: 'entries', key: 'Store Entries' },
  { of: 'bytes', key: 'Store Bytes' },
  { of: 'writes', key: 'Store Writes' },
] as const;

/** Conditions that rows are tested by one after another. */
const FILTERS = new Set(['Filter', 'Join Filter']);

/** The text format leaves out what is meant for programs. */
function detailsOf(node: PlanNode, { verbose, format }: ExplainOptions): readonly Detail[] {
  const isText = format === 'text';
  const output = verbose ? node.output?.() : undefined;
  const own = node.details().filter(({ only }) => (only === 'verbose' ? verbose : only === undefined || !isText));
  if (output === undefined || output.length === 0) return own;
  return [{ name: 'Output', value: output }, ...own];
}

/** Of one run, as PostgreSQL has it. */
function removedRows(node: PlanNode, name: string, measures: Explanation['measures']): number {
  if (!FILTERS.has(name)) return 0;
  const { removed, loops } = measures?.get(node.id) ?? { removed: 0, loops: 1 };
  return Math.round(removed / Math.max(1, loops));
}

/** A node that only passes on what its inputs give was not opened by itself: its calls are theirs. */
function callsOf(node: PlanNode, measures: NonNullable<Explanation['measures']>): StoreCalls {
  const own = measures.get(node.id)?.calls;
  const inputs = [...node.inputs, ...node.subplans.map((each) => each.node)].map((each) => callsOf(each, measures));
  const sum = noCalls();
  for (const of of Object.keys(sum) as (keyof StoreCalls)[]) {
    sum[of] = Math.max(
      own?.[of] ?? 0,
      inputs.reduce((total, each) => total + each[of], 0),
    );
  }
  return sum;
}

function rounded({ startup, cost, rows, width }: PlanNode) {
  const hundredths = (value: number): number => Math.round(value * 100) / 100;
  return { startup: hundredths(Math.min(startup, cost)), cost: hundredths(cost), rows, width: Math.round(width) };
}

/** Milliseconds with three places. */
function fixed(ms: number): string {
  return ms.toFixed(3);
}
