/**
 * ALTER TABLE on columns: adding, dropping, changing their types, defaults and nullability.
 *
 * A column that comes with a value that is the same for all rows is added without touching one: rows that were written
 * before it take the value from the definition. A dropped column only loses its name. What changes every row (another
 * type, a volatile default, another primary key) writes the table anew; see rewrite-table.ts.
 */

import type { AlterTableCmd, ColumnDef, Node } from '@pgsql/types';
import { deleteName, putName, redefineTable } from '../../../models/relational/catalog.ts';
import type { Sequence } from '../../../models/relational/sequence.ts';
import {
  type Column,
  columnNumber,
  type ForeignKey,
  primaryIndex,
  relationWord,
  type StorageParameters,
  type Table,
  type TableId,
} from '../../../models/relational/table.ts';
import { lastingType } from '../../../models/relational/value-codec.ts';
import {
  bindColumn,
  bindDefault,
  checkGenerated,
  type EvaluateConstant,
  type PendingConstraint,
  type PendingSequence,
  withoutOrder,
} from '../binder/bind-create-table.ts';
import { hasSubquery } from '../binder/bound.ts';
import { checkCollation } from '../binder/collations.ts';
import { defaultOf, requireColumn } from '../binder/column-values.ts';
import { quoteName } from '../binder/deparse.ts';
import { namedType, requireStorable } from '../binder/names.ts';
import { isVolatile } from '../binder/volatility.ts';
import { openTable } from '../catalog-cache.ts';
import type { Evaluate } from '../functions/evaluation.ts';
import { columnNames } from '../object-names.ts';
import { defaultOperatorClass, requireOperatorClass } from '../operator-classes.ts';
import type { ExecutionRow } from '../operators/operator.ts';
import { compileExpression } from '../planner/compile-expression.ts';
import { writeRulesOf } from '../planner/write-rules.ts';
import { notSupported, SqlError, withoutPlace } from '../sql-error.ts';
import { isInteger, titleOf } from '../types/types.ts';
import { containsNull, eachRow, rewriteTable } from './rewrite-table.ts';
import type { EditorOptions, TableEditor } from './table-editor.ts';

export interface ColumnEditorOptions extends EditorOptions {
  readonly evaluate: EvaluateConstant;
  /** Creates the sequence of a serial or identity column. */
  createSequence(table: Table, sequence: PendingSequence): Promise<TableId>;
  /** @param options Of ALTER SEQUENCE, RESTART among them. */
  alterSequence(id: TableId, options: readonly Node[]): Promise<void>;
  dropSequence(id: TableId): Promise<void>;
  /** SET LOGGED or UNLOGGED. */
  setSequenceLogged(id: TableId, isLogged: boolean): Promise<void>;
  /** Those that columns of the table own. */
  sequencesOf(table: Table): Promise<readonly Sequence[]>;
  /** @param numbers Of columns, as they were and as they are. */
  renumberSequences(table: Table, numbers: ReadonlyMap<number, number>): Promise<void>;
  /** Views that need the column, and their titles; `drop` takes them away. */
  viewsOf(table: Table, position: number): Promise<readonly { readonly title: string; readonly table: Table }[]>;
  dropViews(views: readonly Table[], because: string, cascade: boolean): Promise<void>;
  /** The table with this id as the transaction sees it. */
  findById(id: TableId): Promise<Table>;
}

export class ColumnEditor {
  readonly #editor: TableEditor;
  readonly #options: ColumnEditorOptions;

  constructor(editor: TableEditor, options: ColumnEditorOptions) {
    this.#editor = editor;
    this.#options = options;
  }

  /** @returns the constraints that the column came with, its primary key among them. */
  async add(definition: ColumnDef, ifMissing: boolean): Promise<readonly PendingConstraint[]> {
    const { table } = this.#editor;
    const { bindContext, evaluate } = this.#options;
    const {
      column: bound,
      pending,
      sequence,
    } = bindColumn(
      definition,
      table.name,
      bindContext,
      evaluate,
      // Expressions are looked at after the statement was read.
      withoutPlace,
    );
    if (table.columns.some(({ name }) => name === bound.name)) {
      const message = `column "${bound.name}" of relation "${table.name}" already exists`;
      if (!ifMissing) throw new SqlError('duplicate_column', message);
      this.#options.notice(`${message}, skipping`);
      return [];
    }
    const position = table.columns.length;
    let column: Column = table.dropped === undefined ? bound : { ...bound, number: lastNumber(table) + 1 };
    if (sequence !== undefined) {
      const id = await this.#options.createSequence(
        { ...table, columns: [...table.columns, column] },
        { position, ...sequence },
      );
      column = withSequence(column, id, sequence.identity);
    }
    const expression = defaultOf(column, bindContext);
    if (hasSubquery(expression))
      throw notSupported('a column whose default is a function that is more than an expression');
    const fills = sequence !== undefined || column.generated !== undefined || isVolatile(expression);
    const value = fills ? null : this.#options.evaluate(expression);
    if (!fills && value !== null) column = { ...column, missing: value };
    const wanted: Table = { ...table, columns: [...table.columns, column] };
    const next: Table = { ...wanted, columns: withoutPlace(() => checkGenerated(wanted, bindContext)) };
    if (!fills) {
      if (column.notNull && value === null && !(await this.#isEmpty())) throw containsNull(table, column.name);
      this.#editor.table = next;
    } else {
      const { context } = this.#options;
      const compute = compileExpression(expression);
      await this.#rewrite(next, (row, generate) => {
        const changed = row.slice(0, position);
        changed.push(column.generated === undefined ? compute([], context) : null);
        generate(changed);
        return changed;
      });
    }
    return pending.map((constraint) => ({ constraint, column: column.name }));
  }

  async drop(name: string, cascade: boolean): Promise<void> {
    const { table } = this.#editor;
    const position = requireColumn(table, name, undefined);
    const views = await this.#options.viewsOf(table, position);
    const object = `column ${quoteName(name)} of ${relationWord(table)} ${quoteName(table.name)}`;
    const needing = views.map((view) => view.table);
    await this.#options.dropViews(needing, object, cascade);
    await this.#dropReferences(position, cascade);
    const { table: current } = this.#editor;
    const generated = current.columns.find((each) => each.generated && columnNames(each.generated.tree).has(name));
    if (generated !== undefined) {
      if (cascade) {
        this.#options.notice(`drop cascades to column ${generated.name} of table ${table.name}`);
        await this.drop(generated.name, true);
      } else
        throw stillNeeded(`column ${name} of table ${table.name}`, `column ${generated.name} of table ${table.name}`);
    }
    for (const index of this.#editor.table.indexes ?? []) {
      const { parts, include, predicate } = index;
      const trees = [...parts.map(({ expression }) => expression?.tree), predicate?.tree];
      const speaks =
        parts.some(({ column }) => column === position) ||
        include.includes(position) ||
        trees.some((tree) => columnNames(tree).has(name));
      if (speaks) this.#editor.removeIndex(index);
    }
    const dropped = this.#editor.table;
    const column = dropped.columns[position]!;
    for (const { id, owner } of await this.#options.sequencesOf(dropped)) {
      if (owner!.column === columnNumber(dropped, position)) await this.#options.dropSequence(id);
    }
    const inKey = dropped.primaryKey.includes(position);
    const reduced: Table = {
      ...dropped,
      checks: (dropped.checks ?? []).filter(({ expression }) => !columnNames(expression.tree).has(name)),
      foreignKeys: (dropped.foreignKeys ?? []).filter(({ columns }) => !columns.includes(position)),
      primaryKey: inKey ? [] : dropped.primaryKey,
    };
    await this.#forgetParents(dropped, reduced);
    const without = withoutColumn(reduced, position);
    if (!inKey) {
      const { modifier } = column;
      const type = lastingType(column.type);
      const number = columnNumber(dropped, position);
      this.#editor.table = { ...without, dropped: [...(dropped.dropped ?? []), { number, type, modifier }] };
    } else {
      deleteName(this.#options.transaction, this.#options.keyspace, dropped.primaryKeyName, dropped.schema);
      await this.#rewrite(without, (row) => row.slice(0, dropped.columns.length).filter((_, i) => i !== position));
    }
    await this.#shiftReferences(position);
  }

  /** Types of several columns, whose new values are computed of the rows as they were. */
  async alterTypes(commands: readonly AlterTableCmd[]): Promise<void> {
    const { table } = this.#editor;
    const { bindContext, context } = this.#options;
    const computed: { readonly position: number; readonly compute: Evaluate | undefined }[] = [];
    let next = table;
    for (const { name = '', def } of commands) {
      if (def === undefined || !('ColumnDef' in def)) throw unsupportedChange('AT_AlterColumnType');
      const position = requireColumn(table, name, undefined);
      if (computed.some((each) => each.position === position)) {
        throw new SqlError('feature_not_supported', `cannot alter type of column "${name}" twice`);
      }
      const retyped = await this.#retyped(table, next, position, def.ColumnDef);
      next = retyped.next;
      computed.push({ position, compute: retyped.compute });
    }
    next = { ...next, columns: checkGenerated(next, bindContext) };
    const { columns } = next;
    const positions = computed.map(({ position }) => position);
    await this.#editor.retypeReferences(positions, next, () =>
      this.#rewrite(next, (row, generate) => {
        const result = row.slice(0, columns.length);
        for (const { position, compute } of computed)
          if (compute !== undefined) result[position] = compute(row, context);
        generate(result);
        return result;
      }),
    );
  }

  /** @param table As it was. @param so What it is to be so far. @returns what it is to be, and how the values are computed. */
  async #retyped(
    table: Table,
    so: Table,
    position: number,
    definition: ColumnDef,
  ): Promise<{ readonly next: Table; readonly compute: Evaluate | undefined }> {
    const { evaluate } = this.#options;
    const { name } = table.columns[position]!;
    const old = table.columns[position]!;
    const { type, modifier } = namedType(definition.typeName);
    const collation = withoutPlace(() => checkCollation(definition.collClause, type));
    requireStorable(name, type);
    const user = table.columns.find(
      (each) => each.generated !== undefined && columnNames(each.generated.tree).has(name),
    );
    if (user !== undefined) {
      throw new SqlError('feature_not_supported', 'cannot alter type of a column used by a generated column', {
        detail: `Column "${name}" is used by generated column "${user.name}".`,
      });
    }
    if (old.identity !== undefined) {
      if (!isInteger(type)) {
        throw new SqlError('invalid_parameter_value', 'identity column type must be smallint, integer, or bigint');
      }
      if (type !== old.type) {
        const arg: Node = { TypeName: { names: [{ String: { sval: type } }], typemod: -1 } };
        await this.#options.alterSequence(old.sequence!, [{ DefElem: { defname: 'as', arg } }]);
      }
    }
    const [view] = await this.#options.viewsOf(table, position);
    if (view !== undefined) {
      throw new SqlError('feature_not_supported', 'cannot alter type of a column used by a view or rule', {
        detail: `rule _RETURN on ${view.title} depends on column "${name}"`,
      });
    }
    if (old.generated !== undefined && definition.raw_default !== undefined) {
      throw new SqlError('invalid_column_definition', 'cannot specify USING when altering type of generated column');
    }
    const binder = this.#options.binder(openTable(this.#options.keyspace, table));
    const using = definition.raw_default;
    const source =
      using === undefined
        ? ({ kind: 'column', type: old.type, modifier: old.modifier, location: undefined, index: position } as const)
        : binder.bind(using, { title: 'transform expressions', aggregates: 'refused' });
    const converted = binder.tryCoerce(source, type, modifier, 'assignment');
    if (converted === undefined) {
      const [subject, hint] =
        using === undefined
          ? [`column "${name}"`, `You might need to specify "USING ${name}::${titleOf(type)}".`]
          : [`result of USING clause for column "${name}"`, 'You might need to add an explicit cast.'];
      throw new SqlError('datatype_mismatch', `${subject} cannot be cast automatically to type ${titleOf(type)}`, {
        hint,
      });
    }
    if (hasSubquery(converted)) throw notSupported('USING with a function that is more than an expression');
    const { missing: _, collation: __, ...rest } = old;
    let changed: Column = { ...rest, type, modifier, ...collation };
    if (
      old.default?.kind === 'expression' &&
      binder.tryCoerce(defaultOf(old, this.#options.bindContext), type, modifier, 'assignment') === undefined
    ) {
      throw new SqlError(
        'datatype_mismatch',
        `default for column "${name}" cannot be cast automatically to type ${titleOf(type)}`,
      );
    }
    if (old.default?.kind === 'constant') {
      const constant = {
        ...source,
        kind: 'constant',
        type: old.type,
        location: undefined,
        value: old.default.value,
      } as const;
      const value = binder.tryCoerce(constant, type, modifier, 'assignment');
      if (value === undefined) {
        const message = `default for column "${name}" cannot be cast automatically to type ${titleOf(type)}`;
        throw new SqlError('datatype_mismatch', message);
      }
      changed = { ...changed, default: { ...old.default, value: evaluate(value) } };
    }
    const columns = so.columns.map((column, i) => (i === position ? changed : column));
    const indexes = (so.indexes ?? []).map((index) => ({
      ...index,
      parts: index.parts.map((part) => {
        if (part.column !== position) return part;
        if (part.operatorClass !== undefined) requireOperatorClass(part.operatorClass, type, index.method);
        else if (defaultOperatorClass(type, index.method) === undefined) throw withoutOrder(type, index.method);
        return { ...part, type, modifier };
      }),
    }));
    const compute = old.generated === undefined ? compileExpression(converted) : undefined;
    return { next: { ...so, columns, indexes }, compute };
  }

  setDefault(name: string, node: Node | undefined): void {
    const position = requireColumn(this.#editor.table, name, undefined);
    const column = this.#editor.table.columns[position]!;
    if (column.identity !== undefined) {
      throw new SqlError(
        'syntax_error',
        `column "${name}" of relation "${this.#editor.table.name}" is an identity column`,
      );
    }
    if (column.generated !== undefined) {
      throw new SqlError(
        'syntax_error',
        `column "${name}" of relation "${this.#editor.table.name}" is a generated column`,
      );
    }
    const { bindContext, evaluate } = this.#options;
    const value = node && withoutPlace(() => bindDefault(node, name, column, bindContext, evaluate));
    this.#replace(position, { ...column, default: value });
  }

  async setNotNull(name: string, notNull: boolean): Promise<void> {
    const { table } = this.#editor;
    const position = requireColumn(table, name, undefined);
    const column = table.columns[position]!;
    if (!notNull) {
      const inIndex = primaryIndex(table)?.parts.some((part) => part.column === position);
      if (table.primaryKey.includes(position) || inIndex === true) {
        throw new SqlError('invalid_table_definition', `column "${name}" is in a primary key`);
      }
      if (column.identity !== undefined) {
        throw new SqlError('syntax_error', `column "${name}" of relation "${table.name}" is an identity column`);
      }
    } else if (!column.notNull) {
      await eachRow(openTable(this.#options.keyspace, table), this.#options, (row) => {
        if (row[position] === null) throw containsNull(table, name);
      });
    }
    this.#replace(position, { ...column, notNull });
  }

  /** A primary key over rows that had none, or had another. @param primaryKey Positions; empty for a hidden id. */
  async setPrimaryKey(
    primaryKey: readonly number[],
    primaryKeyName: string,
    parameters: StorageParameters = [],
  ): Promise<void> {
    const table = withoutPrimaryKey(this.#editor.table);
    const { transaction, keyspace } = this.#options;
    if (table.primaryKey.length > 0) deleteName(transaction, keyspace, table.primaryKeyName, table.schema);
    if (primaryKey.length > 0) {
      await putName(transaction, keyspace, primaryKeyName, table.schema, {
        kind: 'index',
        id: table.id,
        table: table.id,
      });
    }
    const columns = table.columns.map((column, i) => (primaryKey.includes(i) ? { ...column, notNull: true } : column));
    const ofKey = parameters.length === 0 ? {} : { primaryKeyParameters: parameters };
    await this.#rewrite({ ...table, columns, primaryKey, primaryKeyName, ...ofKey }, undefined);
  }

  #replace(position: number, column: Column): void {
    const { table } = this.#editor;
    this.#editor.table = { ...table, columns: table.columns.map((each, i) => (i === position ? column : each)) };
  }

  async #isEmpty(): Promise<boolean> {
    const { keys } = openTable(this.#options.keyspace, this.#editor.table).codec;
    const cursor = this.#options.transaction.scan(keys.range([]), { limit: 1, keysOnly: true });
    try {
      return (await cursor.next()) === undefined;
    } finally {
      cursor.close();
    }
  }

  async #rewrite(
    next: Table,
    change: ((row: ExecutionRow, generate: (row: ExecutionRow) => void) => ExecutionRow) | undefined,
  ): Promise<void> {
    const { keyspace, context, nextId, functions } = this.#options;
    const source = openTable(keyspace, this.#editor.table);
    // Rows are written whole: what was dropped, or came late, is no longer in them.
    const columns = next.columns.map(({ missing: _, number: __, ...column }) => column);
    const { dropped: _, ...whole } = next;
    const target: Table = { ...whole, columns, storage: nextId(), version: next.version + 1 };
    const rules = writeRulesOf(openTable(keyspace, target, undefined, functions));
    const notValid = new Set((target.checks ?? []).flatMap((each) => (each.notValid === true ? [each.name] : [])));
    const generate = (row: ExecutionRow): void => {
      for (const { position, value } of rules.generated) row[position] = value(row, context);
      for (const { name, test } of rules.checks) {
        if (notValid.has(name) || test(row, context) !== false) continue;
        throw new SqlError(
          'check_violation',
          `check constraint "${name}" of relation "${target.name}" is violated by some row`,
          {
            table: target,
            constraint: name,
          },
        );
      }
    };
    await rewriteTable(source, target, change && ((row) => change(row, generate)), this.#options);
    const numbers = new Map(next.columns.map((_, position) => [columnNumber(next, position), position + 1]));
    if ([...numbers].some(([before, after]) => before !== after)) {
      await this.#options.renumberSequences(target, numbers);
    }
    this.#editor.table = target;
  }

  /** Foreign keys of other tables that rely on the column. */
  async #dropReferences(position: number, cascade: boolean): Promise<void> {
    const { table } = this.#editor;
    for (const id of table.referencedBy ?? []) {
      const child = id === table.id ? this.#editor.table : await this.#options.findById(id);
      const relies = ({ references, referenced }: ForeignKey): boolean =>
        references === table.id && referenced.includes(position);
      const keys = (child.foreignKeys ?? []).filter(relies);
      if (keys.length === 0) continue;
      const own = id === table.id && keys.every((key) => key.columns.includes(position));
      if (!cascade && !own) {
        throw stillNeeded(
          `column ${table.columns[position]!.name} of table ${table.name}`,
          `constraint ${keys[0]!.name} on table ${child.name}`,
        );
      }
      const reduced = { ...child, foreignKeys: (child.foreignKeys ?? []).filter((key) => !relies(key)) };
      if (id === table.id) this.#editor.table = reduced;
      else {
        await this.#options.lock(child);
        for (const key of keys) this.#options.notice(`drop cascades to constraint ${key.name} on table ${child.name}`);
        redefineTable(this.#options.transaction, this.#options.keyspace, reduced);
      }
    }
  }

  /** Tables that nothing here refers to any longer. */
  async #forgetParents(before: Table, after: Table): Promise<void> {
    const left = new Set((after.foreignKeys ?? []).map(({ references }) => references));
    for (const { references } of before.foreignKeys ?? []) {
      if (left.has(references) || references === before.id) continue;
      const parent = await this.#options.findById(references);
      await this.#options.lock(parent);
      const referencedBy = (parent.referencedBy ?? []).filter((id) => id !== before.id);
      redefineTable(this.#options.transaction, this.#options.keyspace, { ...parent, referencedBy });
    }
  }

  /** Foreign keys of other tables speak of positions, too. */
  async #shiftReferences(position: number): Promise<void> {
    const { table } = this.#editor;
    for (const id of table.referencedBy ?? []) {
      if (id === table.id) continue;
      const child = await this.#options.findById(id);
      await this.#options.lock(child);
      const foreignKeys = (child.foreignKeys ?? []).map((key) =>
        key.references === table.id ? { ...key, referenced: shift(key.referenced, position) } : key,
      );
      redefineTable(this.#options.transaction, this.#options.keyspace, { ...child, foreignKeys });
    }
  }
}

export function withSequence(column: Column, sequence: TableId, identity: PendingSequence['identity']): Column {
  return {
    ...column,
    notNull: true,
    default: { kind: 'sequence', id: sequence },
    sequence,
    ...(identity === undefined ? {} : { identity }),
  };
}

function lastNumber(table: Table): number {
  const numbers = table.columns.map((_, position) => columnNumber(table, position));
  return Math.max(0, ...numbers, ...(table.dropped ?? []).map(({ number }) => number));
}

function shift(positions: readonly number[], removed: number): readonly number[] {
  return positions.map((position) => (position > removed ? position - 1 : position));
}

/** The definition with one column less; nothing in it may be about that column. */
function withoutColumn(table: Table, position: number): Table {
  const columns = table.columns
    .map((column, i) => ({ ...column, number: columnNumber(table, i) }))
    .filter((_, i) => i !== position);
  const one = (each: number): number => (each > position ? each - 1 : each);
  return {
    ...table,
    columns,
    primaryKey: shift(table.primaryKey, position),
    indexes: (table.indexes ?? []).map((index) => ({
      ...index,
      parts: index.parts.map((part) => (part.column === undefined ? part : { ...part, column: one(part.column) })),
      include: shift(index.include, position),
    })),
    foreignKeys: (table.foreignKeys ?? []).map((key) => ({
      ...key,
      columns: shift(key.columns, position),
      ...(key.setColumns === undefined ? {} : { setColumns: shift(key.setColumns, position) }),
      ...(key.references === table.id ? { referenced: shift(key.referenced, position) } : {}),
    })),
  };
}

/** Without what was said of the key that it had. */
function withoutPrimaryKey(table: Table): Table {
  const { primaryKeyParameters, primaryKeyClustered, primaryKeyComment, primaryIndexComment, ...rest } = table;
  return rest;
}

/** @param dependents What needs it; where the reason is more than that, with its own words for it. */
export function stillNeeded(object: string, ...dependents: readonly string[]): SqlError {
  const lines = dependents.map((each) => (each.includes(' depends on ') ? each : `${each} depends on ${object}`));
  return new SqlError('dependent_objects_still_exist', `cannot drop ${object} because other objects depend on it`, {
    detail: lines.join('\n'),
    hint: 'Use DROP ... CASCADE to drop the dependent objects too.',
  });
}

export function unsupportedChange(subtype: string): SqlError {
  return notSupported(
    `ALTER TABLE … ${subtype
      .replace('AT_', '')
      .replace(/([a-z])([A-Z])/g, '$1 $2')
      .toUpperCase()}`,
  );
}
