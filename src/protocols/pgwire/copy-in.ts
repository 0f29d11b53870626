/**
 * The messages of a client that sends data for COPY … FROM STDIN (PostgreSQL 15, "COPY Operations").
 *
 * A statement pulls; the socket flows only while it waits, so that no more than a chunk is ever held.
 */

import { type Awaitable, type Deferred, deferred } from '../../base/awaitable.ts';
import type { Bytes } from '../../base/bytes.ts';
import type { ClosableCopySource } from '../../query/sql/results.ts';
import { SqlError } from '../../query/sql/sql-error.ts';
import type { TimeContext } from '../../query/sql/types/timestamptz.ts';
import type { SqlType, SqlValue } from '../../query/sql/types/types.ts';
import { decodeBinary } from './binary-values.ts';
import { BodyReader, type FrameReader } from './frame-reader.ts';
import { FRONTEND } from './frontend-messages.ts';

/** Pieces smaller than this are handed over together. */
const GATHERED_BYTES = 65_536;

/** Where the data comes from. */
export interface CopyClient {
  /** Stop reading from the client, and go on: back-pressure of whoever takes the rows. */
  pause(): void;
  resume(): void;
  /** The statement is done with it. */
  close(): void;
}

export class CopyIn implements ClosableCopySource {
  readonly #reader: FrameReader;
  readonly #client: CopyClient;
  #waiting: Deferred<Bytes | undefined> | undefined;
  #ended: SqlError | 'done' | undefined;

  constructor(reader: FrameReader, client: CopyClient) {
    this.#reader = reader;
    this.#client = client;
  }

  next(): Awaitable<Bytes | undefined> {
    const gathered = this.#gather();
    if (gathered !== undefined) return gathered;
    if (this.#ended === 'done') return undefined;
    if (this.#ended !== undefined) throw this.#ended;
    this.#waiting = deferred();
    this.#client.resume();
    return this.#waiting.promise;
  }

  decode(type: SqlType, bytes: Buffer, time: TimeContext): SqlValue {
    return decodeBinary(type, bytes, time, 'incorrect binary data format');
  }

  close(): void {
    this.#client.close();
  }

  /** More bytes are in the reader. @returns whether still more are wanted. */
  more(): boolean {
    const waiting = this.#waiting;
    if (waiting === undefined) return false;
    try {
      const gathered = this.#gather();
      if (gathered === undefined && this.#ended === undefined) return true;
      this.#settle();
      if (gathered !== undefined || this.#ended === 'done') waiting.resolve(gathered);
      else waiting.reject(this.#ended);
    } catch (error) {
      this.#settle();
      waiting.reject(error);
    }
    return false;
  }

  /** The client has gone. */
  abandon(): void {
    this.#ended ??= new SqlError('query_canceled', 'unexpected EOF on client connection with an open transaction');
    const waiting = this.#waiting;
    this.#settle();
    waiting?.reject(this.#ended);
  }

  #settle(): void {
    this.#waiting = undefined;
    this.#client.pause();
  }

  /** Data of the messages that have arrived, in memory of its own; undefined when there is none. */
  #gather(): Bytes | undefined {
    const pieces: Buffer[] = [];
    let bytes = 0;
    let alone = false;
    while (this.#ended === undefined && bytes < GATHERED_BYTES) {
      const frame = this.#reader.next();
      if (frame === undefined) break;
      if (frame.refusal !== undefined) {
        this.#ended = frame.refusal;
        break;
      }
      switch (frame.type) {
        case FRONTEND.copyData:
          pieces.push(frame.body);
          alone = pieces.length === 1 && frame.isOwn === true;
          bytes += frame.body.length;
          break;
        case FRONTEND.copyDone:
          this.#ended = 'done';
          break;
        case FRONTEND.copyFail:
          this.#ended = new SqlError(
            'query_canceled',
            `COPY from stdin failed: ${new BodyReader().reset(frame.body).text()}`,
          );
          break;
        case FRONTEND.flush:
        case FRONTEND.sync:
          break;
        default:
          this.#ended = new SqlError(
            'protocol_violation',
            `unexpected message type 0x${frame.type.toString(16).toUpperCase()} during COPY from stdin`,
          );
      }
    }
    if (alone) return pieces[0];
    return pieces.length === 0 ? undefined : Buffer.concat(pieces, bytes);
  }
}
