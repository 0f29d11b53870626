/**
 * Of those who are refused one is let go each millisecond, the others stand in line: it is the end that whoever sends garbage in a
 * loop waits for, and what comes faster only takes processor time from everybody else. They know by then why they are refused.
 * The line is short; who finds it full is let go at once.
 */

const LINE_MAX = 64;
const PERIOD_MS = 1;

/** Those who wait to be let go. */
const line: (() => void)[] = [];
/** One was let go less than a period ago. */
let isPacing = false;

/** @returns whether that is now; otherwise `letGo` is called when it is. */
export function mayGoNow(letGo: () => void): boolean {
  if (line.length >= LINE_MAX) return true;
  if (isPacing) {
    line.push(letGo);
    return false;
  }
  isPacing = true;
  setTimeout(next, PERIOD_MS); // It keeps the process alive, which a connection that is not read does not.
  return true;
}

function next(): void {
  const letGo = line.shift();
  isPacing = letGo !== undefined;
  if (letGo === undefined) return;
  setTimeout(next, PERIOD_MS);
  letGo();
}
