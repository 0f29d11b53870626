/**
 * What a statement names, looked up before it is bound, so that binding itself waits for nothing: relations, functions and types
 * that users defined, as the session's transaction sees them, by its search path.
 */

import type { Node } from '@pgsql/types';
import { assert } from '../../base/assert.ts';
import { type Awaitable, isPromise, whenReady } from '../../base/awaitable.ts';
import { readTableById } from '../../models/relational/catalog.ts';
import { inputTypes, type UserFunction } from '../../models/relational/function-definition.ts';
import type { Schema } from '../../models/relational/schema.ts';
import type { ColumnType, Table, TableId } from '../../models/relational/table.ts';
import { definitionOf } from './binder/bind-function.ts';
import { queryContext } from './binder/bind-query.ts';
import { statementsOf } from './binder/body-statements.ts';
import { ExpressionBinder } from './binder/expression-binder.ts';
import { nameKey, type QualifiedName } from './binder/names.ts';
import type { FindTable, FunctionLookup } from './binder/query-context.ts';
import { type NamesOfStatement, namesOf } from './binder/referenced-tables.ts';
import { rowTypeOf, tableOfRowType } from './binder/row-types.ts';
import { withTypeNames } from './binder/type-names.ts';
import type { FunctionSet } from './catalog/user-functions.ts';
import { type FunctionTables, tablesOfFunction } from './catalog/written-tables.ts';
import { type CatalogTable, needsCatalog } from './catalog-cache.ts';
import type { FunctionDefinition } from './functions/definition.ts';
import { compileAtOnce } from './planner/compile-at-once.ts';
import { compileExpression } from './planner/compile-expression.ts';
import type { SessionContext } from './session-context.ts';
import type { SqlEngine } from './sql-engine.ts';
import { missingSchema } from './sql-error.ts';
import type { TransactionBlock } from './transaction-block.ts';
import type { SqlType } from './types/types.ts';

export class StatementNames {
  readonly #engine: SqlEngine;
  readonly #block: TransactionBlock;
  /** The tree that was looked through last: a statement is asked for its names twice. */
  #looked: { readonly node: Node; readonly names: NamesOfStatement } | undefined;

  constructor({ engine, block }: Pick<SessionContext, 'engine' | 'block'>) {
    this.#engine = engine;
    this.#block = block;
  }

  /** The names in a tree that is looked at next are known already. */
  remember(node: Node, names: NamesOfStatement): void {
    this.#looked = { node, names };
  }

  /** The tree with the types that users defined written into it; the same where there are none. */
  resolveTypes(node: Node): Awaitable<Node> {
    const names = this.#namesIn(node).types;
    if (names === undefined) return node;
    const { types, store } = this.#engine;
    const reader = this.#block.seesOtherSchema ? this.#block.transaction! : store;
    const isMissingFine = 'DropStmt' in node && node.DropStmt.missing_ok === true;
    const find = async (): Promise<Node> => {
      await types.ready();
      await this.#block.loadSchemas();
      const found = new Map<string, ColumnType>();
      for (const [key, name] of names) {
        if (name.schema !== undefined && this.#block.schemaNamed(name.schema) === undefined) {
          if (name.isCall === true || isMissingFine) continue;
          throw missingSchema(name.schema, name.location);
        }
        for (const { id } of this.#block.schemasOf(name)) {
          const type = id < 0 ? undefined : await types.named(reader, name.name, id);
          if (type === undefined) continue;
          found.set(key, type as ColumnType);
          break;
        }
      }
      return found.size === 0 ? node : withTypeNames(node, found);
    };
    return find();
  }

  /** The functions that users defined, and the tables that they speak of; undefined without any. */
  findFunctions(): Awaitable<FunctionLookup | undefined> {
    const { functions } = this.#engine;
    const known = this.#block.seesOtherSchema ? this.#block.loadFunctions() : (functions.current ?? functions.load());
    return whenReady(known, (set) => (set.isEmpty ? undefined : this.#lookUpIn(set)));
  }

  async #lookUpIn(set: FunctionSet): Promise<FunctionLookup> {
    await this.#block.loadSchemas();
    // Bodies call further functions, and so do views: all are looked through.
    const findTable = await this.findTables({ List: { items: set.all.flatMap(statementsOf) } });
    const rows = await this.#rowsIn(set);
    const asSeen = (definition: UserFunction): FunctionDefinition => {
      for (const type of typesOf(definition)) {
        const table = rows.get(tableOfRowType(type) ?? 0);
        // Another session, whose transaction alters the table, may have spoken of its rows since.
        if (table !== undefined) rowTypeOf(table);
      }
      return definitionOf(definition);
    };
    const known = new Map<UserFunction, FunctionTables>();
    const tablesOf = (definition: UserFunction): FunctionTables => {
      let tables = known.get(definition);
      if (tables === undefined) {
        tables = tablesOfFunction(definition, set, findTable);
        known.set(definition, tables);
      }
      return tables;
    };
    return {
      byId: (id) => {
        const found = set.byId(id);
        return found && asSeen(found);
      },
      findTable,
      binder: (context, scope) => new ExpressionBinder(context, scope),
      writtenBy: (definition) => tablesOf(definition).written,
      usedBy: (definition) => tablesOf(definition).used,
      compile: compileExpression,
      compileAtOnce,
      withQueries: (context) => queryContext(context, () => undefined),
      named: (name) => {
        if (name.schema !== undefined && this.#block.schemaNamed(name.schema) === undefined) {
          // Without a place the call is only looked at, and bound later.
          if (name.location === undefined) return [];
          throw missingSchema(name.schema, name.location);
        }
        if (!set.has(name.name)) return [];
        const seen = new Set<string>();
        return this.#block
          .functionSchemasOf(name)
          .flatMap(({ id }) => set.named(name.name, id))
          .filter((each) => {
            const types = inputTypes(each).join();
            return !seen.has(types) && seen.add(types) !== undefined;
          })
          .map(asSeen);
      },
    };
  }

  /** The tables, as the transaction sees them, whose rows functions take or give. */
  async #rowsIn(set: FunctionSet): Promise<ReadonlyMap<number, Table>> {
    const { keyspace, store, systemTables } = this.#engine;
    const reader = this.#block.seesOtherSchema ? this.#block.transaction! : store;
    const ids = new Set(set.all.flatMap(typesOf).map(tableOfRowType));
    const rows = new Map<number, Table>();
    for (const id of ids) {
      if (id === undefined || systemTables.byId(id) !== undefined) continue;
      rows.set(id, await readTableById(reader, keyspace, id));
    }
    return rows;
  }

  #namesIn(node: Node): NamesOfStatement {
    if (this.#looked?.node === node) return this.#looked.names;
    const names = namesOf(node);
    this.#looked = { node, names };
    return names;
  }

  /** Looks up all tables that a statement names, so that binding itself waits for nothing. */
  findTables(node: Node): Awaitable<FindTable> {
    const loading = this.#block.loadSchemas() ?? this.#engine.sequences.ready();
    if (loading !== undefined) return loading.then(() => this.findTables(node));
    const tables = new Map<string, CatalogTable | undefined>();
    const waits: Promise<void>[] = [];
    const names = this.#namesIn(node);
    let needsObjects = names.asksForCatalog;
    for (const [key, name] of names.tables) {
      const found = this.findTable(name);
      if (isPromise(found)) waits.push(found.then((table) => void tables.set(key, table)));
      else tables.set(key, found);
    }
    const find: FindTable = (name) => tables.get(nameKey(name));
    const ready = (): Awaitable<FindTable> => {
      for (const table of tables.values()) needsObjects ||= table !== undefined && needsCatalog(table);
      const loaded = needsObjects ? this.#block.loadObjects() : undefined;
      return loaded === undefined ? find : loaded.then(() => find);
    };
    const counted = this.#engine.statistics.ready();
    if (counted !== undefined) waits.push(counted);
    return waits.length === 0 ? ready() : Promise.all(waits).then(ready);
  }

  /** Requires `loadSchemas` of the block. */
  findTable(name: QualifiedName): Awaitable<CatalogTable | undefined> {
    if (name.id !== undefined) return this.#findById(name.id);
    return this.#findFirst(name.name, this.#block.schemasOf(name), 0);
  }

  #findById(id: TableId): Awaitable<CatalogTable | undefined> {
    const { catalog, systemTables } = this.#engine;
    const { transaction } = this.#block;
    assert(transaction !== undefined, 'relations are told by id where a definition is worked on');
    return systemTables.byId(id) ?? catalog.openWithin(transaction, id);
  }

  #findFirst(name: string, schemas: readonly Schema[], from: number): Awaitable<CatalogTable | undefined> {
    for (let i = from; i < schemas.length; i++) {
      const found = this.#findIn(schemas[i]!, name);
      if (isPromise(found)) return found.then((table) => table ?? this.#findFirst(name, schemas, i + 1));
      if (found !== undefined) return found;
    }
    return undefined;
  }

  #findIn(schema: Schema, name: string): Awaitable<CatalogTable | undefined> {
    const { keyspace, systemTables } = this.#engine;
    if (schema.id < 0) return systemTables.find(schema.name, name);
    const found = this.#findTableIn(schema, name);
    return whenReady(found, (table) => table ?? this.#block.sequences.relation(keyspace, name, schema.id));
  }

  #findTableIn(schema: Schema, name: string): Awaitable<CatalogTable | undefined> {
    const { catalog } = this.#engine;
    if (!this.#block.seesOtherSchema) return catalog.find(name, schema);
    const found = catalog.findWithin(this.#block.transaction!, name, schema);
    // What was created after the snapshot is there, as in PostgreSQL, without rows.
    return this.#block.schemaChanged ? found : whenReady(found, (seen) => seen ?? catalog.find(name, schema));
  }
}

/** Of what a function takes and gives. */
function typesOf({ parameters, result }: UserFunction): readonly SqlType[] {
  return [result as SqlType, ...parameters.map(({ type }) => type)];
}
