/**
 * The functions that PostgreSQL has behind its operators, by their names: `booleq(a, b)` is `a = b`, `int4pl(a, b)` is `a + b`. A row
 * here names an operator and its operands; the code is the operator's own. Comparisons follow a pattern, `…eq`, `…lt` and so on,
 * with `…cmp` for the three-way order and `…larger` and `…smaller` for the one of two.
 */

import { castFor } from '../types/cast.ts';
import { compareFor } from '../types/compare.ts';
import { commonType, type SqlType, type SqlValue } from '../types/types.ts';
import { COMPARISON } from './comparisons.ts';
import type {
  FunctionDefinition,
  FunctionDirectory,
  FunctionTable,
  Kernel,
  KernelBuilder,
  RunContext,
} from './definition.ts';

type Value = Exclude<SqlValue, null>;

/** `*` stands for what the function asks: `eq`, `ne`, `lt`, `le`, `gt`, `ge`, `cmp`. Behind it the operand, or both. */
const COMPARED = `
bool*:bool bytea*:bytea char*:char name*:name int2*:int2 int4*:int4 int8*:int8 oid*:oid oidvector*:oidvector float4*:float4
float8*:float8 bpchar*:bpchar bit*:bit varbit*:varbit xid8*:xid8 text_*:text date_*:date time_*:time timetz_*:timetz
timestamp_*:timestamp timestamptz_*:timestamptz interval_*:interval numeric_*:numeric uuid_*:uuid macaddr_*:macaddr
macaddr8_*:macaddr8 jsonb_*:jsonb array_*:anyarray enum_*:anyenum range_*:anyrange multirange_*:anymultirange record_*:record
network_*:inet pg_lsn_*:pg_lsn int24*:int2,int4 int28*:int2,int8 int42*:int4,int2 int48*:int4,int8 int82*:int8,int2
int84*:int8,int4 float48*:float4,float8 float84*:float8,float4 name*text:name,text text*name:text,name
date_*_timestamp:date,timestamp date_*_timestamptz:date,timestamptz timestamp_*_date:timestamp,date
timestamp_*_timestamptz:timestamp,timestamptz timestamptz_*_date:timestamptz,date timestamptz_*_timestamp:timestamptz,timestamp
`;

/** The functions of index support put `bt` before names without an underscore, and before some with one. */
const CMP_PREFIXED = /^(?:bool|char|name|int|oid|float|text|array_|record_)/;

const COMPARISON_NAMES = { eq: '=', ne: '<>', lt: '<', le: '<=', gt: '>', ge: '>=' } as const;

/** `larger` and `smaller` behind these. */
const EXTREMES = `
int2:int2 int4:int4 int8:int8 float4:float4 float8:float8 oid:oid text_:text bpchar_:bpchar date_:date time_:time timetz_:timetz
timestamp_:timestamp timestamptz_:timestamptz interval_:interval numeric_:numeric network_:inet array_:anyarray enum_:anyenum
pg_lsn_:pg_lsn xid8_:xid8
`;

/** Operators with their functions, each as `name(operands)`. */
const NAMED: Readonly<Record<string, string>> = {
  '+': `int2pl(int2,int2) int4pl(int4,int4) int8pl(int8,int8) int24pl(int2,int4) int28pl(int2,int8) int42pl(int4,int2) int48pl(int4,int8)
    int82pl(int8,int2) int84pl(int8,int4) float4pl(float4,float4) float8pl(float8,float8) float48pl(float4,float8)
    float84pl(float8,float4) numeric_add(numeric,numeric) int2up(int2) int4up(int4) int8up(int8) float4up(float4) float8up(float8)
    numeric_uplus(numeric) date_pli(date,int4) integer_pl_date(int4,date) date_pl_interval(date,interval)
    interval_pl_date(interval,date) datetime_pl(date,time) timedate_pl(time,date) datetimetz_pl(date,timetz)
    timetzdate_pl(timetz,date) interval_pl(interval,interval) time_pl_interval(time,interval) interval_pl_time(interval,time)
    timetz_pl_interval(timetz,interval) interval_pl_timetz(interval,timetz) timestamp_pl_interval(timestamp,interval)
    interval_pl_timestamp(interval,timestamp) timestamptz_pl_interval(timestamptz,interval)
    interval_pl_timestamptz(interval,timestamptz) inetpl(inet,int8) int8pl_inet(int8,inet) range_union(anyrange,anyrange)
    multirange_union(anymultirange,anymultirange) pg_lsn_pli(pg_lsn,numeric) numeric_pl_pg_lsn(numeric,pg_lsn)`,
  '-': `int2mi(int2,int2) int4mi(int4,int4) int8mi(int8,int8) int24mi(int2,int4) int28mi(int2,int8) int42mi(int4,int2) int48mi(int4,int8)
    int82mi(int8,int2) int84mi(int8,int4) float4mi(float4,float4) float8mi(float8,float8) float48mi(float4,float8)
    float84mi(float8,float4) numeric_sub(numeric,numeric) int2um(int2) int4um(int4) int8um(int8) float4um(float4) float8um(float8)
    numeric_uminus(numeric) interval_um(interval) date_mi(date,date) date_mii(date,int4) date_mi_interval(date,interval)
    time_mi_time(time,time) time_mi_interval(time,interval) timetz_mi_interval(timetz,interval) interval_mi(interval,interval)
    timestamp_mi(timestamp,timestamp) timestamp_mi_interval(timestamp,interval) timestamptz_mi(timestamptz,timestamptz)
    timestamptz_mi_interval(timestamptz,interval) inetmi(inet,inet) inetmi_int8(inet,int8) jsonb_delete(jsonb,text)
    jsonb_delete(jsonb,int4) jsonb_delete(jsonb,_text) range_minus(anyrange,anyrange)
    multirange_minus(anymultirange,anymultirange) pg_lsn_mi(pg_lsn,pg_lsn) pg_lsn_mii(pg_lsn,numeric)`,
  '*': `int2mul(int2,int2) int4mul(int4,int4) int8mul(int8,int8) int24mul(int2,int4) int28mul(int2,int8) int42mul(int4,int2)
    int48mul(int4,int8) int82mul(int8,int2) int84mul(int8,int4) float4mul(float4,float4) float8mul(float8,float8)
    float48mul(float4,float8) float84mul(float8,float4) numeric_mul(numeric,numeric) interval_mul(interval,float8)
    mul_d_interval(float8,interval) range_intersect(anyrange,anyrange) multirange_intersect(anymultirange,anymultirange)`,
  '/': `int2div(int2,int2) int4div(int4,int4) int8div(int8,int8) int24div(int2,int4) int28div(int2,int8) int42div(int4,int2)
    int48div(int4,int8) int82div(int8,int2) int84div(int8,int4) float4div(float4,float4) float8div(float8,float8)
    float48div(float4,float8) float84div(float8,float4) numeric_div(numeric,numeric) interval_div(interval,float8)`,
  '%': 'int2mod(int2,int2) int4mod(int4,int4) int8mod(int8,int8) numeric_mod(numeric,numeric)',
  '^': 'dpow(float8,float8) numeric_power(numeric,numeric)',
  '@': 'int2abs(int2) int4abs(int4) int8abs(int8) float4abs(float4) float8abs(float8) numeric_abs(numeric)',
  '|/': 'dsqrt(float8)',
  '||/': 'dcbrt(float8)',
  '&': `int2and(int2,int2) int4and(int4,int4) int8and(int8,int8) bitand(bit,bit) inetand(inet,inet) macaddr_and(macaddr,macaddr)
    macaddr8_and(macaddr8,macaddr8)`,
  '|': `int2or(int2,int2) int4or(int4,int4) int8or(int8,int8) bitor(bit,bit) inetor(inet,inet) macaddr_or(macaddr,macaddr)
    macaddr8_or(macaddr8,macaddr8)`,
  '#': 'int2xor(int2,int2) int4xor(int4,int4) int8xor(int8,int8) bitxor(bit,bit)',
  '~': `int2not(int2) int4not(int4) int8not(int8) bitnot(bit) inetnot(inet) macaddr_not(macaddr) macaddr8_not(macaddr8)
    textregexeq(text,text) nameregexeq(name,text) bpcharregexeq(bpchar,text)`,
  '!~': 'textregexne(text,text) nameregexne(name,text) bpcharregexne(bpchar,text)',
  '~*': 'texticregexeq(text,text) nameicregexeq(name,text) bpcharicregexeq(bpchar,text)',
  '!~*': 'texticregexne(text,text) nameicregexne(name,text) bpcharicregexne(bpchar,text)',
  '~~': 'textlike(text,text) namelike(name,text) bpcharlike(bpchar,text) bytealike(bytea,bytea)',
  '!~~': 'textnlike(text,text) namenlike(name,text) bpcharnlike(bpchar,text) byteanlike(bytea,bytea)',
  '~~*': 'texticlike(text,text) nameiclike(name,text) bpchariclike(bpchar,text)',
  '!~~*': 'texticnlike(text,text) nameicnlike(name,text) bpcharicnlike(bpchar,text)',
  '<<': `int2shl(int2,int4) int4shl(int4,int4) int8shl(int8,int4) bitshiftleft(bit,int4) network_sub(inet,inet)
    range_before(anyrange,anyrange) range_before_multirange(anyrange,anymultirange)
    multirange_before_range(anymultirange,anyrange) multirange_before_multirange(anymultirange,anymultirange)`,
  '>>': `int2shr(int2,int4) int4shr(int4,int4) int8shr(int8,int4) bitshiftright(bit,int4) network_sup(inet,inet)
    range_after(anyrange,anyrange) range_after_multirange(anyrange,anymultirange)
    multirange_after_range(anymultirange,anyrange) multirange_after_multirange(anymultirange,anymultirange)`,
  '<<=': 'network_subeq(inet,inet)',
  '>>=': 'network_supeq(inet,inet)',
  '||': `textcat(text,text) anytextcat(anynonarray,text) textanycat(text,anynonarray) byteacat(bytea,bytea) bitcat(varbit,varbit)
    jsonb_concat(jsonb,jsonb)`,
  '->': `json_array_element(json,int4) json_object_field(json,text) jsonb_array_element(jsonb,int4) jsonb_object_field(jsonb,text)`,
  '->>': `json_array_element_text(json,int4) json_object_field_text(json,text) jsonb_array_element_text(jsonb,int4)
    jsonb_object_field_text(jsonb,text)`,
  '#-': 'jsonb_delete_path(jsonb,_text)',
  '~<~': 'text_pattern_lt(text,text) bpchar_pattern_lt(bpchar,bpchar)',
  '~<=~': 'text_pattern_le(text,text) bpchar_pattern_le(bpchar,bpchar)',
  '~>=~': 'text_pattern_ge(text,text) bpchar_pattern_ge(bpchar,bpchar)',
  '~>~': 'text_pattern_gt(text,text) bpchar_pattern_gt(bpchar,bpchar)',
  '?': 'jsonb_exists(jsonb,text)',
  '?|': 'jsonb_exists_any(jsonb,_text)',
  '?&': 'jsonb_exists_all(jsonb,_text)',
  '@?': 'jsonb_path_exists_opr(jsonb,jsonpath)',
  '@@': 'jsonb_path_match_opr(jsonb,jsonpath)',
  '@>': `arraycontains(anyarray,anyarray) jsonb_contains(jsonb,jsonb) range_contains(anyrange,anyrange)
    range_contains_elem(anyrange,anyelement) range_contains_multirange(anyrange,anymultirange)
    multirange_contains_elem(anymultirange,anyelement) multirange_contains_range(anymultirange,anyrange)
    multirange_contains_multirange(anymultirange,anymultirange)`,
  '<@': `arraycontained(anyarray,anyarray) jsonb_contained(jsonb,jsonb) range_contained_by(anyrange,anyrange)
    elem_contained_by_range(anyelement,anyrange) range_contained_by_multirange(anyrange,anymultirange)
    elem_contained_by_multirange(anyelement,anymultirange) multirange_contained_by_range(anymultirange,anyrange)
    multirange_contained_by_multirange(anymultirange,anymultirange)`,
  '&&': `arrayoverlap(anyarray,anyarray) network_overlap(inet,inet) range_overlaps(anyrange,anyrange)
    range_overlaps_multirange(anyrange,anymultirange) multirange_overlaps_range(anymultirange,anyrange)
    multirange_overlaps_multirange(anymultirange,anymultirange)`,
  '&<': `range_overleft(anyrange,anyrange) range_overleft_multirange(anyrange,anymultirange)
    multirange_overleft_range(anymultirange,anyrange) multirange_overleft_multirange(anymultirange,anymultirange)`,
  '&>': `range_overright(anyrange,anyrange) range_overright_multirange(anyrange,anymultirange)
    multirange_overright_range(anymultirange,anyrange) multirange_overright_multirange(anymultirange,anymultirange)`,
  '-|-': `range_adjacent(anyrange,anyrange) range_adjacent_multirange(anyrange,anymultirange)
    multirange_adjacent_range(anymultirange,anyrange) multirange_adjacent_multirange(anymultirange,anymultirange)`,
};

const words = (text: string): readonly string[] => text.trim().split(/\s+/);

/** Two values of types that may differ, in the order of the type that they have in common. */
function ordered(test: (order: number, a: Value, b: Value) => SqlValue): KernelBuilder {
  return {
    build: ([a, b]) => {
      const common = commonType([a!, b!])!;
      const compare = compareFor(common);
      const [left, right] = [castFor(a!, common), castFor(b!, common)];
      return (x: Value, y: Value, context: RunContext) =>
        test(
          compare(
            left === undefined ? x : (left(x, context) as Value),
            right === undefined ? y : (right(y, context) as Value),
          ),
          x,
          y,
        );
    },
  };
}

const TESTS: Readonly<Record<keyof typeof COMPARISON_NAMES, (order: number) => boolean>> = {
  eq: (order) => order === 0,
  ne: (order) => order !== 0,
  lt: (order) => order < 0,
  le: (order) => order <= 0,
  gt: (order) => order > 0,
  ge: (order) => order >= 0,
};

function compareName(stem: string, what: string): string {
  // Texts are equal without an underscore and ordered with one, but for those that are compared with names.
  if (stem === 'text_*' && (what === 'eq' || what === 'ne')) return `text${what}`;
  if (what === 'cmp' && CMP_PREFIXED.test(stem)) return `bt${stem.replace('_*', '*').replace('*', '')}cmp`;
  return stem.replace('*', what);
}

function* comparisons(): Iterable<readonly [string, KernelBuilder]> {
  for (const word of words(COMPARED)) {
    const [stem, operands] = word.split(':') as [string, string];
    const [left, right = left] = operands.split(',') as [string, string?];
    for (const [what, test] of Object.entries(TESTS)) {
      yield [`${compareName(stem, what)}(${left}, ${right}) bool`, ordered(test)];
    }
    yield [`${compareName(stem, 'cmp')}(${left}, ${right}) int4`, ordered((order) => Math.sign(order))];
  }
  yield ['xideq(xid, xid) bool', ordered(TESTS.eq)];
  yield ['xidneq(xid, xid) bool', ordered(TESTS.ne)];
  for (const word of words(EXTREMES)) {
    const [stem, type] = word.split(':') as [string, string];
    yield [`${stem}larger(${type}, ${type}) ${type}`, ordered((order, a, b) => (order > 0 ? a : b))];
    yield [`${stem}smaller(${type}, ${type}) ${type}`, ordered((order, a, b) => (order < 0 ? a : b))];
  }
}

/** With the code of the operators; whatever has no such operator is left out. */
export function operatorFunctions(operators: FunctionDirectory): FunctionTable {
  const table: Record<string, Kernel | KernelBuilder> = Object.fromEntries(comparisons());
  for (const [operator, list] of Object.entries(NAMED)) {
    const byOperands = new Map<string, FunctionDefinition>();
    for (const each of operators.named(operator)) {
      if (each.code !== COMPARISON) byOperands.set(each.arguments.join(), each);
    }
    for (const word of words(list)) {
      const [name, operands] = word.slice(0, -1).split('(') as [string, string];
      const found = byOperands.get(operands);
      if (found === undefined) continue;
      const further = `${found.volatility === 'immutable' ? '' : ` ${found.volatility}`}${found.strict ? '' : ' called'}`;
      table[`${name}(${found.arguments.join(', ')}) ${found.result as SqlType}${further}`] = found.code;
    }
  }
  return table;
}
