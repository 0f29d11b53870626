/**
 * Schemas: the names that hold relations. Documented in docs/formats/relational.md.
 *
 *   {prefix}/catalog/ ('schema', id) -> definition as JSON
 *
 * `public` (id 0) is there without a definition. One with another name says that it was renamed, one that says `dropped`
 * that it is gone; so relations of `public` keep their short keys whatever becomes of it.
 */

import { type Bytes, text, utf8 } from '../../base/bytes.ts';
import { OperationError } from '../../base/errors.ts';
import type { Key, KeyRange } from '../../storage/key-range.ts';
import type { Keyspace } from '../../storage/keyspace.ts';
import type { Transaction } from '../../storage/store.ts';
import { PUBLIC_SCHEMA } from './table.ts';

export interface Schema {
  /** From the counter of all relations; 0 for `public`. */
  readonly id: number;
  readonly name: string;
  readonly comment?: string;
}

const FORMAT = 1;

function schemaKey(keyspace: Keyspace, id: number): Key {
  return keyspace.catalog.key(['schema', BigInt(id)]);
}

export function schemasRange(keyspace: Keyspace): KeyRange {
  return keyspace.catalog.range(['schema']);
}

function encodeSchema(schema: Schema): Bytes {
  return utf8(JSON.stringify({ format: FORMAT, ...schema }));
}

/** That `public` is gone. */
function encodeDroppedPublic(): Bytes {
  return utf8(JSON.stringify({ format: FORMAT, id: PUBLIC_SCHEMA, dropped: true }));
}

/** Undefined for `public` when it was dropped. @throws OperationError `corruption`, `store_format`. */
export function decodeSchema(bytes: Bytes): Schema | undefined {
  let stored: Schema & { readonly format: number; readonly dropped?: boolean };
  try {
    stored = JSON.parse(text(bytes)) as typeof stored;
  } catch (error) {
    throw new OperationError('corruption', 'the definition of a schema is no JSON', { cause: error });
  }
  const { format, dropped, ...schema } = stored;
  if (format !== FORMAT) {
    throw new OperationError('store_format', `the definition of a schema has format ${format}, not ${FORMAT}`);
  }
  return dropped === true ? undefined : schema;
}

/** All schemas at one version of the catalog. Immutable. */
export class Schemas {
  readonly #byId: ReadonlyMap<number, Schema>;
  readonly #byName: ReadonlyMap<string, Schema>;

  constructor(schemas: Iterable<Schema>) {
    this.#byId = new Map([...schemas].map((schema) => [schema.id, schema]));
    this.#byName = new Map([...this.#byId.values()].map((schema) => [schema.name, schema]));
  }

  named(name: string): Schema | undefined {
    return this.#byName.get(name);
  }

  /** @param id Undefined for `public`. */
  get(id: number = PUBLIC_SCHEMA): Schema | undefined {
    return this.#byId.get(id);
  }

  /** In the order of their ids. */
  all(): readonly Schema[] {
    return [...this.#byId.values()].sort((a, b) => a.id - b.id);
  }

  with(schema: Schema): Schemas {
    return new Schemas([...this.#byId.values()].filter(({ id }) => id !== schema.id).concat(schema));
  }

  without(id: number): Schemas {
    return new Schemas([...this.#byId.values()].filter((each) => each.id !== id));
  }
}

export const INITIAL_SCHEMAS = new Schemas([{ id: PUBLIC_SCHEMA, name: 'public', comment: 'standard public schema' }]);

/** Reads all of them as the transaction sees them. */
export async function readSchemas(transaction: Transaction, keyspace: Keyspace): Promise<Schemas> {
  let schemas = INITIAL_SCHEMAS;
  const cursor = transaction.scan(schemasRange(keyspace));
  try {
    for (let batch = await cursor.next(); batch !== undefined; batch = await cursor.next()) {
      for (const { value } of batch) {
        const schema = decodeSchema(value);
        schemas = schema === undefined ? schemas.without(PUBLIC_SCHEMA) : schemas.with(schema);
      }
    }
  } finally {
    cursor.close();
  }
  return schemas;
}

/** Requires `beginSchemaChange`. Defines a schema, or changes it. */
export function putSchema(transaction: Transaction, keyspace: Keyspace, schema: Schema): void {
  transaction.put(schemaKey(keyspace, schema.id), encodeSchema(schema));
}

/** Requires `beginSchemaChange`, and that nothing is left in it. */
export function dropSchema(transaction: Transaction, keyspace: Keyspace, id: number): void {
  if (id === PUBLIC_SCHEMA) transaction.put(schemaKey(keyspace, id), encodeDroppedPublic());
  else transaction.delete(schemaKey(keyspace, id));
}
