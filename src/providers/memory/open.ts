/**
 * A store in memory: everything the contract promises but durability. What it holds is gone when it closes, and its
 * class is `memory`, without log and change feed.
 */

import type { Log } from '../../base/log.ts';
import type { Platform } from '../../platform/platform.ts';
import { LocalStore } from '../../storage/local-store.ts';
import { MemoryEngine, type MemoryLimits } from './memory-engine.ts';

/** Beyond its limits, writes are refused with `out_of_memory`; deletes still work. */
export interface MemoryStoreOptions extends MemoryLimits {
  readonly name: string;
  readonly platform: Platform;
  readonly log: Log;
  /** Bound on memory for writes on their way into the tree, and for old versions. Default 32 MiB. */
  readonly overlayBytesMax?: number;
  /** As `LocalStoreOptions.writeSetBytesMax`. */
  readonly writeSetBytesMax?: number;
  /** As `LocalStoreOptions.applyDelayMs`. */
  readonly applyDelayMs?: number;
}

export function openMemoryStore(options: MemoryStoreOptions): Promise<LocalStore> {
  return LocalStore.open({
    name: options.name,
    platform: options.platform,
    log: options.log,
    engine: new MemoryEngine(options.platform.timers, options),
    durability: 'memory',
    ...(options.overlayBytesMax === undefined ? {} : { overlayBytesMax: options.overlayBytesMax }),
    ...(options.writeSetBytesMax === undefined ? {} : { writeSetBytesMax: options.writeSetBytesMax }),
    ...(options.applyDelayMs === undefined ? {} : { applyDelayMs: options.applyDelayMs }),
    persistent: false,
  });
}
