/** The types that random queries are made of, and values of them. */

export const GENERATED_TYPES = [
  'int',
  'big',
  'num',
  'dbl',
  'txt',
  'bool',
  'date',
  'ts',
  'tz',
  'time',
  'iv',
  'json',
  'ints',
  'txts',
  'rng',
  'drng',
  'mood',
  'pair',
  'bytes',
  'inet',
] as const;
export type GeneratedType = (typeof GENERATED_TYPES)[number];

export const SQL_TYPES: Readonly<Record<GeneratedType, string>> = {
  int: 'int',
  big: 'bigint',
  num: 'numeric',
  dbl: 'double precision',
  txt: 'text',
  bool: 'boolean',
  date: 'date',
  ts: 'timestamp',
  tz: 'timestamptz',
  time: 'time',
  iv: 'interval',
  json: 'jsonb',
  ints: 'int[]',
  txts: 'text[]',
  rng: 'int4range',
  drng: 'daterange',
  mood: 'mood',
  pair: 'pair',
  bytes: 'bytea',
  inet: 'inet',
};

/** Types that statements make before the tables. */
export const MADE_TYPES: readonly string[] = [
  "create type mood as enum ('sad', 'ok', 'happy')",
  'create type pair as (x int, y text)',
];

/** Texts of values, as SQL writes them. */
export const VALUES: Readonly<Record<GeneratedType, readonly string[]>> = {
  int: ['0', '1', '2', '3', '7', '-1', '12', '40'],
  big: ["bigint '0'", "bigint '5'", '3000000000', '-3000000000', "bigint '12'"],
  num: ['0.00', '1.50', '-2.25', '10.00', '99.99', '0.01'],
  dbl: ["double precision '0'", "double precision '1.5'", "double precision '-2.25'", "double precision '1e10'"],
  txt: ["''", "'a'", "'ab'", "'Hello World'", "'b,c,d'", "'12'", "'x_y%'", "'  pad '", "'a b'"],
  bool: ['true', 'false'],
  date: ["date '2024-02-29'", "date '1999-12-31'", "date '2024-03-01'", "date '2020-06-15'"],
  ts: ["timestamp '2024-02-29 12:34:56'", "timestamp '1999-12-31 23:59:59.5'", "timestamp '2020-06-15'"],
  tz: [
    "timestamptz '2024-02-29 12:34:56+02'",
    "timestamptz '1999-12-31 23:59:59.5Z'",
    "timestamptz '2020-06-15 00:00 UTC'",
  ],
  time: ["time '12:34:56'", "time '00:00'", "time '23:59:59.25'"],
  iv: ["interval '1 day'", "interval '2 hours 30 minutes'", "interval '1 mon -3 days'", "interval '00:00:01.5'"],
  json: [
    `jsonb '{"a": 1, "b": [true, null]}'`,
    `jsonb '[1, 2, "x"]'`,
    `jsonb '{"a": {"c": "d"}, "k": "v"}'`,
    `jsonb '"s"'`,
    `jsonb '{}'`,
    `jsonb '3'`,
  ],
  ints: ["'{1,2,3}'::int[]", "'{}'::int[]", "'{4,NULL,1}'::int[]", "'{7}'::int[]"],
  txts: ["'{a,b}'::text[]", "'{}'::text[]", "array['x y', null, '']", `'{"b,c",a}'::text[]`],
  rng: ['int4range(1, 5)', 'int4range(3, 9)', "'empty'::int4range", 'int4range(null, 4)', "'[2,2]'::int4range"],
  drng: [
    "daterange '[2024-01-01,2024-03-01)'",
    "daterange '[2020-06-15,2020-06-15]'",
    "daterange 'empty'",
    "daterange '(,2000-01-01)'",
  ],
  mood: ["'sad'::mood", "'ok'::mood", "'happy'::mood"],
  pair: ["row(1, 'a')::pair", 'row(2, null)::pair', "'(1,b c)'::pair"],
  bytes: [String.raw`'\x00ff10'::bytea`, "''::bytea", String.raw`'\x616263'::bytea`],
  inet: ["inet '10.1.2.3/8'", "inet '192.168.0.1'", "inet '::1'"],
};

/** Types whose equal values look alike, so that one of them can stand for a group. */
export const KEYS: readonly GeneratedType[] = [
  'int',
  'big',
  'txt',
  'bool',
  'date',
  'ts',
  'tz',
  'time',
  'ints',
  'txts',
  'rng',
  'drng',
  'mood',
  'pair',
  'bytes',
  'inet',
  'num',
];

/** An expression of one of `KEYS` whose equal values look alike. */
export function keyOf(type: GeneratedType, sql: string): string {
  return type === 'num' ? `round(${sql}, 2)` : sql;
}
