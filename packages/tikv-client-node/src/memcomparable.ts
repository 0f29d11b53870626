/**
 * The order-preserving encoding of keys in storage, in which PD and region metadata speak: groups of eight bytes, the
 * last padded with zeros, each followed by 0xff minus the number of pad bytes. Requests carry plain keys.
 *
 *   ""         -> 00 00 00 00 00 00 00 00 F7
 *   "abc"      -> 61 62 63 00 00 00 00 00 FA
 *   "12345678" -> 31 .. 38 FF 00 00 00 00 00 00 00 00 F7
 */

import { TikvError } from './errors.ts';

const GROUP = 8;

export function encodeMemcomparable(key: Uint8Array): Buffer {
  const groups = Math.floor(key.length / GROUP) + 1;
  const encoded = Buffer.alloc(groups * (GROUP + 1));
  for (let group = 0; group < groups; group++) {
    const part = key.subarray(group * GROUP, (group + 1) * GROUP);
    const at = group * (GROUP + 1);
    encoded.set(part, at);
    encoded[at + GROUP] = 0xff - (GROUP - part.length);
  }
  return encoded;
}

/** @throws TikvError `protocol` when the bytes are no encoded key. */
export function decodeMemcomparable(encoded: Uint8Array): Buffer {
  const key = Buffer.alloc(encoded.length);
  let length = 0;
  for (let at = 0; ; at += GROUP + 1) {
    if (at + GROUP >= encoded.length) throw invalid(encoded);
    const padding = 0xff - encoded[at + GROUP]!;
    if (padding > GROUP) throw invalid(encoded);
    key.set(encoded.subarray(at, at + GROUP - padding), length);
    length += GROUP - padding;
    if (padding === 0) continue;
    for (let i = at + GROUP - padding; i < at + GROUP; i++) if (encoded[i] !== 0) throw invalid(encoded);
    if (at + GROUP + 1 !== encoded.length) throw invalid(encoded);
    return key.subarray(0, length);
  }
}

/** Bytes of the encoded form of a key of `keyBytes`. */
export function memcomparableBytes(keyBytes: number): number {
  return (Math.floor(keyBytes / GROUP) + 1) * (GROUP + 1);
}

function invalid(encoded: Uint8Array): TikvError {
  return new TikvError('protocol', `not an encoded key: ${Buffer.from(encoded).toString('hex')}`);
}
