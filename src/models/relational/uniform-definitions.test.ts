import { expect, test } from 'vitest';
import { decodeTable, encodeTable } from './catalog.ts';
import type { SqlExpression, Table, TableId } from './table.ts';
import { uniformTable } from './uniform-definitions.ts';

const expression: SqlExpression = { tree: { A_Const: { ival: { ival: 1 } } }, zone: 'UTC' };

const PLAIN: Table = {
  id: 16_384 as TableId,
  name: 'plain',
  version: 1,
  columns: [{ name: 'a', type: 'int4', modifier: -1, notNull: false, default: undefined }],
  indexes: [
    {
      id: 16_385 as TableId,
      name: 'plain_a_idx',
      unique: false,
      nullsDistinct: true,
      isConstraint: false,
      parts: [{ column: 0, type: 'int4', modifier: -1, descending: false, nullsFirst: false }],
      include: [],
    },
  ],
  checks: [{ id: 16_386 as TableId, name: 'plain_check', expression }],
  foreignKeys: [
    {
      id: 16_387 as TableId,
      name: 'plain_a_fkey',
      columns: [0],
      references: 16_384 as TableId,
      referenced: [0],
      matchFull: false,
      onUpdate: 'no action',
      onDelete: 'cascade',
    },
  ],
  primaryKey: [],
  primaryKeyName: 'plain_pkey',
};

/** With every property that may be left out. */
const WHOLE: Required<Table> = {
  ...PLAIN,
  storage: 17_000 as TableId,
  schema: 2,
  columns: [
    {
      ...PLAIN.columns[0]!,
      comment: 'c',
      storage: 'x',
      statisticsTarget: 7,
      sequence: 17_001 as TableId,
      identity: 'always',
      generated: expression,
      missing: 3,
      number: 4,
      default: { kind: 'now' },
    },
  ],
  dropped: [{ number: 1, type: 'text', modifier: -1 }],
  indexes: [
    {
      ...PLAIN.indexes![0]!,
      parts: [{ ...PLAIN.indexes![0]!.parts[0]!, operatorClass: 'int4_ops', expression }],
      constraintComment: 'cc',
      comment: 'ci',
      clustered: true,
      storageParameters: [['fillfactor', '70']],
      invalid: true,
      isPrimary: true,
      deferrable: 'deferred',
      predicate: expression,
      method: 'hash',
    },
  ],
  checks: [{ ...PLAIN.checks![0]!, comment: 'k', notValid: true, noInherit: true }],
  foreignKeys: [{ ...PLAIN.foreignKeys![0]!, comment: 'f', deferrable: 'immediate', notValid: true, setColumns: [0] }],
  referencedBy: [16_384 as TableId],
  ownedSequences: [17_001 as TableId],
  view: { query: expression, text: 'select 1', reads: [] },
  unlogged: true,
  storageParameters: [['fillfactor', '80']],
  primaryKeyParameters: [['fillfactor', '90']],
  primaryKeyClustered: true,
  comment: 't',
  primaryKeyComment: 'p',
  primaryIndexComment: 'pi',
};

/** Names of the properties of each object of the definition itself, in their order. */
function propertiesOf({ columns, indexes, checks, foreignKeys, ...table }: Table): readonly string[][] {
  const parts = [columns[0], indexes![0], indexes![0]!.parts[0], checks![0], foreignKeys![0], table];
  return parts.map((part) => Object.keys(part!));
}

test('a definition that says little has the properties of one that says all, in the same order, and says the same', () => {
  expect(propertiesOf(uniformTable(PLAIN))).toEqual(propertiesOf(uniformTable(WHOLE)));
  for (const table of [PLAIN, WHOLE]) {
    expect(uniformTable(table)).toEqual(table);
    expect(decodeTable(encodeTable(table))).toEqual(table);
    expect(propertiesOf(decodeTable(encodeTable(table)))).toEqual(propertiesOf(uniformTable(PLAIN)));
  }
});
