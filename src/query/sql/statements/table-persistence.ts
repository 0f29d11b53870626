/**
 * ALTER TABLE … SET LOGGED and UNLOGGED. Rows of both are as durable as all others: what changes is what the catalog says, and
 * which tables foreign keys may refer to (PostgreSQL 15's ATPrepChangePersistence).
 */

import { SqlError } from '../sql-error.ts';
import type { ColumnEditorOptions } from './column-editor.ts';
import type { TableEditor } from './table-editor.ts';

/** Changes the sequences of its columns too. @throws SqlError `invalid_table_definition`. */
export async function setLogged(editor: TableEditor, options: ColumnEditorOptions, isLogged: boolean): Promise<void> {
  const { unlogged = false, ...table } = editor.table;
  const { name } = table;
  if (options.isTemporary(table)) {
    const message = `cannot change logged status of table "${name}" because it is temporary`;
    throw new SqlError('invalid_table_definition', message, { table });
  }
  if (unlogged !== isLogged) return;
  // Of two tables the one that refers may not outlive what it refers to.
  const [status, others] = isLogged ? ['logged', 'unlogged'] : ['unlogged', 'logged'];
  const neighbours = isLogged ? (table.foreignKeys ?? []).map(({ references }) => references) : table.referencedBy;
  for (const id of neighbours ?? []) {
    if (id === table.id) continue;
    const other = await options.findById(id);
    if ((other.unlogged === true) !== isLogged) continue;
    const [from, to] = isLogged ? [table, other] : [other, table];
    throw new SqlError(
      'invalid_table_definition',
      `could not change table "${name}" to ${status} because it references ${others} table "${other.name}"`,
      { table, constraint: from.foreignKeys?.find(({ references }) => references === to.id)?.name },
    );
  }
  for (const { id } of await options.sequencesOf(table)) await options.setSequenceLogged(id, isLogged);
  editor.table = isLogged ? table : { ...table, unlogged: true };
}
