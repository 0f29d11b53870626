/**
 * Where the recursive term of a query in WITH may refer to the query itself: once, and where every row counts. As PostgreSQL's
 * checkWellFormedRecursion (parse_cte.c).
 */

import type { WithClause } from '@pgsql/types';
import { SqlError } from '../sql-error.ts';

const PLACES = {
  subquery: 'within a subquery',
  outerJoin: 'within an outer join',
  intersect: 'within INTERSECT',
  except: 'within EXCEPT',
} as const;

export type Place = keyof typeof PLACES;

/** The parts of a tree in which a name means what it does around it: behind a WITH that gives it to another query it does not. */
function partsInSight(part: object, name: string): readonly (readonly [string, unknown])[] {
  const { withClause } = part as { readonly withClause?: WithClause };
  const ctes = withClause?.ctes ?? [];
  const own = ctes.findIndex((each) => 'CommonTableExpr' in each && each.CommonTableExpr.ctename === name);
  if (own < 0) return Object.entries(part);
  return withClause?.recursive === true ? [] : [['ctes', ctes.slice(0, own + 1)]];
}

/** Where a part of a tree names a relation; undefined where it does not. */
export function referenceTo(part: object, name: string): number | undefined {
  const pending: object[] = [part];
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    const { relname, schemaname, location } = next as { relname?: unknown; schemaname?: unknown; location?: unknown };
    if (relname === name && schemaname === undefined) return typeof location === 'number' ? location : 0;
    for (const [, value] of partsInSight(next, name))
      if (typeof value === 'object' && value !== null) pending.push(value);
  }
  return undefined;
}

export function refersTo(part: object, name: string): boolean {
  return referenceTo(part, name) !== undefined;
}

/** @param around Where all of it stands, if that is a place where it must not be. @throws SqlError `invalid_recursion`. */
export function checkRecursiveTerm(term: object, name: string, around?: Place): void {
  let references = 0;
  const refuse = (where: string, location: unknown): never => {
    throw new SqlError('invalid_recursion', `recursive reference to query "${name}" must not appear ${where}`, {
      location: typeof location === 'number' ? location : 0,
    });
  };
  const visit = (part: unknown, place: Place | undefined): void => {
    if (Array.isArray(part)) {
      for (const each of part) visit(each, place);
      return;
    }
    if (typeof part !== 'object' || part === null) return;
    const { op, all = false } = part as { readonly op?: unknown; readonly all?: boolean };
    // Without ALL equal rows count once, so that those of each round tell what those of all would.
    const cut = op === 'SETOP_EXCEPT' ? 'except' : op === 'SETOP_INTERSECT' && all ? 'intersect' : undefined;
    for (const [key, value] of partsInSight(part, name)) {
      if (typeof value !== 'object' || value === null) continue;
      if (cut !== undefined && (key === 'rarg' || (key === 'larg' && all))) visit(value, place ?? cut);
      else if (key === 'RangeVar') visitRelation(value, place);
      else if (key === 'SubLink') visit(value, place ?? 'subquery');
      else if (key === 'JoinExpr') visitJoin(value, place);
      else visit(value, place);
    }
  };
  const visitRelation = (value: object, place: Place | undefined): void => {
    const { relname, schemaname, location } = value as { relname?: string; schemaname?: string; location?: number };
    if (relname !== name || schemaname !== undefined) return;
    if (place !== undefined) refuse(PLACES[place], location);
    if (++references > 1) refuse('more than once', location);
  };
  const visitJoin = (value: object, place: Place | undefined): void => {
    const { jointype, larg, rarg, quals } = value as Record<string, unknown>;
    const isLeft = jointype === 'JOIN_LEFT' || jointype === 'JOIN_FULL';
    const isRight = jointype === 'JOIN_RIGHT' || jointype === 'JOIN_FULL';
    visit(larg, place ?? (isRight ? 'outerJoin' : undefined));
    visit(rarg, place ?? (isLeft ? 'outerJoin' : undefined));
    visit(quals, place);
  };
  visit(term, around);
}
