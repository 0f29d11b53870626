/** The functions that PostgreSQL sends values of its types by (`uuid_send`, `int8send`): the bytes of a value. */

import type { SqlArray, SqlRecord } from '../../../models/relational/values.ts';
import { encodeBinary } from '../types/binary-form.ts';
import type { SqlType, SqlValue } from '../types/types.ts';
import type { FunctionTable } from './definition.ts';

/** Names of types, with an underscore where one stands between them and `send`. */
const STEMS =
  'name int2 int4 regproc text xid float4 float8 json_ macaddr_ int8 inet_ bpchar varchar date_ time_ timestamptz_ interval_ ' +
  'bool bytea char cidr_ timestamp_ timetz_ bit_ varbit_ numeric_ oid regclass regtype uuid_ pg_lsn_ jsonb_ jsonpath_ regnamespace ' +
  'regrole macaddr8_ pg_snapshot_ xid8';

export const SEND_FUNCTIONS: FunctionTable = {
  ...Object.fromEntries(
    STEMS.split(' ').map((stem) => {
      const type = stem.replace(/_$/, '') as SqlType;
      return [`${stem}send(${type}) bytea`, (value: Exclude<SqlValue, null>) => encodeBinary(type, value)];
    }),
  ),
  'array_send(anyarray) bytea stable': (value: SqlArray) => encodeBinary('anyarray', value),
  'record_send(record) bytea stable': (value: SqlRecord) => encodeBinary('record', value),
};
