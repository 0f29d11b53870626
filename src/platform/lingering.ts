/**
 * Whoever goes on sending after its connection was ended is read away, so that it finds the last reply and no reset. Nobody wants
 * what is read, and a crowd that sends lines without an end would have the event loop do little else: one read each
 * millisecond is for all of them together, and those beyond a few dozen are cut.
 *
 * A socket that is not being read keeps no process alive, and one that ends waits for its connections to close: so these timers do.
 */

const LINGERERS_MAX = 32;
const PERIOD_MS = 1;

const waiting: (() => void)[] = [];

/** Calls `read` when it is its turn. @returns false, and does not, where too many wait. */
export function linger(read: () => void): boolean {
  if (waiting.length >= LINGERERS_MAX) return false;
  waiting.push(read);
  if (waiting.length === 1) setTimeout(readOne, PERIOD_MS);
  return true;
}

function readOne(): void {
  waiting.shift()!();
  if (waiting.length > 0) setTimeout(readOne, PERIOD_MS);
}
