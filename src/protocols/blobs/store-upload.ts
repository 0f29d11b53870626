/**
 * Turns an upload into needles.
 *
 * Content of up to 32 MiB is one needle, gzipped where its type says that this is worth it and it shrinks by a tenth.
 * Larger content is stored as it comes, in chunks of 4 MiB, two of them being written while a third fills, and a chunk manifest in the
 * place that the client named: an upload takes a few chunks of memory, whatever its size. The chunks are needles of the same
 * volume with ids from 2^63 on, which nobody assigns. When anything fails they are deleted again, and nothing was stored.
 */

import { createHash } from 'node:crypto';
import { createGunzip, gunzip, gzip, gzipSync } from 'node:zlib';
import type { VolumeActors } from '../../actors/families/volume.ts';
import { type ByteSource, PieceSource } from '../../base/byte-source.ts';
import { type Bytes, EMPTY_BYTES, utf8 } from '../../base/bytes.ts';
import { crc32c } from '../../base/crc32c.ts';
import { OperationError } from '../../base/errors.ts';
import { fileIdText } from '../../blobs/formats/file-id.ts';
import { type Needle, NO_DETAILS } from '../../blobs/formats/needle.ts';
import type { Ttl } from '../../blobs/formats/ttl.ts';
import type { Volume } from '../../blobs/volume/volume.ts';
import type { SyncWish } from '../../blobs/volume/volume-writer.ts';
import type { Random } from '../../platform/platform.ts';
import type { BlobPath } from './blob-path.ts';
import { ChunkBuffers } from './chunk-buffers.ts';
import { parseManifest } from './chunk-manifest.ts';
import { isCompressible } from './media-types.ts';
import type { Upload } from './upload.ts';

export const WHOLE_BYTES_MAX = 32 * 1024 * 1024;
/** A chunk and what is stored with it is read with one read. */
const CHUNK_BYTES = 4 * 1024 * 1024 - 64 * 1024;
const CHUNKS_UNDER_WAY = 2;
const GZIP_BYTES_MIN = 128;
/** Read, summed and hashed at a time: what the caches hold, and no long time of the event loop. */
const SUM_BYTES = 256 * 1024;
/** Up to here compressing takes less time than handing it to a thread. */
const GZIP_HERE_BYTES_MAX = 16 * 1024;

export interface StoreOptions {
  readonly volumes: VolumeActors;
  readonly random: Random;
  readonly fileBytesMax: number;
}

export interface StoreRequest {
  readonly path: BlobPath;
  readonly upload: Upload;
  readonly isManifest: boolean;
  readonly lastModifiedS: number;
  readonly ttl: Ttl | undefined;
  readonly pairs: Bytes | undefined;
  readonly fsync: boolean;
}

export interface Stored {
  readonly unchanged: boolean;
  /** Of the content before compression. */
  readonly size: number;
  /** CRC-32C of what was stored. */
  readonly crc: number;
  /** Base64, where the client sent one. */
  readonly md5: string | undefined;
}

/** @throws OperationError `invalid_argument` (too large, wrong MD5, no manifest), and as `VolumeActors.write`. */
export async function storeUpload(options: StoreOptions, request: StoreRequest): Promise<Stored> {
  const { content, large } = request.upload;
  if (content instanceof Uint8Array) return storeWhole(options, request, content);
  if (large !== undefined && !request.upload.gzip && !request.isManifest) {
    // Said before anything is sent, to clients that wait for that.
    if (large.bytes > options.fileBytesMax) throw tooLarge(options.fileBytesMax);
    return storeChunked(options, request, large.source);
  }
  const source = content[Symbol.asyncIterator]();
  const pieces: Bytes[] = [];
  let bytes = 0;
  while (bytes <= WHOLE_BYTES_MAX) {
    const { value, done } = await source.next();
    if (done === true) return storeWhole(options, request, pieces.length === 1 ? pieces[0]! : Buffer.concat(pieces));
    pieces.push(value);
    bytes += value.length;
  }
  if (request.isManifest) throw new OperationError('invalid_argument', 'the chunk manifest is too large');
  const rest = andRest(pieces, source);
  const plain = new PieceSource(request.upload.gzip ? decompressed(rest) : rest);
  try {
    return await storeChunked(options, request, plain);
  } finally {
    await plain.close();
  }
}

async function storeWhole(options: StoreOptions, request: StoreRequest, content: Bytes): Promise<Stored> {
  const { upload, path, isManifest } = request;
  let data = content;
  let isGzip = upload.gzip && content.length > 0;
  const plain = isGzip && (upload.md5 !== undefined || isManifest) ? await unzip(content) : content;
  const size = isGzip && plain === content ? await lengthOfUnzipped(content) : plain.length;
  if (size > options.fileBytesMax) throw tooLarge(options.fileBytesMax);
  const md5 = checkMd5(upload.md5, () => createHash('md5').update(plain).digest('base64'));
  if (isManifest) parseManifest(plain);
  else if (!isGzip && content.length >= GZIP_BYTES_MIN && isWorthTrying(upload, path, content)) {
    const smaller = content.length <= GZIP_HERE_BYTES_MAX ? gzipSync(content) : await zip(content);
    if (smaller.length < content.length * 0.9) {
      data = smaller;
      isGzip = true;
    }
  }
  const crc = data.length === 0 ? 0 : crc32c(data);
  const needle = needleOf(request, data, { gzip: isGzip, manifest: isManifest });
  const { unchanged } = await options.volumes.write(path.volumeId, needle, { sync: syncOf(request), crc });
  return { unchanged, size, crc, md5 };
}

function syncOf(request: StoreRequest): SyncWish {
  return request.fsync ? 'always' : 'class';
}

function needleOf(
  request: StoreRequest,
  data: Bytes,
  kind: { readonly gzip: boolean; readonly manifest: boolean },
): Needle {
  const { path, upload } = request;
  return {
    cookie: path.cookie,
    id: path.id,
    data,
    gzip: kind.gzip,
    manifest: kind.manifest,
    name: utf8(upload.name),
    mime: utf8(upload.mime),
    lastModifiedS: request.lastModifiedS,
    ttl: request.ttl,
    pairs: request.pairs,
  };
}

/** Takes over `source`: it is read to the end, or left where something failed. */
async function storeChunked(options: StoreOptions, request: StoreRequest, source: ByteSource): Promise<Stored> {
  const { volumeId } = request.path;
  const volume = options.volumes.set.get(volumeId);
  if (volume === undefined) throw new OperationError('not_found', `volume ${volumeId} is not here`);
  const buffers = ChunkBuffers.acquire(CHUNKS_UNDER_WAY + 1, CHUNK_BYTES);
  const upload = new ChunkedUpload(options, request, volume, buffers);
  try {
    return await upload.run(source);
  } catch (error) {
    await upload.giveUp();
    throw error;
  } finally {
    buffers.release();
  }
}

class ChunkedUpload {
  readonly #options: StoreOptions;
  readonly #request: StoreRequest;
  readonly #volume: Volume;
  readonly #buffers: ChunkBuffers;
  readonly #chunks: { fid: string; offset: number; size: number }[] = [];
  readonly #names: { id: bigint; cookie: number }[] = [];
  readonly #underWay: Promise<unknown>[] = [];
  #size = 0;

  constructor(options: StoreOptions, request: StoreRequest, volume: Volume, buffers: ChunkBuffers) {
    this.#options = options;
    this.#request = request;
    this.#volume = volume;
    this.#buffers = buffers;
  }

  async run(source: ByteSource): Promise<Stored> {
    const { volumes, fileBytesMax } = this.#options;
    const { upload, path } = this.#request;
    const hash = upload.md5 === undefined ? undefined : createHash('md5');
    for (let isWhole = true; isWhole; ) {
      const chunk = await this.#freeBuffer();
      let filled = 0;
      let crc = 0;
      while (filled < CHUNK_BYTES) {
        const room = chunk.subarray(filled, Math.min(filled + SUM_BYTES, CHUNK_BYTES));
        const length = await source.read(room);
        const part = length === room.length ? room : room.subarray(0, length);
        crc = this.#buffers.crc32c(part, crc);
        hash?.update(part);
        filled += length;
        this.#size += length;
        if (this.#size > fileBytesMax) throw tooLarge(fileBytesMax);
        if (length < room.length) break;
      }
      isWhole = filled === CHUNK_BYTES;
      if (filled > 0) this.#store(chunk, filled, crc);
    }
    await Promise.all(this.#underWay);
    const md5 = checkMd5(upload.md5, () => hash!.digest('base64'));
    const { name, mime } = upload;
    const size = this.#size;
    const data = utf8(JSON.stringify({ name, mime, size, chunks: this.#chunks }));
    const crc = crc32c(data);
    const needle = needleOf(this.#request, data, { gzip: false, manifest: true });
    const { unchanged } = await volumes.write(path.volumeId, needle, { sync: syncOf(this.#request), crc });
    return { unchanged, size, crc, md5 };
  }

  /** Deletes what was stored. */
  async giveUp(): Promise<void> {
    await Promise.allSettled(this.#underWay);
    const { volumes } = this.#options;
    const { volumeId } = this.#request.path;
    await Promise.allSettled(this.#names.map(({ id, cookie }) => volumes.delete(volumeId, id, cookie)));
  }

  async #freeBuffer(): Promise<Bytes> {
    for (;;) {
      const buffer = this.#buffers.take();
      if (buffer !== undefined) return buffer;
      await this.#underWay.shift();
    }
  }

  #store(chunk: Bytes, length: number, crc: number): void {
    const { volumes, random } = this.#options;
    const { volumeId } = this.#request.path;
    const { lastModifiedS, ttl } = this.#request;
    const data = chunk.subarray(0, length);
    const id = this.#volume.reserveChunkId();
    const cookie = Buffer.from(random.bytes(4)).readUInt32BE(0);
    this.#chunks.push({ fid: fileIdText({ volumeId, id, cookie }), offset: this.#size - length, size: length });
    this.#names.push({ id, cookie });
    // The manifest is written last, and with it all that it names is synced.
    const needle = { ...NO_DETAILS, id, cookie, data, lastModifiedS, ttl };
    const writing = volumes.write(volumeId, needle, { sync: 'later', crc }).finally(() => this.#buffers.give(chunk));
    writing.catch(() => {}); // Told when it is waited for.
    this.#underWay.push(writing);
  }
}

async function* andRest(pieces: readonly Bytes[], source: AsyncIterator<Bytes>): AsyncGenerator<Bytes> {
  try {
    yield* pieces;
    for (;;) {
      const { value, done } = await source.next();
      if (done === true) return;
      yield value;
    }
  } finally {
    await source.return?.();
  }
}

/** Pieces of gzip as what they hold. */
async function* decompressed(content: AsyncIterable<Bytes>): AsyncGenerator<Bytes> {
  const stream = createGunzip();
  const feeding = (async () => {
    for await (const piece of content) {
      if (!stream.write(piece)) await new Promise((resolve) => stream.once('drain', resolve));
    }
    stream.end();
  })();
  feeding.catch((error) => stream.destroy(error));
  try {
    for await (const piece of stream) yield piece as Bytes;
  } catch (error) {
    if (error instanceof OperationError) throw error;
    throw new OperationError('invalid_argument', 'the content is not gzip', { cause: error });
  } finally {
    stream.destroy();
  }
}

function isWorthTrying(upload: Upload, path: BlobPath, content: Bytes): boolean {
  const dot = upload.name.lastIndexOf('.');
  const extension = dot > 0 ? upload.name.slice(dot) : path.extension;
  if (upload.mime !== '') return isCompressible(upload.mime, extension);
  return isCompressible('', extension) || looksLikeText(content);
}

/** Whether the beginning has no byte that text does not have. */
function looksLikeText(content: Bytes): boolean {
  const end = Math.min(content.length, 512);
  for (let i = 0; i < end; i++) {
    const byte = content[i]!;
    if (byte < 0x09 || (byte > 0x0d && byte < 0x20 && byte !== 0x1b)) return false;
    if (byte >= 0x80) return false; // UTF-8 beyond ASCII may be worth it too; guessing wrong costs more.
  }
  return true;
}

function checkMd5(sent: string | undefined, computed: () => string): string | undefined {
  if (sent === undefined || sent === '') return undefined;
  const actual = computed();
  if (actual === sent.trim()) return actual;
  throw new OperationError(
    'invalid_argument',
    `Content-MD5 did not match md5 of file data expected [${sent}] received [${actual}]`,
  );
}

function tooLarge(bytesMax: number): OperationError {
  return new OperationError('invalid_argument', `file over the limited ${bytesMax} bytes`);
}

const UNZIPPED_BYTES_MAX = 1024 * 1024 * 1024;

function zip(bytes: Bytes): Promise<Bytes> {
  return new Promise((resolve, reject) => {
    gzip(bytes, (error, result) => (error === null ? resolve(result) : reject(error)));
  });
}

/** @throws OperationError `invalid_argument` for what is not gzip, or holds more than a gibibyte. */
export function unzip(bytes: Bytes): Promise<Bytes> {
  if (bytes.length === 0) return Promise.resolve(EMPTY_BYTES);
  return new Promise((resolve, reject) => {
    gunzip(bytes, { maxOutputLength: UNZIPPED_BYTES_MAX }, (error, result) => {
      if (error === null) resolve(result);
      else reject(new OperationError('invalid_argument', 'the content is not gzip, or too large', { cause: error }));
    });
  });
}

async function lengthOfUnzipped(bytes: Bytes): Promise<number> {
  let length = 0;
  for await (const piece of decompressed(onePiece(bytes))) {
    length += piece.length;
    if (length > UNZIPPED_BYTES_MAX) throw new OperationError('invalid_argument', 'the content is too large unzipped');
  }
  return length;
}

async function* onePiece(bytes: Bytes): AsyncGenerator<Bytes> {
  yield bytes;
}
