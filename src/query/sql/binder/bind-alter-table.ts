/** Binds ALTER TABLE … ADD PRIMARY KEY, also as ADD CONSTRAINT name. All other changes of a table are refused by name. */

import type { AlterTableStmt } from '@pgsql/types';
import type { Table } from '../../../models/relational/table.ts';
import { notSupported, SqlError } from '../sql-error.ts';
import { bindPrimaryKey, primaryKeyName } from './bind-create-table.ts';
import { requireColumn } from './bind-modify.ts';
import { stringsOf } from './names.ts';

/** @returns the definition that the table shall have, its rows under the new key. @throws SqlError. */
export function bindAlterTable(statement: AlterTableStmt, table: Table): Omit<Table, 'id' | 'version'> {
  const [command, second] = statement.cmds ?? [];
  if (second !== undefined) throw notSupported('several changes in one ALTER TABLE');
  if (command === undefined || !('AlterTableCmd' in command)) throw notSupported('this ALTER TABLE');
  const { subtype = '', def } = command.AlterTableCmd;
  const constraint = def !== undefined && 'Constraint' in def ? def.Constraint : undefined;
  if (subtype !== 'AT_AddConstraint' || constraint === undefined) {
    throw notSupported(`ALTER TABLE … ${titleOfChange(subtype)}`);
  }
  if (constraint.contype !== 'CONSTR_PRIMARY') {
    const kind = (constraint.contype ?? '').replace('CONSTR_', '');
    throw notSupported(`ALTER TABLE … ADD ${kind}`, constraint.location);
  }
  if (constraint.indexname !== undefined) throw notSupported('PRIMARY KEY USING INDEX', constraint.location);
  if (table.primaryKey.length > 0) {
    throw new SqlError('invalid_table_definition', `multiple primary keys for table "${table.name}" are not allowed`);
  }
  for (const key of stringsOf(constraint.keys)) requireColumn(table, key, undefined);
  const primaryKey = bindPrimaryKey(stringsOf(constraint.keys), constraint, table.columns);
  const columns = table.columns.map((column, position) =>
    primaryKey.includes(position) ? { ...column, notNull: true } : column,
  );
  return {
    name: table.name,
    columns,
    primaryKey,
    primaryKeyName: constraint.conname ?? primaryKeyName(table.name),
  };
}

/** `AT_AddColumn` is ADD COLUMN. */
function titleOfChange(subtype: string): string {
  return subtype
    .replace('AT_', '')
    .replace(/([a-z])([A-Z])/g, '$1 $2')
    .toUpperCase();
}
