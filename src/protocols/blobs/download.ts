/**
 * Answers GET and HEAD of a needle: representation headers, preconditions, ranges, gzip, chunk manifests.
 *
 * What is stored as gzip is sent as it is to whoever accepts that, and unpacked otherwise; a range addresses the bytes that
 * are sent. A manifest is answered with the file its chunks make, unless `cm=false` asks for the manifest itself.
 * `width`, `height`, `mode` and `crop_*` are accepted and the image is sent as it is stored, as SeaweedFS does for types it
 * cannot resize.
 */

import type { Awaitable } from '../../base/awaitable.ts';
import type { Bytes } from '../../base/bytes.ts';
import { text } from '../../base/bytes.ts';
import { OperationError } from '../../base/errors.ts';
import { entityTag, type StoredNeedle } from '../../blobs/formats/needle.ts';
import type { ReadNeedle } from '../../blobs/volume/needle-read.ts';
import type { HttpRequest, HttpResponse } from '../../platform/http.ts';
import type { BlobPath } from './blob-path.ts';
import { type ChunkManifest, parseManifest } from './chunk-manifest.ts';
import { typeOfName } from './media-types.ts';
import { preconditionStatus, rangeApplies } from './preconditions.ts';
import { type ByteRange, contentRange, parseRanges, partHead, partsEnd } from './ranges.ts';
import { unzip } from './store-upload.ts';

const ZERO_BYTES = 256 * 1024;

export interface DownloadOptions {
  /** Finds a chunk; undefined when it is gone. */
  readonly readChunk: (chunk: ChunkManifest['chunks'][number]['file']) => Awaitable<ReadNeedle | undefined>;
  readonly boundary: () => string;
}

/** Any part of a representation, as pieces that are sent one after the other. */
interface Content {
  readonly length: number;
  /** All of it, where it is at hand. */
  readonly whole: Bytes | undefined;
  readonly pieces: (start: number, end: number) => AsyncIterable<Bytes>;
}

/** Takes over `found`: it is closed when the answer has been sent. At once where all that is to be sent is at hand. */
export function download(
  options: DownloadOptions,
  request: HttpRequest,
  path: BlobPath,
  found: ReadNeedle,
): Awaitable<HttpResponse> {
  const { needle } = found;
  const isAtHand = !needle.manifest && found.pieces === undefined && (!needle.gzip || acceptsGzip(request));
  if (isAtHand) return respondTo(options, request, path, found, undefined);
  return downloadLater(options, request, path, found);
}

async function downloadLater(
  options: DownloadOptions,
  request: HttpRequest,
  path: BlobPath,
  found: ReadNeedle,
): Promise<HttpResponse> {
  try {
    const { needle } = found;
    const isAssembled = needle.manifest && request.query.get('cm') !== 'false';
    let prepared: Prepared | undefined;
    if (preconditionOf(request, needle) !== undefined) prepared = undefined;
    else if (isAssembled) prepared = { manifest: await manifestOf(found), unzipped: undefined };
    else if (needle.gzip && !acceptsGzip(request)) {
      prepared = { manifest: undefined, unzipped: await unzip(await wholeData(found)) };
    }
    const response = respondTo(options, request, path, found, prepared);
    const { body } = response;
    if (found.pieces === undefined) return response;
    if (body === undefined || typeof body === 'string' || body instanceof Uint8Array) {
      found.close();
      return response;
    }
    return { ...response, body: closing(body, found), onUnsent: () => found.close() };
  } catch (error) {
    found.close();
    throw error;
  }
}

/** What had to be waited for. */
interface Prepared {
  readonly manifest: ChunkManifest | undefined;
  readonly unzipped: Bytes | undefined;
}

async function* closing(body: AsyncIterable<Bytes>, found: ReadNeedle): AsyncGenerator<Bytes> {
  try {
    yield* body;
  } finally {
    found.close();
  }
}

function preconditionOf(request: HttpRequest, { crc, lastModifiedS }: StoredNeedle): 304 | 412 | undefined {
  return preconditionStatus(request.headers, `"${entityTag(crc)}"`, lastModifiedS);
}

function respondTo(
  options: DownloadOptions,
  request: HttpRequest,
  path: BlobPath,
  found: ReadNeedle,
  prepared: Prepared | undefined,
): HttpResponse {
  const { needle } = found;
  const etag = `"${entityTag(needle.crc)}"`;
  const headers: Record<string, string> = {};
  if (needle.pairs !== undefined) addPairs(headers, needle.pairs);
  headers.etag = etag;
  headers['accept-ranges'] = 'bytes';
  if (needle.lastModifiedS !== undefined) headers['last-modified'] = httpDate(needle.lastModifiedS);
  const status = preconditionStatus(request.headers, etag, needle.lastModifiedS);
  if (status !== undefined) return { status, headers };

  let content: Content;
  let name = needle.name === undefined || needle.name.length === 0 ? '' : text(needle.name);
  let mime = needle.mime === undefined || needle.mime.length === 0 ? '' : text(needle.mime);
  const manifest = prepared?.manifest;
  const unzipped = prepared?.unzipped;
  if (manifest !== undefined) {
    name = manifest.name === '' ? name : manifest.name;
    mime = manifest.mime === '' ? mime : manifest.mime;
    headers['x-file-store'] = 'chunked';
    content = assembled(manifest, options);
  } else if (unzipped !== undefined) {
    content = new WholeContent(unzipped);
    headers.vary = 'Accept-Encoding';
  } else {
    if (needle.gzip) {
      headers['content-encoding'] = 'gzip';
      headers.vary = 'Accept-Encoding';
    }
    content =
      found.pieces === undefined
        ? new WholeContent(needle.data)
        : { length: found.dataBytes, whole: undefined, pieces: found.pieces };
  }
  if (path.fileName !== '') name = path.fileName;
  headers['content-type'] = typeOf(mime, path.extension, name);
  if (name !== '') headers['content-disposition'] = disposition(request, name);
  if (request.query.size > 0) override(headers, request.query);
  return ranged(options, request, headers, content, etag, needle.lastModifiedS);
}

/** The whole, or the ranges that were asked for. */
function ranged(
  options: DownloadOptions,
  request: HttpRequest,
  headers: Record<string, string>,
  content: Content,
  etag: string,
  lastModifiedS: number | undefined,
): HttpResponse {
  const { length } = content;
  const header = request.headers.range;
  const applies = header !== undefined && request.method === 'GET' && length > 0;
  const ranges =
    applies && rangeApplies(request.headers['if-range'], etag, lastModifiedS) ? parseRanges(header, length) : undefined;
  if (ranges === 'unsatisfiable') return { status: 416, headers: { etag, 'content-range': `bytes */${length}` } };
  if (ranges === undefined) return { status: 200, headers: sized(headers, length), body: bodyOf(content, 0, length) };
  if (ranges.length === 1) {
    const { start, end } = ranges[0]!;
    headers['content-range'] = contentRange(ranges[0]!, length);
    return { status: 206, headers: sized(headers, end - start), body: bodyOf(content, start, end) };
  }
  const boundary = options.boundary();
  const type = headers['content-type']!;
  const heads = ranges.map((range) => Buffer.from(partHead(boundary, range, length, type)));
  const tail = Buffer.from(partsEnd(boundary));
  const total = heads.reduce((sum, head, i) => sum + head.length + ranges[i]!.end - ranges[i]!.start, tail.length);
  headers['content-type'] = `multipart/byteranges; boundary=${boundary}`;
  return { status: 206, headers: sized(headers, total), body: parts(content, ranges, heads, tail) };
}

async function* parts(
  content: Content,
  ranges: readonly ByteRange[],
  heads: readonly Bytes[],
  tail: Bytes,
): AsyncGenerator<Bytes> {
  for (const [i, { start, end }] of ranges.entries()) {
    yield heads[i]!;
    yield* content.pieces(start, end);
  }
  yield tail;
}

function sized(headers: Record<string, string>, length: number): Record<string, string> {
  headers['content-length'] = String(length);
  return headers;
}

function bodyOf(content: Content, start: number, end: number): Bytes | AsyncIterable<Bytes> {
  const { whole } = content;
  if (whole !== undefined) return start === 0 && end === whole.length ? whole : whole.subarray(start, end);
  return content.pieces(start, end);
}

class WholeContent implements Content {
  readonly whole: Bytes;

  constructor(whole: Bytes) {
    this.whole = whole;
  }

  get length(): number {
    return this.whole.length;
  }

  async *pieces(start: number, end: number): AsyncGenerator<Bytes> {
    yield this.whole.subarray(start, end);
  }
}

/** All data of a needle, as stored. */
async function wholeData(found: ReadNeedle): Promise<Bytes> {
  if (found.pieces === undefined) return found.needle.data;
  const pieces: Bytes[] = [];
  for await (const piece of found.pieces(0, found.dataBytes)) pieces.push(piece);
  return Buffer.concat(pieces);
}

/** The manifest that a needle holds. @throws OperationError `corruption` when it holds none. */
export async function manifestOf(found: ReadNeedle): Promise<ChunkManifest> {
  const data = await wholeData(found);
  try {
    return parseManifest(found.needle.gzip ? await unzip(data) : data);
  } catch (error) {
    throw new OperationError('corruption', 'what is marked as a chunk manifest is none', { cause: error });
  }
}

function assembled(manifest: ChunkManifest, options: DownloadOptions): Content {
  return {
    length: manifest.size,
    whole: undefined,
    async *pieces(start, end) {
      let at = start;
      for (const chunk of manifest.chunks) {
        if (at >= end) return;
        if (chunk.offset + chunk.size <= at) continue;
        if (chunk.offset >= end) break;
        if (chunk.offset > at) {
          yield* zeros(Math.min(chunk.offset, end) - at);
          at = Math.min(chunk.offset, end);
        }
        const upTo = Math.min(end, chunk.offset + chunk.size);
        yield* chunkPieces(chunk, at - chunk.offset, upTo - chunk.offset, options);
        at = upTo;
      }
      if (at < end) yield* zeros(end - at);
    },
  };
}

async function* chunkPieces(
  chunk: ChunkManifest['chunks'][number],
  start: number,
  end: number,
  options: DownloadOptions,
): AsyncGenerator<Bytes> {
  const found = await options.readChunk(chunk.file);
  if (found === undefined) throw new OperationError('corruption', `chunk ${chunk.file.id.toString(16)} is gone`);
  try {
    const isWhole = found.pieces === undefined || found.needle.gzip;
    const stored = isWhole ? await wholeData(found) : undefined;
    const data = stored !== undefined && found.needle.gzip ? await unzip(stored) : stored;
    if ((data?.length ?? found.dataBytes) < chunk.size) {
      throw new OperationError('corruption', `chunk ${chunk.file.id.toString(16)} is shorter than its manifest says`);
    }
    if (data !== undefined) yield data.subarray(start, end);
    else yield* found.pieces!(start, end);
  } finally {
    found.close();
  }
}

async function* zeros(count: number): AsyncGenerator<Bytes> {
  const piece = Buffer.alloc(Math.min(count, ZERO_BYTES));
  for (let left = count; left > 0; left -= piece.length) yield piece.subarray(0, Math.min(left, piece.length));
}

/** Whether gzip may be sent: named in Accept-Encoding, or `*`, with a weight that is not zero. */
function acceptsGzip(request: HttpRequest): boolean {
  const header = request.headers['accept-encoding'];
  if (header === undefined) return false;
  let any = false;
  for (const item of header.split(',')) {
    const [coding = '', ...parameters] = item.split(';').map((part) => part.trim().toLowerCase());
    const isRefused = parameters.some((parameter) => /^q=0(?:\.0*)?$/.test(parameter));
    if (coding === 'gzip' || coding === 'x-gzip') return !isRefused;
    if (coding === '*') any = !isRefused;
  }
  return any;
}

const OCTET_STREAM = 'application/octet-stream';

function typeOf(mime: string, extension: string, name: string): string {
  if (mime !== '' && mime !== OCTET_STREAM && isHeaderText(mime)) return mime;
  return typeOfName(extension) ?? typeOfName(name) ?? OCTET_STREAM;
}

const TRUE = new Set(['1', 't', 'T', 'TRUE', 'true', 'True']);

/** Dates that were made lately, by the low bits of their seconds: making one takes a microsecond. */
const DATES = 1_024;
const dateSeconds = new Float64Array(DATES).fill(-1);
const dates = new Array<string>(DATES).fill('');

function httpDate(seconds: number): string {
  const at = seconds % DATES;
  if (dateSeconds[at] !== seconds) {
    dateSeconds[at] = seconds;
    dates[at] = new Date(seconds * 1000).toUTCString();
  }
  return dates[at]!;
}

/** With the name in ASCII, and as UTF-8 (RFC 6266) where it is more. */
function disposition(request: HttpRequest, name: string): string {
  const isAttachment = request.query.size > 0 && TRUE.has(request.query.get('dl') ?? '');
  const kind = isAttachment ? 'attachment' : 'inline';
  if (/^[\x20\x21\x23-\x5b\x5d-\x7e]*$/.test(name)) return `${kind}; filename="${name}"`;
  const ascii = name.replace(/[^\x20-\x7e]/g, '_').replace(/["\\]/g, '\\$&');
  const extended = /^[\x20-\x7e]*$/.test(name) ? '' : `; filename*=UTF-8''${encodeURIComponent(name)}`;
  return `${kind}; filename="${ascii}"${extended}`;
}

const OVERRIDES = [
  'cache-control',
  'content-disposition',
  'content-encoding',
  'content-language',
  'content-type',
  'expires',
] as const;

function override(headers: Record<string, string>, query: URLSearchParams): void {
  for (const name of OVERRIDES) {
    const value = query.get(`response-${name}`);
    if (value !== null && value !== '' && isHeaderText(value)) headers[name] = value;
  }
}

/** What decides how the answer is read, and what only the server may say. */
const NEVER_FROM_PAIRS =
  /^(?:connection|content-length|content-range|transfer-encoding|upgrade|set-cookie|date|server|trailer|te|keep-alive|proxy-.*|:.*)$/i;

function addPairs(headers: Record<string, string>, pairs: Bytes): void {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text(pairs));
  } catch {
    return; // Stored by someone else; the data is what was asked for.
  }
  if (typeof parsed !== 'object' || parsed === null) return;
  for (const [name, value] of Object.entries(parsed)) {
    const isName = /^[A-Za-z0-9!#$%&'*+.^_`|~-]+$/.test(name) && !NEVER_FROM_PAIRS.test(name);
    if (isName && typeof value === 'string' && isHeaderText(value)) headers[name.toLowerCase()] = value;
  }
}

function isHeaderText(value: string): boolean {
  return /^[\t\x20-\x7e\x80-\xff]*$/.test(value);
}
