/**
 * The inner loops of erasure coding, in AssemblyScript: sums of products over GF(2^8), and CRC-32C.
 *
 * Compiled by scripts/build-simd.ts into src/blobs/erasure/simd-module.ts, which is what the server loads. The module
 * has no data and allocates nothing: the host lays its memory out and passes every address (simd-kernel.ts).
 *
 * Products: a product with a constant is two lookups of 16 entries, one per nibble (Plank, Greenan, Miller, "Screaming
 * Fast Galois Field Arithmetic Using Intel SIMD Instructions", FAST 2013). Four sums stay in registers over all
 * inputs, two columns of 16 bytes each, so that a table loaded once serves both.
 *
 * Checksums: there is no carry-less multiplication in WebAssembly, but the step of a CRC by one byte is linear, so it
 * is two lookups of 16 entries for each of the four bytes of the state. 32 stretches of the input advance side by side,
 * one per lane, and their states are combined in the end.
 *
 * Relaxed swizzles are exact here: every index is below 16.
 */

/** Where the compiler may not unroll into: `rows` sums over `count` inputs, `length` a multiple of 32. */
export function code(rows: i32, tables: usize, inputs: usize, count: i32, outputs: usize, length: i32): void {
  if (rows >= 4) code4(tables, inputs, count, outputs, length);
  else if (rows >= 3) code3(tables, inputs, count, outputs, length);
  else if (rows >= 2) code2(tables, inputs, count, outputs, length);
  else code1(tables, inputs, count, outputs, length);
}

// Tables of input k and row r at `tables + k * 128 + r * 32`: products of the low nibbles, then of the high ones.

function code4(tables: usize, inputs: usize, count: i32, outputs: usize, length: i32): void {
  const mask = i8x16.splat(15);
  const out0: usize = load<u32>(outputs);
  const out1: usize = load<u32>(outputs, 4);
  const out2: usize = load<u32>(outputs, 8);
  const out3: usize = load<u32>(outputs, 12);
  for (let at: usize = 0; at < <usize>length; at += 32) {
    let a0 = i64x2.splat(0);
    let a1 = i64x2.splat(0);
    let a2 = i64x2.splat(0);
    let a3 = i64x2.splat(0);
    let b0 = i64x2.splat(0);
    let b1 = i64x2.splat(0);
    let b2 = i64x2.splat(0);
    let b3 = i64x2.splat(0);
    let table = tables;
    const end = inputs + ((<usize>count) << 2);
    for (let input = inputs; input < end; input += 4) {
      const from = <usize>load<u32>(input) + at;
      const x = v128.load(from);
      const y = v128.load(from, 16);
      const xl = v128.and(x, mask);
      const yl = v128.and(y, mask);
      const xh = v128.and(i16x8.shr_u(x, 4), mask);
      const yh = v128.and(i16x8.shr_u(y, 4), mask);
      let t = v128.load(table);
      a0 = v128.xor(a0, i8x16.relaxed_swizzle(t, xl));
      b0 = v128.xor(b0, i8x16.relaxed_swizzle(t, yl));
      t = v128.load(table, 16);
      a0 = v128.xor(a0, i8x16.relaxed_swizzle(t, xh));
      b0 = v128.xor(b0, i8x16.relaxed_swizzle(t, yh));
      t = v128.load(table, 32);
      a1 = v128.xor(a1, i8x16.relaxed_swizzle(t, xl));
      b1 = v128.xor(b1, i8x16.relaxed_swizzle(t, yl));
      t = v128.load(table, 48);
      a1 = v128.xor(a1, i8x16.relaxed_swizzle(t, xh));
      b1 = v128.xor(b1, i8x16.relaxed_swizzle(t, yh));
      t = v128.load(table, 64);
      a2 = v128.xor(a2, i8x16.relaxed_swizzle(t, xl));
      b2 = v128.xor(b2, i8x16.relaxed_swizzle(t, yl));
      t = v128.load(table, 80);
      a2 = v128.xor(a2, i8x16.relaxed_swizzle(t, xh));
      b2 = v128.xor(b2, i8x16.relaxed_swizzle(t, yh));
      t = v128.load(table, 96);
      a3 = v128.xor(a3, i8x16.relaxed_swizzle(t, xl));
      b3 = v128.xor(b3, i8x16.relaxed_swizzle(t, yl));
      t = v128.load(table, 112);
      a3 = v128.xor(a3, i8x16.relaxed_swizzle(t, xh));
      b3 = v128.xor(b3, i8x16.relaxed_swizzle(t, yh));
      table += 128;
    }
    v128.store(out0 + at, a0);
    v128.store(out0 + at, b0, 16);
    v128.store(out1 + at, a1);
    v128.store(out1 + at, b1, 16);
    v128.store(out2 + at, a2);
    v128.store(out2 + at, b2, 16);
    v128.store(out3 + at, a3);
    v128.store(out3 + at, b3, 16);
  }
}

function code3(tables: usize, inputs: usize, count: i32, outputs: usize, length: i32): void {
  const mask = i8x16.splat(15);
  const out0: usize = load<u32>(outputs);
  const out1: usize = load<u32>(outputs, 4);
  const out2: usize = load<u32>(outputs, 8);
  for (let at: usize = 0; at < <usize>length; at += 32) {
    let a0 = i64x2.splat(0);
    let a1 = i64x2.splat(0);
    let a2 = i64x2.splat(0);
    let b0 = i64x2.splat(0);
    let b1 = i64x2.splat(0);
    let b2 = i64x2.splat(0);
    let table = tables;
    const end = inputs + ((<usize>count) << 2);
    for (let input = inputs; input < end; input += 4) {
      const from = <usize>load<u32>(input) + at;
      const x = v128.load(from);
      const y = v128.load(from, 16);
      const xl = v128.and(x, mask);
      const yl = v128.and(y, mask);
      const xh = v128.and(i16x8.shr_u(x, 4), mask);
      const yh = v128.and(i16x8.shr_u(y, 4), mask);
      let t = v128.load(table);
      a0 = v128.xor(a0, i8x16.relaxed_swizzle(t, xl));
      b0 = v128.xor(b0, i8x16.relaxed_swizzle(t, yl));
      t = v128.load(table, 16);
      a0 = v128.xor(a0, i8x16.relaxed_swizzle(t, xh));
      b0 = v128.xor(b0, i8x16.relaxed_swizzle(t, yh));
      t = v128.load(table, 32);
      a1 = v128.xor(a1, i8x16.relaxed_swizzle(t, xl));
      b1 = v128.xor(b1, i8x16.relaxed_swizzle(t, yl));
      t = v128.load(table, 48);
      a1 = v128.xor(a1, i8x16.relaxed_swizzle(t, xh));
      b1 = v128.xor(b1, i8x16.relaxed_swizzle(t, yh));
      t = v128.load(table, 64);
      a2 = v128.xor(a2, i8x16.relaxed_swizzle(t, xl));
      b2 = v128.xor(b2, i8x16.relaxed_swizzle(t, yl));
      t = v128.load(table, 80);
      a2 = v128.xor(a2, i8x16.relaxed_swizzle(t, xh));
      b2 = v128.xor(b2, i8x16.relaxed_swizzle(t, yh));
      table += 128;
    }
    v128.store(out0 + at, a0);
    v128.store(out0 + at, b0, 16);
    v128.store(out1 + at, a1);
    v128.store(out1 + at, b1, 16);
    v128.store(out2 + at, a2);
    v128.store(out2 + at, b2, 16);
  }
}

function code2(tables: usize, inputs: usize, count: i32, outputs: usize, length: i32): void {
  const mask = i8x16.splat(15);
  const out0: usize = load<u32>(outputs);
  const out1: usize = load<u32>(outputs, 4);
  for (let at: usize = 0; at < <usize>length; at += 32) {
    let a0 = i64x2.splat(0);
    let a1 = i64x2.splat(0);
    let b0 = i64x2.splat(0);
    let b1 = i64x2.splat(0);
    let table = tables;
    const end = inputs + ((<usize>count) << 2);
    for (let input = inputs; input < end; input += 4) {
      const from = <usize>load<u32>(input) + at;
      const x = v128.load(from);
      const y = v128.load(from, 16);
      const xl = v128.and(x, mask);
      const yl = v128.and(y, mask);
      const xh = v128.and(i16x8.shr_u(x, 4), mask);
      const yh = v128.and(i16x8.shr_u(y, 4), mask);
      let t = v128.load(table);
      a0 = v128.xor(a0, i8x16.relaxed_swizzle(t, xl));
      b0 = v128.xor(b0, i8x16.relaxed_swizzle(t, yl));
      t = v128.load(table, 16);
      a0 = v128.xor(a0, i8x16.relaxed_swizzle(t, xh));
      b0 = v128.xor(b0, i8x16.relaxed_swizzle(t, yh));
      t = v128.load(table, 32);
      a1 = v128.xor(a1, i8x16.relaxed_swizzle(t, xl));
      b1 = v128.xor(b1, i8x16.relaxed_swizzle(t, yl));
      t = v128.load(table, 48);
      a1 = v128.xor(a1, i8x16.relaxed_swizzle(t, xh));
      b1 = v128.xor(b1, i8x16.relaxed_swizzle(t, yh));
      table += 128;
    }
    v128.store(out0 + at, a0);
    v128.store(out0 + at, b0, 16);
    v128.store(out1 + at, a1);
    v128.store(out1 + at, b1, 16);
  }
}

function code1(tables: usize, inputs: usize, count: i32, outputs: usize, length: i32): void {
  const mask = i8x16.splat(15);
  const out0: usize = load<u32>(outputs);
  for (let at: usize = 0; at < <usize>length; at += 32) {
    let a0 = i64x2.splat(0);
    let b0 = i64x2.splat(0);
    let table = tables;
    const end = inputs + ((<usize>count) << 2);
    for (let input = inputs; input < end; input += 4) {
      const from = <usize>load<u32>(input) + at;
      const x = v128.load(from);
      const y = v128.load(from, 16);
      let t = v128.load(table);
      a0 = v128.xor(a0, i8x16.relaxed_swizzle(t, v128.and(x, mask)));
      b0 = v128.xor(b0, i8x16.relaxed_swizzle(t, v128.and(y, mask)));
      t = v128.load(table, 16);
      a0 = v128.xor(a0, i8x16.relaxed_swizzle(t, v128.and(i16x8.shr_u(x, 4), mask)));
      b0 = v128.xor(b0, i8x16.relaxed_swizzle(t, v128.and(i16x8.shr_u(y, 4), mask)));
      table += 128;
    }
    v128.store(out0 + at, a0);
    v128.store(out0 + at, b0, 16);
  }
}

/** Bytes of one lane, and of a chunk of 32 of them. */
const LANE: usize = 512;
const CHUNK: usize = 32 * LANE;

/**
 * Takes a CRC-32C register (not inverted, neither on the way in nor out) over `length` bytes. `tables`: for each of the
 * four bytes of the state the 16 low and the 16 high entries (128 bytes), the table of one byte (1 KiB), the tables
 * that advance a state by `LANE` zero bytes (4 KiB). `scratch`: 1 KiB.
 */
export function crc32c(state: u32, from: usize, length: usize, tables: usize, scratch: usize): u32 {
  let at = from;
  const end = from + length;
  while (at + CHUNK <= end) {
    state = chunk(state, at, tables, scratch);
    at += CHUNK;
  }
  const single = tables + 128;
  while (at < end) {
    state = load<u32>(single + (((state ^ load<u8>(at)) & 0xff) << 2)) ^ (state >>> 8);
    at += 1;
  }
  return state;
}

function chunk(state: u32, from: usize, tables: usize, scratch: usize): u32 {
  const mask = i8x16.splat(15);
  let a0 = i8x16.replace_lane(i64x2.splat(0), 0, <i8>state);
  let a1 = i8x16.replace_lane(i64x2.splat(0), 0, <i8>(state >>> 8));
  let a2 = i8x16.replace_lane(i64x2.splat(0), 0, <i8>(state >>> 16));
  let a3 = i8x16.replace_lane(i64x2.splat(0), 0, <i8>(state >>> 24));
  let b0 = i64x2.splat(0);
  let b1 = i64x2.splat(0);
  let b2 = i64x2.splat(0);
  let b3 = i64x2.splat(0);
  for (let at = from; at < from + LANE; at += 16) {
    for (let half: usize = 0; half < 2; half++) {
      transpose(at + half * 16 * LANE, LANE, scratch + 512);
      transpose(scratch + 512, 16, scratch + half * 256);
    }
    for (let column = scratch; column < scratch + 256; column += 16) {
      const x = v128.xor(a0, v128.load(column));
      const y = v128.xor(b0, v128.load(column, 256));
      const xl = v128.and(x, mask);
      const yl = v128.and(y, mask);
      const xh = v128.and(i16x8.shr_u(x, 4), mask);
      const yh = v128.and(i16x8.shr_u(y, 4), mask);
      let t = v128.load(tables);
      a0 = v128.xor(a1, i8x16.relaxed_swizzle(t, xl));
      b0 = v128.xor(b1, i8x16.relaxed_swizzle(t, yl));
      t = v128.load(tables, 16);
      a0 = v128.xor(a0, i8x16.relaxed_swizzle(t, xh));
      b0 = v128.xor(b0, i8x16.relaxed_swizzle(t, yh));
      t = v128.load(tables, 32);
      a1 = v128.xor(a2, i8x16.relaxed_swizzle(t, xl));
      b1 = v128.xor(b2, i8x16.relaxed_swizzle(t, yl));
      t = v128.load(tables, 48);
      a1 = v128.xor(a1, i8x16.relaxed_swizzle(t, xh));
      b1 = v128.xor(b1, i8x16.relaxed_swizzle(t, yh));
      t = v128.load(tables, 64);
      a2 = v128.xor(a3, i8x16.relaxed_swizzle(t, xl));
      b2 = v128.xor(b3, i8x16.relaxed_swizzle(t, yl));
      t = v128.load(tables, 80);
      a2 = v128.xor(a2, i8x16.relaxed_swizzle(t, xh));
      b2 = v128.xor(b2, i8x16.relaxed_swizzle(t, yh));
      t = v128.load(tables, 96);
      a3 = i8x16.relaxed_swizzle(t, xl);
      b3 = i8x16.relaxed_swizzle(t, yl);
      t = v128.load(tables, 112);
      a3 = v128.xor(a3, i8x16.relaxed_swizzle(t, xh));
      b3 = v128.xor(b3, i8x16.relaxed_swizzle(t, yh));
    }
  }
  v128.store(scratch, a0);
  v128.store(scratch, b0, 16);
  v128.store(scratch, a1, 32);
  v128.store(scratch, b1, 48);
  v128.store(scratch, a2, 64);
  v128.store(scratch, b2, 80);
  v128.store(scratch, a3, 96);
  v128.store(scratch, b3, 112);
  const shift = tables + 128 + 1024;
  let sum: u32 = 0;
  for (let lane = scratch; lane < scratch + 32; lane++) {
    sum =
      load<u32>(shift + ((sum & 0xff) << 2)) ^
      load<u32>(shift + (((sum >>> 8) & 0xff) << 2), 1024) ^
      load<u32>(shift + (((sum >>> 16) & 0xff) << 2), 2048) ^
      load<u32>(shift + ((sum >>> 24) << 2), 3072);
    sum ^=
      <u32>load<u8>(lane) |
      ((<u32>load<u8>(lane, 32)) << 8) |
      ((<u32>load<u8>(lane, 64)) << 16) |
      ((<u32>load<u8>(lane, 96)) << 24);
  }
  return sum;
}

/**
 * Half of the transposition of 16 vectors, `stride` bytes apart, into 16 adjacent ones: two of the four rounds that
 * interleave vector i with vector i + 8. Done twice, byte j of vector i is byte i of vector j.
 */
function transpose(from: usize, stride: usize, into: usize): void {
  for (let i: usize = 0; i < 4; i++) {
    const row = from + i * stride;
    const a = v128.load(row);
    const b = v128.load(row + 8 * stride);
    const c = v128.load(row + 4 * stride);
    const d = v128.load(row + 12 * stride);
    const al = v128.shuffle<i8>(a, b, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
    const ah = v128.shuffle<i8>(a, b, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
    const cl = v128.shuffle<i8>(c, d, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
    const ch = v128.shuffle<i8>(c, d, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
    const out = into + (i << 6);
    v128.store(out, v128.shuffle<i8>(al, cl, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23));
    v128.store(out, v128.shuffle<i8>(al, cl, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31), 16);
    v128.store(out, v128.shuffle<i8>(ah, ch, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23), 32);
    v128.store(out, v128.shuffle<i8>(ah, ch, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31), 48);
  }
}
