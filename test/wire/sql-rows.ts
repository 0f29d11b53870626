/**
 * What the SQL differential may generate, as rows of data: types, expressions, predicates, aggregates, statements. Adding a type,
 * a function or a clause to the comparison is one row.
 *
 * In a template `$type` stands for an expression of that type, `$bool` for a condition, `@type` for a literal, `#` for a
 * small number; see `sql-generator.ts`. Every row is tried before a run. One that this server does not have is an
 * error, unless it is `pending`: then it is left out until the server learns it, and should lose its mark.
 */

export interface TypeRow {
  /** As in templates. */
  readonly type: string;
  /** As in SQL. */
  readonly sql: string;
  /** Texts of values; written as `'text'::sql`, or as they are where `bare`. */
  readonly values: readonly string[];
  readonly bare?: boolean;
  readonly pending?: boolean;
}

export interface ExpressionRow {
  /** Type of the result. */
  readonly type: string;
  readonly templates: readonly string[];
  readonly pending?: boolean;
}

export interface StatementRow {
  readonly template: string;
  /** How often, compared with others. Default 1. */
  readonly weight?: number;
  readonly pending?: boolean;
}

export const TYPES: readonly TypeRow[] = [
  { type: 'int4', sql: 'integer', values: ['0', '1', '2', '3', '7', '-1', '-5', '42', '100000'], bare: true },
  { type: 'int2', sql: 'smallint', values: ['0', '1', '-3', '12', '32767'] },
  { type: 'int8', sql: 'bigint', values: ['0', '5', '-8', '3000000000', '9223372036854775807'] },
  { type: 'numeric', sql: 'numeric', values: ['0', '1.5', '-2.25', '10.00', '123456789.987654321', '0.001'] },
  { type: 'float8', sql: 'double precision', values: ['0', '1.5', '-0.25', '1e10', '3.141592653589793', 'NaN'] },
  { type: 'bool', sql: 'boolean', values: ['true', 'false'], bare: true },
  { type: 'text', sql: 'text', values: ['', 'a', 'ab', 'B', 'hello world', 'é', 'a%b_c', ' padded ', '𝄞x', '12'] },
  { type: 'varchar', sql: 'varchar(5)', values: ['', 'abc', 'abcde', 'é'] },
  { type: 'bpchar', sql: 'char(4)', values: ['', 'ab', 'abcd'] },
  {
    type: 'timestamp',
    sql: 'timestamp',
    values: ['2024-02-29 12:34:56', '1999-12-31 23:59:59.999999', '2000-01-01 00:00:00', '0044-03-15 10:00:00'],
  },
  {
    type: 'timestamptz',
    sql: 'timestamp with time zone',
    values: ['2024-02-29 12:34:56+02', '1970-01-01 00:00:00+00', '2038-01-19 03:14:08.5-05:30'],
  },
  { type: 'float4', sql: 'real', values: ['0', '1.5', '-0.1', '3.4e38', 'NaN'] },
  { type: 'date', sql: 'date', values: ['2024-02-29', '1999-12-31', '0001-01-01', '2100-03-01'] },
  { type: 'time', sql: 'time', values: ['00:00:00', '12:34:56.789', '23:59:59.999999'] },
  {
    type: 'interval',
    sql: 'interval',
    values: ['1 day', '2 hours 30 minutes', '-1 year 2 months', '00:00:01.5', '1 mon -1 day +02:03:04'],
  },
  {
    type: 'uuid',
    sql: 'uuid',
    values: ['00000000-0000-0000-0000-000000000000', 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'],
  },
  { type: 'bytea', sql: 'bytea', values: ['\\x', '\\x00ff10', '\\xdeadbeef'] },
  {
    type: 'jsonb',
    sql: 'jsonb',
    values: ['{}', '[1, 2, 3]', '{"a": 1, "b": [true, null]}', '"text"', '{"b": {"c": 1.50}, "a": "é"}', 'null'],
  },
  { type: 'int4array', sql: 'integer[]', values: ['{}', '{1,2,3}', '{NULL,5}', '{{1,2},{3,4}}'] },
  { type: 'textarray', sql: 'text[]', values: ['{}', '{a,b}', '{"x y",NULL,""}'] },
  { type: 'int4range', sql: 'int4range', values: ['empty', '[1,5)', '(,3]', '[2,)', '[3,3]'] },
  { type: 'inet', sql: 'inet', values: ['10.0.0.1', '10.1.2.3/8', '::1', '192.168.0.0/16'] },
];

export const EXPRESSIONS: readonly ExpressionRow[] = [
  // Arithmetic
  ...['int4', 'numeric', 'float8'].map((type) => ({
    type,
    templates: [
      `($${type} + $${type})`,
      `($${type} - $${type})`,
      `($${type} * $${type})`,
      `(- $${type})`,
      `abs($${type})`,
    ],
  })),
  { type: 'int4', templates: ['($int4 / $int4)', '($int4 % $int4)', '($int2 + $int4)', 'mod($int4, $int4)'] },
  { type: 'int2', templates: ['($int2 / @int2)', '($int2 % $int2)', 'abs($int2)'] },
  {
    type: 'int8',
    templates: ['($int8 + $int4)', '($int8 / $int8)', '($int8 % $int4)', '($int4 - $int8)', 'abs($int8)'],
  },
  {
    type: 'numeric',
    templates: ['($numeric / $numeric)', '($numeric % $numeric)', '($numeric + $int4)', '($int8 * $numeric)'],
  },
  { type: 'numeric', templates: ['floor($numeric)', 'ceil($numeric)', 'round($numeric)', 'round($numeric, #)'] },
  {
    type: 'float8',
    templates: ['($float8 / $float8)', '($float8 + $int4)', '($numeric * $float8)', 'floor($float8)', 'ceil($float8)'],
  },
  // Conversions
  {
    type: 'int4',
    templates: ['$int2::int', '$int8::int', '$numeric::int', '$float8::int', '$bool::int', 'cast($text as integer)'],
  },
  { type: 'int8', templates: ['$int4::bigint', '$numeric::bigint'] },
  { type: 'int2', templates: ['$int4::smallint'] },
  { type: 'numeric', templates: ['$int4::numeric', '$int8::numeric(12,2)', '$numeric::numeric(6,1)'] },
  { type: 'float8', templates: ['$int4::float8', '$numeric::float8'] },
  { type: 'bool', templates: ['$int4::boolean', '$text::boolean'] },
  {
    type: 'text',
    templates: [
      '$int4::text',
      '$int8::text',
      '$numeric::text',
      '$float8::text',
      '$bool::text',
      '$varchar::text',
      '$bpchar::text',
    ],
  },
  { type: 'text', templates: ['$timestamp::text', '$timestamptz::text'] },
  { type: 'varchar', templates: ['$text::varchar(3)', '$int4::varchar'] },
  { type: 'bpchar', templates: ['$text::char(2)'] },
  { type: 'timestamp', templates: ['$timestamptz::timestamp', '$timestamp::timestamp'] },
  { type: 'timestamp', templates: ['$timestamp::timestamp(0)'] },
  { type: 'timestamptz', templates: ['$timestamp::timestamptz'] },
  // Text
  { type: 'int4', templates: ['length($text)', 'octet_length($text)', 'char_length($varchar)', 'length($bpchar)'] },
  {
    type: 'text',
    templates: ['lower($text)', 'upper($text)', '($text || $text)', '($text || $int4)', 'ltrim($text)', 'rtrim($text)'],
  },
  {
    type: 'text',
    templates: ['substr($text, #)', 'substring($text from # for #)', 'concat($text, $int4)', 'trim($text)'],
  },
  {
    type: 'text',
    templates: [
      'replace($text, $text, $text)',
      'left($text, #)',
      'right($text, #)',
      'reverse($text)',
      'repeat($text, #)',
    ],
  },
  {
    type: 'text',
    templates: [
      "lpad($text, #, 'xy')",
      "rpad($text, #, 'xy')",
      "split_part($text, 'a', 1)",
      'initcap($text)',
      "translate($text, 'ab', 'x')",
    ],
  },
  {
    type: 'text',
    templates: [
      'md5($text)',
      'quote_literal($text)',
      'quote_ident($text)',
      "concat_ws(',', $text, $int4)",
      "format('%s-%I', $int4, $text)",
    ],
  },
  {
    type: 'text',
    templates: [
      "overlay($text placing 'zz' from 2 for 1)",
      "regexp_replace($text, '[a-c]', 'X')",
      'chr(65 + #)',
      'to_hex($int4)',
    ],
  },
  {
    type: 'int4',
    templates: ['position($text in $text)', 'strpos($text, $text)', 'ascii($text)', 'bit_length($text)'],
  },
  {
    type: 'bool',
    templates: ["starts_with($text, 'a')", "($text ~ '^[a-z]+')", "($text !~* 'B')", "($text similar to '%(a|b)%')"],
  },
  // Conditions
  ...['int4', 'int8', 'numeric', 'float8', 'text', 'timestamp', 'timestamptz'].map((type) => ({
    type: 'bool',
    templates: ['=', '<>', '<', '<=', '>', '>='].map((operator) => `($${type} ${operator} $${type})`),
  })),
  {
    type: 'bool',
    templates: [
      '($int4 = $int8)',
      '($int2 < $numeric)',
      '($numeric >= $float8)',
      '($varchar = $text)',
      '($bpchar = $bpchar)',
    ],
  },
  {
    type: 'bool',
    templates: [
      '($bool and $bool)',
      '($bool or $bool)',
      '(not $bool)',
      '($bool = $bool)',
      '($bool is true)',
      '($bool is not false)',
      '($bool is unknown)',
    ],
  },
  {
    type: 'bool',
    templates: [
      '($int4 is null)',
      '($text is not null)',
      '($int4 is distinct from $int4)',
      '($text is not distinct from $text)',
    ],
  },
  {
    type: 'bool',
    templates: ['($int4 in ($int4, $int4, $int4))', '($text not in ($text, $text))', '($int4 between $int4 and $int4)'],
  },
  {
    type: 'bool',
    templates: ["($text like 'a%')", "($text not like '%b_')", "($text ilike '%B%')", '($text like $text)'],
  },
  // Choices
  ...['int4', 'int8', 'numeric', 'float8', 'text', 'bool', 'timestamp'].map((type) => ({
    type,
    templates: [
      `coalesce($${type}, $${type})`,
      `nullif($${type}, $${type})`,
      `case when $bool then $${type} else $${type} end`,
      `case $int4 when $int4 then $${type} end`,
      `greatest($${type}, $${type})`,
      `least($${type}, $${type}, $${type})`,
    ],
  })),
  { type: 'text', templates: ["btrim($text, ' a')"] },
  { type: 'bool', templates: ['($int4 between symmetric $int4 and $int4)'] },
  // Literals without a type, and truth values as text
  { type: 'int4', templates: ['nullif(null, $int4)', '($int4 + null)', 'coalesce(null, $int4)'] },
  { type: 'timestamp', templates: ['nullif(null, $timestamp)'] },
  { type: 'text', templates: ['concat($text, $bool)'] },
  // Its last digit is the mathematical library's: for the soak alone.
  { type: 'float8', templates: ['power($float8, 2)'], pending: true },
  // Mathematics
  {
    type: 'float8',
    templates: ['sqrt(abs($float8))', 'trunc($float8)', 'sign($float8)', 'degrees($float8)'],
  },
  {
    type: 'numeric',
    templates: [
      'trunc($numeric, 1)',
      'sign($numeric)',
      'sqrt(abs($numeric))',
      'exp(@numeric)',
      'div($numeric, $numeric)',
    ],
  },
  { type: 'int4', templates: ['($int4 # $int4)'] },
  {
    type: 'int4',
    templates: ['($int4 & $int4)', '($int4 | $int4)', '(~ $int4)', '($int4 << #)', '($int4 >> #)', 'gcd($int4, $int4)'],
  },
  // Time
  { type: 'date', templates: ['$timestamp::date', '($date + #)', '($date - #)'] },
  { type: 'date', templates: ['make_date(2024, 1 + #, 1 + #)'] },
  { type: 'int4', templates: ['($date - $date)'] },
  {
    type: 'timestamp',
    templates: ['($timestamp + $interval)', '($timestamp - $interval)', '($date + $time)', '$date::timestamp'],
  },
  { type: 'timestamp', templates: ["date_trunc('month', $timestamp)"] },
  { type: 'interval', templates: ['($timestamp - $timestamp)', '($interval + $interval)', '($interval * #)'] },
  { type: 'interval', templates: ['age($timestamp, $timestamp)', 'justify_hours($interval)'] },
  {
    type: 'numeric',
    templates: ['extract(year from $timestamp)', 'extract(epoch from $timestamp)', 'extract(dow from $date)'],
  },
  { type: 'float8', templates: ["date_part('hour', $timestamp)"] },
  {
    type: 'timestamptz',
    templates: ["($timestamp at time zone 'UTC')", "date_trunc('day', $timestamptz)"],
  },
  {
    type: 'text',
    templates: ["to_char($timestamp, 'YYYY-MM-DD HH24:MI:SS')", "to_char($numeric, '999999990.99')"],
  },
  // Documents and arrays
  { type: 'jsonb', templates: ["($jsonb #> '{b,c}')"] },
  {
    type: 'jsonb',
    templates: [
      '($jsonb -> 0)',
      "($jsonb -> 'b')",
      '($jsonb || $jsonb)',
      "($jsonb - 'a')",
      'to_jsonb($int4)',
      "jsonb_build_object('k', $int4)",
    ],
  },
  { type: 'text', templates: ['$jsonb::text'] },
  { type: 'text', templates: ["($jsonb ->> 'a')", 'jsonb_typeof($jsonb)'] },
  { type: 'bool', templates: ['($jsonb = $jsonb)'] },
  { type: 'bool', templates: ['($jsonb @> $jsonb)', "($jsonb ? 'a')"] },
  { type: 'int4array', templates: ['array[$int4, $int4]', '($int4array)[1:2]'] },
  { type: 'int4array', templates: ['($int4array || $int4)', 'array_append($int4array, $int4)'] },
  { type: 'int4', templates: ['($int4array)[1]'] },
  { type: 'int4', templates: ['array_length($int4array, 1)', 'cardinality($int4array)'] },
  { type: 'bool', templates: ['($int4array = $int4array)'] },
  { type: 'bool', templates: ['($int4 = any ($int4array))', '($int4 <> all ($int4array))'] },
  { type: 'bool', templates: ['($int4array @> $int4array)'] },
  { type: 'textarray', templates: ['array[$text, $text]', "string_to_array($text, ' ')"] },
  { type: 'text', templates: ['$textarray::text'] },
  { type: 'text', templates: ["array_to_string($textarray, '-', '*')"] },
  { type: 'bytea', templates: ['($bytea || $bytea)', "decode('00ff', 'hex')", 'substring($bytea from 2)'] },
  { type: 'text', templates: ['$uuid::text'] },
  { type: 'text', templates: ["encode($bytea, 'base64')"] },
  {
    type: 'bool',
    templates: [
      '($uuid < $uuid)',
      '($date <= $date)',
      '($time > $time)',
      '($interval = $interval)',
      '($bytea < $bytea)',
    ],
  },
  // Rows, ranges, addresses
  {
    type: 'bool',
    templates: [
      '(($int4, $text) < ($int4, $text))',
      '(($int4, $int8) = ($int4, $int8))',
      '(($int4, $text) in (($int4, $text), ($int4, $text)))',
      '(($int4, $bool) is distinct from ($int4, $bool))',
      '($int4 not between symmetric $int4 and $int4)',
      '(num_nulls($int4, $text) > 0)',
    ],
  },
  {
    type: 'int4range',
    templates: ['int4range(#, # + 6)', '($int4range * $int4range)', 'range_merge(@int4range, @int4range)'],
  },
  {
    type: 'bool',
    templates: [
      '($int4range @> $int4)',
      '($int4range && $int4range)',
      '($int4range <@ $int4range)',
      '($int4range << $int4range)',
      '($int4range -|- $int4range)',
      '($int4range < $int4range)',
      'isempty($int4range)',
    ],
  },
  { type: 'int4', templates: ['lower($int4range)', 'upper($int4range)', 'masklen($inet)', 'family($inet)'] },
  { type: 'bool', templates: ['($inet << $inet)', '($inet <= $inet)', '($inet && $inet)', '($inet = $inet)'] },
  { type: 'text', templates: ['host($inet)', '$int4range::text', '$inet::text'] },
  { type: 'inet', templates: ['network($inet)::inet', 'broadcast($inet)'] },
  // More of documents, arrays, times
  {
    type: 'jsonb',
    templates: [
      "jsonb_set($jsonb, '{a}', $jsonb)",
      '(jsonb_build_array($int4, $text, $bool))',
      'jsonb_strip_nulls($jsonb)',
      'to_jsonb($text)',
      'to_jsonb($int4array)',
    ],
  },
  { type: 'int4array', templates: ['array_remove($int4array, $int4)', 'array_replace(@int4array, $int4, $int4)'] },
  {
    type: 'int4',
    templates: [
      'coalesce(array_ndims($int4array), 0)',
      'extract(month from $date)::int',
      'array_position(array[$int4, $int4], $int4)',
    ],
  },
  {
    type: 'text',
    templates: ['array_dims($textarray)', "coalesce($text, 'none')", "regexp_replace($text, '(.)', '<\\1>', 'g')"],
  },
  {
    type: 'interval',
    templates: ['($time - $time)', '(- $interval)', 'justify_days($interval)', 'make_interval(days => #)'],
  },
  { type: 'time', templates: ['($time + $interval)', '$timestamp::time'] },
  {
    type: 'timestamp',
    templates: ["date_bin('2 hours', @timestamp, '2000-01-01')", "(@timestamptz at time zone 'Europe/Berlin')"],
  },
  { type: 'uuid', templates: ['md5($text)::uuid'] },
];

/**
 * With one row for a group. Left out is what depends on the order of rows: sums of floating point in their last digit, and
 * which of several equal numbers of different scales is the greatest.
 */
export const AGGREGATES: readonly ExpressionRow[] = [
  {
    type: 'int8',
    templates: ['count(*)', 'count($int4)', 'count(distinct $text)', 'sum($int4)', 'sum($int2)', 'count($bool)'],
  },
  { type: 'numeric', templates: ['sum($int8)', 'sum($numeric)', 'avg($int4)', 'avg($numeric)'] },
  { type: 'int4', templates: ['min($int4)', 'max($int4)', 'sum(distinct $int4)'] },
  { type: 'text', templates: ['min($text)', 'max($text)'] },
  { type: 'timestamp', templates: ['min($timestamp)', 'max($timestamp)'] },
  { type: 'bool', templates: ['bool_and($bool)', 'bool_or($bool)', 'every($bool)'] },
  { type: 'int4', templates: ['bit_and($int4)', 'bit_or($int4)'] },
  { type: 'numeric', templates: ['variance($int4)', 'stddev_pop($int4)', 'var_samp($numeric)'] },
  { type: 'text', templates: ["string_agg($text, ',' order by $text, id)"] },
  { type: 'int4array', templates: ['array_agg($int4 order by id)'] },
  { type: 'int8', templates: ['count(*) filter (where $bool)', 'sum($int4) filter (where $bool)'] },
  { type: 'float8', templates: ['percentile_cont(0.5) within group (order by $int4)'] },
];

/**
 * Statements whose rows would come in no order of their own ask for one. `%t` is a table, `%u` another one; `%c` a column name other than the key, `%k` a grouping expression of the table, `%a` an
 * aggregate, `%any` an expression of any type, `%row` values for all columns of the table, `%n` a number, `%id` a key.
 */
export const STATEMENTS: readonly StatementRow[] = [
  { template: 'select %any as x, %any as y, %any', weight: 8 },
  { template: 'select id, %any, %any from %t where $bool order by id', weight: 8 },
  { template: 'select * from %t where $bool order by id desc limit %n offset %n', weight: 3 },
  { template: 'select %any as k, id from %t order by 1, 2', weight: 3 },
  { template: 'select %any as k, id from %t order by k desc nulls last, id limit %n', weight: 2 },
  { template: 'select * from %t where id = %id', weight: 2 },
  { template: 'select id, %c from %t where id between %id and %id and $bool order by id' },
  { template: 'select %c, id from %t where id > %id order by id' },
  { template: 'select distinct %k as k from %t where $bool order by 1', weight: 2 },
  { template: 'select %a, %a, %a from %t where $bool', weight: 3 },
  { template: 'select %k as k, %a, %a from %t where $bool group by 1 order by 1', weight: 4 },
  { template: 'select %k as k, %a from %t group by 1 having %a is not null order by 1 limit %n', weight: 2 },
  { template: 'select a.id, b.id, b.%c from %t a join %u b on a.id = b.id order by 1, 2', weight: 2 },
  {
    template: 'select a.id, b.id from %t a left join %u b on a.c_int4 = b.c_int4 and b.id > %id order by 1, 2',
    weight: 2,
  },
  { template: 'select a.id, b.id, a.%c from %t a, %u b where a.c_text = b.c_text and a.id <> b.id order by 1, 2' },
  { template: 'select count(*) from %t a cross join %u b where a.id < b.id' },
  { template: 'values (%any, 1), (null, 2)' },
  { template: 'insert into %t values (%row) on conflict do nothing returning *', weight: 3 },
  { template: 'insert into %t values (%row)', weight: 2 },
  { template: 'insert into %t (id, c_int4, c_text) select id + 100, c_int4, c_text from %u where $bool' },
  { template: 'update %t set c_int4 = $int4, c_text = $text where id = %id returning id, c_int4, c_text', weight: 2 },
  { template: 'update %t set c_numeric = $numeric, c_bool = $bool where $bool', weight: 2 },
  { template: 'delete from %t where id = %id returning *', weight: 2 },
  { template: 'delete from %t where id > 90 and $bool' },
  { template: 'begin' },
  { template: 'commit' },
  { template: 'rollback' },
  { template: 'savepoint s' },
  { template: 'rollback to s' },
  // Wrong ones
  { template: 'select nope from %t' },
  { template: 'select id from nope' },
  { template: 'select nope(%any)' },
  { template: 'select id, count(*) from %t' },
  { template: "select 'abc'::integer" },
  { template: 'insert into %t (id) values (null)' },
  { template: 'selec 1' },
  { template: 'select a.id from %t a, %u b where id = 1' },
  // Not everywhere yet
  {
    template: 'select id, (select max(b.id) from %u b where b.c_int4 = a.c_int4) from %t a order by id',
  },
  { template: 'select id from %t where c_int4 in (select c_int4 from %u) order by id' },
  {
    template: 'select id from %t where c_text not in (select c_text from %u where c_text is not null) order by id',
  },
  {
    template:
      'select id from %t a where exists (select 1 from %u b where b.c_int4 = a.c_int4 and b.id <> a.id) order by id',
  },
  {
    template: 'select id from %t where c_int4 > all (select c_int4 from %u where id < %id) order by id',
  },
  {
    template: 'select k, n from (select %k as k, count(*) as n from %t group by 1) s where n > 1 order by 1',
  },
  { template: 'with w as (select id, %any as v from %t where $bool) select * from w order by id' },
  {
    template: 'with recursive r (n) as (select 1 union all select n + 1 from r where n < %n + 2) select n from r',
  },
  { template: 'select c_int4 from %t union select c_int4 from %u order by 1' },
  { template: 'select c_int4 from %t union all select id from %u order by 1' },
  { template: 'select c_text from %t intersect select c_text from %u order by 1' },
  { template: 'select c_int4 from %t except all select c_int4 from %u order by 1' },
  { template: 'select a.id, b.id from %t a right join %u b on a.c_int4 = b.id order by 1, 2' },
  { template: 'select a.id, b.id from %t a full join %u b on a.id = b.c_int4 order by 1, 2' },
  { template: 'select id, a.c_int4 from %t a join %u b using (id) order by 1' },
  { template: 'select distinct on (c_bool) c_bool, id from %t order by c_bool, id desc' },
  { template: 'select id, row_number() over (partition by c_bool order by id) from %t order by id' },
  {
    template: 'select id, sum(c_int4) over (order by id rows between 2 preceding and current row) from %t order by id',
  },
  {
    template: 'select id, rank() over (order by c_int4), lag(id) over (order by id) from %t order by id',
  },
  {
    template:
      'select c_bool, c_int2, count(*) from %t group by grouping sets ((c_bool), (c_int2), ()) order by 1, 2, 3',
  },
  { template: 'select c_bool, count(*) from %t group by rollup (c_bool) order by 1, 2' },
  { template: 'select * from generate_series(1, %n) g order by 1' },
  { template: 'select id, g from %t a, lateral generate_series(1, 2) g order by 1, 2' },
  {
    template:
      'insert into %t values (%row) on conflict (id) do update set c_int4 = excluded.c_int4 returning id, c_int4',
  },
  { template: 'update %t a set c_int4 = b.id from %u b where a.id = b.id and b.id < %id' },
  { template: 'delete from %t a using %u b where a.id = b.id + 100' },
  { template: 'select id from %t order by c_int4 nulls first, id fetch first %n rows with ties' },
  // Wider ones
  {
    template:
      'select a.id, b.id, c.id from %t a join %u b on a.c_int4 = b.c_int4 left join %t c on c.id = b.id and $bool order by 1, 2, 3',
    weight: 2,
  },
  {
    template:
      'select a.id, l.n from %t a left join lateral (select count(*) as n from %u b where b.c_int4 = a.c_int4) l on true order by 1',
  },
  {
    template:
      'select a.id, l.x from %t a cross join lateral (select b.id as x from %u b where b.id > a.id order by b.id limit 2) l order by 1, 2',
  },
  {
    template:
      'select a.id from %t a where a.c_int4 = (select max(b.c_int4) from %u b where b.c_bool = a.c_bool) order by 1',
  },
  { template: 'select id, (c_int4, c_text) in (select c_int4, c_text from %u) as x from %t order by id' },
  {
    template:
      'select c_bool, c_int2, count(*), grouping(c_bool, c_int2) from %t group by cube (c_bool, c_int2) order by 4, 1, 2',
  },
  { template: 'select %k as k, c_bool, %a from %t group by rollup (1, c_bool) order by 1, 2, 3', weight: 2 },
  {
    template:
      'select id, sum(c_int4) over w, count(*) over w, first_value(id) over w from %t window w as (partition by c_bool order by id rows between %n preceding and %n following) order by id',
    weight: 2,
  },
  {
    template:
      'select id, count(*) over (order by c_int4 range between %n preceding and %n following) from %t order by id',
  },
  {
    template:
      'select id, max(id) over (order by c_int4 groups between 1 preceding and current row exclude ties) from %t order by id',
  },
  {
    template:
      'select id, dense_rank() over (partition by c_bool order by c_int4 desc nulls last), ntile(3) over (order by id), lead(c_text, 1, c_text) over (order by id) from %t order by id',
  },
  {
    template:
      'select k, sum(n) over (order by k nulls first) from (select %k as k, count(*) as n from %t group by 1) s order by 1',
  },
  {
    template:
      'with a as (select id, %any as v from %t), b as (select id from %u where $bool) select a.id, v from a join b using (id) order by 1',
  },
  {
    template:
      'with recursive r (id, d) as (select id, 0 from %t where id < %n union select t.id, d + 1 from r join %t t on t.id = r.id + 1 where d < 4) select id, min(d) from r group by 1 order by 1',
  },
  { template: '(select id from %t where $bool) union (select id from %u where $bool) except select %id order by 1' },
  { template: 'select c_int4, c_text from %t intersect all select c_int4, c_text from %u order by 1, 2' },
  {
    template:
      'select x from (select c_int2 as x from %t union all select c_int4 from %u union select null) s order by x nulls first',
  },
  { template: 'select distinct on (c_int4) c_int4, id, %c from %t order by c_int4 desc nulls last, id' },
  { template: 'select x, count(*) from %t, unnest(c_int4array) x group by x order by 1, 2' },
  { template: 'select id, x, n from %t, unnest(c_textarray) with ordinality as u (x, n) order by id, n' },
  {
    template:
      "select id, string_agg(x::text, ',' order by x) from %t left join lateral unnest(c_int4array) x on true group by id order by id",
  },
  {
    template:
      'update %t a set c_int4 = (select count(*) from %u b where b.id < a.id), c_text = $text where id > %id returning id, c_int4',
  },
  {
    template:
      'update %t set (c_int4, c_bool) = ($int4, $bool) where id in (select id from %u where $bool) returning id, c_int4, c_bool',
  },
  { template: 'delete from %t where id in (select id from %u where c_int4 > %n) and $bool returning id' },
  {
    template:
      'insert into %t values (%row) on conflict (id) do update set c_text = %t.c_text || excluded.c_text, c_int4 = excluded.c_int4 where %t.c_bool is not false returning id, c_text, c_int4',
    weight: 2,
  },
  { template: 'insert into %t (id, c_int4) select %id + 50, $int4 on conflict do nothing returning id, c_int4' },
  { template: 'with d as (delete from %t where id > 60 returning id) select count(*) from d' },
  {
    template:
      'with n as (insert into %t (id, c_int4) values (%id + 70, $int4) on conflict (id) do update set c_int4 = 0 returning id, c_int4) select * from n',
  },
  { template: 'select id from %t where id in (%id, %id, %id) order by id' },
  { template: 'select id from %t where id = any (array[%id, %id]) and $bool order by id desc' },
  { template: 'select id from %t where (id = %id or id between %id and %id) and $bool order by id' },
  { template: 'select count(*), count(distinct c_int4), min(id), max(c_text) from %t where c_int4 between %n and %id' },
  { template: 'select case when %a is null then 0 else 1 end, count(*) filter (where $bool) from %t' },
  {
    template:
      "select id from %t where c_date > date '2000-01-01' and extract(year from c_timestamp) > 1990 order by id",
  },
  { template: 'select * from (values (1, $int4), (2, $int4), (3, null)) v (a, b) order by b nulls first, a' },
  {
    template:
      'select a.id from %t a where not exists (select 1 from %u b where b.c_text = a.c_text and b.id > %id) order by 1',
  },
  { template: 'select id from %t order by c_numeric desc nulls last, id limit %n offset %n' },
  { template: 'create index on %t (c_int4)' },
  { template: 'create index on %t (c_text desc, id) include (c_bool)' },
];
