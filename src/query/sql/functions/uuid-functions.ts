/**
 * The functions of uuid-ossp: UUIDs by RFC 4122. Those of version 1 have a random node with the bit of a group address, and a random
 * clock sequence: no address of the machine is told.
 */

import { createHash } from 'node:crypto';
import type { FunctionTable, RunContext } from './definition.ts';
import { requireRandom } from './type-functions.ts';

const NAMESPACES = { dns: 0x10, url: 0x11, oid: 0x12, x500: 0x14 } as const;

function namespace(name: keyof typeof NAMESPACES): string {
  return `6ba7b8${NAMESPACES[name].toString(16)}-9dad-11d1-80b4-00c04fd430c8`;
}

/** 100 ns ticks from the beginning of the Gregorian calendar to that of Unix time. */
const GREGORIAN_TICKS = 0x01b21dd213814000n;

/** Of the last UUID of version 1: of two in one tick the second takes the next. */
let lastTicks = 0n;

function timed(context: RunContext): string {
  const now = context.clockMicros() * 10n + GREGORIAN_TICKS;
  lastTicks = now > lastTicks ? now : lastTicks + 1n;
  const bytes = Buffer.from(requireRandom(context.random).bytes(16));
  bytes.writeUInt32BE(Number(lastTicks & 0xffffffffn), 0);
  bytes.writeUInt16BE(Number((lastTicks >> 32n) & 0xffffn), 4);
  bytes.writeUInt16BE(Number((lastTicks >> 48n) & 0x0fffn), 6);
  bytes[10]! |= 0x01;
  return versioned(bytes, 1);
}

function named(algorithm: 'md5' | 'sha1', version: number): (space: string, name: string) => string {
  return (space, name) => {
    const hash = createHash(algorithm)
      .update(Buffer.from(space.replaceAll('-', ''), 'hex'))
      .update(name)
      .digest();
    return versioned(hash.subarray(0, 16), version);
  };
}

/** Bytes as text, with the bits that tell the version and the variant. */
function versioned(bytes: Buffer, version: number): string {
  bytes[6] = (bytes[6]! & 0x0f) | (version << 4);
  bytes[8] = (bytes[8]! & 0x3f) | 0x80;
  return bytes.toString('hex').replace(/(.{8})(.{4})(.{4})(.{4})(.{12})/, '$1-$2-$3-$4-$5');
}

export const UUID_FUNCTIONS: FunctionTable = {
  'uuid_nil() uuid': () => '00000000-0000-0000-0000-000000000000',
  'uuid_ns_dns() uuid': () => namespace('dns'),
  'uuid_ns_url() uuid': () => namespace('url'),
  'uuid_ns_oid() uuid': () => namespace('oid'),
  'uuid_ns_x500() uuid': () => namespace('x500'),
  'uuid_generate_v1() uuid volatile': timed,
  'uuid_generate_v1mc() uuid volatile': timed,
  'uuid_generate_v3(namespace uuid, name text) uuid': named('md5', 3),
  'uuid_generate_v4() uuid volatile': ({ random }: RunContext) => requireRandom(random).uuid(),
  'uuid_generate_v5(namespace uuid, name text) uuid': named('sha1', 5),
};
