/**
 * Stored keys as the paths of the documentation, and back: `orbit/kv/0/user:1`, `orbit/relational/users/42`.
 *
 * A path is the literal prefix of a key and the elements of its tuple, joined by slashes, ids replaced by the names they
 * have in the catalog. It shows every type so that it can be read back: `42` is an integer and `'42'` is text. Any key
 * can be printed; one that is no tuple of a known space appears as its bytes. The notation is that of
 * docs/formats/keyspace.md, section "Paths".
 *
 * Lost on the way: whether a null was one that sorts last, and, for element types that a space's layout does not expect,
 * the difference between bytes and other types.
 */

import { isUtf8 } from 'node:buffer';
import { asBuffer, type Bytes, latin1, printable, startsWith, text, utf8 } from '../base/bytes.ts';
import { hasCode, OperationError } from '../base/errors.ts';
import {
  type Decimal,
  decimal,
  INT64_MAX,
  INT64_MIN,
  type Timestamp,
  timestamp,
  type Uuid,
  uuid,
  uuidText,
} from '../base/value.ts';
import { type Key, type KeyRange, prefixRange } from './key-range.ts';
import type { Keyspace, SpaceName, Subspace } from './keyspace.ts';
import { KeyReader, type KeyWriter, type TupleValue } from './tuple.ts';

/** Kinds of objects whose ids stand in keys. */
export type NamedKind = 'table' | 'index' | 'graph' | 'edgeType' | 'collection' | 'series';

/** Names by the catalog. `parent` is the table of an index and the graph of an edge type. */
export interface NameResolver {
  nameOf(kind: NamedKind, id: bigint, parent?: bigint): string | undefined;
  idOf(kind: NamedKind, name: string, parent?: bigint): bigint | undefined;
}

/** Knows no names: ids appear as `#17`. */
export const NO_NAMES: NameResolver = {
  nameOf: () => undefined,
  idOf: () => undefined,
};

/** What an element at some place of a tuple is: an id with a name, bytes shown as text, or whatever its type says. */
type Place = NamedKind | 'bytes' | 'any';

/** The places that begin the tuples of a space; what follows is `any`. */
const LAYOUTS: Readonly<Record<SpaceName, readonly Place[]>> = {
  relational: ['table'],
  index: ['table', 'index'],
  'graph/nodes': ['graph'],
  'graph/edges': ['graph', 'any', 'any', 'edgeType'],
  'graph/reverse': ['graph', 'any', 'any', 'edgeType'],
  vector: ['collection'],
  timeseries: ['series'],
  kv: ['any', 'bytes'],
  actors: [],
  catalog: [],
  filer: [],
  cluster: [],
  meta: [],
};

/** Never throws: a key that does not decode is printed as its bytes. */
export function formatKeyPath(key: Key, keyspace: Keyspace, names: NameResolver = NO_NAMES): string {
  const tenant = tenantOf(latin1(key.subarray(0, 512)), keyspace);
  if (tenant !== undefined) return formatKeyPath(key, tenant, names);
  const space = keyspace.spaceOf(key);
  if (space === undefined) return printable(key, key.length);
  try {
    return `${latin1(space.prefix)}${formatElements(space, key, names).join('/')}`;
  } catch (error) {
    if (hasCode(error, 'corruption')) return printable(key, key.length);
    throw error;
  }
}

/**
 * The keys whose paths begin with `path`. Elements followed by a slash must match whole; a last element without one
 * matches as a beginning if it is text or bytes, else whole. A path outside the key space is taken as literal bytes.
 * @throws OperationError `not_found` for an unknown name, `invalid_argument` for a malformed element.
 */
export function parseKeyPathPrefix(path: string, keyspace: Keyspace, names: NameResolver = NO_NAMES): KeyRange {
  const tenant = tenantOf(path, keyspace);
  if (tenant !== undefined) return parseKeyPathPrefix(path, tenant, names);
  const bytes = utf8(path);
  const space = keyspace.spaces.find((candidate) => startsWith(bytes, candidate.prefix));
  if (space === undefined) return prefixRange(bytes);
  const segments = text(bytes.subarray(space.prefix.length)).split('/');
  const last = segments.pop()!;
  const writer = space.writer();
  const ids: (bigint | undefined)[] = [];
  for (const segment of segments) writeElement(writer, segment, placeOf(space, ids.length), ids, names, false);
  if (last !== '') writeElement(writer, last, placeOf(space, ids.length), ids, names, true);
  return prefixRange(writer.finish());
}

/** The keyspace of the tenant that a key or path names, if it names one. */
function tenantOf(keyOrPath: string, keyspace: Keyspace): Keyspace | undefined {
  const start = `${keyspace.prefix}/tenant/`;
  if (!keyOrPath.startsWith(start)) return undefined;
  const end = keyOrPath.indexOf('/', start.length);
  if (end === -1) return undefined;
  try {
    return keyspace.tenant(keyOrPath.slice(start.length, end));
  } catch (error) {
    if (hasCode(error, 'invalid_config')) return undefined;
    throw error;
  }
}

function placeOf(space: Subspace, position: number): Place {
  return LAYOUTS[space.name][position] ?? 'any';
}

function formatElements(space: Subspace, key: Key, names: NameResolver): string[] {
  const reader = new KeyReader(key, space.prefix.length);
  const elements: string[] = [];
  let parent: bigint | undefined;
  while (!reader.atEnd) {
    const descending = key[reader.offset]! >= 0x80;
    const place = placeOf(space, elements.length);
    const value = reader.value();
    elements.push(`${descending ? '~' : ''}${formatElement(value, place, parent, names)}`);
    if (elements.length === 1 && typeof value === 'bigint') parent = value;
  }
  return elements;
}

function formatElement(value: TupleValue, place: Place, parent: bigint | undefined, names: NameResolver): string {
  if (place === 'bytes' && value instanceof Uint8Array && value.length > 0) return escapeBytes(value);
  if (place !== 'bytes' && place !== 'any' && typeof value === 'bigint') {
    const name = names.nameOf(place, value, parent);
    return name === undefined ? `#${value}` : formatText(name);
  }
  return formatValue(value);
}

function formatValue(value: TupleValue): string {
  switch (typeof value) {
    case 'boolean':
    case 'bigint':
      return String(value);
    case 'number':
      return Number.isInteger(value) && !String(value).includes('e') ? `${value}.0` : String(value);
    case 'string':
      return formatText(value);
  }
  if (value === null) return 'null';
  if (value instanceof Uint8Array) return `x'${asBuffer(value).toString('hex')}'`;
  if ('kind' in value) return formatTagged(value);
  return `(${value.map(formatValue).join(',')})`;
}

/** In quotes when it would be empty or read as another type. */
function formatText(value: string): string {
  const escaped = escapeText(value);
  return escaped === '' || parseTyped(escaped) !== undefined ? `'${escaped}'` : escaped;
}

function formatTagged(value: Decimal | Timestamp | Uuid): string {
  switch (value.kind) {
    case 'decimal':
      return `${value.text}m`;
    case 'uuid':
      return uuidText(value);
    case 'timestamp':
      return formatTimestamp(value.micros);
  }
}

/** Years 0000 to 9999 as a date, everything else as `@` and microseconds. */
function formatTimestamp(micros: bigint): string {
  if (micros < -62_167_219_200_000_000n || micros >= 253_402_300_800_000_000n) return `@${micros}`;
  const inSecond = ((micros % 1_000_000n) + 1_000_000n) % 1_000_000n;
  const seconds = (micros - inSecond) / 1_000_000n;
  const date = new Date(Number(seconds) * 1_000).toISOString();
  return `${date.slice(0, 19)}.${String(inSecond).padStart(6, '0')}Z`;
}

function writeElement(
  writer: KeyWriter,
  segment: string,
  place: Place,
  ids: (bigint | undefined)[],
  names: NameResolver,
  open: boolean,
): void {
  const descending = segment.startsWith('~');
  const source = descending ? segment.slice(1) : segment;
  const from = writer.length;
  let id: bigint | undefined;
  if (place === 'bytes' && !/^x'[0-9a-f]*'$/.test(source)) {
    writer.bytes(unescapeBytes(source));
    if (open) leaveOpen(writer);
  } else if (place !== 'bytes' && place !== 'any' && parseTyped(source) === undefined) {
    id = parseId(source, place, ids[0], names);
    writer.int(id);
  } else {
    const value = parseValue(source);
    writer.value(value);
    if (typeof value === 'bigint') id = value;
    if (open && typeof value === 'string' && !source.startsWith("'")) leaveOpen(writer);
  }
  if (descending) writer.complement(from);
  ids.push(id);
}

/** Takes back the two bytes that end text or bytes, so that what was written is the beginning of longer ones. */
function leaveOpen(writer: KeyWriter): void {
  writer.truncate(writer.length - 2);
}

function parseId(source: string, kind: NamedKind, parent: bigint | undefined, names: NameResolver): bigint {
  if (/^#-?\d{1,19}$/.test(source)) return BigInt(source.slice(1));
  const name = parseText(source);
  const id = names.idOf(kind, name, parent);
  if (id === undefined) throw new OperationError('not_found', `there is no ${kind} named "${name}"`);
  return id;
}

function parseValue(source: string): TupleValue {
  const typed = parseTyped(source);
  return typed === undefined ? parseText(source) : typed;
}

function parseText(source: string): string {
  return unescapeText(/^'.*'$/s.test(source) ? source.slice(1, -1) : source);
}

/** The value that unquoted text stands for, unless it is just text. */
function parseTyped(source: string): Exclude<TupleValue, string> | undefined {
  if (source === 'null') return null;
  if (source === 'true' || source === 'false') return source === 'true';
  if (/^-?\d+$/.test(source)) {
    const value = BigInt(source);
    return value >= INT64_MIN && value <= INT64_MAX ? value : undefined;
  }
  if (/^(-?(\d+\.\d+|\d+(\.\d+)?e[+-]?\d+|Infinity)|NaN)$/.test(source)) return Number(source);
  if (/^(-?(\d+(\.\d+)?|Infinity)|NaN)m$/.test(source)) return decimal(source.slice(0, -1));
  if (/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(source)) return uuid(source);
  if (/^@-?\d{1,19}$/.test(source)) return timestamp(BigInt(source.slice(1)));
  const hex = /^x'((?:[0-9a-f]{2})*)'$/.exec(source)?.[1];
  if (hex !== undefined) return Buffer.from(hex, 'hex');
  const instant = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)\.(\d{6})Z$/.exec(source);
  if (instant !== null) {
    const ms = Date.parse(`${instant[1]}Z`);
    return Number.isNaN(ms) ? undefined : timestamp(BigInt(ms) * 1_000n + BigInt(instant[2]!));
  }
  return source.startsWith('(') ? parseNested(source) : undefined;
}

function parseNested(source: string): readonly TupleValue[] {
  if (!source.endsWith(')')) throw malformed(source);
  const elements: TupleValue[] = [];
  let depth = 0;
  let from = 1;
  for (let i = 1; i < source.length; i++) {
    const char = source[i];
    if (char === '(') depth++;
    else if (char === ')') depth--;
    if (depth < 0 ? i !== source.length - 1 : i === source.length - 1) throw malformed(source);
    if (depth === 0 && char === ',') {
      elements.push(parseValue(source.slice(from, i)));
      from = i + 1;
    }
  }
  if (source !== '()') elements.push(parseValue(source.slice(from, -1)));
  return elements;
}

function malformed(source: string): OperationError {
  return new OperationError('invalid_argument', `"${source}" is not an element of a key path`);
}

function escapeText(value: string): string {
  // Characters with a meaning in paths, invisible ones, and a leading `~` or `#`.
  return value.replace(/[/%'(),]|[\p{C}\p{Zl}\p{Zp}]|^[~#]/gu, (char) => escapeEach(utf8(char)));
}

function escapeBytes(bytes: Bytes): string {
  if (isUtf8(bytes)) return escapeText(text(bytes));
  const escapeByte = (byte: number): string =>
    byte >= 0x20 && byte < 0x7f ? escapeText(String.fromCharCode(byte)) : escapeEach(Buffer.of(byte));
  return Array.from(bytes, escapeByte).join('');
}

function escapeEach(bytes: Bytes): string {
  return Array.from(bytes, (byte) => `%${byte.toString(16).toUpperCase().padStart(2, '0')}`).join('');
}

function unescapeText(source: string): string {
  const bytes = unescapeBytes(source);
  if (!isUtf8(bytes)) throw malformed(source);
  return text(bytes);
}

function unescapeBytes(source: string): Bytes {
  if (/%(?![0-9A-Fa-f]{2})/.test(source)) throw malformed(source);
  const parts = source.split(/(%[0-9A-Fa-f]{2})/);
  return Buffer.concat(parts.map((part, i) => (i % 2 === 1 ? Buffer.from(part.slice(1), 'hex') : utf8(part))));
}
