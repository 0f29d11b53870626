/**
 * Timestamps from PD over one stream, many at a time.
 *
 * A request is answered only by a batch that was sent after it was made: a timestamp of a batch in flight could be older
 * than a commit the caller has already heard of. One batch is in flight; who asks meanwhile goes with the next.
 */

import type { Environment, Timer } from './environment.ts';
import { TikvError } from './errors.ts';
import type { Hooks } from './hooks.ts';
import * as methods from './methods.ts';
import { composeTimestamp } from './timestamp.ts';
import { type Connection, GrpcStatus, type MessageStream, RpcError } from './transport.ts';

const BATCH_MAX = 10_000;
const TIMEOUT_MS = 3_000;

export interface TimestampSource {
  /** @throws TikvError `pd_unavailable` while there is no leader. */
  leader(): Connection;
  header(): { readonly clusterId: bigint };
}

interface Waiter {
  readonly resolve: (timestamp: bigint) => void;
  readonly reject: (error: unknown) => void;
}

export class TimestampBatcher {
  readonly #environment: Environment;
  readonly #hooks: Hooks;
  readonly #source: TimestampSource;
  #waiting: Waiter[] = [];
  /** One of those waiting, for any number of readers. */
  #shared: Promise<bigint> | undefined;
  #inFlight: readonly Waiter[] | undefined;
  #sentAtMs = 0;
  #timer: Timer | undefined;
  /** Of the stream, while there is or was one. */
  #address = 'PD';
  #stream: MessageStream | undefined;
  #scheduled = false;
  #newest = 0n;
  #newestAtMs = 0;
  #closed = false;

  constructor(environment: Environment, hooks: Hooks, source: TimestampSource) {
    this.#environment = environment;
    this.#hooks = hooks;
    this.#source = source;
  }

  /** The newest timestamp seen, moved on by the time since: for judging whether locks have expired, never to start at. */
  get approximate(): { readonly timestamp: bigint; readonly ageMs: number } {
    return { timestamp: this.#newest, ageMs: this.#environment.clock.monotonicMs() - this.#newestAtMs };
  }

  /** One attempt. @throws RpcError, TikvError */
  next(): Promise<bigint> {
    if (this.#closed) return Promise.reject(new TikvError('closed', 'the client is closed'));
    return new Promise((resolve, reject) => {
      this.#waiting.push({ resolve, reject });
      this.#schedule();
    });
  }

  /**
   * As `next`, but all who ask before the request is sent get the same: for reading, as transactions that write need one of
   * their own.
   */
  shared(): Promise<bigint> {
    this.#shared ??= this.next();
    return this.#shared;
  }

  /** The stream goes to who led before: leave it. */
  leaderChanged(): void {
    const stream = this.#stream;
    this.#stream = undefined;
    stream?.cancel();
    this.#fail(new RpcError(GrpcStatus.UNAVAILABLE, 'the leader has changed: not leader', this.#address));
  }

  close(): void {
    this.#closed = true;
    this.#stream?.cancel();
    this.#stream = undefined;
    const error = new TikvError('closed', 'the client is closed');
    this.#fail(error);
    for (const waiter of this.#waiting.splice(0)) waiter.reject(error);
  }

  #schedule(): void {
    if (this.#scheduled || this.#inFlight !== undefined) return;
    this.#scheduled = true;
    this.#environment.timers.soon(() => {
      this.#scheduled = false;
      this.#send();
    });
  }

  #send(): void {
    if (this.#inFlight !== undefined || this.#waiting.length === 0) return;
    const batch = this.#waiting.splice(0, BATCH_MAX);
    this.#shared = undefined;
    this.#inFlight = batch;
    try {
      this.#stream ??= this.#open();
      this.#sentAtMs = this.#environment.clock.monotonicMs();
      this.#timer = this.#environment.timers.after(TIMEOUT_MS, () => {
        const stream = this.#stream;
        this.#stream = undefined;
        stream?.cancel();
        this.#fail(new RpcError(GrpcStatus.DEADLINE_EXCEEDED, `no timestamp within ${TIMEOUT_MS} ms`, this.#address));
      });
      this.#stream.send(methods.Tso.request.encode({ header: this.#source.header(), count: batch.length }));
    } catch (error) {
      this.#fail(error);
    }
  }

  #open(): MessageStream {
    const connection = this.#source.leader();
    this.#address = connection.address;
    const stream: MessageStream = connection.open(methods.Tso.path, {
      onMessage: (message) => {
        if (this.#stream === stream) this.#answered(message);
      },
      onClose: (error) => {
        if (this.#stream !== stream) return;
        this.#stream = undefined;
        this.#fail(error);
      },
    });
    return stream;
  }

  #answered(message: Buffer): void {
    const batch = this.#inFlight;
    if (batch === undefined) return;
    let first: bigint;
    try {
      const { count, timestamp } = methods.Tso.response.decode(message);
      if (count !== batch.length || timestamp === undefined) {
        throw new TikvError('protocol', `PD granted ${count} timestamps for ${batch.length}`);
      }
      first = composeTimestamp(timestamp.physical, timestamp.logical) - BigInt(count) + 1n;
      if (first <= this.#newest) {
        throw new TikvError(
          'protocol',
          `timestamp ${first} is not after ${this.#newest}: two clusters, or a broken PD`,
        );
      }
    } catch (error) {
      const stream = this.#stream;
      this.#stream = undefined;
      stream?.cancel();
      this.#fail(error);
      return;
    }
    this.#newest = first + BigInt(batch.length) - 1n;
    this.#newestAtMs = this.#environment.clock.monotonicMs();
    this.#hooks.onTimestamps?.(batch.length, this.#newestAtMs - this.#sentAtMs);
    this.#timer?.cancel();
    this.#inFlight = undefined;
    for (const [index, waiter] of batch.entries()) waiter.resolve(first + BigInt(index));
    if (this.#stream?.retired === true) {
      this.#stream.cancel();
      this.#stream = undefined;
    }
    this.#schedule();
  }

  /** Those in flight fail; those who wait go with the next batch. */
  #fail(error: unknown): void {
    this.#timer?.cancel();
    const batch = this.#inFlight;
    this.#inFlight = undefined;
    for (const waiter of batch ?? []) waiter.reject(error);
    if (!this.#closed && this.#waiting.length > 0) this.#schedule();
  }
}
