/**
 * Carries the highest commit version that a reader has seen.
 *
 * Commits become visible before they are durable; a reply therefore leaves only when the durable watermark has reached
 * the highest version it observed. Sessions pass one observer through all reads of a request and hand the version to
 * `Store.whenDurable` before they write to the socket.
 */
export interface Observer {
  /** Highest commit version observed that was not yet durable when it was read; 0 when all of it was. */
  observedVersion: number;
}

export function newObserver(): Observer {
  return { observedVersion: 0 };
}
