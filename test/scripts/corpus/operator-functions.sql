-- The functions behind operators, by their names.

select booleq(true, false), boolne(true, false), int4eq(1, 1), int24eq(1::int2, 2), int48lt(1, 2::int8), int82ge(3::int8, 3::int2), texteq('a', 'b'), text_lt('a', 'b'), nameeqtext('a'::name, 'a'::text);
select date_lt_timestamp('2020-01-01'::date, '2021-01-01'::timestamp), date_eq('2020-01-01', '2020-01-01'), interval_gt('30 days', '1 month'), uuid_ne('a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a12');
select bttextcmp('b', 'a'), btint4cmp(1, 2), btboolcmp(true, true), btint48cmp(1, 2::int8), bpcharcmp('a', 'b'), byteacmp('a', 'b'), btarraycmp(array[1], array[2]), numeric_cmp(1, 1.0), date_cmp('2020-01-01', '2020-01-02'), btnametextcmp('a'::name, 'b'::text), xid8cmp('1', '2');
select int4larger(1, 2), int4smaller(1, 2), text_larger('a', 'b'), numeric_smaller(1.5, 1), date_larger('2020-01-01', '2020-01-02'), array_larger(array[1], array[2]), timestamp_smaller('2020-01-01', '2020-01-02');
select int4pl(1, 2), int2mi(1::int2, 2::int2), int84mul(3::int8, 2), int4div(7, 2), int8mod(7, 4), int4um(3), int4abs(-3), int4and(6, 3), int4or(6, 3), int4xor(6, 3), int4not(1), int4shl(1, 4), int8shr(16, 2);
select int4pl(2147483647, 1);
select int4div(1, 0);
select float8mul(2, 0.5), float48pl(1::float4, 2), dsqrt(4), dcbrt(1), dpow(2, 10), numeric_add(1, 2.50), numeric_uminus(1.5), numeric_power(2, 3);
select textcat('a', 'b'), textanycat('a', 1), anytextcat(1, 'b'), byteacat('a', 'b'), textlike('abc', 'a%'), texticregexeq('ABC', 'b'), textregexne('a', 'b');
select range_contains(int4range(1, 5), int4range(2, 3)), range_contains_elem(int4range(1, 5), 2), range_adjacent(int4range(1, 5), int4range(5, 7)), range_minus(int4range(1, 5), int4range(3, 9)), range_union(int4range(1, 3), int4range(2, 5)), range_overleft(int4range(1, 3), int4range(2, 5)), range_eq(int4range(1, 3), int4range(1, 3));
select jsonb_contains('{"a": 1}', '{}'), jsonb_exists('{"a": 1}', 'a'), jsonb_delete('{"a": 1}'::jsonb, 'a'), jsonb_concat('[1]', '2'), jsonb_object_field_text('{"a": 1}', 'a'), jsonb_cmp('1', '2'), arraycontains(array[1, 2], array[1]), arrayoverlap(array[1], array[2]);
select network_sub('10.1.0.0/16', '10.0.0.0/8'), network_eq('10.0.0.1', '10.0.0.1'), inetpl('10.0.0.1', 5), macaddr_and('08:00:2b:01:02:03', 'ff:ff:ff:00:00:00');
select date_pli('2020-01-01', 5), date_mi('2020-01-05', '2020-01-01'), interval_pl('1 day', '1 hour'), timestamp_mi_interval('2020-01-01', '1 day'), interval_mul('1 day', 1.5), time_mi_time('10:00', '09:00');
select booleq(null, true), int4pl(null, 1), text_larger(null, 'a');
select booleq(1, true);
select int4eq('x', 1);
-- Types by their names, as functions.
select inet('1.2.3.4'::text), text(1), int4('5'::text), date('2020-01-01'::text), bool(1), interval('01:00'::time), text(inet '1.2.3.4');
select text(row(1, 2));
-- Operators of patterns compare by code point.
select 'a' ~<~ 'b', 'B' ~<~ 'a', 'a' ~<=~ 'a', 'b'::bpchar ~>=~ 'a ', 'ä' ~>~ 'z', text_pattern_lt('a', 'b'), bpchar_pattern_ge('a', 'a  ');
select 1 ~<~ 2;

-- what values are sent as
select uuid_send('a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'), int2send(-1::int2), int4send(1), int8send(1), textsend('é'), namesend('n'), boolsend(true), byteasend('\x00ff'), float4send(1.5), float8send(-0.0), numeric_send(-1.50), oidsend(5);
select jsonb_send('{"a": 1}'), json_send('{"a":1}'), date_send('2000-01-02'), timestamp_send('2000-01-01 00:00:01'), timestamptz_send('2000-01-01 00:00:01+00'), time_send('00:00:01'), timetz_send('00:00:01+01'), interval_send('1 mon 2 days 00:00:03'), inet_send('10.0.0.1/8'), cidr_send('10.0.0.0/8'), macaddr_send('08:00:2b:01:02:03'), bit_send(b'101'), varbit_send(b'101'), charsend('a'::"char"), bpcharsend('a '), varcharsend('a');
select array_send(array[1, null]), record_send(row(1, 'a'::text)), uuid_send(null), pg_lsn_send('1/AB'), xid8send('5'), jsonpath_send('$.a'), macaddr8_send('08:00:2b:01:02:03');
select get_byte(int4send(258), 2), encode(textsend('abc'), 'hex'), encode(uuid_send('a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'), 'base64');
select 'uuid_send'::regproc::oid, oid, proname from pg_proc where proname in ('uuid_send', 'int4send') order by 2;
select uuid_send(1);
select degrees(1e308);
select elem_contained_by_range(1, 'empty');
select elem_contained_by_multirange(1, '{[1,3)}');
select multirange_contains_elem('{[1,3)}', 1);
select range_contains_elem('[1,3)', 1);
select elem_contained_by_range(1, '[1,3)'::int4range), elem_contained_by_range(null, '[1,3)'::int4range);
select range_merge('{[1,3)}');
select '[1,3)' @> 1;
select 1 <@ '[1,3)';
select lower('[1,3)');
