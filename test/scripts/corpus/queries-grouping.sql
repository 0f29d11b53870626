-- GROUP BY in all its forms, HAVING, aggregates with all their clauses.

create table t (id int primary key, g text, h int, v numeric, f float8, b boolean, d date, ts timestamp);
insert into t values (1, 'a', 1, 1.5, 1.5, true, '2024-01-01', '2024-01-01 10:00'), (2, 'a', 2, 2.5, -2, false, '2024-02-01', '2024-01-02 10:00'), (3, 'b', 1, null, null, null, null, null), (4, 'b', null, 4.00, 0, true, '2023-01-01', '2025-01-01'), (5, null, 2, -1, 1e3, true, '2024-01-01', '2024-01-01 10:00'), (6, 'a', 1, 1.5, 2.25, null, '2024-06-30', '2024-01-01 09:00');
create table none (v int);

-- what a group is
select g, count(*) from t group by g;
select g, h, count(*) from t group by g, h;
select g, h, count(*) from t group by 1, 2;
select g as k, count(*) from t group by k;
select upper(g) as u, count(*) from t group by upper(g);
select upper(g) as u, count(*) from t group by u;
select upper(g), count(*) from t group by 1;
select upper(g) || 'x', count(*) from t group by upper(g);
select g || h::text, count(*) from t group by g || h::text;
select g from t group by g;
select count(*) from t group by g;
select 1 from t group by g;
select h % 2 as m, sum(id) from t group by m;
select id, g, v from t group by id;
select t.id, t.* from t group by t.id order by 1 limit 2;
select g, v from t group by g;
select g, count(*) from t;
select g from t having count(*) > 1;
select count(*) from t having count(*) > 1;
select count(*) from t having count(*) > 100;
select 1 from t having true;
select g, sum(v) from t group by g having sum(v) > 4;
select g, sum(v) from t group by g having g = 'a';
select g, sum(v) from t where g = 'a' group by g having count(*) > 1 order by sum(v);
select g from t group by g having bool_or(b);
select g, count(*) from t group by g having h > 1;
select g, count(*) as n from t group by g having n > 1;
select g, count(*) as n from t group by g order by n desc, g nulls last;
select g, count(*) from t group by g order by count(*) desc, g;
select g from t group by g order by sum(h), g;
select g, count(*) from t group by g order by h;
select g, count(*) from t group by g limit 0;
select distinct count(*) from t group by g order by 1;
select g, case when count(*) > 2 then 'many' else 'few' end from t group by g;
select g, (select max(x.v) from t x where x.g = t.g) from t group by g;
select coalesce(g, '-') as g, count(*) from t group by g;
select coalesce(g, '-') as g, count(*) from t group by coalesce(g, '-');
select g, count(*) from t group by g, ();
select count(*) from t group by ();
select count(*) from none group by ();
select count(*) from none group by v;
select b, count(*) from t group by b;
select d, count(*) from t group by d;
select v, count(*) from t where id <> 4 group by v;
select f, count(*) from t group by f;
select (g, h), count(*) from t group by (g, h);
select row(g, h), count(*) from t group by row(g, h);
select count(*) from t group by 2;
select g, count(*) from t group by 3;
select g, count(*) from t group by 0;
select g from t group by count(*);
select g from t group by 1.5;
select g from t group by 'x';
-- awaits: what docs/sql.md lists under "Not yet as PostgreSQL has it"
select count(*) from t group by null;
select sum(count(*)) from t;
select sum(count(*)) over () from t group by g;
select count(*) from t where count(*) > 1;
select max(g), min(g) from t where g > max(g);
select t from t group by t order by 1 limit 1;
select count(*) from t group by t.nope;
select h, count(*) from t group by h having count(*) > (select avg(n) from (select count(*) as n from t group by h) x);
select x.g, n from (select g, count(*) as n from t group by g) x where n = 3;
select a.g, count(b.id) from t a left join t b on a.h = b.h and a.id < b.id group by a.g;
select date_trunc('month', ts) as m, count(*) from t group by m order by m;
select extract(year from d) as y, sum(v) from t group by y order by y;

-- several groupings at once
select g, h, count(*) from t group by grouping sets ((g), (h), ());
select g, h, sum(v), grouping(g), grouping(h), grouping(g, h) from t group by grouping sets ((g, h), (g), ());
select g, h, count(*) from t group by rollup (g, h);
select g, h, count(*) from t group by cube (g, h);
select g, h, b, count(*) from t group by g, rollup (h, b);
select g, h, b, count(*) from t group by rollup (g), cube (h, b);
select g, h, b, count(*) from t group by rollup ((g, h), b);
select g, h, count(*) from t group by grouping sets (g, rollup (h), ());
select g, h, count(*) from t group by grouping sets (grouping sets (g, h), cube (g));
select g, count(*) from t group by grouping sets ((g), (g));
-- awaits: GROUP BY DISTINCT
select g, count(*) from t group by distinct grouping sets ((g), (g));
-- awaits: GROUP BY DISTINCT
select g, h, count(*) from t group by distinct rollup (g, h), rollup (g, h);
select g, h, count(*) from t group by all rollup (g), rollup (g);
select g, count(*) from none, t group by rollup (g);
select g, sum(v) from t group by rollup (g) having grouping(g) = 1;
select g, sum(v) from t group by rollup (g) having g is not null;
select g, sum(v) from t group by rollup (g) order by grouping(g), g;
select coalesce(g, 'all') as g, count(*) from t where g is not null group by rollup (g) order by 2 desc, 1;
select upper(g) as u, count(*) from t group by rollup (upper(g));
select g, h, count(*) filter (where b) from t group by cube (g, h);
select g, count(*), rank() over (order by count(*) desc) from t group by rollup (g);
select grouping(g) from t;
select grouping(v) from t group by g;
select grouping(g) from t group by g;
select count(*), grouping() from t group by g;
select g, h from t group by rollup (g), h having h = 1;
select id, g, count(*) from t group by rollup (id, g) order by 1, 2 limit 3;
select v from t group by rollup (g);
select id, v from t group by rollup (id);

-- aggregates of everything and of nothing
select count(*), count(g), count(v), count(distinct g), count(distinct h) from t;
select sum(h), sum(v), sum(f), avg(h), avg(v), avg(f) from t;
select min(g), max(g), min(h), max(h), min(v), max(v), min(f), max(f), min(d), max(d), min(ts), max(ts) from t;
select count(*), count(v), sum(v), avg(v), min(v), max(v), array_agg(v), string_agg(v::text, ','), bool_and(v > 1), json_agg(v) from none;
select sum(h), min(g), bool_and(b), array_agg(id), string_agg(g, ',') from t where false;
select pg_typeof(sum(h)), pg_typeof(sum(h::smallint)), pg_typeof(sum(h::bigint)), pg_typeof(sum(v)), pg_typeof(sum(f)), pg_typeof(sum(f::real)), pg_typeof(avg(h)), pg_typeof(avg(f::real)), pg_typeof(count(*)), pg_typeof(sum(interval '1 day')) from t;
select sum(distinct h), avg(distinct v), count(distinct v), min(distinct v), string_agg(distinct g, ',') from t;
select sum(distinct v) filter (where v > 0), count(*) filter (where b), count(*) filter (where not b), count(*) filter (where b is null) from t;
select g, count(*) filter (where h = 1) as one, sum(v) filter (where h = 2) as two from t group by g order by g;
select string_agg(g, ',' order by id), string_agg(g, ',' order by id desc), string_agg(g, h::text order by id), string_agg(g, null order by id), string_agg(g, '' order by g, id) from t;
select string_agg(distinct g, ',' order by g desc), array_agg(distinct h order by h desc nulls last) from t;
select string_agg(distinct g, ',' order by id) from t;
select array_agg(id order by v nulls first, id), array_agg(g order by g, id), array_agg(v order by id) filter (where v is not null) from t;
select array_agg((id, g) order by id) from t where id < 3;
select bool_and(b), bool_or(b), every(b), bool_and(b) filter (where b), bool_or(b) filter (where b is null) from t;
select bit_and(h), bit_or(h), bit_xor(h), bit_and(id::smallint), bit_or(id::bigint) from t;
select variance(h), var_samp(h), var_pop(h), stddev(h), stddev_samp(h), stddev_pop(h) from t;
select variance(v), var_pop(v), stddev(v), stddev_pop(v) from t;
select var_samp(h) from t where id = 1;
select var_pop(h), stddev_pop(h), var_samp(h) from t where id = 1;
select variance(x), stddev_pop(x) from (values (1::float8), (2), (4)) v (x);
select corr(y, x), covar_pop(y, x), covar_samp(y, x), regr_avgx(y, x), regr_avgy(y, x), regr_count(y, x), regr_intercept(y, x), regr_r2(y, x), regr_slope(y, x), regr_sxx(y, x), regr_sxy(y, x), regr_syy(y, x) from (values (1::float8, 2::float8), (2, 4), (3, 6), (null, 1)) v (x, y);
select regr_count(y, x), corr(y, x) from (values (1::float8, 2::float8)) v (x, y);
select percentile_cont(0.5) within group (order by v), percentile_disc(0.5) within group (order by v), mode() within group (order by h) from t;
select percentile_cont(array[0, 0.25, 1]) within group (order by f), percentile_disc(array[0.1, 0.9, null]) within group (order by g) from t;
select percentile_cont(0.5) within group (order by interval '1 day' * id) from t;
select percentile_cont(1.5) within group (order by v) from t;
select percentile_cont(null) within group (order by v) from t;
select percentile_disc(0.5) within group (order by v desc) from t;
select g, percentile_disc(0.5) within group (order by id) from t group by g order by g;
-- awaits: what docs/sql.md lists under "Not yet as PostgreSQL has it"
select rank(3) within group (order by id), dense_rank(2) within group (order by h), percent_rank(3) within group (order by id), cume_dist(3) within group (order by id) from t;
-- awaits: what docs/sql.md lists under "Not yet as PostgreSQL has it"
select rank('b', 1) within group (order by g, h) from t;
select percentile_cont(0.5) from t;
-- awaits: what docs/sql.md lists under "Not yet as PostgreSQL has it"
select sum(v) within group (order by v) from t;
-- awaits: what docs/sql.md lists under "Not yet as PostgreSQL has it"
select mode() within group (order by g, h) from t;
select min(x), max(x), sum(x), avg(x) from (values (interval '1 day'), (interval '2 hours'), (null)) v (x);
select sum(x), avg(x) from (values ('NaN'::numeric), (1)) v (x);
select sum(x), avg(x), max(x), min(x) from (values ('Infinity'::float8), (1), ('NaN')) v (x);
select sum(x) from (values ('Infinity'::float8), ('-Infinity')) v (x);
select sum(x) from (values (9223372036854775807), (1)) v (x);
select sum(x::int) from (values (2147483647), (1)) v (x);
select avg(x) from (values (1), (2), (2)) v (x);
select avg(x) from (values (1.0), (2), (2.50)) v (x);
select sum(x) from (values (0.1::float8), (0.2), (0.3)) v (x);
select sum(x) from (values (1.10), (2.2), (3)) v (x);
-- 15: PostgreSQL 18 has changed this
select any_value(h) is not null from t;
select count(g, h) from t;
select count(distinct (g, h)) from t;
select count(distinct *) from t;
select count(t), count(t.*) from t;
select sum(g) from t;
select sum(b) from t;
select avg(d) from t;
select min(b) from t;
-- awaits: a whole-row reference
select max(t) from t;
select sum() from t;
-- awaits: what docs/sql.md lists under "Not yet as PostgreSQL has it"
select sum(*) from t;
select sum(h, h) from t;
select count(distinct h order by h), sum(h order by v) from t;
select array_agg(distinct id order by v) from t;
select sum(sum(h)) from t;
-- awaits: what docs/sql.md lists under "Not yet as PostgreSQL has it"
select sum(h) filter (where sum(h) > 1) from t;
select sum(h) filter (where 1) from t;
select abs(h) filter (where true) from t;
select abs(distinct h) from t;
select abs(h order by h) from t;
select max(h) + min(h) * 2, -sum(h), max(g) || min(g), count(*) = 6 from t;
select max(id) from t where id = (select max(id) from t);
select json_object_agg(id, g order by id), jsonb_object_agg(id, v), json_agg(h order by id), jsonb_agg(t.id order by id) from t where id < 4;
-- awaits: xmlagg
select xmlagg('<a/>') from t;
-- awaits: range_agg
select range_agg(int4range(id, id + 1)) from t;
