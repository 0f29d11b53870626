/** What is said of bytes that are no text in UTF-8 (PostgreSQL's report_invalid_encoding). */

import { isUtf8 } from 'node:buffer';
import { SqlError } from '../sql-error.ts';

/** Shows the first bytes that are no character, as many as their first one announces. */
export function invalidBytes(bytes: Uint8Array): SqlError {
  let at = 0;
  while (at < bytes.length) {
    const lead = bytes[at]!;
    const length =
      lead < 0x80
        ? 1
        : lead >= 0xf0 && lead < 0xf8
          ? 4
          : lead >= 0xe0 && lead < 0xf0
            ? 3
            : lead >= 0xc0 && lead < 0xe0
              ? 2
              : 1;
    const part = bytes.subarray(at, at + length);
    if (part.length < length || lead === 0 || !isUtf8(part)) {
      const shown = [...part].map((byte) => `0x${byte.toString(16).padStart(2, '0')}`).join(' ');
      return new SqlError('character_not_in_repertoire', `invalid byte sequence for encoding "UTF8": ${shown}`);
    }
    at += length;
  }
  return new SqlError('character_not_in_repertoire', 'invalid byte sequence for encoding "UTF8"');
}
