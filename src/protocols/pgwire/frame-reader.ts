/**
 * Cuts what a client sends into messages, however the network split it.
 *
 * The first message has no type byte (startup, cancel, requests for encryption); `started` tells the reader that all
 * later ones have. A length is checked when it is read, before anything is allocated for it, and memory then grows with
 * the bytes that really arrive. Chunks are borrowed: `keep` copies what is left before they are reused.
 */

import { asBuffer, type Bytes } from '../../base/bytes.ts';
import { SqlError } from '../../query/sql/sql-error.ts';

export interface Frame {
  /** 0 for the untyped messages at the start. */
  readonly type: number;
  /** A view, valid until more is fed or kept. */
  readonly body: Buffer;
}

/** As PostgreSQL (MAX_STARTUP_PACKET_LENGTH). */
export const STARTUP_BYTES_MAX = 10_000;

const EMPTY = Buffer.alloc(0);

export class FrameReader {
  #bytes: Buffer = EMPTY;
  #start = 0;
  #end = 0;
  /** Whether `#bytes` is our own memory. */
  #owned = true;
  #started = false;
  #messageBytesMax = STARTUP_BYTES_MAX;

  /** Later messages have a type byte and may be as long as `messageBytesMax`. */
  started(messageBytesMax: number): void {
    this.#started = true;
    this.#messageBytesMax = messageBytesMax;
  }

  /** Bytes fed and not yet read. */
  get buffered(): number {
    return this.#end - this.#start;
  }

  /** Adds a chunk, borrowed until the next `keep`. */
  feed(chunk: Bytes): void {
    if (this.buffered === 0) {
      this.#bytes = asBuffer(chunk);
      this.#start = 0;
      this.#end = chunk.length;
      this.#owned = false;
      return;
    }
    this.keep();
    if (this.#end + chunk.length > this.#bytes.length) this.#move(this.buffered + chunk.length);
    this.#bytes.set(chunk, this.#end);
    this.#end += chunk.length;
  }

  /** Copies what is left of a borrowed chunk. */
  keep(): void {
    if (this.buffered === 0) {
      this.#bytes = EMPTY;
      this.#start = 0;
      this.#end = 0;
      this.#owned = true;
    } else if (!this.#owned) this.#move(this.buffered);
  }

  /** The next whole message. @throws SqlError `protocol_violation` for a length that cannot be. */
  next(): Frame | undefined {
    const header = this.#started ? 5 : 4;
    if (this.buffered < header) return undefined;
    const length = this.#bytes.readInt32BE(this.#start + header - 4);
    if (length < 4 || length > this.#messageBytesMax) {
      throw new SqlError(
        'protocol_violation',
        this.#started ? `invalid message length ${length}` : 'invalid length of startup packet',
      );
    }
    const end = this.#start + header - 4 + length;
    if (end > this.#end) return undefined;
    const type = this.#started ? this.#bytes[this.#start]! : 0;
    const body = this.#bytes.subarray(this.#start + header, end);
    this.#start = end;
    return { type, body };
  }

  #move(bytes: number): void {
    const buffered = this.buffered;
    const room = Math.max(bytes, Math.min(buffered * 2, 1 << 26), 1_024);
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

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** @throws SqlError `character_not_in_repertoire`. */
export function utf8Text(bytes: Buffer): string {
  // Replacement characters are rare: only text that holds one is decoded again, strictly.
  const text = bytes.utf8Slice(0, bytes.length);
  if (!text.includes('\ufffd')) return text;
  try {
    return decoder.decode(bytes);
  } catch (error) {
    throw new SqlError('character_not_in_repertoire', 'invalid byte sequence for encoding "UTF8"', { cause: error });
  }
}
