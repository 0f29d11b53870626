/** Binds COPY … FROM STDIN in the text format. Files, programs, queries, COPY TO and the other formats are refused. */

import type { CopyStmt, Node } from '@pgsql/types';
import type { CatalogTable } from '../catalog-cache.ts';
import { notSupported, SqlError } from '../sql-error.ts';
import { parseBoolean } from '../types/text-form.ts';
import { defaultOf, requireColumn } from './bind-modify.ts';
import type { BoundAssignment } from './bound.ts';
import { relationName, shownName, stringOf, stringsOf } from './names.ts';
import type { FindTable } from './query-context.ts';

export interface BoundCopy {
  readonly table: CatalogTable;
  /** Positions of the columns that the client sends, in its order. */
  readonly columns: readonly number[];
  /** One for each column of the table, over the fields of a line. */
  readonly assignments: readonly BoundAssignment[];
  readonly delimiter: string;
  readonly nullText: string;
}

/** @throws SqlError of whatever a name or an option can be wrong in. */
export function bindCopy(copy: CopyStmt, findTable: FindTable): BoundCopy {
  if (copy.relation === undefined) throw notSupported('COPY of a query');
  const name = relationName(copy.relation);
  const found = findTable(name);
  if (found === undefined) throw new SqlError('undefined_table', `relation "${shownName(name)}" does not exist`);
  if (found.table.view !== undefined) throw notSupported('COPY to a view');
  if (copy.is_from !== true) throw notSupported('COPY … TO');
  if (copy.filename !== undefined) throw notSupported('COPY from a file or program of the server');
  if (copy.whereClause !== undefined) throw notSupported('WHERE in COPY');
  const { table } = found;
  const columns: number[] = [];
  for (const column of stringsOf(copy.attlist)) {
    const position = requireColumn(table, column, undefined);
    if (columns.includes(position)) {
      throw new SqlError('duplicate_column', `column "${column}" specified more than once`);
    }
    columns.push(position);
  }
  if (copy.attlist === undefined) columns.push(...table.columns.keys());
  const assignments = table.columns.map((column, position): BoundAssignment => {
    const index = columns.indexOf(position);
    if (index < 0) return { position, expression: defaultOf(column) };
    const { type, modifier } = column;
    return { position, expression: { kind: 'column', type, modifier, location: undefined, index } };
  });
  return { table: found, columns, assignments, ...bindOptions(copy.options ?? []) };
}

function bindOptions(options: readonly Node[]): Pick<BoundCopy, 'delimiter' | 'nullText'> {
  let delimiter = '\t';
  let nullText = '\\N';
  for (const option of options) {
    if (!('DefElem' in option)) continue;
    const { defname = '', arg, location } = option.DefElem;
    const value = textOf(arg);
    switch (defname) {
      case 'format':
        if (value !== 'text') throw notSupported(`COPY in the format ${value}`, location);
        break;
      case 'freeze':
        // Rows are never frozen here: they are as visible as their transaction.
        if (value !== '') parseBoolean(value);
        break;
      case 'delimiter':
        if (value.length !== 1) {
          throw new SqlError('feature_not_supported', 'COPY delimiter must be a single one-byte character');
        }
        if (/[\\\r\n.a-z0-9]/.test(value)) {
          throw new SqlError('invalid_parameter_value', `COPY delimiter cannot be "${value}"`);
        }
        delimiter = value;
        break;
      case 'null':
        nullText = value;
        break;
      default:
        throw notSupported(`option ${defname} of COPY`, location);
    }
  }
  return { delimiter, nullText };
}

function textOf(arg: Node | undefined): string {
  if (arg === undefined) return '';
  if ('Boolean' in arg) return String(arg.Boolean.boolval ?? false);
  if ('Integer' in arg) return String(arg.Integer.ival ?? 0);
  return stringOf(arg);
}
