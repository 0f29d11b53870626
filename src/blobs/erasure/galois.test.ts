import { describe, expect, it } from 'vitest';
import { codeMatrix, inverse, invert, multiply, product } from './galois.ts';
import { checkRatio, DEFAULT_RATIO, ReedSolomon } from './reed-solomon.ts';

describe('the field', () => {
  it('multiplies and inverts as SeaweedFS does', () => {
    expect(multiply(2, 0x80)).toBe(0x1d);
    expect(multiply(3, 7)).toBe(9);
    expect(multiply(0x53, 0xca)).toBe(0x8f);
    expect(multiply(0xb6, 0x53)).toBe(0xee);
    expect(multiply(0xff, 0xff)).toBe(0xe2);
    expect([2, 3, 0x53].map(inverse)).toEqual([0x8e, 0xf4, 0x8c]);
  });

  it('is a field: products commute, distribute, and have inverses', () => {
    for (let a = 0; a < 256; a++) {
      if (a !== 0) expect(multiply(a, inverse(a))).toBe(1);
      for (let b = 0; b < 256; b += 7) {
        expect(multiply(a, b)).toBe(multiply(b, a));
        expect(multiply(a, b ^ 0x35)).toBe(multiply(a, b) ^ multiply(a, 0x35));
      }
    }
  });

  it('inverts matrices', () => {
    const matrix = codeMatrix(10, 4).slice(4);
    const identity = product(matrix, invert(matrix));
    identity.forEach((row, i) => {
      expect([...row]).toEqual(Array.from({ length: 10 }, (_, column) => (column === i ? 1 : 0)));
    });
  });
});

describe('the code', () => {
  const hex = (rows: readonly Uint8Array[]) => rows.map((row) => Buffer.from(row).toString('hex'));

  it('has the matrix of 10 + 4 that klauspost/reedsolomon has', () => {
    const matrix = codeMatrix(10, 4);
    expect(hex(matrix.slice(10))).toEqual([
      '8196afb8d2c4fee80302',
      '9681b8afc4d2e8fe0203',
      'bfd6620a066fdfb70504',
      'd6bf0a626f06b7df0405',
    ]);
  });

  it('has the matrices of other ratios', () => {
    const parity = (data: number, count: number) =>
      codeMatrix(data, count)
        .slice(data)
        .map((row) => [...row]);
    expect(parity(2, 1)).toEqual([[3, 2]]);
    expect(parity(3, 2)).toEqual([
      [1, 1, 1],
      [15, 8, 6],
    ]);
    expect(parity(4, 2)).toEqual([
      [27, 28, 18, 20],
      [28, 27, 20, 18],
    ]);
    const five = [[0, 1], [4, 5], [2, 3], [6, 7], [8, 9]].map((shard) => Uint8Array.from(shard)); // biome-ignore format: a column per shard
    expect(product(codeMatrix(5, 5).slice(5), five).map((row) => [...row])).toEqual([
      [12, 13],
      [10, 11],
      [14, 15],
      [90, 91],
      [94, 95],
    ]);
  });

  it('encodes the published vectors', () => {
    const { rows } = new ReedSolomon(DEFAULT_RATIO).encoding;
    const parity = (data: readonly number[]) =>
      product(
        rows,
        data.map((byte) => Uint8Array.of(byte)),
      ).map((row) => row[0]);
    expect(parity([3, 10, 17, 24, 31, 38, 45, 52, 59, 66])).toEqual([108, 239, 27, 211]);
    expect(parity([1, 2, 4, 8, 16, 32, 64, 128, 1, 2])).toEqual([0xc0, 0xbf, 0x8f, 0xb3]);
    expect(parity([0, 1, 2, 3, 4, 5, 6, 7, 8, 9])).toEqual([10, 11, 12, 13]);
    expect(parity(new Array(10).fill(77))).toEqual([77, 77, 77, 77]);
  });

  it('reconstructs with the published coefficients', () => {
    const plan = new ReedSolomon(DEFAULT_RATIO).plan([1, 2, 4, 5, 6, 7, 8, 9, 11, 12], [0, 3]);
    expect(plan.rows.map((row) => [...row])).toEqual([
      [177, 116, 28, 50, 127, 149, 210, 136, 158, 196],
      [195, 42, 169, 113, 50, 2, 89, 170, 27, 232],
    ]);
  });

  it('refuses ratios that cannot be stored, and too few shards', () => {
    for (const [dataShards, parityShards] of [[0, 4], [10, 0], [29, 4], [2.5, 1]] as const) // biome-ignore format: pairs
      expect(() => checkRatio({ dataShards, parityShards })).toThrow(/erasure coding with/);
    const code = new ReedSolomon({ dataShards: 3, parityShards: 2 });
    expect(() => code.plan([0, 4], [1])).toThrow('2 intact shards are left, 3 are needed');
  });
});
