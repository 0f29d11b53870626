/**
 * `multipart/form-data` (RFC 7578) as it comes in: parts one after the other, each with its headers and its content piece
 * by piece. Nothing is gathered but the headers of a part, at most 16 KiB of them, and the length of a delimiter.
 */

import { asBuffer, type Bytes } from '../../base/bytes.ts';
import { OperationError } from '../../base/errors.ts';

const HEAD_BYTES_MAX = 16 * 1024;
const PARTS_MAX = 1_000;

export interface Part {
  /** By lower-case name. */
  readonly headers: Readonly<Record<string, string | undefined>>;
  /** `name` and `filename` of its Content-Disposition. */
  readonly name: string | undefined;
  readonly fileName: string | undefined;
  /** To be taken before the next part is asked for; what is left is skipped. Pieces are views of what came in. */
  readonly content: AsyncGenerator<Bytes>;
}

/** The boundary that a Content-Type names; undefined when it is no multipart form. */
export function boundaryOf(contentType: string): string | undefined {
  if (!/^\s*multipart\/form-data\b/i.test(contentType)) return undefined;
  const match = /;\s*boundary\s*=\s*(?:"([^"]{1,200})"|([^\s;"]{1,200}))/i.exec(contentType);
  return match?.[1] ?? match?.[2];
}

/** @throws OperationError `invalid_argument` for what is no such body, or is cut off. */
export async function* readParts(body: AsyncIterable<Bytes>, boundary: string): AsyncGenerator<Part> {
  const reader = new DelimitedReader(body);
  const delimiter = Buffer.from(`--${boundary}`, 'latin1');
  await reader.expect(delimiter); // A preamble is for mail.
  for (let count = 0; ; count++) {
    if (count === PARTS_MAX) throw malformed(`more than ${PARTS_MAX} parts`);
    if (await reader.isLastLine()) return;
    const headers = await reader.headers();
    const inner = Buffer.from(`\r\n--${boundary}`, 'latin1');
    const content = reader.until(inner);
    const disposition = headers['content-disposition'] ?? '';
    yield {
      headers,
      name: parameter(disposition, 'name'),
      fileName: parameter(disposition, 'filename'),
      content,
    };
    for await (const _ of content); // What the caller left.
  }
}

/** The value of a parameter of Content-Disposition, `filename*` (RFC 8187) before `filename`. */
export function parameter(header: string, name: string): string | undefined {
  const extended = new RegExp(`;\\s*${name}\\*\\s*=\\s*utf-8'[^']*'([^;\\s]+)`, 'i').exec(header);
  if (extended !== null) {
    try {
      return decodeURIComponent(extended[1]!);
    } catch {
      // The plain one, then.
    }
  }
  const plain = new RegExp(`;\\s*${name}\\s*=\\s*(?:"((?:[^"\\\\]|\\\\.)*)"|([^;\\s]+))`, 'i').exec(header);
  const value = plain?.[1]?.replace(/\\(["\\])/g, '$1') ?? plain?.[2];
  // Header text is decoded byte by byte; browsers and curl write UTF-8.
  return value === undefined ? undefined : Buffer.from(value, 'latin1').toString('utf8');
}

class DelimitedReader {
  readonly #source: AsyncIterator<Bytes>;
  #buffer: Buffer = Buffer.alloc(0);
  #ended = false;

  constructor(body: AsyncIterable<Bytes>) {
    this.#source = body[Symbol.asyncIterator]();
  }

  async expect(bytes: Buffer): Promise<void> {
    while (this.#buffer.length < bytes.length) await this.#more();
    if (!this.#buffer.subarray(0, bytes.length).equals(bytes)) throw malformed('it does not begin with its boundary');
    this.#buffer = this.#buffer.subarray(bytes.length);
  }

  /** What follows a boundary: two hyphens at the end of the form, a line break before a part. */
  async isLastLine(): Promise<boolean> {
    while (this.#buffer.length < 2) await this.#more();
    const two = this.#buffer.latin1Slice(0, 2);
    if (two === '--') {
      this.#buffer = Buffer.alloc(0);
      while (!this.#ended) await this.#more(true); // The epilogue.
      return true;
    }
    if (two !== '\r\n') throw malformed('a boundary is not followed by a line break');
    this.#buffer = this.#buffer.subarray(2);
    return false;
  }

  async headers(): Promise<Record<string, string | undefined>> {
    const headers: Record<string, string | undefined> = Object.create(null);
    let used = 0;
    for (;;) {
      let end = this.#buffer.indexOf('\r\n');
      while (end < 0) {
        if (used + this.#buffer.length > HEAD_BYTES_MAX) throw malformed('the headers of a part are too long');
        await this.#more();
        end = this.#buffer.indexOf('\r\n');
      }
      used += end + 2;
      if (used > HEAD_BYTES_MAX) throw malformed('the headers of a part are too long');
      const line = this.#buffer.latin1Slice(0, end);
      this.#buffer = this.#buffer.subarray(end + 2);
      if (line === '') return headers;
      const colon = line.indexOf(':');
      if (colon <= 0) throw malformed('a header of a part has no colon');
      headers[line.slice(0, colon).trim().toLowerCase()] = line.slice(colon + 1).trim();
    }
  }

  /** Pieces up to the delimiter, which is taken too. */
  async *until(delimiter: Buffer): AsyncGenerator<Bytes> {
    for (;;) {
      const at = this.#buffer.indexOf(delimiter);
      if (at >= 0) {
        const piece = this.#buffer.subarray(0, at);
        this.#buffer = this.#buffer.subarray(at + delimiter.length);
        if (piece.length > 0) yield piece;
        return;
      }
      // The last bytes may be the beginning of the delimiter.
      const sure = this.#buffer.length - delimiter.length + 1;
      if (sure > 0) {
        const piece = this.#buffer.subarray(0, sure);
        this.#buffer = this.#buffer.subarray(sure);
        yield piece;
      }
      await this.#more();
    }
  }

  async #more(mayEnd = false): Promise<void> {
    const { value, done } = await this.#source.next();
    if (done === true) {
      this.#ended = true;
      if (!mayEnd) throw malformed('it is cut off');
      return;
    }
    if (mayEnd) return;
    this.#buffer = this.#buffer.length === 0 ? asBuffer(value) : Buffer.concat([this.#buffer, value]);
  }
}

function malformed(how: string): OperationError {
  return new OperationError('invalid_argument', `the multipart form is malformed: ${how}`);
}
