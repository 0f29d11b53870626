/**
 * Compares the rows of an `.ecx` with the needles they name. The file has no checksum of its own: a damaged row would make
 * its needle vanish, or lead to another.
 */

import { hasCode } from '../../base/errors.ts';
import { DELETED_SIZE, decodeIndexRow } from '../formats/index-row.ts';
import { decodeNeedleHeader, NEEDLE_HEADER_BYTES } from '../formats/needle.ts';
import { type ErasureContext, throwIfAborted } from './context.ts';
import type { ShardReader } from './shard-reader.ts';

const READ_ROWS = 65_536;

/** @returns how many rows are wrong, 1 without an index; those whose needles cannot be read are not counted. */
export async function checkIndex(context: ErasureContext, reader: ShardReader, signal?: AbortSignal): Promise<number> {
  const { base, index } = reader.info;
  const { rowBytes } = index;
  if (!(await context.platform.files.exists(`${base}.ecx`))) return 1;
  const file = await context.platform.files.open(`${base}.ecx`, { mode: 'read' });
  try {
    const rows = Math.floor((await file.size()) / rowBytes);
    const head = Buffer.alloc(NEEDLE_HEADER_BYTES);
    const buffer = Buffer.allocUnsafe(Math.min(READ_ROWS, rows) * rowBytes);
    let wrong = (await file.size()) % rowBytes === 0 ? 0 : 1;
    let before = -1n;
    for (let row = 0; row < rows; row += READ_ROWS) {
      throwIfAborted(signal);
      const count = Math.min(READ_ROWS, rows - row);
      await file.read(buffer.subarray(0, count * rowBytes), row * rowBytes);
      for (let i = 0; i < count; i++) {
        const { id, offset, size } = decodeIndexRow(buffer, i * rowBytes, index);
        const isOrdered = id > before;
        before = id;
        const isPlace = offset !== 0 && offset + NEEDLE_HEADER_BYTES <= reader.bytes;
        if (!isOrdered || !isPlace || size < DELETED_SIZE) wrong++;
        else if (size !== DELETED_SIZE) {
          try {
            await reader.read(head, offset);
            const found = decodeNeedleHeader(head);
            if (found.id !== id || found.size !== size) wrong++;
          } catch (error) {
            if (!hasCode(error, 'corruption')) throw error;
          }
        }
      }
    }
    return wrong;
  } finally {
    await file.close();
  }
}
