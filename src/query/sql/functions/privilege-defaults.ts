/** What an object's owner and everybody may do with it while nobody has granted anything (manual, 5.7, table 5.2). */

import { SqlArray } from '../../../models/relational/values.ts';
import { SqlError } from '../sql-error.ts';

/** By the letter of the kind of object: privileges of everybody, and of its owner. */
const DEFAULTS: Readonly<Record<string, readonly [everybody: string, owner: string]>> = {
  c: ['', ''],
  r: ['', 'arwdDxt'],
  s: ['', 'rwU'],
  d: ['Tc', 'CTc'],
  f: ['X', 'X'],
  l: ['U', 'U'],
  L: ['', 'rw'],
  n: ['', 'UC'],
  p: ['', 'sA'],
  t: ['', 'C'],
  F: ['', 'U'],
  S: ['', 'U'],
  T: ['U', 'U'],
};

export function defaultPrivileges(kind: string, owner: string): SqlArray {
  const found = DEFAULTS[kind];
  if (found === undefined) throw new SqlError('internal_error', `unrecognized object type abbreviation: ${kind}`);
  const [everybody, own] = found;
  return new SqlArray('aclitem', [
    ...(everybody === '' ? [] : [`=${everybody}/${owner}`]),
    ...(own === '' ? [] : [`${owner}=${own}/${owner}`]),
  ]);
}
