/**
 * What an index of the terms of documents (inverted-terms.ts) can say about a path: which terms a document has that it finds
 * something in. Those are of values that `==` compares with what `$`, names, and places in arrays lead to, outside of `!`;
 * anything else tells nothing. Errors are no answers: a document in which one is met is not asked for.
 */

import {
  all,
  type DocumentHash,
  documentTerm,
  documentTerms,
  type TermSearch,
} from '../../../models/relational/inverted-terms.ts';
import type { JsonPath, PathNode, Predicate } from './json-path.ts';

/** Where a path leads to in the terms of a document; undefined where names alone do not tell. */
type Place = DocumentHash | undefined;

const EVERYTHING: TermSearch = { kind: 'everything' };

/** Documents in which `@?` finds something, or of which `@@` is true. */
export function pathSearch({ root }: JsonPath, operator: '@?' | '@@'): TermSearch {
  // A condition by itself has a value in every document.
  return operator === '@@' && isCondition(root)
    ? conditionSearch(root.start as Predicate, undefined)
    : follow(root, undefined).search;
}

function isCondition({ start, steps }: PathNode): boolean {
  return steps.length === 0 && CONDITIONS.has(start.kind);
}

const CONDITIONS: ReadonlySet<string> = new Set<Predicate['kind']>([
  'and',
  'or',
  'not',
  'isUnknown',
  'exists',
  'compare',
  'startsWith',
  'likeRegex',
]);

/** @param current What `@` is. @returns where the path leads to, and what its filters ask for on the way. */
function follow({ start, steps }: PathNode, current: Place): { readonly place: Place; readonly search: TermSearch } {
  let place = start.kind === 'root' ? documentTerms() : start.kind === 'current' ? current : undefined;
  let search = EVERYTHING;
  for (const step of steps) {
    switch (step.kind) {
      case 'key':
        place = place?.name(step.name);
        break;
      case 'anyElement':
      case 'index':
        break;
      case 'filter':
        search = both(search, nodeSearch(step.predicate, place));
        break;
      default:
        place = undefined;
    }
  }
  return { place, search };
}

function nodeSearch(node: PathNode, current: Place): TermSearch {
  return isCondition(node) ? conditionSearch(node.start as Predicate, current) : EVERYTHING;
}

function conditionSearch(condition: Predicate, current: Place): TermSearch {
  switch (condition.kind) {
    case 'and':
      return both(nodeSearch(condition.left, current), nodeSearch(condition.right, current));
    case 'or':
      return either(nodeSearch(condition.left, current), nodeSearch(condition.right, current));
    case 'exists':
      return follow(condition.arg, current).search;
    case 'compare':
      return condition.operator === '==' ? equalSearch(condition, current) : EVERYTHING;
    default:
      return EVERYTHING;
  }
}

function equalSearch({ left, right }: Extract<Predicate, { kind: 'compare' }>, current: Place): TermSearch {
  for (const [side, other] of [
    [left, right],
    [right, left],
  ] as const) {
    const { start, steps } = other;
    if (steps.length > 0) continue;
    const { place, search } = follow(side, current);
    if (place === undefined) continue;
    const term = (value: Parameters<typeof documentTerm>[1]): TermSearch =>
      both(all([documentTerm(place, value)]), search);
    if (start.kind === 'string') return term(start.text);
    if (start.kind === 'number' || start.kind === 'boolean') return term(start.value);
    if (start.kind === 'null') return term(null);
  }
  return EVERYTHING;
}

function both(one: TermSearch, other: TermSearch): TermSearch {
  if (one.kind === 'everything') return other;
  if (other.kind === 'everything') return one;
  if (one.kind === 'all' && other.kind === 'all') return all([...one.terms, ...other.terms]);
  return one.kind === 'all' ? one : other;
}

function either(one: TermSearch, other: TermSearch): TermSearch {
  if (one.kind === 'everything' || other.kind === 'everything') return EVERYTHING;
  // Of values that must have several terms one is enough to be found by.
  const any = ({ kind, terms }: Exclude<TermSearch, { kind: 'everything' }>) =>
    kind === 'any' ? terms : terms.slice(0, 1);
  return { kind: 'any', terms: [...any(one), ...any(other)] };
}
