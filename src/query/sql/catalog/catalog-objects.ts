/**
 * Everything that the catalog holds, at one version of it, in memory: what the system catalog's relations are computed
 * from, and what functions like pg_get_indexdef and names of type regclass look up.
 *
 * Loaded by the first statement that asks for any of it after a change of the schema.
 */

import type { IndexElem, Node } from '@pgsql/types';
import { readStoredTable } from '../../../models/relational/catalog.ts';
import { decodeExtension, type Extension } from '../../../models/relational/extension-definition.ts';
import { decodeFunction, inputTypes, type UserFunction } from '../../../models/relational/function-definition.ts';
import { readSchemas, type Schemas } from '../../../models/relational/schema.ts';
import { decodeSequence, type Sequence } from '../../../models/relational/sequence.ts';
import {
  type Check,
  columnNumber,
  type ForeignKey,
  type Index,
  PUBLIC_SCHEMA,
  type StorageParameters,
  type Table,
  type TableId,
  type ViewDefinition,
} from '../../../models/relational/table.ts';
import { decodeType, type TypeDefinition } from '../../../models/relational/type-definition.ts';
import { SqlRecord } from '../../../models/relational/values.ts';
import type { Keyspace } from '../../../storage/keyspace.ts';
import type { Transaction } from '../../../storage/store.ts';
import { bindView } from '../binder/bind-from.ts';
import { queryContext } from '../binder/bind-query.ts';
import { updatableColumns, whyNotUpdatable } from '../binder/bind-view.ts';
import type { BoundExpression } from '../binder/bound.ts';
import { collationOf, collationOfColumn, isCollatable } from '../binder/collations.ts';
import { writtenDefault } from '../binder/column-values.ts';
import { type DeparseStyle, deparse, isPlainCall, quoteName } from '../binder/deparse.ts';
import { deparseQuery } from '../binder/deparse-query.ts';
import { definitionContext, type FunctionLookup, type QueryContext } from '../binder/query-context.ts';
import { ROW_TYPE_OIDS, rowTypeOf } from '../binder/row-types.ts';
import { rulesOf } from '../binder/table-rules.ts';
import { type CatalogTable, openTable } from '../catalog-cache.ts';
import { FUNCTIONS } from '../functions/directories.ts';
import type { CatalogAccess } from '../functions/evaluation.ts';
import { partNames } from '../object-names.ts';
import type { SearchPath } from '../search-path.ts';
import { SqlError } from '../sql-error.ts';
import { isTemporary } from '../temporary-relations.ts';
import { builtinType, splitName } from '../types/object-names.ts';
import { baseOf, elementOf, type SqlType, titleOf, typeInfo, typeOfOid } from '../types/types.ts';
import { type DescribedObject, describedObjects } from './description-rows.ts';
import { boundDomainCheck } from './domain-rules.ts';
import { type FunctionPart, functionName, functionsNamed, functionText } from './function-rows.ts';
import { describeObject } from './object-descriptions.ts';
import { COLLATIONS, SYSTEM_SCHEMAS, schemaOid } from './oids.ts';
import { storedFunctions } from './stored-functions.ts';
import { SYSTEM_RELATIONS } from './system-columns.ts';
import type { SystemTables } from './system-tables.ts';
import { classOidOf } from './type-rows.ts';
import { FunctionSet } from './user-functions.ts';

/** An index, the one of a primary key among them. */
export interface IndexObject {
  readonly oid: number;
  readonly name: string;
  readonly table: CatalogTable;
  /** Undefined for a primary key. */
  readonly index: Index | undefined;
  /** As PostgreSQL names the columns of an index. */
  readonly partNames: readonly string[];
}

export type ConstraintObject = {
  readonly oid: number;
  readonly name: string;
  readonly table: CatalogTable;
} & (
  | { readonly kind: 'p'; readonly index?: Index }
  | { readonly kind: 'u'; readonly index: Index }
  | { readonly kind: 'c'; readonly check: Check }
  | { readonly kind: 'f'; readonly key: ForeignKey }
);

/** Primary keys have no ids of their own: theirs are those of their tables beyond all that the catalog gives out. */
const PRIMARY_KEY_OIDS = 2_000_000_000;
const PRIMARY_CONSTRAINT_OIDS = 3_000_000_000;

/** Of the primary key that rows of a table are found by. */
export function primaryConstraintOid({ id }: Pick<Table, 'id'>): number {
  return PRIMARY_CONSTRAINT_OIDS + id;
}

/** What loading the catalog takes. */
export interface CatalogSource {
  readonly keyspace: Keyspace;
  readonly systemTables: SystemTables;
  /** Tables with columns of types that users defined cannot be opened before `ready`. */
  readonly types: { ready(): Promise<void> | undefined };
}

/** Relations that a view reads, looked up when they are asked for: those that are views themselves may come later. */
class ReadsOf extends Map<TableId, CatalogTable> {
  readonly #ids: readonly TableId[];
  readonly #find: (id: TableId) => CatalogTable | undefined;

  constructor(ids: readonly TableId[], find: (id: TableId) => CatalogTable | undefined) {
    super();
    this.#ids = ids;
    this.#find = find;
  }

  override get(id: TableId): CatalogTable | undefined {
    return this.#ids.includes(id) ? this.#find(id) : undefined;
  }
}

/** Calls of functions that users defined stay what they are. */
function viewBinding({ query }: ViewDefinition, functions: FunctionLookup | undefined): QueryContext {
  const within = { functions: functions && { ...functions, keepsCalls: true } };
  return queryContext(definitionContext(query.zone, within), () => undefined);
}

/** What the catalog holds, whoever asks. */
class CatalogContents {
  readonly tables: readonly CatalogTable[];
  /** Views, materialized ones among them. */
  readonly views: readonly CatalogTable[];
  readonly sequences: readonly Sequence[];
  readonly schemas: Schemas;
  readonly indexes: readonly IndexObject[];
  readonly constraints: readonly ConstraintObject[];
  readonly relations = new Map<number, { readonly name: string; readonly schema: string }>();
  /** By name and schema. */
  readonly oids = new Map<string, number>();
  readonly pretty = new Map<string, string>();

  readonly types: readonly TypeDefinition[];
  readonly functions: readonly UserFunction[];
  readonly extensions: readonly Extension[];
  /** The functions, for what definitions call. */
  readonly calls: FunctionLookup | undefined;
  /** By oid, once somebody has asked. */
  described: ReadonlyMap<number, readonly DescribedObject[]> | undefined;

  constructor(
    { keyspace, systemTables }: CatalogSource,
    tables: readonly Table[],
    sequences: readonly Sequence[],
    types: readonly TypeDefinition[],
    functions: readonly UserFunction[],
    extensions: readonly Extension[],
    schemas: Schemas,
  ) {
    this.types = types;
    this.functions = functions;
    this.extensions = extensions;
    this.calls = storedFunctions(new FunctionSet(functions), schemas);
    const related = new Map<Table['id'], CatalogTable>();
    for (const table of tables) related.set(table.id, openTable(keyspace, table, related, this.calls));
    for (const table of tables) {
      if (table.view === undefined) continue;
      const reads = new ReadsOf(table.view.reads, (id) => systemTables.byId(id) ?? related.get(id));
      related.set(table.id, { ...related.get(table.id)!, view: { reads, asksForCatalog: false } });
    }
    const all = [...related.values()];
    this.tables = all.filter(({ table }) => table.view === undefined);
    this.views = all.filter(({ table }) => table.view !== undefined);
    this.sequences = sequences;
    this.schemas = schemas;
    this.indexes = all.flatMap(indexesOf);
    this.constraints = this.tables.flatMap(constraintsOf);
    const nameOf = (id: number | undefined): string => schemas.get(id)?.name ?? '';
    for (const [schema, name, oid] of SYSTEM_RELATIONS) this.#add(oid, schema, name);
    for (const { table } of all) this.#add(table.id, nameOf(table.schema), table.name);
    for (const { id, name, schema } of sequences) this.#add(id, nameOf(schema), name);
    for (const { oid, name, table } of this.indexes) this.#add(oid, nameOf(table.table.schema), name);
    for (const type of types) {
      if (type.kind === 'composite') this.#add(classOidOf(type), nameOf(type.schema), type.name);
    }
  }

  #add(oid: number, schema: string, name: string): void {
    this.relations.set(oid, { schema, name });
    this.oids.set(`${schema}\0${name}`, oid);
  }
}

/** The catalog as one session names it: by its search path. */
export class CatalogObjects implements CatalogAccess {
  readonly #contents: CatalogContents;
  readonly #path: SearchPath;

  constructor(contents: CatalogContents, path: SearchPath) {
    this.#contents = contents;
    this.#path = path;
  }

  seenFrom(path: SearchPath): CatalogObjects {
    return new CatalogObjects(this.#contents, path);
  }

  /** Whether it is what `objects` holds, seen from `path`. */
  isOf(objects: CatalogObjects, path: SearchPath): boolean {
    return this.#contents === objects.#contents && this.#path === path;
  }

  get tables(): readonly CatalogTable[] {
    return this.#contents.tables;
  }

  get views(): readonly CatalogTable[] {
    return this.#contents.views;
  }

  /** Tables and views. */
  get relations(): readonly CatalogTable[] {
    return [...this.tables, ...this.views];
  }

  get sequences(): readonly Sequence[] {
    return this.#contents.sequences;
  }

  get functions(): readonly UserFunction[] {
    return this.#contents.functions;
  }

  /** The same, for what definitions call. */
  get calls(): FunctionLookup | undefined {
    return this.#contents.calls;
  }

  functionText(oid: number, part: FunctionPart): string | null {
    return functionText(this, oid, part);
  }

  /** By name, or by name and types. @throws SqlError `ambiguous_function`. */
  #functionOid(kind: SqlType, parts: readonly string[]): number | undefined {
    const match = /^([^(]*)(?:\((.*)\))?$/s.exec(parts.at(-1)!);
    const [, name = '', list] = match ?? [];
    const types =
      kind === 'regprocedure' && list !== undefined
        ? list.split(',').flatMap((each) => (each.trim() === '' ? [] : [this.#typeNamed(each.trim())]))
        : undefined;
    const schemas = parts.length > 1 ? [parts.at(-2)!] : this.#path.searched.map((schema) => schema.name);
    const [found, second] = functionsNamed(this, name.trim(), schemas, types);
    if (second !== undefined) throw new SqlError('ambiguous_function', `more than one function named "${name}"`);
    return found;
  }

  #typeNamed(text: string): SqlType {
    const oid = this.#typeOid(splitName(text));
    return builtinType(text) ?? (oid === undefined ? 'unknown' : (typeOfOid(oid) ?? 'unknown'));
  }

  get extensions(): readonly Extension[] {
    return this.#contents.extensions;
  }

  get types(): readonly TypeDefinition[] {
    return this.#contents.types;
  }

  get indexes(): readonly IndexObject[] {
    return this.#contents.indexes;
  }

  get constraints(): readonly ConstraintObject[] {
    return this.#contents.constraints;
  }

  /** All schemas, those of the system among them, by their oids. */
  schemas(): readonly { readonly oid: number; readonly name: string; readonly comment?: string }[] {
    return [
      ...Object.entries(SYSTEM_SCHEMAS).map(([name, oid]) => ({ oid, name })),
      ...this.#contents.schemas.all().map(({ id, ...schema }) => ({ ...schema, oid: schemaOid(id) })),
    ].sort((a, b) => a.oid - b.oid);
  }

  /** @param id Undefined for `public`. */
  schemaName(id: number | undefined): string {
    return this.#contents.schemas.get(id)?.name ?? '';
  }

  tableOf(oid: number): CatalogTable | undefined {
    return this.tables.find(({ table }) => table.id === oid) ?? this.views.find(({ table }) => table.id === oid);
  }

  nameOf(kind: SqlType, oid: number): string | undefined {
    if (kind === 'regnamespace') {
      const found = this.schemas().find((each) => each.oid === oid)?.name;
      return found && quoteName(found);
    }
    if (kind === 'regproc' || kind === 'regprocedure') return functionName(this, oid, kind === 'regprocedure');
    if (kind === 'regcollation') {
      const found = COLLATIONS.find(([known]) => known === oid)?.[1];
      return found && quoteName(found);
    }
    if (kind !== 'regclass') return undefined;
    const found = this.#contents.relations.get(oid);
    if (found === undefined) return undefined;
    const name = quoteName(found.name);
    return this.isVisible(oid) === true ? name : `${quoteName(found.schema)}.${name}`;
  }

  oidOf(kind: SqlType, parts: readonly string[]): number | undefined {
    const name = parts.at(-1)!;
    if (kind === 'regnamespace') return this.schemas().find((each) => each.name === name)?.oid;
    if (kind === 'regtype') return this.#typeOid(parts);
    if (kind === 'regproc' || kind === 'regprocedure') return this.#functionOid(kind, parts);
    if (kind === 'regcollation') return COLLATIONS.find(([, known]) => known === name)?.[0];
    if (kind !== 'regclass') return undefined;
    const { oids } = this.#contents;
    if (parts.length > 1) return oids.get(`${parts.at(-2)!}\0${name}`);
    for (const schema of this.#path.searched) {
      const found = oids.get(`${schema.name}\0${name}`);
      if (found !== undefined) return found;
    }
    return undefined;
  }

  /** Of a type that a user defined, or of a table's rows. */
  #typeOid(parts: readonly string[]): number | undefined {
    const name = parts.at(-1)!;
    const schemas = parts.length > 1 ? [{ name: parts.at(-2)! }] : this.#path.searched;
    for (const schema of schemas) {
      const type = this.types.find((each) => each.name === name && this.schemaName(each.schema) === schema.name);
      if (type !== undefined) return type.id;
      const oid = this.#contents.oids.get(`${schema.name}\0${name}`);
      const table = oid === undefined ? undefined : this.tableOf(oid);
      if (table !== undefined) return typeInfo(rowTypeOf(table.table)).oid;
    }
    return undefined;
  }

  isVisible(oid: number): boolean | null {
    const found = this.#contents.relations.get(oid);
    return found === undefined ? null : this.oidOf('regclass', [found.name]) === oid;
  }

  /** Whether the name of a type alone means it. */
  isVisibleType(oid: number): boolean | null {
    const type = typeOfOid(oid);
    if (type === undefined) return null;
    const element = elementOf(type) ?? type;
    const own = this.types.find((each) => each.type === element);
    return own === undefined || this.#typeOid([own.name]) === own.id;
  }

  /** Whether the name of a function and the types of its arguments mean it. */
  isVisibleFunction(oid: number): boolean | null {
    const own = this.functions.find(({ id }) => id === oid);
    if (own === undefined) return true;
    const types = inputTypes(own).join();
    const known = this.functions.filter((each) => each.name === own.name && inputTypes(each).join() === types);
    for (const { name } of this.#path.searched) {
      const found = known.find(({ schema }) => this.schemaName(schema) === name);
      if (found !== undefined) return found === own;
    }
    return false;
  }

  comment(oid: number, column: number, catalog?: string): string | null {
    this.#contents.described ??= Map.groupBy(describedObjects(this), (each) => each.oid);
    const found = this.#contents.described.get(oid) ?? [];
    const isAsked = (each: DescribedObject): boolean =>
      each.column === column && (catalog === undefined || each.catalog === catalog);
    return found.find(isAsked)?.comment ?? null;
  }

  describe(catalog: number, oid: number, column: number): string | null {
    return describeObject(this, catalog, oid, column);
  }

  isTemporarySchema(oid: number): boolean {
    return this.schemas().some((schema) => schema.oid === oid && isTemporary(schema));
  }

  sequenceParameters(oid: number): SqlRecord {
    const sequence = this.sequences.find(({ id }) => id === oid);
    if (sequence === undefined) throw new SqlError('undefined_table', `relation with OID ${oid} does not exist`);
    const { start, min, max, increment, cycle, cache, type } = sequence;
    return new SqlRecord(
      ['int8', 'int8', 'int8', 'int8', 'bool', 'int8', 'oid'],
      [start, min, max, increment, cycle, cache, typeInfo(type).oid],
    );
  }

  find(name: string): number | undefined {
    return this.oidOf('regclass', splitName(name));
  }

  prettyExpression(text: string): string {
    return this.#contents.pretty.get(text) ?? text;
  }

  /** A type as it is named from the path: with its schema where the name alone would not find it. */
  typeTitle(type: SqlType): string {
    const element = elementOf(type);
    if (element !== undefined) return `${this.typeTitle(element)}[]`;
    if (!type.startsWith('user:')) return titleOf(type);
    const found = this.types.find((each) => each.type === type);
    const id =
      found?.id ?? this.relations.find(({ table }) => typeInfo(type).oid === ROW_TYPE_OIDS + table.id)?.table.id;
    return id === undefined ? titleOf(type) : this.#named(found ?? this.tableOf(id)!.table, typeInfo(type).oid);
  }

  #named({ name, schema }: { readonly name: string; readonly schema?: number }, oid: number): string {
    const isFound = this.#typeOid([name]) === oid;
    return isFound ? quoteName(name) : `${quoteName(this.schemaName(schema))}.${quoteName(name)}`;
  }

  /** How expressions are printed for whoever sees the catalog from this path. */
  style(style: DeparseStyle = {}): DeparseStyle {
    return {
      ...style,
      titles: (type) => this.typeTitle(type),
      objects: this,
      callees: (id) => this.calleeName(id),
    };
  }

  /** A function that a user defined: with its schema where its name and types alone mean another one, or none. */
  calleeName(id: number): string | undefined {
    const user = this.functions.find((each) => each.id === id);
    if (user === undefined) return undefined;
    const types = inputTypes(user).join();
    const first = this.#path.searched.find((schema) =>
      schema.id < 0
        ? schema.name === 'pg_catalog' && FUNCTIONS.named(user.name).some((each) => each.arguments.join() === types)
        : this.functions.some(
            (each) =>
              each.name === user.name &&
              inputTypes(each).join() === types &&
              (each.schema ?? PUBLIC_SCHEMA) === schema.id,
          ),
    );
    const isFound = first !== undefined && first.id === (user.schema ?? PUBLIC_SCHEMA);
    return isFound ? quoteName(user.name) : `${quoteName(this.schemaName(user.schema))}.${quoteName(user.name)}`;
  }

  #text(expression: BoundExpression, table: Table | undefined): string {
    const text = deparse(expression, this.style({ table }));
    this.#contents.pretty.set(text, deparse(expression, this.style({ table, pretty: true })));
    return text;
  }

  /** @param column 0 for the whole; else the number of a part, from 1. */
  indexDefinition(oid: number, column: number, pretty: boolean): string | null {
    const found = this.indexes.find((each) => each.oid === oid);
    if (found === undefined) return null;
    const parts = indexParts(found, this.style({ pretty }));
    const { table } = found.table;
    if (column > parts.length) {
      const position = found.index?.include[column - parts.length - 1];
      return position === undefined ? '' : quoteName(table.columns[position]!.name);
    }
    if (column > 0) return parts[column - 1]!.text;
    const unique = found.index === undefined || found.index.unique ? 'UNIQUE ' : '';
    const list = parts.map(({ text, order }) => `${text}${order}`).join(', ');
    const { include = [], nullsDistinct = true, method = 'btree' } = found.index ?? {};
    const included = include.map((position) => quoteName(table.columns[position]!.name)).join(', ');
    const predicate = this.predicateText(found);
    return [
      `CREATE ${unique}INDEX ${quoteName(found.name)} ON ${this.#qualified(table, pretty)} USING ${method} (${list})`,
      ...(included === '' ? [] : [` INCLUDE (${included})`]),
      ...(nullsDistinct ? [] : [' NULLS NOT DISTINCT']),
      parametersText(parametersOf(found)),
      ...(predicate === undefined ? [] : [` WHERE ${pretty ? this.prettyExpression(predicate) : predicate}`]),
    ].join('');
  }

  predicateText({ table, index }: IndexObject): string | undefined {
    if (index?.predicate === undefined) return undefined;
    const bound = rulesOf(table).indexes.find(({ source }) => source.index.id === index.id);
    return bound?.predicate && this.#text(bound.predicate, table.table);
  }

  constraintDefinition(oid: number, pretty: boolean): string | null {
    const found = this.constraints.find((each) => each.oid === oid);
    if (found === undefined) return this.#domainCheck(oid, pretty);
    const { table } = found.table;
    const names = (positions: readonly number[], of: Table = table): string =>
      positions.map((position) => quoteName(of.columns[position]!.name)).join(', ');
    switch (found.kind) {
      case 'p':
      case 'u': {
        if (found.index === undefined) return `PRIMARY KEY (${names(table.primaryKey)})`;
        const { parts, include, nullsDistinct, isPrimary, deferrable } = found.index;
        return [
          isPrimary === true ? 'PRIMARY KEY ' : 'UNIQUE ',
          nullsDistinct ? '' : 'NULLS NOT DISTINCT ',
          `(${names(parts.map(({ column }) => column!))})`,
          include.length === 0 ? '' : ` INCLUDE (${names(include)})`,
          deferrable === undefined ? '' : ' DEFERRABLE',
          deferrable === 'deferred' ? ' INITIALLY DEFERRED' : '',
        ].join('');
      }
      case 'c': {
        const rule = rulesOf(found.table).checks.find(({ name }) => name === found.name)!;
        const { noInherit, notValid } = found.check;
        const suffix = `${noInherit === true ? ' NO INHERIT' : ''}${notValid === true ? ' NOT VALID' : ''}`;
        return `CHECK (${deparse(rule.expression, this.style({ table, pretty }))})${suffix}`;
      }
      case 'f': {
        const { key } = found;
        const parent = this.tableOf(key.references)!.table;
        const set = key.setColumns === undefined ? '' : ` (${names(key.setColumns)})`;
        return [
          `FOREIGN KEY (${names(key.columns)}) REFERENCES ${this.nameOf('regclass', parent.id)!}(${names(key.referenced, parent)})`,
          ...(key.matchFull ? [' MATCH FULL'] : []),
          ...(key.onUpdate === 'no action' ? [] : [` ON UPDATE ${key.onUpdate.toUpperCase()}`]),
          ...(key.onDelete === 'no action' ? [] : [` ON DELETE ${key.onDelete.toUpperCase()}${set}`]),
          ...(key.deferrable === undefined ? [] : [' DEFERRABLE']),
          ...(key.deferrable === 'deferred' ? [' INITIALLY DEFERRED'] : []),
          ...(key.notValid === true ? [' NOT VALID'] : []),
        ].join('');
      }
    }
  }

  #domainCheck(oid: number, pretty: boolean): string | null {
    for (const type of this.types) {
      if (type.kind !== 'domain') continue;
      const check = type.checks.find(({ id }) => id === oid);
      if (check === undefined) continue;
      const text = deparse(boundDomainCheck(type, check), this.style({ pretty, names: () => 'VALUE' }));
      return `CHECK (${text})${check.notValid === true ? ' NOT VALID' : ''}`;
    }
    return null;
  }

  /** The default, or the generation expression, of a column as SQL. */
  defaultText(table: CatalogTable, position: number): string | undefined {
    const column = table.table.columns[position]!;
    if (column.generated !== undefined) {
      const rule = rulesOf(table).generated.find((each) => each.position === position)!;
      return this.#text(rule.expression, table.table);
    }
    if (column.default === undefined || column.identity !== undefined) return undefined;
    if (column.default.kind === 'sequence') {
      const name = this.nameOf('regclass', column.default.id) ?? '';
      return `nextval('${name.replaceAll("'", "''")}'::regclass)`;
    }
    // Of a domain the value is one of what is below it.
    const type = baseOf(column.type);
    if (
      column.default.kind === 'constant' &&
      column.default.written === undefined &&
      isPlainNumber(type, column.default.value)
    ) {
      return String(column.default.value);
    }
    const given = writtenDefault(column, table);
    if (given === undefined) return undefined;
    return this.#text(given.kind === 'constant' ? { ...given, type } : given, undefined);
  }

  /** The query of a view; null for what is none. */
  viewDefinition(oid: number, pretty: boolean): string | null {
    const found = this.views.find(({ table }) => table.id === oid);
    if (found === undefined) return null;
    const { table } = found;
    const nameOf = (each: CatalogTable): string => this.nameOf('regclass', each.table.id) ?? quoteName(each.table.name);
    const columns = table.columns.map(({ name }) => name);
    const query = bindView(found, viewBinding(table.view!, this.#contents.calls));
    return (
      deparseQuery(query, {
        pretty,
        nameOf,
        titles: (type) => this.typeTitle(type),
        callees: (id) => this.calleeName(id),
        objects: this,
        columns,
      }) ?? ` ${table.view!.text};`
    );
  }

  /** Tables that the view may only say what it says of because a primary key tells their rows apart. */
  keysNeeded(view: CatalogTable): readonly CatalogTable[] {
    if (!JSON.stringify(view.table.view!.query.tree).includes('"groupClause"')) return [];
    const read = view.table.view!.reads.flatMap((id) => view.view!.reads.get(id) ?? []);
    return read.filter((keyed) => {
      const { table } = keyed;
      if (table.primaryKey.length === 0) return false;
      const unkeyed = { ...keyed, table: { ...table, primaryKey: [] } };
      const reads = new Map(read.map((each) => [each.table.id, each === keyed ? unkeyed : each]));
      try {
        bindView({ ...view, view: { ...view.view!, reads } }, viewBinding(view.table.view!, this.#contents.calls));
        return false;
      } catch (error) {
        if (error instanceof SqlError) return true;
        throw error;
      }
    });
  }

  /** Whether rows can be written through the view, and through which of its columns. */
  updatability(view: CatalogTable): { readonly view: boolean; readonly columns: readonly boolean[] } {
    const context = viewBinding(view.table.view!, this.#contents.calls);
    const nothing = { view: false, columns: view.table.columns.map(() => false) };
    if (view.table.view?.populated !== undefined) return nothing;
    try {
      return { view: whyNotUpdatable(view, context) === undefined, columns: updatableColumns(view, context) };
    } catch (error) {
      // One view that is broken does not keep others from being told of.
      if (error instanceof SqlError) return nothing;
      throw error;
    }
  }

  serialSequence(tableName: string, columnName: string): string | null {
    const oid = this.oidOf('regclass', splitName(tableName));
    const table = oid === undefined ? undefined : this.tableOf(oid)?.table;
    if (table === undefined) throw new SqlError('undefined_table', `relation "${tableName}" does not exist`);
    const position = table.columns.findIndex(({ name }) => name === columnName);
    if (position < 0) {
      const message = `column "${columnName}" of relation "${table.name}" does not exist`;
      throw new SqlError('undefined_column', message);
    }
    const number = columnNumber(table, position);
    const found = this.sequences.find(({ owner }) => owner?.table === table.id && owner.column === number);
    return found === undefined ? null : `${quoteName(this.schemaName(found.schema))}.${quoteName(found.name)}`;
  }

  /** @param pretty Without the schema where the name alone means the table. */
  #qualified(table: Table, pretty: boolean): string {
    if (pretty) return this.nameOf('regclass', table.id)!;
    return `${quoteName(this.schemaName(table.schema))}.${quoteName(table.name)}`;
  }
}

/** WITH (…) of an index. */
function parametersText(parameters: StorageParameters = []): string {
  if (parameters.length === 0) return '';
  const value = (text: string): string => (quoteName(text) === text ? text : `'${text.replaceAll("'", "''")}'`);
  return ` WITH (${parameters.map(([name, text]) => `${quoteName(name)}=${value(text)}`).join(', ')})`;
}

/** A number that was written as an integer, which the column takes as its own type without a word. */
function isPlainNumber(type: SqlType, value: unknown): boolean {
  if (type !== 'int2' && type !== 'int8') return false;
  const number = Number(value);
  return value !== null && number >= 0 && number < 2 ** 31;
}

export function parametersOf({ table, index }: IndexObject): StorageParameters | undefined {
  return index === undefined ? table.table.primaryKeyParameters : index.storageParameters;
}

function indexesOf(table: CatalogTable): readonly IndexObject[] {
  const { id, primaryKey, primaryKeyName } = table.table;
  const primary: IndexObject[] =
    primaryKey.length === 0
      ? []
      : [
          {
            oid: PRIMARY_KEY_OIDS + id,
            name: primaryKeyName,
            table,
            index: undefined,
            partNames: primaryKey.map((each) => table.table.columns[each]!.name),
          },
        ];
  return [
    ...primary,
    ...table.indexes.map(({ index }) => ({
      oid: index.id,
      name: index.name,
      table,
      index,
      partNames: partNames(
        index.parts.map(
          ({ column, expression }): IndexElem =>
            column === undefined
              ? { expr: expression!.tree as unknown as Node }
              : { name: table.table.columns[column]!.name },
        ),
      ),
    })),
  ];
}

function constraintsOf(table: CatalogTable): readonly ConstraintObject[] {
  const { id, primaryKey, primaryKeyName, indexes = [], checks = [], foreignKeys = [] } = table.table;
  return [
    ...(primaryKey.length === 0
      ? []
      : [{ oid: primaryConstraintOid({ id }), name: primaryKeyName, table, kind: 'p' as const }]),
    ...indexes
      .filter(({ isConstraint }) => isConstraint)
      .map((index) => ({
        oid: PRIMARY_CONSTRAINT_OIDS + index.id,
        name: index.name,
        table,
        kind: index.isPrimary === true ? ('p' as const) : ('u' as const),
        index,
      })),
    ...checks.map((check) => ({ oid: check.id, name: check.name, table, kind: 'c' as const, check })),
    ...foreignKeys.map((key) => ({ oid: key.id, name: key.name, table, kind: 'f' as const, key })),
  ];
}

/** When a constraint is checked unless SET CONSTRAINTS says otherwise; undefined for one that cannot be put off. */
export function deferrabilityOf(constraint: ConstraintObject): 'immediate' | 'deferred' | undefined {
  if (constraint.kind === 'f') return constraint.key.deferrable;
  return constraint.kind === 'c' ? undefined : constraint.index?.deferrable;
}

/** The oid of the index that a constraint is the work of. */
export function indexOidOf(constraint: ConstraintObject): number {
  if (constraint.kind !== 'p' && constraint.kind !== 'u') return 0;
  return constraint.index?.id ?? PRIMARY_KEY_OIDS + constraint.table.table.id;
}

/** The parts of an index as SQL, and how each is sorted. */
export function indexParts(
  { table, index }: IndexObject,
  style: DeparseStyle = {},
): readonly { readonly text: string; readonly order: string }[] {
  const { columns, primaryKey } = table.table;
  if (index === undefined) {
    return primaryKey.map((position) => ({ text: quoteName(columns[position]!.name), order: '' }));
  }
  const bound = rulesOf(table).indexes.find(({ source }) => source.index.id === index.id)!;
  return index.parts.map(({ column, descending, nullsFirst, operatorClass, collation }, i) => {
    const nulls = nullsFirst === descending ? '' : nullsFirst ? ' NULLS FIRST' : ' NULLS LAST';
    const text =
      column === undefined
        ? expressionPart(bound.parts[i]!, { ...style, table: table.table })
        : quoteName(columns[column]!.name);
    const named = operatorClass === undefined ? '' : ` ${operatorClass}`;
    const own = collationOf(bound.parts[i]!);
    const other = collation === undefined || collation === own ? '' : ` COLLATE ${quoteName(collation)}`;
    return { text, order: `${other}${named}${descending ? ' DESC' : ''}${nulls}` };
  });
}

/** The collation of each part of an index; undefined of what has none. */
export function indexCollations({ table, index }: IndexObject): readonly (string | undefined)[] {
  if (index === undefined) return table.table.primaryKey.map((each) => collationOfColumn(table.table.columns[each]!));
  const bound = rulesOf(table).indexes.find(({ source }) => source.index.id === index.id)!;
  return index.parts.map(({ collation, type }, i) =>
    isCollatable(type) ? (collation ?? collationOf(bound.parts[i]!)) : undefined,
  );
}

/** Anything but what is written as a call stands in parentheses. */
function expressionPart(part: BoundExpression, style: DeparseStyle): string {
  const text = deparse(part, style);
  const isCall = part.kind === 'call' ? isPlainCall(part.function.name) : CALLED.has(part.kind);
  return isCall ? text : `(${text})`;
}

const CALLED: ReadonlySet<BoundExpression['kind']> = new Set(['coalesce', 'extreme', 'nullIf']);

/** Reads all definitions as the transaction sees them. */
export async function loadObjects(transaction: Transaction, source: CatalogSource): Promise<CatalogObjects> {
  const { keyspace } = source;
  await source.types.ready();
  const tables: Table[] = [];
  const sequences: Sequence[] = [];
  const schemas = await readSchemas(transaction, keyspace);
  const types: TypeDefinition[] = [];
  const functions: UserFunction[] = [];
  const extensions: Extension[] = [];
  const cursor = transaction.scan(keyspace.catalog.range());
  try {
    for (let batch = await cursor.next(); batch !== undefined; batch = await cursor.next()) {
      for (const { key, value } of batch) {
        const [kind] = keyspace.catalog.decode(key);
        if (kind === 'table') tables.push(readStoredTable(keyspace, key, value));
        else if (kind === 'sequence') sequences.push(decodeSequence(value));
        else if (kind === 'type') types.push(decodeType(value));
        else if (kind === 'function') functions.push(decodeFunction(value));
        else if (kind === 'extension') extensions.push(decodeExtension(value));
      }
    }
  } finally {
    cursor.close();
  }
  const contents = new CatalogContents(source, tables, sequences, types, functions, extensions, schemas);
  return new CatalogObjects(contents, { searched: [], named: [], creation: undefined });
}
