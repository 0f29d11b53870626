import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { utf8 } from '../../base/bytes.ts';
import { fileIdText, parseFileId, parseNeedleName } from './file-id.ts';
import { decodeIndexRow, encodeIndexRow, indexLayout, LARGE_INDEX, rowOffset, SMALL_INDEX } from './index-row.ts';
import { decodeNeedle, decodeNeedleHeader, encodeNeedle, recordBytes } from './needle.ts';
import { decodeSuperBlock, encodeSuperBlock, newSuperBlock, parseReplication, replicationText } from './super-block.ts';
import { parseTtl, ttlSeconds, ttlText } from './ttl.ts';
import { checkCollection, parseVolumeFileName, volumeBaseName } from './volume-files.ts';
import { decodeVolumeInfo, encodeVolumeInfo, newVolumeInfo } from './volume-info.ts';

const FIXTURES = join(import.meta.dirname, '../../../test/fixtures/seaweedfs');

describe('the super block', () => {
  it.each([
    ['0300000000000000', newSuperBlock()],
    ['0302000000000000', newSuperBlock({ replication: 2 })],
    ['030a030200050000', newSuperBlock({ replication: 10, ttl: { count: 3, unit: 2 }, compactionRevision: 5 })],
    ['0200000000000003010203', newSuperBlock({ version: 2, extra: Buffer.from([1, 2, 3]) })],
  ])('%s', (hex, block) => {
    expect(encodeSuperBlock(block).toString('hex')).toBe(hex);
    expect(decodeSuperBlock(Buffer.from(hex, 'hex'))).toEqual(block);
  });

  it('is refused with an unknown version, cut off, or with half of its extra field', () => {
    for (const hex of ['0400000000000000', '0000000000000000', '03000000', '0200000000000003aa']) {
      expect(() => decodeSuperBlock(Buffer.from(hex, 'hex'))).toThrow(expect.objectContaining({ code: 'corruption' }));
    }
  });

  it('tells replication as three digits', () => {
    expect([parseReplication('1'), parseReplication('010'), parseReplication('')]).toEqual([1, 10, 0]);
    expect(replicationText(2)).toBe('002');
    for (const text of ['abc', '256', '1234', '-1']) expect(() => parseReplication(text)).toThrow(/malformed/);
  });
});

describe('times to live', () => {
  it.each([
    ['60m', '1h'],
    ['24h', '1d'],
    ['7d', '1w'],
    ['30d', '1M'],
    ['365d', '1y'],
    ['120m', '2h'],
    ['90m', '90m'],
    ['300m', '5h'],
    ['1000m', '16h'],
    ['3m', '3m'],
    ['5', '5m'],
    ['', ''],
    ['0m', ''],
  ])('%s is stored as %s', (text, stored) => {
    expect(ttlText(parseTtl(text))).toBe(stored);
  });

  it('count seconds, and are refused when malformed', () => {
    expect(ttlSeconds(parseTtl('2h')!)).toBe(7200);
    for (const text of ['m', '3x', '-1m', '1.5h']) expect(() => parseTtl(text)).toThrow(/malformed/);
  });
});

describe('file ids', () => {
  it.each([
    [{ volumeId: 3, id: 0x1234n, cookie: 0x0d0e0f10 }, '3,12340d0e0f10'],
    [{ volumeId: 3, id: 1n, cookie: 0x637037d6 }, '3,01637037d6'],
    [{ volumeId: 7, id: 0x123n, cookie: 1 }, '7,012300000001'],
    [{ volumeId: 1, id: 2n ** 64n - 1n, cookie: 0xffff_ffff }, '1,ffffffffffffffffffffffff'],
  ])('%o is %s', (file, text) => {
    expect(fileIdText(file)).toBe(text);
    expect(parseFileId(text)).toEqual(file);
  });

  it.each([
    ['4ed4c8116e41', 0x4ed4n, 0xc8116e41],
    ['ed400116e41', 0xed4n, 0x00116e41],
    ['abcd0000abcd', 0xabcdn, 0x0000abcd],
    ['01637037d6_3', 4n, 0x637037d6],
  ])('takes %s', (text, id, cookie) => {
    expect(parseNeedleName(text)).toEqual({ id, cookie });
  });

  it('refuses what is none', () => {
    for (const text of [
      '3',
      '3,',
      ',01637037d6',
      '3,37037d6',
      '3,63703 7d6aa',
      `3,${'a'.repeat(25)}`,
      'x,01637037d6',
    ]) {
      expect(() => parseFileId(text), text).toThrow(/malformed/);
    }
    expect(() => parseNeedleName('ffffffffffffffff00000000_1')).toThrow(/exceeds 64 bits/);
    expect(() => parseNeedleName('01637037d6_x')).toThrow(/decimal/);
  });
});

describe('index rows', () => {
  it('have four or five bytes of offset, the fifth behind the others', () => {
    const row = { id: 0x123456789an, offset: 0x01_2345_6789 * 8, size: 77 };
    const large = encodeIndexRow(row, LARGE_INDEX);
    expect(large.toString('hex')).toBe('000000123456789a23456789010000004d');
    expect(decodeIndexRow(large, 0, LARGE_INDEX)).toEqual(row);
    const small = encodeIndexRow({ id: 3n, offset: 8, size: -1 }, SMALL_INDEX);
    expect(small.toString('hex')).toBe('000000000000000300000001ffffffff');
    expect(decodeIndexRow(small, 0, SMALL_INDEX)).toEqual({ id: 3n, offset: 8, size: -1 });
    expect(indexLayout(5)).toBe(LARGE_INDEX);
    expect(() => indexLayout(6)).toThrow(/known are 4 and 5/);
  });
});

describe('volume info', () => {
  it('is written in the spelling of protobuf and read back', () => {
    const info = newVolumeInfo({
      replication: '001',
      datFileBytes: 2590912,
      ecShardConfig: { dataShards: 10, parityShards: 4, encodeTsNs: 1_700_000_000_123_456_789n, blockBytes: 0 },
    });
    const bytes = encodeVolumeInfo(info);
    expect(decodeVolumeInfo(bytes)).toEqual(info);
    expect(JSON.parse(Buffer.from(bytes).toString())).toMatchObject({ datFileSize: '2590912', expireAtSec: '0' });
    expect(JSON.parse(Buffer.from(encodeVolumeInfo(newVolumeInfo())).toString())).toEqual({
      files: [],
      version: 3,
      replication: '',
      bytesOffset: 4,
      datFileSize: '0',
      expireAtSec: '0',
      readOnly: false,
      ecShardConfig: null,
      readOnlyCanDelete: false,
    });
  });

  it('takes snake case, older spellings, bare integers and unknown keys', () => {
    const source = `{"dat_file_size": 5, "BytesOffset": 5, "DestroyTime": "7", "read_only": true, "other": [1],
      "ecShardConfig": {"data_shards": 3, "parityShards": 2, "encodeTsNs": 1700000000123456789}}`;
    expect(decodeVolumeInfo(utf8(source))).toMatchObject({
      datFileBytes: 5,
      bytesOffset: 5,
      expireAtS: 7,
      readOnly: true,
      ecShardConfig: { dataShards: 3, parityShards: 2, encodeTsNs: 1_700_000_000_123_456_789n, blockBytes: 0 },
    });
    expect(decodeVolumeInfo(utf8(''))).toBeUndefined();
    for (const wrong of ['[]', '{', '{"version": "x"}', '{"readOnly": 1}']) {
      expect(() => decodeVolumeInfo(utf8(wrong))).toThrow(expect.objectContaining({ code: 'corruption' }));
    }
  });
});

describe('names of files', () => {
  it('hold the collection before the last underscore', () => {
    expect(parseVolumeFileName('3.dat')).toEqual({ collection: '', volumeId: 3, extension: '.dat' });
    expect(parseVolumeFileName('my_pictures_12.ec03')).toEqual({
      collection: 'my_pictures',
      volumeId: 12,
      extension: '.ec03',
    });
    for (const name of ['x.dat', '03.dat', '3', 'vol_dir.uuid', '99999999999.dat']) {
      expect(parseVolumeFileName(name)).toBeUndefined();
    }
    expect(volumeBaseName({ collection: 'a_b', volumeId: 4 })).toBe('a_b_4');
    for (const name of ['../x', 'a/b', '.hidden', 'a..b']) expect(() => checkCollection(name)).toThrow(/malformed/);
  });
});

describe('a volume that SeaweedFS wrote', () => {
  const dat = readFileSync(join(FIXTURES, '1.dat'));
  const idx = readFileSync(join(FIXTURES, '1.idx'));

  it('is 298 needles with good checksums, which encode again to the same file', () => {
    expect(decodeSuperBlock(dat)).toEqual(newSuperBlock());
    const again = Buffer.alloc(dat.length, 0xee);
    encodeSuperBlock(newSuperBlock()).copy(again);
    const ids = new Set<bigint>();
    let at = 8;
    while (at < dat.length) {
      const needle = decodeNeedle(dat, at, 3);
      expect(needle.sealed).toBe(false);
      ids.add(needle.id);
      at = encodeNeedle(again, at, needle, {
        version: 3,
        checksum: needle.checksum,
        appendAtNs: needle.appendAtNs,
        seal: false,
      });
    }
    expect(ids.size).toBe(298);
    expect(again.equals(dat)).toBe(true);
  });

  it('begins with the records that are known of it', () => {
    const first = decodeNeedle(dat, 8, 3);
    expect(first).toMatchObject({ cookie: 0xccd23656, id: 8n, size: 8241, lastModifiedS: 1557775627 });
    expect(first.checksum).toBe(0x1e55363e);
    expect(Buffer.from(first.name!).toString()).toBe('.DS_Store');
    expect(decodeNeedle(dat, 8280, 3)).toMatchObject({ cookie: 0x37ea8be4, id: 7n, size: 1497, gzip: true });
    expect(decodeNeedle(dat, 9808, 3).checksum).toBe(0xa5100359);
  });

  it('has an index whose 298 rows each tell a record', () => {
    expect(idx.length).toBe(298 * 16);
    for (let at = 0; at < idx.length; at += 16) {
      const row = decodeIndexRow(idx, at, SMALL_INDEX);
      expect(decodeNeedleHeader(dat, row.offset)).toMatchObject({ id: row.id, size: row.size });
      expect(row.offset + recordBytes(row.size, 3)).toBeLessThanOrEqual(dat.length);
      expect(rowOffset(idx, at, SMALL_INDEX)).toBe(row.offset);
    }
  });
});
