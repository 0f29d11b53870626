/**
 * Which of V8's compilers makes what of WebAssembly modules.
 *
 * By itself V8 compiles functions quickly and badly first, and the hot ones again, well. PostgreSQL's grammar is one function
 * of 100 KB, and compiling it well takes 610 MB for 1.5 s, once, at a moment of V8's choosing; the parser is then faster by a
 * quarter (docs/decisions/parser-at-baseline.md). V8 has no bound on that, and its flags are those of the whole process,
 * read whenever a function is compiled. So a process that uses the parser gives up compiling hot functions again,
 * and small modules whose speed matters are compiled well from the start.
 */

import { setFlagsFromString } from 'node:v8';

/** From now on functions stay as they were compiled first. */
export function keepWasmTiers(): void {
  setFlagsFromString('--no-wasm-tier-up');
  setFlagsFromString('--no-wasm-dynamic-tiering');
}

/** What `compile` makes at once (a `WebAssembly.Module`) is compiled well, all of it: for small modules. */
export function withBestWasmTier<T>(compile: () => T): T {
  setFlagsFromString('--no-liftoff');
  setFlagsFromString('--no-wasm-lazy-compilation');
  try {
    return compile();
  } finally {
    setFlagsFromString('--liftoff');
    setFlagsFromString('--wasm-lazy-compilation');
  }
}
