/**
 * The super block: the first bytes of a `.dat` file.
 *
 *   offset  size   field
 *   0       1      version of the needles: 1, 2 or 3; new volumes are 3
 *   1       1      replica placement: data centers * 100 + racks * 10 + servers, each the number of *further* copies
 *   2       2      time to live: count, unit (ttl.ts)
 *   4       2      compaction revision, big-endian; one more per vacuum, wrapping
 *   6       2      length of the extra field, big-endian, at most 65,534
 *   8       extra  versions 2 and 3 only: protobuf `SuperBlockExtra`, which SeaweedFS writes and never reads back
 *
 * The first needle follows. The extra field is kept byte for byte and not interpreted.
 */

import { asBuffer, type Bytes, EMPTY_BYTES } from '../../base/bytes.ts';
import { OperationError } from '../../base/errors.ts';
import { decodeTtl, encodeTtl, type Ttl } from './ttl.ts';

export const SUPER_BLOCK_BYTES = 8;
const EXTRA_BYTES_MAX = 65_534;

export type NeedleVersion = 1 | 2 | 3;
const CURRENT_NEEDLE_VERSION: NeedleVersion = 3;

export interface SuperBlock {
  readonly version: NeedleVersion;
  /** The byte; `parseReplication` and `replicationText` turn it from and into `XYZ`. */
  readonly replication: number;
  readonly ttl: Ttl | undefined;
  readonly compactionRevision: number;
  readonly extra: Bytes;
}

export function newSuperBlock(fields: Partial<SuperBlock> = {}): SuperBlock {
  return {
    version: CURRENT_NEEDLE_VERSION,
    replication: 0,
    ttl: undefined,
    compactionRevision: 0,
    extra: EMPTY_BYTES,
    ...fields,
  };
}

/** Where the first needle begins. */
export function superBlockBytes(block: SuperBlock): number {
  return SUPER_BLOCK_BYTES + block.extra.length;
}

export function encodeSuperBlock(block: SuperBlock): Buffer {
  const extra = block.version === 1 ? EMPTY_BYTES : block.extra;
  const bytes = Buffer.alloc(SUPER_BLOCK_BYTES + extra.length);
  bytes[0] = block.version;
  bytes[1] = block.replication;
  encodeTtl(block.ttl, bytes, 2);
  bytes.writeUInt16BE(block.compactionRevision & 0xffff, 4);
  bytes.writeUInt16BE(extra.length, 6);
  bytes.set(extra, SUPER_BLOCK_BYTES);
  return bytes;
}

/**
 * `bytes` are the beginning of the file, at least 8 and, where there is an extra field, as long as it reaches.
 * @throws OperationError `corruption` when they cannot be a super block.
 */
export function decodeSuperBlock(bytes: Bytes): SuperBlock {
  if (bytes.length < SUPER_BLOCK_BYTES) {
    throw new OperationError('corruption', `a super block of ${bytes.length} bytes: it has 8`);
  }
  const version = bytes[0]!;
  if (version !== 1 && version !== 2 && version !== 3) {
    throw new OperationError('corruption', `the super block names needle version ${version}; known are 1, 2 and 3`);
  }
  const extraBytes = version === 1 ? 0 : extraBytesOf(bytes);
  if (bytes.length < SUPER_BLOCK_BYTES + extraBytes) {
    throw new OperationError('corruption', `the super block's extra field of ${extraBytes} bytes is cut off`);
  }
  return {
    version,
    replication: bytes[1]!,
    ttl: decodeTtl(bytes, 2),
    compactionRevision: asBuffer(bytes).readUInt16BE(4),
    extra: Buffer.from(bytes.subarray(SUPER_BLOCK_BYTES, SUPER_BLOCK_BYTES + extraBytes)),
  };
}

/** Length of the extra field that these 8 bytes announce. */
export function extraBytesOf(bytes: Bytes): number {
  const length = asBuffer(bytes).readUInt16BE(6);
  if (length > EXTRA_BYTES_MAX) throw new OperationError('corruption', `an extra field of ${length} bytes`);
  return length;
}

/** `XYZ`, shorter texts padded with zeros on the left. @throws OperationError `invalid_argument`. */
export function parseReplication(text: string): number {
  const value = Number(text === '' ? '0' : text);
  if (!/^\d{0,3}$/.test(text) || value > 255) {
    throw new OperationError('invalid_argument', `the replication ${JSON.stringify(text.slice(0, 20))} is malformed`, {
      hint: 'Write three digits: further copies in other data centers, other racks, the same rack. At most 255.',
    });
  }
  return value;
}

export function replicationText(replication: number): string {
  return String(replication).padStart(3, '0');
}
