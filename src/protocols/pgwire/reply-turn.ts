/**
 * Lets the answers of one turn of the event loop leave together, once all requests that had arrived were handled.
 *
 * Each write to a socket may wake the client behind it, and often one process is behind many: woken by the first of
 * several answers it finds the others there, where one after another would put it to sleep in between each time. With a
 * single request in a turn nothing waits.
 */

import { objectList } from '../../base/object-list.ts';
import type { Platform } from '../../platform/platform.ts';

export class ReplyTurn {
  readonly #timers: Pick<Platform['timers'], 'soon'>;
  #waiting = objectList<() => void>();

  constructor(timers: Pick<Platform['timers'], 'soon'>) {
    this.#timers = timers;
  }

  /** Calls `reply` at the end of the turn. */
  add(reply: () => void): void {
    if (this.#waiting.push(reply) > 1) return;
    this.#timers.soon(() => {
      const all = this.#waiting;
      this.#waiting = objectList();
      for (const each of all) each();
    });
  }
}
