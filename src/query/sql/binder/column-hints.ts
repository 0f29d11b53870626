/**
 * What to say when a column does not exist: the one or two columns whose names are nearest, or the one of just that name that is out of
 * sight (PostgreSQL's parse_relation.c: searchRangeTableForCol, errorMissingColumn).
 */

import { SqlError } from '../sql-error.ts';
import type { RangeTable } from './range-table.ts';
import { isSystemColumn } from './system-columns.ts';

const DISTANCE_MAX = 3;

interface Near {
  readonly alias: string;
  readonly name: string;
}

/** @throws SqlError `ambiguous_column` where a relation has two columns of that name. */
export function columnHint(
  name: string,
  qualifier: string | undefined,
  ranges: RangeTable,
  location: number | undefined,
): string | undefined {
  let distance = DISTANCE_MAX + 1;
  let near: Near[] = [];
  for (const item of ranges) {
    const { alias = '', columns } = item;
    const penalty = qualifier === undefined ? 0 : levenshtein(qualifier, alias);
    const exact = columns.filter((column) => column.name === name).length;
    if (exact > 1) throw new SqlError('ambiguous_column', `column reference "${name}" is ambiguous`, { location });
    if (penalty === 0 && (exact > 0 || isSystemColumn(item, name))) {
      return `There is a column named "${name}" in table "${alias}", but it cannot be referenced from this part of the query.`;
    }
    for (const column of columns) {
      if (penalty > distance) continue;
      const off = levenshtein(column.name, name);
      if (off > Math.trunc(name.length / 2)) continue;
      const total = off + penalty;
      const found = { alias, name: column.name };
      if (total < distance) {
        distance = total;
        near = [found];
      } else if (total === distance) {
        if (near.length === 2) {
          // Too many to be of help.
          near = [];
          distance = total - 1;
        } else if (near.length === 1 || distance <= DISTANCE_MAX) near.push(found);
      }
    }
  }
  if (near.length === 0) return undefined;
  const shown = near.map((each) => `the column "${each.alias}.${each.name}"`);
  return `Perhaps you meant to reference ${shown.join(' or ')}.`;
}

/** Insertions, deletions and replacements from one text to the other. */
function levenshtein(from: string, to: string): number {
  let row = Array.from({ length: to.length + 1 }, (_, i) => i);
  for (let i = 1; i <= from.length; i++) {
    const next = [i];
    for (let j = 1; j <= to.length; j++) {
      const replaced = row[j - 1]! + (from[i - 1] === to[j - 1] ? 0 : 1);
      next.push(Math.min(replaced, row[j]! + 1, next[j - 1]! + 1));
    }
    row = next;
  }
  return row[to.length]!;
}
