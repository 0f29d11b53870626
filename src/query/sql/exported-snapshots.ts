/**
 * Snapshots that transactions have exported (manual, 9.27.5): another session's transaction that takes one sees the database as the first
 * does, as the workers of a parallel dump do. One is there as long as the transaction that exported it.
 */

import type { Transaction } from '../../storage/store.ts';
import { SqlError } from './sql-error.ts';

const FORM = /^[0-9A-F]{8}-[0-9A-F]{8}-\d+$/;

export class ExportedSnapshots {
  readonly #transactions = new Map<string, Transaction>();
  #exports = 0;

  /** @returns the name that it is imported by. */
  export(transaction: Transaction, processId: number): string {
    const hex = (value: number): string => value.toString(16).toUpperCase().padStart(8, '0').slice(-8);
    const name = `${hex(processId)}-${hex(++this.#exports)}-1`;
    this.#transactions.set(name, transaction);
    return name;
  }

  /** @throws SqlError `invalid_parameter_value` for a name of none that is there. */
  require(name: string): Transaction {
    const found = FORM.test(name) ? this.#transactions.get(name) : undefined;
    if (found?.state === 'open') return found;
    throw new SqlError('invalid_parameter_value', `invalid snapshot identifier: "${name}"`);
  }

  forget(name: string): void {
    this.#transactions.delete(name);
  }
}
