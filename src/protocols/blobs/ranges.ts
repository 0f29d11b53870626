/**
 * Byte ranges (RFC 9110, section 14): which parts of a representation a `Range` header asks for, and how several of them
 * are put into one answer. At most 64 ranges are answered; a header that asks for more, or for more bytes than there are,
 * is ignored, as the RFC allows, and the whole is sent.
 */

export interface ByteRange {
  readonly start: number;
  /** Exclusive. */
  readonly end: number;
}

const RANGES_MAX = 64;

/**
 * The ranges within `length` bytes, in the order in which they were asked for; undefined when the whole is to be sent;
 * `unsatisfiable` when all of them lie beyond it, or the header is malformed, which upstream answers in the same way.
 */
export function parseRanges(header: string, length: number): readonly ByteRange[] | 'unsatisfiable' | undefined {
  const match = /^\s*bytes\s*=\s*(.*)$/i.exec(header);
  if (match === null) return header.includes('=') ? undefined : 'unsatisfiable'; // Of another unit: ignored.
  const ranges: ByteRange[] = [];
  const specs = match[1]!.split(',').map((spec) => spec.trim());
  if (specs.length > RANGES_MAX) return undefined;
  for (const spec of specs) {
    if (spec === '') continue;
    const bounds = /^(\d*)\s*-\s*(\d*)$/.exec(spec);
    if (bounds === null || (bounds[1] === '' && bounds[2] === '')) return 'unsatisfiable';
    const [, first, last] = bounds;
    if (first === '') {
      const suffix = Math.min(Number(last), length);
      if (suffix > 0) ranges.push({ start: length - suffix, end: length });
      continue;
    }
    const start = Number(first);
    const end = last === '' ? length : Number(last) + 1;
    if (end <= start && last !== '') return 'unsatisfiable';
    if (start < length) ranges.push({ start, end: Math.min(end, length) });
  }
  if (ranges.length === 0) return 'unsatisfiable';
  const asked = ranges.reduce((sum, { start, end }) => sum + end - start, 0);
  return asked > length && ranges.length > 1 ? undefined : ranges;
}

export function contentRange({ start, end }: ByteRange, length: number): string {
  return `bytes ${start}-${end - 1}/${length}`;
}

/** Head of a part of `multipart/byteranges`, with the line break that ends the part before. */
export function partHead(boundary: string, range: ByteRange, length: number, contentType: string): string {
  return `\r\n--${boundary}\r\nContent-Type: ${contentType}\r\nContent-Range: ${contentRange(range, length)}\r\n\r\n`;
}

export function partsEnd(boundary: string): string {
  return `\r\n--${boundary}--\r\n`;
}
