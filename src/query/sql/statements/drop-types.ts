/** DROP TYPE and DROP DOMAIN: what uses a type keeps it, or goes with it. */

import type { DropStmt } from '@pgsql/types';
import { readTableById } from '../../../models/relational/catalog.ts';
import { relationWord } from '../../../models/relational/table.ts';
import type { TypeDefinition } from '../../../models/relational/type-definition.ts';
import type { Transaction } from '../../../storage/store.ts';
import { nameOfList } from '../binder/names.ts';
import type { ResultSink } from '../results.ts';
import type { SessionContext } from '../session-context.ts';
import { SqlError } from '../sql-error.ts';
import type { SchemaChanges } from './schema-changes.ts';
import type { TypeStatements } from './type-statements.ts';
import { namesOf } from './type-uses.ts';

type Sink = Pick<ResultSink, 'complete' | 'notice'>;

export class DropTypes {
  readonly #session: SessionContext;
  readonly #schema: SchemaChanges;
  readonly #types: TypeStatements;

  constructor(session: SessionContext, schema: SchemaChanges, types: TypeStatements) {
    this.#session = session;
    this.#schema = schema;
    this.#types = types;
  }

  async run(statement: DropStmt, sink: Sink): Promise<void> {
    const isDomain = statement.removeType === 'OBJECT_DOMAIN';
    const title = isDomain ? 'DROP DOMAIN' : 'DROP TYPE';
    const transaction = await this.#types.begin(title);
    const wanted: TypeDefinition[] = [];
    for (const object of statement.objects ?? []) {
      const names = namesOf(object);
      await this.#refuseRowTypes(transaction, names);
      const found = await this.#types.lookUp(transaction, names);
      if (found === undefined) {
        const message = `type "${names.join('.')}" does not exist`;
        if (statement.missing_ok !== true) throw new SqlError('undefined_object', message);
        const { schema } = nameOfList(names);
        const isThere = schema === undefined || this.#session.block.schemaNamed(schema) !== undefined;
        const what = isThere ? message : `schema "${schema}" does not exist`;
        sink.notice({ severity: 'NOTICE', condition: 'successful_completion', message: `${what}, skipping` });
        continue;
      }
      if (isDomain && found.kind !== 'domain') {
        throw new SqlError('wrong_object_type', `"${found.name}" is not a domain`);
      }
      wanted.push(found);
    }
    await this.#refuseMultiranges(transaction, wanted);
    await this.#schema.drops.dropTypes(transaction, wanted, statement.behavior === 'DROP_CASCADE', sink);
    sink.complete(title);
  }

  /** @throws SqlError `dependent_objects_still_exist`. */
  async #refuseRowTypes(transaction: Transaction, names: readonly string[]): Promise<void> {
    const found = await this.#schema.lookup.find(transaction, nameOfList(names), { schemaMayMiss: true });
    if (found?.kind !== 'table' && found?.kind !== 'view') return;
    const table = await readTableById(transaction, this.#session.engine.keyspace, found.id);
    const title = await this.#schema.lookup.title(transaction, table.name, table.schema);
    const whole = `${relationWord(table)} ${title}`;
    throw new SqlError('dependent_objects_still_exist', `cannot drop type ${title} because ${whole} requires it`, {
      hint: `You can drop ${whole} instead.`,
    });
  }

  /** @throws SqlError `dependent_objects_still_exist`. */
  async #refuseMultiranges(transaction: Transaction, wanted: readonly TypeDefinition[]): Promise<void> {
    for (const found of wanted) {
      if (found.kind !== 'multirange') continue;
      const range = (await this.#types.all(transaction)).find(({ type }) => type === found.range);
      if (range === undefined || wanted.some(({ id }) => id === range.id)) continue;
      const [title, whole] = [await this.#title(transaction, found), await this.#title(transaction, range)];
      throw new SqlError('dependent_objects_still_exist', `cannot drop ${title} because ${whole} requires it`, {
        hint: `You can drop ${whole} instead.`,
      });
    }
  }

  async #title(transaction: Transaction, { name, schema }: TypeDefinition): Promise<string> {
    return `type ${await this.#schema.lookup.title(transaction, name, schema)}`;
  }
}
