/** The rules of tables (binder/table-rules.ts) as code, once per table. */

import type { ForeignKey } from '../../../models/relational/table.ts';
import { hasSubquery } from '../binder/bound.ts';
import { defaultOf } from '../binder/column-values.ts';
import { deparse } from '../binder/deparse.ts';
import { rulesOf } from '../binder/table-rules.ts';
import type { CatalogTable } from '../catalog-cache.ts';
import type { Evaluate } from '../functions/evaluation.ts';
import { keyColumns } from '../operators/row-locks.ts';
import type { WriteRules } from '../operators/write-rules.ts';
import { notSupported } from '../sql-error.ts';
import { compileExpression } from './compile-expression.ts';

const known = new WeakMap<CatalogTable, WriteRules>();

/** @throws SqlError of a definition that no longer binds. */
export function writeRulesOf(table: CatalogTable): WriteRules {
  let rules = known.get(table);
  if (rules === undefined) {
    rules = compileRules(table);
    known.set(table, rules);
  }
  return rules;
}

function compileRules(table: CatalogTable): WriteRules {
  const { checks, generated, indexes } = rulesOf(table);
  const { columns } = table.table;
  const defaults = new Map<number, Evaluate>();
  return {
    table,
    checks: checks.map(({ name, expression }) => ({ name, test: compileExpression(expression) })),
    generated: generated.map(({ position, expression }) => ({ position, value: compileExpression(expression) })),
    indexes: indexes.map(({ source, parts, predicate }) => ({
      source,
      parts: parts.map(compileExpression),
      predicate: predicate && compileExpression(predicate),
      titles: parts.map((part, i) => {
        const { column } = source.index.parts[i]!;
        return column === undefined ? deparse(part, table) : columns[column]!.name;
      }),
    })),
    incoming: incomingKeys(table),
    keyColumns: keyColumns(table),
    defaults: (position) => {
      let value = defaults.get(position);
      if (value === undefined) {
        const given = defaultOf(columns[position]!, table);
        if (hasSubquery(given)) throw notSupported('a function that is more than an expression, in SET DEFAULT,');
        value = compileExpression(given);
        defaults.set(position, value);
      }
      return value;
    },
    related: writeRulesOf,
  };
}

function incomingKeys(table: CatalogTable): readonly { readonly child: CatalogTable; readonly key: ForeignKey }[] {
  const keys: { readonly child: CatalogTable; readonly key: ForeignKey }[] = [];
  for (const id of table.table.referencedBy ?? []) {
    const child = id === table.table.id ? table : table.related.get(id);
    for (const key of child?.table.foreignKeys ?? []) {
      if (key.references === table.table.id) keys.push({ child: child!, key });
    }
  }
  return keys;
}

/** Whether an UPDATE of these columns can create keys that must be free, or moves rows under a scan. */
export function createsKeys(table: CatalogTable, positions: readonly number[]): boolean {
  const { primaryKey } = table.table;
  if (positions.some((position) => primaryKey.includes(position))) return true;
  return table.indexes.some(
    ({ index: { unique, parts, predicate } }) =>
      unique &&
      (predicate !== undefined || parts.some(({ column }) => column === undefined || positions.includes(column))),
  );
}
