import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { asBuffer, type Bytes, utf8 } from '../../base/bytes.ts';
import { crc32c } from '../../base/crc32c.ts';
import {
  bodyBytes,
  decodeNeedle,
  type EncodeOptions,
  encodeAround,
  encodeNeedle,
  maskedChecksum,
  type Needle,
  NO_DETAILS,
  recordBytes,
  TOMBSTONE_CHECKSUM,
  tombstoneChecksum,
} from './needle.ts';
import type { NeedleVersion } from './super-block.ts';

const HELLO: Needle = {
  ...NO_DETAILS,
  cookie: 0x0d0e0f10,
  id: 0x1234n,
  data: utf8('hello'),
  name: utf8('a.txt'),
  mime: utf8('text/x'),
  lastModifiedS: 1_700_000_000,
  ttl: { count: 3, unit: 2 },
};
const APPENDED_AT = 1_700_000_000_123_456_789n;

function encode(needle: Needle, version: NeedleVersion, options: Partial<EncodeOptions> = {}): Buffer {
  const bytes = Buffer.alloc(recordBytes(bodyBytes(needle, version), version), 0xee);
  const end = encodeNeedle(bytes, 0, needle, {
    version,
    checksum: needle.data.length === 0 ? 0 : crc32c(needle.data),
    appendAtNs: APPENDED_AT,
    ...options,
  });
  expect(end).toBe(bytes.length);
  return bytes;
}

const hex = (text: string) => text.replaceAll(/\s/g, '');

describe('needle records, as SeaweedFS writes them', () => {
  it.each<[string, NeedleVersion, Needle, Partial<EncodeOptions>, string]>([
    ['version 1', 1, HELLO, {}, '0d0e0f10 0000000000001234 00000005 68656c6c6f 9a71bb4c 00000000000012'],
    [
      'version 2',
      2,
      HELLO,
      {},
      `0d0e0f10 0000000000001234 0000001e 00000005 68656c6c6f 1e 05612e747874 06746578742f78 006553f100 0302
       9a71bb4c 6553f1000000`,
    ],
    [
      'version 3',
      3,
      HELLO,
      {},
      `0d0e0f10 0000000000001234 0000001e 00000005 68656c6c6f 1e 05612e747874 06746578742f78 006553f100 0302
       9a71bb4c 17979cfe3d85cd15 0000001e0000`,
    ],
    [
      'version 3 without data, whose name and type are dropped',
      3,
      { ...HELLO, data: utf8('') },
      {},
      '0d0e0f10 0000000000001234 00000000 00000000 17979cfe3d85cd15 00000000',
    ],
    [
      'version 3, aligned, with eight bytes of padding',
      3,
      { ...NO_DETAILS, cookie: 1, id: 2n, data: utf8('xxxxxxx') },
      { appendAtNs: 0x0102030405060708n },
      `00000001 0000000000000002 0000000c 00000007 78787878787878 00 b79f836b 0102030405060708 0000000c00000000`,
    ],
  ])('encodes %s', (_what, version, needle, options, bytes) => {
    const encoded = encode(needle, version, { ...options, seal: false });
    expect(encoded.toString('hex')).toBe(hex(bytes));
    const decoded = decodeNeedle(encoded, 0, version);
    expect(decoded).toMatchObject({ cookie: needle.cookie, id: needle.id, sealed: false });
    expect(Buffer.from(decoded.data).equals(needle.data)).toBe(true);
  });

  it('reads checksums raw and masked, and no others', () => {
    const crc = crc32c(HELLO.data);
    expect(maskedChecksum(crc)).toBe(0x191c1fbb);
    for (const checksum of [crc, 0x191c1fbb]) {
      expect(decodeNeedle(encode(HELLO, 3, { checksum }), 0, 3).checksum).toBe(checksum);
    }
    expect(() => decodeNeedle(encode(HELLO, 3, { checksum: (crc ^ 1) >>> 0 }), 0, 3)).toThrow(/checksum/);
  });

  it('reads a tombstone as SeaweedFS wrote it', () => {
    const bytes = Buffer.from(hex('3b2e4ea7 0000000000000014 00000000 c73e5dad 189295d74eb770a7 00000000'), 'hex');
    expect(decodeNeedle(bytes, 0, 3)).toMatchObject({ cookie: 0x3b2e4ea7, id: 0x14n, size: 0, checksum: 0xc73e5dad });
    expect(tombstoneChecksum(0xc73e5dad)).toBe(0xc73e5dad);
    expect(tombstoneChecksum(0)).toBe(TOMBSTONE_CHECKSUM);
  });

  it('accepts a body that ends before its optional fields, and refuses fields that reach beyond it', () => {
    const whole = encode({ ...HELLO, ttl: undefined }, 3, { seal: false });
    // The same record with the size reduced so that the time of modification is cut off.
    const size = whole.readInt32BE(12) - 5;
    const bytes = Buffer.alloc(recordBytes(size, 3));
    whole.copy(bytes, 0, 0, 16 + size);
    bytes.writeInt32BE(size, 12);
    bytes.writeUInt32BE(crc32c(HELLO.data), 16 + size);
    bytes.writeInt32BE(size, bytes.length - (bytes.length - 16 - size - 12));
    bytes.fill(0, Math.min(bytes.length, 16 + size + 16));
    expect(decodeNeedle(bytes, 0, 3)).toMatchObject({ lastModifiedS: undefined, size });
    const overrun = Buffer.from(whole);
    overrun[16 + 4 + 5 + 1] = 0xff; // Length of the name.
    expect(() => decodeNeedle(overrun, 0, 3)).toThrow(/reach beyond its body/);
  });

  it('names the needle that is damaged', () => {
    const bytes = encode(HELLO, 3);
    bytes[21]! ^= 4;
    expect(() => decodeNeedle(bytes, 0, 3, 7)).toThrow('needle 7,12340d0e0f10: its data does not have its checksum');
  });
});

const short = (max: number) => fc.option(fc.uint8Array({ maxLength: max }), { nil: undefined });
const needles: fc.Arbitrary<Needle> = fc.record({
  cookie: fc.integer({ min: 0, max: 0xffff_ffff }),
  id: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
  data: fc.uint8Array({ maxLength: 40 }),
  gzip: fc.boolean(),
  manifest: fc.boolean(),
  name: short(12),
  mime: short(12),
  lastModifiedS: fc.option(fc.integer({ min: 0, max: 2 ** 40 - 1 }), { nil: undefined }),
  ttl: fc.option(fc.record({ count: fc.integer({ min: 1, max: 255 }), unit: fc.integer({ min: 1, max: 6 }) }), {
    nil: undefined,
  }),
  pairs: short(20),
});
const versions = fc.constantFrom<NeedleVersion>(1, 2, 3);

describe('needle records', () => {
  it('come back as they were written, sealed or not, whole or in pieces', () => {
    fc.assert(
      fc.property(needles, versions, fc.boolean(), (needle, version, seal) => {
        const bytes = encode(needle, version, { seal });
        const decoded = decodeNeedle(bytes, 0, version);
        expect(decoded.recordBytes).toBe(bytes.length);
        if (version === 3) expect(decoded.sealed).toBe(seal);
        expect(Buffer.from(decoded.data).equals(needle.data)).toBe(true);
        if (version !== 1 && needle.data.length > 0) {
          for (const field of ['gzip', 'manifest', 'lastModifiedS', 'ttl'] as const) {
            expect(decoded[field]).toEqual(needle[field]);
          }
          for (const field of ['name', 'mime', 'pairs'] as const) {
            expect(asText(decoded[field])).toBe(asText(needle[field]));
          }
        }
        const { head, tail } = encodeAround(needle, {
          version,
          checksum: decoded.checksum,
          appendAtNs: APPENDED_AT,
          seal,
        });
        expect(Buffer.concat([head, needle.data, tail]).equals(bytes)).toBe(true);
      }),
    );
  });

  it('are refused with any single bit flipped, header, names and padding included', () => {
    fc.assert(
      fc.property(needles, (needle) => {
        const version = 3;
        const bytes = encode(needle, version);
        const size = bytes.readInt32BE(12);
        expect(decodeNeedle(bytes, 0, version).sealed).toBe(true);
        for (let bit = 0; bit < bytes.length * 8; bit++) {
          const damaged = Buffer.from(bytes);
          damaged[bit >> 3]! ^= 1 << (bit & 7);
          // Whoever reads a record knows its size from the index: another one is no record of that needle.
          if (damaged.readInt32BE(12) !== size) continue;
          let refused = false;
          try {
            decodeNeedle(damaged, 0, version);
          } catch {
            refused = true;
          }
          if (!refused) expect.fail(`bit ${bit} of ${bytes.toString('hex')}`);
        }
      }),
      { numRuns: 40 },
    );
  });

  it('are refused cut at every byte, and random bytes never do more than throw', () => {
    const bytes = encode(HELLO, 3);
    for (let cut = 16; cut < bytes.length; cut++) {
      expect(() => decodeNeedle(bytes.subarray(0, cut), 0, 3)).toThrow(/corrupt|cut off/);
    }
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 16, maxLength: 200 }), versions, (random, version) => {
        const bytes = Buffer.from(random);
        bytes.writeInt32BE(bytes.readInt32BE(12) % 200, 12);
        try {
          decodeNeedle(bytes, 0, version);
        } catch (error) {
          expect(error).toMatchObject({ code: 'corruption' });
        }
      }),
    );
  });
});

function asText(bytes: Bytes | undefined): string | undefined {
  return bytes === undefined ? undefined : asBuffer(bytes).toString('hex');
}
