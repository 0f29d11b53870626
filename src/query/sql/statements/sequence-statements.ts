/** CREATE, ALTER and DROP SEQUENCE, and the sequences of serial and identity columns. */

import type { AlterSeqStmt, CreateSeqStmt, Node } from '@pgsql/types';
import {
  deleteName,
  openIds,
  putName,
  readName,
  readTableById,
  redefineTable,
} from '../../../models/relational/catalog.ts';
import {
  decodeSequence,
  encodeSequence,
  positionKey,
  type Sequence,
  sequenceKey,
} from '../../../models/relational/sequence.ts';
import { columnNumber, PUBLIC_SCHEMA, type Table, type TableId } from '../../../models/relational/table.ts';
import type { Transaction } from '../../../storage/store.ts';
import { namedType, nameOfList, relationName, shownName, stringsOf } from '../binder/names.ts';
import { SequenceState } from '../catalog/sequences.ts';
import { freeName } from '../object-names.ts';
import type { ResultSink } from '../results.ts';
import type { SessionContext } from '../session-context.ts';
import { notSupported, SqlError } from '../sql-error.ts';
import { schemaField, skipped } from './relation-lookup.ts';
import type { SchemaChanges } from './schema-changes.ts';

type Sink = Pick<ResultSink, 'complete' | 'notice'>;

const BOUNDS = {
  int2: [-(2n ** 15n), 2n ** 15n - 1n],
  int4: [-(2n ** 31n), 2n ** 31n - 1n],
  int8: [-(2n ** 63n), 2n ** 63n - 1n],
} as const;

export class SequenceStatements {
  readonly #session: SessionContext;
  readonly #schema: SchemaChanges;

  constructor(session: SessionContext, schema: SchemaChanges) {
    this.#session = session;
    this.#schema = schema;
  }

  state(id: TableId): SequenceState | undefined {
    return this.#session.sequences.own.get(id) ?? this.#session.engine.sequences.get(id);
  }

  async create(statement: CreateSeqStmt, sink: Sink): Promise<void> {
    this.#session.block.refuseReadOnly('CREATE SEQUENCE');
    const transaction = await this.#schema.begin();
    const { keyspace } = this.#session.engine;
    const schema = await this.#schema.lookup.creationOf(
      transaction,
      { ...relationName(statement.sequence!), location: undefined },
      statement.sequence!.relpersistence,
    );
    const { name } = relationName(statement.sequence!);
    if ((await readName(transaction, keyspace, name, schema.id)) !== undefined) {
      const message = `relation "${name}" already exists`;
      if (statement.if_not_exists !== true) throw new SqlError('duplicate_table', message);
      sink.notice({ severity: 'NOTICE', condition: 'duplicate_table', message: `${message}, skipping` });
      sink.complete('CREATE SEQUENCE');
      return;
    }
    const nextId = await openIds(transaction, keyspace);
    const { definition, restart } = this.#apply(
      undefined,
      statement.options ?? [],
      { id: nextId(), name, ...schemaField(schema), ...unloggedField(statement.sequence!.relpersistence === 'u') },
      'int8',
    );
    const owner = await this.#owner(transaction, statement.options ?? [], definition);
    if (restart !== undefined) throw new SqlError('syntax_error', 'syntax error at or near "restart"');
    await this.#store(transaction, owned(definition, owner));
    sink.complete('CREATE SEQUENCE');
  }

  /** The sequence of a serial or identity column. @returns its id. */
  async createOwned(
    transaction: Transaction,
    table: Table,
    position: number,
    identity: boolean,
    options: readonly Node[],
    nextId: () => TableId,
  ): Promise<TableId> {
    const { keyspace } = this.#session.engine;
    const column = table.columns[position]!;
    const isTaken = async (each: string) => (await readName(transaction, keyspace, each, table.schema)) !== undefined;
    const given = await this.#givenName(transaction, options, table.schema);
    if (given !== undefined && (await isTaken(given))) {
      throw new SqlError('duplicate_table', `relation "${given}" already exists`);
    }
    const name = given ?? (await freeName(table.name, column.name, 'seq', isTaken));
    for (const option of options) {
      if (!('DefElem' in option)) continue;
      const { defname, location } = option.DefElem;
      if (defname === 'owned_by') throw notSupported('OWNED BY of an identity column', location);
      // The type is the column's, and given with that.
      if (defname === 'as') throw new SqlError('syntax_error', 'conflicting or redundant options', { location });
    }
    const type = column.type as Sequence['type'];
    const { definition } = this.#apply(
      undefined,
      options.filter((option) => !isSequenceName(option)),
      { id: nextId(), name, ...schemaField({ id: table.schema ?? 0 }), ...unloggedField(table.unlogged) },
      type,
    );
    const owner = { table: table.id, column: columnNumber(table, position), identity };
    await this.#store(transaction, { ...definition, owner });
    return definition.id;
  }

  async alter(statement: AlterSeqStmt, sink: Sink): Promise<void> {
    this.#session.block.refuseReadOnly('ALTER SEQUENCE');
    const transaction = await this.#schema.begin();
    const name = relationName(statement.sequence!);
    const missingOk = statement.missing_ok === true;
    const found = await this.#schema.lookup.find(transaction, name, { schemaMayMiss: missingOk });
    if (found === undefined) {
      const message = `relation "${shownName(name)}" does not exist`;
      if (statement.missing_ok !== true) throw new SqlError('undefined_table', message);
      sink.notice(skipped(name));
      sink.complete('ALTER SEQUENCE');
      return;
    }
    if (found.kind !== 'sequence') {
      throw new SqlError('wrong_object_type', `"${name.name}" is not a sequence`);
    }
    await this.change(transaction, found.id, statement.options ?? []);
    sink.complete('ALTER SEQUENCE');
  }

  /** What ALTER SEQUENCE does to one, also as a part of ALTER TABLE. */
  async change(transaction: Transaction, id: TableId, options: readonly Node[]): Promise<void> {
    const { keyspace } = this.#session.engine;
    const state = this.state(id)!;
    const old = (await this.#definition(transaction, id))!;
    if (
      old.owner?.identity === true &&
      options.some((option) => 'DefElem' in option && option.DefElem.defname === 'owned_by')
    ) {
      const table = await readTableById(transaction, keyspace, old.owner.table);
      throw new SqlError('feature_not_supported', 'cannot change ownership of identity sequence', {
        detail: `Sequence "${old.name}" is linked to table "${table.name}".`,
      });
    }
    const { definition, restart } = this.#apply(old, options, old, old.type);
    const next = owned(definition, await this.#owner(transaction, options, old));
    const last = restart ?? state.last;
    if (last < next.min || last > next.max) {
      const [word, side, bound] = last < next.min ? ['less', 'MINVALUE', next.min] : ['greater', 'MAXVALUE', next.max];
      throw new SqlError(
        'invalid_parameter_value',
        `RESTART value (${last}) cannot be ${word} than ${side} (${bound})`,
      );
    }
    const { sequences } = this.#session;
    const own = sequences.own.get(next.id);
    transaction.put(sequenceKey(keyspace, next.id), encodeSequence(next));
    // What a savepoint holds of it stays as it is.
    if (restart !== undefined) sequences.beginAnew(next, restart, false);
    else if (own !== undefined) sequences.beginAnew(next, own.last, own.called);
  }

  /** SET LOGGED and UNLOGGED. */
  async setLogged(transaction: Transaction, id: TableId, isLogged: boolean): Promise<void> {
    const { unlogged: _, ...definition } = (await this.#definition(transaction, id))!;
    const next = { ...definition, ...unloggedField(!isLogged) };
    const own = this.#session.sequences.own.get(id);
    if (own !== undefined) own.definition = next;
    transaction.put(sequenceKey(this.#session.engine.keyspace, id), encodeSequence(next));
  }

  /** Those that go with the table, as the transaction sees them. */
  async ownedBy(transaction: Transaction, table: Table): Promise<readonly Sequence[]> {
    const ids = new Set(table.ownedSequences);
    for (const { sequence } of table.columns) if (sequence !== undefined) ids.add(sequence);
    const found: Sequence[] = [];
    for (const id of ids) {
      const sequence = await this.#definition(transaction, id);
      if (sequence?.owner?.table === table.id) found.push(sequence);
    }
    return found;
  }

  /** As the transaction sees it, its own changes included; they do not set it to where it was set before. */
  async #definition(transaction: Transaction, id: TableId): Promise<Sequence | undefined> {
    const stored = await transaction.get(sequenceKey(this.#session.engine.keyspace, id));
    if (stored === undefined) return undefined;
    const { position: _, ...definition } = decodeSequence(stored);
    return definition;
  }

  /** The columns of a table have other numbers now. */
  async renumber(transaction: Transaction, table: Table, numbers: ReadonlyMap<number, number>): Promise<void> {
    const { keyspace } = this.#session.engine;
    for (const sequence of await this.ownedBy(transaction, table)) {
      const owner = { ...sequence.owner!, column: numbers.get(sequence.owner!.column)! };
      const next = { ...sequence, owner };
      const own = this.#session.sequences.own.get(sequence.id);
      if (own !== undefined) own.definition = next;
      transaction.put(sequenceKey(keyspace, sequence.id), encodeSequence(next));
    }
  }

  async remove(transaction: Transaction, id: TableId): Promise<void> {
    const state = this.state(id);
    if (state === undefined) return;
    const { keyspace } = this.#session.engine;
    deleteName(transaction, keyspace, state.definition.name, state.definition.schema);
    transaction.delete(sequenceKey(keyspace, id));
    transaction.delete(positionKey(keyspace, id));
    this.#session.sequences.own.delete(id);
  }

  async #store(transaction: Transaction, definition: Sequence): Promise<void> {
    const { keyspace } = this.#session.engine;
    await putName(transaction, keyspace, definition.name, definition.schema, { kind: 'sequence', id: definition.id });
    transaction.put(sequenceKey(keyspace, definition.id), encodeSequence(definition));
    this.#session.sequences.own.set(definition.id, new SequenceState(definition));
  }

  /** SEQUENCE NAME of an identity column, as pg_dump writes it. */
  async #givenName(
    transaction: Transaction,
    options: readonly Node[],
    tableSchema: number = PUBLIC_SCHEMA,
  ): Promise<string | undefined> {
    const option = options.find(isSequenceName);
    if (option === undefined || !('DefElem' in option)) return undefined;
    const { arg } = option.DefElem;
    const names = arg !== undefined && 'List' in arg ? stringsOf(arg.List.items) : [];
    if (names.length > 1) {
      const { id } = await this.#schema.lookup.creationOf(transaction, nameOfList(names), undefined);
      if (id !== tableSchema) {
        throw new SqlError(
          'object_not_in_prerequisite_state',
          'sequence must be in same schema as table it is linked to',
        );
      }
    }
    return names.at(-1);
  }

  /** What OWNED BY says, if it is there; the table is told that it has one more to take along. */
  async #owner(
    transaction: Transaction,
    options: readonly Node[],
    { id, schema = PUBLIC_SCHEMA }: Pick<Sequence, 'id' | 'schema'>,
  ): Promise<Sequence['owner'] | 'none'> {
    const option = options.find((each) => 'DefElem' in each && each.DefElem.defname === 'owned_by');
    if (option === undefined || !('DefElem' in option) || option.DefElem.arg === undefined) return undefined;
    const names = 'List' in option.DefElem.arg ? stringsOf(option.DefElem.arg.List.items) : [];
    if (names.length === 1) {
      if (names[0] === 'none') return 'none';
      throw new SqlError('syntax_error', 'invalid OWNED BY option', {
        hint: 'Specify OWNED BY table.column or OWNED BY NONE.',
      });
    }
    const column = names.at(-1)!;
    const found = await this.#schema.lookup.require(transaction, nameOfList(names.slice(0, -1)));
    if (found.kind !== 'table') {
      throw new SqlError('wrong_object_type', `sequence cannot be owned by relation "${found.name}"`, {
        detail: `This operation is not supported for ${found.kind === 'index' ? 'indexes' : `${found.kind}s`}.`,
      });
    }
    const { keyspace } = this.#session.engine;
    const table = await readTableById(transaction, keyspace, found.id);
    if ((table.schema ?? PUBLIC_SCHEMA) !== schema) {
      throw new SqlError(
        'object_not_in_prerequisite_state',
        'sequence must be in same schema as table it is linked to',
      );
    }
    const position = table.columns.findIndex(({ name }) => name === column);
    if (position < 0) {
      const message = `column "${column}" of relation "${table.name}" does not exist`;
      throw new SqlError('undefined_column', message);
    }
    const { ownedSequences = [] } = table;
    if (!ownedSequences.includes(id)) {
      await this.#schema.lockTable(transaction, table);
      const current = await readTableById(transaction, keyspace, table.id);
      redefineTable(transaction, keyspace, { ...current, ownedSequences: [...ownedSequences, id] });
    }
    return { table: table.id, column: columnNumber(table, position), identity: false };
  }

  #apply(
    old: Sequence | undefined,
    options: readonly Node[],
    identity: Pick<Sequence, 'id' | 'name' | 'schema' | 'unlogged'>,
    wanted: Sequence['type'],
  ): { readonly definition: Sequence; readonly restart: bigint | undefined } {
    const given = new Map<string, Node | undefined>();
    for (const option of options) {
      if (!('DefElem' in option)) continue;
      const { defname = '', arg, location } = option.DefElem;
      if (defname === 'sequence_name')
        throw new SqlError('syntax_error', 'invalid sequence option SEQUENCE NAME', { location });
      if (given.has(defname)) throw new SqlError('syntax_error', 'conflicting or redundant options', { location });
      given.set(defname, arg);
    }
    const type = given.has('as') ? sequenceType(given.get('as')) : wanted;
    const [lowest, highest] = BOUNDS[type];
    const changed = old !== undefined && old.type !== type;
    const number = (name: string): bigint | undefined => {
      const arg = given.get(name);
      return arg === undefined ? undefined : integerOf(arg);
    };
    const increment = number('increment') ?? old?.increment ?? 1n;
    if (increment === 0n) throw new SqlError('invalid_parameter_value', 'INCREMENT must not be zero');
    const up = increment > 0n;
    // A bound that was that of the old type becomes that of the new one.
    const moves = (end: 0 | 1, bound: bigint): boolean => changed && bound === BOUNDS[old.type][end];
    const movesMax = old !== undefined && moves(1, old.max);
    const movesMin = old !== undefined && moves(0, old.min);
    const isMaxKept = old !== undefined && !given.has('maxvalue') && !movesMax;
    const isMinKept = old !== undefined && !given.has('minvalue') && !movesMin;
    const max = number('maxvalue') ?? (isMaxKept ? old.max : up || movesMax ? highest : -1n);
    const min = number('minvalue') ?? (isMinKept ? old.min : !up || movesMin ? lowest : 1n);
    if (max > highest || max < lowest) {
      throw new SqlError(
        'invalid_parameter_value',
        `MAXVALUE (${max}) is out of range for sequence data type ${titles[type]}`,
      );
    }
    if (min > highest || min < lowest) {
      throw new SqlError(
        'invalid_parameter_value',
        `MINVALUE (${min}) is out of range for sequence data type ${titles[type]}`,
      );
    }
    if (min >= max) {
      throw new SqlError('invalid_parameter_value', `MINVALUE (${min}) must be less than MAXVALUE (${max})`);
    }
    const start = number('start') ?? old?.start ?? (up ? min : max);
    if (start < min) {
      throw new SqlError('invalid_parameter_value', `START value (${start}) cannot be less than MINVALUE (${min})`);
    }
    if (start > max) {
      throw new SqlError('invalid_parameter_value', `START value (${start}) cannot be greater than MAXVALUE (${max})`);
    }
    const cache = number('cache') ?? old?.cache ?? 1n;
    if (cache <= 0n) throw new SqlError('invalid_parameter_value', `CACHE (${cache}) must be greater than zero`);
    const cycleArg = given.get('cycle');
    const cycle =
      cycleArg === undefined ? (old?.cycle ?? false) : 'Boolean' in cycleArg && cycleArg.Boolean.boolval === true;
    const restart = given.has('restart') ? (number('restart') ?? start) : undefined;
    return { definition: { ...old, ...identity, type, start, increment, min, max, cache, cycle }, restart };
  }
}

function owned({ owner: before, ...sequence }: Sequence, owner: Sequence['owner'] | 'none'): Sequence {
  if (owner === 'none') return sequence;
  const next = owner ?? before;
  return next === undefined ? sequence : { ...sequence, owner: next };
}

function unloggedField(unlogged = false): Pick<Sequence, 'unlogged'> {
  return unlogged ? { unlogged } : {};
}

const titles = { int2: 'smallint', int4: 'integer', int8: 'bigint' } as const;

function sequenceType(arg: Node | undefined): Sequence['type'] {
  const { type } = namedType(arg !== undefined && 'TypeName' in arg ? arg.TypeName : undefined);
  if (type === 'int2' || type === 'int4' || type === 'int8') return type;
  throw new SqlError('invalid_parameter_value', 'sequence type must be smallint, integer, or bigint');
}

function isSequenceName(option: Node): boolean {
  return 'DefElem' in option && option.DefElem.defname === 'sequence_name';
}

function integerOf(node: Node): bigint {
  if ('Integer' in node) return BigInt(node.Integer.ival ?? 0);
  if ('Float' in node) {
    const text = node.Float.fval ?? '0';
    if (/^-?\d+$/.test(text)) return BigInt(text);
    throw new SqlError('invalid_text_representation', `invalid input syntax for type bigint: "${text}"`);
  }
  throw notSupported('this option of a sequence');
}
