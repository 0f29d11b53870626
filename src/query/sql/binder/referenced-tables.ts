/**
 * The names of all tables in a statement, so that they are looked up before binding begins. Names of queries in WITH are
 * among them; nobody asks for those.
 */

import type { Node } from '@pgsql/types';

export function referencedTables(node: Node): ReadonlySet<string> {
  const names = new Set<string>();
  const pending: object[] = [node];
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    for (const [name, value] of Object.entries(next)) {
      if (name === 'relname' && typeof value === 'string') names.add(value);
      else if (typeof value === 'object' && value !== null && name !== 'A_Const') pending.push(value);
    }
  }
  return names;
}
