/**
 * GRANT, REVOKE and ALTER DEFAULT PRIVILEGES. Whoever is connected owns everything, and nobody else can be kept from anything: what would
 * change that is refused. What changes nothing is taken, as it is in PostgreSQL: granting to the owner, granting to PUBLIC what PUBLIC has,
 * taking from PUBLIC what it has not (PostgreSQL's aclchk.c).
 */

import type { AlterDefaultPrivilegesStmt, GrantStmt, Node, RoleSpec } from '@pgsql/types';
import { readTableById } from '../../../models/relational/catalog.ts';
import type { Transaction } from '../../../storage/store.ts';
import { relationName, stringOf, stringsOf } from '../binder/names.ts';
import type { ResultSink } from '../results.ts';
import { requireOwner } from '../roles.ts';
import type { SessionContext } from '../session-context.ts';
import { missingSchema, notSupported, SqlError } from '../sql-error.ts';
import { routineKind } from '../statement-kinds.ts';
import type { SchemaChanges } from './schema-changes.ts';

type Sink = Pick<ResultSink, 'complete' | 'notice'>;

interface ObjectClass {
  /** As messages name it. */
  readonly title: string;
  /** Of one sequence. */
  readonly name?: string;
  readonly privileges: readonly string[];
  /** Those that PUBLIC has unless somebody has said otherwise. */
  readonly ofPublic?: readonly string[];
}

const TABLE = ['insert', 'select', 'update', 'delete', 'truncate', 'references', 'trigger'];
const SEQUENCE: ObjectClass = { title: 'sequence', privileges: ['select', 'update', 'usage'] };
const ROUTINES: ObjectClass = { title: 'function', privileges: ['execute'], ofPublic: ['execute'] };
const CLASSES: Readonly<Record<string, ObjectClass>> = {
  // Sequences are named as tables are; what is theirs alone is said of tables later.
  OBJECT_TABLE: { title: 'relation', privileges: [...TABLE, 'usage'] },
  OBJECT_SEQUENCE: SEQUENCE,
  OBJECT_SCHEMA: { title: 'schema', privileges: ['usage', 'create'] },
  OBJECT_DATABASE: {
    title: 'database',
    privileges: ['create', 'temporary', 'temp', 'connect'],
    ofPublic: ['temporary', 'temp', 'connect'],
  },
  OBJECT_TYPE: { title: 'type', privileges: ['usage'], ofPublic: ['usage'] },
  OBJECT_DOMAIN: { title: 'domain', privileges: ['usage'], ofPublic: ['usage'] },
  OBJECT_LANGUAGE: { title: 'language', privileges: ['usage'], ofPublic: ['usage'] },
  OBJECT_FUNCTION: ROUTINES,
  OBJECT_PROCEDURE: { ...ROUTINES, title: 'procedure' },
  OBJECT_ROUTINE: { ...ROUTINES, title: 'routine' },
};

const OF_COLUMNS = ['insert', 'select', 'update', 'references'];
const WORDS = new Set([...Object.values(CLASSES).flatMap(({ privileges }) => privileges), 'set', 'alter system']);
const LANGUAGES = ['sql', 'internal', 'c'];

export class GrantStatements {
  readonly #session: SessionContext;
  readonly #schema: SchemaChanges;

  constructor(session: SessionContext, schema: SchemaChanges) {
    this.#session = session;
    this.#schema = schema;
  }

  async run(statement: GrantStmt, sink: Sink): Promise<void> {
    const verb = statement.is_grant === true ? 'GRANT' : 'REVOKE';
    this.#session.block.refuseReadOnly(verb);
    const { objtype = '', objects = [], targtype } = statement;
    const transaction = await this.#schema.begin();
    const kind = CLASSES[objtype];
    if (kind === undefined) throw notSupported(`${verb} … ON ${objtype.replace('OBJECT_', '').replaceAll('_', ' ')}`);
    const grantees = this.#grantees(statement);
    // Each by itself: PUBLIC may use one of the schemas, and sequences have other privileges than tables.
    const classes: ObjectClass[] = [];
    if (targtype === 'ACL_TARGET_ALL_IN_SCHEMA') {
      for (const each of objects) this.#requireSchema(stringOf(each));
      classes.push(objtype === 'OBJECT_TABLE' ? tableClass() : kind);
    } else for (const each of objects) classes.push(await this.#require(transaction, objtype, each, statement));
    requirePrivileges(statement, kind);
    for (const each of classes) requireOwn(statement, objtype, each, sink);
    for (const grantee of grantees) for (const each of classes) requireNothingChanges(statement, grantee, each);
    sink.complete(verb);
  }

  async alterDefaults({ options = [], action = {} }: AlterDefaultPrivilegesStmt, sink: Sink): Promise<void> {
    const title = 'ALTER DEFAULT PRIVILEGES';
    this.#session.block.refuseReadOnly(title);
    await this.#schema.begin();
    for (const option of options) {
      if (!('DefElem' in option)) continue;
      const { defname, arg } = option.DefElem;
      for (const each of arg !== undefined && 'List' in arg ? (arg.List.items ?? []) : []) {
        if (defname === 'schemas') this.#requireSchema(stringOf(each));
        else if ('RoleSpec' in each) requireOwner(each.RoleSpec, this.#session.facts.user);
      }
    }
    const kind = CLASSES[action.objtype ?? '']!;
    requirePrivileges(action, kind);
    for (const grantee of this.#grantees(action)) requireNothingChanges(action, grantee, kind);
    sink.complete(title);
  }

  /** @throws SqlError `undefined_object` of anybody but the owner and PUBLIC. */
  #grantees({ grantees = [] }: GrantStmt): readonly ('owner' | 'public')[] {
    return grantees.flatMap((node) => {
      const role: RoleSpec = 'RoleSpec' in node ? node.RoleSpec : {};
      if (role.roletype === 'ROLESPEC_PUBLIC') return ['public' as const];
      requireOwner(role, this.#session.facts.user);
      return ['owner' as const];
    });
  }

  #requireSchema(name: string): void {
    if (this.#session.block.schemaNamed(name) === undefined) throw missingSchema(name);
  }

  /** @returns what it is. @throws SqlError of an object that is not there, or is of another kind. */
  async #require(
    transaction: Transaction,
    objtype: string,
    object: Node,
    { privileges = [] }: GrantStmt,
  ): Promise<ObjectClass> {
    const kind = CLASSES[objtype]!;
    const routine = routineKind(objtype);
    if (routine !== undefined && 'ObjectWithArgs' in object) {
      await this.#schema.functions.requireChangeable(routine, object.ObjectWithArgs);
    } else if (objtype === 'OBJECT_TYPE' || objtype === 'OBJECT_DOMAIN') {
      const names = 'List' in object ? stringsOf(object.List.items) : [];
      const found = await this.#schema.types.lookUp(transaction, names);
      if (found === undefined) throw new SqlError('undefined_object', `type "${names.join('.')}" does not exist`);
      if (objtype === 'OBJECT_DOMAIN' && found.kind !== 'domain') {
        throw new SqlError('wrong_object_type', `"${found.name}" is not a domain`);
      }
    } else if (objtype === 'OBJECT_SCHEMA') {
      this.#requireSchema(stringOf(object));
      return schemaClass(stringOf(object));
    } else if (objtype === 'OBJECT_DATABASE') {
      const name = stringOf(object);
      if (name !== this.#session.facts.database) {
        throw new SqlError('invalid_catalog_name', `database "${name}" does not exist`);
      }
    } else if (objtype === 'OBJECT_LANGUAGE') {
      const name = stringOf(object);
      if (!LANGUAGES.includes(name)) throw new SqlError('undefined_object', `language "${name}" does not exist`);
    } else if ('RangeVar' in object) {
      const name = relationName(object.RangeVar);
      const found = await this.#schema.lookup.require(transaction, name);
      if (objtype === 'OBJECT_SEQUENCE' && found.kind !== 'sequence') {
        throw new SqlError('wrong_object_type', `"${found.name}" is not a sequence`);
      }
      if (found.kind === 'index') throw new SqlError('wrong_object_type', `"${found.name}" is an index`);
      if (found.kind === 'type') throw new SqlError('wrong_object_type', `"${found.name}" is a composite type`);
      const columns = privileges.flatMap((each) => ('AccessPriv' in each ? stringsOf(each.AccessPriv.cols) : []));
      if (found.kind === 'sequence') return { ...SEQUENCE, name: found.name };
      if (columns.length === 0) return tableClass();
      const table = await readTableById(transaction, this.#session.engine.keyspace, found.id);
      const missing = columns.find((column) => !table.columns.some((each) => each.name === column));
      if (missing !== undefined) {
        throw new SqlError('undefined_column', `column "${missing}" of relation "${table.name}" does not exist`);
      }
      return tableClass();
    }
    return kind;
  }
}

function tableClass(): ObjectClass {
  return { title: 'table', privileges: TABLE };
}

/**
 * What is named as a table may be a sequence: what such a relation has not is told of.
 * @throws SqlError `invalid_grant_operation` of what a table has not.
 */
function requireOwn({ privileges = [] }: GrantStmt, objtype: string, kind: ObjectClass, sink: Sink): void {
  if (objtype !== 'OBJECT_TABLE') return;
  for (const node of privileges) {
    const { priv_name: name, cols = [] } = 'AccessPriv' in node ? node.AccessPriv : {};
    if (name === undefined || cols.length > 0 || kind.privileges.includes(name)) continue;
    const condition = 'invalid_grant_operation';
    if (kind.title === 'table') throw new SqlError(condition, `invalid privilege type ${name.toUpperCase()} for table`);
    const message = `sequence "${kind.name}" only supports USAGE, SELECT, and UPDATE privileges`;
    sink.notice({ severity: 'WARNING', condition, message });
    return;
  }
}

/** @throws SqlError `syntax_error`, `invalid_grant_operation` of a privilege that such an object has not. */
function requirePrivileges({ privileges = [] }: GrantStmt, { title, privileges: known }: ObjectClass): void {
  for (const node of privileges) {
    const { priv_name: name, cols = [] } = 'AccessPriv' in node ? node.AccessPriv : {};
    if (name === undefined) continue;
    if (!WORDS.has(name)) throw new SqlError('syntax_error', `unrecognized privilege type "${name}"`);
    const allowed = cols.length > 0 ? OF_COLUMNS : known;
    if (allowed.includes(name)) continue;
    const place = cols.length > 0 ? 'column' : title;
    throw new SqlError('invalid_grant_operation', `invalid privilege type ${name.toUpperCase()} for ${place}`);
  }
}

function schemaClass(name: string): ObjectClass {
  const kind = CLASSES.OBJECT_SCHEMA!;
  return name === 'public' ? { ...kind, ofPublic: ['usage'] } : kind;
}

/** @throws SqlError `feature_not_supported` of what would have to be kept. */
function requireNothingChanges(
  { is_grant: isGrant, privileges = [], grant_option: withOption }: GrantStmt,
  grantee: 'owner' | 'public',
  { privileges: known, ofPublic = [] }: ObjectClass,
): void {
  const verb = isGrant === true ? 'GRANT … TO' : 'REVOKE … FROM';
  if (grantee === 'owner') {
    if (isGrant !== true) throw notSupported(`${verb} the owner`);
    return;
  }
  const named = privileges.flatMap((each) => ('AccessPriv' in each ? [each.AccessPriv] : []));
  const isWhole = named.length === 0 || named.some(({ priv_name: name }) => name === undefined);
  const wanted = isWhole ? known : named.map(({ priv_name: name }) => name!).filter((name) => known.includes(name));
  const changes =
    isGrant === true
      ? withOption === true || wanted.some((name) => !ofPublic.includes(name))
      : wanted.some((name) => ofPublic.includes(name));
  if (changes) throw notSupported(`${verb} PUBLIC, which changes what it may,`);
}
