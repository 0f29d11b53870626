/** CREATE SCHEMA and what changes schemas as a whole: ALTER SCHEMA … RENAME, OWNER TO, and ALTER … SET SCHEMA. */

import type { AlterObjectSchemaStmt, CreateSchemaStmt, Node, RangeVar } from '@pgsql/types';
import {
  deleteName,
  openIds,
  putName,
  readName,
  readTableById,
  redefineTable,
} from '../../../models/relational/catalog.ts';
import { putSchema, type Schema } from '../../../models/relational/schema.ts';
import { encodeSequence, sequenceKey } from '../../../models/relational/sequence.ts';
import { PUBLIC_SCHEMA, type TableId } from '../../../models/relational/table.ts';
import type { Transaction } from '../../../storage/store.ts';
import { relationName, shownName, stringsOf } from '../binder/names.ts';
import type { ResultSink } from '../results.ts';
import { requireOwner } from '../roles.ts';
import { pathText } from '../search-path.ts';
import type { SessionContext } from '../session-context.ts';
import { missingSchema, notSupported, SqlError } from '../sql-error.ts';
import { routineKind } from '../statement-kinds.ts';
import { isTemporary } from '../temporary-relations.ts';
import { schemaField, skipped } from './relation-lookup.ts';
import type { SchemaChanges } from './schema-changes.ts';

type Sink = Pick<ResultSink, 'complete' | 'notice'>;

const RESERVED = /^pg_/;

const MOVED: Readonly<Record<string, 'table' | 'sequence' | 'view' | 'materialized view'>> = {
  OBJECT_TABLE: 'table',
  OBJECT_SEQUENCE: 'sequence',
  OBJECT_VIEW: 'view',
  OBJECT_MATVIEW: 'materialized view',
};

export class SchemaStatements {
  readonly #session: SessionContext;
  readonly #schema: SchemaChanges;

  constructor(session: SessionContext, schema: SchemaChanges) {
    this.#session = session;
    this.#schema = schema;
  }

  /** @param runElement Runs a statement within CREATE SCHEMA, while the new schema is the first of the path. */
  async create(
    { schemaname, authrole, schemaElts, if_not_exists: ifMissing }: CreateSchemaStmt,
    sink: Sink,
    runElement: (node: Node) => Promise<void>,
  ): Promise<void> {
    const { block, facts, parameters } = this.#session;
    block.refuseReadOnly('CREATE SCHEMA');
    requireOwner(authrole, facts.user);
    const name = schemaname ?? facts.user;
    if (ifMissing === true && schemaElts !== undefined) {
      throw new SqlError('feature_not_supported', 'CREATE SCHEMA IF NOT EXISTS cannot include schema elements');
    }
    refuseReserved(name);
    const elements = schemaElements(schemaElts ?? [], name);
    const transaction = await this.#schema.begin();
    if (block.schemaNamed(name) !== undefined) {
      const message = `schema "${name}" already exists`;
      if (ifMissing !== true) throw new SqlError('duplicate_schema', message);
      sink.notice({ severity: 'NOTICE', condition: 'duplicate_schema', message: `${message}, skipping` });
      sink.complete('CREATE SCHEMA');
      return;
    }
    const { keyspace } = this.#session.engine;
    const isPublic = name === 'public' && block.schemas.get(PUBLIC_SCHEMA) === undefined;
    const id = isPublic ? PUBLIC_SCHEMA : (await openIds(transaction, keyspace))();
    putSchema(transaction, keyspace, { id, name });
    block.setSchemas(block.schemas.with({ id, name }));
    if (elements.length > 0) {
      const mark = parameters.mark();
      const path = parameters.searchPath.trim();
      parameters.set('search_path', path === '' ? pathText([name]) : `${pathText([name])}, ${path}`, { local: true });
      for (const element of elements) await runElement(element);
      parameters.rollbackTo(mark);
    }
    sink.complete('CREATE SCHEMA');
  }

  async rename(name: string, newName: string, sink: Sink): Promise<void> {
    this.#session.block.refuseReadOnly('ALTER SCHEMA');
    const transaction = await this.#schema.begin();
    const schema = this.#require(name);
    if (this.#session.block.schemaNamed(newName) !== undefined) {
      throw new SqlError('duplicate_schema', `schema "${newName}" already exists`);
    }
    refuseReserved(newName);
    this.#store(transaction, { ...schema, name: newName });
    sink.complete('ALTER SCHEMA');
  }

  async comment(name: string, comment: string | undefined): Promise<void> {
    const transaction = await this.#schema.begin();
    const { comment: _, ...schema } = this.#require(name);
    this.#store(transaction, comment === undefined || comment === '' ? schema : { ...schema, comment });
  }

  /** @throws SqlError when there is none that this transaction may change. */
  async requireChangeable(name: string): Promise<void> {
    this.#session.block.refuseReadOnly('ALTER SCHEMA');
    await this.#schema.begin();
    this.#require(name);
  }

  #require(name: string): Schema {
    const schema = this.#session.block.schemaNamed(name);
    if (schema === undefined) throw missingSchema(name);
    if (schema.id < 0) throw new SqlError('insufficient_privilege', `permission denied for schema ${name}`);
    return schema;
  }

  #store(transaction: Transaction, schema: Schema): void {
    const { block, engine } = this.#session;
    putSchema(transaction, engine.keyspace, schema);
    block.setSchemas(block.schemas.with(schema));
  }

  /** ALTER TABLE and SEQUENCE … SET SCHEMA. Indexes, and sequences of columns, move along. */
  async setSchema(statement: AlterObjectSchemaStmt, sink: Sink): Promise<void> {
    const { objectType = '', relation, newschema = '', missing_ok: missingOk } = statement;
    if (objectType === 'OBJECT_EXTENSION') return this.#schema.extensions.setSchema(statement, sink);
    const routine = routineKind(objectType);
    if (routine !== undefined) return this.#schema.functions.setSchema(routine, statement, sink);
    if (objectType === 'OBJECT_TYPE' || objectType === 'OBJECT_DOMAIN') return this.#moveType(statement, sink);
    const words = objectType.replace('OBJECT_', '').replace('MATVIEW', 'MATERIALIZED VIEW').replaceAll('_', ' ');
    const kind = MOVED[objectType];
    if (kind === undefined || relation === undefined) throw notSupported(`ALTER ${words} … SET SCHEMA`);
    this.#session.block.refuseReadOnly(`ALTER ${words}`);
    const transaction = await this.#schema.begin();
    const name = relationName(relation);
    const found = await this.#schema.lookup.find(transaction, name, { schemaMayMiss: missingOk === true });
    if (found === undefined) {
      const message = `relation "${shownName(name)}" does not exist`;
      if (missingOk !== true) throw new SqlError('undefined_table', message);
      sink.notice(skipped(name));
      sink.complete(`ALTER ${words}`);
      return;
    }
    if (found.kind === 'index' || (kind !== 'table' && kind !== 'materialized view' && found.kind !== kind)) {
      throw new SqlError('wrong_object_type', `"${found.name}" is not a ${kind}`);
    }
    const target = this.#require(newschema);
    if (isTemporary(target) || isTemporary(found.schema)) {
      throw new SqlError('feature_not_supported', 'cannot move objects into or out of temporary schemas');
    }
    if (found.kind === 'sequence') {
      const { owner } = this.#schema.sequences.state(found.id)!.definition;
      if (owner !== undefined) {
        const table = await readTableById(transaction, this.#session.engine.keyspace, owner.table);
        throw new SqlError('feature_not_supported', 'cannot move an owned sequence into another schema', {
          detail: `Sequence "${found.name}" is linked to table "${table.name}".`,
        });
      }
      if (target.id !== found.schema.id) await this.#moveSequence(transaction, found.id, target);
    } else if (target.id !== found.schema.id) await this.#moveTable(transaction, found.id, target);
    sink.complete(`ALTER ${words}`);
  }

  async #moveType(
    { objectType = 'OBJECT_TYPE', object, newschema = '' }: AlterObjectSchemaStmt,
    sink: Sink,
  ): Promise<void> {
    const title = objectType.replace('OBJECT_', 'ALTER ');
    this.#session.block.refuseReadOnly(title);
    const transaction = await this.#schema.begin();
    const names = object !== undefined && 'List' in object ? stringsOf(object.List.items) : [];
    const found = await this.#schema.types.lookUp(transaction, names);
    if (found === undefined) throw new SqlError('undefined_object', `type "${names.join('.')}" does not exist`);
    if (objectType === 'OBJECT_DOMAIN' && found.kind !== 'domain') {
      throw new SqlError('wrong_object_type', `${found.name} is not a domain`);
    }
    const target = this.#require(newschema);
    const { schema: from, ...type } = found;
    if (target.id !== (from ?? PUBLIC_SCHEMA)) {
      await this.#moveName(transaction, type.name, from, target, 'type');
      this.#schema.types.replace(transaction, { ...type, ...schemaField(target) } as typeof found);
    }
    sink.complete(title);
  }

  async #moveTable(transaction: Transaction, id: TableId, target: Schema): Promise<void> {
    const { keyspace } = this.#session.engine;
    await this.#schema.lockTable(transaction, await readTableById(transaction, keyspace, id));
    const { schema: from, ...table } = await readTableById(transaction, keyspace, id);
    await this.#moveName(transaction, table.name, from, target);
    if (table.primaryKey.length > 0) await this.#moveName(transaction, table.primaryKeyName, from, target);
    for (const { name } of table.indexes ?? []) await this.#moveName(transaction, name, from, target);
    for (const { sequence } of table.columns) {
      if (sequence !== undefined) await this.#moveSequence(transaction, sequence, target);
    }
    redefineTable(transaction, keyspace, { ...table, ...schemaField(target) });
  }

  async #moveSequence(transaction: Transaction, id: TableId, target: Schema): Promise<void> {
    const { schema: from, ...sequence } = this.#schema.sequences.state(id)!.definition;
    await this.#moveName(transaction, sequence.name, from, target);
    const definition = { ...sequence, ...schemaField(target) };
    transaction.put(sequenceKey(this.#session.engine.keyspace, id), encodeSequence(definition));
    const own = this.#session.sequences.own.get(id);
    if (own !== undefined) own.definition = definition;
  }

  async #moveName(
    transaction: Transaction,
    name: string,
    from: number | undefined,
    target: Schema,
    word: 'relation' | 'type' = 'relation',
  ): Promise<void> {
    const { keyspace } = this.#session.engine;
    const relation = (await readName(transaction, keyspace, name, from))!;
    if ((await readName(transaction, keyspace, name, target.id)) !== undefined) {
      const condition = word === 'type' ? 'duplicate_object' : 'duplicate_table';
      throw new SqlError(condition, `${word} "${name}" already exists in schema "${target.name}"`);
    }
    deleteName(transaction, keyspace, name, from);
    await putName(transaction, keyspace, name, target.id, relation);
  }
}

/** What the elements of CREATE SCHEMA make first: others may speak of it. */
const ELEMENT_ORDER = ['CreateSeqStmt', 'CreateStmt', 'ViewStmt', 'IndexStmt'];

/** The elements as statements of their own, in the order in which they run. @throws SqlError `invalid_schema_definition`. */
function schemaElements(elements: readonly Node[], schema: string): readonly Node[] {
  const within = (relation: RangeVar | undefined): RangeVar => {
    const { schemaname = schema } = relation!;
    if (schemaname === schema) return { ...relation, schemaname };
    const message = `CREATE specifies a schema (${schemaname}) different from the one being created (${schema})`;
    throw new SqlError('invalid_schema_definition', message);
  };
  const placed = elements.map((node): Node => {
    if ('CreateSeqStmt' in node)
      return { CreateSeqStmt: { ...node.CreateSeqStmt, sequence: within(node.CreateSeqStmt.sequence) } };
    if ('CreateStmt' in node) return { CreateStmt: { ...node.CreateStmt, relation: within(node.CreateStmt.relation) } };
    if ('ViewStmt' in node) return { ViewStmt: { ...node.ViewStmt, view: within(node.ViewStmt.view) } };
    if ('IndexStmt' in node) return { IndexStmt: { ...node.IndexStmt, relation: within(node.IndexStmt.relation) } };
    return node;
  });
  const turn = (node: Node): number => {
    const found = ELEMENT_ORDER.indexOf(Object.keys(node)[0]!);
    return found < 0 ? ELEMENT_ORDER.length : found;
  };
  return placed.sort((a, b) => turn(a) - turn(b));
}

function refuseReserved(name: string): void {
  if (!RESERVED.test(name)) return;
  throw new SqlError('reserved_name', `unacceptable schema name "${name}"`, {
    detail: 'The prefix "pg_" is reserved for system schemas.',
  });
}
