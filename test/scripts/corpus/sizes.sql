-- Sizes: of relations, of values, and as text.

select pg_size_pretty(0::bigint), pg_size_pretty(10::bigint), pg_size_pretty(1000::bigint), pg_size_pretty(10239::bigint), pg_size_pretty(10240::bigint), pg_size_pretty(1000000::bigint), pg_size_pretty(1000000000::bigint), pg_size_pretty(1000000000000::bigint), pg_size_pretty(1000000000000000::bigint), pg_size_pretty(1000000000000000000::bigint);
select pg_size_pretty(-1::bigint), pg_size_pretty(-10240::bigint), pg_size_pretty(-1000000::bigint), pg_size_pretty(-9223372036854775808);
select pg_size_pretty(9223372036854775807), pg_size_pretty(10485247::bigint), pg_size_pretty(10485248::bigint), pg_size_pretty(null::bigint);
select pg_size_pretty(10.5), pg_size_pretty(1000000.5), pg_size_pretty(10240::numeric), pg_size_pretty(1e20), pg_size_pretty(-1e15), pg_size_pretty(10239.5::numeric), pg_size_pretty(1e30);
select pg_size_bytes('1'), pg_size_bytes('123bytes'), pg_size_bytes('1kB'), pg_size_bytes('1MB'), pg_size_bytes(' 1 GB'), pg_size_bytes('1.5 GB '), pg_size_bytes('1TB'), pg_size_bytes('3000 TB'), pg_size_bytes('1e6 MB');
select pg_size_bytes('-1'), pg_size_bytes('-.1'), pg_size_bytes('-1.5 kb'), pg_size_bytes('.1'), pg_size_bytes('1 pb'), pg_size_bytes('+7');
-- 15: PostgreSQL 18 knows the unit B
select pg_size_bytes('1 B');
select pg_size_bytes('1 AB');
select pg_size_bytes('1 AB A');
select pg_size_bytes('');
select pg_size_bytes('x');
select pg_size_bytes('9223372036854775807.9');
select pg_size_bytes('1e100');
select pg_size_bytes('1e1000000000000000000');
select pg_size_bytes('1 byte');
select pg_size_bytes('..1');
select pg_size_bytes('-');
select pg_size_bytes(null);
select pg_column_size(1), pg_column_size(1::bigint), pg_column_size('abc'::text), pg_column_size(null::int), pg_column_size(true), pg_column_size(1.5::float8), pg_column_size(''::text), pg_column_size(now()), pg_column_size(repeat('x', 100)), pg_column_size(repeat('x', 200)), pg_column_size(1.5::numeric), pg_column_size(gen_random_uuid()), pg_column_size('\xabcd'::bytea), pg_column_size(1::smallint), pg_column_size('a'::name), pg_column_size(current_date), pg_column_size(interval '1 day');
create table t (id int primary key, v text, unique (v));
insert into t select g, g::text from generate_series(1, 1000) g;
select pg_relation_size('t') > 0, pg_table_size('t') > 0, pg_indexes_size('t') > 0, pg_total_relation_size('t') = pg_table_size('t') + pg_indexes_size('t'), pg_relation_size('t_v_key') > 0, pg_relation_size('t', 'main') > 0, pg_relation_size('t', 'vm') >= 0, pg_database_size(current_database()) > 0, pg_relation_size(1::oid::regclass);
select pg_relation_size('t', 'nope');
select pg_relation_size('nope');
select pg_database_size('nope');
select pg_typeof(pg_relation_size('t')), pg_typeof(pg_column_size(1)), pg_typeof(pg_size_bytes('1'));
select pg_total_relation_size(null), pg_size_pretty(pg_total_relation_size('t')) ~ 'kB|bytes';
create table many (id int primary key, a int[], b text);
insert into many select g, array[g, g + 1, g + 2], 'b' || g from generate_series(1, 9000) g;
create index many_a on many using gin (a);
create index many_b on many (b);
create index many_c on many ((b || 'x')) where id < 10;
analyze many;
select pg_relation_size('many_a') > 250000, pg_relation_size('many_b') > 150000, pg_relation_size('many_c') < 20000, pg_indexes_size('many') > 400000;
