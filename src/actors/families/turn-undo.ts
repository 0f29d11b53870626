/**
 * What the writes of one turn replaced among the hot entries, so that a command that fails half-way leaves no trace.
 *
 * Only what nobody else has is kept: of a dirty entry its value, of any other that the store has it. Undone newest first, a
 * key that was written twice ends as it was.
 */

import { type Bytes, copyBytes } from '../../base/bytes.ts';
import type { EntryArena } from './entry-arena.ts';
import { ABSENT } from './entry-slab.ts';
import { fillEntry } from './value-loads.ts';

interface Replaced {
  readonly database: number;
  readonly key: Bytes;
  /** What a dirty entry held, `undefined` for absence; or `clean`: the store has it. */
  readonly before: Bytes | undefined | 'clean';
}

export class TurnUndo {
  readonly #arena: EntryArena;
  #replaced: Replaced[] | undefined;

  constructor(arena: EntryArena) {
    this.#arena = arena;
  }

  /** Whether a turn is under way whose writes may have to be undone. */
  get isActive(): boolean {
    return this.#replaced !== undefined;
  }

  begin(): void {
    if (this.#replaced === undefined) this.#replaced = [];
    else this.#replaced.length = 0;
  }

  /** What was written so far stays, as it has been ordered. */
  keep(): void {
    if (this.#replaced !== undefined) this.#replaced.length = 0;
  }

  end(): void {
    this.#replaced = undefined;
  }

  /** Before a key is written: `found` tells whether its entry is the one at hand. Only while active. */
  note(database: number, redisKey: Bytes, found: boolean): void {
    const arena = this.#arena;
    let before: Replaced['before'] = 'clean';
    if (found && arena.isDirty) {
      const length = arena.valueLength;
      before =
        length === ABSENT ? undefined : copyBytes(arena.slab.bytes.subarray(arena.valueAt, arena.valueAt + length));
    }
    this.#replaced!.push({ database, key: copyBytes(redisKey), before });
  }

  /** Undoes the writes since `begin`, and ends. @returns how many there were. */
  undo(): number {
    const replaced = this.#replaced;
    this.#replaced = undefined;
    if (replaced === undefined) return 0;
    const arena = this.#arena;
    for (let i = replaced.length - 1; i >= 0; i--) {
      const { database, key, before } = replaced[i]!;
      const hash = arena.hash(database, key, 0, key.length);
      // Gone when the batch it was in was discarded.
      if (!arena.find(hash, database, key, 0, key.length)) continue;
      if (before === 'clean') {
        arena.remove();
        continue;
      }
      arena.write(hash, database, arena.partition, key, 0, key.length, before?.length ?? ABSENT);
      if (before !== undefined) fillEntry(arena, before);
      arena.markDirty();
    }
    return replaced.length;
  }
}
