/**
 * Writes the `.ecx` of a volume anew from its shards: from the records of the `.dat` that they make, one after the other,
 * as the index of a needle volume is rebuilt.
 *
 * What the records do not tell is taken from the rows that are left: deletes that older SeaweedFS marked in the index
 * alone, and needles whose records are damaged. Deletes in `.ecj` stay there. Without the old rows, deletes that stood in
 * them alone are undone, and nothing tells of needles whose records are damaged.
 */

import type { Files } from '../../platform/files.ts';
import { DELETED_SIZE, type IndexRow, idHighOf, idLowOf, writeIndexRow } from '../formats/index-row.ts';
import { decodeNeedleHeader, NEEDLE_HEADER_BYTES } from '../formats/needle.ts';
import { superBlockBytes } from '../formats/super-block.ts';
import { NeedleMap } from '../index/needle-map.ts';
import { RecordScan } from '../volume/record-scan.ts';
import { isTombstone } from '../volume/recover.ts';
import { readSuperBlock } from '../volume/volume.ts';
import { type ErasureContext, throwIfAborted } from './context.ts';
import { writePart } from './conversion.ts';
import { readSortedRows } from './encode.ts';
import { directoryOf, PART } from './shard-files.ts';
import { ShardedDat, type ShardReader } from './shard-reader.ts';

/** Records between two looks at the signal. */
const LISTEN_RECORDS = 1_024;

/**
 * @returns how many needles it names.
 * @throws OperationError `corruption` when too much of the shards is lost to read all records, `disk_full`, `cancelled`.
 */
export async function rebuildIndex(
  context: ErasureContext,
  reader: ShardReader,
  signal?: AbortSignal,
): Promise<number> {
  const { files } = context.platform;
  const { base, index } = reader.info;
  const dat = new ShardedDat(reader);
  const map = new NeedleMap(index);
  const damaged = await scanRecords(dat, reader.bytes, map, signal);
  for (const row of await oldRows(files, base, index)) {
    const high = idHighOf(row.id);
    const low = idLowOf(row.id);
    if (row.size === DELETED_SIZE) {
      if (await isAt(dat, reader.bytes, row)) map.delete(high, low);
    } else if (row.size > 0 && damaged.has(row.offset) && !map.find(high, low)) {
      map.set(high, low, row.offset, row.size);
    }
  }
  const rows = Buffer.allocUnsafe(map.live * index.rowBytes);
  let length = 0;
  map.forEach((high, low, offset, size) => {
    if (size < 0) return;
    writeIndexRow(rows, length, index, high, low, offset, size);
    length += index.rowBytes;
  });
  await writePart(files, `${base}.ecx`, rows.subarray(0, length));
  await files.rename(`${base}.ecx${PART}`, `${base}.ecx`);
  await files.syncDirectory(directoryOf(base));
  return map.live;
}

/** Takes all intact records into the map. @returns where damaged ones begin. */
async function scanRecords(
  dat: ShardedDat,
  bytes: number,
  map: NeedleMap,
  signal: AbortSignal | undefined,
): Promise<Set<number>> {
  const superBlock = await readSuperBlock(dat);
  const { version } = superBlock;
  const damaged = new Set<number>();
  const scan = new RecordScan(dat, { version, from: superBlockBytes(superBlock), to: bytes, volumeId: 0 });
  let lastAppendNs = 0n;
  for (let records = 0; ; records++) {
    if (records % LISTEN_RECORDS === 0) throwIfAborted(signal);
    const found = await scan.next();
    if (found === undefined) return damaged;
    if (found.kind === 'damaged') {
      damaged.add(found.offset);
      if (found.end !== undefined && found.header?.id !== 0n) scan.position = found.end;
      else if (!(await scan.seek(found.offset + 8, lastAppendNs))) return damaged; // As behind the end of a `.dat`.
      continue;
    }
    const { needle, offset } = found;
    if (needle.appendAtNs > lastAppendNs) lastAppendNs = needle.appendAtNs;
    const high = idHighOf(needle.id);
    const low = idLowOf(needle.id);
    if (isTombstone(needle, map)) map.delete(high, low);
    else if (needle.id !== 0n) map.set(high, low, offset, needle.size);
  }
}

/** Of the index as it is, those that are whole; none without one. */
async function oldRows(files: Files, base: string, index: ShardReader['info']['index']): Promise<readonly IndexRow[]> {
  return (await files.exists(`${base}.ecx`)) ? readSortedRows(files, base, index) : [];
}

/** Whether the needle that a row names begins where it says. */
async function isAt(dat: ShardedDat, bytes: number, { id, offset }: IndexRow): Promise<boolean> {
  if (offset === 0 || offset + NEEDLE_HEADER_BYTES > bytes) return false;
  const head = Buffer.alloc(NEEDLE_HEADER_BYTES);
  await dat.read(head, offset);
  return decodeNeedleHeader(head).id === id;
}
