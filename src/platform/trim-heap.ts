/**
 * Gives back the memory that loading the program needed for a moment.
 *
 * Compiling some hundred modules makes V8's young generation grow to its bound, and it stays there: a fifth of what an idle
 * server takes. V8 lets it go when it believes to be out of memory, or when asked to collect so; asking is behind a flag
 * that may be set at any time.
 */

import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

type Collect = (how: { readonly type: 'major'; readonly execution: 'sync'; readonly flavor: 'last-resort' }) => void;

/** Takes some 30 ms of a heap of 25 MB: for the end of a start, not for a busy server. */
export function trimHeap(): void {
  setFlagsFromString('--expose-gc');
  try {
    const collect = runInNewContext('gc') as Collect;
    collect({ type: 'major', execution: 'sync', flavor: 'last-resort' });
  } finally {
    setFlagsFromString('--no-expose-gc');
  }
}
