/** Timestamps of PD: milliseconds in the upper 46 bits, a logical counter in the lower 18. */

export const LOGICAL_BITS = 18n;
export const MAX_TIMESTAMP = 0xffff_ffff_ffff_ffffn;

export function composeTimestamp(physicalMs: bigint, logical: bigint): bigint {
  return (physicalMs << LOGICAL_BITS) + logical;
}

export function physicalMs(timestamp: bigint): number {
  return Number(timestamp >> LOGICAL_BITS);
}
