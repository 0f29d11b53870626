/**
 * Of those who are refused one is let go each millisecond, the others stand in line: it is the end that whoever sends garbage in a
 * loop waits for, and what comes faster only takes processor time from everybody else. They know by then why they are refused.
 *
 * Of a long line more go at a time, so that each waits for a fraction of a second, but never so many that it makes a long turn.
 */

const PERIOD_MS = 1;
/** In each period this part of the line goes. */
const PART = 1 / 64;
const AT_A_TIME_MAX = 16;

/** Those who wait to be let go. */
const line: (() => void)[] = [];
/** One was let go less than a period ago. */
let isPacing = false;

/** @returns whether that is now; otherwise `letGo` is called when it is. */
export function mayGoNow(letGo: () => void): boolean {
  if (isPacing) {
    line.push(letGo);
    return false;
  }
  isPacing = true;
  setTimeout(next, PERIOD_MS); // It keeps the process alive, which a connection that is not read does not.
  return true;
}

function next(): void {
  isPacing = line.length > 0;
  if (!isPacing) return;
  setTimeout(next, PERIOD_MS);
  for (const letGo of line.splice(0, Math.min(Math.ceil(line.length * PART), AT_A_TIME_MAX))) letGo();
}
