/**
 * Rows that ranges of entries are asked for again and again leave as the messages that were made of them before: those of a whole
 * run of entries are kept beside it, as long as its cache has room, and a part of them is sent with one copy.
 *
 * Kept are rows in the text format whose columns look the same in every session, once as many were written one by one as the
 * run has. What is kept goes with the run: when a row of it changes, or another cache of the run's owner needs the memory.
 */

import { asBuffer, type Bytes } from '../../base/bytes.ts';
import type { FieldReader } from '../../models/relational/field-reader.ts';
import type { ResultColumn } from '../../query/sql/planner/plan.ts';
import type { SessionParameters } from '../../query/sql/session-parameters.ts';
import type { TextStyle } from '../../query/sql/types/timestamptz.ts';
import type { SqlType } from '../../query/sql/types/types.ts';
import type { PackedEntries } from '../../storage/packed-entries.ts';
import { TextFields } from './field-format.ts';
import { MessageWriter } from './message-writer.ts';

/** Types whose text no parameter of a session changes. */
const SAME_EVERYWHERE: ReadonlySet<SqlType> = new Set<SqlType>([
  'bool',
  'bpchar',
  'char',
  'int2',
  'int4',
  'int8',
  'json',
  'jsonb',
  'name',
  'numeric',
  'oid',
  'text',
  'uuid',
  'varchar',
]);

const ENTRIES_MAX = 1_024;
/** Of the messages of one run. */
const BYTES_MAX = 128 * 1024;
/** Looks at a run for other columns after which it is theirs. */
const STRANGERS_MAX = 8;

const writer = new MessageWriter();
const textFields = new TextFields(writer);

/** Messages of all rows of a run, of which some choice of columns. */
class KeptRows {
  readonly fields: FieldReader;
  /** Looks for other columns. */
  strangers = 0;
  #written = 0;
  #messages: Buffer | undefined;
  /** Where the message of each row begins, and where the last one ends. */
  #offsets: Uint32Array | undefined;
  #isGivenUp = false;

  constructor(fields: FieldReader) {
    this.fields = fields;
  }

  of(entries: PackedEntries, columns: readonly ResultColumn[], { style }: SessionParameters): Bytes | undefined {
    if (this.#messages === undefined) {
      this.#written += entries.count;
      if (this.#isGivenUp || this.#written < entries.length) return undefined;
      this.#isGivenUp = !this.#fill(entries, columns, style);
      if (this.#isGivenUp) return undefined;
    }
    return this.#messages!.subarray(this.#offsets![entries.from], this.#offsets![entries.to]);
  }

  #fill(entries: PackedEntries, columns: readonly ResultColumn[], style: TextStyle): boolean {
    const { bytes, offsets, length } = entries;
    if (bytes.length > BYTES_MAX) return false;
    const ends = new Uint32Array(length + 1);
    textFields.begin(columns, style);
    let row = 0;
    try {
      for (; row < length && writer.length <= BYTES_MAX; row++) {
        writer.begin('D').int16(columns.length);
        const [keyAt, valueAt, end] = [offsets[row * 2]!, offsets[row * 2 + 1]!, offsets[row * 2 + 2]!];
        this.fields.write(textFields, bytes, keyAt, bytes, valueAt, end);
        writer.end();
        ends[row + 1] = writer.length;
      }
    } catch {
      // One of the run's rows is damaged, perhaps none of those that are asked for: written one by one, the first that is fails.
    }
    const isWhole = row === length && writer.length <= BYTES_MAX;
    const isKept = isWhole && entries.shared.keep(this, writer.length + ends.byteLength);
    if (isKept) this.#messages = asBuffer(writer.copyFrom(0));
    writer.clear();
    this.#offsets = ends;
    return isKept;
  }
}

/** The messages of some of a run's entries; undefined where they have to be written one by one. */
export function keptRows(
  entries: PackedEntries,
  columns: readonly ResultColumn[],
  fields: FieldReader,
  parameters: SessionParameters,
): Bytes | undefined {
  const { shared } = entries;
  const { derived } = shared;
  if (derived instanceof KeptRows) {
    if (derived.fields === fields) return derived.of(entries, columns, parameters);
    if (++derived.strangers <= STRANGERS_MAX) return undefined;
    shared.forget();
  } else if (derived !== undefined) return undefined;
  if (entries.length <= ENTRIES_MAX && columns.every(({ type }) => SAME_EVERYWHERE.has(type))) {
    shared.keep(new KeptRows(fields), 0);
  }
  return undefined;
}
