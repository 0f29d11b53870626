/**
 * Which order inner joins are made in. Up to `DYNAMIC_ITEMS_MAX` items all orders are compared, bushy ones too, by
 * dynamic programming over sets of items (Selinger et al., "Access path selection in a relational database management
 * system", 1979); beyond that the pair that costs least is joined first, then the next.
 *
 * Columns that conditions set equal are one class: `a = b AND b = c` lets a and c be joined as well, and a class counts
 * once however many equalities say it. How many rows a set has depends on the set alone, never on the order.
 */

import { type BoundExpression, columnsOf, conjuncts } from '../binder/bound.ts';
import type { FactsOf } from './facts.ts';
import { cheapestLookup, type Lookup, pairCosts } from './join-pair.ts';
import type { Equality, LookupTable } from './pair.ts';
import type { PlanNode } from './plan-node.ts';
import type { PlanScope } from './planned.ts';
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

/** A condition between items. Items are told by their number. */
interface Clause {
  readonly condition: BoundExpression;
  readonly items: readonly number[];
  readonly equality: Equality | undefined;
  readonly leftItems: readonly number[];
  readonly rightItems: readonly number[];
  readonly selectivity: number;
}

/** The columns of a class, each with the item that it is of. */
interface ItemClass {
  readonly members: readonly { readonly column: Column; readonly item: number }[];
  readonly constant: boolean;
}

/** A join, or one item. */
export interface JoinTree {
  /** While few items are put in order: those that it is made of, as bits. Else a number of its own. */
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
  readonly #classes: readonly ItemClass[];
  readonly #clauses: readonly Clause[];
  readonly #facts: FactsOf;
  readonly #scope: PlanScope;
  /** Rows of sets of items, by their bits. */
  readonly #rows = new Map<number, number>();
  /** By the item that is looked up and what it is looked up by. */
  readonly #lookups = new Map<string, Lookup | undefined>();
  /** For each item, the tree that it is in; undefined while sets of items are told by their bits. */
  #treeOf: number[] | undefined;

  constructor(
    items: readonly JoinItem[],
    classes: readonly EqualityClass[],
    conditions: readonly BoundExpression[],
    facts: FactsOf,
    scope: PlanScope,
  ) {
    this.#items = items;
    this.#facts = facts;
    this.#scope = scope;
    this.#classes = classes.map(({ members, constant }) => ({
      members: members.map((column) => ({ column, item: this.#itemAt(column.index) })),
      constant,
    }));
    this.#clauses = conditions.map((condition) => this.#clause(condition));
  }

  best(): JoinTree {
    return this.#items.length <= DYNAMIC_ITEMS_MAX ? this.#dynamic(this.#items.length) : this.#greedy();
  }

  #dynamic(count: number): JoinTree {
    const all = (1 << count) - 1;
    const best = new Array<JoinTree | undefined>(all + 1).fill(undefined);
    for (let i = 0; i < count; i++) best[1 << i] = this.#leaf(i, 1 << i);
    for (let set = 1; set <= all; set++) {
      if ((set & (set - 1)) === 0) continue;
      // Sets that no condition holds together are joined last, if ever.
      for (const connectedOnly of [true, false]) {
        let known: JoinTree | undefined;
        for (let left = (set - 1) & set; left > 0; left = (left - 1) & set) {
          const [a, b] = [best[left], best[set ^ left]];
          if (a === undefined || b === undefined) continue;
          const joined = this.#join(a, b, connectedOnly);
          if (joined !== undefined && (known === undefined || joined.cost < known.cost)) known = joined;
        }
        best[set] = known;
        if (known !== undefined) break;
      }
    }
    return best[all]!;
  }

  /** Keeps the joins of all pairs that conditions hold together: after each step only those of the new tree are new. */
  #greedy(): JoinTree {
    let trees = this.#items.map((_, i) => this.#leaf(i, i));
    const treeOf = trees.map(({ items }) => items);
    this.#treeOf = treeOf;
    let joins: JoinTree[] = [];
    const consider = (a: JoinTree, b: JoinTree, connectedOnly: boolean): void => {
      for (const joined of [this.#join(a, b, connectedOnly), this.#join(b, a, connectedOnly)]) {
        if (joined !== undefined) joins.push(joined);
      }
    };
    for (let i = 0; i < trees.length; i++) for (let j = 0; j < i; j++) consider(trees[i]!, trees[j]!, true);
    for (let next = trees.length; trees.length > 1; next++) {
      if (joins.length === 0) {
        const [a, b] = trees.toSorted((one, other) => one.rows - other.rows);
        consider(a!, b!, false);
      }
      const chosen = joins.reduce((least, each) => (added(each) < added(least) ? each : least));
      const { left, right } = chosen;
      const merged = { ...chosen, items: next };
      for (let i = 0; i < treeOf.length; i++) {
        if (treeOf[i] === left!.items || treeOf[i] === right!.items) treeOf[i] = next;
      }
      const stays = (tree: JoinTree | undefined): boolean => tree !== left && tree !== right;
      trees = trees.filter(stays);
      joins = joins.filter((each) => stays(each.left) && stays(each.right));
      for (const other of trees) consider(merged, other, true);
      trees.push(merged);
    }
    return trees[0]!;
  }

  #leaf(i: number, items: number): JoinTree {
    const { rows, startup, cost } = this.#items[i]!.node;
    return { items, rows, startup, cost, item: i };
  }

  #has({ items }: JoinTree, item: number): boolean {
    return this.#treeOf === undefined ? (items & (1 << item)) !== 0 : this.#treeOf[item] === items;
  }

  #join(left: JoinTree, right: JoinTree, connectedOnly: boolean): JoinTree | undefined {
    const equal: Equality[] = [];
    let by = '';
    for (let i = 0; i < this.#classes.length; i++) {
      const { members } = this.#classes[i]!;
      const a = members.find(({ item }) => this.#has(left, item));
      const b = a && members.find(({ item }) => this.#has(right, item));
      if (a === undefined || b === undefined) continue;
      equal.push({ left: a.column, right: b.column });
      by += `${b.column.index},`;
    }
    const conditions: BoundExpression[] = [];
    let connected = equal.length > 0;
    for (let i = 0; i < this.#clauses.length; i++) {
      const { condition, items, equality, leftItems, rightItems } = this.#clauses[i]!;
      const inLeft = (item: number): boolean => this.#has(left, item);
      const inRight = (item: number): boolean => this.#has(right, item);
      if (items.some((item) => !inLeft(item) && !inRight(item))) continue;
      if (items.every(inLeft) || items.every(inRight)) continue;
      connected = true;
      if (equality !== undefined && leftItems.every(inLeft) && rightItems.every(inRight)) {
        equal.push(equality);
        by += `${i}>`;
      } else if (equality !== undefined && leftItems.every(inRight) && rightItems.every(inLeft)) {
        equal.push({ left: equality.right, right: equality.left });
        by += `${i}<`;
      } else conditions.push(condition);
    }
    if (connectedOnly && !connected) return undefined;
    const rows = this.#rowsOf(left, right);
    const lookup = this.#lookup(right, equal, by);
    const sizes = { rows, keys: equal.length, conditions: conditions.length };
    const { startup, cost } = pairCosts(left, right, sizes, lookup, this.#scope.settings);
    return { items: left.items | right.items, rows, startup, cost, item: undefined, left, right, equal, conditions };
  }

  /** @param by Tells the right sides of the equalities from others: on the left ones nothing depends here. */
  #lookup({ item }: JoinTree, equal: readonly Equality[], by: string): Lookup | undefined {
    const table = item === undefined ? undefined : this.#items[item]!.lookup;
    if (table === undefined || equal.length === 0) return undefined;
    const key = `${item}:${by}`;
    if (!this.#lookups.has(key)) this.#lookups.set(key, cheapestLookup(table, equal, this.#scope));
    return this.#lookups.get(key);
  }

  #itemAt(index: number): number {
    return this.#items.findIndex(({ offset, width }) => index >= offset && index < offset + width);
  }

  #itemsOf(expression: BoundExpression): readonly number[] {
    return [...new Set([...columnsOf(expression)].map((index) => this.#itemAt(index)))];
  }

  #clause(condition: BoundExpression): Clause {
    const items = this.#itemsOf(condition);
    const shared = { condition, items, selectivity: selectivity(condition, this.#facts) };
    if (condition.kind === 'compare' && condition.operator === '=') {
      const { left, right } = condition;
      const [leftItems, rightItems] = [this.#itemsOf(left), this.#itemsOf(right)];
      if (leftItems.length > 0 && rightItems.length > 0 && !leftItems.some((item) => rightItems.includes(item))) {
        return { ...shared, equality: { left, right }, leftItems, rightItems };
      }
    }
    return { ...shared, equality: undefined, leftItems: [], rightItems: [] };
  }

  /** Rows of the items of two trees, joined. */
  #rowsOf(left: JoinTree, right: JoinTree): number {
    const bits = this.#treeOf === undefined ? left.items | right.items : undefined;
    const known = bits === undefined ? undefined : this.#rows.get(bits);
    if (known !== undefined) return known;
    const isIn = (item: number): boolean => this.#has(left, item) || this.#has(right, item);
    let rows = 1;
    for (let i = 0; i < this.#items.length; i++) if (isIn(i)) rows *= this.#items[i]!.node.rows;
    for (const each of this.#classes) rows *= this.#classSelectivity(each, isIn);
    for (const clause of this.#clauses) if (clause.items.every(isIn)) rows *= clause.selectivity;
    const result = Math.max(1, rows);
    if (bits !== undefined) this.#rows.set(bits, result);
    return result;
  }

  /**
   * Of n columns that must be equal: the values of the column with the fewest are all among those of the others. How many
   * rows other conditions have left on a side does not matter, as in PostgreSQL's eqjoinsel: they are in the product.
   */
  #classSelectivity({ members, constant }: ItemClass, isIn: (item: number) => boolean): number {
    if (constant) return 1;
    const counts: number[] = [];
    const seen: number[] = [];
    for (const { column, item } of members) {
      if (!isIn(item) || seen.includes(item)) continue;
      seen.push(item);
      counts.push(this.#facts(column.index).distinct);
    }
    if (counts.length < 2) return 1;
    counts.sort((a, b) => a - b);
    return counts.slice(1).reduce((product, count) => product / count, 1);
  }
}

/** What a join takes besides its sides. */
function added({ cost, left, right }: JoinTree): number {
  return cost - left!.cost - right!.cost;
}
