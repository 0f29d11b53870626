/**
 * What a client has sent of a row of COPY that is not there whole. It grows in place, so that a row of many pieces is not copied
 * with each of them; what is large is counted with what the statement holds.
 */

import { asBuffer, type Bytes } from '../../../base/bytes.ts';
import { SqlError } from '../sql-error.ts';

/** Smaller rests are not counted. */
const COUNTED_BYTES = 262_144;
const EMPTY = Buffer.alloc(0);

export interface CopyBounds {
  /** Of one row. */
  readonly lineBytesMax: number;
  /** Of which large rows take their part; see `Workspace`. */
  readonly memory: {
    take(bytes: number, force: boolean): boolean;
    give(bytes: number): void;
  };
}

export class CopyRest {
  readonly #bounds: CopyBounds;
  /** Where `#rest` lies when it has grown. */
  #room: Buffer = EMPTY;
  #rest: Buffer = EMPTY;
  #counted = 0;

  constructor(bounds: CopyBounds) {
    this.#bounds = bounds;
  }

  /** What is left at the end. */
  get bytes(): Buffer {
    return this.#rest;
  }

  /** The rest with `chunk` behind it. Neither is written to again, so parts of them may be kept. */
  join(chunk: Bytes): Buffer {
    const rest = this.#rest;
    if (rest.length === 0) return asBuffer(chunk);
    const size = rest.length + chunk.length;
    let start = rest.byteOffset - this.#room.byteOffset;
    if (rest.buffer !== this.#room.buffer || start + size > this.#room.length) {
      const bytes = Math.max(size, Math.min(size * 2, this.#bounds.lineBytesMax));
      this.#count(bytes);
      const room = Buffer.allocUnsafeSlow(bytes);
      rest.copy(room);
      this.#room = room;
      start = 0;
    }
    this.#room.set(chunk, start + rest.length);
    return this.#room.subarray(start, start + size);
  }

  /** `bytes`, as they were joined, from `from` on are no whole row. @throws SqlError `program_limit_exceeded`, `out_of_memory`. */
  keep(bytes: Buffer, from: number): void {
    this.#rest = from === bytes.length ? EMPTY : bytes.subarray(from);
    const { lineBytesMax } = this.#bounds;
    if (this.#rest.length > lineBytesMax) {
      throw new SqlError('program_limit_exceeded', `a line of COPY exceeds the limit of ${lineBytesMax} bytes`);
    }
    if (from === 0) return;
    this.#room = EMPTY;
    this.#count(0);
  }

  #count(room: number): void {
    const { memory } = this.#bounds;
    const wanted = room < COUNTED_BYTES ? 0 : room;
    if (wanted > this.#counted && !memory.take(wanted - this.#counted, false)) {
      throw new SqlError('out_of_memory', 'out of memory', {
        detail: 'A line of COPY needs more memory than other statements leave.',
      });
    }
    if (wanted < this.#counted) memory.give(this.#counted - wanted);
    this.#counted = wanted;
  }
}
