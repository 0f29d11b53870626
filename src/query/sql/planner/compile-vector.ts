/**
 * Bound expressions to code over vectors, once per plan. Arithmetic and comparisons of integers, dates and numerics, and
 * comparisons of texts run over the plain numbers and bytes; everything else, and what does not stay within safe integers,
 * is computed row by row by the closures of compile-expression.ts, with the same results and errors.
 */

import type { ColumnVector, DecimalVector, TextVector } from '../../../models/relational/column-vector.ts';
import { valueAt } from '../../../models/relational/column-vector.ts';
import { NUMERIC_SCALE_MAX, Numeric } from '../../../models/relational/numeric.ts';
import { withoutPadding } from '../../../models/relational/padding.ts';
import { type BoundExpression, type CompareOperator, columnsOf, conjuncts } from '../binder/bound.ts';
import type { Evaluate, EvaluationContext } from '../functions/evaluation.ts';
import { likePieces } from '../functions/like.ts';
import type { ExecutionRow } from '../operators/operator.ts';
import type { SqlValue } from '../types/types.ts';
import type { ColumnBatch } from '../vectors/column-batch.ts';
import type { VectorCode, VectorTest } from '../vectors/vector-code.ts';
import { compileExpression } from './compile-expression.ts';

const SAFE_MAX = Number.MAX_SAFE_INTEGER;
const POWERS = Array.from({ length: 16 }, (_, i) => 10 ** i);

export function compileVector(expression: BoundExpression): VectorCode {
  if (expression.kind === 'column') {
    const { index } = expression;
    return (batch) => batch.column(index);
  }
  if (expression.kind === 'cast' && expression.cast === undefined) return compileVector(expression.arg);
  return numericCode(expression) ?? rowByRow(expression);
}

/** Of all conditions that AND puts together: each is tested on the rows that are left. */
export function compileVectorTest(condition: BoundExpression): VectorTest {
  const tests = conjuncts(condition).map(testOf);
  if (tests.length === 1) return tests[0]!;
  return (batch, places, count, context) => {
    let left = count;
    for (let i = 0; i < tests.length && left > 0; i++) left = tests[i]!(batch, places, left, context);
    return left;
  };
}

/** The same place in the row of each column that an expression reads, filled in from vectors. */
function rowFiller(expression: BoundExpression): (batch: ColumnBatch, at: number) => ExecutionRow {
  const used = [...columnsOf(expression)];
  const row: ExecutionRow = new Array<null>(Math.max(-1, ...used) + 1).fill(null);
  return (batch, at) => {
    for (const place of used) row[place] = valueAt(batch.column(place), at);
    return row;
  };
}

function rowByRow(expression: BoundExpression): VectorCode {
  const evaluate = compileExpression(expression);
  const fill = rowFiller(expression);
  return (batch, context) => {
    const values: SqlValue[] = new Array<SqlValue>(batch.count);
    for (let i = 0; i < batch.count; i++) values[i] = evaluate(fill(batch, i), context);
    return { kind: 'values', values };
  };
}

function testRowByRow(condition: BoundExpression): VectorTest {
  const evaluate = compileExpression(condition);
  const fill = rowFiller(condition);
  return (batch, places, count, context) => {
    let left = 0;
    for (let i = 0; i < count; i++) {
      const place = places[i]!;
      if (evaluate(fill(batch, place), context) === true) places[left++] = place;
    }
    return left;
  };
}

// --- Arithmetic

/** One side of an operator: numbers at a scale, or one number for all rows. */
interface Numbers {
  readonly values: Int32Array | Float64Array | undefined;
  readonly one: number;
  readonly scale: number;
  readonly nulls: Uint8Array | undefined;
}

type Side = (batch: ColumnBatch, context: EvaluationContext) => Numbers | undefined;

/** What does not change from row to row. */
function isFixed({ kind }: BoundExpression): boolean {
  return kind === 'constant' || kind === 'parameter' || kind === 'slot';
}

function sideOf(expression: BoundExpression): Side {
  if (isFixed(expression)) {
    const evaluate: Evaluate = compileExpression(expression);
    return (_, context) => {
      const value = evaluate([], context);
      if (typeof value === 'number') return { values: undefined, one: value, scale: 0, nulls: undefined };
      if (!(value instanceof Numeric) || value.large !== undefined || value.scale < 0) return undefined;
      return { values: undefined, one: value.small, scale: value.scale, nulls: undefined };
    };
  }
  const code = compileVector(expression);
  return (batch, context) => numbersOf(code(batch, context));
}

function numbersOf(vector: ColumnVector): Numbers | undefined {
  if (vector.kind === 'int') return { values: vector.values, one: 0, scale: 0, nulls: vector.nulls };
  if (vector.kind === 'decimal') return { values: vector.values, one: 0, scale: vector.scale, nulls: vector.nulls };
  return undefined;
}

type Call = Extract<BoundExpression, { kind: 'call' }>;

function isNumericOperator(expression: BoundExpression): expression is Call {
  if (expression.kind !== 'call' || expression.args.length !== 2) return false;
  const { name, arguments: types } = expression.function;
  return (name === '+' || name === '-' || name === '*') && types[0] === 'numeric' && types[1] === 'numeric';
}

/** Operators of two numerics; undefined for any other expression. */
function numericCode(expression: BoundExpression): VectorCode | undefined {
  if (!isNumericOperator(expression)) return undefined;
  const { args } = expression;
  const { name } = expression.function;
  if (isFixed(args[0]!) && isFixed(args[1]!)) return undefined;
  const left = sideOf(args[0]!);
  const right = sideOf(args[1]!);
  const otherwise = rowByRow(expression);
  return (batch, context) => {
    const a = left(batch, context);
    const b = a && right(batch, context);
    const result = a && b && (name === '*' ? product(a, b, batch.count) : sum(a, b, name === '-', batch.count));
    return result ?? otherwise(batch, context);
  };
}

function eitherNull(a: Uint8Array | undefined, b: Uint8Array | undefined): Uint8Array | undefined {
  if (a === undefined || b === undefined) return a ?? b;
  return a.map((bit, i) => bit | b[i]!);
}

/** Undefined where a result is no safe integer. */
function product(a: Numbers, b: Numbers, count: number): DecimalVector | undefined {
  const scale = a.scale + b.scale;
  if (scale > NUMERIC_SCALE_MAX) return undefined;
  const values = new Float64Array(count);
  const [p, q] = [a.values, b.values];
  for (let i = 0; i < count; i++) {
    const result = (p === undefined ? a.one : p[i]!) * (q === undefined ? b.one : q[i]!);
    if (!(result <= SAFE_MAX && result >= -SAFE_MAX)) return undefined;
    // Not the zero that is below itself.
    values[i] = result + 0;
  }
  return { kind: 'decimal', values, scale, nulls: eitherNull(a.nulls, b.nulls) };
}

function sum(a: Numbers, b: Numbers, subtract: boolean, count: number): DecimalVector | undefined {
  const scale = Math.max(a.scale, b.scale);
  const byA = POWERS[scale - a.scale];
  const byB = POWERS[scale - b.scale];
  if (byA === undefined || byB === undefined) return undefined;
  const signed = subtract ? -byB : byB;
  const values = new Float64Array(count);
  const [p, q] = [a.values, b.values];
  for (let i = 0; i < count; i++) {
    const x = (p === undefined ? a.one : p[i]!) * byA;
    const y = (q === undefined ? b.one : q[i]!) * signed;
    const result = x + y;
    if (!(Math.abs(x) <= SAFE_MAX && Math.abs(y) <= SAFE_MAX && Math.abs(result) <= SAFE_MAX)) return undefined;
    values[i] = result + 0;
  }
  return { kind: 'decimal', values, scale, nulls: eitherNull(a.nulls, b.nulls) };
}

// --- Conditions

function testOf(condition: BoundExpression): VectorTest {
  const otherwise = testRowByRow(condition);
  if (condition.kind === 'compare') {
    const { left, right, operator } = condition;
    if (!neverFails(left) || !neverFails(right)) return otherwise;
    if (isNumberType(left.type)) return numberTest(operator, left, right, otherwise);
    if (isTextType(left.type) && (operator === '=' || operator === '<>') && isFixed(right)) {
      return textTest(operator === '=', left, right, otherwise);
    }
  }
  if (condition.kind === 'call' && isFixed(condition.args[1] ?? condition) && neverFails(condition.args[0]!)) {
    const { name } = condition.function;
    const { args } = condition;
    const isText = condition.function.arguments[0] === 'text';
    if (isText && (name === '~~' || name === '!~~')) return likeTest(name === '~~', args[0]!, args[1]!, otherwise);
  }
  return otherwise;
}

/** What is computed of all rows of a batch, before it is known which of them an earlier condition has left. */
function neverFails(expression: BoundExpression): boolean {
  if (expression.kind === 'column' || isFixed(expression)) return true;
  if (expression.kind === 'cast') return expression.cast === undefined && neverFails(expression.arg);
  return isNumericOperator(expression) && expression.args.every(neverFails);
}

function isNumberType(type: string): boolean {
  return type === 'int2' || type === 'int4' || type === 'date' || type === 'numeric';
}

function isTextType(type: string): boolean {
  return type === 'text' || type === 'varchar' || type === 'bpchar';
}

function numberTest(
  operator: CompareOperator,
  left: BoundExpression,
  right: BoundExpression,
  otherwise: VectorTest,
): VectorTest {
  const [first, second] = [sideOf(left), sideOf(right)];
  const below = operator === '<' || operator === '<=' || operator === '<>';
  const equal = operator === '=' || operator === '<=' || operator === '>=';
  const above = operator === '>' || operator === '>=' || operator === '<>';
  return (batch, places, count, context) => {
    const a = first(batch, context);
    const b = a && second(batch, context);
    if (a === undefined || b === undefined) return otherwise(batch, places, count, context);
    const scale = Math.max(a.scale, b.scale);
    const byA = POWERS[scale - a.scale];
    const byB = POWERS[scale - b.scale];
    if (byA === undefined || byB === undefined) return otherwise(batch, places, count, context);
    const nulls = eitherNull(a.nulls, b.nulls);
    const [p, q] = [a.values, b.values];
    let left = 0;
    if (p !== undefined && q === undefined && nulls === undefined && Math.abs(b.one * byB) <= SAFE_MAX) {
      return withinBounds(p, byA, b.one * byB, [below, equal, above], places, count);
    }
    for (let i = 0; i < count; i++) {
      const place = places[i]!;
      if (nulls !== undefined && nulls[place] !== 0) continue;
      const x = (p === undefined ? a.one : p[place]!) * byA;
      const y = (q === undefined ? b.one : q[place]!) * byB;
      // Beyond safe integers both may be rounded, to the same.
      if (Math.abs(x) > SAFE_MAX && Math.abs(y) > SAFE_MAX && Number.isFinite(y)) {
        return otherwise(batch, places, count, context);
      }
      if (x < y ? below : x > y ? above : equal) places[left++] = place;
    }
    return left;
  };
}

/** Integers against one that does not change: a range, or all but one. */
function withinBounds(
  values: Int32Array | Float64Array,
  by: number,
  one: number,
  [below, equal, above]: readonly [boolean, boolean, boolean],
  places: Int32Array,
  count: number,
): number {
  let left = 0;
  if (below && above) {
    for (let i = 0; i < count; i++) {
      const place = places[i]!;
      if (values[place]! * by !== one) places[left++] = place;
    }
    return left;
  }
  const low = below ? Number.NEGATIVE_INFINITY : equal ? one : one + 1;
  const high = above ? Number.POSITIVE_INFINITY : equal ? one : one - 1;
  for (let i = 0; i < count; i++) {
    const place = places[i]!;
    const value = values[place]! * by;
    if (value >= low && value <= high) places[left++] = place;
  }
  return left;
}

function textTest(wanted: boolean, left: BoundExpression, right: BoundExpression, otherwise: VectorTest): VectorTest {
  const code = compileVector(left);
  const evaluate = compileExpression(right);
  const padded = left.type === 'bpchar';
  let known: { readonly text: string; readonly bytes: Buffer } = { text: '', bytes: Buffer.alloc(0) };
  return (batch, places, count, context) => {
    const vector = code(batch, context);
    const value = evaluate([], context);
    // Spaces at the end count unless they are left out on both sides.
    if (vector.kind !== 'text' || typeof value !== 'string' || padded !== vector.modifier >= 0) {
      return otherwise(batch, places, count, context);
    }
    if (known.text !== value) known = { text: value, bytes: Buffer.from(padded ? withoutPadding(value) : value) };
    const { bytes: wantedBytes } = known;
    const { bytes, starts, ends, nulls } = vector;
    let kept = 0;
    for (let i = 0; i < count; i++) {
      const place = places[i]!;
      if (nulls !== undefined && nulls[place] !== 0) continue;
      const start = starts[place]!;
      const equal = ends[place]! - start === wantedBytes.length && liesAt(bytes, start, wantedBytes);
      if (equal === wanted) places[kept++] = place;
    }
    return kept;
  };
}

function liesAt(bytes: Buffer, at: number, piece: Buffer): boolean {
  for (let i = 0; i < piece.length; i++) if (bytes[at + i] !== piece[i]) return false;
  return true;
}

function likeTest(wanted: boolean, left: BoundExpression, right: BoundExpression, otherwise: VectorTest): VectorTest {
  const code = compileVector(left);
  const evaluate = compileExpression(right);
  let known: { readonly pattern: string; readonly pieces: readonly Buffer[] | undefined } | undefined;
  return (batch, places, count, context) => {
    const vector = code(batch, context);
    const pattern = evaluate([], context);
    if (vector.kind !== 'text' || vector.modifier >= 0 || typeof pattern !== 'string') {
      return otherwise(batch, places, count, context);
    }
    if (known?.pattern !== pattern) {
      known = { pattern, pieces: likePieces(pattern)?.map((piece) => Buffer.from(piece)) };
    }
    const { pieces } = known;
    if (pieces === undefined) return otherwise(batch, places, count, context);
    const { nulls } = vector;
    let kept = 0;
    for (let i = 0; i < count; i++) {
      const place = places[i]!;
      if (nulls !== undefined && nulls[place] !== 0) continue;
      if (holdsPieces(vector, place, pieces) === wanted) places[kept++] = place;
    }
    return kept;
  };
}

/** Each piece is looked for behind the one before; the first begins the text, the last ends it. */
function holdsPieces({ bytes, starts, ends }: TextVector, place: number, pieces: readonly Buffer[]): boolean {
  const start = starts[place]!;
  const end = ends[place]!;
  const first = pieces[0]!;
  const last = pieces[pieces.length - 1]!;
  if (pieces.length === 1) return end - start === first.length && liesAt(bytes, start, first);
  if (end - start < first.length + last.length || !liesAt(bytes, start, first)) return false;
  let at = start + first.length;
  const limit = end - last.length;
  if (!liesAt(bytes, limit, last)) return false;
  for (let i = 1; i < pieces.length - 1; i++) {
    at = behind(bytes, at, limit, pieces[i]!);
    if (at < 0) return false;
  }
  return at <= limit;
}

/** Where the first occurrence of a piece ends; -1 when there is none before `limit`. */
function behind(bytes: Buffer, from: number, limit: number, piece: Buffer): number {
  const { length } = piece;
  if (length === 0) return from;
  const first = piece[0]!;
  const last = limit - length;
  for (let at = from; at <= last; at++) {
    if (bytes[at] !== first) continue;
    let i = 1;
    while (i < length && bytes[at + i] === piece[i]) i++;
    if (i === length) return at + length;
  }
  return -1;
}
