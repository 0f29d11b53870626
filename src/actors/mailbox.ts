/** Calls that wait for their turn at one activation, in order of arrival; a doubly linked list, so that any may withdraw. */

import type { ActorTurn } from './actor-turn.ts';
import type { MethodEntry } from './actor-type.ts';
import type { RequestContext } from './request-context.ts';

export class QueuedCall {
  readonly entry: MethodEntry;
  readonly args: readonly unknown[];
  readonly context: RequestContext;
  readonly caller: ActorTurn | undefined;
  readonly promise: Promise<unknown>;
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: unknown) => void;
  /** The mailbox it waits in; undefined before and after. */
  waitsIn: Mailbox | undefined;
  previous: QueuedCall | undefined;
  next: QueuedCall | undefined;

  constructor(entry: MethodEntry, args: readonly unknown[], context: RequestContext, caller: ActorTurn | undefined) {
    this.entry = entry;
    this.args = args;
    this.context = context;
    this.caller = caller;
    const { promise, resolve, reject } = Promise.withResolvers<unknown>();
    this.promise = promise;
    this.resolve = resolve;
    this.reject = reject;
    this.waitsIn = undefined;
    this.previous = undefined;
    this.next = undefined;
  }
}

export class Mailbox {
  count = 0;
  /** Whether someone further up the stack is taking calls out. */
  draining = false;
  #first: QueuedCall | undefined;
  #last: QueuedCall | undefined;

  push(call: QueuedCall): void {
    call.previous = this.#last;
    if (this.#last === undefined) this.#first = call;
    else this.#last.next = call;
    this.#last = call;
    call.waitsIn = this;
    this.count++;
  }

  /** To the front: a call that was next already. */
  unshift(call: QueuedCall): void {
    call.next = this.#first;
    if (this.#first === undefined) this.#last = call;
    else this.#first.previous = call;
    this.#first = call;
    call.waitsIn = this;
    this.count++;
  }

  shift(): QueuedCall | undefined {
    const call = this.#first;
    if (call !== undefined) this.remove(call);
    return call;
  }

  /** @returns false when the call no longer waits here. */
  remove(call: QueuedCall): boolean {
    if (call.waitsIn !== this) return false;
    if (call.previous === undefined) this.#first = call.next;
    else call.previous.next = call.next;
    if (call.next === undefined) this.#last = call.previous;
    else call.next.previous = call.previous;
    call.waitsIn = undefined;
    call.previous = undefined;
    call.next = undefined;
    this.count--;
    return true;
  }
}
