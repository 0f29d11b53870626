/**
 * Backup of a store to a directory, and restoring from one.
 *
 * A backup is one consistent cut: all entries as of one version, read from a snapshot while writes go on, and then the
 * log from that version to the newest durable one, so that it can be restored to any position in between. Everything is
 * checksummed; a backup without a manifest was never finished. Documented in docs/formats/backup.md.
 *
 *   data-000001.orbit, …   blocks of entries, in key order
 *   log-000001.orbit, …    frames of the commit log (log-format.ts), as they are
 *   MANIFEST.json          written last: what belongs to the backup, with SHA-256 of every file, and of itself
 *
 * Block: length of the entries (uint32), their CRC-32 (uint32), entries; an entry is key length (uint16), value length
 * (uint32), key, value. Integers are little-endian.
 */

import { createHash, type Hash } from 'node:crypto';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { type Bytes, utf8 } from '../base/bytes.ts';
import { messageOf, OperationError } from '../base/errors.ts';
import type { File, Files } from '../platform/files.ts';
import type { Platform } from '../platform/platform.ts';
import type { Engine } from './engine.ts';
import { ALL_KEYS } from './key-range.ts';
import type { LocalStore } from './local-store.ts';
import { bodyIsIntact, commitsOf, decodeFrameHeader, FRAME_HEADER_BYTES, frameBytes } from './log-format.ts';
import { MemtableBatch } from './memtable-batch.ts';
import { operationBytes, PUT, writeOperation } from './operations.ts';
import type { Entry, Version } from './store.ts';

const BACKUP_FORMAT = 1;
const MANIFEST = 'MANIFEST.json';
const BLOCK_BYTES = 256 * 1024;
const FILE_BYTES = 256 * 1024 * 1024;
const ENTRY_HEADER_BYTES = 6;

export interface BackupManifest {
  readonly format: number;
  readonly store: string;
  readonly createdAtMs: number;
  /** Version of the entries. */
  readonly from: Version;
  /** Version of the last commit of the log part; equal to `from` when there is none. */
  readonly to: Version;
  readonly entries: number;
  /** SHA-256 of all entries as of `from`; see `contentHash`. */
  readonly contentHash: string;
  readonly files: readonly BackupFile[];
  /** SHA-256 of this manifest without this field, as compact JSON. */
  readonly sha256: string;
}

interface BackupFile {
  readonly name: string;
  readonly kind: 'data' | 'log';
  readonly bytes: number;
  readonly sha256: string;
}

export type Progress = (message: string) => void;

/**
 * Writes a backup of `store` to `directory`, which must be missing or empty. Writes to the store go on meanwhile.
 * @throws OperationError `already_exists`, `disk_full`, `io`, `transaction_too_old`.
 */
export async function writeBackup(
  store: LocalStore,
  platform: Platform,
  directory: string,
  progress: Progress,
): Promise<BackupManifest> {
  const { files } = platform;
  await files.makeDirectory(directory);
  if ((await files.list(directory)).length > 0) {
    throw new OperationError('already_exists', `${directory} is not empty`, { hint: 'Name a new or empty directory.' });
  }
  const snapshot = store.begin({ readOnly: true, label: 'backup' });
  const from = snapshot.readVersion;
  // However long the entries take, the log from here on belongs to the backup.
  const releaseLog = store.holdLog(from);
  const data = new BackupWriter(files, directory, 'data');
  const log = new BackupWriter(files, directory, 'log');
  try {
    // What the snapshot shows must be durable before a backup may hold it.
    await store.whenDurable(from);
    const hash = newContentHash();
    const cursor = snapshot.scan(ALL_KEYS);
    let entries = 0;
    let block: Entry[] = [];
    let blockBytes = 0;
    for (let batch = await cursor.next(); batch !== undefined; batch = await cursor.next()) {
      for (const entry of batch) {
        addToHash(hash, entry);
        block.push(entry);
        blockBytes += ENTRY_HEADER_BYTES + entry.key.length + entry.value.length;
        entries++;
        if (blockBytes >= BLOCK_BYTES) {
          await data.write(encodeBlock(block, blockBytes));
          block = [];
          blockBytes = 0;
          if (entries % 100_000 < 1_000) progress(`${entries} entries, ${data.bytes} bytes`);
        }
      }
      await platform.timers.yield();
    }
    if (block.length > 0) await data.write(encodeBlock(block, blockBytes));
    const dataFiles = await data.finish();

    let to = from;
    if (store.supports.changeFeed) {
      for await (const frame of store.logFrames(from, { follow: false })) {
        const image = Buffer.alloc(frameBytes(frame.header.bodyBytes));
        image.set(frame.image, 0);
        await log.write(image);
        to = frame.header.firstVersion + frame.header.commits - 1;
      }
    }
    const logFiles = await log.finish();
    const contents: Omit<BackupManifest, 'sha256'> = {
      format: BACKUP_FORMAT,
      store: store.name,
      createdAtMs: platform.clock.nowMs(),
      from,
      to,
      entries,
      contentHash: hash.digest('hex'),
      files: [...dataFiles, ...logFiles],
    };
    const manifest: BackupManifest = { ...contents, sha256: manifestHash(contents) };
    await files.writeAtomic(join(directory, MANIFEST), utf8(`${JSON.stringify(manifest, undefined, 2)}\n`));
    progress(`${entries} entries as of position ${from}, log to position ${to}`);
    return manifest;
  } finally {
    snapshot.rollback();
    releaseLog();
    await data.abandon();
    await log.abandon();
  }
}

/** Reads the manifest and checks every file against it. @throws OperationError `not_found`, `corruption`, `store_format`. */
export async function verifyBackup(platform: Platform, directory: string, progress: Progress): Promise<BackupManifest> {
  const { files } = platform;
  const path = join(directory, MANIFEST);
  if (!(await files.exists(path))) {
    throw new OperationError('not_found', `${directory} holds no finished backup: ${MANIFEST} is missing`);
  }
  let manifest: BackupManifest;
  try {
    manifest = JSON.parse(Buffer.from(await files.read(path)).toString('utf8')) as BackupManifest;
  } catch (error) {
    throw new OperationError('corruption', `${path} is damaged: ${messageOf(error)}`, { cause: error });
  }
  if (typeof manifest !== 'object' || manifest === null) {
    throw new OperationError('corruption', `${path} is damaged: it is no JSON object`);
  }
  if (manifest.format !== BACKUP_FORMAT) {
    throw new OperationError(
      'store_format',
      `${directory} has backup format ${manifest.format}; this build reads ${BACKUP_FORMAT}`,
      {
        hint: 'Restore it with the release that wrote it.',
      },
    );
  }
  const { sha256, ...contents } = manifest;
  if (sha256 !== manifestHash(contents)) {
    throw new OperationError('corruption', `${path} is damaged: it does not have the SHA-256 it names`, {
      hint: 'Nothing was restored. Use another backup, or put an undamaged copy of the file back.',
    });
  }
  for (const file of manifest.files) {
    progress(`checking ${file.name}`);
    const found = await hashFile(files, join(directory, file.name));
    if (found.bytes !== file.bytes || found.sha256 !== file.sha256) {
      throw new OperationError(
        'corruption',
        `${join(directory, file.name)} is damaged: it has ${found.bytes} bytes with SHA-256 ${found.sha256}, not ${file.bytes} with ${file.sha256}`,
        { hint: 'Nothing was restored. Use another backup, or put an undamaged copy of the file back.' },
      );
    }
  }
  return manifest;
}

/**
 * Fills an empty engine from a backup, up to position `to` (default: all of it), and syncs it.
 * @returns the position reached. @throws OperationError as `verifyBackup`, and `out_of_range` for a position not covered.
 */
export async function restoreBackup(
  engine: Engine,
  platform: Platform,
  directory: string,
  options: { readonly to?: Version },
  progress: Progress,
): Promise<Version> {
  const manifest = await verifyBackup(platform, directory, progress);
  const to = options.to ?? manifest.to;
  if (to < manifest.from || to > manifest.to) {
    throw new OperationError(
      'out_of_range',
      `the backup in ${directory} reaches from position ${manifest.from} to ${manifest.to}; ${to} is outside`,
    );
  }
  const batch = new MemtableBatch(engine);
  const hash = newContentHash();
  let entries = 0;
  for (const file of manifest.files) {
    if (file.kind !== 'data') continue;
    for await (const entry of readEntries(platform.files, join(directory, file.name))) {
      addToHash(hash, entry);
      const bytes = operationBytes(entry.key.length, entry.value.length);
      await batch.reserve(bytes, 0);
      batch.add((arena, offset) => writeOperation(arena, offset, PUT, entry.key, entry.value));
      entries++;
    }
    progress(`${entries} of ${manifest.entries} entries`);
  }
  if (entries !== manifest.entries || hash.digest('hex') !== manifest.contentHash) {
    throw new OperationError('corruption', `the entries of ${directory} do not have the content hash of its manifest`);
  }
  let position = manifest.from;
  for (const file of manifest.files) {
    if (file.kind !== 'log') continue;
    for await (const body of readFrames(platform.files, join(directory, file.name))) {
      let version = body.firstVersion;
      for (const { start, end } of commitsOf(body.bytes)) {
        if (version > position + 1 && position < to) {
          throw new OperationError(
            'corruption',
            `the log part of ${directory} jumps from version ${position} to ${version}`,
          );
        }
        if (version > position && version <= to) {
          await batch.reserve(end - start, 0);
          batch.addAll(body.bytes.subarray(start, end));
          position = version;
        }
        version++;
      }
    }
  }
  if (position !== to) {
    throw new OperationError('corruption', `the log part of ${directory} ends at version ${position}, before ${to}`);
  }
  await batch.flush(position, true);
  progress(`restored to position ${position}`);
  return position;
}

/** SHA-256 of everything in a store as of now: equal for equal contents, whatever the provider. */
export async function contentHash(
  store: LocalStore,
): Promise<{ readonly hash: string; readonly entries: number; readonly version: Version }> {
  const snapshot = store.begin({ readOnly: true, label: 'content hash' });
  try {
    const hash = newContentHash();
    let entries = 0;
    const cursor = snapshot.scan(ALL_KEYS);
    for (let batch = await cursor.next(); batch !== undefined; batch = await cursor.next()) {
      for (const entry of batch) addToHash(hash, entry);
      entries += batch.length;
    }
    return { hash: hash.digest('hex'), entries, version: snapshot.readVersion };
  } finally {
    snapshot.rollback();
  }
}

function manifestHash(contents: Omit<BackupManifest, 'sha256'>): string {
  return createHash('sha256').update(JSON.stringify(contents)).digest('hex');
}

function newContentHash(): Hash {
  return createHash('sha256');
}

function addToHash(hash: Hash, entry: Entry): void {
  hash.update(encodeEntryHeader(entry));
  hash.update(entry.key);
  hash.update(entry.value);
}

function encodeEntryHeader(entry: Entry): Buffer {
  const header = Buffer.allocUnsafe(ENTRY_HEADER_BYTES);
  header.writeUInt16LE(entry.key.length, 0);
  header.writeUInt32LE(entry.value.length, 2);
  return header;
}

function encodeBlock(entries: readonly Entry[], bytes: number): Buffer {
  const block = Buffer.allocUnsafe(8 + bytes);
  let offset = 8;
  for (const { key, value } of entries) {
    offset = block.writeUInt16LE(key.length, offset);
    offset = block.writeUInt32LE(value.length, offset);
    block.set(key, offset);
    block.set(value, offset + key.length);
    offset += key.length + value.length;
  }
  block.writeUInt32LE(bytes, 0);
  block.writeUInt32LE(crc32(block.subarray(8)), 4);
  return block;
}

/** Writes numbered files of one kind, each hashed as it is written. */
class BackupWriter {
  bytes = 0;
  readonly #files: Files;
  readonly #directory: string;
  readonly #kind: 'data' | 'log';
  readonly #written: BackupFile[] = [];
  #file: File | undefined;
  #name = '';
  #hash: Hash = newContentHash();
  #offset = 0;

  constructor(files: Files, directory: string, kind: 'data' | 'log') {
    this.#files = files;
    this.#directory = directory;
    this.#kind = kind;
  }

  async write(bytes: Buffer): Promise<void> {
    if (this.#file !== undefined && this.#offset + bytes.length > FILE_BYTES) await this.#finishFile();
    if (this.#file === undefined) {
      this.#name = `${this.#kind}-${String(this.#written.length + 1).padStart(6, '0')}.orbit`;
      this.#file = await this.#files.open(join(this.#directory, this.#name), { mode: 'createNew' });
      this.#hash = newContentHash();
      this.#offset = 0;
    }
    await this.#file.write(bytes, this.#offset);
    this.#hash.update(bytes);
    this.#offset += bytes.length;
    this.bytes += bytes.length;
  }

  async finish(): Promise<readonly BackupFile[]> {
    await this.#finishFile();
    return this.#written;
  }

  /** Closes what an error left open. */
  async abandon(): Promise<void> {
    await this.#file?.close();
    this.#file = undefined;
  }

  async #finishFile(): Promise<void> {
    if (this.#file === undefined) return;
    await this.#file.sync();
    await this.#file.close();
    this.#file = undefined;
    this.#written.push({ name: this.#name, kind: this.#kind, bytes: this.#offset, sha256: this.#hash.digest('hex') });
  }
}

async function hashFile(files: Files, path: string): Promise<{ bytes: number; sha256: string }> {
  const hash = newContentHash();
  if (!(await files.exists(path)))
    throw new OperationError('corruption', `${path} is missing`, { hint: 'Nothing was restored. Put the file back.' });
  const file = await files.open(path, { mode: 'read' });
  try {
    const chunk = Buffer.allocUnsafe(1024 * 1024);
    let bytes = 0;
    for (;;) {
      const read = await file.read(chunk, bytes);
      if (read === 0) return { bytes, sha256: hash.digest('hex') };
      hash.update(chunk.subarray(0, read));
      bytes += read;
    }
  } finally {
    await file.close();
  }
}

async function* readEntries(files: Files, path: string): AsyncGenerator<Entry> {
  const file = await files.open(path, { mode: 'read' });
  try {
    const size = await file.size();
    for (let offset = 0; offset < size; ) {
      const header = await readExactly(file, offset, 8);
      const block = Buffer.from(await readExactly(file, offset + 8, header.readUInt32LE(0)));
      if (crc32(block) !== header.readUInt32LE(4))
        throw new OperationError('corruption', `${path} is damaged in the block at offset ${offset}`);
      for (let at = 0; at < block.length; ) {
        const keyEnd = at + ENTRY_HEADER_BYTES + block.readUInt16LE(at);
        const valueEnd = keyEnd + block.readUInt32LE(at + 2);
        yield { key: block.subarray(at + ENTRY_HEADER_BYTES, keyEnd), value: block.subarray(keyEnd, valueEnd) };
        at = valueEnd;
      }
      offset += 8 + block.length;
    }
  } finally {
    await file.close();
  }
}

async function* readFrames(files: Files, path: string): AsyncGenerator<{ firstVersion: Version; bytes: Bytes }> {
  const file = await files.open(path, { mode: 'read' });
  try {
    const size = await file.size();
    for (let offset = 0; offset < size; ) {
      const header = decodeFrameHeader(await readExactly(file, offset, FRAME_HEADER_BYTES));
      if (header === undefined) throw new OperationError('corruption', `${path} is damaged at offset ${offset}`);
      const bytes = await readExactly(file, offset + FRAME_HEADER_BYTES, header.bodyBytes);
      if (!bodyIsIntact(header, bytes))
        throw new OperationError('corruption', `${path} is damaged at offset ${offset}`);
      yield { firstVersion: header.firstVersion, bytes };
      offset += frameBytes(header.bodyBytes);
    }
  } finally {
    await file.close();
  }
}

async function readExactly(file: File, position: number, length: number): Promise<Buffer> {
  const bytes = Buffer.allocUnsafe(length);
  const read = await file.read(bytes, position);
  if (read < length) throw new OperationError('corruption', `${file.path} ends at ${position + read}, inside a record`);
  return bytes;
}
