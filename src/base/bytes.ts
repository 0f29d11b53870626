/** Byte strings: the keys and values of the store, ordered by unsigned comparison. */

export type Bytes = Uint8Array;

declare global {
  // Present in every Node release and twice as fast as `toString`; missing from the published types.
  interface Buffer {
    latin1Slice(start?: number, end?: number): string;
    utf8Slice(start?: number, end?: number): string;
    latin1Write(text: string, offset?: number): number;
  }
}

export const EMPTY_BYTES: Bytes = Buffer.alloc(0);

/** Bytes that are compared one by one: a call into Node takes as long as some eighty of them. */
const COMPARED_BYTES_MAX = 32;
/** As many of parts: more than that a call takes, and views besides. */
const COMPARED_PARTS_BYTES_MAX = 64;
/** Bytes that are copied one by one. */
const COPIED_BYTES_MAX = 32;

/** Unsigned lexicographic order; a prefix sorts before what it begins. */
export function compareBytes(a: Bytes, b: Bytes): number {
  const shorter = a.length < b.length ? a.length : b.length;
  if (shorter > COMPARED_BYTES_MAX) return Buffer.compare(a, b);
  for (let i = 0; i < shorter; i++) {
    const difference = a[i]! - b[i]!;
    if (difference !== 0) return difference;
  }
  return a.length - b.length;
}

/** As `compareBytes` of `bytes[start, end)`, of which no view is made: for keys that differ early. */
export function compareSlice(bytes: Bytes, start: number, end: number, other: Bytes): number {
  const length = end - start;
  const shorter = Math.min(length, other.length);
  for (let i = 0; i < shorter; i++) {
    const difference = bytes[start + i]! - other[i]!;
    if (difference !== 0) return difference;
  }
  return length - other.length;
}

/** As `compareBytes` of `a[startA, endA)` and `b[startB, endB)`, of which no views are made. */
export function compareParts(a: Buffer, startA: number, endA: number, b: Bytes, startB: number, endB: number): number {
  const shorter = Math.min(endA - startA, endB - startB);
  const looked = Math.min(shorter, COMPARED_PARTS_BYTES_MAX);
  for (let i = 0; i < looked; i++) {
    const difference = a[startA + i]! - b[startB + i]!;
    if (difference !== 0) return difference;
  }
  if (looked === shorter) return endA - startA - (endB - startB);
  return a.compare(b, startB + looked, endB, startA + looked, endA);
}

export function equalBytes(a: Bytes, b: Bytes): boolean {
  if (a.length !== b.length) return false;
  if (a.length > COMPARED_BYTES_MAX) return Buffer.compare(a, b) === 0;
  // Keys that lie near each other differ at the end.
  for (let i = a.length - 1; i >= 0; i--) if (a[i] !== b[i]) return false;
  return true;
}

export function startsWith(bytes: Bytes, prefix: Bytes): boolean {
  if (bytes.length < prefix.length) return false;
  for (let i = 0; i < prefix.length; i++) if (bytes[i] !== prefix[i]) return false;
  return true;
}

/** Copies `from[start, end)` to `into` at `offset`, without a view of it; short ones byte by byte, which is faster. */
export function copyPart(into: Bytes, offset: number, from: Bytes, start: number, end: number): void {
  if (end - start > COPIED_BYTES_MAX) asBuffer(from).copy(into, offset, start, end);
  else for (let i = start, to = offset; i < end; i++, to++) into[to] = from[i]!;
}

/** A copy that shares no memory with `bytes`. */
export function copyBytes(bytes: Bytes): Bytes {
  const copy = Buffer.allocUnsafeSlow(bytes.length);
  copy.set(bytes);
  return copy;
}

export function concatBytes(...parts: readonly Bytes[]): Bytes {
  return Buffer.concat(parts);
}

/** UTF-8 bytes of a string. */
export function utf8(text: string): Bytes {
  return Buffer.from(text, 'utf8');
}

/** One char per byte: a `Map` key that compares like the bytes themselves. */
export function latin1(bytes: Bytes): string {
  return asBuffer(bytes).latin1Slice(0, bytes.length);
}

export function text(bytes: Bytes): string {
  return asBuffer(bytes).utf8Slice(0, bytes.length);
}

/** The same memory as a `Buffer`, for its readers and encoders. */
export function asBuffer(bytes: Bytes): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** The smallest byte string greater than every string that starts with `prefix`; undefined when there is none. */
export function prefixEnd(prefix: Bytes): Bytes | undefined {
  let length = prefix.length;
  while (length > 0 && prefix[length - 1] === 0xff) length--;
  if (length === 0) return undefined;
  const end = Buffer.from(prefix.subarray(0, length));
  end[length - 1]! += 1;
  return end;
}

/** The smallest byte string greater than `key`: the key and a zero byte. */
export function keySuccessor(key: Bytes): Bytes {
  const next = Buffer.alloc(key.length + 1);
  next.set(key);
  return next;
}

/** Printable form of a key for messages: ASCII as it is, other bytes as \xNN. */
export function printable(bytes: Bytes, lengthMax = 120): string {
  let out = '';
  for (const byte of bytes.subarray(0, lengthMax)) {
    out +=
      byte >= 0x20 && byte < 0x7f && byte !== 0x5c
        ? String.fromCharCode(byte)
        : `\\x${byte.toString(16).padStart(2, '0')}`;
  }
  return bytes.length > lengthMax ? `${out}… (${bytes.length} bytes)` : out;
}
