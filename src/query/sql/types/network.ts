/** IPv4 and IPv6 addresses: text and order (PostgreSQL's inet.c and network.c). */

import { Inet } from '../../../models/relational/values.ts';
import { SqlError } from '../sql-error.ts';

/** @throws SqlError `invalid_text_representation`. */
export function parseInet(text: string, type: 'inet' | 'cidr'): Inet {
  const invalid = (detail?: string): SqlError =>
    new SqlError(
      'invalid_text_representation',
      detail === undefined ? `invalid input syntax for type ${type}: "${text}"` : `invalid cidr value: "${text}"`,
      { detail },
    );
  const [address = '', prefix, more] = text.split('/');
  const bytes = address.includes(':') ? parseIpv6(address) : parseIpv4(address, type, prefix !== undefined);
  if (bytes === undefined || more !== undefined) throw invalid();
  const bitsMax = bytes.bytes.length * 8;
  if (prefix !== undefined && !/^\d{1,3}$/.test(prefix)) throw invalid();
  const bits = prefix === undefined ? bytes.bits : Number(prefix);
  if (bits > bitsMax) throw invalid();
  const value = new Inet(bytes.bytes, bits);
  if (type === 'cidr' && !isNetwork(value)) {
    throw invalid('Value has bits set to right of mask.');
  }
  return value;
}

/** @param short Whether bytes at the end may be left out. */
function parseIpv4(
  text: string,
  type: 'inet' | 'cidr',
  short = false,
): { bytes: Uint8Array; bits: number } | undefined {
  const parts = text.split('.');
  if (parts.length > 4 || parts.some((part) => !/^\d{1,3}$/.test(part) || Number(part) > 255)) return undefined;
  if (type === 'inet' && parts.length !== 4 && !short) return undefined;
  const bytes = new Uint8Array(4);
  for (let i = 0; i < parts.length; i++) bytes[i] = Number(parts[i]);
  if (type === 'inet' || parts.length === 4) return { bytes, bits: 32 };
  // Classes of old, at least as many bits as are given.
  const first = bytes[0]!;
  const byClass = first >= 240 ? 32 : first >= 224 ? 8 : first >= 192 ? 24 : first >= 128 ? 16 : 8;
  return { bytes, bits: Math.max(byClass, parts.length * 8) };
}

function parseIpv6(text: string): { bytes: Uint8Array; bits: number } | undefined {
  const halves = text.split('::');
  if (halves.length > 2) return undefined;
  const groups = (half: string): number[] | undefined => {
    if (half === '') return [];
    const out: number[] = [];
    const parts = half.split(':');
    for (let i = 0; i < parts.length; i++) {
      const part = parts[i]!;
      if (i === parts.length - 1 && part.includes('.')) {
        const four = parseIpv4(part, 'inet');
        if (four === undefined) return undefined;
        out.push(four.bytes[0]! * 256 + four.bytes[1]!, four.bytes[2]! * 256 + four.bytes[3]!);
      } else {
        if (!/^[0-9a-fA-F]{1,4}$/.test(part)) return undefined;
        out.push(Number.parseInt(part, 16));
      }
    }
    return out;
  };
  const left = groups(halves[0]!);
  const right = halves.length === 2 ? groups(halves[1]!) : [];
  if (left === undefined || right === undefined) return undefined;
  const missing = 8 - left.length - right.length;
  if (halves.length === 1 ? missing !== 0 : missing < 0) return undefined;
  const all = [...left, ...Array.from({ length: missing }, () => 0), ...right];
  const bytes = new Uint8Array(16);
  for (let i = 0; i < 8; i++) {
    bytes[i * 2] = all[i]! >> 8;
    bytes[i * 2 + 1] = all[i]! & 255;
  }
  return { bytes, bits: 128 };
}

export function formatHost({ bytes }: Inet): string {
  if (bytes.length === 4) return bytes.join('.');
  const groups = Array.from({ length: 8 }, (_, i) => bytes[i * 2]! * 256 + bytes[i * 2 + 1]!);
  let best = { at: -1, length: 1 };
  for (let i = 0; i < 8; i++) {
    let length = 0;
    while (i + length < 8 && groups[i + length] === 0) length++;
    if (length > best.length) best = { at: i, length };
  }
  const hex = (from: number, to: number): string =>
    groups
      .slice(from, to)
      .map((group) => group.toString(16))
      .join(':');
  const mapped = best.at === 0 && (best.length === 6 || (best.length === 5 && groups[5] === 0xffff));
  if (mapped) return `::${best.length === 5 ? 'ffff:' : ''}${bytes.slice(12).join('.')}`;
  return best.at < 0 ? hex(0, 8) : `${hex(0, best.at)}::${hex(best.at + best.length, 8)}`;
}

/** The length of the prefix is shown by cidr always, by inet when it is no single host. */
export function formatInet(value: Inet, type: 'inet' | 'cidr'): string {
  const host = formatHost(value);
  return type === 'cidr' || value.bits !== value.bytes.length * 8 ? `${host}/${value.bits}` : host;
}

/** The bytes of an IPv4 network that its prefix covers, without those behind. */
export function abbreviated({ bytes, bits }: Inet): string {
  if (bytes.length !== 4) return `${formatHost({ bytes, bits } as Inet)}/${bits}`;
  return `${[...bytes].slice(0, Math.max(1, Math.ceil(bits / 8))).join('.')}/${bits}`;
}

/** The address with what is behind the prefix set to 0, or to 1. */
export function maskedBytes({ bytes, bits }: Inet, rest: 0 | 1 = 0): Uint8Array {
  return bytes.map((byte, i) => {
    const kept = Math.max(0, Math.min(8, bits - i * 8));
    const mask = (0xff << (8 - kept)) & 0xff;
    return rest === 0 ? byte & mask : byte | (~mask & 0xff);
  });
}

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0;
}

/** IPv4 first; then by the bits that both prefixes have, the length of the prefix, and the rest. */
export function compareInet(a: Inet, b: Inet): number {
  if (a.bytes.length !== b.bytes.length) return a.bytes.length - b.bytes.length;
  const bits = Math.min(a.bits, b.bits);
  const common = Buffer.compare(maskedBytes(new Inet(a.bytes, bits)), maskedBytes(new Inet(b.bytes, bits)));
  if (common !== 0) return common;
  if (a.bits !== b.bits) return a.bits - b.bits;
  return Buffer.compare(a.bytes, b.bytes);
}

/** Whether `inner` lies in the network of `outer`. */
export function containsInet(outer: Inet, inner: Inet, strictly: boolean): boolean {
  if (outer.bytes.length !== inner.bytes.length) return false;
  if (strictly ? inner.bits <= outer.bits : inner.bits < outer.bits) return false;
  return sameBytes(maskedBytes(outer), maskedBytes(new Inet(inner.bytes, outer.bits)));
}

/** Whether no bit is set to the right of its mask. */
export function isNetwork(value: Inet): boolean {
  return sameBytes(maskedBytes(value), value.bytes);
}
