/**
 * Keeps cached state honest: sees every commit that touches actors, in the stretch that orders it, and marks what someone
 * else than the actor's own turn has changed. Runs inside the store's commit: it neither throws, waits nor writes.
 */

import { decodeLeaseRecord } from '../cluster/lease-record.ts';
import { rangeContains, rangesOverlap } from '../storage/key-range.ts';
import type { Subspace } from '../storage/keyspace.ts';
import type { Change, CommitRecord } from '../storage/store.ts';
import { KeyReader } from '../storage/tuple.ts';
import { type Activation, COMMITTING, STALE } from './activation.ts';
import { STATE, stateKey } from './keys.ts';

export interface ResidentActors {
  find(type: string, key: string): Activation | undefined;
  all(): Iterable<Activation>;
  leaseMoved(activation: Activation): void;
}

const reader = new KeyReader(new Uint8Array(0));

export function invalidate(record: CommitRecord, space: Subspace, actors: ResidentActors): void {
  for (const change of record.changes) {
    if (change.kind === 'deleteRange') {
      if (!rangesOverlap(change.range, space.range())) continue;
      for (const activation of actors.all()) {
        if (rangeContains(change.range, stateKey(space, activation.type.name, activation.key))) outdate(activation);
      }
    } else if (space.contains(change.key)) {
      try {
        applyChange(change, space, actors);
      } catch {
        // Not a key of ours: nobody has it cached.
      }
    }
  }
}

function applyChange(change: Exclude<Change, { kind: 'deleteRange' }>, space: Subspace, actors: ResidentActors): void {
  reader.reset(change.key, space.prefix.length);
  const type = reader.text();
  if (type === '') return;
  const activation = actors.find(type, reader.text());
  if (activation === undefined) return;
  if (reader.atEnd) {
    leaseChanged(activation, change, actors);
    return;
  }
  const part = reader.int();
  if (part === STATE && reader.offset === change.key.length) outdate(activation);
}

function leaseChanged(activation: Activation, change: Change, actors: ResidentActors): void {
  const { lease } = activation;
  if (lease === undefined || change.kind !== 'put') return;
  if (decodeLeaseRecord(change.value).epoch > lease.epoch) actors.leaseMoved(activation);
}

function outdate(activation: Activation): void {
  if ((activation.flags & COMMITTING) === 0 && activation.type.persistent) activation.flags |= STALE;
}
