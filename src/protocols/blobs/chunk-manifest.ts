/**
 * Chunk manifests: a needle whose data is JSON naming other needles, which together are one file.
 *
 *   {"name":"big.bin","mime":"video/mp4","size":12345678,"chunks":[{"fid":"3,0123…","offset":0,"size":4194304},…]}
 *
 * Chunks are sorted by their offset. What no chunk covers reads as zeros.
 */

import { type Bytes, text } from '../../base/bytes.ts';
import { OperationError } from '../../base/errors.ts';
import { type FileId, parseFileId } from '../../blobs/formats/file-id.ts';

const CHUNKS_MAX = 1_000_000;

export interface Chunk {
  readonly file: FileId;
  readonly offset: number;
  readonly size: number;
}

export interface ChunkManifest {
  readonly name: string;
  readonly mime: string;
  readonly size: number;
  readonly chunks: readonly Chunk[];
}

/** @throws OperationError `invalid_argument` for what is no manifest. */
export function parseManifest(bytes: Bytes): ChunkManifest {
  let json: unknown;
  try {
    json = JSON.parse(text(bytes));
  } catch (error) {
    throw new OperationError('invalid_argument', 'the chunk manifest is no JSON', { cause: error });
  }
  const { name = '', mime = '', size, chunks } = asObject(json);
  if (!Array.isArray(chunks) || chunks.length > CHUNKS_MAX) throw malformed('it has no list of chunks');
  if (typeof name !== 'string' || typeof mime !== 'string') throw malformed('name and mime are text');
  const parsed = chunks
    .map((chunk): Chunk => {
      const { fid, offset = 0, size: chunkBytes } = asObject(chunk);
      if (typeof fid !== 'string') throw malformed('a chunk has no fid');
      return { file: parseFileId(fid), offset: count(offset), size: count(chunkBytes) };
    })
    .sort((a, b) => a.offset - b.offset);
  const end = parsed.reduce((max, chunk) => Math.max(max, chunk.offset + chunk.size), 0);
  const total = size === undefined ? end : count(size);
  for (let i = 1; i < parsed.length; i++) {
    if (parsed[i]!.offset < parsed[i - 1]!.offset + parsed[i - 1]!.size) throw malformed('chunks overlap');
  }
  if (end > total) throw malformed('chunks reach beyond its size');
  return { name, mime, size: total, chunks: parsed };
}

function asObject(value: unknown): Record<string, unknown> {
  if (typeof value !== 'object' || value === null) throw malformed('it is no object');
  return value as Record<string, unknown>;
}

function count(value: unknown): number {
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0) throw malformed('sizes are integers');
  return value;
}

function malformed(how: string): OperationError {
  return new OperationError('invalid_argument', `the chunk manifest is malformed: ${how}`);
}
