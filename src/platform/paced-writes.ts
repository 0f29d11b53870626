/**
 * Writes of large values, one after the other. The kernel copies what it is handed there and then: a megabyte takes some tenth of
 * a millisecond, half of one where the machine is busy, and a few clients that ask for many such values, and need not even
 * read them, would have turns of the event loop do little else.
 *
 * So a turn hands over a piece or two of what is large, of all sockets together. Those that have more stand in line for the next
 * turns, behind the others again after each piece. A socket of which the kernel has not taken all leaves the line until it has.
 *
 * Smaller pieces let others come sooner, but each wakes the client up, and values of a megabyte took one that is alone half as long
 * again by pieces of 256 KB. So they are small only while others are answered in short, as they were a moment ago. Then a
 * turn that has handed over more than its share owes it to the next ones, too: what callbacks of the poll write and what stands in
 * line would otherwise come one after the other, in different turns by this count and without a poll in between.
 *
 * What is not large is handed over as it is.
 */

import type { Bytes } from '../base/bytes.ts';

/** Longer writes are large. */
export const LARGE_BYTES = 256 * 1024;

/** An answer that is no longer is short. */
export const SHORT_ANSWER_BYTES = 16 * 1024;

interface Pace {
  /** A longer write is parted. */
  readonly pieceBytes: number;
  /** A turn that has handed over so many hands over no further piece. */
  readonly turnBytes: number;
}

const ALONE: Pace = { pieceBytes: 1024 * 1024, turnBytes: 512 * 1024 };
const AMONG_OTHERS: Pace = { pieceBytes: 256 * 1024, turnBytes: 128 * 1024 };
/** So long after a short answer others are expected to ask again. */
const OTHERS_MS = 20;

/** While so much stands in line, what comes is handed over at once: what stands in line is kept in memory. */
const LINE_BYTES_MAX = 32 * 1024 * 1024;
/** What a call of the system costs besides copying, in bytes that could be copied instead. */
const CALL_BYTES = 8 * 1024;

/** Who got the last short answer, unless a large one was written since. */
let shortlyAnswered: object | undefined;
/** Others ask until then. */
let othersUntilMs = 0;
/** In line, for this turn or the next ones. */
const line: PacedWrites[] = [];
/** Bytes that those in line have. */
let lineBytes = 0;
/** Handed over in this turn. */
let spentBytes = 0;
let isTurnCounted = false;

/** What is written to `client` is short. */
export function answersShortly(client: object): void {
  shortlyAnswered = client;
}

/** @param client Who is written to at length. */
function paceOf(client: object): Pace {
  if (shortlyAnswered !== undefined && shortlyAnswered !== client) othersUntilMs = performance.now() + OTHERS_MS;
  shortlyAnswered = undefined;
  return pace();
}

function pace(): Pace {
  return performance.now() < othersUntilMs ? AMONG_OTHERS : ALONE;
}

/** Whether a large write of `bytes` to `client` may be handed over as it is in this turn; it counts then. */
export function mayWriteNow(client: object, bytes: number): boolean {
  const { pieceBytes, turnBytes } = paceOf(client);
  const isTurnOver = line.length > 0 || spentBytes >= turnBytes;
  if (lineBytes < LINE_BYTES_MAX && (isTurnOver || bytes > pieceBytes)) return false;
  countTurn();
  spentBytes += bytes + CALL_BYTES;
  return true;
}

/** What one socket was given to write and has not handed over yet, in order. */
export class PacedWrites {
  readonly #client: object;
  readonly #chunks: Bytes[] = [];
  readonly #writePiece: () => boolean;
  #bytes = 0;
  #isInLine = false;

  /** @param writePiece Hands over what `take` gives. @returns whether the piece after it may follow. */
  constructor(client: object, writePiece: () => boolean) {
    this.#client = client;
    this.#writePiece = writePiece;
  }

  /** Bytes that wait. */
  get length(): number {
    return this.#bytes;
  }

  add(bytes: Bytes): void {
    this.#chunks.push(bytes);
    this.#bytes += bytes.length;
    if (this.#isInLine) lineBytes += bytes.length;
  }

  /** The next piece: parts that follow each other. */
  take(): readonly Bytes[] {
    const piece: Bytes[] = [];
    const { pieceBytes } = paceOf(this.#client);
    let bytes = 0;
    while (bytes < pieceBytes && this.#chunks.length > 0) {
      const first = this.#chunks[0]!;
      const part = first.length <= pieceBytes - bytes ? first : first.subarray(0, pieceBytes - bytes);
      if (part === first) this.#chunks.shift();
      else this.#chunks[0] = first.subarray(part.length);
      piece.push(part);
      bytes += part.length;
    }
    this.#bytes -= bytes;
    spentBytes += bytes + CALL_BYTES;
    return piece;
  }

  /** All that wait, for somebody else to write. */
  takeAll(): Bytes[] {
    if (this.#isInLine) lineBytes -= this.#bytes;
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
    lineBytes += this.#bytes;
    line.push(this);
  }

  /** Has pieces of those in line written until this turn has had its share. */
  static serve(): void {
    while (line.length > 0 && spentBytes < paceOf(line[0]!.#client).turnBytes) {
      const first = line.shift()!;
      first.#isInLine = false;
      lineBytes -= first.#bytes;
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
  const { turnBytes } = pace();
  spentBytes = turnBytes === ALONE.turnBytes ? 0 : Math.max(0, spentBytes - turnBytes);
  isTurnCounted = false;
  if (line.length === 0 && spentBytes === 0) return;
  countTurn();
  PacedWrites.serve();
}
