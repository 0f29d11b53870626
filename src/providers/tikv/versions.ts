/**
 * Timestamps of PD as versions of the storage contract, which are numbers.
 *
 * A timestamp has milliseconds in its upper 46 bits and a counter in the lower 18. A version keeps all milliseconds, since
 * 2024, and the counter without its lowest six bits: 53 bits last until 2093. Versions of commits are rounded up and those
 * of reads down, so that a read version not below a commit's always sees it. Two commits may share a version.
 */

import { composeTimestamp } from '#tikv-client';
import type { Version } from '../../storage/store.ts';

const EPOCH = composeTimestamp(BigInt(Date.UTC(2024, 0, 1)), 0n);
const DROPPED_BITS = 6n;

export function readVersionOf(timestamp: bigint): Version {
  return timestamp <= EPOCH ? 0 : Number((timestamp - EPOCH) >> DROPPED_BITS);
}

export function commitVersionOf(timestamp: bigint): Version {
  return readVersionOf(timestamp) + 1;
}
