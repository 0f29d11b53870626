import { expect, test } from 'vitest';
import { decodeLeaseRecord, encodeLeaseRecord } from './lease-record.ts';

test('the bytes on disk are those of format 1', () => {
  expect(Buffer.from(encodeLeaseRecord({ epoch: 258n, expiresAtMs: 1_000, member: 'n1' })).toString('hex')).toBe(
    '010201000000000000e8030000000000006e31',
  );
  expect(Buffer.from(encodeLeaseRecord({ epoch: 1n, expiresAtMs: undefined, member: '' })).toString('hex')).toBe(
    '010100000000000000ffffffffffffffff',
  );
});

test('what was encoded decodes to an equal record', () => {
  for (const record of [
    { epoch: 2n ** 63n, expiresAtMs: 1_893_456_000_000, member: 'member-ü' },
    { epoch: 1n, expiresAtMs: undefined, member: '' },
  ]) {
    expect(decodeLeaseRecord(encodeLeaseRecord(record))).toEqual(record);
  }
});

test('short records are corrupt, newer formats are named', () => {
  const bytes = Buffer.from(encodeLeaseRecord({ epoch: 1n, expiresAtMs: 1, member: 'a' }));
  expect(() => decodeLeaseRecord(bytes.subarray(0, 16))).toThrow(expect.objectContaining({ code: 'corruption' }));
  bytes[0] = 9;
  expect(() => decodeLeaseRecord(bytes)).toThrow(expect.objectContaining({ code: 'store_format' }));
});
