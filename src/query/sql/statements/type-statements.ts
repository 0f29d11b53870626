/**
 * CREATE and ALTER of types and domains: enums, composite types, ranges, domains (PostgreSQL's typecmds.c, pg_enum.c).
 *
 * What changes a type that committed rows may have is seen when it commits; see user-types.ts. A label that was added cannot be used
 * before, as in PostgreSQL. Base types of one's own are refused.
 */

import type {
  AlterDomainStmt,
  AlterEnumStmt,
  AlterTableStmt,
  CompositeTypeStmt,
  Constraint,
  CreateDomainStmt,
  CreateEnumStmt,
  CreateRangeStmt,
  Node,
  RangeVar,
  RenameStmt,
} from '@pgsql/types';
import { OperationError } from '../../../base/errors.ts';
import { deleteName, openIds, putName, readName, readTableById } from '../../../models/relational/catalog.ts';
import { labelValueOf } from '../../../models/relational/enums.ts';
import { inputTypes } from '../../../models/relational/function-definition.ts';
import type { Schema } from '../../../models/relational/schema.ts';
import {
  columnNumber,
  PUBLIC_SCHEMA,
  type SqlExpression,
  type Table,
  type TableId,
} from '../../../models/relational/table.ts';
import {
  type CompositeType,
  type DomainCheck,
  type DomainType,
  decodeType,
  type EnumType,
  encodeType,
  type RangeType,
  type TypeDefinition,
  typeKey,
} from '../../../models/relational/type-definition.ts';
import type { Transaction } from '../../../storage/store.ts';
import { checkCollation } from '../binder/collations.ts';
import {
  namedType,
  nameOfList,
  type QualifiedName,
  refuseRowType,
  requireStorable,
  shownName,
  stringsOf,
} from '../binder/names.ts';
import { type BindContext, definitionContext } from '../binder/query-context.ts';
import { boundDefault, compileDomainCheck } from '../catalog/domain-rules.ts';
import { registerType } from '../catalog/user-types.ts';
import { openTable } from '../catalog-cache.ts';
import { FUNCTIONS } from '../functions/directories.ts';
import type { ResultSink } from '../results.ts';
import type { SessionContext } from '../session-context.ts';
import { notSupported, SqlError, withoutPlace } from '../sql-error.ts';
import type { StatementRunner } from '../statement-runner.ts';
import type { SeenLabel } from '../types/timestamptz.ts';
import { baseOf, type SqlType, typeInfo } from '../types/types.ts';
import { withComment } from './comment-statements.ts';
import { DropTypes } from './drop-types.ts';
import { multirangeName, rangeOptions } from './range-options.ts';
import { schemaField } from './relation-lookup.ts';
import type { SchemaChanges } from './schema-changes.ts';
import { contains, type Dependent, directlyUses, isOf, namesOf } from './type-uses.ts';

type Sink = Pick<ResultSink, 'complete' | 'notice'>;

const LABEL_BYTES_MAX = 63;

interface Target {
  readonly name: string;
  readonly schema: Schema;
}

export class TypeStatements {
  readonly #session: SessionContext;
  readonly #schema: SchemaChanges;
  readonly #runner: StatementRunner;

  readonly drops: DropTypes;

  constructor(session: SessionContext, schema: SchemaChanges, runner: StatementRunner) {
    this.drops = new DropTypes(session, schema, this);
    this.#session = session;
    this.#schema = schema;
    this.#runner = runner;
  }

  // --- CREATE

  async createEnum({ typeName, vals }: CreateEnumStmt, sink: Sink): Promise<void> {
    const names = stringsOf(vals);
    const transaction = await this.begin('CREATE TYPE');
    const target = this.#target(stringsOf(typeName));
    await this.#requireFree(transaction, target);
    for (const [i, name] of names.entries()) {
      checkLabel(name);
      if (names.indexOf(name) === i) continue;
      // PostgreSQL meets this in the index of its catalog.
      throw new SqlError(
        'unique_violation',
        'duplicate key value violates unique constraint "pg_enum_typid_label_index"',
      );
    }
    const nextId = await openIds(transaction, this.#session.engine.keyspace);
    const shared = this.#identity(target, nextId);
    const labels = names.map((name, i) => ({ id: i + 1, order: i + 1, name, oid: nextId() }));
    await this.#store(transaction, { ...shared, kind: 'enum', labels });
    sink.complete('CREATE TYPE');
  }

  async createComposite({ typevar, coldeflist }: CompositeTypeStmt, sink: Sink): Promise<void> {
    const transaction = await this.begin('CREATE TYPE');
    const target = this.#target(rangeNames(typevar!));
    await this.#requireFree(transaction, target, 'relation');
    const fields = (coldeflist ?? []).map((node) => withoutPlace(() => fieldOf(node)));
    const twice = fields.find(({ name }, i) => fields.findIndex((other) => other.name === name) !== i);
    if (twice !== undefined) {
      throw new SqlError('duplicate_column', `column "${twice.name}" specified more than once`);
    }
    const nextId = await openIds(transaction, this.#session.engine.keyspace);
    await this.#store(transaction, { ...this.#identity(target, nextId), kind: 'composite', fields });
    sink.complete('CREATE TYPE');
  }

  async createRange({ typeName, params }: CreateRangeStmt, sink: Sink): Promise<void> {
    const transaction = await this.begin('CREATE TYPE');
    const target = this.#target(stringsOf(typeName));
    await this.#requireFree(transaction, target);
    const { subtype, multirange: given, difference, operatorClass, collation } = rangeOptions(params ?? []);
    if (difference !== undefined) await this.#requireDifference(difference, subtype);
    const several: Target =
      given === undefined
        ? { name: multirangeName(target.name), schema: target.schema }
        : { name: given.name, schema: this.#schema.lookup.creation(given) };
    const { keyspace } = this.#session.engine;
    if ((await readName(transaction, keyspace, several.name, several.schema.id)) !== undefined) {
      const why = {
        detail: `Failed while creating a multirange type for type "${target.name}".`,
        hint: 'You can manually specify a multirange type name using the "multirange_type_name" attribute.',
      };
      const message = `type "${several.name}" already exists`;
      throw new SqlError('duplicate_object', message, given === undefined ? why : {});
    }
    const nextId = await openIds(transaction, keyspace);
    const [range, multirange] = [this.#identity(target, nextId), this.#identity(several, nextId)];
    await this.#store(transaction, {
      ...range,
      kind: 'range',
      subtype,
      multirange: multirange.type,
      ...(difference === undefined ? {} : { difference: unplaced(difference) }),
      ...(operatorClass === undefined ? {} : { operatorClass }),
      ...(collation === undefined ? {} : { collation }),
    });
    await this.#store(transaction, { ...multirange, kind: 'multirange', range: range.type });
    sink.complete('CREATE TYPE');
  }

  /** @throws SqlError unless there is a function that takes two bounds and gives a number. */
  async #requireDifference(name: QualifiedName, subtype: SqlType): Promise<void> {
    const takesBounds = (types: readonly SqlType[]): boolean =>
      types.length === 2 && types.every((type) => type === subtype);
    const own = await this.#session.block.loadFunctions();
    const found =
      FUNCTIONS.named(name.name).find((each) => takesBounds(each.arguments)) ??
      own.all.find((each) => each.name === name.name && takesBounds(inputTypes(each)));
    const { title } = typeInfo(subtype);
    if (found === undefined) {
      throw new SqlError('undefined_function', `function ${shownName(name)}(${title}, ${title}) does not exist`);
    }
    if (found.result === 'float8') return;
    const shown = `${shownName(name)}(${title}, ${title})`;
    const message = `range subtype diff function ${shown} must return type double precision`;
    throw new SqlError('invalid_object_definition', message);
  }

  async createDomain(statement: CreateDomainStmt, sink: Sink): Promise<void> {
    const transaction = await this.begin('CREATE DOMAIN');
    const target = this.#target(stringsOf(statement.domainname));
    await this.#requireFree(transaction, target);
    const { type: base, modifier } = namedType(statement.typeName);
    const { kind, title } = typeInfo(base);
    if (kind === 'p') {
      throw new SqlError('datatype_mismatch', `"${title}" is not a valid base type for a domain`);
    }
    refuseRowType(base);
    const collation = withoutPlace(() => checkCollation(statement.collClause, base));
    const nextId = await openIds(transaction, this.#session.engine.keyspace);
    const shared = this.#identity(target, nextId);
    let domain: DomainType = { ...shared, kind: 'domain', base, modifier, ...collation, notNull: false, checks: [] };
    let nullability: boolean | undefined;
    for (const node of statement.constraints ?? []) {
      if (!('Constraint' in node)) continue;
      const { Constraint: constraint } = node;
      switch (constraint.contype) {
        case 'CONSTR_NOTNULL':
        case 'CONSTR_NULL': {
          const notNull = constraint.contype === 'CONSTR_NOTNULL';
          if (nullability !== undefined && nullability !== notNull) {
            throw new SqlError('syntax_error', 'conflicting NULL/NOT NULL constraints');
          }
          nullability = notNull;
          domain = { ...domain, notNull };
          break;
        }
        case 'CONSTR_DEFAULT':
          if (domain.default !== undefined) throw new SqlError('syntax_error', 'multiple default expressions');
          domain = withDefault(
            domain,
            constraint.raw_expr,
            this.#zone,
            await this.#runner.bindingOfDefinitions(constraint.raw_expr),
          );
          break;
        case 'CONSTR_CHECK':
          domain = { ...domain, checks: [...domain.checks, await this.#check(domain, constraint, nextId())] };
          break;
        default:
          throw refusedConstraint(constraint);
      }
    }
    await this.#store(transaction, domain);
    sink.complete('CREATE DOMAIN');
  }

  // --- ALTER

  async alterEnum(statement: AlterEnumStmt, sink: Sink): Promise<void> {
    const transaction = await this.begin('ALTER TYPE');
    const found = await this.#find(transaction, stringsOf(statement.typeName));
    if (found.kind !== 'enum') throw new SqlError('wrong_object_type', `${typeInfo(found.type).title} is not an enum`);
    const { oldVal, newVal = '', skipIfNewValExists } = statement;
    checkLabel(newVal);
    const has = (name: string): boolean => found.labels.some((label) => label.name === name);
    if (oldVal !== undefined) {
      if (!has(oldVal)) {
        throw new SqlError('invalid_parameter_value', `"${oldVal}" is not an existing enum label`);
      }
      if (has(newVal)) throw new SqlError('duplicate_object', `enum label "${newVal}" already exists`);
      requireFreeValue(found, newVal, oldVal);
      const labels = found.labels.map((label) =>
        label.name === oldVal ? { ...label, name: newVal, former: [...(label.former ?? []), label.name] } : label,
      );
      this.#changeLabels(transaction, { ...found, labels });
    } else if (has(newVal)) {
      const message = `enum label "${newVal}" already exists`;
      if (skipIfNewValExists !== true) throw new SqlError('duplicate_object', message);
      sink.notice({ severity: 'NOTICE', condition: 'duplicate_object', message: `${message}, skipping` });
    } else {
      requireFreeValue(found, newVal);
      const nextId = await openIds(transaction, this.#session.engine.keyspace);
      this.#changeLabels(transaction, withLabel(found, newVal, statement, nextId()), newVal);
    }
    sink.complete('ALTER TYPE');
  }

  /** @param added The label that it did not have before. */
  #changeLabels(transaction: Transaction, definition: EnumType, added?: string): void {
    this.replace(transaction, definition);
    const { grownEnums } = this.#session.block;
    const before = grownEnums.get(definition.type);
    const labels = definition.labels.map((label): SeenLabel => {
      const value = labelValueOf(label);
      const isNew = label.name === added || before?.some((each) => each.value === value && each.isNew) === true;
      return { name: label.name, value, former: label.former ?? [], isNew };
    });
    this.#session.block.grownEnums = new Map(grownEnums).set(definition.type, labels);
  }

  /** ALTER TYPE … ADD, DROP and ALTER ATTRIBUTE. */
  async alterComposite(statement: AlterTableStmt, sink: Sink): Promise<void> {
    const transaction = await this.begin('ALTER TYPE');
    const names = rangeNames(statement.relation!);
    const found = await this.#find(transaction, names, 'relation');
    if (found.kind !== 'composite') {
      throw new SqlError('wrong_object_type', `"${names.at(-1)}" is not a composite type`);
    }
    const [dependent] = await this.columnsOf(transaction, found.type);
    let { fields } = found;
    for (const node of statement.cmds ?? []) {
      if (!('AlterTableCmd' in node)) continue;
      const { subtype, name = '', def, behavior, missing_ok: missingOk } = node.AlterTableCmd;
      const place = fields.findIndex((field) => field.name === name);
      if (subtype === 'AT_AddColumn') {
        const field = fieldOf(def!);
        if (fields.some((each) => each.name === field.name)) {
          throw new SqlError('duplicate_column', `column "${field.name}" of relation "${found.name}" already exists`);
        }
        if (contains(field.type, found.type)) throw memberOfItself(found);
        fields = [...fields, field];
      } else if (place < 0) {
        const message = `column "${name}" of relation "${found.name}" does not exist`;
        if (missingOk !== true) throw new SqlError('undefined_column', message);
        sink.notice({ severity: 'NOTICE', condition: 'successful_completion', message: `${message}, skipping` });
      } else if (dependent !== undefined) throw usedBy(found, dependent);
      else if (subtype === 'AT_DropColumn') {
        await this.#releaseField(transaction, found, name, behavior === 'DROP_CASCADE', sink);
        fields = fields.filter((_, i) => i !== place);
      } else if (subtype === 'AT_AlterColumnType') {
        const changed = { ...fieldOf(def!), name };
        if (contains(changed.type, found.type)) throw memberOfItself(found);
        fields = fields.map((field, i) => (i === place ? changed : field));
      } else throw notSupported('this form of ALTER TYPE');
    }
    this.replace(transaction, { ...found, fields });
    sink.complete('ALTER TYPE');
  }

  /** Checks of domains over the type that ask for the field: they go with it, or keep it. */
  async #releaseField(
    transaction: Transaction,
    { type, name: title }: TypeDefinition,
    field: string,
    cascade: boolean,
    sink: Sink,
  ): Promise<void> {
    for (const domain of await this.all(transaction)) {
      if (domain.kind !== 'domain' || domain.base !== type) continue;
      const [asking] = domain.checks.filter((check) => selectsField(check, field));
      if (asking === undefined) continue;
      if (!cascade) {
        const message = `cannot drop column ${field} of composite type ${title} because other objects depend on it`;
        throw new SqlError('dependent_objects_still_exist', message, {
          detail: `constraint ${asking.name} depends on column ${field} of composite type ${title}`,
          hint: 'Use DROP ... CASCADE to drop the dependent objects too.',
        });
      }
      const message = `drop cascades to constraint ${asking.name}`;
      sink.notice({ severity: 'NOTICE', condition: 'successful_completion', message });
      const checks = domain.checks.filter((check) => !selectsField(check, field));
      this.replace(transaction, { ...domain, checks });
    }
  }

  async alterDomain(statement: AlterDomainStmt, sink: Sink): Promise<void> {
    const transaction = await this.begin('ALTER DOMAIN');
    const { subtype, name = '', def, missing_ok: missingOk } = statement;
    const found = await this.#find(transaction, stringsOf(statement.typeName));
    if (found.kind !== 'domain') throw new SqlError('wrong_object_type', `"${found.name}" is not a domain`);
    let domain: DomainType = found;
    switch (subtype) {
      case 'T':
        domain = withDefault(found, def, this.#zone, await this.#runner.bindingOfDefinitions(def));
        break;
      case 'N':
        domain = { ...found, notNull: false };
        break;
      case 'O':
        domain = { ...found, notNull: true };
        await this.#validate(
          transaction,
          domain,
          (column, table) =>
            new SqlError('not_null_violation', `column "${column}" of table "${table.name}" contains null values`, {
              table,
              column,
            }),
        );
        break;
      case 'C': {
        const constraint = def !== undefined && 'Constraint' in def ? def.Constraint : {};
        if (constraint.contype !== 'CONSTR_CHECK') throw refusedConstraint(constraint);
        const nextId = await openIds(transaction, this.#session.engine.keyspace);
        const bound = await this.#check(found, constraint, nextId());
        const check = constraint.skip_validation === true ? { ...bound, notValid: true } : bound;
        domain = { ...found, checks: [...found.checks, check].sort((a, b) => (a.name < b.name ? -1 : 1)) };
        if (constraint.skip_validation === true) break;
        await this.#validateCheck(transaction, found, check);
        break;
      }
      case 'X': {
        const checks = found.checks.filter((check) => check.name !== name);
        if (checks.length === found.checks.length) {
          const message = `constraint "${name}" of domain "${found.name}" does not exist`;
          if (missingOk !== true) throw new SqlError('undefined_object', message);
          sink.notice({ severity: 'NOTICE', condition: 'successful_completion', message: `${message}, skipping` });
        }
        domain = { ...found, checks };
        break;
      }
      case 'V': {
        const check = found.checks.find((each) => each.name === name);
        if (check === undefined) {
          throw new SqlError('undefined_object', `constraint "${name}" of domain "${found.name}" does not exist`);
        }
        await this.#validateCheck(transaction, found, check);
        const { notValid: _, ...valid } = check;
        domain = { ...found, checks: found.checks.map((each) => (each === check ? valid : each)) };
        break;
      }
      default:
        throw notSupported('this form of ALTER DOMAIN');
    }
    this.replace(transaction, domain);
    sink.complete('ALTER DOMAIN');
  }

  /** RENAME TO, RENAME ATTRIBUTE, RENAME CONSTRAINT. @returns whether the statement is about a type. */
  async rename(statement: RenameStmt, sink: Sink): Promise<boolean> {
    const { renameType, object, relation, subname = '', newname = '' } = statement;
    const title = renameType === 'OBJECT_TYPE' || renameType === 'OBJECT_ATTRIBUTE' ? 'ALTER TYPE' : 'ALTER DOMAIN';
    if (
      renameType !== 'OBJECT_TYPE' &&
      renameType !== 'OBJECT_DOMAIN' &&
      renameType !== 'OBJECT_DOMCONSTRAINT' &&
      renameType !== 'OBJECT_ATTRIBUTE'
    ) {
      return false;
    }
    const transaction = await this.begin(title);
    const names = relation === undefined ? namesOf(object) : rangeNames(relation);
    const found = await this.#find(transaction, names, renameType === 'OBJECT_ATTRIBUTE' ? 'relation' : 'type');
    if (renameType === 'OBJECT_ATTRIBUTE') {
      if (found.kind !== 'composite') {
        throw new SqlError('wrong_object_type', `"${found.name}" is not a composite type`);
      }
      if (!found.fields.some((field) => field.name === subname)) {
        throw new SqlError('undefined_column', `column "${subname}" does not exist`);
      }
      if (found.fields.some((field) => field.name === newname)) {
        throw new SqlError('duplicate_column', `column "${newname}" of relation "${found.name}" already exists`);
      }
      const fields = found.fields.map((field) => (field.name === subname ? { ...field, name: newname } : field));
      this.replace(transaction, { ...found, fields });
    } else if (renameType === 'OBJECT_DOMCONSTRAINT') {
      if (found.kind !== 'domain') throw new SqlError('wrong_object_type', `"${found.name}" is not a domain`);
      if (!found.checks.some((check) => check.name === subname)) {
        throw new SqlError('undefined_object', `constraint "${subname}" for domain ${found.name} does not exist`);
      }
      if (found.checks.some((check) => check.name === newname)) {
        throw new SqlError('duplicate_object', `constraint "${newname}" for domain ${found.name} already exists`);
      }
      const checks = found.checks.map((check) => (check.name === subname ? { ...check, name: newname } : check));
      this.replace(transaction, { ...found, checks });
    } else {
      if (renameType === 'OBJECT_DOMAIN' && found.kind !== 'domain') {
        throw new SqlError('wrong_object_type', `${found.name} is not a domain`);
      }
      const { keyspace } = this.#session.engine;
      await this.#requireFree(transaction, { name: newname, schema: { id: found.schema ?? PUBLIC_SCHEMA, name: '' } });
      deleteName(transaction, keyspace, found.name, found.schema);
      await putName(transaction, keyspace, newname, found.schema, { kind: 'type', id: found.id });
      this.replace(transaction, { ...found, name: newname });
    }
    sink.complete(title);
    return true;
  }

  // --- What they share, with DROP too

  /** Of a type that is there. */
  async definition(transaction: Transaction, id: TableId): Promise<TypeDefinition> {
    const definition = await transaction.get(typeKey(this.#session.engine.keyspace, id));
    if (definition === undefined) throw new OperationError('corruption', `type ${id} has no definition`);
    return decodeType(definition);
  }

  get #zone(): string {
    return this.#session.parameters.zone.name;
  }

  /** @throws SqlError when there is none that this transaction may change. */
  async requireChangeable(names: readonly string[], title: string): Promise<void> {
    await this.#find(await this.begin(title), names);
  }

  /** @param comment Undefined takes it away. */
  async comment(objectType: 'OBJECT_TYPE' | 'OBJECT_DOMAIN', object: Node, comment: string | undefined): Promise<void> {
    const transaction = await this.begin('COMMENT');
    const found = await this.#find(transaction, namesOf(object));
    if (objectType === 'OBJECT_DOMAIN' && found.kind !== 'domain') {
      throw new SqlError('wrong_object_type', `"${found.name}" is not a domain`);
    }
    this.replace(transaction, withComment(found, comment));
  }

  /** COMMENT ON CONSTRAINT … ON DOMAIN. */
  async commentCheck(names: readonly string[], check: string, comment: string | undefined): Promise<void> {
    const transaction = await this.begin('COMMENT');
    const found = await this.#find(transaction, names);
    if (found.kind !== 'domain') throw new SqlError('wrong_object_type', `"${found.name}" is not a domain`);
    if (!found.checks.some(({ name }) => name === check)) {
      throw new SqlError('undefined_object', `constraint "${check}" for domain ${found.name} does not exist`);
    }
    const checks = found.checks.map((each) => (each.name === check ? withComment(each, comment) : each));
    this.replace(transaction, { ...found, checks });
  }

  begin(title: string): Promise<Transaction> {
    this.#session.block.refuseReadOnly(title);
    return this.#schema.begin();
  }

  #target(names: readonly string[]): Target {
    const name = nameOfList(names);
    return { name: name.name, schema: this.#schema.lookup.creation(name) };
  }

  #identity({ name, schema }: Target, nextId: () => TableId) {
    const unique = this.#session.engine.platform.random.uuid();
    return {
      id: nextId(),
      arrayId: nextId(),
      type: `user:${unique}` as const,
      name,
      ...schemaField(schema),
    };
  }

  async #requireFree(transaction: Transaction, { name, schema }: Target, what = 'type'): Promise<void> {
    const found = await readName(transaction, this.#session.engine.keyspace, name, schema.id);
    if (found === undefined) return;
    if (what === 'relation' && found.kind !== 'type') {
      throw new SqlError('duplicate_table', `relation "${name}" already exists`);
    }
    throw new SqlError('duplicate_object', `type "${name}" already exists`);
  }

  async #store(transaction: Transaction, definition: TypeDefinition): Promise<void> {
    const { keyspace } = this.#session.engine;
    const { name, schema, id } = definition;
    await putName(transaction, keyspace, name, schema, { kind: 'type', id });
    transaction.put(typeKey(keyspace, id), encodeType(definition));
    registerType(definition);
  }

  replace(transaction: Transaction, definition: TypeDefinition): void {
    const { keyspace, types } = this.#session.engine;
    transaction.put(typeKey(keyspace, definition.id), encodeType(definition));
    if (!types.isCommitted(definition.id)) registerType(definition);
  }

  async lookUp(transaction: Transaction, names: readonly string[]): Promise<TypeDefinition | undefined> {
    const { keyspace } = this.#session.engine;
    const found = await this.#schema.lookup.find(transaction, nameOfList(names), { schemaMayMiss: true });
    if (found === undefined) return undefined;
    if (found.kind === 'table') {
      throw new SqlError('wrong_object_type', `${found.name} is a table's row type`, {
        hint: 'Use ALTER TABLE instead.',
      });
    }
    if (found.kind !== 'type') return undefined;
    const definition = await transaction.get(typeKey(keyspace, found.id));
    return definition && decodeType(definition);
  }

  async #find(transaction: Transaction, names: readonly string[], what = 'type'): Promise<TypeDefinition> {
    const found = await this.lookUp(transaction, names);
    if (found !== undefined) return found;
    const condition = what === 'type' ? 'undefined_object' : 'undefined_table';
    throw new SqlError(condition, `${what} "${names.join('.')}" does not exist`);
  }

  async all(transaction: Transaction): Promise<readonly TypeDefinition[]> {
    const { keyspace } = this.#session.engine;
    const found: TypeDefinition[] = [];
    const cursor = transaction.scan(keyspace.catalog.range(['type']));
    try {
      for (let batch = await cursor.next(); batch !== undefined; batch = await cursor.next()) {
        for (const { value } of batch) found.push(decodeType(value));
      }
    } finally {
      cursor.close();
    }
    return found;
  }

  /** @param within Also columns of types that are made of it. */
  async columnsOf(transaction: Transaction, type: SqlType, within = true): Promise<readonly Dependent[]> {
    const { keyspace } = this.#session.engine;
    const types = [type];
    if (within) {
      const all = await this.all(transaction);
      for (const each of types) {
        for (const other of all) if (directlyUses(other, each) && !types.includes(other.type)) types.push(other.type);
      }
    }
    const dependents: Dependent[] = [];
    const cursor = transaction.scan(keyspace.catalog.range(['table']), { keysOnly: true });
    const ids: TableId[] = [];
    try {
      for (let batch = await cursor.next(); batch !== undefined; batch = await cursor.next()) {
        for (const { key } of batch) ids.push(Number(keyspace.catalog.decode(key)[1]) as TableId);
      }
    } finally {
      cursor.close();
    }
    for (const id of ids) {
      const table = await readTableById(transaction, keyspace, id);
      for (const [position, column] of table.columns.entries()) {
        if (types.some((each) => isOf(column.type, each))) dependents.push({ table, position });
      }
    }
    return dependents.sort((a, b) => columnNumber(a.table, a.position) - columnNumber(b.table, b.position));
  }

  async #check(domain: DomainType, constraint: Constraint, id: TableId): Promise<DomainCheck> {
    const taken = (name: string): boolean => domain.checks.some((check) => check.name === name);
    let name = constraint.conname ?? `${domain.name}_check`;
    if (constraint.conname === undefined) {
      for (let i = 1; taken(name); i++) name = `${domain.name}_check${i}`;
    } else if (taken(name)) {
      throw new SqlError('duplicate_object', `constraint "${name}" for domain "${domain.name}" already exists`);
    }
    const tree = constraint.raw_expr!;
    const context = await this.#runner.bindingOfDefinitions(tree);
    withoutPlace(() => compileDomainCheck(tree, domain.base, domain.modifier, context));
    refuseCalls(context);
    const expression: SqlExpression = { tree: tree as unknown as SqlExpression['tree'], zone: this.#zone };
    return { id, name, expression };
  }

  #validateCheck(transaction: Transaction, domain: DomainType, check: DomainCheck): Promise<void> {
    return this.#validate(
      transaction,
      { ...domain, notNull: false, checks: [check] },
      (column, table) =>
        new SqlError(
          'check_violation',
          `column "${column}" of table "${table.name}" contains values that violate the new constraint`,
          { table, column },
        ),
    );
  }

  /** Holds all values that there are against the domain. */
  async #validate(
    transaction: Transaction,
    domain: DomainType,
    broken: (column: string, table: Table) => SqlError,
  ): Promise<void> {
    const { notNull, checks } = domain;
    const compiled = checks.map(({ expression }) =>
      compileDomainCheck(
        expression.tree as unknown as Node,
        domain.base,
        domain.modifier,
        definitionContext(expression.zone),
      ),
    );
    const context = this.#runner.execution(transaction);
    const { keyspace } = this.#session.engine;
    const dependents = await this.columnsOf(transaction, domain.type);
    const within = dependents.find(
      ({ table, position }) => baseOf(table.columns[position]!.type) !== baseOf(domain.type),
    );
    if (within !== undefined) throw usedBy(domain, within);
    for (const { table, position } of dependents) {
      const { name } = table.columns[position]!;
      await this.#schema.lockTable(transaction, table);
      const { codec } = openTable(keyspace, table);
      const cursor = transaction.scan(codec.keys.range([]));
      try {
        for (let batch = await cursor.next(); batch !== undefined; batch = await cursor.next()) {
          for (const { key, value: bytes } of batch) {
            const value = codec.decode(key, bytes)[position]!;
            if (value === null && notNull) throw broken(name, table);
            for (const check of compiled) if (check([value], context) === false) throw broken(name, table);
          }
        }
      } finally {
        cursor.close();
      }
    }
  }
}

/** Values of a domain are read where no statement is. @throws SqlError `feature_not_supported`. */
function refuseCalls({ functions }: BindContext): void {
  if ((functions?.calls?.size ?? 0) > 0) throw notSupported('a function of a user in the definition of a domain');
}

/** @throws SqlError of any kind that a default can be wrong in. */
function withDefault(domain: DomainType, node: Node | undefined, zone: string, context: BindContext): DomainType {
  const { default: _, ...rest } = domain;
  if (node === undefined || ('A_Const' in node && node.A_Const.isnull === true)) return rest;
  const made: DomainType = { ...rest, default: { tree: node as unknown as SqlExpression['tree'], zone } };
  withoutPlace(() => boundDefault(made, context));
  refuseCalls(context);
  return made;
}

/** Between the neighbours' places, or beyond the last. */
function withLabel(
  found: EnumType,
  name: string,
  { newValNeighbor: neighbour, newValIsAfter: isAfter }: AlterEnumStmt,
  oid: TableId,
): EnumType {
  const { labels } = found;
  let at = labels.length;
  if (neighbour !== undefined) {
    const place = labels.findIndex((label) => label.name === neighbour);
    if (place < 0) throw new SqlError('invalid_parameter_value', `"${neighbour}" is not an existing enum label`);
    at = isAfter === true ? place + 1 : place;
  }
  const before = labels[at - 1]?.order;
  const after = labels[at]?.order;
  let order = 1;
  if (before !== undefined && after !== undefined) order = (before + after) / 2;
  else if (before !== undefined) order = before + 1;
  else if (after !== undefined) order = after - 1;
  if (order === before || order === after) {
    throw new SqlError('program_limit_exceeded', `no label fits before "${labels[at]!.name}" any more`);
  }
  const id = Math.max(0, ...labels.map((label) => label.id)) + 1;
  return { ...found, labels: [...labels.slice(0, at), { id, order, name, oid }, ...labels.slice(at)] };
}

/** @throws SqlError `feature_not_supported` for a name that another label had, which definitions may still say. */
function requireFreeValue({ labels }: EnumType, name: string, renamed?: string): void {
  if (labels.some((label) => label.name !== renamed && label.former?.includes(name) === true)) {
    throw notSupported(`the label "${name}", which another label was called before it was renamed,`);
  }
}

function checkLabel(name: string): void {
  if (Buffer.byteLength(name) <= LABEL_BYTES_MAX) return;
  throw new SqlError('invalid_name', `invalid enum label "${name}"`, {
    detail: `Labels must be ${LABEL_BYTES_MAX} bytes or less.`,
  });
}

function fieldOf(node: Node): CompositeType['fields'][number] {
  if (!('ColumnDef' in node)) throw notSupported('this element of a composite type');
  const { colname = '', typeName } = node.ColumnDef;
  const { type, modifier } = namedType(typeName);
  const { collClause } = node.ColumnDef;
  const collation = checkCollation(collClause, type);
  requireStorable(colname, type);
  return { name: colname, type, modifier, ...collation };
}

function refusedConstraint({ contype, location }: Constraint): SqlError {
  const titles: Readonly<Record<string, string>> = {
    CONSTR_UNIQUE: 'unique constraints',
    CONSTR_PRIMARY: 'primary key constraints',
    CONSTR_EXCLUSION: 'exclusion constraints',
    CONSTR_FOREIGN: 'foreign key constraints',
  };
  const title = titles[contype ?? ''];
  if (title === undefined) {
    return new SqlError('feature_not_supported', 'specifying constraint deferrability not supported for domains');
  }
  return new SqlError('syntax_error', `${title} not possible for domains`, { location });
}

function memberOfItself({ name }: TypeDefinition): SqlError {
  return new SqlError('invalid_table_definition', `composite type ${name} cannot be made a member of itself`);
}

function usedBy({ name }: TypeDefinition, { table, position }: Dependent): SqlError {
  const column = `${table.name}.${table.columns[position]!.name}`;
  return new SqlError('feature_not_supported', `cannot alter type "${name}" because column "${column}" uses it`);
}

function rangeNames({ schemaname, relname = '' }: RangeVar): readonly string[] {
  return schemaname === undefined ? [relname] : [schemaname, relname];
}

/** Whether the check takes a field of that name out of the value. */
function selectsField({ expression }: DomainCheck, field: string): boolean {
  return JSON.stringify(expression.tree).includes(JSON.stringify({ String: { sval: field } }));
}

function unplaced({ schema, name }: QualifiedName): NonNullable<RangeType['difference']> {
  return schema === undefined ? { name } : { schema, name };
}
