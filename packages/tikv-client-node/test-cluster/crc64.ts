/** CRC-64/XZ (ECMA-182 polynomial, reflected). "123456789" gives 0x995dc9bbdf1939fa. */

const POLYNOMIAL = 0xc96c_5795_d787_0f42n;
const ALL_ONES = 0xffff_ffff_ffff_ffffn;

const TABLE = Array.from({ length: 256 }, (_, byte) => {
  let crc = BigInt(byte);
  for (let bit = 0; bit < 8; bit++) crc = (crc & 1n) === 1n ? (crc >> 1n) ^ POLYNOMIAL : crc >> 1n;
  return crc;
});

export function crc64(bytes: Uint8Array): bigint {
  let crc = ALL_ONES;
  for (const byte of bytes) crc = TABLE[Number((crc ^ BigInt(byte)) & 0xffn)]! ^ (crc >> 8n);
  return crc ^ ALL_ONES;
}
