/**
 * One table while a statement defines or changes it: adds constraints and indexes to its definition, fills and tests
 * them against the rows that are there, and stores the result.
 */

import type { ATAlterConstraint, Constraint, IndexElem, IndexStmt, Node } from '@pgsql/types';
import { deleteName, putName, readName, redefineTable } from '../../../models/relational/catalog.ts';
import { claimsOf, entriesOf } from '../../../models/relational/index-keys.ts';
import { isKeyType } from '../../../models/relational/keys.ts';
import {
  type Check,
  type ForeignKey,
  type Index,
  type IndexPart,
  indexColumns,
  isStrictlyUnique,
  primaryIndex,
  type ReferentialAction,
  type SqlExpression,
  type Table,
  type TableId,
} from '../../../models/relational/table.ts';
import { withoutOrder } from '../binder/bind-create-table.ts';
import { collationOf, collationOfColumn, requireCollatable, requireCollation } from '../binder/collations.ts';
import type { ExpressionBinder } from '../binder/expression-binder.ts';
import { type QualifiedName, relationName, shownName, stringsOf } from '../binder/names.ts';
import type { BindContext } from '../binder/query-context.ts';
import { callsFunctions, withCalls } from '../binder/stored-calls.ts';
import { readsVersion } from '../binder/system-columns.ts';
import { rulesOf } from '../binder/table-rules.ts';
import { isImmutable } from '../binder/volatility.ts';
import { type CatalogTable, openTable } from '../catalog-cache.ts';
import { columnNames, freeName, joinedNames, partNames } from '../object-names.ts';
import { type AccessMethod, defaultOperatorClass, requireOperatorClass } from '../operator-classes.ts';
import { ForeignKeyChecks } from '../operators/foreign-keys.ts';
import { canRefer } from '../operators/reference-values.ts';
import { TableWriter } from '../operators/table-writer.ts';
import { writeRulesOf } from '../planner/write-rules.ts';
import { type Condition, notSupported, SqlError, withoutPlace } from '../sql-error.ts';
import { storageParameters } from '../storage-parameters.ts';
import { requireTablespace } from '../tablespaces.ts';
import { type SqlType, titleOf } from '../types/types.ts';
import { indexMethod, refuseOrder } from './index-methods.ts';
import { buildIndex, eachRow, type PassOptions } from './rewrite-table.ts';

export interface EditorOptions extends PassOptions {
  /** Time zone of the session, for literals in expressions. */
  readonly zone: string;
  readonly nextId: () => TableId;
  /** The table as the transaction sees it. */
  find(name: QualifiedName): Promise<CatalogTable | undefined>;
  /** Keeps everyone out who writes to the table, until the end of the transaction. */
  lock(table: Table): Promise<void>;
  openById(id: TableId): Promise<CatalogTable>;
  isTemporary(table: Table): boolean;
  notice(message: string): void;
  /** For expressions that the statement holds. */
  readonly bindContext: BindContext;
  binder(table: CatalogTable): ExpressionBinder;
}

const ACTIONS: Readonly<Record<string, ReferentialAction>> = {
  a: 'no action',
  r: 'restrict',
  c: 'cascade',
  n: 'set null',
  d: 'set default',
};

export class TableEditor {
  table: Table;
  readonly #options: EditorOptions;
  /** Whether there can be no rows yet. */
  readonly #isNew: boolean;

  /** @param table Locked against everyone who writes, unless it is new. */
  constructor(table: Table, isNew: boolean, options: EditorOptions) {
    this.table = table;
    this.#isNew = isNew;
    this.#options = options;
  }

  /** Stores the definition as it is now. @throws SqlError of a rule that calls what rows cannot be written by. */
  store(): void {
    if (callsFunctions(this.table)) rulesOf(this.#opened());
    this.table = redefineTable(this.#options.transaction, this.#options.keyspace, this.table);
  }

  /** UNIQUE, CHECK, FOREIGN KEY, and a PRIMARY KEY that rows are not found by. @param column The one that the constraint stands behind, if it does. */
  async addConstraint(constraint: Constraint, column?: string): Promise<void> {
    switch (constraint.contype) {
      case 'CONSTR_UNIQUE':
      case 'CONSTR_PRIMARY':
        return this.#addUnique(constraint, column === undefined ? stringsOf(constraint.keys) : [column]);
      case 'CONSTR_CHECK':
        return this.#addCheck(constraint, column);
      case 'CONSTR_FOREIGN':
        return this.#addForeignKey(constraint, column);
      case 'CONSTR_EXCLUSION':
        throw notSupported('EXCLUDE', constraint.location);
      default:
        throw notSupported('this constraint', constraint.location);
    }
  }

  async #addUnique(constraint: Constraint, names: readonly string[]): Promise<void> {
    const { location } = constraint;
    const isPrimary = constraint.contype === 'CONSTR_PRIMARY';
    const deferrable = deferrabilityOf(constraint);
    if (constraint.indexname !== undefined) {
      const index = await this.requireUsable(constraint);
      return this.#useIndex(index, constraint.conname ?? index.name, isPrimary);
    }
    requireTablespace(constraint.indexspace);
    const parameters = storageParameters('index', constraint.options ?? []);
    const positions = names.map((name) => this.#keyColumn(name, this.#isNew ? location : -1));
    const twice = names.find((name, i) => names.indexOf(name) !== i);
    if (twice !== undefined) {
      throw new SqlError('duplicate_column', `column "${twice}" appears twice in unique constraint`, { location });
    }
    const name = await this.#indexName(
      constraint.conname,
      isPrimary ? '' : joinedNames([...names, ...stringsOf(constraint.including)]),
      isPrimary ? 'pkey' : 'key',
    );
    await this.putIndex({
      id: this.#options.nextId(),
      name,
      unique: true,
      nullsDistinct: constraint.nulls_not_distinct !== true,
      isConstraint: true,
      parts: positions.map((position) => this.#columnPart(position, {})),
      include: stringsOf(constraint.including).map((each) => this.#keyColumn(each, location)),
      ...(deferrable === undefined ? {} : { deferrable }),
      ...(isPrimary ? { isPrimary } : {}),
      ...(parameters.length === 0 ? {} : { storageParameters: parameters }),
    });
  }

  /**
   * CREATE INDEX; with `invalid` the index is empty, for others to fill.
   * @returns its id.
   */
  async addIndex(statement: IndexStmt, { invalid = false }: { readonly invalid?: boolean } = {}): Promise<TableId> {
    const method = indexMethod(statement);
    requireTablespace(statement.tableSpace);
    const parameters = storageParameters(method === 'btree' ? 'index' : method, statement.options ?? []);
    const elements = (statement.indexParams ?? []).flatMap((node) => ('IndexElem' in node ? [node.IndexElem] : []));
    const including = (statement.indexIncludingParams ?? []).flatMap((node) =>
      'IndexElem' in node ? [node.IndexElem] : [],
    );
    const binder = this.#options.binder(this.#opened());
    const parts = elements.map((element) => this.#part(element, binder, method));
    const include = (statement.indexIncludingParams ?? []).map((node) => {
      const name = 'IndexElem' in node ? node.IndexElem.name : undefined;
      if (name === undefined) {
        throw new SqlError('feature_not_supported', 'expressions are not supported in included columns');
      }
      return this.#keyColumn(name, undefined);
    });
    if (statement.whereClause !== undefined) {
      const bound = binder.bindCondition(statement.whereClause, {
        title: 'WHERE',
        aggregates: 'refused',
        place: 'index predicates',
      });
      if (readsVersion(bound)) throw indexOfVersions();
      if (!isImmutable(bound)) {
        throw new SqlError('invalid_object_definition', 'functions in index predicate must be marked IMMUTABLE');
      }
    }
    const predicate = statement.whereClause && this.#expression(statement.whereClause);
    const name =
      statement.idxname !== undefined && statement.idxname !== ''
        ? await this.#indexName(statement.idxname, '', '')
        : await this.#indexName(undefined, joinedNames(partNames([...elements, ...including])), 'idx');
    const id = this.#options.nextId();
    await this.putIndex({
      id,
      name,
      unique: statement.unique === true,
      nullsDistinct: statement.nulls_not_distinct !== true,
      isConstraint: false,
      ...(method === 'btree' ? {} : { method }),
      ...(parameters.length === 0 ? {} : { storageParameters: parameters }),
      parts,
      include,
      ...(predicate === undefined ? {} : { predicate }),
      ...(invalid ? { invalid } : {}),
    });
    return id;
  }

  #part(element: IndexElem, binder: ExpressionBinder, method: AccessMethod): IndexPart {
    const { name, expr, collation, opclass, ordering, nulls_ordering: nulls } = element;
    // COLLATE over the whole is that of the index.
    let inner = expr;
    let within: string | undefined;
    while (inner !== undefined && 'CollateClause' in inner) {
      const named = requireCollation(inner.CollateClause.collname, inner.CollateClause.location);
      within ??= named;
      inner = inner.CollateClause.arg;
    }
    const named = collation === undefined ? within : requireCollation(collation);
    if (element.opclassopts !== undefined) {
      const message = `operator class ${stringsOf(opclass).at(-1)} has no options`;
      throw new SqlError('invalid_parameter_value', message);
    }
    const descending = ordering === 'SORTBY_DESC';
    const nullsFirst = nulls === 'SORTBY_NULLS_FIRST' || (nulls !== 'SORTBY_NULLS_LAST' && descending);
    const columnPart = (position: number): IndexPart => {
      const column = this.table.columns[position]!;
      if (named !== undefined) requireCollatable(column.type);
      requireClass(column.type, method, opclass);
      const part = this.#columnPart(position, { descending, nullsFirst });
      const ofClass = namedClass(opclass, part.type, method);
      refuseOrder(element, method);
      const isOther = named !== undefined && named !== collationOfColumn(column);
      return { ...part, ...ofClass, ...(isOther ? { collation: named } : {}) };
    };
    if (name !== undefined) {
      return columnPart(this.#column(name, undefined));
    }
    const bound = binder.settle(
      binder.bind(inner!, { title: 'index expressions', aggregates: 'refused', place: 'index expressions' }),
    );
    if (readsVersion(bound)) throw indexOfVersions();
    if (!isImmutable(bound)) {
      throw new SqlError('invalid_object_definition', 'functions in index expression must be marked IMMUTABLE');
    }
    if (bound.kind === 'column' && bound.index < this.table.columns.length) return columnPart(bound.index);
    if (named !== undefined) requireCollatable(bound.type);
    requireClass(bound.type as IndexPart['type'], method, opclass);
    refuseOrder(element, method);
    return {
      column: undefined,
      expression: this.#expression(inner!),
      type: bound.type as IndexPart['type'],
      modifier: bound.modifier,
      descending,
      nullsFirst,
      ...namedClass(opclass, bound.type, method),
      ...(named === undefined || named === collationOf(bound) ? {} : { collation: named }),
    };
  }

  #columnPart(
    position: number,
    { descending = false, nullsFirst = false }: { readonly descending?: boolean; readonly nullsFirst?: boolean },
  ): IndexPart {
    const { type, modifier } = this.table.columns[position]!;
    return { column: position, type, modifier, descending, nullsFirst };
  }

  #keyColumn(name: string, location: number | undefined): number {
    const position = this.#column(name, location);
    requireClass(this.table.columns[position]!.type, 'btree', undefined);
    return position;
  }

  #column(name: string, location: number | undefined): number {
    const position = this.table.columns.findIndex((column) => column.name === name);
    if (position < 0) {
      const message =
        location === undefined ? `column "${name}" does not exist` : `column "${name}" named in key does not exist`;
      throw new SqlError('undefined_column', message, { location });
    }
    return position;
  }

  /** The name of a key that is to come. @throws SqlError `duplicate_table` of a given one. */
  keyName(given: string | undefined): Promise<string> {
    return this.#indexName(given, '', 'pkey');
  }

  async #indexName(given: string | undefined, second: string, label: string): Promise<string> {
    if (given === undefined) return freeName(this.table.name, second, label, (name) => this.#isTaken(name));
    if (await this.#isTaken(given)) throw new SqlError('duplicate_table', `relation "${given}" already exists`);
    return given;
  }

  async #isTaken(name: string): Promise<boolean> {
    if (this.#constraintNames().has(name)) return true;
    const { transaction, keyspace } = this.#options;
    return (await readName(transaction, keyspace, name, this.table.schema)) !== undefined;
  }

  /** The index of USING INDEX. @throws SqlError for one that no constraint can be made of. */
  async requireUsable({ indexname = '', location, ...constraint }: Constraint): Promise<Index> {
    const { transaction, keyspace } = this.#options;
    const refused = (condition: Condition, message: string, detail?: string): SqlError =>
      new SqlError(condition, message, { location, ...(detail === undefined ? {} : { detail }) });
    const index = this.table.indexes?.find(({ name }) => name === indexname);
    if (index === undefined) {
      const found = await readName(transaction, keyspace, indexname, this.table.schema);
      if (found?.kind !== 'index') throw refused('undefined_object', `index "${indexname}" does not exist`);
      const message =
        found.table === this.table.id
          ? `index "${indexname}" is already associated with a constraint`
          : `index "${indexname}" does not belong to table "${this.table.name}"`;
      throw refused('object_not_in_prerequisite_state', message);
    }
    if (index.isConstraint) {
      const message = `index "${indexname}" is already associated with a constraint`;
      throw refused('object_not_in_prerequisite_state', message);
    }
    if (index.invalid === true) {
      throw refused('object_not_in_prerequisite_state', `index "${indexname}" is not valid`);
    }
    const unordered = index.parts.findIndex(
      ({ descending, nullsFirst, operatorClass, collation }) =>
        descending || nullsFirst || operatorClass !== undefined || collation !== undefined,
    );
    const why = !index.unique
      ? `"${indexname}" is not a unique index`
      : index.parts.some(({ column }) => column === undefined)
        ? `index "${indexname}" contains expressions`
        : index.predicate !== undefined
          ? `"${indexname}" is a partial index`
          : unordered >= 0
            ? `index "${indexname}" column number ${unordered + 1} does not have default sorting behavior`
            : undefined;
    if (why !== undefined) {
      const detail = 'Cannot create a primary key or unique constraint using such an index.';
      throw refused('wrong_object_type', why, detail);
    }
    // Entries of deferrable keys lie differently.
    if (deferrabilityOf(constraint) !== undefined) throw notSupported('a deferrable constraint USING INDEX', location);
    return index;
  }

  /** Makes the index that of a constraint, under its name. */
  async #useIndex(index: Index, name: string, isPrimary: boolean): Promise<void> {
    const { transaction, keyspace } = this.#options;
    const { id, schema } = this.table;
    if (name !== index.name) {
      this.#options.notice(`ALTER TABLE / ADD CONSTRAINT USING INDEX will rename index "${index.name}" to "${name}"`);
      if (await this.#isTaken(name)) throw new SqlError('duplicate_table', `relation "${name}" already exists`);
      deleteName(transaction, keyspace, index.name, schema);
      await putName(transaction, keyspace, name, schema, { kind: 'index', id: index.id, table: id });
    }
    const used: Index = { ...index, name, isConstraint: true, ...(isPrimary ? { isPrimary } : {}) };
    this.table = { ...this.table, indexes: this.table.indexes!.map((each) => (each === index ? used : each)) };
  }

  /** Fills it, unless it is invalid. */
  async putIndex(index: Index): Promise<void> {
    const { transaction, keyspace } = this.#options;
    const { id } = this.table;
    await putName(transaction, keyspace, index.name, this.table.schema, { kind: 'index', id: index.id, table: id });
    this.table = { ...this.table, indexes: [...(this.table.indexes ?? []), index] };
    if (!this.#isNew && index.invalid !== true) await buildIndex(this.#opened(), index.name, this.#options);
  }

  /** Takes an index, or the constraint that it is the work of, out of the definition. */
  removeIndex(index: Index): void {
    const { transaction, keyspace } = this.#options;
    deleteName(transaction, keyspace, index.name, this.table.schema);
    for (const rangeOf of [entriesOf, claimsOf]) transaction.deleteRange(rangeOf(keyspace, this.table, index));
    this.table = { ...this.table, indexes: (this.table.indexes ?? []).filter((each) => each.id !== index.id) };
  }

  /** Writes the entries of an index anew. @throws SqlError `unique_violation`. */
  async rebuildIndex(index: Index): Promise<void> {
    const { invalid: _, ...valid } = index;
    this.table = {
      ...this.table,
      indexes: (this.table.indexes ?? []).map((each) => (each.id === index.id ? valid : each)),
    };
    await buildIndex(this.#opened(), index.name, this.#options);
  }

  async #addCheck(constraint: Constraint, column: string | undefined): Promise<void> {
    const notValid = constraint.skip_validation === true && !this.#isNew;
    const tree = constraint.raw_expr!;
    const opened = this.#opened();
    const clause = {
      title: 'CHECK',
      aggregates: 'refused',
      place: 'check constraints',
      subqueries: 'check constraint',
    } as const;
    const bind = (): void => {
      if (!readsVersion(this.#options.binder(opened).bindCondition(tree, clause))) return;
      const message = 'system column "xmin" reference in check constraint is invalid';
      throw new SqlError('invalid_column_reference', message);
    };
    if (this.#isNew) bind();
    else withoutPlace(bind);
    const names = [...columnNames(tree)];
    const second = column ?? (names.length === 1 ? names[0]! : '');
    const taken = this.#constraintNames();
    let name = constraint.conname;
    if (name === undefined) name = await freeName(this.table.name, second, 'check', (each) => taken.has(each));
    else if (taken.has(name)) {
      if (this.#isNew) throw new SqlError('duplicate_object', `check constraint "${name}" already exists`);
      throw this.#duplicate(name);
    }
    const check: Check = {
      id: this.#options.nextId(),
      name,
      expression: this.#expression(tree),
      ...(notValid ? { notValid } : {}),
      ...(constraint.is_no_inherit === true ? { noInherit: true } : {}),
    };
    const checks = [...(this.table.checks ?? []), check];
    checks.sort((a, b) => (a.name < b.name ? -1 : 1));
    this.table = { ...this.table, checks };
    if (!this.#isNew && !notValid) await this.#testCheck(name);
  }

  async #testCheck(name: string): Promise<void> {
    const opened = this.#opened();
    const { test } = writeRulesOf(opened).checks.find((each) => each.name === name)!;
    await eachRow(opened, this.#options, (row) => {
      if (test(row, this.#options.context) !== false) return;
      throw new SqlError(
        'check_violation',
        `check constraint "${name}" of relation "${this.table.name}" is violated by some row`,
        { table: this.table, constraint: name },
      );
    });
  }

  #persistence(table: Table): 'temporary' | 'unlogged' | 'permanent' {
    if (this.#options.isTemporary(table)) return 'temporary';
    return table.unlogged === true ? 'unlogged' : 'permanent';
  }

  async #addForeignKey(constraint: Constraint, column: string | undefined): Promise<void> {
    const { pktable } = constraint;
    const notValid = constraint.skip_validation === true && !this.#isNew;
    const parentName = relationName(pktable!);
    const named = await this.#options.find(parentName);
    if (named === undefined) {
      throw new SqlError('undefined_table', `relation "${shownName(parentName)}" does not exist`);
    }
    const isSelf = named.table.id === this.table.id;
    const found = isSelf ? this.#opened() : named;
    const parent = found.table;
    const own = this.#persistence(this.table);
    const others = own === 'unlogged' ? ['permanent', 'unlogged'] : [own];
    if (!others.includes(this.#persistence(parent))) {
      const message = `constraints on ${own} tables may reference only ${others.join(' or ')} tables`;
      throw new SqlError('invalid_table_definition', message);
    }
    const names = column === undefined ? stringsOf(constraint.fk_attrs) : [column];
    const columns = names.map((name) => {
      const position = this.table.columns.findIndex((each) => each.name === name);
      if (position >= 0) return position;
      const message = `column "${name}" referenced in foreign key constraint does not exist`;
      throw new SqlError('undefined_column', message);
    });
    const referenced = this.#referencedColumns(constraint, parent);
    requireUnique(parent, referenced);
    if (referenced.length !== columns.length) {
      throw new SqlError(
        'invalid_foreign_key',
        'number of referencing and referenced columns for foreign key disagree',
      );
    }
    const taken = this.#constraintNames();
    let name = constraint.conname;
    if (name === undefined) {
      name = await freeName(this.table.name, joinedNames(names), 'fkey', (each) => taken.has(each));
    } else if (taken.has(name)) throw this.#duplicate(name);
    requireComparable({ name, columns, referenced }, this.table, parent);
    if (constraint.fk_matchtype === 'p')
      throw new SqlError('feature_not_supported', 'MATCH PARTIAL not yet implemented');
    const deferrable = deferrabilityOf(constraint);
    const setColumns = this.#setColumns(stringsOf(constraint.fk_del_set_cols), columns);
    const key: ForeignKey = {
      id: this.#options.nextId(),
      name,
      columns,
      references: parent.id,
      referenced,
      matchFull: constraint.fk_matchtype === 'f',
      ...(notValid ? { notValid } : {}),
      onUpdate: ACTIONS[constraint.fk_upd_action ?? 'a'] ?? 'no action',
      onDelete: ACTIONS[constraint.fk_del_action ?? 'a'] ?? 'no action',
      ...(setColumns.length === 0 ? {} : { setColumns }),
      ...(deferrable === undefined ? {} : { deferrable }),
    };
    this.table = { ...this.table, foreignKeys: [...(this.table.foreignKeys ?? []), key] };
    const { transaction, keyspace } = this.#options;
    if (isSelf) {
      this.table = { ...this.table, referencedBy: withId(this.table.referencedBy, this.table.id) };
    } else {
      await this.#options.lock(parent);
      transaction.beginStatement();
      const current = (await this.#options.find(parentName))!.table;
      redefineTable(transaction, keyspace, { ...current, referencedBy: withId(current.referencedBy, this.table.id) });
    }
    if (!this.#isNew && !notValid) await this.#validateForeignKey(key, found);
  }

  /** Those that SET NULL and SET DEFAULT are for. @param columns Of the key. */
  #setColumns(names: readonly string[], columns: readonly number[]): readonly number[] {
    const positions = names.map((name) => {
      const position = this.table.columns.findIndex((each) => each.name === name);
      if (position < 0) {
        const message = `column "${name}" referenced in foreign key constraint does not exist`;
        throw new SqlError('undefined_column', message);
      }
      if (columns.includes(position)) return position;
      const message = `column "${name}" referenced in ON DELETE SET action must be part of foreign key`;
      throw new SqlError('invalid_column_reference', message);
    });
    return [...new Set(positions)];
  }

  /** ALTER CONSTRAINT: when a foreign key is checked. */
  alterConstraint(constraint: ATAlterConstraint): void {
    const { conname = '', alterDeferrability } = constraint;
    // Other properties of a constraint are of later versions.
    if (alterDeferrability !== true) throw notSupported('this change of a constraint');
    const { foreignKeys = [] } = this.table;
    const what = `constraint "${conname}" of relation "${this.table.name}"`;
    if (!foreignKeys.some(({ name }) => name === conname)) {
      if (!this.#constraintNames().has(conname)) throw new SqlError('undefined_object', `${what} does not exist`);
      throw new SqlError('wrong_object_type', `${what} is not a foreign key constraint`);
    }
    const changed = foreignKeys.map((key) => {
      if (key.name !== conname) return key;
      const { deferrable: _, ...rest } = key;
      const deferrable = deferrabilityOf(constraint);
      return deferrable === undefined ? rest : { ...rest, deferrable };
    });
    this.table = { ...this.table, foreignKeys: changed };
  }

  /** VALIDATE CONSTRAINT: looks at the rows that NOT VALID left out. @throws SqlError of the first that does not meet it. */
  async validate(name: string): Promise<void> {
    const { checks = [], foreignKeys = [], indexes = [], primaryKey, primaryKeyName } = this.table;
    const check = checks.find((each) => each.name === name);
    const key = foreignKeys.find((each) => each.name === name);
    if (check?.notValid === true) {
      await this.#testCheck(name);
      this.table = { ...this.table, checks: checks.map((each) => (each === check ? validated(each) : each)) };
    } else if (key?.notValid === true) {
      const parent = key.references === this.table.id ? this.#opened() : await this.#options.openById(key.references);
      await this.#validateForeignKey(key, parent);
      this.table = { ...this.table, foreignKeys: foreignKeys.map((each) => (each === key ? validated(each) : each)) };
    } else if (check === undefined && key === undefined) {
      const isIndex =
        (primaryKey.length > 0 && primaryKeyName === name) ||
        indexes.some((each) => each.isConstraint && each.name === name);
      const what = `constraint "${name}" of relation "${this.table.name}"`;
      if (!isIndex) throw new SqlError('undefined_object', `${what} does not exist`);
      throw new SqlError('wrong_object_type', `${what} is not a foreign key or check constraint`);
    }
  }

  #referencedColumns(constraint: Constraint, parent: Table): readonly number[] {
    const names = stringsOf(constraint.pk_attrs);
    if (names.length === 0) {
      if (parent.primaryKey.length > 0) return parent.primaryKey;
      const index = primaryIndex(parent);
      if (index !== undefined && isStrictlyUnique(index)) return indexColumns(index);
      if (index !== undefined) throw deferrableTarget('primary key', parent.name);
      throw new SqlError('undefined_object', `there is no primary key for referenced table "${parent.name}"`);
    }
    return names.map((name) => {
      const position = parent.columns.findIndex((each) => each.name === name);
      if (position >= 0) return position;
      const message = `column "${name}" referenced in foreign key constraint does not exist`;
      throw new SqlError('undefined_column', message);
    });
  }

  /** Tests the foreign keys that columns take part in, on either side, before and after their values become others. */
  async retypeReferences(positions: readonly number[], table: Table, rewrite: () => Promise<void>): Promise<void> {
    const concerned: { readonly key: ForeignKey; readonly child: TableId; readonly parent: TableId }[] = [];
    const tableOf = async (id: TableId): Promise<Table> =>
      id === table.id ? table : (await this.#options.openById(id)).table;
    for (const child of new Set([table.id, ...(table.referencedBy ?? [])])) {
      for (const key of (await tableOf(child)).foreignKeys ?? []) {
        const isOwn = child === table.id && key.columns.some((each) => positions.includes(each));
        const isReferenced = key.references === table.id && key.referenced.some((each) => positions.includes(each));
        if (isOwn || isReferenced) concerned.push({ key, child, parent: key.references });
      }
    }
    for (const { key, child, parent } of concerned) requireComparable(key, await tableOf(child), await tableOf(parent));
    await rewrite();
    const opened = async (id: TableId): Promise<CatalogTable> =>
      id === this.table.id ? this.#opened() : this.#options.openById(id);
    for (const { key, child, parent } of concerned) {
      if (key.notValid !== true) await this.#validateForeignKey(key, await opened(parent), (await opened(child)).table);
    }
  }

  async #validateForeignKey(key: ForeignKey, parent: CatalogTable, child: Table = this.table): Promise<void> {
    const related = new Map<TableId, CatalogTable>();
    related.set(parent.table.id, parent);
    const { keyspace, functions } = this.#options;
    const table = openTable(keyspace, { ...child, foreignKeys: [key], referencedBy: [] }, related, functions);
    related.set(child.id, table);
    const { context } = this.#options;
    const checks = new ForeignKeyChecks(writeRulesOf(table), context, (rules) => new TableWriter(rules, context));
    await eachRow(table, this.#options, async (row) => {
      checks.inserted(row);
      await checks.finish();
    });
  }

  #duplicate(name: string): SqlError {
    return new SqlError('duplicate_object', `constraint "${name}" for relation "${this.table.name}" already exists`);
  }

  #constraintNames(): ReadonlySet<string> {
    const { checks = [], foreignKeys = [], indexes = [], primaryKey, primaryKeyName } = this.table;
    const names = new Set([...checks, ...foreignKeys, ...indexes].map(({ name }) => name));
    if (primaryKey.length > 0) names.add(primaryKeyName);
    return names;
  }

  #expression(tree: Node): SqlExpression {
    const { bindContext, zone } = this.#options;
    return { tree: withCalls(tree, bindContext) as unknown as SqlExpression['tree'], zone };
  }

  #opened(): CatalogTable {
    return openTable(this.#options.keyspace, this.table, undefined, this.#options.functions);
  }
}

function indexOfVersions(): SqlError {
  return new SqlError('feature_not_supported', 'index creation on system columns is not supported');
}

/** @throws SqlError `datatype_mismatch` for columns that cannot be equal. */
function requireComparable(
  { name, columns, referenced }: Pick<ForeignKey, 'name' | 'columns' | 'referenced'>,
  child: Table,
  parent: Table,
): void {
  columns.forEach((position, i) => {
    const [own, other] = [child.columns[position]!, parent.columns[referenced[i]!]!];
    if (canRefer(own.type, other.type)) return;
    throw new SqlError('datatype_mismatch', `foreign key constraint "${name}" cannot be implemented`, {
      detail: `Key columns "${own.name}" and "${other.name}" are of incompatible types: ${titleOf(own.type)} and ${titleOf(other.type)}.`,
    });
  });
}

function deferrabilityOf({
  deferrable,
  initdeferred,
}: Pick<Constraint, 'deferrable' | 'initdeferred'>): 'immediate' | 'deferred' | undefined {
  if (initdeferred === true) return 'deferred';
  return deferrable === true ? 'immediate' : undefined;
}

function deferrableTarget(what: string, table: string): SqlError {
  return new SqlError(
    'object_not_in_prerequisite_state',
    `cannot use a deferrable ${what} for referenced table "${table}"`,
  );
}

function validated<C extends { readonly notValid?: boolean }>({ notValid: _, ...constraint }: C): C {
  return constraint as unknown as C;
}

function withId(ids: readonly TableId[] | undefined, id: TableId): readonly TableId[] {
  return (ids ?? []).includes(id) ? ids! : [...(ids ?? []), id];
}

/** @throws SqlError `undefined_object` for a type that the method knows nothing of, unless a class is named. */
function requireClass(type: IndexPart['type'], method: AccessMethod, named: readonly Node[] | undefined): void {
  const isKnown =
    method === 'gin' ? named !== undefined || defaultOperatorClass(type, method) !== undefined : isKeyType(type);
  if (!isKnown) throw withoutOrder(type, method);
}

/** Classes of the default are not kept. */
function namedClass(
  named: readonly Node[] | undefined,
  type: SqlType,
  method: AccessMethod,
): Pick<IndexPart, 'operatorClass'> {
  if (named === undefined) return {};
  const { name, isDefault } = requireOperatorClass(stringsOf(named).at(-1)!, type, method);
  return isDefault ? {} : { operatorClass: name };
}

/** @throws SqlError `invalid_foreign_key`. */
function requireUnique({ name, primaryKey, indexes = [] }: Table, positions: readonly number[]): void {
  const same = (columns: readonly (number | undefined)[]): boolean =>
    columns.length === positions.length && columns.every((each) => each !== undefined && positions.includes(each));
  if (same(primaryKey)) return;
  const fitting = indexes.filter(
    ({ unique, predicate, parts, invalid }) =>
      unique && invalid !== true && predicate === undefined && same(parts.map(({ column }) => column)),
  );
  if (fitting.some(isStrictlyUnique)) return;
  if (fitting.length > 0) throw deferrableTarget('unique constraint', name);
  throw new SqlError(
    'invalid_foreign_key',
    `there is no unique constraint matching given keys for referenced table "${name}"`,
  );
}
