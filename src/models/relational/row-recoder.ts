/**
 * Moves stored rows to another layout of the same columns: under another primary key, or without what was dropped. Values
 * that are stored in both are copied as they lie, and only those that the new key is made of are read.
 *
 * Row-codec.ts draws a stored row, and says between which layouts that can be done.
 */

import { asBuffer, type Bytes } from '../../base/bytes.ts';
import type { Entry } from '../../storage/store.ts';
import type { RowKeys } from './keys.ts';
import { beginPut, endPut, PUTS_BYTES_MAX } from './put-writing.ts';
import type { ColumnReader } from './row-codec.ts';
import { ROW_FORMAT, type StoredReader } from './stored-reader.ts';
import type { ColumnValue } from './table.ts';
import { ValueWriter } from './value-codec.ts';

/** Fewer bytes are copied one by one. */
const COPIED_AT_ONCE_MIN = 32;

export interface RowMove {
  /** Reads the columns of the new key, each into its own place. */
  readonly keyReader: ColumnReader;
  readonly keyColumns: readonly number[];
  readonly keys: RowKeys;
  /** Locates all stored columns of the old layout, each at its own place. */
  readonly located: StoredReader;
  readonly locatedCount: number;
  /** Of each stored column of the new layout, its place in the old one. */
  readonly sources: readonly number[];
  /** Of the table in its new layout. */
  readonly version: number;
  readonly width: number;
}

export class RowRecoder {
  readonly #move: RowMove;
  #writer = new ValueWriter();
  readonly #row: ColumnValue[];
  readonly #starts: Int32Array;
  readonly #ends: Int32Array;

  constructor(move: RowMove) {
    this.#move = move;
    this.#row = new Array<ColumnValue>(move.width).fill(null);
    this.#starts = new Int32Array(move.locatedCount);
    this.#ends = new Int32Array(move.locatedCount);
  }

  /**
   * What puts the rows under their new keys, in the form of operations.ts: a view, valid until the next call. Undefined where
   * a column of a new key is null, the key longer than a store takes, or all of it long. @throws OperationError `corruption`.
   */
  puts(entries: readonly Entry[]): Bytes | undefined {
    const writer = this.#writer;
    writer.length = 0;
    for (const { key, value } of entries) {
      if (!this.#put(writer, key, asBuffer(value))) return undefined;
      if (writer.length > PUTS_BYTES_MAX) {
        this.#writer = new ValueWriter();
        return undefined;
      }
    }
    return writer.view();
  }

  #put(writer: ValueWriter, oldKey: Bytes, stored: Buffer): boolean {
    const { keyReader, keyColumns, keys } = this.#move;
    const row = this.#row;
    keyReader.read(oldKey, stored, row);
    for (let i = 0; i < keyColumns.length; i++) if (row[keyColumns[i]!] === null) return false;
    const key = keys.writeKeyOf(row);
    const keyLength = key.length;
    const start = writer.length;
    if (!beginPut(writer, key)) return false;
    this.#copyStored(writer, stored);
    endPut(writer, start, keyLength);
    return true;
  }

  #copyStored(writer: ValueWriter, stored: Buffer): void {
    const { sources, version } = this.#move;
    this.#locate(stored);
    const bitmapBytes = (sources.length + 7) >> 3;
    writer.reserve(16 + bitmapBytes + stored.length);
    writer.byte(ROW_FORMAT);
    writer.varint(version);
    writer.varint(sources.length);
    const bitmapAt = writer.length;
    writer.buffer.fill(0, bitmapAt, bitmapAt + bitmapBytes);
    writer.length += bitmapBytes;
    // Neighbours that stay neighbours are copied together.
    let from = 0;
    let to = 0;
    for (let i = 0; i < sources.length; i++) {
      const start = this.#starts[sources[i]!]!;
      if (start <= 0) {
        writer.buffer[bitmapAt + (i >> 3)]! |= 1 << (i & 7);
        continue;
      }
      if (start !== to) {
        append(writer, stored, from, to);
        from = start;
      }
      to = this.#ends[sources[i]!]!;
    }
    append(writer, stored, from, to);
  }

  /** Where each stored value begins, or that it is null or missing, which is the same here; and where it ends. */
  #locate(stored: Buffer): void {
    const { located, locatedCount } = this.#move;
    located.locate(stored, 0, stored.length, this.#starts);
    let end = stored.length;
    for (let i = locatedCount - 1; i >= 0; i--) {
      if (this.#starts[i]! <= 0) continue;
      this.#ends[i] = end;
      end = this.#starts[i]!;
    }
  }
}

function append(writer: ValueWriter, bytes: Buffer, from: number, to: number): void {
  const { buffer, length } = writer;
  if (to - from < COPIED_AT_ONCE_MIN) for (let i = from; i < to; i++) buffer[length + i - from] = bytes[i]!;
  else bytes.copy(buffer, length, from, to);
  writer.length += to - from;
}
