/** The functions that users defined, in memory, by name: as of the newest commit, or as a transaction sees them. */

import { decodeFunction, functionsRange, type UserFunction } from '../../../models/relational/function-definition.ts';
import { PUBLIC_SCHEMA, type TableId } from '../../../models/relational/table.ts';
import type { Keyspace } from '../../../storage/keyspace.ts';
import type { Store, Transaction } from '../../../storage/store.ts';

/** All functions at one version of the catalog. */
export class FunctionSet {
  readonly #byName = new Map<string, UserFunction[]>();
  readonly all: readonly UserFunction[];

  constructor(functions: readonly UserFunction[]) {
    this.all = functions;
    for (const each of functions) {
      const same = this.#byName.get(each.name);
      if (same === undefined) this.#byName.set(each.name, [each]);
      else same.push(each);
    }
  }

  byId(id: TableId): UserFunction | undefined {
    return this.all.find((each) => each.id === id);
  }

  get isEmpty(): boolean {
    return this.#byName.size === 0;
  }

  /** Those of that name in a schema. */
  named(name: string, schema: number): readonly UserFunction[] {
    return (this.#byName.get(name) ?? []).filter((each) => (each.schema ?? PUBLIC_SCHEMA) === schema);
  }

  has(name: string): boolean {
    return this.#byName.has(name);
  }
}

const NONE = new FunctionSet([]);

/** Reads all definitions as the transaction sees them. */
export async function loadFunctions(transaction: Transaction, keyspace: Keyspace): Promise<FunctionSet> {
  const functions: UserFunction[] = [];
  const cursor = transaction.scan(functionsRange(keyspace));
  try {
    for (let batch = await cursor.next(); batch !== undefined; batch = await cursor.next()) {
      for (const { value } of batch) functions.push(decodeFunction(value));
    }
  } finally {
    cursor.close();
  }
  return functions.length === 0 ? NONE : new FunctionSet(functions);
}

export class UserFunctions {
  readonly #store: Store;
  readonly #keyspace: Keyspace;
  readonly #stopWatching: () => void;
  #known: FunctionSet | undefined;
  #changes = 0;

  constructor(store: Store, keyspace: Keyspace) {
    this.#store = store;
    this.#keyspace = keyspace;
    this.#stopWatching = store.watch(functionsRange(keyspace), () => this.forget());
    store.onReset(() => this.forget());
  }

  /** Undefined until `load`, and after a change. */
  get current(): FunctionSet | undefined {
    return this.#known;
  }

  /** What is known may be out of date. */
  forget(): void {
    this.#known = undefined;
    this.#changes++;
  }

  async load(): Promise<FunctionSet> {
    for (;;) {
      if (this.#known !== undefined) return this.#known;
      const before = this.#changes;
      const transaction = this.#store.begin({ readOnly: true, label: 'functions' });
      try {
        const functions = await loadFunctions(transaction, this.#keyspace);
        if (before === this.#changes) this.#known = functions;
      } finally {
        transaction.rollback();
      }
    }
  }

  close(): void {
    this.#stopWatching();
  }
}
