/**
 * Who has values of a type, calls a function, or names an object by a text (`'t'::regclass`).
 *
 * Definitions say what they use, and nobody keeps lists of the other direction: those are made of all that a transaction sees,
 * once for however much a statement drops.
 */

import type { UserFunction } from '../../../models/relational/function-definition.ts';
import type { Column, ColumnType, Table, TableId } from '../../../models/relational/table.ts';
import type { TypeDefinition } from '../../../models/relational/type-definition.ts';
import { calledIn, nameOfObject, objectsNamedIn } from '../binder/stored-calls.ts';
import { walkTree } from '../binder/walk-tree.ts';
import type { SqlType } from '../types/types.ts';
import { type Doomed, identity } from './doomed.ts';

export interface TypeUsers {
  /** What has values of the type. */
  readonly direct: readonly Doomed[];
  /** What has none but in arrays. */
  readonly arrays: readonly Doomed[];
}

/** What there is, as one transaction sees it. */
export interface Definitions {
  readonly tables: readonly Table[];
  readonly types: readonly TypeDefinition[];
  readonly functions: Iterable<UserFunction>;
}

const NOBODY: TypeUsers = { direct: [], arrays: [] };
const ARRAY = '_';
const USER_TYPE = 'user:';

/** Good until something is defined or dropped. */
export class DefinitionUses {
  readonly types: readonly TypeDefinition[];
  readonly #named = new Map<string, Doomed[]>();
  readonly #functions = new Map<TableId, Doomed[]>();
  readonly #direct = new Map<SqlType, Doomed[]>();
  readonly #arrays = new Map<SqlType, Doomed[]>();

  constructor({ tables, types, functions }: Definitions) {
    this.types = types;
    for (const table of tables) {
      const { named, calls, values, casts } = usesOfTable(table);
      for (const [object, parts] of named) add(this.#named, object, parts);
      for (const [id, parts] of calls) add(this.#functions, id, parts);
      for (const [type, columns] of values) for (const column of columns) this.#addUser([type], column);
      for (const [type, parts] of casts) {
        const known = new Set((this.#direct.get(type) ?? []).map(identity));
        add(
          this.#direct,
          type,
          parts.filter((part) => !known.has(identity(part))),
        );
      }
    }
    for (const type of types) {
      if (type.kind === 'composite') {
        for (const [field, { type: used }] of type.fields.entries()) {
          this.#addUser([used], { kind: 'field', type, field });
        }
      } else if (type.kind === 'domain') this.#addUser([type.base], { kind: 'type', type });
      else if (type.kind === 'range') this.#addUser([type.subtype], { kind: 'type', type });
    }
    for (const definition of functions) {
      const { parameters, result } = definition;
      this.#addUser([result as SqlType, ...parameters.map(({ type }) => type)], { kind: 'function', definition });
    }
  }

  #addUser(used: readonly SqlType[], user: Doomed): void {
    for (const type of new Set(used)) {
      if (!type.includes(USER_TYPE)) continue;
      const element = type.startsWith(ARRAY) ? (type.slice(ARRAY.length) as SqlType) : undefined;
      if (element === undefined) add(this.#direct, type, [user]);
      else if (!used.includes(element)) add(this.#arrays, element, [user]);
    }
  }

  /** What names the object with this number as a value of the type, defaults that a sequence gives among it. */
  naming(type: 'regclass' | 'regtype' | 'regproc', id: number): readonly Doomed[] {
    return this.#named.get(nameOfObject(type, id)!) ?? [];
  }

  /** What calls the function. */
  ofFunction(id: TableId): readonly Doomed[] {
    return this.#functions.get(id) ?? [];
  }

  /** Columns, expressions, fields, other types and functions that have values of a user's type, or of a relation's rows. */
  ofType(type: SqlType): TypeUsers {
    const direct = this.#direct.get(type);
    const arrays = this.#arrays.get(type);
    if (direct === undefined && arrays === undefined) return NOBODY;
    return { direct: direct ?? [], arrays: arrays ?? [] };
  }
}

function add<K>(users: Map<K, Doomed[]>, used: K, parts: readonly Doomed[]): void {
  const known = users.get(used);
  if (known === undefined) users.set(used, [...parts]);
  else known.push(...parts);
}

/** What a table says of others, each with the parts of it that say so. */
interface TableUses {
  /** By `nameOfObject`. */
  readonly named: ReadonlyMap<string, readonly Doomed[]>;
  readonly calls: ReadonlyMap<TableId, readonly Doomed[]>;
  /** Columns by user's types of their values. */
  readonly values: ReadonlyMap<ColumnType, readonly Doomed[]>;
  /** Expressions by user's types that they cast to. */
  readonly casts: ReadonlyMap<SqlType, readonly Doomed[]>;
}

const known = new WeakMap<Table, TableUses>();

function usesOfTable(table: Table): TableUses {
  let uses = known.get(table);
  if (uses === undefined) {
    const values = new Map<ColumnType, Doomed[]>();
    for (const [column, { type }] of table.columns.entries()) {
      // A column of a view goes with what its query reads.
      if (table.view === undefined && type.includes(USER_TYPE)) add(values, type, [{ kind: 'column', table, column }]);
    }
    uses = {
      named: partsSaying(table, objectsNamedIn, objectGiven),
      calls: partsSaying(table, calledIn),
      values,
      casts: partsSaying(table, typesNamedIn),
    };
    known.set(table, uses);
  }
  return uses;
}

/** What a default that is no expression names. */
function objectGiven({ default: given, type }: Column): string | undefined {
  if (given?.kind === 'sequence') return nameOfObject('regclass', given.id);
  return given?.kind === 'constant' && typeof given.value === 'number' ? nameOfObject(type, given.value) : undefined;
}

/** Types of users that an expression of a definition casts to. */
function typesNamedIn(tree: object): ReadonlySet<SqlType> {
  const named = new Set<SqlType>();
  walkTree(tree, (node) => {
    const { userType } = node as { readonly userType?: SqlType };
    if (userType !== undefined) named.add(userType);
    return true;
  });
  return named;
}

/**
 * The parts of a table, or a view, that say something, by what they say; of columns the last first.
 * @param given What the value of a default says, beside its expression.
 */
function partsSaying<T>(
  table: Table,
  saidIn: (tree: object) => ReadonlySet<T>,
  given: (column: Column) => T | undefined = () => undefined,
): ReadonlyMap<T, readonly Doomed[]> {
  const found = new Map<T, Doomed[]>();
  const { columns, checks = [], indexes = [], view } = table;
  const byQuery = view === undefined ? new Set<T>() : saidIn(view.query.tree);
  for (const said of byQuery) add(found, said, [{ kind: 'table', table }]);
  const note = (part: Doomed, trees: readonly (object | undefined)[], value?: T): void => {
    const all = new Set(trees.flatMap((tree) => (tree === undefined ? [] : [...saidIn(tree)])));
    if (value !== undefined) all.add(value);
    for (const said of all) if (!byQuery.has(said)) add(found, said, [part]);
  };
  for (let position = columns.length - 1; position >= 0; position--) {
    const column = columns[position]!;
    const { default: value, generated } = column;
    if (generated !== undefined) note({ kind: 'column', table, column: position }, [generated.tree]);
    if (value === undefined) continue;
    const written = value.kind === 'constant' ? value.written?.tree : undefined;
    const tree = value.kind === 'expression' ? value.expression.tree : written;
    note({ kind: 'default', table, column: position }, [tree], given(column));
  }
  for (const check of checks) note({ kind: 'check', table, check }, [check.expression.tree]);
  for (const index of indexes) {
    const { parts, predicate } = index;
    note({ kind: 'index', table, index }, [predicate?.tree, ...parts.map(({ expression }) => expression?.tree)]);
  }
  return found;
}
