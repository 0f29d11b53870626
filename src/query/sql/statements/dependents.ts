/**
 * What depends directly on what is to be dropped (PostgreSQL's dependency.c).
 *
 * A relation is a type too, that of its rows: functions that take or return such a row, and columns that hold one, depend on the
 * relation by that type. What depends on a type by way of arrays of it is told of first, as arrays of a type are older than all
 * else that uses it.
 */

import { readDependents, readTableById, readTables } from '../../../models/relational/catalog.ts';
import { inputTypes } from '../../../models/relational/function-definition.ts';
import type { Schema } from '../../../models/relational/schema.ts';
import {
  type ForeignKey,
  type Index,
  PUBLIC_SCHEMA,
  relationWord,
  type Table,
} from '../../../models/relational/table.ts';
import type { Transaction } from '../../../storage/store.ts';
import { quoteName } from '../binder/deparse.ts';
import { rowTypeOf } from '../binder/row-types.ts';
import type { SessionContext } from '../session-context.ts';
import { elementOf, type SqlType, titleOf } from '../types/types.ts';
import { DefinitionUses } from './definition-uses.ts';
import { type Doomed, identity, idOf, isPartOf } from './doomed.ts';
import type { RelationLookup } from './relation-lookup.ts';
import type { SchemaChanges } from './schema-changes.ts';

export interface Dependent {
  readonly object: Doomed;
  /** It goes with what it is a part of, and nobody is told. */
  readonly isPart: boolean;
  /** What it depends on, where that is not the object itself but a type that belongs to it. */
  readonly because?: string;
}

/** Ways to depend on a relation or type, the oldest first. */
type Way = 'array' | 'rowType' | 'itself';
const WAYS: readonly Way[] = ['array', 'rowType', 'itself'];

export class Dependents {
  readonly #session: SessionContext;
  readonly #schema: SchemaChanges;
  readonly #lookup: RelationLookup;

  constructor(session: SessionContext, schema: SchemaChanges) {
    this.#session = session;
    this.#schema = schema;
    this.#lookup = schema.lookup;
  }

  /** For `of`, until something is defined or dropped. */
  async uses(transaction: Transaction): Promise<DefinitionUses> {
    return new DefinitionUses({
      tables: await readTables(transaction, this.#session.engine.keyspace),
      types: await this.#schema.types.all(transaction),
      functions: (await this.#session.block.loadFunctions()).all,
    });
  }

  /** What depends on the object, newer ones first. */
  async of(transaction: Transaction, object: Doomed, uses: DefinitionUses): Promise<readonly Dependent[]> {
    const ways = await this.#ways(transaction, object, uses);
    return WAYS.toReversed().flatMap((way) => [...(ways[way] ?? [])].sort((a, b) => idOf(b.object) - idOf(a.object)));
  }

  async #ways(
    transaction: Transaction,
    object: Doomed,
    uses: DefinitionUses,
  ): Promise<{ readonly [way in Way]?: readonly Dependent[] }> {
    switch (object.kind) {
      case 'schema':
        return { itself: (await this.#contents(transaction, object.schema)).map(whole) };
      case 'extension': {
        const members = await this.#schema.extensions.membersOf(object.extension.name);
        return { itself: members.map((definition) => ({ object: { kind: 'function', definition }, isPart: true })) };
      }
      case 'table': {
        const { table } = object;
        const title = `type ${await this.#lookup.title(transaction, table.name, table.schema)}`;
        const users = uses.ofType(rowTypeOf(table));
        return {
          itself: await this.#ofTable(transaction, table, uses),
          rowType: users.direct.map((each) => ({ ...whole(each), because: title })),
          array: users.arrays.map((each) => ({ ...whole(each), because: `${title}[]` })),
        };
      }
      case 'type': {
        const { type } = object;
        const title = `type ${await this.#lookup.title(transaction, type.name, type.schema)}`;
        const users = uses.ofType(type.type);
        const several = uses.types.filter((other) => other.kind === 'multirange' && other.range === type.type);
        return {
          itself: [
            ...users.direct.map(whole),
            ...notAmong(uses.naming('regtype', type.id), users.direct).map(whole),
            ...several.map((other) => ({ object: { kind: 'type', type: other } as const, isPart: true })),
          ],
          array: users.arrays.map((each) => ({ ...whole(each), because: `${title}[]` })),
        };
      }
      case 'index': {
        const keys = await this.#ofIndex(transaction, object.table, object.index);
        return { itself: [...keys, ...uses.naming('regclass', object.index.id).map(whole)] };
      }
      case 'sequence':
        return { itself: uses.naming('regclass', object.sequence.id).map(whole) };
      case 'function': {
        const { id } = object.definition;
        const calling = uses.ofFunction(id);
        return { itself: [...calling, ...notAmong(uses.naming('regproc', id), calling)].map(whole) };
      }
      case 'column': {
        const views = await this.#schema.views.needing(transaction, object.table, object.column);
        return { itself: views.map((table) => whole({ kind: 'table', table })) };
      }
      default:
        return {};
    }
  }

  async #ofTable(transaction: Transaction, table: Table, uses: DefinitionUses): Promise<readonly Dependent[]> {
    const found: Dependent[] = [];
    for (const sequence of await this.#schema.sequences.ownedBy(transaction, table)) {
      found.push({ object: { kind: 'sequence', sequence }, isPart: true });
    }
    found.push(...(await this.#references(transaction, table, () => true)));
    for (const id of await readDependents(transaction, this.#session.engine.keyspace, table.id)) {
      found.push(whole({ kind: 'table', table: await readTableById(transaction, this.#session.engine.keyspace, id) }));
    }
    const others = found.map(({ object }) => object);
    // What the table says of itself, and of its indexes, goes with it.
    const ofOthers = (id: number): readonly Doomed[] =>
      notAmong(
        uses.naming('regclass', id).filter((each) => !('table' in each) || each.table.id !== table.id),
        others,
      );
    found.push(...ofOthers(table.id).map(whole));
    for (const { id, name } of table.indexes ?? []) {
      const named = ofOthers(id);
      if (named.length === 0) continue;
      const because = `index ${await this.#lookup.title(transaction, name, table.schema)}`;
      found.push(...named.map((each) => ({ ...whole(each), because })));
    }
    return found;
  }

  async #ofIndex(transaction: Transaction, table: Table, index: Index): Promise<readonly Dependent[]> {
    if (!index.unique || index.predicate !== undefined) return [];
    const columns = index.parts.map(({ column }) => column);
    const others = (table.indexes ?? []).some(
      (other) =>
        other !== index &&
        other.unique &&
        sameColumns(
          other.parts.map(({ column }) => column),
          columns,
        ),
    );
    if (others || sameColumns(table.primaryKey, columns)) return [];
    return this.#references(transaction, table, ({ referenced }) => sameColumns(referenced, columns));
  }

  /** What a schema holds that is no part of anything else. */
  async #contents(transaction: Transaction, schema: Schema): Promise<readonly Doomed[]> {
    const { keyspace } = this.#session.engine;
    const found: Doomed[] = [];
    for (const { kind, id } of await this.#lookup.contents(transaction, schema.id)) {
      if (kind === 'sequence') {
        const { definition } = this.#schema.sequences.state(id)!;
        if (definition.owner === undefined) found.push({ kind: 'sequence', sequence: definition });
      } else if (kind === 'type') {
        const type = await this.#schema.types.definition(transaction, id);
        if (type.kind !== 'multirange') found.push({ kind: 'type', type });
      } else if (kind !== 'index') found.push({ kind: 'table', table: await readTableById(transaction, keyspace, id) });
    }
    const functions = await this.#session.block.loadFunctions();
    for (const definition of functions.all) {
      if ((definition.schema ?? PUBLIC_SCHEMA) !== schema.id || definition.extension !== undefined) continue;
      found.push({ kind: 'function', definition });
    }
    for (const extension of await this.#schema.extensions.inSchema(transaction, schema.id)) {
      found.push({ kind: 'extension', extension });
    }
    return found;
  }

  /** Foreign keys of other tables to this one. */
  async #references(
    transaction: Transaction,
    table: Table,
    relies: (key: ForeignKey) => boolean,
  ): Promise<readonly Dependent[]> {
    const found: Dependent[] = [];
    for (const id of table.referencedBy ?? []) {
      const child = id === table.id ? table : await readTableById(transaction, this.#session.engine.keyspace, id);
      for (const key of child.foreignKeys ?? []) {
        if (key.references !== table.id || !relies(key)) continue;
        found.push({ object: { kind: 'constraint', table: child, key }, isPart: id === table.id });
      }
    }
    return found;
  }

  /** With its schema, where the search path does not lead to it. */
  async #typeTitle(transaction: Transaction, type: SqlType): Promise<string> {
    const element = elementOf(type);
    const own = (await this.#schema.types.all(transaction)).find((each) => each.type === (element ?? type));
    if (own === undefined) return titleOf(type);
    return `${await this.#lookup.title(transaction, own.name, own.schema)}${element === undefined ? '' : '[]'}`;
  }

  /** As messages name it. */
  async titleOf(transaction: Transaction, object: Doomed): Promise<string> {
    const of = ({ name, schema }: { readonly name: string; readonly schema?: number | undefined }): Promise<string> =>
      this.#lookup.title(transaction, name, schema);
    switch (object.kind) {
      case 'table':
        return `${relationWord(object.table)} ${await of(object.table)}`;
      case 'index': {
        const { schema } = object.table;
        return `index ${await this.#lookup.title(transaction, object.index.name, schema)}`;
      }
      case 'function': {
        const types: string[] = [];
        for (const type of inputTypes(object.definition)) types.push(await this.#typeTitle(transaction, type));
        return `function ${await of(object.definition)}(${types.join(',')})`;
      }
      case 'type':
        return `type ${await of(object.type)}`;
      case 'field': {
        const { name } = object.type.fields[object.field]!;
        return `column ${quoteName(name)} of composite type ${await of(object.type)}`;
      }
      case 'sequence':
        return `sequence ${await of(object.sequence)}`;
      case 'extension':
        return `extension ${object.extension.name}`;
      case 'schema':
        return `schema ${quoteName(object.schema.name)}`;
      case 'check':
        return `constraint ${quoteName(object.check.name)} on table ${await of(object.table)}`;
      case 'constraint':
        return `constraint ${quoteName(object.key.name)} on table ${await of(object.table)}`;
      case 'default': {
        const { name } = object.table.columns[object.column]!;
        return `default value for column ${quoteName(name)} of table ${await of(object.table)}`;
      }
      case 'column': {
        const { name } = object.table.columns[object.column]!;
        return `column ${quoteName(name)} of ${relationWord(object.table)} ${await of(object.table)}`;
      }
    }
  }
}

/** Those of the first list that are not in the second, nor a part of what is. */
function notAmong(some: readonly Doomed[], others: readonly Doomed[]): readonly Doomed[] {
  return some.filter((each) => !others.some((other) => identity(each) === identity(other) || isPartOf(each, other)));
}

function whole(object: Doomed): Dependent {
  return { object, isPart: false };
}

function sameColumns(a: readonly (number | undefined)[], b: readonly (number | undefined)[]): boolean {
  return a.length === b.length && a.every((each) => each !== undefined && b.includes(each));
}
