/**
 * Connections whose replies wait for the same sync: they are told one after the other in one turn. A promise for each of them
 * would cost more than its reply does.
 */

export interface DurableWaiter {
  /** What its replies tell may be durable now. */
  onDurable(): void;
  /** What its replies tell may or may not have happened. */
  onUnknown(error: unknown): void;
}

export class DurableWaits {
  /** The promise that the latest waiters wait for: the store gives the same one to all who wait for one sync. */
  #durable: Promise<void> | undefined;
  #waiters: DurableWaiter[] = [];

  /** Tells `waiter` once, in a later turn, in the order in which waiters came. */
  add(durable: Promise<void>, waiter: DurableWaiter): void {
    if (durable !== this.#durable) this.#begin(durable);
    this.#waiters.push(waiter);
  }

  #begin(durable: Promise<void>): void {
    const waiters: DurableWaiter[] = [];
    this.#durable = durable;
    this.#waiters = waiters;
    const tell = (each: (waiter: DurableWaiter) => void): void => {
      // Who comes from here on is not among them.
      if (this.#durable === durable) this.#durable = undefined;
      let bug: { readonly error: unknown } | undefined;
      for (const waiter of waiters) {
        try {
          each(waiter);
        } catch (error) {
          bug ??= { error }; // The others are told all the same.
        }
      }
      if (bug !== undefined) throw bug.error;
    };
    durable.then(
      () => tell((waiter) => waiter.onDurable()),
      (error) => tell((waiter) => waiter.onUnknown(error)),
    );
  }
}
