/**
 * When V8 compiles functions well.
 *
 * By itself it begins to note what types a function meets from its eighth call on, and compiles it for them (Maglev) after some 400,
 * but not within 500 calls since it met a type for the first time. That spares compiling what is hardly called, and suits
 * code that loops. Code that reads statements of ever new kinds consists of hundreds of functions that each see a call or
 * two for a statement: the first 2,000 statements of a process would find them as they were compiled in haste. Noted from the
 * first call on, and compiled after a hundred, the first thousand take a fifth to a third less of the main thread, and
 * no more in all threads (docs/decisions/statements-are-rehearsed.md), for some MB of memory.
 */

import { setFlagsFromString } from 'node:v8';

const CALLS = 100;

/** For all functions of the process that have not been called yet, and as to counts for all that are not compiled well yet. */
export function compileEarly(): void {
  setFlagsFromString('--no-lazy-feedback-allocation');
  setFlagsFromString(`--invocation-count-for-maglev=${CALLS}`);
  setFlagsFromString(`--minimum-invocations-after-ic-update=${CALLS}`);
}
