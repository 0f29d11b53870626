/**
 * Which type becomes which, and how freely: PostgreSQL 15's `pg_cast` for the types there are here, as a table of text.
 *
 * A line is a source and its targets; `+` in front of a target is an implicit cast, `=` one on assignment, nothing an explicit
 * one. Casts through the text form (to and from strings) are rules, not rows; see `castRule`. What a cast computes is
 * in cast.ts; a test compares this table with the server's.
 */

import type { CastContext, SqlType } from './types.ts';

const REGISTERED =
  '+regproc +regprocedure +regoper +regoperator +regclass +regtype +regnamespace +regrole +regcollation';

const ROWS = `
bool: int4 =text =bpchar =varchar
char: int4 +text =bpchar =varchar
name: +text =bpchar =varchar
int8: =int2 =int4 bit +oid +float4 +float8 +numeric ${REGISTERED}
int2: +int8 +int4 +oid +float4 +float8 +numeric ${REGISTERED}
int4: bool char bit +int8 =int2 +oid +float4 +float8 +numeric ${REGISTERED}
text: =char +name +bpchar +varchar +regclass
oid: =int8 =int4 ${REGISTERED}
json: =jsonb
cidr: =text +inet =bpchar =varchar
float4: =int8 =int2 =int4 +float8 =numeric
float8: =int8 =int2 =int4 =float4 =numeric
inet: =text =cidr =bpchar =varchar
bpchar: =char +name +text +varchar
varchar: =char +name +text +bpchar +regclass
date: +timestamp +timestamptz
time: +interval +timetz
timestamp: =date =time +timestamptz
timestamptz: =date =time =timestamp =timetz
interval: =time
timetz: =time
numeric: =int8 =int2 =int4 +float4 +float8
jsonb: bool int8 int2 int4 =json float4 float8 numeric
pg_node_tree: +text
bit: int8 int4 +varbit
varbit: +bit
macaddr: +macaddr8
macaddr8: +macaddr
int4range: int4multirange
int8range: int8multirange
numrange: nummultirange
tsrange: tsmultirange
tstzrange: tstzmultirange
daterange: datemultirange
xid8: xid
regproc: =int8 =int4 +oid +regprocedure
regprocedure: =int8 =int4 +oid +regproc
regoper: =int8 =int4 +oid +regoperator
regoperator: =int8 =int4 +oid +regoper
regclass: =int8 =int4 +oid
regtype: =int8 =int4 +oid
regnamespace: =int8 =int4 +oid
regrole: =int8 =int4 +oid
regcollation: =int8 =int4 +oid
`;

const RULES = new Map<SqlType, Map<SqlType, CastContext>>();
for (const line of ROWS.trim().split('\n')) {
  const [source, targets] = line.split(': ') as [SqlType, string];
  const rules = new Map<SqlType, CastContext>();
  for (const target of targets.split(' ')) {
    if (target.startsWith('+')) rules.set(target.slice(1) as SqlType, 'implicit');
    else if (target.startsWith('=')) rules.set(target.slice(1) as SqlType, 'assignment');
    else rules.set(target as SqlType, 'explicit');
  }
  RULES.set(source, rules);
}

/** The row of the table, if there is one. */
export function castRule(from: SqlType, to: SqlType): CastContext | undefined {
  return RULES.get(from)?.get(to);
}

/** All rows, for `pg_cast`. */
export function* castRules(): Iterable<readonly [from: SqlType, to: SqlType, context: CastContext]> {
  for (const [from, rules] of RULES) for (const [to, context] of rules) yield [from, to, context];
}
