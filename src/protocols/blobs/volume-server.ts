/**
 * The HTTP interface of a volume server, as SeaweedFS has it.
 *
 *   PUT, POST /3,01637037d6   stores      GET, HEAD   reads      DELETE   deletes      OPTIONS   what is allowed
 *   GET /status, /healthz, /readyz
 *
 * Parameters of a write: `ts` (seconds), `ttl`, `cm=true` (a chunk manifest), `fsync=true`, `jwt`. Of a read: `cm=false`,
 * `dl`, `readDeleted`, `response-*`. Differences from SeaweedFS, each in docs/blobs.md: an empty upload has a cookie, a raw
 * body is a raw body, unknown methods are 405, preconditions follow RFC 9110, a volume that is not here is 404, and a full
 * disk is 507. Errors are `{"error":"…","code":"…"}`.
 */

import type { VolumeActors } from '../../actors/families/volume.ts';
import { type Awaitable, isPromise } from '../../base/awaitable.ts';
import { messageOf, OperationError } from '../../base/errors.ts';
import type { Log } from '../../base/log.ts';
import { entityTag } from '../../blobs/formats/needle.ts';
import { parseTtl } from '../../blobs/formats/ttl.ts';
import type { ReadNeedle } from '../../blobs/volume/needle-read.ts';
import type { SyncWish } from '../../blobs/volume/volume-writer.ts';
import type { HttpHandler, HttpRequest, HttpResponse } from '../../platform/http.ts';
import type { Platform } from '../../platform/platform.ts';
import { HTTP_STATUS } from '../http/http-status.ts';
import { type BlobPath, parseBlobPath } from './blob-path.ts';
import { type DownloadOptions, download, manifestOf } from './download.ts';
import { serverStatus } from './server-status.ts';
import { storeUpload, WHOLE_BYTES_MAX } from './store-upload.ts';
import { isAuthorized } from './token.ts';
import { pairsOf, readUpload } from './upload.ts';
import { UploadBudget } from './upload-budget.ts';

export interface VolumeServerOptions {
  readonly volumes: VolumeActors;
  readonly platform: Pick<Platform, 'clock' | 'random' | 'timers'>;
  readonly log: Log;
  readonly version: string;
  /** Keys of the tokens that writes, and reads, must carry; undefined for none. */
  readonly writeKey: string | undefined;
  readonly readKey: string | undefined;
  readonly fileBytesMax: number;
  /** Of uploads being read, all together. */
  readonly uploadBytesMax: number;
}

const METHODS = 'PUT, POST, GET, HEAD, DELETE, OPTIONS';
const READ_DELETED = { readDeleted: true };
const TRUE = new Set(['1', 't', 'T', 'TRUE', 'true', 'True']);

export function volumeServerHandler(options: VolumeServerOptions): HttpHandler {
  const server = new VolumeServer(options);
  return (request) => server.handle(request);
}

class VolumeServer {
  readonly #options: VolumeServerOptions;
  readonly #budget: UploadBudget;
  readonly #serverName: string;
  readonly #downloads: DownloadOptions;

  constructor(options: VolumeServerOptions) {
    this.#options = options;
    this.#budget = new UploadBudget(options.platform.timers, options.uploadBytesMax);
    this.#serverName = `Orbit Volume ${options.version}`;
    const { volumes, platform } = options;
    this.#downloads = {
      readChunk: ({ volumeId, id, cookie }) => volumes.read(volumeId, id, cookie),
      boundary: () => Buffer.from(platform.random.bytes(18)).toString('hex'),
    };
  }

  handle(request: HttpRequest): Awaitable<HttpResponse> {
    let response: Awaitable<HttpResponse>;
    try {
      response = this.#route(request);
    } catch (error) {
      response = this.#failure(request, error);
    }
    if (!isPromise(response)) return this.#complete(request, response);
    return response.then(
      (found) => this.#complete(request, found),
      (error) => this.#complete(request, this.#failure(request, error)),
    );
  }

  /** With the headers that every answer has. */
  #complete(request: HttpRequest, response: HttpResponse): HttpResponse {
    const headers = response.headers as Record<string, string> | undefined;
    const added = headers ?? {};
    added.server = this.#serverName;
    if (request.headers.origin !== undefined) {
      added['access-control-allow-origin'] = '*';
      added['access-control-allow-credentials'] = 'true';
    }
    return headers === undefined ? { ...response, headers: added } : response;
  }

  #route(request: HttpRequest): Awaitable<HttpResponse> {
    const { method, path } = request;
    switch (path) {
      case '/status':
        return json(request, 200, serverStatus(this.#options.volumes.set, this.#options.version));
      case '/healthz':
      case '/readyz':
        return { status: this.#options.volumes.set.isHealthy ? 200 : 503, headers: {} };
      case '/favicon.ico':
        return { status: 404, headers: {} };
    }
    switch (method) {
      case 'GET':
      case 'HEAD':
        return this.#read(request);
      case 'PUT':
      case 'POST':
        return this.#write(request);
      case 'DELETE':
        return this.#delete(request);
      case 'OPTIONS':
        return {
          status: 200,
          headers: { 'access-control-allow-methods': METHODS, 'access-control-allow-headers': '*', allow: METHODS },
        };
      default:
        return json(request, 405, { error: `unsupported method ${method}` }, { allow: METHODS });
    }
  }

  #read(request: HttpRequest): Awaitable<HttpResponse> {
    const { volumes, readKey, platform } = this.#options;
    let path: BlobPath;
    try {
      path = parseBlobPath(request.path);
    } catch {
      return { status: 400, headers: {} };
    }
    if (readKey !== undefined && !isAuthorized(request, readKey, path.fileIdText, platform.clock.nowMs())) {
      return unauthorized(request);
    }
    const readDeleted = request.query.size > 0 && request.query.get('readDeleted') === 'true';
    const found = volumes.read(path.volumeId, path.id, path.cookie, readDeleted ? READ_DELETED : undefined);
    if (isPromise(found)) return found.then((one) => this.#answerRead(request, path, one));
    return this.#answerRead(request, path, found);
  }

  #answerRead(request: HttpRequest, path: BlobPath, found: ReadNeedle | undefined): Awaitable<HttpResponse> {
    if (found === undefined) return { status: 404, headers: {} };
    return download(this.#downloads, request, path, found);
  }

  async #write(request: HttpRequest): Promise<HttpResponse> {
    const { platform, volumes, writeKey } = this.#options;
    const path = parseBlobPath(request.path);
    if (!path.isCommaForm) {
      throw new OperationError('invalid_argument', 'a needle is written to /volume,id: with a comma');
    }
    const nowMs = platform.clock.nowMs();
    if (!isAuthorized(request, writeKey, path.fileIdText, nowMs)) return unauthorized(request);
    if (volumes.get(path.volumeId) === undefined) {
      throw new OperationError('not_found', `volume ${path.volumeId} is not here`);
    }
    const { query } = request;
    const isManifest = query.get('cm') === 'true';
    const announced = Number(request.headers['content-length'] ?? WHOLE_BYTES_MAX);
    const held = Math.min(announced, WHOLE_BYTES_MAX);
    const waited = this.#budget.take(held);
    if (waited !== undefined) await waited;
    try {
      const upload = await readUpload(request, path, { wholeBytesMax: WHOLE_BYTES_MAX, isManifest });
      const stored = await storeUpload(
        { volumes, random: platform.random, fileBytesMax: this.#options.fileBytesMax },
        {
          path,
          upload,
          isManifest,
          lastModifiedS: secondsOf(query.get('ts')) ?? Math.floor(nowMs / 1000),
          ttl: parseTtl(query.get('ttl') ?? ''),
          pairs: pairsOf(request.headers),
          fsync: TRUE.has(query.get('fsync') ?? ''),
        },
      );
      const eTag = entityTag(stored.crc);
      const headers: Record<string, string> = { etag: `"${eTag}"` };
      if (stored.md5 !== undefined) headers['content-md5'] = stored.md5;
      if (stored.unchanged) return { status: 204, headers };
      const body: Record<string, unknown> = {};
      if (upload.name !== '') body.name = upload.name;
      if (stored.size > 0) body.size = stored.size;
      body.eTag = eTag;
      if (upload.mime !== '') body.mime = upload.mime;
      if (stored.md5 !== undefined) body.contentMd5 = stored.md5;
      return json(request, 201, body, headers);
    } finally {
      this.#budget.give(held);
    }
  }

  async #delete(request: HttpRequest): Promise<HttpResponse> {
    const { volumes, writeKey, platform } = this.#options;
    const path = parseBlobPath(request.path);
    if (!isAuthorized(request, writeKey, path.fileIdText, platform.clock.nowMs())) return unauthorized(request);
    const volume = volumes.get(path.volumeId);
    const found = await volume?.read(path.id, path.cookie, { anyCookie: true }).catch((error) => {
      // A damaged needle can be deleted; whether it is a manifest nobody knows any more.
      if (error instanceof OperationError && error.code === 'corruption') return 'damaged' as const;
      throw error;
    });
    if (found === undefined) return json(request, 404, { size: 0 });
    const sync: SyncWish = TRUE.has(request.query.get('fsync') ?? '') ? 'always' : 'class';
    if (found === 'damaged') {
      const size = await volumes.delete(path.volumeId, path.id, path.cookie, { sync });
      return json(request, size === undefined ? 404 : 202, { size: size ?? 0 });
    }
    let manifestSize: number | undefined;
    try {
      if (found.needle.cookie !== path.cookie) {
        throw new OperationError('invalid_argument', 'File Random Cookie does not match.');
      }
      if (found.needle.manifest) {
        const manifest = await manifestOf(found);
        manifestSize = manifest.size;
        for (const { file } of manifest.chunks) {
          if (volumes.get(file.volumeId) === undefined) {
            throw new OperationError('io', `Deletion Failed: the volume ${file.volumeId} of a chunk is not here`);
          }
          await volumes.delete(file.volumeId, file.id, file.cookie, { sync });
        }
      }
    } finally {
      found.close();
    }
    const size = await volumes.delete(path.volumeId, path.id, path.cookie, { sync });
    if (size === undefined) return json(request, 404, { size: 0 });
    return json(request, 202, { size: manifestSize ?? size });
  }

  #failure(request: HttpRequest, error: unknown): HttpResponse {
    if (!(error instanceof OperationError)) {
      this.#options.log.error({ error: messageOf(error) }, 'a blob request failed');
      return json(request, 500, { error: 'internal error' });
    }
    const status = statusOf(error);
    if (status >= 500) this.#options.log.warn({ code: error.code, error: error.message }, 'a blob request failed');
    const headers: Record<string, string> = error.code === 'overloaded' ? { 'retry-after': '1' } : {};
    return json(request, status, { error: error.message, code: error.code }, headers);
  }
}

/** As SeaweedFS answers where it has an answer. */
function statusOf(error: OperationError): number {
  switch (error.code) {
    case 'permission_denied': // Another cookie.
    case 'store_read_only':
      return 500;
    case 'too_large':
      return 400;
    case 'overloaded':
      return 429;
    default:
      return HTTP_STATUS[error.code];
  }
}

function unauthorized(request: HttpRequest): HttpResponse {
  return json(request, 401, { error: 'wrong jwt' });
}

function secondsOf(ts: string | null): number | undefined {
  if (ts === null || ts === '') return undefined;
  if (/^\d{1,12}$/.test(ts)) return Number(ts);
  throw new OperationError('invalid_argument', `ts is a number of seconds; found ${JSON.stringify(ts.slice(0, 40))}`);
}

function json(request: HttpRequest, status: number, body: unknown, headers: Record<string, string> = {}): HttpResponse {
  headers['content-type'] = 'application/json';
  headers['x-content-type-options'] = 'nosniff';
  const isPretty = (request.query.get('pretty') ?? '') !== '';
  return { status, headers, body: JSON.stringify(body, undefined, isPretty ? 2 : undefined) };
}
