/**
 * Which order inner joins are made in. Up to `DYNAMIC_ITEMS_MAX` items all orders are compared, bushy ones too, by
 * dynamic programming over sets of items (Selinger et al., "Access path selection in a relational database management
 * system", 1979); beyond that the pair that costs least is joined first, then the next.
 *
 * Columns that conditions set equal are one class: `a = b AND b = c` lets a and c be joined as well, and a class counts
 * once however many equalities say it. How many rows a set has depends on the set alone, never on the order.
 */

import { type BoundExpression, columnsOf, conjuncts } from '../binder/bound.ts';
import type { ColumnFacts, FactsOf } from './facts.ts';
import { cheapestLookup, type Equality, type Lookup, type LookupTable, pairCosts } from './join-pair.ts';
import type { PlanNode, PlanScope } from './planned.ts';
import { selectivity } from './selectivity.ts';

export interface JoinItem {
  /** Places of its columns in the whole: from `offset`, so many. */
  readonly offset: number;
  readonly width: number;
  readonly node: PlanNode;
  /** Where it is a table that could be read by key. */
  readonly lookup: LookupTable | undefined;
}

type Column = Extract<BoundExpression, { kind: 'column' }>;

/** Columns that are equal in every joined row. */
export interface EqualityClass {
  readonly members: Column[];
  /** Set equal to something that no row tells: then the items have been narrowed to it already. */
  constant: boolean;
}

/** A condition between items. */
interface Clause {
  readonly condition: BoundExpression;
  readonly items: number;
  readonly equality: Equality | undefined;
  readonly leftItems: number;
  readonly rightItems: number;
  readonly selectivity: number;
}

/** A join, or one item. */
export interface JoinTree {
  readonly items: number;
  readonly rows: number;
  readonly startup: number;
  readonly cost: number;
  readonly item: number | undefined;
  readonly left?: JoinTree;
  readonly right?: JoinTree;
  /** What the join tests, besides what both sides have tested. */
  readonly equal?: readonly Equality[];
  readonly conditions?: readonly BoundExpression[];
}

const DYNAMIC_ITEMS_MAX = 8;
/** Sets of items are the bits of a number. */
const BITS_MAX = 30;

/** @returns classes, and the conditions that no class stands for. */
export function equalityClasses(conditions: readonly BoundExpression[]): {
  readonly classes: readonly EqualityClass[];
  readonly others: readonly BoundExpression[];
} {
  const classes: EqualityClass[] = [];
  const others: BoundExpression[] = [];
  const classOf = (column: Column): EqualityClass | undefined =>
    classes.find(({ members }) => members.some((each) => each.index === column.index));
  for (const condition of conditions.flatMap(conjuncts)) {
    const { left, right } = condition as Extract<BoundExpression, { kind: 'compare' }>;
    const isEquality =
      condition.kind === 'compare' &&
      condition.operator === '=' &&
      left.kind === 'column' &&
      right.kind === 'column' &&
      left.type === right.type &&
      left.index !== right.index;
    if (!isEquality) {
      others.push(condition);
      continue;
    }
    const [a, b] = [classOf(left as Column), classOf(right as Column)];
    if (a === undefined && b === undefined)
      classes.push({ members: [left as Column, right as Column], constant: false });
    else if (a === undefined) b!.members.push(left as Column);
    else if (b === undefined) a.members.push(right as Column);
    else if (a !== b) {
      a.members.push(...b.members);
      classes.splice(classes.indexOf(b), 1);
    }
  }
  return { classes, others };
}

export class JoinOrder {
  readonly #items: readonly JoinItem[];
  readonly #classes: readonly EqualityClass[];
  readonly #clauses: readonly Clause[];
  readonly #facts: FactsOf;
  readonly #scope: PlanScope;
  readonly #rows = new Map<number, number>();

  constructor(
    items: readonly JoinItem[],
    classes: readonly EqualityClass[],
    conditions: readonly BoundExpression[],
    facts: FactsOf,
    scope: PlanScope,
  ) {
    this.#items = items;
    this.#classes = classes;
    this.#facts = facts;
    this.#scope = scope;
    this.#clauses = conditions.map((condition) => this.#clause(condition));
  }

  best(): JoinTree {
    const count = this.#items.length;
    return count <= DYNAMIC_ITEMS_MAX ? this.#dynamic(count) : this.#greedy();
  }

  #dynamic(count: number): JoinTree {
    const best = new Map<number, JoinTree>();
    for (let i = 0; i < count; i++) best.set(1 << i, this.#leaf(i));
    const all = (1 << count) - 1;
    for (let set = 1; set <= all; set++) {
      if ((set & (set - 1)) === 0) continue;
      // Sets that no condition holds together are joined last, if ever.
      for (const connectedOnly of [true, false]) {
        for (let left = (set - 1) & set; left > 0; left = (left - 1) & set) {
          const [a, b] = [best.get(left), best.get(set ^ left)];
          if (a === undefined || b === undefined) continue;
          const joined = this.#join(a, b, connectedOnly);
          const known = best.get(set);
          if (joined !== undefined && (known === undefined || joined.cost < known.cost)) best.set(set, joined);
        }
        if (best.has(set)) break;
      }
    }
    return best.get(all)!;
  }

  #greedy(): JoinTree {
    const trees = this.#items.map((_, i) => this.#leaf(i));
    while (trees.length > 1) {
      let found: { readonly tree: JoinTree; readonly a: JoinTree; readonly b: JoinTree } | undefined;
      for (const connectedOnly of [true, false]) {
        for (const a of trees) {
          for (const b of trees) {
            if (a === b) continue;
            const tree = this.#join(a, b, connectedOnly);
            if (tree === undefined) continue;
            if (found === undefined || tree.cost - a.cost - b.cost < found.tree.cost - found.a.cost - found.b.cost) {
              found = { tree, a, b };
            }
          }
        }
        if (found !== undefined) break;
      }
      const { tree, a, b } = found!;
      trees.splice(trees.indexOf(a), 1);
      trees.splice(trees.indexOf(b), 1);
      trees.push(tree);
    }
    return trees[0]!;
  }

  #leaf(i: number): JoinTree {
    const { rows, startup, cost } = this.#items[i]!.node;
    return { items: 1 << i, rows, startup, cost, item: i };
  }

  #join(left: JoinTree, right: JoinTree, connectedOnly: boolean): JoinTree | undefined {
    const items = left.items | right.items;
    const equal: Equality[] = [];
    for (const { members } of this.#classes) {
      const a = members.find((each) => (this.#itemsOf(each) & left.items) !== 0);
      const b = members.find((each) => (this.#itemsOf(each) & right.items) !== 0);
      if (a !== undefined && b !== undefined) equal.push({ left: a, right: b });
    }
    const conditions: BoundExpression[] = [];
    let connected = equal.length > 0;
    for (const clause of this.#clauses) {
      if ((clause.items & ~items) !== 0) continue;
      if ((clause.items & ~left.items) === 0 || (clause.items & ~right.items) === 0) continue;
      connected = true;
      const { equality, leftItems, rightItems } = clause;
      if (equality !== undefined && (leftItems & ~left.items) === 0 && (rightItems & ~right.items) === 0) {
        equal.push(equality);
      } else if (equality !== undefined && (leftItems & ~right.items) === 0 && (rightItems & ~left.items) === 0) {
        equal.push({ left: equality.right, right: equality.left });
      } else conditions.push(clause.condition);
    }
    if (connectedOnly && !connected) return undefined;
    const rows = this.#rowsOf(items);
    const lookup = this.#lookup(right, equal);
    const sizes = { rows, keys: equal.length, conditions: conditions.length };
    const { startup, cost } = pairCosts(left, right, sizes, lookup);
    return { items, rows, startup, cost, item: undefined, left, right, equal, conditions };
  }

  #lookup({ item }: JoinTree, equal: readonly Equality[]): Lookup | undefined {
    const table = item === undefined ? undefined : this.#items[item]!.lookup;
    if (table === undefined || equal.length === 0) return undefined;
    return cheapestLookup(table, equal, this.#scope);
  }

  #itemsOf(expression: BoundExpression): number {
    let items = 0;
    for (const index of columnsOf(expression)) {
      const at = this.#items.findIndex(({ offset, width }) => index >= offset && index < offset + width);
      items |= 1 << at;
    }
    return items;
  }

  #clause(condition: BoundExpression): Clause {
    const items = this.#itemsOf(condition);
    const shared = { condition, items, selectivity: selectivity(condition, this.#facts) };
    if (condition.kind === 'compare' && condition.operator === '=') {
      const { left, right } = condition;
      const [leftItems, rightItems] = [this.#itemsOf(left), this.#itemsOf(right)];
      if (leftItems !== 0 && rightItems !== 0 && (leftItems & rightItems) === 0) {
        return { ...shared, equality: { left, right }, leftItems, rightItems };
      }
    }
    return { ...shared, equality: undefined, leftItems: 0, rightItems: 0 };
  }

  /** Rows of a set of items, joined. */
  #rowsOf(items: number): number {
    const known = this.#rows.get(items);
    if (known !== undefined) return known;
    let rows = 1;
    for (let i = 0; i < this.#items.length; i++) {
      if ((items & (1 << i)) !== 0) rows *= this.#items[i]!.node.rows;
    }
    for (const each of this.#classes) rows *= this.#classSelectivity(each, items);
    for (const clause of this.#clauses) if ((clause.items & ~items) === 0) rows *= clause.selectivity;
    const result = Math.max(1, rows);
    this.#rows.set(items, result);
    return result;
  }

  /** Of n columns that must be equal: the most different values belong to all, each other column finds its own. */
  #classSelectivity({ members, constant }: EqualityClass, items: number): number {
    if (constant) return 1;
    const counts: number[] = [];
    const seen = new Set<number>();
    for (const member of members) {
      const item = this.#itemsOf(member);
      if ((item & items) === 0 || seen.has(item)) continue;
      seen.add(item);
      counts.push(distinctAmong(this.#facts(member.index), this.#items[31 - Math.clz32(item)]!.node.rows));
    }
    if (counts.length < 2) return 1;
    counts.sort((a, b) => a - b);
    return counts.slice(1).reduce((product, count) => product / count, 1);
  }
}

/** Different values that are left among so many of the rows. */
function distinctAmong({ distinct, rows }: ColumnFacts, left: number): number {
  if (left >= rows) return Math.max(1, distinct);
  // Each value is missed by all rows that are left with this probability.
  const each = rows / Math.max(1, distinct);
  return Math.max(1, distinct * (1 - (1 - left / rows) ** each));
}

/** Whether so many items can be told by the bits of a number. */
export function fitsOrder(items: number): boolean {
  return items <= BITS_MAX;
}
