/**
 * An empty array of the kind that V8 gives to arrays of objects.
 *
 * `[]` begins as an array of small integers and becomes another kind with its first element. Code that was compiled for lists that have
 * had elements is thrown away when it meets one that never had; so a list that lives as long as the process, and that hot
 * code looks at before anything was put in, is better made here.
 */
export function objectList<T>(): T[] {
  const list = [undefined as T];
  list.pop();
  return list;
}
