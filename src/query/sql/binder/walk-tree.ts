/** Walks trees of plain data, as every statement is walked several times before it is planned. */

/**
 * Calls `visit` with every object of the tree but arrays, in no order, until it answers false. Depth does not matter.
 * @param without Fields whose values are left out.
 */
export function walkTree(tree: object, visit: (node: object) => boolean, without: ReadonlySet<string> = NOTHING): void {
  const pending: object[] = [tree];
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    if (Array.isArray(next)) {
      for (let i = 0; i < next.length; i++) {
        const value: unknown = next[i];
        if (typeof value === 'object' && value !== null) pending.push(value);
      }
      continue;
    }
    if (!visit(next)) return;
    for (const name in next) {
      const value: unknown = (next as Readonly<Record<string, unknown>>)[name];
      if (typeof value === 'object' && value !== null && !without.has(name)) pending.push(value);
    }
  }
}

/** Of the trees of statements: they hold no names. */
export const CONSTANTS: ReadonlySet<string> = new Set(['A_Const']);

const NOTHING: ReadonlySet<string> = new Set();
