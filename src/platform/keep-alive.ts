/** The longest period that Node's timers know: nobody is woken for nothing. */
const PERIOD_MS = 2 ** 31 - 1;

/**
 * Awaits `work` to its end. Neither a promise nor a timer of ours keeps the process alive: with its last connection closed, a server
 * whose shutdown waits for a while would end in the middle of it.
 */
export async function keepAlive<T>(work: Promise<T>): Promise<T> {
  const interval = setInterval(() => {}, PERIOD_MS);
  try {
    return await work;
  } finally {
    clearInterval(interval);
  }
}
