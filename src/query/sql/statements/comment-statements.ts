/** COMMENT ON (PostgreSQL's comment.c): what is said of an object lies with its definition; NULL takes it away. */

import type { CommentStmt, Node } from '@pgsql/types';
import { readTableById, redefineTable } from '../../../models/relational/catalog.ts';
import { encodeSequence, sequenceKey } from '../../../models/relational/sequence.ts';
import type { Table, TableId } from '../../../models/relational/table.ts';
import type { Transaction } from '../../../storage/store.ts';
import { requireColumn } from '../binder/column-values.ts';
import { nameOfList, stringOf, stringsOf } from '../binder/names.ts';
import type { ResultSink } from '../results.ts';
import type { SessionContext } from '../session-context.ts';
import { notSupported, SqlError } from '../sql-error.ts';
import { routineKind } from '../statement-kinds.ts';
import type { FoundRelation } from './relation-lookup.ts';
import type { SchemaChanges } from './schema-changes.ts';

type Sink = Pick<ResultSink, 'complete'>;
type Comment = string | undefined;

/** Relations as messages name what they are not. */
const RELATIONS = {
  OBJECT_TABLE: 'a table',
  OBJECT_VIEW: 'a view',
  OBJECT_MATVIEW: 'a materialized view',
  OBJECT_INDEX: 'an index',
  OBJECT_SEQUENCE: 'a sequence',
} as const;

export class CommentStatements {
  readonly #session: SessionContext;
  readonly #schema: SchemaChanges;

  constructor(session: SessionContext, schema: SchemaChanges) {
    this.#session = session;
    this.#schema = schema;
  }

  async run({ objtype = 'OBJECT_TABLE', object, comment }: CommentStmt, sink: Sink): Promise<void> {
    this.#session.block.refuseReadOnly('COMMENT');
    const routine = routineKind(objtype);
    if (objtype === 'OBJECT_SCHEMA') await this.#schema.schemas.comment(stringOf(object), comment);
    else if (objtype === 'OBJECT_EXTENSION') await this.#schema.extensions.comment(stringOf(object), comment);
    else if (routine !== undefined && object !== undefined && 'ObjectWithArgs' in object) {
      await this.#schema.functions.comment(routine, object.ObjectWithArgs, comment);
    } else if (objtype === 'OBJECT_TYPE' || objtype === 'OBJECT_DOMAIN') {
      await this.#schema.types.comment(objtype, object!, comment);
    } else if (objtype === 'OBJECT_DOMCONSTRAINT' && object !== undefined && 'List' in object) {
      const [domain, check] = object.List.items ?? [];
      const names = domain !== undefined && 'TypeName' in domain ? stringsOf(domain.TypeName.names) : [];
      await this.#schema.types.commentCheck(names, stringOf(check), comment);
    } else await this.#onRelation(objtype, namesOf(object), comment);
    sink.complete('COMMENT');
  }

  async #onRelation(objtype: string, names: readonly string[], comment: Comment): Promise<void> {
    const isPart = objtype === 'OBJECT_COLUMN' || objtype === 'OBJECT_TABCONSTRAINT';
    if (!isPart && !(objtype in RELATIONS)) {
      throw notSupported(`COMMENT ON ${objtype.replace('OBJECT_', '').replaceAll('_', ' ')}`);
    }
    const transaction = await this.#schema.begin();
    const { keyspace } = this.#session.engine;
    const found = await this.#schema.lookup.require(transaction, nameOfList(isPart ? names.slice(0, -1) : names));
    if (isPart) {
      if (found.kind !== 'table' && !(found.kind === 'view' && objtype === 'OBJECT_COLUMN')) {
        throw new SqlError('wrong_object_type', `"${found.name}" is not a table`);
      }
      const table = await this.#locked(transaction, found.id);
      const part = names.at(-1)!;
      const described =
        objtype === 'OBJECT_COLUMN' ? onColumn(table, part, comment) : onConstraint(table, part, comment);
      redefineTable(transaction, keyspace, described);
      return;
    }
    const wanted = objtype as keyof typeof RELATIONS;
    if ((await this.#kindOf(transaction, found)) !== wanted) {
      throw new SqlError('wrong_object_type', `"${found.name}" is not ${RELATIONS[wanted]}`);
    }
    if (wanted === 'OBJECT_SEQUENCE') this.#onSequence(transaction, found.id, comment);
    else if (wanted === 'OBJECT_INDEX') {
      redefineTable(transaction, keyspace, onIndex(await this.#locked(transaction, found.table!), found, comment));
    } else redefineTable(transaction, keyspace, withComment(await this.#locked(transaction, found.id), comment));
  }

  async #kindOf(transaction: Transaction, { kind, id }: FoundRelation): Promise<keyof typeof RELATIONS | undefined> {
    if (kind === 'index') return 'OBJECT_INDEX';
    if (kind === 'sequence') return 'OBJECT_SEQUENCE';
    if (kind === 'view') return 'OBJECT_VIEW';
    if (kind !== 'table') return undefined;
    const { view } = await readTableById(transaction, this.#session.engine.keyspace, id);
    return view === undefined ? 'OBJECT_TABLE' : 'OBJECT_MATVIEW';
  }

  #onSequence(transaction: Transaction, id: TableId, comment: Comment): void {
    const definition = withComment(this.#schema.sequences.state(id)!.definition, comment);
    transaction.put(sequenceKey(this.#session.engine.keyspace, id), encodeSequence(definition));
    const own = this.#session.sequences.own.get(id);
    if (own !== undefined) own.definition = definition;
  }

  async #locked(transaction: Transaction, id: TableId): Promise<Table> {
    const { keyspace } = this.#session.engine;
    await this.#schema.lockTable(transaction, await readTableById(transaction, keyspace, id));
    return readTableById(transaction, keyspace, id);
  }
}

function namesOf(object: Node | undefined): readonly string[] {
  return object !== undefined && 'List' in object ? stringsOf(object.List.items) : [];
}

function onColumn(table: Table, name: string, comment: Comment): Table {
  const position = requireColumn(table, name, undefined);
  return {
    ...table,
    columns: table.columns.map((column, i) => (i === position ? withComment(column, comment) : column)),
  };
}

function onIndex(table: Table, { id, name }: FoundRelation, comment: Comment): Table {
  if (id === table.id) return withField(table, 'primaryIndexComment', comment);
  const { indexes = [] } = table;
  return { ...table, indexes: indexes.map((index) => (index.name === name ? withComment(index, comment) : index)) };
}

/** A constraint that an index keeps is described apart from it. @throws SqlError `undefined_object`. */
function onConstraint(table: Table, name: string, comment: Comment): Table {
  const { primaryKey, primaryKeyName, indexes = [], checks = [], foreignKeys = [] } = table;
  if (primaryKey.length > 0 && name === primaryKeyName) return withField(table, 'primaryKeyComment', comment);
  const isNamed = (each: { readonly name: string }): boolean => each.name === name;
  if (indexes.some((index) => index.isConstraint && isNamed(index))) {
    const described = indexes.map((index) => (isNamed(index) ? withField(index, 'constraintComment', comment) : index));
    return { ...table, indexes: described };
  }
  if (checks.some(isNamed)) {
    return { ...table, checks: checks.map((each) => (isNamed(each) ? withComment(each, comment) : each)) };
  }
  if (foreignKeys.some(isNamed)) {
    return { ...table, foreignKeys: foreignKeys.map((each) => (isNamed(each) ? withComment(each, comment) : each)) };
  }
  throw new SqlError('undefined_object', `constraint "${name}" for table "${table.name}" does not exist`);
}

function withField<O extends object>(object: O, name: keyof O & string, comment: Comment): O {
  const { [name]: _, ...rest } = object;
  return (comment === undefined || comment === '' ? rest : { ...rest, [name]: comment }) as O;
}

export function withComment<O extends { readonly comment?: string }>(object: O, comment: Comment): O {
  return withField(object, 'comment', comment);
}
