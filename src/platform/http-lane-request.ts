/** A request of the lane (http-lane.ts), and the body of one that is too long to be read before its handler is called. */

import { assert } from '../base/assert.ts';
import type { ByteSource } from '../base/byte-source.ts';
import { type Bytes, EMPTY_BYTES } from '../base/bytes.ts';
import { OperationError } from '../base/errors.ts';
import type { HttpRequest } from './http.ts';
import type { RequestHead } from './http-head.ts';
import type { NodeSocket } from './node-socket.ts';

const NO_QUERY = new URLSearchParams();
const PIECE_BYTES = 64 * 1024;

export class LaneRequest implements HttpRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string | undefined>>;
  /** Of a body that came before the handler was called. */
  whole: Bytes | undefined;
  long: LongBody | undefined;
  readonly #search: string;
  readonly #bodyBytes: number;
  readonly #socket: NodeSocket;
  readonly #bodyBytesMax: number;
  #wholeTaken = 0;
  #query: URLSearchParams | undefined;
  #gone: AbortController | undefined;
  #isGone = false;

  constructor(socket: NodeSocket, head: RequestHead, bodyBytesMax: number) {
    this.method = head.method;
    this.path = head.path;
    this.headers = head.headers;
    this.whole = head.bodyBytes === 0 ? EMPTY_BYTES : undefined;
    this.#search = head.search;
    this.#bodyBytes = head.bodyBytes;
    this.#socket = socket;
    this.#bodyBytesMax = bodyBytesMax;
  }

  get query(): URLSearchParams {
    if (this.#search === '') return NO_QUERY;
    this.#query ??= new URLSearchParams(this.#search);
    return this.#query;
  }

  get remoteAddress(): string {
    return this.#socket.remoteAddress;
  }

  get signal(): AbortSignal {
    if (this.#gone === undefined) {
      this.#gone = new AbortController();
      if (this.#isGone) this.#gone.abort();
    }
    return this.#gone.signal;
  }

  /** The client has gone. */
  abort(): void {
    this.#isGone = true;
    this.#gone?.abort();
    this.long?.abort();
  }

  body(bytesMax = this.#bodyBytesMax): Promise<Bytes> {
    if (this.#bodyBytes > bytesMax) {
      return Promise.reject(new OperationError('too_large', `the request body exceeds ${bytesMax} bytes`));
    }
    return this.whole === undefined ? this.#wholeOf(this.long!) : Promise.resolve(this.whole);
  }

  async #wholeOf(long: LongBody): Promise<Bytes> {
    const bytes = Buffer.allocUnsafeSlow(this.#bodyBytes);
    await long.read(bytes);
    return bytes;
  }

  async *pieces(): AsyncGenerator<Bytes> {
    for (;;) {
      const piece = Buffer.allocUnsafeSlow(Math.min(PIECE_BYTES, this.#bodyBytes));
      const length = await this.read(piece);
      if (length > 0) yield piece.subarray(0, length);
      if (length < PIECE_BYTES) return;
    }
  }

  read(into: Bytes): Promise<number> {
    const { whole, long } = this;
    if (long !== undefined) return long.read(into);
    assert(whole !== undefined, 'a request has a body that has come or one that comes');
    const piece = whole.subarray(this.#wholeTaken, this.#wholeTaken + into.length);
    into.set(piece);
    this.#wholeTaken += piece.length;
    return Promise.resolve(piece.length);
  }
}

/** What a connection does for a body. */
export interface BodyFlow {
  /** What came was not asked for. */
  readonly pause: () => void;
  /** More is asked for. */
  readonly await: () => void;
}

interface Reading {
  readonly into: Bytes;
  filled: number;
  readonly resolve: (length: number) => void;
  readonly reject: (error: unknown) => void;
}

export class LongBody implements ByteSource {
  readonly #flow: BodyFlow;
  readonly #bytes: number;
  /** Bytes that have not come. */
  #missing: number;
  #reading: Reading | undefined;
  /** What came before it was asked for. */
  #rest: Bytes | undefined;
  #isGone = false;

  constructor(bytes: number, flow: BodyFlow) {
    this.#bytes = bytes;
    this.#missing = bytes;
    this.#flow = flow;
  }

  /** Whether all of it has come, taken or not. */
  get isComplete(): boolean {
    return this.#missing === 0;
  }

  get hasBegun(): boolean {
    return this.#missing < this.#bytes;
  }

  /** Whether somebody waits for what has not come. */
  get isAwaited(): boolean {
    return this.#reading !== undefined;
  }

  /** Takes its own from what came, valid during the call. @returns where it ended. */
  take(bytes: Bytes, from: number): number {
    const end = from + Math.min(this.#missing, bytes.length - from);
    this.#missing -= end - from;
    let at = from;
    const reading = this.#reading;
    if (reading !== undefined) {
      const step = Math.min(reading.into.length - reading.filled, end - at);
      reading.into.set(bytes.subarray(at, at + step), reading.filled);
      reading.filled += step;
      at += step;
      if (reading.filled === reading.into.length || this.#missing === 0) {
        this.#reading = undefined;
        reading.resolve(reading.filled);
      }
    }
    if (at < end) {
      const rest = bytes.subarray(at, end);
      this.#rest = this.#rest === undefined ? Buffer.from(rest) : Buffer.concat([this.#rest, rest]);
      if (this.#missing > 0) this.#flow.pause();
    }
    return end;
  }

  /** @throws OperationError `cancelled` when the client has gone. */
  read(into: Bytes): Promise<number> {
    assert(this.#reading === undefined, 'one read of a body at a time');
    let filled = 0;
    if (this.#rest !== undefined) {
      filled = Math.min(this.#rest.length, into.length);
      into.set(this.#rest.subarray(0, filled));
      this.#rest = filled === this.#rest.length ? undefined : this.#rest.subarray(filled);
    }
    if (filled === into.length || this.#missing === 0) return Promise.resolve(filled);
    if (this.#isGone) return Promise.reject(clientGone());
    return new Promise((resolve, reject) => {
      this.#reading = { into, filled, resolve, reject };
      this.#flow.await();
    });
  }

  abort(): void {
    this.#isGone = true;
    this.#reading?.reject(clientGone());
    this.#reading = undefined;
  }
}

function clientGone(): OperationError {
  return new OperationError('cancelled', 'the client closed the connection');
}
