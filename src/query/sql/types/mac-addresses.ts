/**
 * Addresses of network cards, `macaddr` and `macaddr8` (PostgreSQL's mac.c and mac8.c). A value is its canonical text: bytes in lower
 * case hexadecimal with colons between them, so that the order of text is that of the bytes.
 */

import { SqlError } from '../sql-error.ts';

/** What may stand between six groups of digits, or between pairs of them. */
const PLAIN =
  /^\s*([0-9a-f]+)([:-])\s*([0-9a-f]+)\2\s*([0-9a-f]+)\2\s*([0-9a-f]+)\2\s*([0-9a-f]+)\2\s*([0-9a-f]+)\s*$/i;
const PAIRS = /^\s*(?:([0-9a-f]{6})[:-]?([0-9a-f]{6})|([0-9a-f]{4})([.-])([0-9a-f]{4})\4([0-9a-f]{4}))\s*$/i;

export function formatMac(bytes: Iterable<number>): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join(':');
}

export function bytesOfMac(mac: string): Buffer {
  return Buffer.from(mac.replaceAll(':', ''), 'hex');
}

/** @throws SqlError `invalid_text_representation`, `numeric_value_out_of_range`. */
export function parseMac(text: string): string {
  const plain = PLAIN.exec(text);
  if (plain !== null) {
    const bytes = [1, 3, 4, 5, 6, 7].map((group) => Number.parseInt(plain[group]!, 16));
    if (bytes.every((byte) => byte <= 255)) return formatMac(bytes);
    throw new SqlError('numeric_value_out_of_range', `invalid octet value in "macaddr" value: "${text}"`);
  }
  const pairs = PAIRS.exec(text);
  if (pairs === null) {
    throw new SqlError('invalid_text_representation', `invalid input syntax for type macaddr: "${text}"`);
  }
  return formatMac(Buffer.from(text.replace(/[^0-9a-f]/gi, ''), 'hex'));
}

/** Six bytes get FF and FE in their middle. @throws SqlError `invalid_text_representation`. */
export function parseMac8(text: string): string {
  const refused = (): SqlError =>
    new SqlError('invalid_text_representation', `invalid input syntax for type macaddr8: "${text}"`);
  const digits = text.trim();
  if (!/^(?:[0-9a-f]{2}(?:[:.-](?=[0-9a-f])|(?=[0-9a-f])|$))+$/i.test(digits)) throw refused();
  if (new Set(digits.replace(/[0-9a-f]/gi, '')).size > 1) throw refused();
  const bytes = [...Buffer.from(digits.replace(/[^0-9a-f]/gi, ''), 'hex')];
  if (bytes.length === 6) return mac8OfMac(formatMac(bytes));
  if (bytes.length !== 8) throw refused();
  return formatMac(bytes);
}

export function mac8OfMac(mac: string): string {
  return `${mac.slice(0, 8)}:ff:fe:${mac.slice(9)}`;
}

/** @throws SqlError `numeric_value_out_of_range` for one without FF and FE in its middle. */
export function macOfMac8(mac: string): string {
  if (mac.slice(9, 14) === 'ff:fe') return mac.slice(0, 9) + mac.slice(15);
  throw new SqlError('numeric_value_out_of_range', 'macaddr8 data out of range to convert to macaddr', {
    hint:
      'Only addresses that have FF and FE as values in the 4th and 5th bytes from the left, for example ' +
      'xx:xx:xx:ff:fe:xx:xx:xx, are eligible to be converted from macaddr8 to macaddr.',
  });
}
