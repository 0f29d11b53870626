/**
 * What a request carries from call to call: deadline, cancellation, principal, trace, and the versions it observed.
 *
 * A plain argument, handed on explicitly: `AsyncLocalStorage` would cost more than a whole turn. One context may serve
 * many calls, at once or in sequence. Calls that a turn makes belong to the request of that turn.
 */

import type { Observer } from '../base/observer.ts';

export interface RequestContextOptions {
  /** Monotonic milliseconds (`Clock.monotonicMs`) after which nobody waits for the answer. Default: none. */
  readonly deadlineMs?: number;
  /** Withdraws the request. */
  readonly signal?: AbortSignal;
  /** Who asks, as the permission check names it. */
  readonly principal?: string;
  /** Fields of a distributed trace, like `traceparent`; handed on unchanged. */
  readonly trace?: Readonly<Record<string, string>>;
  /**
   * Where given, replies do not wait until what they observed is durable: the versions are noted here, and whoever
   * answers the client waits for `Store.whenDurable`. Servers that gather many replies behind one watermark set it.
   */
  readonly observer?: Observer;
  /** Addresses of the actors that wait for this request on other members, outermost first, like `seat-map/hamlet`. */
  readonly chain?: readonly string[];
}

export class RequestContext {
  /** Monotonic milliseconds; `Infinity` when there is none. */
  readonly deadlineMs: number;
  readonly signal: AbortSignal | undefined;
  readonly principal: string | undefined;
  readonly trace: Readonly<Record<string, string>> | undefined;
  readonly observer: Observer | undefined;
  readonly chain: readonly string[];
  /** False when neither a deadline nor a signal can end the request: the common case on hot paths. */
  readonly limited: boolean;

  constructor(options: RequestContextOptions = {}) {
    this.deadlineMs = options.deadlineMs ?? Number.POSITIVE_INFINITY;
    this.signal = options.signal;
    this.principal = options.principal;
    this.trace = options.trace;
    this.observer = options.observer;
    this.chain = options.chain ?? [];
    this.limited = this.deadlineMs !== Number.POSITIVE_INFINITY || this.signal !== undefined;
  }

  /** The same request with something changed. */
  with(changes: RequestContextOptions): RequestContext {
    const { deadlineMs, signal, principal, trace, observer, chain } = this;
    return new RequestContext({
      deadlineMs,
      chain,
      ...(signal === undefined ? {} : { signal }),
      ...(principal === undefined ? {} : { principal }),
      ...(trace === undefined ? {} : { trace }),
      ...(observer === undefined ? {} : { observer }),
      ...changes,
    });
  }
}

/** The request of callers that set no limits and are nobody in particular. */
export const NO_REQUEST = new RequestContext();
