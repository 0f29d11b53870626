/** Which rows may come in any order: two servers need not agree on it where nobody asked for one. */

/** Whether the rows of a statement have an order of their own: an ORDER BY outside of all parentheses. */
export function isOrdered(sql: string): boolean {
  let bare = sql.replace(/'(?:[^']|'')*'/g, "''");
  for (let before = ''; before !== bare; ) {
    before = bare;
    bare = bare.replace(/\([^()]*\)/g, '');
  }
  return /\border\s+by\b/i.test(bare) || /^\s*explain/i.test(sql);
}
