/**
 * The binary format of COPY (PostgreSQL 15, "COPY", Binary Format), cut into fields however the client split it:
 *
 *   header    11 bytes `PGCOPY\n\377\r\n\0`, int32 flags, int32 length of what else there is of a header, and that
 *   row       int16 count of fields; each int32 length, -1 for null, and its bytes as the type's `send` function writes them
 *   trailer   int16 -1
 *
 * What the bytes of a field mean is known to the protocol.
 */

import type { Bytes } from '../../../base/bytes.ts';
import { SqlError } from '../sql-error.ts';
import { type CopyBounds, CopyRest } from './copy-rest.ts';

export const COPY_SIGNATURE: Bytes = Buffer.from('PGCOPY\n\xff\r\n\0', 'latin1');

const FIXED_HEADER_BYTES = COPY_SIGNATURE.length + 8;
const KNOWN_FLAGS = 0xffff;
const WITH_OIDS = 1 << 16;

export type BinaryFields = readonly (Buffer | null)[];

export interface CopyBinaryOptions extends CopyBounds {
  /** As messages name it. */
  readonly table: string;
  /** Names of the columns, one for each field. */
  readonly columns: readonly string[];
}

export class CopyBinaryReader {
  readonly #options: CopyBinaryOptions;
  readonly #rest: CopyRest;
  #state: 'header' | 'rows' | 'ended' = 'header';
  #rows = 0;

  constructor(options: CopyBinaryOptions) {
    this.#options = options;
    this.#rest = new CopyRest(options);
  }

  /** The rows that `chunk` completes; their fields are parts of it. @throws SqlError `bad_copy_file_format`. */
  take(chunk: Bytes): BinaryFields[] {
    const bytes = this.#rest.join(chunk);
    const rows: BinaryFields[] = [];
    let at = 0;
    if (this.#state === 'header') {
      const end = headerEnd(bytes);
      if (end !== undefined) {
        this.#state = 'rows';
        at = end;
      }
    }
    while (this.#state === 'rows') {
      const end = this.#row(bytes, at, rows);
      if (end === undefined) break;
      at = end;
    }
    if (this.#state === 'ended' && at < bytes.length) {
      throw new SqlError('bad_copy_file_format', 'received copy data after EOF marker', { where: this.place() });
    }
    this.#rest.keep(bytes, at);
    return rows;
  }

  /** The end of the data, which the trailer may be missing from. @throws SqlError `bad_copy_file_format`. */
  finish(): void {
    if (this.#state === 'header') {
      const { length } = this.#rest.bytes;
      if (length < COPY_SIGNATURE.length) throw unrecognized();
      const part =
        length < COPY_SIGNATURE.length + 4
          ? 'missing flags'
          : length < FIXED_HEADER_BYTES
            ? 'missing length'
            : 'wrong length';
      throw new SqlError('bad_copy_file_format', `invalid COPY file header (${part})`);
    }
    if (this.#rest.bytes.length < 2) return;
    throw this.#unexpectedEnd();
  }

  /** @param column Of what is wrong. @param row From 1; the one being read when missing. */
  place(column?: string, row = this.#rows + 1): string {
    return `COPY ${this.#options.table}, line ${row}${column === undefined ? '' : `, column ${column}`}`;
  }

  /** @returns where the row ends; undefined when it is not all there. */
  #row(bytes: Buffer, start: number, rows: BinaryFields[]): number | undefined {
    if (bytes.length < start + 2) return undefined;
    const count = bytes.readInt16BE(start);
    let at = start + 2;
    if (count === -1) {
      this.#state = 'ended';
      return at;
    }
    const { columns } = this.#options;
    if (count !== columns.length) {
      const message = `row field count is ${count}, expected ${columns.length}`;
      throw new SqlError('bad_copy_file_format', message, { where: this.place() });
    }
    const fields: (Buffer | null)[] = [];
    for (const column of columns) {
      if (bytes.length < at + 4) return undefined;
      const length = bytes.readInt32BE(at);
      at += 4;
      if (length < -1) throw new SqlError('bad_copy_file_format', 'invalid field size', { where: this.place(column) });
      if (length === -1) {
        fields.push(null);
        continue;
      }
      if (bytes.length < at + length) return undefined;
      fields.push(bytes.subarray(at, at + length));
      at += length;
    }
    rows.push(fields);
    this.#rows++;
    return at;
  }

  /** In the field that the rest stops in. */
  #unexpectedEnd(): SqlError {
    const { bytes } = this.#rest;
    let at = 2;
    let field = 0;
    while (at + 4 <= bytes.length) {
      const end = at + 4 + Math.max(0, bytes.readInt32BE(at));
      if (end > bytes.length) break;
      at = end;
      field++;
    }
    return new SqlError('bad_copy_file_format', 'unexpected EOF in COPY data', {
      where: this.place(this.#options.columns[field]),
    });
  }
}

/** @returns where the header ends; undefined when it is not all there. */
function headerEnd(bytes: Buffer): number | undefined {
  const there = Math.min(bytes.length, COPY_SIGNATURE.length);
  if (bytes.compare(COPY_SIGNATURE, 0, there, 0, there) !== 0) throw unrecognized();
  if (bytes.length < FIXED_HEADER_BYTES) return undefined;
  const flags = bytes.readInt32BE(COPY_SIGNATURE.length);
  if ((flags & WITH_OIDS) !== 0) throw new SqlError('bad_copy_file_format', 'invalid COPY file header (WITH OIDS)');
  if ((flags & ~KNOWN_FLAGS) !== 0) {
    throw new SqlError('bad_copy_file_format', 'unrecognized critical flags in COPY file header');
  }
  const more = bytes.readInt32BE(COPY_SIGNATURE.length + 4);
  if (more < 0) throw new SqlError('bad_copy_file_format', 'invalid COPY file header (missing length)');
  return bytes.length < FIXED_HEADER_BYTES + more ? undefined : FIXED_HEADER_BYTES + more;
}

function unrecognized(): SqlError {
  return new SqlError('bad_copy_file_format', 'COPY file signature not recognized');
}
