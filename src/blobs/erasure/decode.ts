/**
 * Turns shards back into a needle volume: the `.dat` as it was, byte for byte, and an index of it.
 *
 * All shards that are there are examined first, and what is lost or rotten is computed. Without a recorded length the
 * `.dat` ends with its last live needle. The `.idx` has the live needles in the order of their offsets, then the deletes
 * that stand at the end of the `.dat`, then a row without tombstone for each needle deleted since.
 *
 * As with encoding, new files are whole and synced before the change is decided (conversion.ts), and a full disk ends it
 * with `disk_full` and removes what was written.
 */

import { hasCode, OperationError } from '../../base/errors.ts';
import type { File, Files } from '../../platform/files.ts';
import { DELETED_SIZE, encodeIndexRow, type IndexRow } from '../formats/index-row.ts';
import { decodeNeedleHeader, NEEDLE_HEADER_BYTES, recordBytes } from '../formats/needle.ts';
import type { NeedleVersion } from '../formats/super-block.ts';
import { encodeVolumeInfo } from '../formats/volume-info.ts';
import type { ErasureContext, WorkOptions } from './context.ts';
import {
  erasureFiles,
  finishConversion,
  giveUpConversion,
  recoverConversion,
  writeConversion,
  writePart,
} from './conversion.ts';
import { readSortedRows } from './encode.ts';
import { examine } from './examine.ts';
import { readJournal } from './journal.ts';
import type { Stripe } from './layout.ts';
import { runPipeline, SLOTS } from './pipeline.ts';
import { contradiction } from './rebuild.ts';
import { datVersion, directoryOf, PART, readErasureInfo, ShardFiles } from './shard-files.ts';
import { ShardedDat, ShardReader } from './shard-reader.ts';
import { WriteBehind } from './write-behind.ts';

export interface DecodeReport {
  readonly datBytes: number;
  readonly needles: number;
  readonly deleted: number;
  /** Blocks that had rotted and were computed from others. */
  readonly rottenBlocks: number;
}

const PIECE_BYTES = 1024 * 1024;

/**
 * @throws OperationError `not_found` without shards, `already_exists` beside a `.dat`, `corruption` when too much is lost,
 * `disk_full`, `cancelled`, `io`.
 */
export async function decodeVolume(
  context: ErasureContext,
  base: string,
  options: WorkOptions = {},
): Promise<DecodeReport> {
  const { files } = context.platform;
  const kind = await recoverConversion(files, base);
  if (kind === 'needles') throw new OperationError('already_exists', `${base} has a .dat`);
  const info = await readErasureInfo(context, base);
  const shards = await ShardFiles.open(files, info);
  try {
    const reader = new ShardReader(context, info, shards);
    reader.code.plan(shards.present, []);
    await examine(
      context,
      reader,
      0,
      info.layout.shardBytes,
      options.signal === undefined ? {} : { signal: options.signal },
    );
    if (reader.disputed.size > 0) throw contradiction(reader);
    const dat = new ShardedDat(reader);
    const version = await datVersion(dat);
    const deleted = await readJournal(files, base);
    const rows = (await readSortedRows(files, base, info.index)).filter((row) => row.size >= 0 && row.offset !== 0);
    const datBytes = info.datBytes > 0 ? info.datBytes : endOf(rows, version);
    const free = await files.freeBytes(directoryOf(base));
    if (free < datBytes) {
      throw new OperationError('disk_full', `the .dat of ${base} needs ${datBytes} bytes, ${free} are free`);
    }
    await writeDat(context, base, reader, datBytes, options);
    await writeIndex(files, base, dat, { rows, deleted, version, datBytes, index: info.index });
    const volumeInfo = { ...info.info, version, datFileBytes: 0, expireAtS: 0, ecShardConfig: undefined };
    const bytesOffset = info.index.offsetBytes;
    await writePart(files, `${base}.vif`, encodeVolumeInfo({ ...volumeInfo, bytesOffset }));
    await files.syncDirectory(directoryOf(base));
    const decided = {
      state: 'decoded',
      rename: ['.idx', '.dat'],
      remove: erasureFiles(),
    } as const;
    await writeConversion(files, base, decided);
    await finishConversion(files, base, decided);
    return { datBytes, needles: rows.length, deleted: deleted.size, rottenBlocks: reader.rottenBlocks };
  } catch (error) {
    if (hasCode(error, 'disk_full') || hasCode(error, 'corruption') || hasCode(error, 'cancelled')) {
      await giveUpConversion(files, base).catch(() => {}); // The first error is the one to tell.
    }
    throw error;
  } finally {
    await shards.close();
  }
}

function endOf(rows: readonly IndexRow[], version: NeedleVersion): number {
  return rows.reduce((end, { offset, size }) => Math.max(end, offset + recordBytes(size, version)), 8);
}

async function writeDat(
  context: ErasureContext,
  base: string,
  reader: ShardReader,
  datBytes: number,
  options: WorkOptions,
): Promise<void> {
  const file = await context.platform.files.open(`${base}.dat${PART}`, { mode: 'create' });
  try {
    await file.truncate(0);
    const behind = new WriteBehind([file]);
    const buffers = Array.from({ length: SLOTS }, () => Buffer.allocUnsafe(Math.min(PIECE_BYTES, datBytes)));
    await runPipeline(
      context,
      pieces(datBytes),
      {
        read: async (slot, { datOffset, bytes }) => reader.read(buffers[slot]!.subarray(0, bytes), datOffset),
        compute() {},
        async write(slot, { datOffset, bytes }) {
          await file.write(buffers[slot]!.subarray(0, bytes), datOffset);
          behind.wrote(bytes);
        },
      },
      { ...options, total: datBytes, weigh: (piece) => piece.bytes },
    );
    await behind.finish();
  } finally {
    await file.close();
  }
}

function* pieces(datBytes: number): Generator<Stripe> {
  for (let at = 0; at < datBytes; at += PIECE_BYTES) {
    yield { shardOffset: 0, blockBytes: 0, datOffset: at, bytes: Math.min(PIECE_BYTES, datBytes - at) };
  }
}

interface IndexContents {
  readonly rows: readonly IndexRow[];
  readonly deleted: ReadonlySet<bigint>;
  readonly version: NeedleVersion;
  readonly datBytes: number;
  readonly index: Parameters<typeof encodeIndexRow>[1];
}

async function writeIndex(files: Files, base: string, dat: File, contents: IndexContents): Promise<void> {
  const { rows, deleted, version, datBytes, index } = contents;
  const ordered = rows.toSorted((a, b) => a.offset - b.offset);
  const tail = await rowsAfter(dat, endOf(rows, version), datBytes, version);
  const gone = [...deleted].map((id) => ({ id, offset: 0, size: DELETED_SIZE }));
  const file = await files.open(`${base}.idx${PART}`, { mode: 'create' });
  try {
    await file.truncate(0);
    let position = 0;
    for (const all = [...ordered, ...tail, ...gone]; all.length > 0; ) {
      const batch = Buffer.concat(all.splice(0, 65_536).map((row) => encodeIndexRow(row, index)));
      await file.write(batch, position);
      position += batch.length;
    }
    await file.sync();
  } finally {
    await file.close();
  }
}

/** What follows the last live needle: deletes, and needles deleted by them. Ends where no record is. */
async function rowsAfter(dat: File, from: number, to: number, version: NeedleVersion): Promise<IndexRow[]> {
  const rows: IndexRow[] = [];
  const head = Buffer.alloc(NEEDLE_HEADER_BYTES);
  for (let at = from; at + NEEDLE_HEADER_BYTES <= to; ) {
    await dat.read(head, at);
    const { id, size } = decodeNeedleHeader(head);
    const end = at + recordBytes(size, version);
    if (size < 0 || end > to || id === 0n) break;
    rows.push({ id, offset: at, size: size === 0 ? DELETED_SIZE : size });
    at = end;
  }
  // Live are only those that the sorted index names: each of these has its delete in it, or behind it.
  const closed = new Set(rows.filter((row) => row.size === DELETED_SIZE).map((row) => row.id));
  return rows.filter((row) => closed.has(row.id));
}
