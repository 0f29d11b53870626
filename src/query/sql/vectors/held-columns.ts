/**
 * Rows of many batches, held as one vector for each place of a row. What is held is a copy: it does not keep alive what the
 * batches were read from. Vectors are put together when they are first asked for.
 */

import { type ColumnVector, type TextVector, valueAt } from '../../../models/relational/column-vector.ts';
import type { ColumnValue } from '../../../models/relational/table.ts';
import { valueBytes } from '../types/value-bytes.ts';
import { ColumnBatch } from './column-batch.ts';

const VECTOR_BYTES = 320;

interface Piece {
  readonly count: number;
  /** Without those that were put together. */
  readonly columns: ColumnVector[];
}

const NOTHING: ColumnVector = { kind: 'values', values: [] };

export class HeldColumns {
  readonly #width: number;
  #pieces: Piece[] = [];
  #whole: (ColumnVector | undefined)[] = [];
  #count = 0;

  constructor(width: number) {
    this.#width = width;
  }

  /** Rows. */
  get count(): number {
    return this.#count;
  }

  /** @returns the bytes that the batch takes here. */
  add(batch: ColumnBatch): number {
    const columns = Array.from({ length: this.#width }, (_, place) => compact(batch.column(place), batch.count));
    this.#pieces.push({ count: batch.count, columns });
    this.#count += batch.count;
    return columns.reduce((sum, column) => sum + bytesOf(column), 0);
  }

  /** Forgets the batch that was added last. */
  drop(): void {
    this.#count -= this.#pieces.pop()?.count ?? 0;
  }

  /** Forgets everything and gives it back, in its order. */
  batches(): ColumnBatch[] {
    const batches = this.#pieces.map(
      ({ count, columns }) => new ColumnBatch(count, this.#width, (place) => columns[place]!),
    );
    this.clear();
    return batches;
  }

  clear(): void {
    this.#pieces = [];
    this.#whole = [];
    this.#count = 0;
  }

  /** All values at one place of the rows. Nothing may be added any more. */
  column(place: number): ColumnVector {
    let whole = this.#whole[place];
    if (whole === undefined) {
      whole = joined(
        this.#pieces.map(({ columns }) => columns[place]!),
        this.#pieces,
        this.#count,
      );
      this.#whole[place] = whole;
      for (const { columns } of this.#pieces) columns[place] = NOTHING;
    }
    return whole;
  }
}

/** Texts of a few rows must not hold on to those of all. */
function compact(vector: ColumnVector, count: number): ColumnVector {
  if (vector.kind !== 'text') return vector;
  const { starts, ends } = vector;
  let size = 0;
  for (let i = 0; i < count; i++) size += ends[i]! - starts[i]!;
  const bytes = Buffer.allocUnsafeSlow(size);
  const ownStarts = new Uint32Array(count);
  const ownEnds = new Uint32Array(count);
  copyTexts(vector, count, { bytes, starts: ownStarts, ends: ownEnds }, 0, 0);
  return { ...vector, bytes, starts: ownStarts, ends: ownEnds };
}

/** @returns where the next text goes. */
function copyTexts(
  { bytes, starts, ends }: TextVector,
  count: number,
  to: Pick<TextVector, 'bytes' | 'starts' | 'ends'>,
  row: number,
  at: number,
): number {
  let end = at;
  for (let i = 0; i < count; i++) {
    to.starts[row + i] = end;
    end += bytes.copy(to.bytes, end, starts[i]!, ends[i]!);
    to.ends[row + i] = end;
  }
  return end;
}

function bytesOf(vector: ColumnVector): number {
  if (vector.kind === 'values')
    return vector.values.reduce((sum: number, value) => sum + 8 + valueBytes(value), VECTOR_BYTES);
  const nulls = vector.nulls?.length ?? 0;
  if (vector.kind === 'text') return VECTOR_BYTES + vector.bytes.length + vector.starts.byteLength * 2 + nulls;
  return VECTOR_BYTES + vector.values.byteLength + nulls;
}

function joined(parts: readonly ColumnVector[], pieces: readonly Piece[], total: number): ColumnVector {
  if (parts.length === 1) return parts[0]!;
  const [first] = parts;
  if (first === undefined) return { kind: 'values', values: [] };
  const nulls = joinedNulls(parts, pieces, total);
  if (first.kind === 'int' && parts.every((part) => part.kind === 'int')) {
    const values = new Int32Array(total);
    let at = 0;
    for (const part of parts) {
      values.set(part.values, at);
      at += part.values.length;
    }
    return { kind: 'int', values, nulls };
  }
  if (first.kind === 'decimal' && parts.every((part) => part.kind === 'decimal' && part.scale === first.scale)) {
    const values = new Float64Array(total);
    let at = 0;
    for (const part of parts as readonly (typeof first)[]) {
      values.set(part.values, at);
      at += part.values.length;
    }
    return { kind: 'decimal', values, scale: first.scale, nulls };
  }
  if (first.kind === 'text' && parts.every((part) => part.kind === 'text' && part.modifier === first.modifier)) {
    const texts = parts as readonly TextVector[];
    const bytes = Buffer.allocUnsafeSlow(texts.reduce((sum, text) => sum + text.bytes.length, 0));
    const to = { bytes, starts: new Uint32Array(total), ends: new Uint32Array(total) };
    let row = 0;
    let at = 0;
    for (const [i, text] of texts.entries()) {
      at = copyTexts(text, pieces[i]!.count, to, row, at);
      row += pieces[i]!.count;
    }
    return { kind: 'text', ...to, modifier: first.modifier, nulls };
  }
  const values: ColumnValue[] = [];
  for (const [i, part] of parts.entries()) {
    for (let at = 0; at < pieces[i]!.count; at++) values.push(valueAt(part, at));
  }
  return { kind: 'values', values };
}

function joinedNulls(parts: readonly ColumnVector[], pieces: readonly Piece[], total: number): Uint8Array | undefined {
  let nulls: Uint8Array | undefined;
  let at = 0;
  for (const [i, part] of parts.entries()) {
    if (part.kind !== 'values' && part.nulls !== undefined) {
      nulls ??= new Uint8Array(total);
      nulls.set(part.nulls, at);
    }
    at += pieces[i]!.count;
  }
  return nulls;
}
