/**
 * Replies of one connection that wait until what they tell is durable: their bytes in order, cut by marks that name the
 * version each part waits for. Versions never fall from one mark to the next, so the durable ones are a beginning.
 *
 * Large byte strings that are lent are not copied: each is a part of its own, which leaves from where it is.
 *
 * A room of its own because nothing here knows of commands or sockets: bytes come in behind, and leave in front.
 */

import { type Bytes, EMPTY_BYTES } from '../../base/bytes.ts';
import type { Store } from '../../storage/store.ts';

const FIRST_BYTES = 1024;
/** Native copies, and views, cost more than so many bytes one by one. */
const SHORT_BYTES = 32;
/** More of them are not kept for the next replies. */
const KEPT_MARKS = 64;
const KEPT_BUFFER_BYTES = 16 * 1024;

interface Lent {
  mark: number;
  readonly bytes: Bytes;
}

const NO_BYTES: Buffer = Buffer.from(EMPTY_BYTES);

export class HeldReplies {
  #bytes: Buffer = NO_BYTES;
  #start = 0;
  #end = 0;
  /** The first `#marks` of each are of replies that wait. */
  readonly #markEnds: number[] = [];
  readonly #markVersions: number[] = [];
  #marks = 0;
  /** Lent byte strings by the numbers of their marks, ascending. */
  #lent: Lent[] = [];
  #lentBytes = 0;
  /** What was taken last is lent. */
  #isTakenLent = false;
  /** The first bytes of the buffer, as they left last: replies of one kind are of one length, so that it often serves again. */
  #view: Bytes = NO_BYTES;
  /** Set by `takeDurable`: what the replies that are left wait for. */
  waiting: Promise<void> | undefined;
  /** Set by `takeDurable`: it stopped where a lent byte string begins or ends, and more may be durable. */
  isParted = false;

  get isEmpty(): boolean {
    return this.#marks === 0;
  }

  /** Bytes that wait. */
  get length(): number {
    return this.#end - this.#start + this.#lentBytes;
  }

  /** Copies the first `bytes` of a buffer; they wait for `version`, and for whatever the replies before them wait for. */
  hold(from: Buffer, bytes: number, version: number): void {
    const length = this.#end - this.#start + bytes;
    if (this.#end + bytes > this.#bytes.length) {
      const larger =
        length > this.#bytes.length ? Buffer.allocUnsafeSlow(Math.max(length * 2, FIRST_BYTES)) : this.#bytes;
      this.#bytes.copy(larger, 0, this.#start, this.#end);
      this.#replace(larger);
    }
    const into = this.#bytes;
    if (bytes > SHORT_BYTES) from.copy(into, this.#end, 0, bytes);
    else for (let i = 0; i < bytes; i++) into[this.#end + i] = from[i]!;
    this.#end += bytes;
    this.#mark(version);
  }

  /** As `hold`, of bytes that stay as they are. */
  holdLent(bytes: Bytes, version: number): void {
    this.#lent.push({ mark: this.#marks, bytes });
    this.#lentBytes += bytes.length;
    this.#mark(version);
  }

  #mark(version: number): void {
    const marks = this.#marks++;
    const before = marks === 0 ? 0 : this.#markVersions[marks - 1]!;
    this.#markEnds[marks] = this.#end;
    this.#markVersions[marks] = version > before ? version : before;
  }

  /** The replies that are durable by now, up to the next that is lent; undefined when none is. They stay in place: `sent` tells what became of them. */
  takeDurable(store: Store): Bytes | undefined {
    this.waiting = undefined;
    this.isParted = false;
    this.#isTakenLent = false;
    const lent = this.#lent[0];
    let marks = 0;
    while (marks < this.#marks) {
      if (lent?.mark === marks && marks > 0) {
        this.isParted = true;
        break;
      }
      this.waiting = store.whenDurable(this.#markVersions[marks]!);
      if (this.waiting !== undefined) break;
      marks++;
      if (lent?.mark === marks - 1) return this.#takeLent(lent);
    }
    if (marks === 0) return undefined;
    const start = this.#start;
    const end = this.#markEnds[marks - 1]!;
    this.#forget(marks);
    this.#start = end;
    if (start > 0 || end > SHORT_BYTES) return this.#bytes.subarray(start, end);
    if (this.#view.length !== end) this.#view = this.#bytes.subarray(0, end);
    return this.#view;
  }

  #takeLent({ bytes }: Lent): Bytes {
    this.#forget(1);
    this.#lent.shift();
    this.#lentBytes -= bytes.length;
    this.#isTakenLent = true;
    this.isParted = true;
    return bytes;
  }

  /** The bytes of `takeDurable` have left, or somebody `keeps` them and the buffer with them. */
  sent(keeps: boolean): void {
    if (this.#isTakenLent) return;
    if (keeps) this.#replace(Buffer.from(this.#bytes.subarray(this.#start, this.#end)));
    else if (this.#start === this.#end) {
      this.#start = 0;
      this.#end = 0;
      if (this.#bytes.length > KEPT_BUFFER_BYTES) this.#replace(NO_BYTES);
    }
  }

  drop(): void {
    this.#forget(this.#marks);
    this.#lent = [];
    this.#lentBytes = 0;
    this.#start = this.#end;
    this.#replace(NO_BYTES);
  }

  /** The first marks: their replies are on their way. */
  #forget(marks: number): void {
    this.#marks -= marks;
    for (const lent of this.#lent) lent.mark -= marks;
    if (this.#marks > 0) {
      this.#markEnds.splice(0, marks);
      this.#markVersions.splice(0, marks);
    } else if (marks > KEPT_MARKS) {
      this.#markEnds.length = 0;
      this.#markVersions.length = 0;
    }
  }

  /** The bytes that wait are at the beginning of `bytes` now. */
  #replace(bytes: Buffer): void {
    for (let i = 0; i < this.#marks; i++) this.#markEnds[i]! -= this.#start;
    this.#end -= this.#start;
    this.#start = 0;
    this.#bytes = bytes;
    this.#view = NO_BYTES;
  }
}
