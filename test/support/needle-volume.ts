/** Needle volumes made in memory, with random contents that follow from a seed, and what each id must read as. */

import type { Bytes } from '../../src/base/bytes.ts';
import { crc32c } from '../../src/base/crc32c.ts';
import { DELETED_SIZE, encodeIndexRow, SMALL_INDEX } from '../../src/blobs/formats/index-row.ts';
import { bodyBytes, encodeNeedle, type Needle, NO_DETAILS, recordBytes } from '../../src/blobs/formats/needle.ts';
import { encodeSuperBlock, newSuperBlock } from '../../src/blobs/formats/super-block.ts';
import { encodeVolumeInfo, newVolumeInfo } from '../../src/blobs/formats/volume-info.ts';
import type { Files } from '../../src/platform/files.ts';
import type { SeededRandom } from '../../src/platform/simulated/seeded-random.ts';

export interface NeedleVolume {
  readonly dat: Buffer;
  readonly idx: Buffer;
  /** Live needles. */
  readonly contents: ReadonlyMap<bigint, Bytes>;
  readonly deleted: readonly bigint[];
}

export interface NeedleVolumeOptions {
  readonly needles: number;
  readonly dataBytesMax: number;
  /** Of the needles, how many are deleted. Default a tenth. */
  readonly deletes?: number;
}

export function newNeedleVolume(random: SeededRandom, options: NeedleVolumeOptions): NeedleVolume {
  const records: Buffer[] = [encodeSuperBlock(newSuperBlock())];
  const rows: Buffer[] = [];
  const contents = new Map<bigint, Bytes>();
  let offset = records[0]!.length;
  let appendAtNs = 1_700_000_000_000_000_000n;
  const append = (id: bigint, data: Bytes, isDelete: boolean, checksum: number) => {
    const needle: Needle = { ...NO_DETAILS, id, cookie: Number(id) * 7 + 1, data };
    const size = bodyBytes(needle, 3);
    const record = Buffer.alloc(recordBytes(size, 3));
    encodeNeedle(record, 0, needle, { version: 3, checksum, appendAtNs: appendAtNs++ });
    records.push(record);
    rows.push(encodeIndexRow({ id, offset, size: isDelete ? DELETED_SIZE : size }, SMALL_INDEX));
    offset += record.length;
  };
  for (let i = 1; i <= options.needles; i++) {
    const data = random.bytes(1 + random.int(options.dataBytesMax));
    append(BigInt(i), data, false, crc32c(data));
    contents.set(BigInt(i), data);
  }
  const deleted: bigint[] = [];
  for (let i = 0; i < (options.deletes ?? Math.floor(options.needles / 10)); i++) {
    const id = BigInt(1 + random.int(options.needles));
    const data = contents.get(id);
    if (data === undefined) continue;
    append(id, Buffer.alloc(0), true, crc32c(data));
    contents.delete(id);
    deleted.push(id);
  }
  return { dat: Buffer.concat(records), idx: Buffer.concat(rows), contents, deleted };
}

/** Synced, as a volume that was closed. */
export async function writeNeedleVolume(files: Files, base: string, volume: NeedleVolume): Promise<void> {
  await files.writeAtomic(`${base}.dat`, volume.dat);
  await files.writeAtomic(`${base}.idx`, volume.idx);
  await files.writeAtomic(`${base}.vif`, encodeVolumeInfo(newVolumeInfo({ replication: '000' })));
}
