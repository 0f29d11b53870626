/**
 * A sample of a table's rows and an estimate of their number, without reading more than a bounded part of a large table.
 *
 * Up to `READ_ROWS_MAX` rows are read from the first on, in pieces that each see the newest state, and a sample of them is
 * kept (Vitter's algorithm R): then the count is exact. What lies behind is probed: the keys between there and the last
 * one are divided into strata of equal width, by the first column of the key in which they differ where that is a whole
 * number, else by their bytes, and a run is read at a random place of each; how far its keys lie apart tells how many
 * there are in the stratum. Keys that are crowded in few places are estimated badly by that.
 *
 * Rows come in the order of their keys. Values are decoded for rows that are kept only.
 */

import type { Awaitable } from '../../../base/awaitable.ts';
import { type Bytes, compareBytes, concatBytes, keySuccessor } from '../../../base/bytes.ts';
import type { ColumnValue } from '../../../models/relational/table.ts';
import type { KeyRange } from '../../../storage/key-range.ts';
import type { Cursor, Entry, ScanOptions } from '../../../storage/store.ts';
import type { CatalogTable } from '../catalog-cache.ts';
import { sortInSlices } from './sort-in-slices.ts';

export interface SampleSource {
  scan(range: KeyRange, options: ScanOptions): Cursor;
  /** From here on the newest state is read, where the isolation level allows it. */
  refresh(): void;
  /** Between pieces of work. */
  pause(): Awaitable<void>;
  /** Uniform in [0, 1). */
  random(): number;
}

export interface SampleBounds {
  /** Rows that are kept. */
  readonly rowsMax: number;
  /** Rows that are read one after another before the rest is probed. */
  readonly readRowsMax: number;
  readonly strata: number;
  /** Rows read at each place. */
  readonly runRows: number;
}

/** PostgreSQL keeps 300 rows for each of the 100 common values that it looks for. */
const SAMPLE_BOUNDS: SampleBounds = { rowsMax: 30_000, readRowsMax: 100_000, strata: 500, runRows: 64 };

export interface TableSample {
  readonly rows: readonly (readonly ColumnValue[])[];
  /** How many rows the table has, or is thought to have. */
  readonly totalRows: number;
}

const PIECE_ROWS = 50_000;
/** Bytes of a key that its place among the others is computed from. */
const PLACE_BYTES = 6;
const PLACES = 2 ** (8 * PLACE_BYTES);

interface Kept {
  readonly row: readonly ColumnValue[];
  /** The key of one that was probed; of others, which were read in the order of their keys, their place among those. */
  readonly at: Bytes | number;
}

export async function sampleTable(
  table: CatalogTable,
  source: SampleSource,
  bounds: SampleBounds = SAMPLE_BOUNDS,
): Promise<TableSample> {
  const { codec } = table;
  const range = codec.keys.range([]);
  const kept: Kept[] = [];
  let read = 0;
  let rest: KeyRange | undefined = range;
  while (rest !== undefined && read < bounds.readRowsMax) {
    source.refresh();
    const piece = Math.min(PIECE_ROWS, bounds.readRowsMax - read);
    const cursor = source.scan(rest, { limit: piece });
    let last: Bytes | undefined;
    let inPiece = 0;
    try {
      for (let batch = await cursor.next(); batch !== undefined; batch = await cursor.next()) {
        for (const { key, value } of batch) {
          const number = read++;
          inPiece++;
          if (kept.length < bounds.rowsMax) kept.push({ row: codec.decode(key, value), at: number });
          else {
            const place = Math.floor(source.random() * read);
            if (place < bounds.rowsMax) kept[place] = { row: codec.decode(key, value), at: number };
          }
        }
        last = batch.at(-1)!.key;
        await source.pause();
      }
    } finally {
      cursor.close();
    }
    rest = inPiece < piece || last === undefined ? undefined : { start: keySuccessor(last), end: rest.end };
  }
  let totalRows = read;
  if (rest !== undefined) {
    const probed = await probe(table, rest, source, bounds);
    totalRows += probed.rows;
    if (probed.kept.length > 0) {
      // As many of the rows that were read as is their part of the table.
      const share = Math.max(1, Math.round((kept.length * read) / totalRows));
      if (share < kept.length) thin(kept, share, source);
      const room = Math.max(1, bounds.rowsMax - kept.length);
      if (room < probed.kept.length) thin(probed.kept, room, source);
      kept.push(...probed.kept);
    }
  }
  const sorted = await sortInSlices(kept, compareKept, () => source.pause());
  return { rows: sorted.map(({ row }) => row), totalRows };
}

/** In the order of their keys: those that were probed lie behind those that were read. */
function compareKept({ at: a }: Kept, { at: b }: Kept): number {
  if (typeof a === 'number') return typeof b === 'number' ? a - b : -1;
  return typeof b === 'number' ? 1 : compareBytes(a, b);
}

/** Keeps `count` of them, chosen at random. */
function thin(kept: Kept[], count: number, source: SampleSource): void {
  for (let i = 0; i < count; i++) {
    const other = i + Math.floor(source.random() * (kept.length - i));
    [kept[i], kept[other]] = [kept[other]!, kept[i]!];
  }
  kept.length = count;
}

/** Keys as numbers that grow with them. */
interface Places {
  placeOf(key: Bytes): number;
  /** The first key at or behind a place. */
  keyAt(place: number): Bytes;
}

async function probe(
  table: CatalogTable,
  range: KeyRange,
  source: SampleSource,
  { strata, runRows }: SampleBounds,
): Promise<{ readonly rows: number; readonly kept: Kept[] }> {
  const [first] = await readRun(range, source, { limit: 1 });
  const [last] = await readRun(range, source, { limit: 1, reverse: true });
  if (first === undefined || last === undefined) return { rows: 0, kept: [] };
  const { placeOf, keyAt } = numberPlaces(table, first.key, last.key) ?? bytePlaces(first.key, last.key);
  const low = placeOf(first.key);
  const width = Math.max(1, placeOf(last.key) - low) / strata;
  const kept: Kept[] = [];
  let rows = 0;
  for (let i = 0; i < strata; i++) {
    const from = low + width * (i + source.random());
    source.refresh();
    const run = await readRun({ start: keyAt(Math.floor(from)), end: range.end }, source, { limit: runRows });
    const end = run.at(-1);
    if (end === undefined) break; // Nor is there anything behind: the table was emptied meanwhile.
    const apart = Math.max(1, placeOf(end.key) - Math.floor(from));
    rows += Math.max(run.length < runRows ? 0 : 1, (run.length * width) / apart);
    for (const { key, value } of run) kept.push({ row: table.codec.decode(key, value), at: key });
    await source.pause();
  }
  return { rows: Math.round(rows), kept };
}

function numberPlaces({ table, codec }: CatalogTable, first: Bytes, last: Bytes): Places | undefined {
  const { primaryKey, columns } = table;
  const valuesOf = (key: Bytes): readonly ColumnValue[] => {
    const row: ColumnValue[] = [];
    codec.keys.decodeInto(key, row);
    return primaryKey.length === 0 ? [row[columns.length]!] : primaryKey.map((position) => row[position]!);
  };
  const [low, high] = [valuesOf(first), valuesOf(last)];
  const at = low.findIndex((value, i) => value !== high[i]);
  const sample = low[at];
  if (typeof sample !== 'bigint' && (typeof sample !== 'number' || !Number.isInteger(sample))) return undefined;
  return {
    placeOf: (key) => Number(valuesOf(key)[at]),
    keyAt: (place) => {
      const value = typeof sample === 'bigint' ? BigInt(place) : place;
      return primaryKey.length === 0
        ? codec.keys.hiddenKey(BigInt(place))
        : codec.keys.key([...low.slice(0, at), value]);
    },
  };
}

function bytePlaces(first: Bytes, last: Bytes): Places {
  const shared = commonBytes(first, last);
  const prefix = first.subarray(0, shared);
  return {
    placeOf: (key) => {
      let place = 0;
      for (let i = 0; i < PLACE_BYTES; i++) place = place * 256 + (key[shared + i] ?? 0);
      return place;
    },
    keyAt: (place) => concatBytes(prefix, bytesOf(Math.min(PLACES - 1, place))),
  };
}

async function readRun(range: KeyRange, source: SampleSource, options: ScanOptions): Promise<Entry[]> {
  const cursor = source.scan(range, options);
  const run: Entry[] = [];
  try {
    for (let batch = await cursor.next(); batch !== undefined; batch = await cursor.next()) run.push(...batch);
  } finally {
    cursor.close();
  }
  return run;
}

function commonBytes(a: Bytes, b: Bytes): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) if (a[i] !== b[i]) return i;
  return length;
}

function bytesOf(place: number): Bytes {
  const bytes = Buffer.alloc(PLACE_BYTES);
  bytes.writeUIntBE(place, 0, PLACE_BYTES);
  return bytes;
}
