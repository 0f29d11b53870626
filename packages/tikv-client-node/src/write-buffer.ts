/**
 * What a transaction has written, one operation for each key, with savepoints.
 *
 * Undoing is a journal of what each write replaced: a savepoint is a length of it.
 */

import { type KeyText, within } from './bytes.ts';

export type BufferedOp =
  | { readonly kind: 'put'; readonly value: Buffer /** Fails when a value exists already. */; readonly insert: boolean }
  | {
      readonly kind: 'delete' /** The key was inserted by this transaction: it must still not exist. */;
      readonly checkNotExists: boolean;
    }
  /** Unchanged, but guarded against changes by others. */
  | { readonly kind: 'lock' };

interface Undo {
  readonly key: KeyText;
  readonly previous: BufferedOp | undefined;
}

export class WriteBuffer {
  readonly #ops = new Map<KeyText, BufferedOp>();
  readonly #journal: Undo[] = [];
  #sorted: KeyText[] | undefined;
  #bytes = 0;

  get size(): number {
    return this.#ops.size;
  }

  /** Keys and values. */
  get bytes(): number {
    return this.#bytes;
  }

  /** A mark for `rollbackTo`. */
  get mark(): number {
    return this.#journal.length;
  }

  get(key: KeyText): BufferedOp | undefined {
    return this.#ops.get(key);
  }

  set(key: KeyText, op: BufferedOp): void {
    const previous = this.#ops.get(key);
    this.#journal.push({ key, previous });
    this.#apply(key, op);
  }

  rollbackTo(mark: number): void {
    while (this.#journal.length > mark) {
      const { key, previous } = this.#journal.pop()!;
      this.#apply(key, previous);
    }
  }

  /** In key order. */
  entries(): [KeyText, BufferedOp][] {
    return this.#keys().map((key) => [key, this.#ops.get(key)!]);
  }

  /** Puts and deletes of [start, end), in order. */
  range(start: KeyText, end: KeyText, reverse: boolean): [KeyText, BufferedOp][] {
    const found: [KeyText, BufferedOp][] = [];
    const keys = this.#keys();
    for (let i = lowerBound(keys, start); i < keys.length; i++) {
      const key = keys[i]!;
      if (!within(key, start, end)) break;
      const op = this.#ops.get(key)!;
      if (op.kind !== 'lock') found.push([key, op]);
    }
    return reverse ? found.reverse() : found;
  }

  #apply(key: KeyText, op: BufferedOp | undefined): void {
    const current = this.#ops.get(key);
    if (current === undefined || op === undefined) this.#sorted = undefined;
    if (current !== undefined) this.#bytes -= sizeOf(key, current);
    if (op === undefined) this.#ops.delete(key);
    else {
      this.#ops.set(key, op);
      this.#bytes += sizeOf(key, op);
    }
  }

  #keys(): readonly KeyText[] {
    this.#sorted ??= [...this.#ops.keys()].sort();
    return this.#sorted;
  }
}

function sizeOf(key: KeyText, op: BufferedOp): number {
  return key.length + (op.kind === 'put' ? op.value.length : 0);
}

function lowerBound(keys: readonly KeyText[], key: KeyText): number {
  let low = 0;
  let high = keys.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (keys[middle]! < key) low = middle + 1;
    else high = middle;
  }
  return low;
}
