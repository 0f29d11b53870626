/**
 * Where the recursive term of a query in WITH may refer to the query itself: once, and where every row counts. As PostgreSQL's
 * checkWellFormedRecursion (parse_cte.c).
 */

import { SqlError } from '../sql-error.ts';

const PLACES = {
  subquery: 'within a subquery',
  outerJoin: 'within an outer join',
  intersect: 'within INTERSECT',
  except: 'within EXCEPT',
} as const;

type Place = keyof typeof PLACES;

/** @throws SqlError `invalid_recursion`. */
export function checkRecursiveTerm(term: object, name: string): void {
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
    for (const [key, value] of Object.entries(part)) {
      if (typeof value !== 'object' || value === null) continue;
      if (key === 'RangeVar') visitRelation(value, place);
      else if (key === 'SubLink') visit(value, place ?? 'subquery');
      else if (key === 'JoinExpr') visitJoin(value, place);
      else visit(value, place);
    }
    const { op, larg, rarg } = part as { op?: unknown; larg?: unknown; rarg?: unknown };
    if (op === 'SETOP_INTERSECT' || op === 'SETOP_EXCEPT') {
      const before = references;
      if (op === 'SETOP_INTERSECT') visit(larg, 'intersect');
      visit(rarg, op === 'SETOP_INTERSECT' ? 'intersect' : 'except');
      references = before;
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
  visit(term, undefined);
}
