/** DROP TYPE and DROP DOMAIN: what uses a type keeps it, or goes with it. */

import type { DropStmt } from '@pgsql/types';
import { deleteName } from '../../../models/relational/catalog.ts';
import { columnNumber, type TableId } from '../../../models/relational/table.ts';
import { type TypeDefinition, typeKey } from '../../../models/relational/type-definition.ts';
import type { Transaction } from '../../../storage/store.ts';
import { quoteName } from '../binder/deparse.ts';
import { nameOfList } from '../binder/names.ts';
import { classOidOf } from '../catalog/type-rows.ts';
import type { ResultSink } from '../results.ts';
import type { SessionContext } from '../session-context.ts';
import { SqlError } from '../sql-error.ts';
import type { SqlType } from '../types/types.ts';
import { cascadeNotice, relationWord } from './drop-statements.ts';
import type { SchemaChanges } from './schema-changes.ts';
import type { TypeStatements } from './type-statements.ts';
import { type Dependent, directlyUses, isOf, namesOf } from './type-uses.ts';

type Sink = Pick<ResultSink, 'complete' | 'notice'>;

/** Something that uses a type: a column, another type, or a field of one. */
interface Use {
  readonly title: string;
  readonly because: string;
  /** PostgreSQL tells of older ones first, and of the columns of one relation from the last to the first. */
  readonly order: readonly [oid: number, part: number];
  readonly remove: () => Promise<void>;
  /** What goes with it in turn. */
  readonly inTurn?: TypeDefinition;
  /** It is a part of what goes: nobody is told. */
  readonly isPart?: boolean;
}

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
    await this.#drop(transaction, wanted, statement.behavior === 'DROP_CASCADE', sink);
    sink.complete(title);
  }

  /** With its schema: what depends on it goes as well, unless it went before. */
  async remove(transaction: Transaction, type: TypeDefinition): Promise<void> {
    if ((await transaction.get(typeKey(this.#session.engine.keyspace, type.id))) === undefined) return;
    const { range } = { range: undefined, ...type };
    const whole = (await this.#types.all(transaction)).filter((each) => each.type === range);
    await this.#drop(transaction, [type, ...whole], true, { notice: () => {} });
  }

  async #drop(
    transaction: Transaction,
    wanted: readonly TypeDefinition[],
    cascade: boolean,
    sink: Pick<Sink, 'notice'>,
  ): Promise<void> {
    const dropped = new Set(wanted.map(({ id }) => id));
    for (const found of wanted) {
      if (found.kind !== 'multirange') continue;
      const range = (await this.#types.all(transaction)).find(({ type }) => type === found.range);
      if (range === undefined || dropped.has(range.id)) continue;
      const [title, whole] = [await this.#title(transaction, found), await this.#title(transaction, range)];
      throw new SqlError('dependent_objects_still_exist', `cannot drop ${title} because ${whole} requires it`, {
        hint: `You can drop ${whole} instead.`,
      });
    }
    const uses: Use[] = [];
    for (const found of wanted) await this.#gather(transaction, found, dropped, uses);
    const told = uses.filter(({ isPart }) => isPart !== true);
    if (told.length > 0 && !cascade) {
      const [what, them] =
        wanted.length === 1 ? [await this.#title(transaction, wanted[0]!), 'it'] : ['desired object(s)', 'them'];
      const message = `cannot drop ${what} because other objects depend on ${them}`;
      throw new SqlError('dependent_objects_still_exist', message, {
        detail: told.map(({ title, because }) => `${title} depends on ${because}`).join('\n'),
        hint: 'Use DROP ... CASCADE to drop the dependent objects too.',
      });
    }
    if (told.length > 0) sink.notice(cascadeNotice(told.map(({ title }) => `drop cascades to ${title}`)));
    for (const { remove } of uses.toReversed()) await remove();
    for (const found of wanted) this.#forget(transaction, found);
  }

  /** Adds what uses the type to `uses`, each before what uses it in turn. */
  async #gather(transaction: Transaction, found: TypeDefinition, dropped: Set<TableId>, uses: Use[]): Promise<void> {
    const all = await this.#types.all(transaction);
    const direct: Use[] = [];
    for (const column of await this.#types.columnsOf(transaction, found.type, false)) {
      direct.push(await this.#columnUse(transaction, column, found));
    }
    for (const other of all) {
      if (dropped.has(other.id) || !directlyUses(other, found.type)) continue;
      direct.push(await this.#typeUse(transaction, other, found));
    }
    const several = all.find((other) => other.kind === 'multirange' && other.range === found.type);
    if (several !== undefined) direct.push({ ...(await this.#typeUse(transaction, several, found)), isPart: true });
    direct.sort((a, b) => a.order[0] - b.order[0] || b.order[1] - a.order[1]);
    for (const use of direct) {
      if (use.inTurn !== undefined && dropped.has(use.inTurn.id)) continue;
      uses.push(use);
      if (use.inTurn === undefined) continue;
      dropped.add(use.inTurn.id);
      await this.#gather(transaction, use.inTurn, dropped, uses);
    }
  }

  async #columnUse(transaction: Transaction, { table, position }: Dependent, found: TypeDefinition): Promise<Use> {
    const { name, type } = table.columns[position]!;
    const relation = `${relationWord(table)} ${await this.#schema.lookup.title(transaction, table.name, table.schema)}`;
    const command = { subtype: 'AT_DropColumn', name, behavior: 'DROP_CASCADE' } as const;
    const schemaname = this.#session.block.schemas.get(table.schema)?.name ?? '';
    return {
      title: `column ${quoteName(name)} of ${relation}`,
      because: await this.#title(transaction, found, type),
      order: [table.id, columnNumber(table, position)],
      remove: () =>
        this.#schema.alterTable(
          {
            relation: { relname: table.name, schemaname },
            objtype: 'OBJECT_TABLE',
            cmds: [{ AlterTableCmd: command }],
          },
          { complete: () => {}, notice: () => {} },
        ),
    };
  }

  async #typeUse(transaction: Transaction, other: TypeDefinition, found: TypeDefinition): Promise<Use> {
    const title = await this.#title(transaction, other);
    const because = await this.#title(transaction, found);
    if (other.kind !== 'composite') {
      const remove = async (): Promise<void> => this.#forget(transaction, other);
      return { title, because, order: [other.id, 0], remove, inTurn: other };
    }
    const place = other.fields.findIndex((field) => isOf(field.type, found.type));
    return {
      title: `column ${quoteName(other.fields[place]!.name)} of composite ${title}`,
      because,
      order: [classOidOf(other), place + 1],
      remove: async () => {
        const fields = other.fields.filter((field) => !isOf(field.type, found.type));
        this.#types.replace(transaction, { ...other, fields });
      },
    };
  }

  #forget(transaction: Transaction, { id, name, schema }: TypeDefinition): void {
    const { keyspace } = this.#session.engine;
    deleteName(transaction, keyspace, name, schema);
    transaction.delete(typeKey(keyspace, id));
  }

  /** @param as The type itself, or that of arrays of it. */
  async #title(transaction: Transaction, { name, schema, type }: TypeDefinition, as: SqlType = type): Promise<string> {
    const title = await this.#schema.lookup.title(transaction, name, schema);
    return `type ${title}${as === type ? '' : '[]'}`;
  }
}
