/**
 * Writes the live needles of a volume into a tar file (POSIX.1-2001, "pax"), one member each.
 *
 * Data is written as it is stored: what is stored as gzip gets a name that ends in `.gz`. Members are named by a format:
 * `{{.Mime}}`, `{{.Id}}` (the file id), `{{.Name}}`, `{{.Ext}}`. Damaged needles are left out and named.
 */

import { text } from '../../base/bytes.ts';
import { messageOf, OperationError } from '../../base/errors.ts';
import type { File, Files } from '../../platform/files.ts';
import { needleNameText } from '../formats/file-id.ts';
import { idOf } from '../formats/index-row.ts';
import type { StoredNeedle } from '../formats/needle.ts';
import type { ReadNeedle } from '../volume/needle-read.ts';
import type { Volume } from '../volume/volume.ts';

const EXPORT_FORMAT = '{{.Mime}}/{{.Id}}:{{.Name}}';

const BLOCK_BYTES = 512;
const BUFFER_BYTES = 1024 * 1024;

export interface ExportOptions {
  /** Default `EXPORT_FORMAT`. */
  readonly format?: string;
  /** Only needles modified after it, seconds since 1970. */
  readonly newerThanS?: number;
  /** Members at most. */
  readonly limit?: number;
  /** Told of each member. */
  readonly onMember?: (name: string, bytes: number) => void;
}

export interface ExportResult {
  readonly members: number;
  readonly bytes: number;
  readonly damaged: readonly string[];
}

/** @throws OperationError `already_exists` when there is such a file, `disk_full`; then the file is removed. */
export async function exportVolume(
  files: Files,
  volume: Volume,
  path: string,
  options: ExportOptions = {},
): Promise<ExportResult> {
  const file = await files.open(path, { mode: 'createNew' });
  const tar = new TarWriter(file);
  const damaged: string[] = [];
  let members = 0;
  try {
    const ids: bigint[] = [];
    volume.generation.map.forEach((high, low, _offset, size) => {
      if (size >= 0) ids.push(idOf(high, low));
    });
    for (const id of ids) {
      if (options.limit !== undefined && members >= options.limit) break;
      let found: ReadNeedle | undefined;
      try {
        found = await volume.read(id, 0, { anyCookie: true });
      } catch (error) {
        if (!(error instanceof OperationError) || error.code !== 'corruption') throw error;
        damaged.push(messageOf(error));
        continue;
      }
      if (found === undefined) continue;
      try {
        const { needle } = found;
        if (options.newerThanS !== undefined && (needle.lastModifiedS ?? 0) <= options.newerThanS) continue;
        const name = memberName(options.format ?? EXPORT_FORMAT, needle);
        await tar.begin(name, found.dataBytes, needle.lastModifiedS ?? 0);
        if (found.pieces === undefined) await tar.write(needle.data);
        else for await (const piece of found.pieces(0, found.dataBytes)) await tar.write(piece);
        await tar.endMember(found.dataBytes);
        members++;
        options.onMember?.(name, found.dataBytes);
      } finally {
        found.close();
      }
    }
    await tar.end();
    await file.sync();
    await file.close();
    return { members, bytes: tar.bytes, damaged };
  } catch (error) {
    await file.close();
    await files.remove(path);
    throw error;
  }
}

function memberName(format: string, needle: StoredNeedle): string {
  const name = needle.name === undefined ? '' : text(needle.name);
  const dot = name.lastIndexOf('.');
  const values: Readonly<Record<string, string>> = {
    Mime: needle.mime === undefined ? '' : text(needle.mime),
    Id: needleNameText(needle),
    Name: name,
    Ext: dot < 0 ? '' : name.slice(dot),
  };
  const made = format.replace(/\{\{\.(\w+)\}\}/g, (whole, key: string) => values[key] ?? whole);
  // A member must not lead out of the directory it is unpacked in.
  const safe = made.split('/').filter((part) => part !== '' && part !== '.' && part !== '..');
  return safe.join('/') + (needle.gzip ? '.gz' : '');
}

class TarWriter {
  readonly #file: File;
  readonly #buffer = Buffer.allocUnsafeSlow(BUFFER_BYTES);
  #filled = 0;
  #written = 0;

  constructor(file: File) {
    this.#file = file;
  }

  get bytes(): number {
    return this.#written + this.#filled;
  }

  /** Name and size go into a pax header where the old fields are too short for them. */
  async begin(name: string, size: number, modifiedS: number): Promise<void> {
    const records: string[] = [];
    if (Buffer.byteLength(name) > 100 || /[^\x20-\x7e]/.test(name)) records.push(paxRecord('path', name));
    if (size >= 8 ** 11) records.push(paxRecord('size', String(size)));
    if (records.length > 0) {
      const body = Buffer.from(records.join(''));
      await this.write(header('pax', body.length, modifiedS, 'x'));
      await this.write(body);
      await this.endMember(body.length);
    }
    await this.write(header(name, size, modifiedS, '0'));
  }

  async write(bytes: Uint8Array): Promise<void> {
    for (let done = 0; done < bytes.length; ) {
      const step = Math.min(bytes.length - done, this.#buffer.length - this.#filled);
      this.#buffer.set(bytes.subarray(done, done + step), this.#filled);
      this.#filled += step;
      done += step;
      if (this.#filled === this.#buffer.length) await this.#flush();
    }
  }

  /** Pads a member of that length to whole blocks. */
  async endMember(size: number): Promise<void> {
    await this.write(Buffer.alloc((BLOCK_BYTES - (size % BLOCK_BYTES)) % BLOCK_BYTES));
  }

  async end(): Promise<void> {
    await this.write(Buffer.alloc(2 * BLOCK_BYTES));
    await this.#flush();
  }

  async #flush(): Promise<void> {
    await this.#file.write(this.#buffer.subarray(0, this.#filled), this.#written);
    this.#written += this.#filled;
    this.#filled = 0;
  }
}

function header(name: string, size: number, modifiedS: number, type: string): Buffer {
  const block = Buffer.alloc(BLOCK_BYTES);
  const octal = (value: number, length: number) => `${value.toString(8).padStart(length, '0')}\0`;
  block.write(name, 0, 100, 'utf8');
  block.write(octal(0o644, 7), 100, 'latin1');
  block.write(octal(0, 7), 108, 'latin1');
  block.write(octal(0, 7), 116, 'latin1');
  block.write(octal(size % 8 ** 11, 11), 124, 'latin1');
  block.write(octal(modifiedS % 8 ** 11, 11), 136, 'latin1');
  block.write('        ', 148, 'latin1');
  block.write(type, 156, 'latin1');
  block.write('ustar\0' + '00', 257, 'latin1');
  let sum = 0;
  for (const byte of block) sum += byte;
  block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
  return block;
}

/** `<length> <key>=<value>\n`, where the length counts itself. */
function paxRecord(key: string, value: string): string {
  const rest = ` ${key}=${value}\n`;
  const restBytes = Buffer.byteLength(rest);
  let length = restBytes + 1;
  while (String(length).length + restBytes !== length) length = String(length).length + restBytes;
  return `${length}${rest}`;
}
