/**
 * Keys as strings of one char per byte: as `Map` keys they compare like the bytes, and `<` orders them unsigned.
 */

export type KeyText = string;

export function keyText(bytes: Uint8Array): KeyText {
  const buffer = Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return buffer.toString('latin1');
}

export function keyBytes(text: KeyText): Buffer {
  return Buffer.from(text, 'latin1');
}

/** Whether `key` lies in [start, end), an empty end being unbounded. */
export function within(key: KeyText, start: KeyText, end: KeyText): boolean {
  return key >= start && (end === '' || key < end);
}

/** The smaller of two exclusive ends, an empty one being unbounded. */
export function minEnd(a: KeyText, b: KeyText): KeyText {
  if (a === '') return b;
  if (b === '') return a;
  return a < b ? a : b;
}

/** The smallest key greater than `key`. */
export function successor(key: KeyText): KeyText {
  return `${key}\0`;
}

/** The end of all keys with a prefix; empty, unbounded, without one. */
export function prefixEnd(prefix: KeyText): KeyText {
  for (let i = prefix.length - 1; i >= 0; i--) {
    const code = prefix.charCodeAt(i);
    if (code < 0xff) return prefix.slice(0, i) + String.fromCharCode(code + 1);
  }
  return '';
}

export function printableKey(key: KeyText | Uint8Array): string {
  const text = typeof key === 'string' ? key : keyText(key);
  let out = '';
  for (let i = 0; i < Math.min(text.length, 80); i++) {
    const code = text.charCodeAt(i);
    out += code >= 0x20 && code < 0x7f && code !== 0x5c ? text[i] : `\\x${code.toString(16).padStart(2, '0')}`;
  }
  return text.length > 80 ? `${out}… (${text.length} bytes)` : out;
}
