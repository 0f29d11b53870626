/**
 * Relations by name for statements that define them: what a name stands for in the open transaction, where a new one
 * goes, and how a relation is called in messages.
 */

import { type RelationName, readName, relationsOf } from '../../../models/relational/catalog.ts';
import type { Schema } from '../../../models/relational/schema.ts';
import { PUBLIC_SCHEMA } from '../../../models/relational/table.ts';
import type { Transaction } from '../../../storage/store.ts';
import { quoteName } from '../binder/deparse.ts';
import { type QualifiedName, shownName } from '../binder/names.ts';
import type { Notice } from '../results.ts';
import { INFORMATION_SCHEMA, PG_CATALOG, TEMPORARY } from '../search-path.ts';
import type { SessionContext } from '../session-context.ts';
import type { SqlEngine } from '../sql-engine.ts';
import { missingSchema, SqlError } from '../sql-error.ts';
import { requireTemporarySchema } from '../temporary-relations.ts';
import type { TransactionBlock } from '../transaction-block.ts';

export interface FoundRelation extends RelationName {
  readonly name: string;
  readonly schema: Schema;
}

export class RelationLookup {
  readonly #session: SessionContext;
  readonly #engine: SqlEngine;
  readonly #block: TransactionBlock;

  constructor(session: SessionContext) {
    this.#session = session;
    this.#engine = session.engine;
    this.#block = session.block;
  }

  /**
   * What the name stands for, as the transaction sees it.
   * @param options.schemaMayMiss Whether a schema that is not there is no error, as with IF EXISTS.
   * @throws SqlError `invalid_schema_name`; `insufficient_privilege` for a relation of the system catalog.
   */
  async find(
    transaction: Transaction,
    name: QualifiedName,
    { schemaMayMiss = false }: { readonly schemaMayMiss?: boolean } = {},
  ): Promise<FoundRelation | undefined> {
    if (name.schema !== undefined && this.#block.schemaNamed(name.schema) === undefined) {
      if (schemaMayMiss) return undefined;
      throw missingSchema(name.schema);
    }
    for (const schema of this.#block.schemasOf(name)) {
      if (schema.id < 0) {
        if (this.#engine.systemTables.find(schema.name, name.name) === undefined) continue;
        throw new SqlError('insufficient_privilege', `permission denied: "${name.name}" is a system catalog`);
      }
      const found = await readName(transaction, this.#engine.keyspace, name.name, schema.id);
      if (found !== undefined) return { ...found, name: name.name, schema };
    }
    return undefined;
  }

  /** @throws SqlError `undefined_table`, and as `find`. */
  async require(transaction: Transaction, name: QualifiedName): Promise<FoundRelation> {
    const found = await this.find(transaction, name);
    if (found !== undefined) return found;
    throw new SqlError('undefined_table', `relation "${shownName(name)}" does not exist`);
  }

  /**
   * Where a new relation of that name goes, when it may be temporary.
   * @param persistence `t` of a temporary relation, `u` of an unlogged one. @throws SqlError as `creation`, `invalid_table_definition`.
   */
  async creationOf(transaction: Transaction, name: QualifiedName, persistence: string | undefined): Promise<Schema> {
    const isOwn =
      name.schema === TEMPORARY || (name.schema !== undefined && name.schema === this.#block.temporary?.name);
    if (persistence === 't' && name.schema !== undefined && !isOwn) {
      if (this.#block.schemaNamed(name.schema) === undefined) throw missingSchema(name.schema, name.location);
      throw new SqlError('invalid_table_definition', 'cannot create temporary relation in non-temporary schema', {
        location: name.location,
      });
    }
    if (persistence === 'u' && isOwn) {
      throw new SqlError('invalid_table_definition', 'only temporary relations may be created in temporary schemas', {
        location: name.location,
      });
    }
    if (persistence === 't' || isOwn) return requireTemporarySchema(transaction, this.#session);
    return this.creation(name);
  }

  /** Where a new relation of that name goes. @throws SqlError `invalid_schema_name`, `insufficient_privilege`. */
  creation({ schema, name, location }: QualifiedName): Schema {
    const found = schema === undefined ? this.#block.path.creation : this.#block.schemaNamed(schema);
    if (found === undefined) {
      if (schema === undefined) {
        throw new SqlError('invalid_schema_name', 'no schema has been selected to create in', { location });
      }
      throw missingSchema(schema, location);
    }
    if (found === PG_CATALOG || found === INFORMATION_SCHEMA) {
      throw new SqlError('insufficient_privilege', `permission denied to create "${found.name}.${name}"`, {
        detail: 'System catalog modifications are currently disallowed.',
      });
    }
    return found;
  }

  /** The relation as messages name it: with its schema where its name alone means something else. */
  async title(transaction: Transaction, name: string, schemaId: number = PUBLIC_SCHEMA): Promise<string> {
    for (const schema of this.#block.path.searched) {
      if (schema.id === schemaId) return quoteName(name);
      const isTaken =
        schema.id < 0
          ? this.#engine.systemTables.find(schema.name, name) !== undefined
          : (await readName(transaction, this.#engine.keyspace, name, schema.id)) !== undefined;
      if (isTaken) break;
    }
    return `${quoteName(this.#block.schemas.get(schemaId)?.name ?? '')}.${quoteName(name)}`;
  }

  /** Names of everything in a schema, indexes too, in no order. */
  async contents(transaction: Transaction, schemaId: number): Promise<readonly FoundRelation[]> {
    const schema = this.#block.schemas.get(schemaId)!;
    const relations = await relationsOf(transaction, this.#engine.keyspace, schemaId);
    return relations.map((each) => ({ ...each, schema }));
  }
}

/** What IF EXISTS says of a relation that does not: PostgreSQL leaves its schema out. */
export function skipped({ name }: QualifiedName): Notice {
  const message = `relation "${name}" does not exist, skipping`;
  return { severity: 'NOTICE', condition: 'successful_completion', message };
}

/** As tables keep it: nothing for `public`. */
export function schemaField({ id }: Pick<Schema, 'id'>): { readonly schema?: number } {
  return id === PUBLIC_SCHEMA ? {} : { schema: id };
}
