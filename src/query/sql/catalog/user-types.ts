/**
 * The types that users defined, in memory: definitions of all that are committed, registered so that values of them can be
 * read, compared and stored.
 *
 * A new type is registered when it is created: nobody else can name it before its transaction commits. What changes a type
 * that others use is registered by the commit itself, before anyone can observe it.
 */

import { type Awaitable, whenReady } from '../../../base/awaitable.ts';
import { type CatalogReader, readName, readTableById } from '../../../models/relational/catalog.ts';
import { labelValueOf } from '../../../models/relational/enums.ts';
import { PUBLIC_SCHEMA, type TableId } from '../../../models/relational/table.ts';
import {
  decodeType,
  defineStorage,
  type TypeDefinition,
  typeKey,
  typesRange,
} from '../../../models/relational/type-definition.ts';
import type { Keyspace } from '../../../storage/keyspace.ts';
import type { CommitRecord, Store } from '../../../storage/store.ts';
import { quoteName } from '../binder/deparse.ts';
import { rowTypeOf } from '../binder/row-types.ts';
import { defineType, type SqlType, typeInfo } from '../types/types.ts';
import { domainChecker } from './domain-rules.ts';

export class UserTypes {
  readonly #store: Store;
  readonly #keyspace: Keyspace;
  /** Committed ones. */
  readonly #known = new Map<TableId, TypeDefinition>();
  readonly #stopWatching: () => void;
  #loading: Promise<void> | undefined;
  #loaded = false;

  constructor(store: Store, keyspace: Keyspace) {
    this.#store = store;
    this.#keyspace = keyspace;
    this.#stopWatching = store.watch(typesRange(keyspace), (record) => this.#note(record));
    store.onReset(() => this.forget());
  }

  /** What is known may be out of date: it is read again before the next statement. */
  forget(): void {
    this.#loaded = false;
    this.#loading = undefined;
    this.#known.clear();
  }

  /** Undefined once all types are registered. Tables that have columns of them can be opened then. */
  ready(): Promise<void> | undefined {
    if (this.#loaded) return undefined;
    this.#loading ??= this.#load();
    return this.#loading;
  }

  /** Whether the type is part of what is committed. */
  isCommitted(id: TableId): boolean {
    return this.#known.has(id);
  }

  /** The type of that name as `reader` sees it: one that was defined, or that of a table's rows. */
  named(reader: CatalogReader, name: string, schema: number = PUBLIC_SCHEMA): Awaitable<SqlType | undefined> {
    return whenReady(readName(reader, this.#keyspace, name, schema), (found) => {
      if (found === undefined) return undefined;
      if (found.kind === 'table') {
        return whenReady(readTableById(reader, this.#keyspace, found.id), (table) => rowTypeOf(table));
      }
      if (found.kind !== 'type') return undefined;
      const known = this.#known.get(found.id);
      if (known !== undefined) return known.type;
      return whenReady(reader.get(typeKey(this.#keyspace, found.id)), (definition) => {
        return definition && decodeType(definition).type;
      });
    });
  }

  close(): void {
    this.#stopWatching();
  }

  async #load(): Promise<void> {
    const transaction = this.#store.begin({ readOnly: true, label: 'types' });
    try {
      const cursor = transaction.scan(typesRange(this.#keyspace));
      for (let batch = await cursor.next(); batch !== undefined; batch = await cursor.next()) {
        for (const { value } of batch) {
          const definition = decodeType(value);
          if (this.#known.has(definition.id)) continue;
          this.#known.set(definition.id, definition);
          registerType(definition);
        }
      }
      this.#loaded = true;
    } finally {
      transaction.rollback();
    }
  }

  #note({ changes }: CommitRecord): void {
    const { start, end } = typesRange(this.#keyspace);
    for (const change of changes) {
      if (change.kind === 'deleteRange' || Buffer.compare(change.key, start) < 0) continue;
      if (end !== undefined && Buffer.compare(change.key, end) >= 0) continue;
      if (change.kind === 'delete') {
        this.#known.delete(Number(this.#keyspace.catalog.decode(change.key)[1]) as TableId);
        continue;
      }
      const definition = decodeType(change.value);
      this.#known.set(definition.id, definition);
      registerType(definition);
    }
  }
}

/** Makes values of the type known to everyone who reads, compares, prints or stores them. */
export function registerType(definition: TypeDefinition): void {
  const { type, id, arrayId, name } = definition;
  defineStorage(definition);
  const shared = {
    type,
    oid: id,
    name,
    title: quoteName(name),
    preferred: false,
    array: `_${type}` as SqlType,
    arrayOid: arrayId,
  };
  switch (definition.kind) {
    case 'enum': {
      const labels = definition.labels.map((label) => ({
        name: label.name,
        value: labelValueOf(label),
        former: label.former ?? [],
      }));
      const renamed = new Map(
        labels.filter(({ name, value }) => name !== value).map(({ name, value }) => [value, name]),
      );
      defineType({ ...shared, size: 4, category: 'E', kind: 'e', labels, renamed });
      return;
    }
    case 'composite':
      defineType({ ...shared, size: -1, category: 'C', kind: 'c', fields: definition.fields });
      return;
    case 'domain': {
      const { base, modifier, collation, default: value } = definition;
      const { size, category } = typeInfo(base);
      const check = domainChecker(definition);
      defineType({ ...shared, size, category, kind: 'd', base, modifier, collation, check, default: value });
      return;
    }
    case 'range': {
      const { subtype: element, multirange } = definition;
      defineType({ ...shared, size: -1, category: 'R', kind: 'r', element, multirange });
      return;
    }
    case 'multirange':
      defineType({ ...shared, size: -1, category: 'R', kind: 'm', element: definition.range });
  }
}
