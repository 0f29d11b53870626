/**
 * `.vif`: what is known of a volume besides its needles, as JSON in the spelling of protobuf: camelCase keys, unset fields
 * written, 64-bit integers as text.
 *
 *   { "files": [], "version": 3, "replication": "001", "bytesOffset": 4, "datFileSize": "0", "expireAtSec": "0",
 *     "readOnly": false, "ecShardConfig": null, "readOnlyCanDelete": false }
 *
 * Reading takes snake_case, the older spellings `BytesOffset` and `DestroyTime`, integers as numbers, and ignores keys it
 * does not know. An empty file is like none.
 */

import { type Bytes, text, utf8 } from '../../base/bytes.ts';
import { OperationError } from '../../base/errors.ts';

export interface VolumeInfo {
  /** Where the `.dat` lies when it was moved to other storage. */
  readonly files: readonly RemoteFile[];
  /** Of the needles; 0 when unknown. */
  readonly version: number;
  /** `XYZ`; overrides the super block's. Empty when unset. */
  readonly replication: string;
  /** Bytes per offset in index rows: 4, 5, or 0 when unknown. */
  readonly bytesOffset: number;
  /** Length of the `.dat` from which shards were made; 0 when there are none. */
  readonly datFileBytes: number;
  /** When an erasure-coded volume with a time to live is destroyed, in seconds since 1970; 0 for never. */
  readonly expireAtS: number;
  readonly readOnly: boolean;
  /** Undefined for 10+4. */
  readonly ecShardConfig: EcShardConfig | undefined;
  /** With `readOnly`: deletes are still taken. */
  readonly readOnlyCanDelete: boolean;
}

export interface EcShardConfig {
  readonly dataShards: number;
  readonly parityShards: number;
  /** When these shards were made, in nanoseconds since 1970: shards of different times do not mix. */
  readonly encodeTsNs: bigint;
  /** Bytes of the one block that each shard is, as the newest SeaweedFS makes them; 0 for blocks of two sizes. */
  readonly blockBytes: number;
}

export interface RemoteFile {
  readonly backendType: string;
  readonly backendId: string;
  readonly key: string;
  readonly offset: bigint;
  readonly fileBytes: bigint;
  readonly modifiedTimeS: bigint;
  readonly extension: string;
}

export function newVolumeInfo(fields: Partial<VolumeInfo> = {}): VolumeInfo {
  return {
    files: [],
    version: 3,
    replication: '',
    bytesOffset: 4,
    datFileBytes: 0,
    expireAtS: 0,
    readOnly: false,
    ecShardConfig: undefined,
    readOnlyCanDelete: false,
    ...fields,
  };
}

export function encodeVolumeInfo(info: VolumeInfo): Bytes {
  const { ecShardConfig: shards } = info;
  const json = {
    files: info.files.map((file) => ({
      backendType: file.backendType,
      backendId: file.backendId,
      key: file.key,
      offset: String(file.offset),
      fileSize: String(file.fileBytes),
      modifiedTime: String(file.modifiedTimeS),
      extension: file.extension,
    })),
    version: info.version,
    replication: info.replication,
    bytesOffset: info.bytesOffset,
    datFileSize: String(info.datFileBytes),
    expireAtSec: String(info.expireAtS),
    readOnly: info.readOnly,
    ecShardConfig:
      shards === undefined
        ? null
        : {
            dataShards: shards.dataShards,
            parityShards: shards.parityShards,
            encodeTsNs: String(shards.encodeTsNs),
            ...(shards.blockBytes > 0 && { blockSize: String(shards.blockBytes) }),
          },
    readOnlyCanDelete: info.readOnlyCanDelete,
  };
  return utf8(JSON.stringify(json, undefined, 2));
}

/** Undefined for an empty file. @throws OperationError `corruption` for what is no volume info. */
export function decodeVolumeInfo(bytes: Bytes): VolumeInfo | undefined {
  const source = text(bytes).trim();
  if (source === '') return undefined;
  const fields = new Fields(parseObject(source), 'volume info');
  const shards = fields.object('ecShardConfig');
  return {
    files: fields.list('files').map((file) => ({
      backendType: file.text('backendType'),
      backendId: file.text('backendId'),
      key: file.text('key'),
      offset: file.integer('offset'),
      fileBytes: file.integer('fileSize'),
      modifiedTimeS: file.integer('modifiedTime'),
      extension: file.text('extension'),
    })),
    version: fields.number('version'),
    replication: fields.text('replication'),
    bytesOffset: fields.number('bytesOffset', 'BytesOffset'),
    datFileBytes: fields.number('datFileSize'),
    expireAtS: fields.number('expireAtSec', 'DestroyTime'),
    readOnly: fields.flag('readOnly'),
    ecShardConfig:
      shards === undefined
        ? undefined
        : {
            dataShards: shards.number('dataShards'),
            parityShards: shards.number('parityShards'),
            encodeTsNs: shards.integer('encodeTsNs'),
            blockBytes: shards.number('blockSize'),
          },
    readOnlyCanDelete: fields.flag('readOnlyCanDelete'),
  };
}

function parseObject(source: string): Record<string, unknown> {
  let parsed: unknown;
  try {
    parsed = JSON.parse(source, exactIntegers);
  } catch (error) {
    throw new OperationError('corruption', 'the volume info is no JSON', { cause: error });
  }
  if (!isObject(parsed)) throw new OperationError('corruption', 'the volume info is no JSON object');
  return parsed;
}

/** Integers beyond 2^53 stay as their digits: some writers put nanoseconds without quotes. */
function exactIntegers(_key: string, value: unknown, context?: { readonly source?: string }): unknown {
  const inexact = typeof value === 'number' && !Number.isSafeInteger(value);
  return inexact && context?.source !== undefined ? context.source : value;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Fields of one message, under any of the spellings a reader of protobuf JSON takes; absent and null ones are zero. */
class Fields {
  readonly #values: Record<string, unknown>;
  readonly #what: string;

  constructor(values: Record<string, unknown>, what: string) {
    this.#values = values;
    this.#what = what;
  }

  text(name: string): string {
    const value = this.#find(name) ?? '';
    if (typeof value !== 'string') throw this.#wrong(name, 'text');
    return value;
  }

  flag(name: string): boolean {
    const value = this.#find(name) ?? false;
    if (typeof value !== 'boolean') throw this.#wrong(name, 'true or false');
    return value;
  }

  integer(name: string, older?: string): bigint {
    const value = this.#find(name, older) ?? 0;
    if (typeof value === 'number' && Number.isSafeInteger(value)) return BigInt(value);
    if (typeof value === 'string' && /^-?\d{1,20}$/.test(value)) return BigInt(value);
    throw this.#wrong(name, 'an integer');
  }

  number(name: string, older?: string): number {
    const value = Number(this.integer(name, older));
    if (!Number.isSafeInteger(value) || value < 0) throw this.#wrong(name, 'an integer from 0 to 2^53');
    return value;
  }

  object(name: string): Fields | undefined {
    const value = this.#find(name);
    if (value === undefined) return undefined;
    if (!isObject(value)) throw this.#wrong(name, 'an object');
    return new Fields(value, `${this.#what}, ${name}`);
  }

  list(name: string): Fields[] {
    const value = this.#find(name) ?? [];
    if (!Array.isArray(value) || !value.every(isObject)) throw this.#wrong(name, 'a list of objects');
    return value.map((item) => new Fields(item, `${this.#what}, ${name}`));
  }

  #find(name: string, older?: string): unknown {
    const snake = name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
    for (const spelling of older === undefined ? [name, snake] : [name, snake, older]) {
      const value = this.#values[spelling];
      if (value !== undefined && value !== null) return value;
    }
    return undefined;
  }

  #wrong(name: string, expected: string): OperationError {
    return new OperationError('corruption', `${name} in the ${this.#what} is not ${expected}`);
  }
}
