import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compileSimdModule } from '../../../scripts/build-simd.ts';
import { crc32c } from '../../base/crc32c.ts';
import { multiply } from './galois.ts';
import { type Kernel, PlainKernel } from './kernel.ts';
import { ReedSolomon } from './reed-solomon.ts';
import { SimdKernel, simdBufferBytes } from './simd-kernel.ts';

const seed = Number(process.env.ORBIT_TEST_SEED ?? 1);
const LENGTH_MAX = 3_000;

const code = fc.record({
  dataShards: fc.integer({ min: 1, max: 20 }),
  parityShards: fc.integer({ min: 1, max: 12 }),
  length: fc.integer({ min: 0, max: LENGTH_MAX }),
  bytes: fc.infiniteStream(fc.nat(255)),
});

function run(kernel: Kernel, rows: readonly Uint8Array[], inputs: readonly Uint8Array[], length: number): Buffer[] {
  const sources = inputs.map((input) => {
    const buffer = kernel.allocate(LENGTH_MAX);
    buffer.set(input);
    return buffer;
  });
  const targets = rows.map(() => kernel.allocate(LENGTH_MAX));
  kernel.code(rows, sources, targets, length);
  return targets.map((target) => Buffer.from(target.subarray(0, length)));
}

describe('the kernels', () => {
  it('give the same sums for any ratio and length, those of the definition', () => {
    fc.assert(
      fc.property(code, ({ dataShards, parityShards, length, bytes }) => {
        const { rows } = new ReedSolomon({ dataShards, parityShards }).encoding;
        const inputs = rows[0]!.reduce<Uint8Array[]>((all) => {
          all.push(Uint8Array.from({ length }, () => bytes.next().value as number));
          return all;
        }, []);
        const simd = run(new SimdKernel(40 * simdBufferBytes(LENGTH_MAX)), rows, inputs, length);
        const plain = run(new PlainKernel(), rows, inputs, length);
        rows.forEach((row, r) => {
          const sum = Buffer.alloc(length);
          for (let at = 0; at < length; at++) {
            for (const [i, factor] of row.entries()) sum[at]! ^= multiply(factor, inputs[i]![at]!);
          }
          expect(plain[r]!.equals(sum)).toBe(true);
          expect(simd[r]!.equals(sum)).toBe(true);
        });
      }),
      { seed, numRuns: 40 },
    );
  });

  it('change their tables with the rows', () => {
    const kernel = new SimdKernel(8 * simdBufferBytes(64));
    const input = kernel.allocate(64).fill(1);
    const output = kernel.allocate(64);
    for (const factor of [1, 7, 0, 255]) {
      kernel.code([Uint8Array.of(factor)], [input], [output], 64);
      expect(output[63]).toBe(factor);
    }
  });

  it('give the same checksum, whole and in pieces', () => {
    const bytes = Uint8Array.from({ length: 70_001 }, (_, i) => (i * i * 31 + (i >> 8) + seed) & 0xff);
    const simd = new SimdKernel(simdBufferBytes(bytes.length));
    const buffer = simd.allocate(bytes.length);
    buffer.set(bytes);
    const plain = new PlainKernel();
    for (const length of [0, 1, 9, 511, 16_383, 16_384, 16_385, 32_768, 70_001]) {
      const expected = crc32c(bytes, 0, length);
      expect(simd.crc32c(buffer, length)).toBe(expected);
      expect(plain.crc32c(bytes, length)).toBe(expected);
      const half = length >> 1;
      const first = simd.crc32c(buffer, half);
      expect(simd.crc32c(buffer.subarray(half), length - half, first)).toBe(expected);
    }
    buffer.set(Buffer.from('123456789'));
    expect(simd.crc32c(buffer, 9)).toBe(0xe3069283);
  });

  it('refuse foreign buffers and running out of memory', () => {
    const kernel = new SimdKernel(simdBufferBytes(64));
    expect(() => kernel.code([Uint8Array.of(1)], [new Uint8Array(64)], [kernel.allocate(64)], 64)).toThrow(/kernel/);
    expect(() => {
      for (let i = 0; i < 100; i++) kernel.allocate(10_000);
    }).toThrow(/no memory left/);
  });
});

describe('the module', () => {
  it('is what its source compiles to', async () => {
    const { readFile } = await import('node:fs/promises');
    const kept = await readFile(new URL('./simd-module.ts', import.meta.url), 'utf8');
    expect(kept === (await compileSimdModule()), 'run node scripts/build-simd.ts').toBe(true);
  });
});
