/**
 * What a request uploads: the content, and what is stored beside it.
 *
 * A POST whose Content-Type is a multipart form stores its first part, or, if that has no file name, the first one that
 * has; every other body is stored as it is, whatever type it announces. (SeaweedFS stores nothing for
 * `curl --data-binary`, whose body it takes for a form.) A body without Content-Type is a raw body too.
 */

import type { ByteSource } from '../../base/byte-source.ts';
import { type Bytes, utf8 } from '../../base/bytes.ts';
import { OperationError } from '../../base/errors.ts';
import { NAME_BYTES_MAX, PAIRS_BYTES_MAX } from '../../blobs/formats/needle.ts';
import type { HttpRequest } from '../../platform/http.ts';
import type { BlobPath } from './blob-path.ts';
import { typeOfName } from './media-types.ts';
import { boundaryOf, type Part, parameter, readParts } from './multipart.ts';

export interface Upload {
  /** Base name; empty for none. */
  readonly name: string;
  /** As it is stored; empty for none. */
  readonly mime: string;
  /** The content is gzip already. */
  readonly gzip: boolean;
  /** Content-MD5 as it was sent: base64, of the content before compression. */
  readonly md5: string | undefined;
  /** The whole content, or its pieces where it is, or may be, larger than asked for. */
  readonly content: Bytes | AsyncIterable<Bytes>;
  /** The same, instead of `content`, where its length was announced and is larger than that. */
  readonly large?: { readonly source: ByteSource; readonly bytes: number } | undefined;
}

const OCTET_STREAM = 'application/octet-stream';

/** `wholeBytesMax`: bodies that announce no more are read whole. @throws OperationError `invalid_argument`. */
export async function readUpload(
  request: HttpRequest,
  path: BlobPath,
  options: { readonly wholeBytesMax: number; readonly isManifest: boolean },
): Promise<Upload> {
  const contentType = request.headers['content-type'] ?? '';
  const boundary = request.method === 'POST' ? boundaryOf(contentType) : undefined;
  if (boundary !== undefined) return readForm(request, boundary, options);
  if (request.method === 'POST' && /form-data/i.test(contentType)) {
    throw new OperationError('invalid_argument', 'the multipart form names no boundary');
  }
  const disposition = request.headers['content-disposition'] ?? '';
  const named = disposition === '' ? undefined : (parameter(disposition, 'filename') ?? parameter(disposition, 'name'));
  const name = baseName(named ?? lastElement(request.path));
  const implied = options.isManifest ? undefined : typeOfName(named ?? path.extension);
  const length = request.headers['content-length'];
  const isWhole = length !== undefined && Number(length) <= options.wholeBytesMax;
  return {
    name,
    mime: storable(contentType !== '' ? contentType : (implied ?? '')),
    gzip: request.headers['content-encoding'] === 'gzip',
    md5: request.headers['content-md5'],
    content: isWhole ? await request.body(options.wholeBytesMax) : request.pieces(),
    large: isWhole || length === undefined ? undefined : { source: request, bytes: Number(length) },
  };
}

async function readForm(
  request: HttpRequest,
  boundary: string,
  options: { readonly wholeBytesMax: number; readonly isManifest: boolean },
): Promise<Upload> {
  const length = request.headers['content-length'];
  const isWhole = length !== undefined && Number(length) <= options.wholeBytesMax;
  const body = isWhole ? once(await request.body(options.wholeBytesMax)) : request.pieces();
  const parts = readParts(body, boundary);
  let first: Upload | undefined;
  for (;;) {
    const { value: part, done } = await parts.next();
    if (done === true) break;
    if (part.fileName === undefined || part.fileName === '') {
      // Kept only until a part with a file name comes, and no larger than what is read whole.
      first ??= { ...uploadOf(request, part, options.isManifest), content: await gather(part, options.wholeBytesMax) };
      continue;
    }
    const upload = uploadOf(request, part, options.isManifest);
    if (!isWhole) return { ...upload, content: andTheRest(part, parts) };
    return { ...upload, content: await gather(part, options.wholeBytesMax) };
  }
  if (first === undefined) throw new OperationError('invalid_argument', 'the multipart form has no part');
  return first;
}

function uploadOf(request: HttpRequest, part: Part, isManifest: boolean): Omit<Upload, 'content'> {
  const name = baseName(part.fileName ?? '');
  const implied = isManifest ? undefined : typeOfName(name);
  const given = part.headers['content-type'] ?? '';
  const tells = given !== '' && given !== OCTET_STREAM && given !== implied;
  return {
    name,
    mime: storable(tells ? given : (implied ?? '')),
    gzip: part.headers['content-encoding'] === 'gzip' || request.headers['content-encoding'] === 'gzip',
    md5: part.headers['content-md5'] ?? request.headers['content-md5'],
  };
}

async function* once(bytes: Bytes): AsyncGenerator<Bytes> {
  yield bytes;
}

/** The content of a part, and then, unseen, what follows it: a connection is reused only once its request was read. */
async function* andTheRest(part: Part, parts: AsyncGenerator<Part>): AsyncGenerator<Bytes> {
  yield* part.content;
  for await (const _ of parts);
}

async function gather(part: Part, bytesMax: number): Promise<Bytes> {
  const pieces: Bytes[] = [];
  let bytes = 0;
  for await (const piece of part.content) {
    bytes += piece.length;
    if (bytes > bytesMax) {
      throw new OperationError('too_large', `a part without file name exceeds ${bytesMax} bytes`, {
        hint: 'Give the part a file name.',
      });
    }
    pieces.push(piece);
  }
  return pieces.length === 1 ? pieces[0]! : Buffer.concat(pieces);
}

function lastElement(path: string): string {
  const element = path.slice(path.lastIndexOf('/') + 1);
  try {
    return decodeURIComponent(element);
  } catch {
    return element;
  }
}

/** What follows the last slash or backslash; empty when that is too long to be stored. */
function baseName(name: string): string {
  return storable(name.slice(Math.max(name.lastIndexOf('/'), name.lastIndexOf('\\')) + 1));
}

function storable(text: string): string {
  return Buffer.byteLength(text) > NAME_BYTES_MAX ? '' : text;
}

/** Headers `Seaweed-*` as a JSON object, prefix stripped; undefined without any, or when they are too many to be stored. */
export function pairsOf(headers: HttpRequest['headers']): Bytes | undefined {
  let pairs: Record<string, string> | undefined;
  for (const name in headers) {
    if (!name.startsWith('seaweed-') || name.length === 8) continue;
    pairs ??= {};
    // Names come in lower case; SeaweedFS stores them as Go writes them.
    const canonical = name
      .slice(8)
      .replace(/(^|-)([a-z])/g, (_, hyphen: string, letter: string) => hyphen + letter.toUpperCase());
    pairs[canonical] = headers[name]!;
  }
  if (pairs === undefined) return undefined;
  const bytes = utf8(JSON.stringify(pairs));
  return bytes.length > PAIRS_BYTES_MAX ? undefined : bytes;
}
