/**
 * The functions that PostgreSQL reads and prints values of its types by (`int4in`, `array_recv`): nobody calls them here, but
 * drivers know arrays and ranges by them. Names and oids are PostgreSQL's (pg_proc.dat).
 */

import { SqlArray } from '../../../models/relational/values.ts';
import { allTypes, type TypeInfo, typeInfo } from '../types/types.ts';
import type { SystemRow } from './system-row.ts';

/** What a function that reads takes besides the value: nothing, the type, or the type and its modifier. */
type Taken = 'text' | 'type' | 'modifier';

type Row = readonly [stem: string, taken: Taken, input: number, output: number, receive: number, send: number];

/** Each is called by its stem, and `in`, `out`, `recv` or `send` behind it; 0 where there is none. */
const ROWS: readonly Row[] = [
  ['name', 'text', 34, 35, 2422, 2423],
  ['int2', 'text', 38, 39, 2404, 2405],
  ['int2vector', 'text', 40, 41, 2410, 2411],
  ['int4', 'text', 42, 43, 2406, 2407],
  ['regproc', 'text', 44, 45, 2444, 2445],
  ['text', 'text', 46, 47, 2414, 2415],
  ['xid', 'text', 50, 51, 2440, 2441],
  ['oidvector', 'text', 54, 55, 2420, 2421],
  ['unknown', 'text', 109, 110, 2416, 2417],
  ['pg_node_tree_', 'text', 195, 196, 197, 198],
  ['float4', 'text', 200, 201, 2424, 2425],
  ['float8', 'text', 214, 215, 2426, 2427],
  ['json_', 'text', 321, 322, 323, 324],
  ['macaddr_', 'text', 436, 437, 2494, 2495],
  ['int8', 'text', 460, 461, 2408, 2409],
  ['array_', 'modifier', 750, 751, 2400, 2401],
  ['inet_', 'text', 910, 911, 2496, 2497],
  ['aclitem', 'text', 1031, 1032, 0, 0],
  ['bpchar', 'modifier', 1044, 1045, 2430, 2431],
  ['varchar', 'modifier', 1046, 1047, 2432, 2433],
  ['date_', 'text', 1084, 1085, 2468, 2469],
  ['time_', 'modifier', 1143, 1144, 2470, 2471],
  ['timestamptz_', 'modifier', 1150, 1151, 2476, 2477],
  ['interval_', 'modifier', 1160, 1161, 2478, 2479],
  ['bool', 'text', 1242, 1243, 2436, 2437],
  ['bytea', 'text', 1244, 31, 2412, 2413],
  ['char', 'text', 1245, 33, 2434, 2435],
  ['cidr_', 'text', 1267, 1427, 2498, 2499],
  ['timestamp_', 'modifier', 1312, 1313, 2474, 2475],
  ['timetz_', 'modifier', 1350, 1351, 2472, 2473],
  ['bit_', 'modifier', 1564, 1565, 2456, 2457],
  ['varbit_', 'modifier', 1579, 1580, 2458, 2459],
  ['numeric_', 'modifier', 1701, 1702, 2460, 2461],
  ['oid', 'text', 1798, 1799, 2418, 2419],
  ['regprocedure', 'text', 2212, 2213, 2446, 2447],
  ['regoper', 'text', 2214, 2215, 2448, 2449],
  ['regoperator', 'text', 2216, 2217, 2450, 2451],
  ['regclass', 'text', 2218, 2219, 2452, 2453],
  ['regtype', 'text', 2220, 2221, 2454, 2455],
  ['record_', 'modifier', 2290, 2291, 2402, 2403],
  ['cstring_', 'text', 2292, 2293, 2500, 2501],
  ['any_', 'text', 2294, 2295, 0, 0],
  ['anyarray_', 'text', 2296, 2297, 2502, 2503],
  ['void_', 'text', 2298, 2299, 3120, 3121],
  ['trigger_', 'text', 2300, 2301, 0, 0],
  ['anyelement_', 'text', 2312, 2313, 0, 0],
  ['anynonarray_', 'text', 2777, 2778, 0, 0],
  ['txid_snapshot_', 'text', 2939, 2940, 2941, 2942],
  ['uuid_', 'text', 2952, 2953, 2961, 2962],
  ['pg_lsn_', 'text', 3229, 3230, 3238, 3239],
  ['anyenum_', 'text', 3504, 3505, 0, 0],
  ['enum_', 'type', 3506, 3507, 3532, 3533],
  ['jsonb_', 'text', 3806, 3804, 3805, 3803],
  ['anyrange_', 'modifier', 3832, 3833, 0, 0],
  ['range_', 'modifier', 3834, 3835, 3836, 3837],
  ['jsonpath_', 'text', 4001, 4003, 4002, 4004],
  ['regnamespace', 'text', 4084, 4085, 4087, 4088],
  ['regrole', 'text', 4098, 4092, 4094, 4095],
  ['macaddr8_', 'text', 4110, 4111, 3446, 3447],
  ['regcollation', 'text', 4193, 4194, 4196, 4197],
  ['anycompatiblemultirange_', 'modifier', 4226, 4227, 0, 0],
  ['anymultirange_', 'modifier', 4229, 4230, 0, 0],
  ['multirange_', 'modifier', 4231, 4232, 4233, 4234],
  ['pg_snapshot_', 'text', 5055, 5056, 5057, 5058],
  ['xid8', 'text', 5070, 5081, 5082, 5083],
  ['anycompatible_', 'text', 5086, 5087, 0, 0],
  ['anycompatiblearray_', 'text', 5088, 5089, 5090, 5091],
  ['anycompatiblenonarray_', 'text', 5092, 5093, 0, 0],
  ['anycompatiblerange_', 'modifier', 5094, 5095, 0, 0],
];

/** By types: functions that read and print modifiers. */
const MODIFIERS: Readonly<Record<string, readonly [input: number, output: number]>> = {
  varbit: [2902, 2921],
  interval: [2903, 2904],
  timestamp: [2905, 2906],
  timestamptz: [2907, 2908],
  time: [2909, 2910],
  timetz: [2911, 2912],
  bpchar: [2913, 2914],
  varchar: [2915, 2916],
  numeric: [2917, 2918],
  bit: [2919, 2920],
};
const SUBSCRIPTS = { array_subscript_handler: 6179, raw_array_subscript_handler: 6180, jsonb_subscript_handler: 6098 };

/** Those of a domain print as the type below it does. */
const DOMAIN: Row = ['domain_', 'modifier', 2597, 0, 2598, 0];
const CSTRING = 2275;
const CSTRING_ARRAY = 1263;
const INTERNAL = 2281;
const BYTEA = 17;
const [OID, INT4] = [26, 23];
const EXTRA: Readonly<Record<Taken, readonly number[]>> = { text: [], type: [OID], modifier: [OID, INT4] };

const byStem = new Map(ROWS.map((row) => [row[0], row]));

function rowOf(info: TypeInfo): Row | undefined {
  if (info.base !== undefined) return rowOf(typeInfo(info.base));
  const own = byStem.get(info.name) ?? byStem.get(`${info.name}_`);
  if (own !== undefined && !info.type.startsWith('user:')) return own;
  switch (info.kind) {
    case 'r':
      return byStem.get('range_');
    case 'm':
      return byStem.get('multirange_');
    case 'e':
      return byStem.get('enum_');
    case 'c':
      return byStem.get('record_');
    default:
      return byStem.get(info.element === undefined ? 'record_' : 'array_');
  }
}

/** The functions of a type, as pg_type tells of them. */
export function typeFunctions(info: TypeInfo): SystemRow {
  const row = rowOf(info);
  if (row === undefined) return {};
  const [, , input, output, receive, send] = row;
  const isDomain = info.base !== undefined;
  return {
    typinput: isDomain ? DOMAIN[2] : input,
    typoutput: output,
    typreceive: isDomain ? DOMAIN[4] : receive,
    typsend: send,
    // A domain has the modifier that it was made with.
    ...(isDomain ? {} : modifierFunctions(info)),
    typsubscript: isDomain ? 0 : subscriptFunction(info),
  };
}

function modifierFunctions({ type, element, kind }: TypeInfo): SystemRow {
  const functions = MODIFIERS[kind === 'b' ? (element ?? type) : ''];
  return functions === undefined ? {} : { typmodin: functions[0], typmodout: functions[1] };
}

function subscriptFunction({ type, element, kind }: TypeInfo): number {
  if (type === 'jsonb') return SUBSCRIPTS.jsonb_subscript_handler;
  if (type === 'name') return SUBSCRIPTS.raw_array_subscript_handler;
  return element === undefined || kind === 'r' || kind === 'm' ? 0 : SUBSCRIPTS.array_subscript_handler;
}

/** Types that a stem means which is no type's name. */
const KINDS: Readonly<Record<string, number>> = {
  array_: 2277,
  range_: 3831,
  multirange_: 4537,
  enum_: 3500,
  record_: 2249,
  domain_: 2276,
};

/** The rows of pg_proc. @param shared What they have in common with those of other functions. */
export function* typeFunctionRows(shared: SystemRow): Iterable<SystemRow> {
  const oids = new Map([...allTypes()].map(({ name, oid }) => [name, oid]));
  const row = (oid: number, name: string, types: readonly number[], result: number): SystemRow => ({
    ...shared,
    oid,
    proname: name,
    pronargs: types.length,
    proargtypes: new SqlArray('oid', types, [types.length], [0]),
    prorettype: result,
    proisstrict: true,
    provolatile: 's',
    prosrc: name,
  });
  for (const [stem, taken, input, output, receive, send] of [...ROWS, DOMAIN]) {
    const type = KINDS[stem] ?? oids.get(stem.replace(/_$/, '')) ?? 0;
    yield row(input, `${stem}in`, [CSTRING, ...EXTRA[taken]], type);
    if (output !== 0) yield row(output, `${stem}out`, [type], CSTRING);
    if (receive !== 0) yield row(receive, `${stem}recv`, [INTERNAL, ...EXTRA[taken]], type);
    if (send !== 0) yield row(send, `${stem}send`, [type], BYTEA);
  }
  for (const [type, [input, output]] of Object.entries(MODIFIERS)) {
    yield row(input, `${type}typmodin`, [CSTRING_ARRAY], INT4);
    yield row(output, `${type}typmodout`, [INT4], CSTRING);
  }
  for (const [name, oid] of Object.entries(SUBSCRIPTS)) yield row(oid, name, [INTERNAL], INTERNAL);
}

let named: ReadonlyMap<string, SystemRow> | undefined;

function byName(): ReadonlyMap<string, SystemRow> {
  named ??= new Map([...typeFunctionRows({})].map((row) => [row.proname as string, row]));
  return named;
}

/** The oid of the function of that name, with these arguments where they are given. */
export function typeFunctionNamed(name: string, types: readonly number[] | undefined): number | undefined {
  const row = byName().get(name);
  if (row === undefined) return undefined;
  const declared = (row.proargtypes as SqlArray).values;
  return types === undefined || declared.join() === types.join() ? (row.oid as number) : undefined;
}

/** Name and types of arguments. */
export function typeFunction(oid: number): { readonly name: string; readonly types: readonly number[] } | undefined {
  for (const row of byName().values()) {
    if (row.oid === oid) {
      return { name: row.proname as string, types: (row.proargtypes as SqlArray).values as readonly number[] };
    }
  }
  return undefined;
}
