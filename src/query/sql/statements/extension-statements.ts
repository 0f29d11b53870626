/** CREATE, ALTER and COMMENT ON EXTENSION (PostgreSQL's extension.c). DROP is in drop-statements.ts. */

import type { AlterExtensionStmt, AlterObjectSchemaStmt, CreateExtensionStmt, Node } from '@pgsql/types';
import { openIds } from '../../../models/relational/catalog.ts';
import { type Extension, putExtension, readExtensions } from '../../../models/relational/extension-definition.ts';
import {
  encodeFunction,
  functionKey,
  inputTypes,
  type UserFunction,
} from '../../../models/relational/function-definition.ts';
import { type ColumnType, PUBLIC_SCHEMA, type TableId } from '../../../models/relational/table.ts';
import type { Transaction } from '../../../storage/store.ts';
import { stringOf } from '../binder/names.ts';
import type { FunctionDefinition } from '../functions/definition.ts';
import { EXTENSIONS, extensionNamed, type KnownExtension } from '../functions/extensions.ts';
import type { ResultSink } from '../results.ts';
import type { SessionContext } from '../session-context.ts';
import { missingSchema, SqlError } from '../sql-error.ts';
import { withComment } from './comment-statements.ts';
import { schemaField } from './relation-lookup.ts';
import type { SchemaChanges } from './schema-changes.ts';

type Sink = Pick<ResultSink, 'complete' | 'notice'>;

export class ExtensionStatements {
  readonly #session: SessionContext;
  readonly #schema: SchemaChanges;

  constructor(session: SessionContext, schema: SchemaChanges) {
    this.#session = session;
    this.#schema = schema;
  }

  async create({ extname: name = '', if_not_exists: ifMissing, options = [] }: CreateExtensionStmt, sink: Sink) {
    this.#session.block.refuseReadOnly('CREATE EXTENSION');
    const transaction = await this.#schema.begin();
    if ((await this.find(transaction, name)) !== undefined) {
      const message = `extension "${name}" already exists`;
      if (ifMissing !== true) throw new SqlError('duplicate_object', message);
      sink.notice({ severity: 'NOTICE', condition: 'duplicate_object', message: `${message}, skipping` });
      sink.complete('CREATE EXTENSION');
      return;
    }
    const known = requireKnown(name);
    const { version = known.version, schema: schemaName } = optionsOf(options);
    if (version !== known.version) {
      const message = `extension "${name}" has no installation script nor update path for version "${version}"`;
      throw new SqlError('invalid_parameter_value', message);
    }
    const schema = this.#schema.lookup.creation({
      schema: schemaName,
      name: [...known.functions.all()][0]!.name,
      location: undefined,
    });
    const nextId = await openIds(transaction, this.#session.engine.keyspace);
    const extension: Extension = {
      id: nextId(),
      name,
      version,
      ...schemaField(schema),
      comment: known.comment,
    };
    const others = await this.#session.block.loadFunctions();
    for (const each of known.functions.all()) {
      const definition = memberOf(extension, known, each, nextId());
      const types = inputTypes(definition).join();
      if (others.named(definition.name, schema.id).some((other) => inputTypes(other).join() === types)) {
        const message = `function "${definition.name}" already exists with same argument types`;
        throw new SqlError('duplicate_function', message);
      }
      this.#store(transaction, definition);
    }
    putExtension(transaction, this.#session.engine.keyspace, extension);
    sink.complete('CREATE EXTENSION');
  }

  /** ALTER EXTENSION … UPDATE: there is one version of each. */
  async update({ extname: name = '', options = [] }: AlterExtensionStmt, sink: Sink): Promise<void> {
    this.#session.block.refuseReadOnly('ALTER EXTENSION');
    const { version } = await this.#require(await this.#schema.begin(), name);
    const { version: wanted = version } = optionsOf(options);
    if (wanted !== version) {
      const message = `extension "${name}" has no update path from version "${version}" to version "${wanted}"`;
      throw new SqlError('invalid_parameter_value', message);
    }
    const message = `version "${version}" of extension "${name}" is already installed`;
    sink.notice({ severity: 'NOTICE', condition: 'successful_completion', message });
    sink.complete('ALTER EXTENSION');
  }

  async setSchema({ object, newschema = '' }: AlterObjectSchemaStmt, sink: Sink): Promise<void> {
    const { block, engine } = this.#session;
    block.refuseReadOnly('ALTER EXTENSION');
    const transaction = await this.#schema.begin();
    const { schema: _, ...extension } = await this.#require(transaction, stringOf(object));
    if (block.schemaNamed(newschema) === undefined) throw missingSchema(newschema);
    const members = this.membersOf(extension.name);
    const target = this.#schema.lookup.creation({ schema: newschema, name: extension.name, location: undefined });
    const others = await block.loadFunctions();
    for (const { schema: __, ...member } of await members) {
      const types = inputTypes(member).join();
      const taken = others
        .named(member.name, target.id)
        .some((other) => other.id !== member.id && inputTypes(other).join() === types);
      if (taken) {
        const message = `function ${member.name}(${types}) already exists in schema "${newschema}"`;
        throw new SqlError('duplicate_function', message);
      }
      this.#store(transaction, { ...member, ...schemaField(target) });
    }
    putExtension(transaction, engine.keyspace, { ...extension, ...schemaField(target) });
    sink.complete('ALTER EXTENSION');
  }

  async comment(name: string, comment: string | undefined): Promise<void> {
    const transaction = await this.#schema.begin();
    const extension = await this.#require(transaction, name);
    putExtension(transaction, this.#session.engine.keyspace, withComment(extension, comment));
  }

  async find(transaction: Transaction, name: string): Promise<Extension | undefined> {
    const all = await readExtensions(transaction, this.#session.engine.keyspace);
    return all.find((each) => each.name === name);
  }

  /** Those whose objects are in a schema. */
  async inSchema(transaction: Transaction, schema: number): Promise<readonly Extension[]> {
    const all = await readExtensions(transaction, this.#session.engine.keyspace);
    return all.filter((each) => (each.schema ?? PUBLIC_SCHEMA) === schema);
  }

  async membersOf(name: string): Promise<readonly UserFunction[]> {
    return (await this.#session.block.loadFunctions()).all.filter(({ extension }) => extension === name);
  }

  async #require(transaction: Transaction, name: string): Promise<Extension> {
    const found = await this.find(transaction, name);
    if (found === undefined) throw new SqlError('undefined_object', `extension "${name}" does not exist`);
    return found;
  }

  #store(transaction: Transaction, definition: UserFunction): void {
    transaction.put(functionKey(this.#session.engine.keyspace, definition.id), encodeFunction(definition));
    this.#session.block.functionsChanged();
  }
}

/** @throws SqlError `feature_not_supported` for one that this server has not. */
function requireKnown(name: string): KnownExtension {
  const known = extensionNamed(name);
  if (known !== undefined) return known;
  throw new SqlError('feature_not_supported', `extension "${name}" is not available`, {
    hint: `Extensions of this server are ${EXTENSIONS.map((each) => each.name).join(' and ')}.`,
  });
}

function memberOf(
  { name: extension, schema }: Extension,
  { symbols }: KnownExtension,
  { name, arguments: types, argumentNames, result, strict, volatility }: FunctionDefinition,
  id: TableId,
): UserFunction {
  return {
    id,
    name,
    ...(schema === undefined ? {} : { schema }),
    extension,
    native: name,
    parameters: types.map((type, i) => {
      const named = argumentNames[i];
      return { ...(named === undefined ? {} : { name: named }), type: type as ColumnType, mode: 'in' };
    }),
    result,
    returnsSet: false,
    strict,
    volatility,
    source: symbols[name] ?? name,
    zone: 'UTC',
  };
}

/** CASCADE is about extensions that others need: here none does. @throws SqlError `syntax_error` of one given twice. */
function optionsOf(options: readonly Node[]): { readonly schema?: string; readonly version?: string } {
  const given: Record<string, string> = {};
  for (const option of options) {
    if (!('DefElem' in option)) continue;
    const { defname = '', arg, location } = option.DefElem;
    if (defname in given) throw new SqlError('syntax_error', 'conflicting or redundant options', { location });
    given[defname === 'new_version' ? 'version' : defname] = stringOf(arg);
  }
  return given;
}
