/**
 * What a transaction on TiKV has written, kept here until it commits: values, deletions, and deleted ranges.
 *
 * A deleted range hides what is stored and forgets what was written in it before; later writes in it count. Savepoints are
 * lengths of the journal of what each write replaced.
 */

import { type Bytes, latin1 } from '../../base/bytes.ts';
import { OperationError } from '../../base/errors.ts';
import { type Key, type KeyRange, rangeContains } from '../../storage/key-range.ts';
import type { Change, Entry } from '../../storage/store.ts';

interface Write {
  readonly key: Key;
  /** Undefined: deleted. */
  readonly value: Bytes | undefined;
}

type Undo = { readonly id: string; readonly previous: Write | undefined } | 'range';

export class WriteSet {
  readonly #writes = new Map<string, Write>();
  readonly #ranges: KeyRange[] = [];
  readonly #journal: Undo[] = [];
  readonly #changes: Change[] = [];
  readonly #bytesMax: number;
  #bytes = 0;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  get isEmpty(): boolean {
    return this.#writes.size === 0 && this.#ranges.length === 0;
  }

  get ranges(): readonly KeyRange[] {
    return this.#ranges;
  }

  get mark(): number {
    return this.#journal.length;
  }

  writes(): Iterable<Write> {
    return this.#writes.values();
  }

  /** For listeners: every change, in the order in which it was made. */
  get changes(): readonly Change[] {
    return this.#changes;
  }

  has(key: Key): boolean {
    return this.#writes.has(latin1(key));
  }

  /** `found` tells whether the write set decides. */
  lookup(key: Key): { readonly found: boolean; readonly value: Bytes | undefined } {
    const own = this.#writes.get(latin1(key));
    if (own !== undefined) return { found: true, value: own.value };
    return { found: this.hides(key), value: undefined };
  }

  /** Whether what is stored under the key was deleted with a range. */
  hides(key: Key): boolean {
    return this.#ranges.some((range) => rangeContains(range, key));
  }

  /** Takes its own copies. @throws OperationError `too_large`. */
  set(key: Key, value: Bytes | undefined): void {
    const bytes = key.length + (value?.length ?? 0);
    if (this.#bytes + bytes > this.#bytesMax) {
      throw new OperationError('too_large', `the writes of one transaction on TiKV exceed ${this.#bytesMax} bytes`, {
        hint: 'Split the work into several transactions.',
      });
    }
    const write: Write = { key: Buffer.from(key), value: value === undefined ? undefined : Buffer.from(value) };
    this.#changes.push(
      write.value === undefined
        ? { kind: 'delete', key: write.key }
        : { kind: 'put', key: write.key, value: write.value },
    );
    this.#replace(latin1(key), write);
  }

  deleteRange(range: KeyRange): void {
    const copy = { start: Buffer.from(range.start), end: range.end === undefined ? undefined : Buffer.from(range.end) };
    for (const [id, { key }] of [...this.#writes]) {
      if (rangeContains(copy, key)) this.#forget(id);
    }
    this.#ranges.push(copy);
    this.#changes.push({ kind: 'deleteRange', range: copy });
    this.#journal.push('range');
  }

  rollbackTo(mark: number): void {
    while (this.#journal.length > mark) {
      const undo = this.#journal.pop()!;
      if (undo === 'range') {
        this.#ranges.pop();
        this.#changes.pop();
        continue;
      }
      const current = this.#writes.get(undo.id);
      if (current !== undefined) {
        this.#bytes -= sizeOf(current);
        this.#changes.pop();
      }
      if (undo.previous === undefined) this.#writes.delete(undo.id);
      else {
        this.#writes.set(undo.id, undo.previous);
        this.#bytes += sizeOf(undo.previous);
      }
    }
  }

  /** Own values in a range, in the order of a scan; deletions among them as undefined. */
  within(range: KeyRange, reverse: boolean): Write[] {
    const found: Write[] = [];
    for (const write of this.#writes.values()) if (rangeContains(range, write.key)) found.push(write);
    found.sort((a, b) => Buffer.compare(a.key, b.key));
    return reverse ? found.reverse() : found;
  }

  #replace(id: string, write: Write): void {
    const previous = this.#writes.get(id);
    this.#journal.push({ id, previous });
    if (previous !== undefined) this.#bytes -= sizeOf(previous);
    this.#writes.set(id, write);
    this.#bytes += sizeOf(write);
  }

  #forget(id: string): void {
    const previous = this.#writes.get(id)!;
    this.#journal.push({ id, previous });
    this.#writes.delete(id);
    this.#bytes -= sizeOf(previous);
  }
}

function sizeOf(write: Write): number {
  return write.key.length + (write.value?.length ?? 0);
}

/** Stored entries with own writes on top, both in the order of the scan. */
export function mergeWrites(
  stored: readonly Entry[],
  own: readonly Write[],
  reverse: boolean,
  keysOnly: boolean,
): Entry[] {
  if (own.length === 0) return [...stored];
  const merged: Entry[] = [];
  let at = 0;
  const order = (a: Key, b: Key) => (reverse ? Buffer.compare(b, a) : Buffer.compare(a, b));
  for (const { key, value } of own) {
    while (at < stored.length && order(stored[at]!.key, key) < 0) merged.push(stored[at++]!);
    if (at < stored.length && order(stored[at]!.key, key) === 0) at++;
    if (value !== undefined) merged.push({ key, value: keysOnly ? Buffer.alloc(0) : value });
  }
  while (at < stored.length) merged.push(stored[at++]!);
  return merged;
}
