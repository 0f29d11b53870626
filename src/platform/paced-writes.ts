/**
 * Writes of large values, one after the other. The kernel copies what it is handed there and then: a megabyte takes some tenth of
 * a millisecond, half of one where the machine is busy, and a few clients that ask for many such values, and need not even
 * read them, would have turns of the event loop do little else.
 *
 * So a turn hands over a piece or two of what is large, of all sockets together. Those that have more stand in line for the next
 * turns, behind the others again after each piece. A socket of which the kernel has not taken all leaves the line until it has.
 *
 * Smaller pieces would let others come sooner, but a client that is alone would pay for it: each wakes it up, and values of
 * a megabyte took half as long again by pieces of 256 KB. What is not large is handed over as it is.
 */

import type { Bytes } from '../base/bytes.ts';

/** Longer writes are large. */
export const LARGE_BYTES = 512 * 1024;

/** A longer write is parted. */
const PIECE_BYTES = 1024 * 1024;
/** A turn that has handed over so many hands over no further piece. */
const TURN_BYTES = 512 * 1024;
/** So many may stand in line, others hand theirs over at once: what stands in line is kept in memory. */
const LINE_MAX = 8;
/** What a call of the system costs besides copying, in bytes that could be copied instead. */
const CALL_BYTES = 8 * 1024;

/** In line, for this turn or the next ones. */
const line: PacedWrites[] = [];
/** Handed over in this turn. */
let spentBytes = 0;
let isTurnCounted = false;

/** Whether a large write of `bytes` may be handed over as it is in this turn; it counts then. */
export function mayWriteNow(bytes: number): boolean {
  const isTurnOver = line.length > 0 || spentBytes >= TURN_BYTES;
  if (line.length < LINE_MAX && (isTurnOver || bytes > PIECE_BYTES)) return false;
  countTurn();
  spentBytes += bytes + CALL_BYTES;
  return true;
}

/** What one socket was given to write and has not handed over yet, in order. */
export class PacedWrites {
  readonly #chunks: Bytes[] = [];
  readonly #writePiece: () => boolean;
  #bytes = 0;
  #isInLine = false;

  /** @param writePiece Hands over what `take` gives. @returns whether the piece after it may follow. */
  constructor(writePiece: () => boolean) {
    this.#writePiece = writePiece;
  }

  /** Bytes that wait. */
  get length(): number {
    return this.#bytes;
  }

  add(bytes: Bytes): void {
    this.#chunks.push(bytes);
    this.#bytes += bytes.length;
  }

  /** The next piece. */
  take(): Bytes {
    const first = this.#chunks[0]!;
    let piece = first;
    if (first.length <= PIECE_BYTES) this.#chunks.shift();
    else {
      piece = first.subarray(0, PIECE_BYTES);
      this.#chunks[0] = first.subarray(PIECE_BYTES);
    }
    this.#bytes -= piece.length;
    spentBytes += piece.length + CALL_BYTES;
    return piece;
  }

  /** All that wait, for somebody else to write. */
  takeAll(): Bytes[] {
    this.#bytes = 0;
    return this.#chunks.splice(0);
  }

  /** Has pieces written, from this turn on if it has room. */
  goOn(): void {
    if (this.#isInLine) return;
    this.#standInLine();
    countTurn();
    if (line.length === 1) PacedWrites.serve();
  }

  #standInLine(): void {
    this.#isInLine = true;
    line.push(this);
  }

  /** Has pieces of those in line written until this turn has had its share. */
  static serve(): void {
    while (line.length > 0 && spentBytes < TURN_BYTES) {
      const first = line.shift()!;
      first.#isInLine = false;
      if (first.#writePiece()) first.#standInLine();
    }
  }
}

function countTurn(): void {
  if (isTurnCounted) return;
  isTurnCounted = true;
  setImmediate(endTurn);
}

function endTurn(): void {
  spentBytes = 0;
  isTurnCounted = false;
  if (line.length === 0) return;
  countTurn();
  PacedWrites.serve();
}
