/**
 * Examines a volume's files and changes nothing: every record of the `.dat` verified, and the `.idx` held against it.
 *
 * What a start would repair by itself (a torn end, an index that lacks rows) is told as well as what it would not.
 */

import { hasCode } from '../../base/errors.ts';
import type { Files } from '../../platform/files.ts';
import { fileIdText } from '../formats/file-id.ts';
import { type IndexLayout, idHighOf, idLowOf, idOf, indexLayout, rowOffset, rowSize } from '../formats/index-row.ts';
import { superBlockBytes } from '../formats/super-block.ts';
import { type VolumeName, volumeBaseName } from '../formats/volume-files.ts';
import { decodeVolumeInfo } from '../formats/volume-info.ts';
import { NeedleMap } from '../index/needle-map.ts';
import { RecordScan } from '../volume/record-scan.ts';
import { isTombstone } from '../volume/recover.ts';
import { readSuperBlock } from '../volume/volume.ts';

const PROBLEMS_MAX = 1_000;
const READ_ROWS = 65_536;

export interface CheckResult {
  readonly datBytes: number;
  readonly records: number;
  /** Needles by what the `.dat` says. */
  readonly live: number;
  readonly deleted: number;
  /** Sentences, the first thousand of them; empty when all is well. */
  readonly problems: readonly string[];
  readonly problemsTotal: number;
}

/** @throws OperationError `not_found` without a `.dat`, `corruption` when its super block cannot be read. */
export async function checkVolume(
  files: Files,
  directory: string,
  name: VolumeName,
  onProgress: (doneBytes: number, totalBytes: number) => void = () => {},
): Promise<CheckResult> {
  const base = `${directory}/${volumeBaseName(name)}`;
  const problems: string[] = [];
  let problemsTotal = 0;
  const problem = (text: string) => {
    if (problems.length < PROBLEMS_MAX) problems.push(text);
    problemsTotal++;
  };
  const dat = await files.open(`${base}.dat`, { mode: 'read' });
  try {
    const datBytes = await dat.size();
    const superBlock = await readSuperBlock(dat);
    const layout = await layoutOf(files, base);
    const map = new NeedleMap(layout);
    const { version } = superBlock;
    const { volumeId } = name;
    const scan = new RecordScan(dat, { version, from: superBlockBytes(superBlock), to: datBytes, volumeId });
    let records = 0;
    for (;;) {
      const found = await scan.next();
      if (found === undefined) break;
      if (found.kind === 'damaged') {
        const which = found.header === undefined ? '' : ` (${fileIdText({ volumeId, ...found.header })} by its header)`;
        problem(`${found.error.message}${which}`);
        if (found.end === undefined && !(await scan.seek(found.offset + 8, 0n))) {
          problem(`${datBytes - found.offset} bytes from ${found.offset} on are no records`);
          break;
        }
        continue;
      }
      records++;
      const { needle, offset } = found;
      const [high, low] = [idHighOf(needle.id), idLowOf(needle.id)];
      if (isTombstone(needle, map)) map.delete(high, low);
      else if (needle.id !== 0n) map.set(high, low, offset, needle.size);
      onProgress(found.end, datBytes);
    }
    await compareIndex(files, base, layout, map, problem);
    return {
      datBytes,
      records,
      live: map.live,
      deleted: map.entries - map.live,
      problems,
      problemsTotal,
    };
  } finally {
    await dat.close();
  }
}

async function layoutOf(files: Files, base: string): Promise<IndexLayout> {
  if (!(await files.exists(`${base}.vif`))) return indexLayout(4);
  const info = decodeVolumeInfo(await files.read(`${base}.vif`));
  return indexLayout(info === undefined || info.bytesOffset === 0 ? 4 : info.bytesOffset);
}

async function compareIndex(
  files: Files,
  base: string,
  layout: IndexLayout,
  truth: NeedleMap,
  problem: (text: string) => void,
): Promise<void> {
  const told = new NeedleMap(layout);
  try {
    const idx = await files.open(`${base}.idx`, { mode: 'read' });
    try {
      const bytes = await idx.size();
      const { rowBytes } = layout;
      if (bytes % rowBytes !== 0) problem(`the index ends within a row: ${bytes % rowBytes} bytes too many`);
      const rows = Math.floor(bytes / rowBytes);
      const buffer = Buffer.allocUnsafeSlow(Math.min(rows, READ_ROWS) * rowBytes);
      for (let row = 0; row < rows; row += READ_ROWS) {
        const length = Math.min(READ_ROWS, rows - row) * rowBytes;
        await idx.read(buffer.subarray(0, length), row * rowBytes);
        for (let at = 0; at < length; at += rowBytes) {
          const [high, low] = [buffer.readUInt32BE(at), buffer.readUInt32BE(at + 4)];
          const [offset, size] = [rowOffset(buffer, at, layout), rowSize(buffer, at, layout)];
          if (offset > 0 && size >= 0 && (high !== 0 || low !== 0)) told.set(high, low, offset, size);
          else told.delete(high, low);
        }
      }
    } finally {
      await idx.close();
    }
  } catch (error) {
    if (!hasCode(error, 'not_found')) throw error;
    problem('there is no index');
    return;
  }
  truth.forEach((high, low, offset, size) => {
    if (size < 0) return;
    const isTold = told.find(high, low);
    const id = idOf(high, low).toString(16);
    if (!isTold) problem(`the index lacks needle ${id} at ${offset}`);
    else if (told.foundSize >= 0 && told.foundOffset !== offset) {
      problem(`the index has needle ${id} at ${told.foundOffset}, its record is at ${offset}`);
    }
  });
  told.forEach((high, low, offset, size) => {
    if (size < 0) return;
    const isTrue = truth.find(high, low) && truth.foundSize >= 0;
    if (!isTrue)
      problem(`the index has needle ${idOf(high, low).toString(16)} at ${offset}, where no intact record is`);
  });
}
