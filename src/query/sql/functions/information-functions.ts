/** Functions of the information schema that drivers call: JDBC looks at the columns of keys by them. */

import type { SqlArray } from '../../../models/relational/values.ts';
import type { SqlType, SqlValue } from '../types/types.ts';
import { FunctionDirectory, type FunctionTable } from './definition.ts';
import { makeRecord } from './records.ts';

/** Its elements, each with its place from 1. */
function expandArray(element: SqlType) {
  return (array: SqlArray): readonly SqlValue[] =>
    array.values.map((value, i) => makeRecord([element, 'int4'], [value, i + 1]));
}

const TABLE: FunctionTable = {
  '_pg_expandarray(int2vector) setof {x:int2,n:int4}': expandArray('int2'),
  '_pg_expandarray(_int2) setof {x:int2,n:int4}': expandArray('int2'),
  '_pg_expandarray(_int4) setof {x:int4,n:int4}': expandArray('int4'),
  '_pg_expandarray(_int8) setof {x:int8,n:int4}': expandArray('int8'),
  '_pg_expandarray(_oid) setof {x:oid,n:int4}': expandArray('oid'),
  '_pg_expandarray(_text) setof {x:text,n:int4}': expandArray('text'),
};

export const INFORMATION_FUNCTIONS = new FunctionDirectory([TABLE]);
