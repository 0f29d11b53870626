/**
 * When V8 compiles functions well, and how long it keeps what it has compiled.
 *
 * By itself it begins to note what types a function meets from its eighth call on, compiles it for them (Maglev) after some 400,
 * but not within 500 calls since it met a type for the first time, and once more, best (TurboFan), after 3,000. That spares
 * compiling what is hardly called, and suits code that loops. Code that reads statements of ever new kinds consists of
 * hundreds of functions that each see a call or two for a statement: the first 2,000 statements of a process would find them
 * as they were compiled in haste. Noted from the first call on, compiled after a hundred and best after 500, they take half of
 * the main thread (docs/decisions/statements-are-rehearsed.md), for some MB of memory.
 *
 * Compiled code holds for hidden classes, and is thrown away with the first of them that no object has any more. A server that has
 * been idle for some seconds has its heap collected so as to make it small, and all of those went then. So they are kept for
 * a hundred collections instead of two, and an idle server's heap is collected as any other.
 */

import { setFlagsFromString } from 'node:v8';

const CALLS = 100;
const CALLS_BEST = 500;
const COLLECTIONS_KEPT = 100;

/** For all functions of the process that have not been called yet, and as to counts for all that are not compiled well yet. */
export function compileEarly(): void {
  setFlagsFromString('--no-lazy-feedback-allocation');
  setFlagsFromString(`--invocation-count-for-maglev=${CALLS}`);
  setFlagsFromString(`--minimum-invocations-after-ic-update=${CALLS}`);
  setFlagsFromString(`--invocation-count-for-turbofan=${CALLS_BEST}`);
  setFlagsFromString(`--retain-maps-for-n-gc=${COLLECTIONS_KEPT}`);
  setFlagsFromString('--no-memory-reducer-favors-memory');
}
