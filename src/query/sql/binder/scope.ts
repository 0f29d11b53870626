/**
 * What a name can mean at a place of a statement, by PostgreSQL's rules (parse_relation.c).
 *
 * A `Scope` lists the items of FROM that are in sight. A `Frame` is one query: it knows the scope around it, and every
 * column that it or a query inside it takes from there becomes an argument of the frame, with a slot. Frames between the
 * one that asks and the one that has the column only note that the slot is read within them.
 */

import type { UserFunction } from '../../../models/relational/function-definition.ts';
import type { TableId } from '../../../models/relational/table.ts';
import type { CatalogTable } from '../catalog-cache.ts';
import { notSupported, SqlError } from '../sql-error.ts';
import {
  type BoundArgument,
  type BoundColumn,
  type BoundCte,
  type BoundExpression,
  columnAt,
  sameExpression,
} from './bound.ts';
import { columnHint } from './column-hints.ts';
import type { ExpressionBinder } from './expression-binder.ts';
import { RangeTable } from './range-table.ts';
import { wholeRow } from './row-types.ts';
import { systemColumn } from './system-columns.ts';

export interface ScopeColumn {
  readonly name: string;
  /** Over the row of the whole FROM clause. */
  readonly expression: BoundExpression;
  readonly origin: BoundColumn['origin'];
}

/** A table, query or join that columns can be qualified with, or found in. */
export interface ScopeItem {
  /** Undefined for a join without a name. */
  readonly alias: string | undefined;
  readonly columns: readonly ScopeColumn[];
  /** Whether columns are found in it without its name. */
  readonly open: boolean;
  /** Where its row begins in that of FROM. */
  readonly offset: number;
  readonly table: CatalogTable | undefined;
  /** Of a function: its value, which is what it is as a whole. */
  readonly value?: BoundExpression;
  /** The name of the table's schema, where it is not that of `table`. */
  readonly schema?: string | undefined;
  /** An outer join puts nulls in the place of its row where it has none. */
  readonly isNullable?: boolean;
  /** Its columns are parameters of a function, which may be rows themselves. */
  readonly isParameters?: boolean;
  /** There always is a row of it, though its hidden id may not be known yet. */
  readonly isThere?: boolean;
  /** The query of WITH that it is. */
  readonly cte?: BoundCte;
  /** It has the columns of `table`, but is none: EXCLUDED. */
  readonly isPseudo?: boolean;
  /** Found, but not to be referred to: the table that is written, for LATERAL in the FROM clause beside it. */
  readonly isBarred?: boolean;
}

/** Slots of a statement that binding gives out; those of planning follow. */
export const SLOTS_OF_BINDING_MAX = 512;

/** Tables of which only rows at fixed places are in sight: those that a statement writes, or that a definition is about. */
export function tableScope(
  tables: readonly { readonly table: CatalogTable; readonly alias: string; readonly offset: number }[],
): Scope {
  const frame = new Frame(undefined);
  const items = tables.map(({ table, alias, offset }) => ({ ...tableItem(table, alias, offset), isThere: true }));
  frame.ranges.add(...items);
  return new Scope(frame, items);
}

export function tableItem(table: CatalogTable, alias: string, offset: number): ScopeItem {
  const columns = table.table.columns.map((column, position) => ({
    name: column.name,
    expression: columnAt(offset + position, column),
    origin: { table, position },
  }));
  return { alias, columns, open: true, offset, table };
}

/** What the binding of one statement counts. */
export interface BindProgress {
  depth: number;
  slots: number;
  /** COLLATE stands somewhere. */
  collates?: boolean;
  /** Of each function that it runs, the tables that are written; undefined when that cannot be told. */
  written?: (ReadonlySet<TableId> | undefined)[];
  /** Volatile functions whose queries take the places of their calls. */
  inPlace?: UserFunction[];
  /** Those that are run whatever could take the place of a call. */
  run?: ReadonlySet<UserFunction>;
}

/** One query of a statement while it is bound. */
export class Frame {
  /** The scope that the query stands in. */
  readonly outer: Scope | undefined;
  /** What it takes from `outer`. */
  readonly args: BoundArgument[] = [];
  /** Slots of frames around it that are read in it; those of `args` among them. */
  readonly reads = new Set<number>();
  /** Queries of its WITH clause that are in sight; the last hides those of the same name before. */
  readonly ctes: BoundCte[] = [];
  /** Names of queries of its WITH clause that are not in sight yet. */
  readonly laterCtes = new Set<string>();
  #ranges: RangeTable;

  constructor(outer: Scope | undefined) {
    this.outer = outer;
    this.#ranges = new RangeTable(outer?.frame.ranges);
  }

  /** What it reads and writes, as messages know it. */
  get ranges(): RangeTable {
    return this.#ranges;
  }

  /** Binds one query of a set operation: what it reads is its own, and the queries before it are around it. */
  inPart<T>(bind: () => T): T {
    const whole = this.#ranges;
    this.#ranges = new RangeTable(whole);
    try {
      return bind();
    } finally {
      this.#ranges = whole;
    }
  }

  /** The slot in which the query finds a value of the row around it. */
  argument(value: BoundExpression, progress: BindProgress): Extract<BoundExpression, { kind: 'slot' }> {
    let known = this.args.find((each) => sameExpression(each.value, value));
    if (known === undefined) {
      if (progress.slots === SLOTS_OF_BINDING_MAX) {
        throw new SqlError(
          'program_limit_exceeded',
          `subqueries refer to more than ${SLOTS_OF_BINDING_MAX} outer values`,
        );
      }
      known = { slot: progress.slots++, value };
      this.args.push(known);
    }
    this.reads.add(known.slot);
    const { type, modifier, location } = value;
    return { kind: 'slot', type, modifier, location, slot: known.slot };
  }

  /** The query of that name in WITH, here or further out. */
  findCte(name: string): BoundCte | undefined {
    for (let frame: Frame | undefined = this; frame !== undefined; frame = frame.outer?.frame) {
      const found = frame.ctes.findLast((cte) => cte.name === name);
      if (found !== undefined) return found;
    }
    return undefined;
  }
}

/** Whether a WITH clause around `frame` defines a query of that name that is not in sight yet. */
export function isLaterCte(frame: Frame, name: string): boolean {
  for (let each: Frame | undefined = frame; each !== undefined; each = each.outer?.frame) {
    if (each.laterCtes.has(name)) return true;
  }
  return false;
}

export class Scope {
  readonly frame: Frame;
  readonly items: readonly ScopeItem[];
  /** Who binds expressions in it; undefined for FROM, as LATERAL sees it. */
  binder: ExpressionBinder | undefined;

  constructor(frame: Frame, items: readonly ScopeItem[]) {
    this.frame = frame;
    this.items = items;
  }

  /** @throws SqlError `ambiguous_column`, `undefined_column`, `undefined_table`. */
  column(names: readonly string[], location: number | undefined, progress: BindProgress): BoundExpression {
    const name = names.at(-1)!;
    const qualifier = names.length > 1 ? names.at(-2)! : undefined;
    if (names.length > 3) throw notSupported('a column name qualified by a database', location);
    const schema = names.length === 3 ? names[0] : undefined;
    const found = this.#lookUp(name, qualifier, schema, location, progress);
    if (found !== undefined && found !== 'item') return found;
    if (qualifier !== undefined && found === undefined) throw this.#missingItem(qualifier, schema, location);
    const whole = qualifier === undefined ? this.wholeRow(name, location, progress) : undefined;
    if (whole !== undefined) return whole;
    const shown = qualifier === undefined ? `"${name}"` : `${qualifier}.${name}`;
    throw new SqlError('undefined_column', `column ${shown} does not exist`, {
      location,
      hint: columnHint(name, qualifier, this.frame.ranges, location),
    });
  }

  /** The column of the item of that name, here or further out; undefined where it has none. */
  columnOf(
    alias: string,
    name: string,
    location: number | undefined,
    progress: BindProgress,
  ): BoundExpression | undefined {
    const found = this.#lookUp(name, alias, undefined, location, progress);
    return found === 'item' ? undefined : found;
  }

  /** `item`: the qualifier names an item, which has no such column. */
  #lookUp(
    name: string,
    qualifier: string | undefined,
    schema: string | undefined,
    location: number | undefined,
    progress: BindProgress,
  ): BoundExpression | 'item' | undefined {
    const crossed: Frame[] = [];
    for (let scope: Scope | undefined = this; scope !== undefined; scope = scope.frame.outer) {
      const found = scope.#find(name, qualifier, schema, location);
      if (found === 'item') return found;
      if (found !== undefined) return passIn({ ...found.expression, location }, crossed, progress);
      crossed.push(scope.frame);
    }
    return undefined;
  }

  /** Whether a name is that of an item, and of no column in sight. */
  isWholeRow(name: string): boolean {
    for (let scope: Scope | undefined = this; scope !== undefined; scope = scope.frame.outer) {
      if (scope.hasColumn(name)) return false;
      const item = scope.itemNamed(name);
      if (item !== undefined) return item.value === undefined || item.columns.length > 1;
    }
    return false;
  }

  /** Whether an item here or further out goes by the name. */
  isItem(alias: string): boolean {
    for (let scope: Scope | undefined = this; scope !== undefined; scope = scope.frame.outer) {
      if (scope.itemNamed(alias) !== undefined) return true;
    }
    return false;
  }

  /** The row of the item with that name, here or further out; undefined when there is none. */
  wholeRow(alias: string, location: number | undefined, progress: BindProgress): BoundExpression | undefined {
    const crossed: Frame[] = [];
    for (let scope: Scope | undefined = this; scope !== undefined; scope = scope.frame.outer) {
      const item = scope.items.find((each) => each.alias === alias);
      if (item !== undefined) return passIn(wholeRow(permitted(item, location), location), crossed, progress);
      crossed.push(scope.frame);
    }
    return undefined;
  }

  /** The item that `alias.*` speaks of, here or further out. @throws SqlError `undefined_table`. */
  requireItem(
    alias: string,
    location: number | undefined,
    schema?: string,
  ): { readonly item: ScopeItem; readonly crossed: Frame[] } {
    const crossed: Frame[] = [];
    for (let scope: Scope | undefined = this; scope !== undefined; scope = scope.frame.outer) {
      const item = scope.items.find((each) => isNamed(each, alias, schema));
      if (item !== undefined) return { item: permitted(item, location), crossed };
      crossed.push(scope.frame);
    }
    throw this.#missingItem(alias, schema, location);
  }

  /** Whether the names mean a parameter of the function whose body this is. */
  isParameter(names: readonly string[]): boolean {
    for (let scope: Scope | undefined = this; scope !== undefined; scope = scope.frame.outer) {
      for (const { isParameters, alias, columns } of scope.items) {
        if (isParameters !== true || (names.length > 1 && names[0] !== alias) || names.length > 2) continue;
        if (columns.some(({ name }) => name === names.at(-1))) return true;
      }
    }
    return false;
  }

  itemNamed(alias: string): ScopeItem | undefined {
    return this.items.find((each) => each.alias === alias);
  }

  /** Whether a column of that name is in sight, in this query. */
  hasColumn(name: string): boolean {
    return this.items.some((item) => item.open && item.columns.some((column) => column.name === name));
  }

  /** The table's or query's name and column behind a place in the row, for messages. */
  nameAt(index: number): string {
    const item = this.itemAt(index);
    const column = item?.columns.find(({ expression }) => expression.kind === 'column' && expression.index === index);
    return item?.alias === undefined ? (column?.name ?? '') : `${item.alias}.${column?.name ?? ''}`;
  }

  /** The column of a table that a place in the row is. */
  originAt(index: number): BoundColumn['origin'] {
    for (const { columns } of this.items) {
      for (const { expression, origin } of columns) {
        if (origin !== undefined && expression.kind === 'column' && expression.index === index) return origin;
      }
    }
    return undefined;
  }

  /** The table or query that a place in the row belongs to. */
  itemAt(index: number): ScopeItem | undefined {
    return this.items
      .filter(({ columns }) =>
        columns.some(({ expression }) => expression.kind === 'column' && expression.index === index),
      )
      .reduce<ScopeItem | undefined>(
        (best, item) => (item.alias === undefined && best !== undefined ? best : item),
        undefined,
      );
  }

  /** `item`: the qualifier names an item, which has no such column. */
  #find(
    name: string,
    qualifier: string | undefined,
    schema: string | undefined,
    location: number | undefined,
  ): ScopeColumn | 'item' | undefined {
    let found: ScopeColumn | undefined;
    let named = false;
    for (const item of this.items) {
      if (!(qualifier === undefined ? item.open : isNamed(item, qualifier, schema))) continue;
      if (qualifier !== undefined) permitted(item, location);
      named = true;
      for (const column of item.columns) {
        if (column.name !== name) continue;
        if (found !== undefined) throw ambiguous(name, location);
        permitted(item, location);
        found = column;
      }
    }
    if (found !== undefined || !named) return found;
    for (const item of this.items) {
      if (!(qualifier === undefined ? item.open : isNamed(item, qualifier, schema))) continue;
      const column = systemColumn(item, name, location);
      if (column === undefined) continue;
      if (found !== undefined) throw ambiguous(name, location);
      permitted(item, location);
      found = column;
    }
    return found ?? (qualifier === undefined ? undefined : 'item');
  }

  #missingItem(name: string, schema: string | undefined, location: number | undefined): SqlError {
    const cte = schema === undefined ? this.frame.findCte(name) : undefined;
    for (const item of this.frame.ranges) {
      const isRelation = cte === undefined ? isTable(item, name, schema) : item.cte === cte;
      if (!isRelation && item.alias !== name) continue;
      const isRenamed = item.alias !== name && this.#isInSight(item, location);
      return new SqlError('undefined_table', `invalid reference to FROM-clause entry for table "${name}"`, {
        location,
        hint: isRenamed ? `Perhaps you meant to reference the table alias "${item.alias}".` : outOfReach(item),
      });
    }
    return new SqlError('undefined_table', `missing FROM-clause entry for table "${name}"`, { location });
  }

  #isInSight({ alias = '', table, cte }: ScopeItem, location: number | undefined): boolean {
    for (let scope: Scope | undefined = this; scope !== undefined; scope = scope.frame.outer) {
      const item = scope.itemNamed(alias);
      if (item !== undefined) return permitted(item, location).table === table && item.cte === cte;
    }
    return false;
  }
}

function ambiguous(name: string, location: number | undefined): SqlError {
  return new SqlError('ambiguous_column', `column reference "${name}" is ambiguous`, { location });
}

function outOfReach({ alias }: ScopeItem): string {
  return `There is an entry for table "${alias}", but it cannot be referenced from this part of the query.`;
}

/** @throws SqlError `invalid_column_reference` for an item that is barred. */
function permitted(item: ScopeItem, location: number | undefined): ScopeItem {
  if (item.isBarred !== true) return item;
  const message = `invalid reference to FROM-clause entry for table "${item.alias}"`;
  throw new SqlError('invalid_column_reference', message, { location, hint: outOfReach(item) });
}

/** With a schema the name is that of a table, which goes by no other. */
function isNamed({ alias, table, schema: own }: ScopeItem, name: string, schema: string | undefined): boolean {
  if (alias !== name) return false;
  return schema === undefined || (table?.table.name === name && (own ?? table.schemaName) === schema);
}

/** Whether it is the table that the name is that of, whatever it is called in FROM. */
function isTable({ table, schema: own }: ScopeItem, name: string, schema: string | undefined): boolean {
  return table?.table.name === name && (schema === undefined || (own ?? table.schemaName) === schema);
}

/** A value of a row further out, as the innermost of the frames it has to pass finds it. */
export function passIn(value: BoundExpression, crossed: readonly Frame[], progress: BindProgress): BoundExpression {
  const outermost = crossed.at(-1);
  if (outermost === undefined || value.kind === 'constant' || value.kind === 'parameter') return value;
  const slot = outermost.argument(value, progress);
  for (const frame of crossed) frame.reads.add(slot.slot);
  return slot;
}
