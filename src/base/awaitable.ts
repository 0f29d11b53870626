/**
 * Results that may already be there.
 *
 * A call that returns `Awaitable<T>` answers synchronously whenever it can do so without waiting. A caller on a hot
 * path tests with `isPromise` and takes the synchronous road without creating a promise; everyone else writes `await`.
 */
export type Awaitable<T> = T | Promise<T>;

export function isPromise<T>(value: Awaitable<T>): value is Promise<T> {
  return value instanceof Promise;
}

/** `next(value)`, now if the value is there, else when it arrives. */
export function whenReady<T, U>(value: Awaitable<T>, next: (value: T) => Awaitable<U>): Awaitable<U> {
  return isPromise(value) ? value.then(next) : next(value);
}

/** A promise with its resolvers outside, for queues and waiters. */
export interface Deferred<T> {
  readonly promise: Promise<T>;
  readonly resolve: (value: T | PromiseLike<T>) => void;
  readonly reject: (error: unknown) => void;
}

export function deferred<T>(): Deferred<T> {
  return Promise.withResolvers<T>();
}
