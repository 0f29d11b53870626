/**
 * The newest read that each store knows of, which one-phase and asynchronous commits must come after.
 *
 * A store learns of the reads that it serves, a leader also of those that its followers serve for it. A new leader, of a
 * region that was split off, and one whose region has taken in another, cannot know what was read elsewhere: such commits
 * are refused until the store has taken a timestamp from PD, which is newer than all of them. It is asked for when the
 * first such commit comes, and here never at once.
 */

import { MAX_TIMESTAMP } from '../src/timestamp.ts';
import type { Place } from './handler.ts';
import type { RegionErrorInit } from './region-checks.ts';
import type { StoreState } from './topology.ts';

type Where = Pick<Place, 'cluster' | 'store' | 'region'>;

/** A read at `ts` is served here. */
export function observeRead({ cluster, store, region }: Where, ts: bigint): void {
  raise(store, ts);
  const leader = region.leader?.storeId;
  if (leader !== undefined && leader !== store.id) raise(cluster.topology.stores.get(leader)!, ts);
}

/** @returns why a commit must wait whose timestamp the store would choose. */
export function checkMaxTs({ cluster, store, region }: Where): RegionErrorInit | undefined {
  if (!region.maxTsUnknown) return undefined;
  const nowMs = cluster.environment.clock.monotonicMs();
  region.maxTsAskedAtMs ??= nowMs;
  if (nowMs - region.maxTsAskedAtMs < cluster.maxTsSyncMs) {
    return { message: 'max timestamp not synced', maxTimestampNotSynced: {} };
  }
  raise(store, cluster.tso.next());
  region.maxTsUnknown = false;
  return undefined;
}

export function raise(store: StoreState, ts: bigint): void {
  if (ts !== MAX_TIMESTAMP && ts > store.maxTs) store.maxTs = ts;
}
