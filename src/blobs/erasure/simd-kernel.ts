/**
 * The kernel in WebAssembly with 128-bit vectors. The loops are assembly/erasure.ts; this file lays out their memory:
 *
 *   0         tables of products: per input 4 rows of 32 bytes, room for 32 inputs
 *   4 KiB     addresses of inputs (32), then of outputs (4)
 *   5 KiB     tables of the checksum: nibbles (128), bytes (1 KiB), advance by 512 zero bytes (4 KiB)
 *   11 KiB    scratch of the checksum (1 KiB)
 *   12 KiB    buffers
 *
 * Buffers begin 64 bytes past a multiple of 4 KiB, each one cache line further than the one before: inputs that are
 * read side by side at addresses equal in their low bits would evict each other from the caches.
 */

import { assert } from '../../base/assert.ts';
import type { Bytes } from '../../base/bytes.ts';
import { crc32c } from '../../base/crc32c.ts';
import { OperationError } from '../../base/errors.ts';
import { withBestWasmTier } from '../../platform/wasm-tiers.ts';
import { type Matrix, multiply } from './galois.ts';
import type { Kernel } from './kernel.ts';
import { SIMD_MODULE_BASE64 } from './simd-module.ts';

const INPUTS_MAX = 32;
const ROWS_MAX = 4;
const INPUT_ADDRESSES = 4_096;
const OUTPUT_ADDRESSES = INPUT_ADDRESSES + 4 * INPUTS_MAX;
const CRC_TABLES = 5 * 1_024;
const CRC_SCRATCH = 11 * 1_024;
const BUFFERS = 12 * 1_024;
const PAGE = 65_536;
const CACHE_LINE = 64;
const STEP = 32;
/** Bytes of one lane of the checksum; assembly/erasure.ts has the same number. */
const LANE = 512;

// The types of Node leave WebAssembly to those of browsers.
interface SimdMemory {
  readonly buffer: ArrayBuffer;
}
declare const WebAssembly: {
  readonly Module: new (bytes: Bytes) => object;
  readonly Memory: new (size: { readonly initial: number; readonly maximum: number }) => SimdMemory;
  readonly Instance: new (
    module: object,
    imports: { readonly env: { readonly memory: SimdMemory } },
  ) => { readonly exports: Exports };
};

interface Exports {
  code(rows: number, tables: number, inputs: number, count: number, outputs: number, length: number): void;
  crc32c(state: number, from: number, length: number, tables: number, scratch: number): number;
}

let compiled: object | undefined;

/** What a buffer of that many bytes takes of a kernel's memory, at most. */
export function simdBufferBytes(bytes: number): number {
  return bytes + 3 * 4_096;
}

export class SimdKernel implements Kernel {
  readonly name = 'webassembly';
  readonly #memory: SimdMemory;
  readonly #bytes: Uint8Array<ArrayBuffer>;
  readonly #addresses: Uint32Array;
  readonly #exports: Exports;
  #next = BUFFERS;
  #buffers = 0;
  /** The rows whose tables are loaded. */
  #rows: Matrix | undefined;
  #firstRow = 0;

  /** `bufferBytes` bounds what `allocate` can hand out: add up `simdBufferBytes`. The memory is used as it is touched. */
  constructor(bufferBytes: number) {
    compiled ??= withBestWasmTier(() => new WebAssembly.Module(Buffer.from(SIMD_MODULE_BASE64, 'base64')));
    this.#memory = new WebAssembly.Memory({ initial: Math.ceil((BUFFERS + bufferBytes) / PAGE), maximum: PAGE });
    this.#exports = new WebAssembly.Instance(compiled, { env: { memory: this.#memory } }).exports;
    this.#bytes = new Uint8Array(this.#memory.buffer);
    this.#addresses = new Uint32Array(this.#memory.buffer, INPUT_ADDRESSES, INPUTS_MAX + ROWS_MAX);
    this.#writeCrcTables();
  }

  allocate(bytes: number): Uint8Array<ArrayBuffer> {
    const line = CACHE_LINE * (1 + (this.#buffers % 63));
    const start = Math.ceil(this.#next / 4_096) * 4_096 + line;
    const end = start + Math.ceil(bytes / STEP) * STEP;
    if (end > this.#bytes.length)
      throw new OperationError('out_of_memory', 'the kernel has no memory left for buffers');
    this.#buffers++;
    this.#next = end;
    return this.#bytes.subarray(start, start + bytes);
  }

  code(rows: Matrix, inputs: readonly Bytes[], outputs: readonly Bytes[], length: number): void {
    assert(rows.length === outputs.length, 'a row for each output');
    assert(inputs.length <= INPUTS_MAX, 'inputs within the room for their tables');
    const padded = Math.ceil(length / STEP) * STEP;
    for (let first = 0; first < rows.length; first += ROWS_MAX) {
      const count = Math.min(ROWS_MAX, rows.length - first);
      this.#loadTables(rows, first, count, inputs.length);
      for (let i = 0; i < inputs.length; i++) this.#addresses[i] = this.#addressOf(inputs[i]!, length);
      for (let r = 0; r < count; r++) this.#addresses[INPUTS_MAX + r] = this.#addressOf(outputs[first + r]!, length);
      this.#exports.code(count, 0, INPUT_ADDRESSES, inputs.length, OUTPUT_ADDRESSES, padded);
    }
  }

  crc32c(bytes: Bytes, length: number, before = 0): number {
    const from = this.#addressOf(bytes, length);
    return ~this.#exports.crc32c(~before, from, length, CRC_TABLES, CRC_SCRATCH) >>> 0;
  }

  #addressOf(bytes: Bytes, length: number): number {
    assert(bytes.buffer === this.#memory.buffer && length <= bytes.length, 'a buffer of this kernel, large enough');
    return bytes.byteOffset;
  }

  #loadTables(rows: Matrix, first: number, count: number, inputs: number): void {
    if (rows === this.#rows && first === this.#firstRow) return;
    for (let i = 0; i < inputs; i++) {
      for (let r = 0; r < count; r++) {
        const factor = rows[first + r]![i]!;
        const at = 128 * i + 32 * r;
        for (let nibble = 0; nibble < 16; nibble++) {
          this.#bytes[at + nibble] = multiply(factor, nibble);
          this.#bytes[at + 16 + nibble] = multiply(factor, nibble << 4);
        }
      }
    }
    this.#rows = rows;
    this.#firstRow = first;
  }

  #writeCrcTables(): void {
    const table = Uint32Array.from({ length: 256 }, (_, byte) => stepOf(byte, 1));
    for (let byte = 0; byte < 4; byte++) {
      for (let nibble = 0; nibble < 16; nibble++) {
        this.#bytes[CRC_TABLES + 32 * byte + nibble] = table[nibble]! >>> (8 * byte);
        this.#bytes[CRC_TABLES + 32 * byte + 16 + nibble] = table[nibble << 4]! >>> (8 * byte);
      }
    }
    const words = new Uint32Array(this.#memory.buffer, CRC_TABLES + 128, 5 * 256);
    words.set(table);
    for (let position = 0; position < 4; position++) {
      for (let bit = 0; bit < 8; bit++) {
        const single = stepOf((1 << (8 * position + bit)) >>> 0, LANE);
        for (let byte = 0; byte < 256; byte++) if (byte & (1 << bit)) words[256 * (position + 1) + byte]! ^= single;
      }
    }
  }
}

/** A register of the checksum after that many zero bytes. */
function stepOf(state: number, zeros: number): number {
  return ~crc32c(new Uint8Array(zeros), 0, zeros, ~state >>> 0) >>> 0;
}
