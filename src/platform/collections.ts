/** Looks after V8's garbage collections. */

import { type PerformanceEntry, PerformanceObserver } from 'node:perf_hooks';

interface Collection extends PerformanceEntry {
  readonly detail: { readonly kind: number };
}

/**
 * Calls `look` for each collection, some time after it.
 * @param look Is told the kind, of Node's `NODE_PERFORMANCE_GC_…`, and how long it took. @returns a function that ends it.
 */
export function afterCollections(look: (kind: number, tookMs: number) => void): () => void {
  const collections = new PerformanceObserver((list) => {
    for (const { detail, duration } of list.getEntries() as Collection[]) look(detail.kind, duration);
  });
  collections.observe({ entryTypes: ['gc'] });
  return () => collections.disconnect();
}
