/**
 * `.ecwork`: how far turning a volume into shards, or shards into a volume, has come, so that a crash at any step leaves
 * one whole volume and nothing has to be coded twice.
 *
 * JSON. While shards are coded (`coding`) the volume is its `.dat`, and the marker says which bytes of the `.part` files
 * are on stable storage. When all new files are whole and synced the marker is written again with what is left to do
 * (`encoded`, `decoded`): from then on the change is decided, and `recoverConversion` carries it out to its end: renames
 * and removals, each of which may be repeated and none of which needs space. Should the `.dat` have changed meanwhile, as
 * when another program wrote to it, its shards are given up instead.
 */

import { asBuffer, type Bytes, text, utf8 } from '../../base/bytes.ts';
import { OperationError } from '../../base/errors.ts';
import type { Files } from '../../platform/files.ts';
import { SHARDS_MAX } from './reed-solomon.ts';
import { directoryOf, PART, readIfThere, shardPath } from './shard-files.ts';

/** What a `.dat` must still be for its shards to be its own. */
export interface SourcePrint {
  readonly datBytes: number;
  readonly idxBytes: number;
  /** The first bytes of the `.dat` in hexadecimal: its super block, with the count of compactions. */
  readonly superBlock: string;
}

export interface CodingState {
  readonly state: 'coding';
  readonly source: SourcePrint;
  readonly dataShards: number;
  readonly parityShards: number;
  readonly encodeTsNs: string;
  readonly uuid: string;
  /** Bytes of each shard that are on stable storage. */
  readonly shardBytesDone: number;
  /** For each shard, the checksums of whole blocks of these bytes: 4 bytes little-endian each, in base64. */
  readonly checksums: readonly string[];
  /** For each shard, the checksum of the bytes behind its last whole block. */
  readonly partial: readonly number[];
}

export interface DecidedState {
  readonly state: 'encoded' | 'decoded';
  /** Only of `encoded`. */
  readonly source?: SourcePrint;
  /** Names behind the base, without `.part`, that take their places, and the `.vif` after them. */
  readonly rename: readonly string[];
  /** Names behind the base. */
  readonly remove: readonly string[];
}

export type Conversion = CodingState | DecidedState;

/** What goes with a `.dat`. */
export const NEEDLE_FILES: readonly string[] = ['.dat', '.idx', '.sdx', '.clean'];

/** What is written beside shards without a marker, until it is decided. */
const UNDECIDED: readonly string[] = ['.dat', '.idx', '.vif', '.ecx'];

/** Of everything that belongs to shards. */
export function erasureFiles(): readonly string[] {
  const shards = Array.from({ length: SHARDS_MAX }, (_, shard) => shardPath('', shard));
  return [...shards, '.ecx', '.ecj', '.ecsum'];
}

export async function readConversion(files: Files, base: string): Promise<Conversion | undefined> {
  const bytes = await readIfThere(files, `${base}.ecwork`);
  if (bytes === undefined) return undefined;
  try {
    const state = JSON.parse(text(bytes)) as Conversion;
    if (state.state === 'coding' || state.state === 'encoded' || state.state === 'decoded') return state;
  } catch {
    // It is written atomically: what does not parse has rotted.
  }
  throw new OperationError('corruption', `${base}.ecwork is damaged`, {
    hint: 'Remove it if the volume has its .dat, or all its shards and no .dat.',
  });
}

export function writeConversion(files: Files, base: string, state: Conversion): Promise<void> {
  return files.writeAtomic(`${base}.ecwork`, utf8(`${JSON.stringify(state)}\n`));
}

export async function sourcePrint(files: Files, base: string): Promise<SourcePrint | undefined> {
  if (!(await files.exists(`${base}.dat`)) || !(await files.exists(`${base}.idx`))) return undefined;
  const file = await files.open(`${base}.dat`, { mode: 'read' });
  try {
    const head = Buffer.alloc(8);
    const count = await file.read(head, 0);
    return {
      datBytes: await file.size(),
      idxBytes: await files.size(`${base}.idx`),
      superBlock: head.subarray(0, count).toString('hex'),
    };
  } finally {
    await file.close();
  }
}

export function samePrint(a: SourcePrint, b: SourcePrint): boolean {
  return a.datBytes === b.datBytes && a.idxBytes === b.idxBytes && a.superBlock === b.superBlock;
}

/** Carries out what was decided. May be called again after any crash. */
export async function finishConversion(files: Files, base: string, decided: DecidedState): Promise<void> {
  const directory = directoryOf(base);
  for (const name of decided.rename) await takePlace(files, base + name);
  await files.syncDirectory(directory);
  await takePlace(files, `${base}.vif`);
  await files.syncDirectory(directory);
  for (const name of decided.remove) await files.remove(base + name);
  await files.syncDirectory(directory);
  await removeConversion(files, base);
}

/**
 * False when what was decided must be given up: another program, which knows nothing of it, wrote to the volume or removed
 * new files, and the old ones are still there. Once those are gone the change has happened.
 */
async function isPossible(files: Files, base: string, { state, source, rename }: DecidedState): Promise<boolean> {
  const now = await sourcePrint(files, base);
  const isOldThere = state === 'encoded' ? now !== undefined : await files.exists(`${base}.ecx`);
  if (!isOldThere) return true;
  if (source !== undefined && now !== undefined && !samePrint(source, now)) return false;
  for (const name of rename) {
    if (!(await files.exists(base + name)) && !(await files.exists(base + name + PART))) return false;
  }
  return true;
}

async function takePlace(files: Files, path: string): Promise<void> {
  if (await files.exists(path + PART)) await files.rename(path + PART, path);
}

async function removeConversion(files: Files, base: string): Promise<void> {
  await files.remove(`${base}.ecwork`);
  await files.syncDirectory(directoryOf(base));
}

/** Removes the parts of works that were given up, and the marker; nothing once a change is decided. */
export async function giveUpConversion(files: Files, base: string): Promise<void> {
  const state = await readConversion(files, base);
  if (state === undefined || state.state === 'coding') await discardConversion(files, base);
}

async function discardConversion(files: Files, base: string): Promise<void> {
  for (const name of [...erasureFiles(), '.dat', '.idx', '.vif']) await files.remove(base + name + PART);
  await removeConversion(files, base);
}

/** What a volume is, by its files. */
export type VolumeKind = 'needles' | 'erasure' | 'none';

/**
 * Brings a volume to one of its two forms, whatever a crash left, and says which. To be called before it is opened; while
 * it is open, and while a work on it is under way, it must not be.
 */
export async function recoverConversion(files: Files, base: string): Promise<VolumeKind> {
  const state = await readConversion(files, base);
  if (state !== undefined && state.state !== 'coding') {
    if (await isPossible(files, base, state)) await finishConversion(files, base, state);
    else {
      for (const name of state.rename) await files.remove(base + name);
      await discardConversion(files, base);
    }
  }
  if (await files.exists(`${base}.dat`)) return 'needles';
  if (!(await files.exists(`${base}.ecx`))) return 'none';
  // Of turning it back, or of its index, cut short before anything was decided: it begins anew.
  if (state === undefined) for (const name of UNDECIDED) await files.remove(base + name + PART);
  return 'erasure';
}

/** Writes a `.part`, synced. */
export async function writePart(files: Files, path: string, bytes: Bytes): Promise<void> {
  const file = await files.open(path + PART, { mode: 'create' });
  try {
    await file.truncate(0);
    await file.write(bytes, 0);
    await file.sync();
  } finally {
    await file.close();
  }
}

export function packChecksums(blocks: readonly number[]): string {
  const packed = Buffer.alloc(4 * blocks.length);
  for (const [i, block] of blocks.entries()) packed.writeUInt32LE(block, 4 * i);
  return packed.toString('base64');
}

export function unpackChecksums(packed: string): number[] {
  const bytes = asBuffer(Buffer.from(packed, 'base64'));
  return Array.from({ length: bytes.length >> 2 }, (_, i) => bytes.readUInt32LE(4 * i));
}
