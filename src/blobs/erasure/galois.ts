/**
 * Arithmetic of GF(2^8) with the polynomial x^8 + x^4 + x^3 + x^2 + 1 (0x11D) and generator 2, and the matrices of a
 * Reed-Solomon code over it.
 *
 * Addition is xor. The code is the one of klauspost/reedsolomon, which SeaweedFS uses: row r of a Vandermonde matrix
 * holds the powers of r, and multiplying it by the inverse of its own top makes the top the identity. So data shards are
 * the data, and any `dataShards` rows can be inverted. Seen otherwise: shard r holds, byte by byte, the value at r of the
 * polynomial of lowest degree through the points (i, data shard i).
 */

import { assert } from '../../base/assert.ts';

const POLYNOMIAL = 0x11d;

const EXP = new Uint8Array(510);
const LOG = new Uint8Array(256);
for (let power = 0, value = 1; power < 255; power++) {
  EXP[power] = value;
  EXP[power + 255] = value;
  LOG[value] = power;
  value <<= 1;
  if (value & 0x100) value ^= POLYNOMIAL;
}

export function multiply(a: number, b: number): number {
  return a === 0 || b === 0 ? 0 : EXP[LOG[a]! + LOG[b]!]!;
}

/** Of anything but 0. */
export function inverse(a: number): number {
  assert(a !== 0, 'zero has no inverse');
  return EXP[255 - LOG[a]!]!;
}

function power(base: number, exponent: number): number {
  if (exponent === 0) return 1;
  return base === 0 ? 0 : EXP[(LOG[base]! * exponent) % 255]!;
}

/** Rows of equal length. */
export type Matrix = readonly Uint8Array[];

/** The code of `dataShards` + `parityShards`: a row of `dataShards` coefficients for each shard. */
export function codeMatrix(dataShards: number, parityShards: number): Matrix {
  const vandermonde = Array.from({ length: dataShards + parityShards }, (_, row) =>
    Uint8Array.from({ length: dataShards }, (_, column) => power(row, column)),
  );
  return product(vandermonde, invert(vandermonde.slice(0, dataShards)));
}

export function product(left: Matrix, right: Matrix): Matrix {
  return left.map((row) =>
    Uint8Array.from({ length: right[0]!.length }, (_, column) =>
      row.reduce((sum, factor, i) => sum ^ multiply(factor, right[i]![column]!), 0),
    ),
  );
}

/** The inverse of a square matrix that has one, by Gauss and Jordan. */
export function invert(matrix: Matrix): Matrix {
  const size = matrix.length;
  const rows = matrix.map((row, i) => {
    const wide = new Uint8Array(2 * size);
    wide.set(row);
    wide[size + i] = 1;
    return wide;
  });
  for (let column = 0; column < size; column++) {
    const pivot = rows.findIndex((row, i) => i >= column && row[column] !== 0);
    assert(pivot >= 0, 'the matrix has no inverse');
    [rows[column], rows[pivot]] = [rows[pivot]!, rows[column]!];
    const leading = rows[column]!;
    const scale = inverse(leading[column]!);
    for (let i = 0; i < leading.length; i++) leading[i] = multiply(leading[i]!, scale);
    for (const row of rows) {
      const factor = row[column]!;
      if (row === leading || factor === 0) continue;
      for (let i = 0; i < row.length; i++) row[i]! ^= multiply(factor, leading[i]!);
    }
  }
  return rows.map((row) => row.slice(size));
}
