/**
 * Cuts what a client sends into messages, however the network split it.
 *
 * The first message has no type byte (startup, cancel, requests for encryption); `started` tells the reader that all
 * later ones have. A length is checked when it is read, before anything is allocated for it, and memory then grows with
 * the bytes that really arrive; large messages are gathered by themselves (large-message.ts). Chunks are borrowed: `keep`
 * copies what is left before they are reused.
 */

import { isUtf8 } from 'node:buffer';
import { asBuffer, type Bytes } from '../../base/bytes.ts';
import { SqlError } from '../../query/sql/sql-error.ts';
import { invalidBytes } from '../../query/sql/types/invalid-bytes.ts';
import { GATHERED_MESSAGE_BYTES_MAX, LargeMessage, type MessageMemory } from './large-message.ts';

export interface Frame {
  /** 0 for the untyped messages at the start. */
  readonly type: number;
  /** A view, valid until more is fed or kept; empty when the message was refused. */
  readonly body: Buffer;
  /** Of a large message: the body is memory of its own, that may stay in use. */
  readonly isOwn?: boolean;
  /** Why a message that the protocol allows was not kept. */
  readonly refusal?: SqlError | undefined;
}

/** How long messages may be, and what large ones are counted in. */
export interface MessageBounds {
  /** As its length field says it; a longer one ends the connection. */
  bytesMax(type: number): number;
  /** What is wrong with a message of that type and length, for which the connection need not end. */
  refusal(type: number, length: number): SqlError | undefined;
  readonly memory: MessageMemory;
}

/** As PostgreSQL (MAX_STARTUP_PACKET_LENGTH). */
const STARTUP_BYTES_MAX = 10_000;

const EMPTY = Buffer.alloc(0);

export class FrameReader {
  #bytes: Buffer = EMPTY;
  #start = 0;
  #end = 0;
  /** Whether `#bytes` is our own memory. */
  #owned = true;
  /** Once messages have a type byte. */
  #bounds: MessageBounds | undefined;
  /** Of which the rest is awaited, or that has not been read; what is buffered came after it. */
  #large: LargeMessage | undefined;
  /** Which was read, and is counted until the next message is asked for. */
  #given: LargeMessage | undefined;

  /** Later messages have a type byte and may be as long as that. */
  started(bounds: MessageBounds): void {
    this.#bounds = bounds;
  }

  /** Bytes fed and not yet read; a large message counts once it is whole. */
  get buffered(): number {
    const gathered = this.#end - this.#start;
    return this.#large?.isWhole === true ? gathered + this.#large.bytes : gathered;
  }

  /** Forgets everything. */
  close(): void {
    this.#large?.release();
    this.#given?.release();
    this.#large = undefined;
    this.#given = undefined;
    this.#bytes = EMPTY;
    this.#start = 0;
    this.#end = 0;
  }

  /** Adds a chunk, borrowed until the next `keep`. */
  feed(all: Bytes): void {
    const chunk = this.#large === undefined || this.#large.isWhole ? all : all.subarray(this.#large.take(all));
    if (this.#end === this.#start) {
      this.#bytes = asBuffer(chunk);
      this.#start = 0;
      this.#end = chunk.length;
      this.#owned = false;
      return;
    }
    this.keep();
    if (this.#end + chunk.length > this.#bytes.length) this.#move(this.#end - this.#start + chunk.length);
    this.#bytes.set(chunk, this.#end);
    this.#end += chunk.length;
  }

  /** Copies what is left of a borrowed chunk. */
  keep(): void {
    const gathered = this.#end - this.#start;
    if (gathered === 0) {
      this.#bytes = EMPTY;
      this.#start = 0;
      this.#end = 0;
      this.#owned = true;
    } else if (!this.#owned) this.#move(gathered);
  }

  /** The next whole message. @throws SqlError `protocol_violation` for a length that cannot be. */
  next(): Frame | undefined {
    if (this.#given !== undefined) {
      this.#given.release();
      this.#given = undefined;
    }
    if (this.#large !== undefined) {
      if (this.#large.isWhole) return this.#takeLarge(this.#large);
      return undefined;
    }
    const bounds = this.#bounds;
    const header = bounds === undefined ? 4 : 5;
    const gathered = this.#end - this.#start;
    if (gathered < header) return undefined;
    const type = bounds === undefined ? 0 : this.#bytes[this.#start]!;
    const length = this.#bytes.readInt32BE(this.#start + header - 4);
    if (length < 4 || length > (bounds === undefined ? STARTUP_BYTES_MAX : bounds.bytesMax(type))) {
      throw new SqlError(
        'protocol_violation',
        bounds === undefined ? 'invalid length of startup packet' : `invalid message length ${length}`,
      );
    }
    if (bounds !== undefined && length > GATHERED_MESSAGE_BYTES_MAX) {
      const large = new LargeMessage(type, length - 4, bounds.memory, bounds.refusal(type, length));
      this.#start += header;
      this.#start += large.take(this.#bytes.subarray(this.#start, this.#end));
      this.#large = large;
      return large.isWhole ? this.#takeLarge(large) : undefined;
    }
    const end = this.#start + header - 4 + length;
    if (end > this.#end) return undefined;
    const body = this.#bytes.subarray(this.#start + header, end);
    this.#start = end;
    return { type, body };
  }

  #takeLarge(large: LargeMessage): Frame {
    const { type, body, refusal } = large;
    this.#large = undefined;
    this.#given = large;
    return { type, body, isOwn: true, refusal };
  }

  #move(bytes: number): void {
    const buffered = this.#end - this.#start;
    const room = Math.max(bytes, Math.min(buffered * 2, 2 * GATHERED_MESSAGE_BYTES_MAX), 1_024);
    const next = Buffer.allocUnsafeSlow(room);
    this.#bytes.copy(next, 0, this.#start, this.#end);
    this.#bytes = next;
    this.#start = 0;
    this.#end = buffered;
    this.#owned = true;
  }
}

/** Reads the fields of one message after another. Every method throws SqlError `protocol_violation` beyond its end. */
export class BodyReader {
  #body: Buffer = EMPTY;
  #at = 0;

  /** Begins anew, with another message. */
  reset(body: Buffer): this {
    this.#body = body;
    this.#at = 0;
    return this;
  }

  get remaining(): number {
    return this.#body.length - this.#at;
  }

  int16(): number {
    this.#need(2);
    this.#at += 2;
    return this.#body.readInt16BE(this.#at - 2);
  }

  /** A count: int16 without sign. */
  uint16(): number {
    return this.int16() & 0xffff;
  }

  int32(): number {
    this.#need(4);
    this.#at += 4;
    return this.#body.readInt32BE(this.#at - 4);
  }

  uint32(): number {
    return this.int32() >>> 0;
  }

  byte(): number {
    this.#need(1);
    return this.#body[this.#at++]!;
  }

  /** A view. */
  bytes(length: number): Buffer {
    if (length < 0) throw malformed();
    this.#need(length);
    this.#at += length;
    return this.#body.subarray(this.#at - length, this.#at);
  }

  /** UTF-8 up to a zero byte. */
  text(): string {
    const start = this.#at;
    if (this.#body[start] === 0) {
      this.#at = start + 1;
      return '';
    }
    const end = this.#body.indexOf(0, start);
    if (end < 0) throw malformed();
    this.#at = end + 1;
    return utf8Text(this.#body.subarray(start, end));
  }

  /** The message must have been read to its end. */
  finish(): void {
    if (this.remaining !== 0) throw malformed();
  }

  #need(bytes: number): void {
    if (this.remaining < bytes) throw malformed();
  }
}

function malformed(): SqlError {
  return new SqlError('protocol_violation', 'invalid message format');
}

/** @throws SqlError `character_not_in_repertoire`. */
export function utf8Text(bytes: Buffer): string {
  // Replacement characters are rare: only text that holds one is looked at again.
  const text = bytes.utf8Slice(0, bytes.length);
  if (!text.includes('\ufffd')) return text;
  if (!isUtf8(bytes)) throw invalidBytes(bytes);
  return text;
}
