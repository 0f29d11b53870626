/**
 * Rows that wait in files for their turn, parted by a hash of what they are looked up by: rows that are alike share a part
 * (Graefe, Query Evaluation Techniques for Large Databases, 1993, section 2.4). Each part is then treated as the whole
 * would have been, and is parted again, by another hash, where it still does not fit.
 */

import { assert } from '../../../base/assert.ts';
import type { DistinctKey } from '../types/distinct-key.ts';
import type { RowFile } from '../workspace/row-file.ts';
import type { ExecutionContext, ExecutionRow, Operator, RowBatch } from './operator.ts';

export const PARTS = 16;
const BLOCK_BYTES = 16 * 1024;
const BATCH_ROWS = 512;

export class SpilledPartitions {
  readonly #files: readonly RowFile[];
  readonly #depth: number;

  private constructor(files: readonly RowFile[], depth: number) {
    this.#files = files;
    this.#depth = depth;
  }

  /** @param depth How often these rows were parted before. @throws OperationError `disk_full`, `io`. */
  static async begin({ workspace }: ExecutionContext, depth: number): Promise<SpilledPartitions> {
    const files: RowFile[] = [];
    for (let i = 0; i < PARTS; i++) files.push(await workspace.newFile(BLOCK_BYTES));
    return new SpilledPartitions(files, depth);
  }

  /** Which part a row belongs to. */
  partOf(key: DistinctKey): number {
    return hashOf(key, this.#depth) % PARTS;
  }

  /** @returns a promise to wait for before the next row, now and then. @throws what `RowFile.add` does. */
  add(key: DistinctKey, row: ExecutionRow): Promise<void> | undefined {
    return this.#files[this.partOf(key)]!.add(row);
  }

  /** @returns the files, by part, also empty ones; they are the caller's to close. */
  async finish(): Promise<readonly RowFile[]> {
    for (const file of this.#files) await file.finish();
    return this.#files;
  }
}

/** The rows of a file, which it closes at its end. */
export class RowFileScan implements Operator {
  readonly #file: RowFile;
  readonly #context: ExecutionContext;
  readonly #keep: boolean;
  #reader: ReturnType<RowFile['read']> | undefined;
  #ended = false;

  /** @param keep Whether the file is not to be closed. */
  constructor(file: RowFile, context: ExecutionContext, keep = false) {
    this.#file = file;
    this.#context = context;
    this.#keep = keep;
  }

  next(): RowBatch | undefined | Promise<RowBatch | undefined> {
    if (this.#ended) return undefined;
    this.#reader ??= this.#file.read();
    const rows = this.#reader.takeBatch(BATCH_ROWS);
    return rows.length > 0 ? rows : this.#load();
  }

  close(): void {
    if (this.#ended) return;
    this.#ended = true;
    if (!this.#keep) this.#context.workspace.closeFile(this.#file);
  }

  async #load(): Promise<RowBatch | undefined> {
    if (await this.#reader!.load()) return this.#reader!.takeBatch(BATCH_ROWS);
    this.close();
    return undefined;
  }
}

const double = new Float64Array(1);
const halves = new Int32Array(double.buffer);
const DEPTH_SEEDS = 0x9e37_79b9;

/** 0 to 2^32 - 1, another for each depth. */
export function hashOf(key: DistinctKey, depth: number): number {
  let hash = Math.imul(depth + 1, DEPTH_SEEDS);
  switch (typeof key) {
    case 'string':
      for (let i = 0; i < key.length; i++) hash = Math.imul(hash ^ key.charCodeAt(i), 0x0100_0193);
      break;
    case 'number':
      // 0 and -0 are alike.
      double[0] = key + 0;
      hash = mixed(hash ^ halves[0]!) ^ halves[1]!;
      break;
    case 'bigint':
      hash = mixed(hash ^ Number(BigInt.asIntN(32, key))) ^ Number(BigInt.asIntN(32, key >> 32n));
      break;
    case 'boolean':
      hash ^= key ? 1 : 2;
      break;
    default:
      assert(key === null, 'a key of a kind that is known');
  }
  return mixed(hash) >>> 0;
}

/** The finaliser of MurmurHash3. */
function mixed(value: number): number {
  let hash = value;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85eb_ca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2_ae35);
  return hash ^ (hash >>> 16);
}
