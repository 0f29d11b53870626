/**
 * What can be dropped, and what depends on it directly (PostgreSQL's dependency.c).
 *
 * A relation is a type too, that of its rows: functions that take or return such a row, and columns that hold one, depend on the
 * relation by that type. What depends on a type by way of arrays of it is told of first, as arrays of a type are older than all
 * else that uses it.
 */

import { decodeTable, readDependents, readTableById } from '../../../models/relational/catalog.ts';
import type { Extension } from '../../../models/relational/extension-definition.ts';
import { inputTypes, type UserFunction } from '../../../models/relational/function-definition.ts';
import type { Schema } from '../../../models/relational/schema.ts';
import type { Sequence } from '../../../models/relational/sequence.ts';
import {
  type Check,
  type Column,
  type ForeignKey,
  type Index,
  PUBLIC_SCHEMA,
  relationWord,
  type Table,
} from '../../../models/relational/table.ts';
import type { TypeDefinition } from '../../../models/relational/type-definition.ts';
import type { Transaction } from '../../../storage/store.ts';
import { quoteName } from '../binder/deparse.ts';
import { rowTypeOf } from '../binder/row-types.ts';
import { calledIn, namesObject } from '../binder/stored-calls.ts';
import { walkTree } from '../binder/walk-tree.ts';
import { columnNames } from '../object-names.ts';
import type { SessionContext } from '../session-context.ts';
import { elementOf, type SqlType, titleOf } from '../types/types.ts';
import type { RelationLookup } from './relation-lookup.ts';
import type { SchemaChanges } from './schema-changes.ts';
import { directlyUses, isOf } from './type-uses.ts';

/** Something that goes. */
export type Doomed =
  | { readonly kind: 'table'; readonly table: Table }
  | { readonly kind: 'index'; readonly table: Table; readonly index: Index }
  | { readonly kind: 'sequence'; readonly sequence: Sequence }
  | { readonly kind: 'schema'; readonly schema: Schema }
  | { readonly kind: 'type'; readonly type: TypeDefinition }
  | { readonly kind: 'field'; readonly type: TypeDefinition & { readonly kind: 'composite' }; readonly field: number }
  | { readonly kind: 'function'; readonly definition: UserFunction }
  | { readonly kind: 'extension'; readonly extension: Extension }
  | { readonly kind: 'constraint'; readonly table: Table; readonly key: ForeignKey }
  | { readonly kind: 'check'; readonly table: Table; readonly check: Check }
  | { readonly kind: 'default' | 'column'; readonly table: Table; readonly column: number };

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

  /** What depends on the object, newer ones first. */
  async of(transaction: Transaction, object: Doomed): Promise<readonly Dependent[]> {
    const ways = await this.#ways(transaction, object);
    return WAYS.toReversed().flatMap((way) => [...(ways[way] ?? [])].sort((a, b) => idOf(b.object) - idOf(a.object)));
  }

  async #ways(transaction: Transaction, object: Doomed): Promise<{ readonly [way in Way]?: readonly Dependent[] }> {
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
        const users = await this.#usersOf(transaction, rowTypeOf(table));
        return {
          itself: await this.#ofTable(transaction, table),
          rowType: users.direct.map((each) => ({ ...whole(each), because: title })),
          array: users.arrays.map((each) => ({ ...whole(each), because: `${title}[]` })),
        };
      }
      case 'type': {
        const { type } = object;
        const title = `type ${await this.#lookup.title(transaction, type.name, type.schema)}`;
        const users = await this.#usersOf(transaction, type.type);
        const several = (await this.#schema.types.all(transaction)).filter(
          (other) => other.kind === 'multirange' && other.range === type.type,
        );
        return {
          itself: [
            ...users.direct.map(whole),
            ...notAmong(await this.#naming(transaction, ['regtype'], type.id), users.direct).map(whole),
            ...several.map((other) => ({ object: { kind: 'type', type: other } as const, isPart: true })),
          ],
          array: users.arrays.map((each) => ({ ...whole(each), because: `${title}[]` })),
        };
      }
      case 'index':
        return { itself: await this.#ofIndex(transaction, object.table, object.index) };
      case 'sequence': {
        const tables = await this.#allTables(transaction);
        const { id } = object.sequence;
        return { itself: tables.flatMap((table) => partsNaming(table, ['regclass'], id)).map(whole) };
      }
      case 'function': {
        const tables = await this.#allTables(transaction);
        const { id } = object.definition;
        const calling = tables.flatMap((table) => partsSaying(table, (tree) => calledIn(tree).has(id)));
        const naming = await this.#naming(transaction, ['regproc', 'regprocedure'], id);
        return { itself: [...calling, ...notAmong(naming, calling)].map(whole) };
      }
      case 'column': {
        const views = await this.#schema.views.needing(transaction, object.table, object.column);
        return { itself: views.map((table) => whole({ kind: 'table', table })) };
      }
      default:
        return {};
    }
  }

  async #ofTable(transaction: Transaction, table: Table): Promise<readonly Dependent[]> {
    const found: Dependent[] = [];
    for (const sequence of await this.#schema.sequences.ownedBy(transaction, table)) {
      found.push({ object: { kind: 'sequence', sequence }, isPart: true });
    }
    found.push(...(await this.#references(transaction, table, () => true)));
    for (const id of await readDependents(transaction, this.#session.engine.keyspace, table.id)) {
      found.push(whole({ kind: 'table', table: await readTableById(transaction, this.#session.engine.keyspace, id) }));
    }
    const naming = await this.#naming(transaction, ['regclass'], table.id);
    const known = found.map(({ object }) => object);
    return [...found, ...notAmong(naming, [...known, { kind: 'table', table }]).map(whole)];
  }

  /** Expressions that name the object with this number by a text of one of these types: `'t'::regclass`. */
  async #naming(transaction: Transaction, types: readonly string[], id: number): Promise<readonly Doomed[]> {
    const tables = await this.#allTables(transaction);
    return tables.flatMap((table) => partsNaming(table, types, id));
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

  /** Columns, fields, other types and functions that have values of a type, or arrays of them. */
  async #usersOf(
    transaction: Transaction,
    type: SqlType,
  ): Promise<{ readonly direct: readonly Doomed[]; readonly arrays: readonly Doomed[] }> {
    const direct: Doomed[] = [];
    const arrays: Doomed[] = [];
    const add = (used: readonly (SqlType | undefined)[], user: Doomed): void => {
      if (used.includes(type)) direct.push(user);
      else if (used.some((each) => each !== undefined && isOf(each, type))) arrays.push(user);
    };
    for (const table of await this.#allTables(transaction)) {
      // A column of a view goes with what its query reads.
      for (const [column, { type: used }] of table.columns.entries()) {
        if (table.view === undefined) add([used], { kind: 'column', table, column });
      }
      direct.push(
        ...partsSaying(table, (tree) => names(tree, type)).filter((part) => !direct.some((each) => isSame(each, part))),
      );
    }
    for (const other of await this.#schema.types.all(transaction)) {
      if (!directlyUses(other, type)) continue;
      if (other.kind === 'composite') {
        for (const [field, { type: used }] of other.fields.entries())
          add([used], { kind: 'field', type: other, field });
      } else if (other.kind === 'domain') add([other.base], { kind: 'type', type: other });
      else if (other.kind === 'range') add([other.subtype], { kind: 'type', type: other });
    }
    for (const definition of (await this.#session.block.loadFunctions()).all) {
      const { parameters, result } = definition;
      add([result as SqlType, ...parameters.map((each) => each.type)], { kind: 'function', definition });
    }
    return { direct, arrays };
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

  /** Nobody keeps a list of the defaults that a sequence gives, or of what calls a function. */
  async #allTables(transaction: Transaction): Promise<readonly Table[]> {
    const tables: Table[] = [];
    const cursor = transaction.scan(this.#session.engine.keyspace.catalog.range(['table']));
    try {
      for (let batch = await cursor.next(); batch !== undefined; batch = await cursor.next()) {
        for (const { value } of batch) tables.push(decodeTable(value));
      }
    } finally {
      cursor.close();
    }
    return tables;
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
  return some.filter((each) => !others.some((other) => isSame(each, other) || isPartOf(each, other)));
}

function whole(object: Doomed): Dependent {
  return { object, isPart: false };
}

/** What of a table, or a view, names the object with this number as a value of one of the types. */
function partsNaming(table: Table, types: readonly string[], id: number): readonly Doomed[] {
  const gives = ({ default: given, type }: Column): boolean => {
    if (given?.kind === 'sequence') return given.id === id;
    return given?.kind === 'constant' && given.value === id && types.includes(type);
  };
  return partsSaying(table, (tree) => namesObject(tree, types, id), gives);
}

/** What of a table, or a view, says something that `isMeant`; of columns the last first. @param gives Whether a default that is no expression does. */
function partsSaying(
  table: Table,
  isMeant: (tree: object) => boolean,
  gives: (column: Column) => boolean = () => false,
): readonly Doomed[] {
  const says = (tree: object | undefined): boolean => tree !== undefined && isMeant(tree);
  const { columns, checks = [], indexes = [], view } = table;
  if (view !== undefined && says(view.query.tree)) return [{ kind: 'table', table }];
  return [
    ...columns
      .flatMap((each, column): Doomed[] => {
        const { default: given, generated } = each;
        if (says(generated?.tree)) return [{ kind: 'column', table, column }];
        const isSaid =
          (given?.kind === 'expression' && says(given.expression.tree)) ||
          (given?.kind === 'constant' && says(given.written?.tree)) ||
          gives(each);
        return isSaid ? [{ kind: 'default', table, column }] : [];
      })
      .toReversed(),
    ...checks
      .filter(({ expression }) => says(expression.tree))
      .map((check): Doomed => ({ kind: 'check', table, check })),
    ...indexes
      .filter(({ parts, predicate }) => says(predicate?.tree) || parts.some(({ expression }) => says(expression?.tree)))
      .map((index): Doomed => ({ kind: 'index', table, index })),
  ];
}

/** Whether an expression of a definition casts to the type. */
function names(tree: object, type: SqlType): boolean {
  let found = false;
  walkTree(tree, (node) => {
    found ||= 'userType' in node && node.userType === type;
    return !found;
  });
  return found;
}

function sameColumns(a: readonly (number | undefined)[], b: readonly (number | undefined)[]): boolean {
  return a.length === b.length && a.every((each) => each !== undefined && b.includes(each));
}

/** What goes with a table unmentioned. */
const PARTS_OF_TABLES: ReadonlySet<Doomed['kind']> = new Set(['constraint', 'check', 'default', 'column']);

/** Whether what goes is a part of something else that goes: nobody is told. */
export function isPartOf(part: Doomed, whole: Doomed): boolean {
  if (part.kind === 'field') return whole.kind === 'type' && whole.type.id === part.type.id;
  if (!('table' in part && 'table' in whole) || part.table.id !== whole.table.id) return false;
  if (whole.kind === 'table') return PARTS_OF_TABLES.has(part.kind);
  if (whole.kind !== 'column') return false;
  if (part.kind === 'default') return part.column === whole.column;
  const { name } = whole.table.columns[whole.column]!;
  return part.kind === 'check' && columnNames(part.check.expression.tree).has(name);
}

export function isSame(a: Doomed, b: Doomed): boolean {
  if (a.kind === 'constraint') return b.kind === 'constraint' && a.key.id === b.key.id;
  if (a.kind === 'check') return b.kind === 'check' && a.table.id === b.table.id && a.check.name === b.check.name;
  if (a.kind === 'default' || a.kind === 'column')
    return b.kind === a.kind && a.table.id === b.table.id && a.column === b.column;
  if (a.kind === 'field') return b.kind === 'field' && a.type.id === b.type.id && a.field === b.field;
  return a.kind === b.kind && idOf(a) === idOf(b);
}

function idOf(object: Doomed): number {
  switch (object.kind) {
    case 'sequence':
      return object.sequence.id;
    case 'schema':
      return object.schema.id;
    case 'function':
      return object.definition.id;
    case 'extension':
      return object.extension.id;
    case 'type':
      return object.type.id;
    case 'field':
      return object.type.id;
    case 'index':
      return object.index.id;
    case 'constraint':
      return object.key.id;
    case 'check':
      return object.check.id;
    default:
      return object.table.id;
  }
}
