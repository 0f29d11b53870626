/**
 * Replies of one connection that wait until what they tell is durable: their bytes in order, cut by marks that name the
 * version each part waits for. Versions never fall from one mark to the next, so the durable ones are a beginning.
 *
 * A room of its own because nothing here knows of commands or sockets: bytes come in behind, and leave in front.
 */

import { type Bytes, EMPTY_BYTES } from '../../base/bytes.ts';
import type { Store } from '../../storage/store.ts';

const FIRST_BYTES = 1024;
const KEPT_BUFFER_BYTES = 16 * 1024;
const NO_BYTES: Buffer = Buffer.from(EMPTY_BYTES);

export class HeldReplies {
  #bytes: Buffer = NO_BYTES;
  #start = 0;
  #end = 0;
  readonly #markEnds: number[] = [];
  readonly #markVersions: number[] = [];
  /** Set by `takeDurable`: what the replies that are left wait for. */
  waiting: Promise<void> | undefined;

  get isEmpty(): boolean {
    return this.#markEnds.length === 0;
  }

  /** Bytes that wait. */
  get length(): number {
    return this.#end - this.#start;
  }

  /** Copies the first `bytes` of a buffer; they wait for `version`, and for whatever the replies before them wait for. */
  hold(from: Buffer, bytes: number, version: number): void {
    const length = this.length + bytes;
    if (this.#end + bytes > this.#bytes.length) {
      const larger =
        length > this.#bytes.length ? Buffer.allocUnsafeSlow(Math.max(length * 2, FIRST_BYTES)) : this.#bytes;
      this.#bytes.copy(larger, 0, this.#start, this.#end);
      this.#bytes = larger;
      this.#shift(this.#start);
    }
    from.copy(this.#bytes, this.#end, 0, bytes);
    this.#end += bytes;
    this.#markEnds.push(this.#end);
    this.#markVersions.push(Math.max(version, this.#markVersions.at(-1) ?? 0));
  }

  /** The replies that are durable by now; undefined when none is. They stay in place: `sent` tells what became of them. */
  takeDurable(store: Store): Bytes | undefined {
    this.waiting = undefined;
    let marks = 0;
    while (marks < this.#markEnds.length) {
      this.waiting = store.whenDurable(this.#markVersions[marks]!);
      if (this.waiting !== undefined) break;
      marks++;
    }
    if (marks === 0) return undefined;
    const end = this.#markEnds[marks - 1]!;
    this.#markEnds.splice(0, marks);
    this.#markVersions.splice(0, marks);
    const durable = this.#bytes.subarray(this.#start, end);
    this.#start = end;
    return durable;
  }

  /** The bytes of `takeDurable` have left, or somebody `keeps` them and the buffer with them. */
  sent(keeps: boolean): void {
    if (keeps) {
      this.#bytes = Buffer.from(this.#bytes.subarray(this.#start, this.#end));
      this.#shift(this.#start);
    } else if (this.#start === this.#end) {
      this.#start = 0;
      this.#end = 0;
      if (this.#bytes.length > KEPT_BUFFER_BYTES) this.#bytes = NO_BYTES;
    }
  }

  drop(): void {
    this.#bytes = NO_BYTES;
    this.#start = 0;
    this.#end = 0;
    this.#markEnds.length = 0;
    this.#markVersions.length = 0;
  }

  /** The first `bytes` of the buffer are there no more. */
  #shift(bytes: number): void {
    for (let i = 0; i < this.#markEnds.length; i++) this.#markEnds[i]! -= bytes;
    this.#end -= bytes;
    this.#start = 0;
  }
}
