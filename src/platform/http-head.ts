/**
 * Heads of plain HTTP/1.1 requests (RFC 9112). What is not plain is not judged here: `parse` answers undefined, and
 * `node:http` looks at the same bytes (http-lane.ts says what is plain).
 *
 * A client repeats itself: of the header lines of its last request nothing is parsed again while they stay the same.
 */

export interface RequestHead {
  /** In capitals. */
  readonly method: string;
  /** Without the query; begins with a slash. */
  readonly path: string;
  /** What follows the question mark. */
  readonly search: string;
  /** By lower-case name. Shared by requests whose header lines are the same. */
  readonly headers: Readonly<Record<string, string | undefined>>;
  /** Content-Length; 0 without. */
  readonly bodyBytes: number;
  /** The client sends the body when it is told to, or after a while. */
  readonly expectsContinue: boolean;
  /** Where the body begins. */
  readonly end: number;
}

interface Headers {
  readonly fields: Readonly<Record<string, string | undefined>>;
  readonly bodyBytes: number;
  readonly expectsContinue: boolean;
}

/** Larger heads are none of ours. */
export const HEAD_BYTES_MAX = 8 * 1024;
const METHODS = new Set(['GET', 'HEAD', 'PUT', 'POST', 'DELETE', 'OPTIONS']);
/** What changes how a message is read, or who reads it. */
const NOT_PLAIN = new Set(['transfer-encoding', 'upgrade', 'trailer', 'proxy-connection']);
const VERSION = ' HTTP/1.1';
const TARGET = /^\/[\x21\x22\x24-\x7e]*$/;
const NAME = /^[A-Za-z0-9-]+$/;
const VALUE = /^[\t\x20-\x7e\x80-\xff]*$/;
const CR = 0x0d;
const LF = 0x0a;

export class HeadParser {
  #lines = '';
  #headers: Headers | undefined;

  /** The head that begins at `at`; undefined when it has not come as a whole, or is not plain. */
  parse(bytes: Buffer, at: number): RequestHead | undefined {
    const lineEnd = endOfLine(bytes, at, bytes.length);
    if (lineEnd < 0) return undefined;
    const linesStart = lineEnd + 2;
    const end = endOfHead(bytes, linesStart, Math.min(bytes.length, at + HEAD_BYTES_MAX));
    if (end < 0) return undefined;
    const line = bytes.latin1Slice(at, lineEnd);
    const methodEnd = line.indexOf(' ');
    const method = line.slice(0, Math.max(0, methodEnd));
    if (!METHODS.has(method) || !line.endsWith(VERSION)) return undefined;
    const target = line.slice(methodEnd + 1, -VERSION.length);
    if (!TARGET.test(target)) return undefined;
    const lines = bytes.latin1Slice(linesStart, end - 2);
    if (lines !== this.#lines) {
      this.#lines = lines;
      this.#headers = parseLines(lines);
    }
    const headers = this.#headers;
    if (headers === undefined) return undefined;
    const queryAt = target.indexOf('?');
    return {
      method,
      path: queryAt < 0 ? target : target.slice(0, queryAt),
      search: queryAt < 0 ? '' : target.slice(queryAt + 1),
      headers: headers.fields,
      bodyBytes: headers.bodyBytes,
      expectsContinue: headers.expectsContinue,
      end,
    };
  }
}

function endOfLine(bytes: Buffer, from: number, to: number): number {
  for (let at = from; at < to - 1; at++) if (bytes[at] === CR) return bytes[at + 1] === LF ? at : -1;
  return -1;
}

/** Behind the empty line; -1 without one, and where a line end is not CR LF. */
function endOfHead(bytes: Buffer, from: number, to: number): number {
  for (let at = from; at < to - 1; at++) {
    const byte = bytes[at]!;
    if (byte > CR) continue;
    if (byte === LF) return -1;
    if (byte !== CR) continue;
    if (bytes[at + 1] !== LF) return -1;
    if (at === from) return at + 2;
    if (at + 3 < to && bytes[at + 2] === CR && bytes[at + 3] === LF) return at + 4;
    at++;
  }
  return -1;
}

/** `lines`, each with its CR LF. */
function parseLines(lines: string): Headers | undefined {
  const fields: Record<string, string | undefined> = {};
  let bodyBytes = 0;
  for (let at = 0; at < lines.length; ) {
    const end = lines.indexOf('\r\n', at);
    const colon = lines.indexOf(':', at);
    if (end < 0 || colon < 0 || colon > end) return undefined;
    const rawName = lines.slice(at, colon);
    if (!NAME.test(rawName)) return undefined;
    const name = rawName.toLowerCase();
    const value = lines.slice(colon + 1, end).replace(/^[\t ]+|[\t ]+$/g, '');
    if (!VALUE.test(value) || Object.hasOwn(fields, name) || NOT_PLAIN.has(name)) return undefined;
    if (name === 'connection' && value.toLowerCase() !== 'keep-alive') return undefined;
    if (name === 'expect' && value.toLowerCase() !== '100-continue') return undefined;
    if (name === 'content-length') {
      if (!/^\d{1,15}$/.test(value)) return undefined;
      bodyBytes = Number(value);
    }
    fields[name] = value;
    at = end + 2;
  }
  return fields.host === undefined ? undefined : { fields, bodyBytes, expectsContinue: fields.expect !== undefined };
}
