-- Window functions: every function, every mode of frame, every exclusion.

create table t (id int primary key, g text, v int, n numeric, d date);
insert into t values (1, 'a', 10, 1.5, '2024-01-01'), (2, 'a', 20, 2.5, '2024-01-02'), (3, 'a', 20, null, '2024-01-05'), (4, 'b', null, 4, '2024-01-05'), (5, 'b', 5, -1, null), (6, null, 30, 0, '2024-02-01'), (7, 'b', 5, 2, '2024-01-31');

-- functions
select id, row_number() over (order by id) from t order by id;
select id, row_number() over (partition by g order by id desc) from t order by id;
select id, rank() over (order by v), dense_rank() over (order by v), percent_rank() over (order by v), cume_dist() over (order by v) from t order by id;
select id, rank() over (partition by g order by v desc nulls last), dense_rank() over (partition by g order by v nulls first) from t order by id;
select id, rank() over (), dense_rank() over (), percent_rank() over (), cume_dist() over () from t order by id;
select id, ntile(3) over (order by id), ntile(10) over (order by id), ntile(1) over (order by id) from t order by id;
select id, ntile(0) over (order by id) from t;
select id, ntile(null) over (order by id) from t order by id;
select id, ntile(2) over (partition by g order by id) from t order by id;
select id, lag(v) over (order by id), lead(v) over (order by id), lag(v, 2) over (order by id), lead(v, 2, -1) over (order by id), lag(v, 0) over (order by id), lag(v, -1) over (order by id) from t order by id;
select id, lag(v, 1, 0.5) over (order by id) from t order by id;
select id, lag(v, null) over (order by id), lag(v, id) over (order by id), lead(v, 1, id) over (order by id) from t order by id;
select id, lag(v, 1, 'x') over (order by id) from t;
select id, lag(g, 1, 'none') over (partition by g order by id) from t order by id;
select id, first_value(v) over (order by id), last_value(v) over (order by id), nth_value(v, 2) over (order by id) from t order by id;
select id, first_value(v) over w, last_value(v) over w, nth_value(v, 3) over w from t window w as (partition by g order by id rows between unbounded preceding and unbounded following) order by id;
select id, nth_value(v, 0) over (order by id) from t;
select id, nth_value(v, null) over (order by id) from t order by id;
select id, nth_value(v, 100) over (order by id) from t order by id;

-- aggregates
select id, count(*) over (), sum(v) over (), avg(v) over (), min(v) over (), max(v) over () from t order by id;
select id, sum(v) over (order by id), count(v) over (order by id), avg(n) over (order by id), min(n) over (order by id), max(g) over (order by id) from t order by id;
select id, sum(v) over (partition by g), sum(v) over (partition by g order by id), sum(v) over (order by v), count(*) over (order by v) from t order by id;
select id, string_agg(g, ',') over (order by id), array_agg(v) over (order by id) from t order by id;
select id, count(*) filter (where v > 5) over (order by id), sum(v) filter (where g = 'a') over () from t order by id;
select id, bool_and(v > 5) over (order by id), bit_or(v) over (order by id), stddev(v) over (order by id), var_pop(v) over (partition by g) from t order by id;
select id, json_agg(v) over (order by id rows 1 preceding), jsonb_object_agg(id, v) over (order by id rows 1 preceding) from t order by id;
select id, count(distinct v) over () from t;
select id, sum(v order by id) over () from t;
select id, percentile_cont(0.5) within group (order by v) over () from t;
select id, sum(sum(v)) over () from t group by id order by id;
select g, count(*), sum(count(*)) over (order by g), rank() over (order by count(*) desc) from t group by g order by g;
select g, sum(v), sum(sum(v)) over (order by g rows unbounded preceding) from t group by g having count(*) > 1 order by g;

-- frames of rows
select id, sum(v) over (order by id rows unbounded preceding) from t order by id;
select id, sum(v) over (order by id rows 1 preceding) from t order by id;
select id, sum(v) over (order by id rows current row) from t order by id;
select id, sum(v) over (order by id rows between unbounded preceding and current row) from t order by id;
select id, sum(v) over (order by id rows between unbounded preceding and unbounded following) from t order by id;
select id, sum(v) over (order by id rows between current row and unbounded following) from t order by id;
select id, sum(v) over (order by id rows between 1 preceding and 1 following) from t order by id;
select id, sum(v) over (order by id rows between 2 preceding and 1 preceding) from t order by id;
select id, sum(v) over (order by id rows between 1 following and 2 following) from t order by id;
select id, sum(v) over (order by id rows between 1 following and 1 preceding) from t;
select id, sum(v) over (order by id rows between current row and 1 preceding) from t;
select id, sum(v) over (order by id rows between 1 following and current row) from t;
select id, sum(v) over (order by id rows between unbounded following and current row) from t;
select id, sum(v) over (order by id rows between current row and unbounded preceding) from t;
select id, sum(v) over (order by id rows between 0 preceding and 0 following) from t order by id;
select id, sum(v) over (order by id rows between -1 preceding and current row) from t;
select id, sum(v) over (order by id rows between null preceding and current row) from t;
select id, sum(v) over (order by id rows between 1.5 preceding and current row) from t;
select id, sum(v) over (order by id rows between '1' preceding and current row) from t order by id;
select id, sum(v) over (order by id rows between id preceding and current row) from t;
select id, sum(v) over (order by id rows between 100 preceding and 100 following) from t order by id;
select id, first_value(id) over w, last_value(id) over w, count(*) over w from t window w as (order by id rows between 2 preceding and 1 following) order by id;
select id, sum(v) over (rows between 1 preceding and 1 following) is not null from t order by id;

-- frames by range
select id, sum(v) over (order by v range unbounded preceding) from t order by id;
select id, sum(v) over (order by v range current row) from t order by id;
select id, sum(v) over (order by v range between 10 preceding and 5 following) from t order by id;
select id, sum(v) over (order by v desc range between 10 preceding and 5 following) from t order by id;
select id, count(*) over (order by v nulls first range between 5 preceding and current row) from t order by id;
select id, count(*) over (order by n range between 1.5 preceding and 1.5 following) from t order by id;
select id, count(*) over (order by d range between interval '3 days' preceding and current row) from t order by id;
select id, count(*) over (order by d range between '1 month' preceding and '1 day' following) from t order by id;
select id, count(*) over (order by d desc range between '1 month' preceding and '1 day' following) from t order by id;
select id, count(*) over (order by v range between unbounded preceding and 1 preceding) from t order by id;
select id, count(*) over (order by v range between 1 following and unbounded following) from t order by id;
select id, count(*) over (order by v, id range between 1 preceding and current row) from t;
select id, count(*) over (range between 1 preceding and current row) from t;
select id, count(*) over (order by g range between 1 preceding and current row) from t;
select id, count(*) over (order by v range between -1 preceding and current row) from t;
select id, count(*) over (order by v range between null preceding and current row) from t;
select id, count(*) over (order by d range between interval '-1 day' preceding and current row) from t;
select id, count(*) over (order by d range between 1 preceding and current row) from t;
select id, count(*) over (order by v range between 'x' preceding and current row) from t;
select id, sum(v) over (order by v, id range between current row and unbounded following) from t order by id;
-- in which order peers come is said by nothing
select id, array(select unnest(peers) order by 1) from (select id, array_agg(id) over (order by v range between current row and current row) as peers from t) s order by id;

-- frames by groups
select id, sum(v) over (order by v groups unbounded preceding) from t order by id;
select id, sum(v) over (order by v groups between 1 preceding and current row) from t order by id;
select id, sum(v) over (order by v groups between 1 preceding and 1 following) from t order by id;
select id, sum(v) over (order by v groups between 1 following and 2 following) from t order by id;
select id, count(*) over (order by g groups between current row and unbounded following) from t order by id;
select id, count(*) over (order by v groups between 2 preceding and 1 preceding) from t order by id;
select id, count(*) over (groups between 1 preceding and current row) from t;
select id, count(*) over (order by v groups between -1 preceding and current row) from t;
select id, count(*) over (partition by g order by v groups 1 preceding) from t order by id;

-- exclusion
select id, array_agg(id) over (order by v rows between unbounded preceding and unbounded following exclude current row) is not null as x, count(*) over (order by v rows between unbounded preceding and unbounded following exclude current row) from t order by id;
select id, sum(id) over (order by v, id rows between 1 preceding and 1 following exclude current row) from t order by id;
select id, sum(id) over (order by v range between unbounded preceding and unbounded following exclude group) from t order by id;
select id, sum(id) over (order by v range between unbounded preceding and unbounded following exclude ties) from t order by id;
select id, sum(id) over (order by v groups between 1 preceding and 1 following exclude group) from t order by id;
select id, sum(id) over (order by v groups between 1 preceding and 1 following exclude ties) from t order by id;
select id, sum(id) over (order by v groups between 1 preceding and 1 following exclude no others) from t order by id;
select id, first_value(id) over w, last_value(id) over w, nth_value(id, 2) over w from t window w as (order by id rows between 1 preceding and 1 following exclude current row) order by id;
select id, sum(id) over (order by id rows 2 preceding exclude ties) from t order by id;

-- named windows, and where they may stand
select id, sum(v) over w from t window w as (order by id) order by id;
select id, sum(v) over (w rows 1 preceding) from t window w as (order by id) order by id;
select id, sum(v) over (w order by id) from t window w as (partition by g) order by id;
select id, sum(v) over w2 from t window w as (partition by g), w2 as (w order by id) order by id;
select id, sum(v) over (w order by v) from t window w as (order by id);
select id, sum(v) over (w partition by g) from t window w as (order by id);
select id, sum(v) over (w) from t window w as (order by id rows 1 preceding);
select id, sum(v) over w from t window w as (order by id rows 1 preceding) order by id;
select id, sum(v) over nope from t;
select id, sum(v) over w from t window w as (order by id), w as (order by v);
select id, sum(v) over (partition by g, v order by id), row_number() over (partition by v > 5 order by id) from t order by id;
select id from t where row_number() over () = 1;
select id from t group by id having row_number() over () = 1;
select sum(row_number() over ()) from t;
select row_number() over (order by row_number() over ()) from t;
select id from t order by row_number() over (order by id desc);
select distinct g, count(*) over (partition by g) as n from t order by 1;
select distinct on (g) g, row_number() over (order by id) as r from t order by g, r desc;
select id, v - lag(v) over (order by id) as delta, round(100.0 * v / sum(v) over (), 2) as share from t order by id;
select id, case when row_number() over (partition by g order by id) = 1 then 'first' end from t order by id;
select id, row_number() over (order by id) from t limit 2;
select id, row_number() over (order by id desc) as r from t order by r limit 2;
select * from (select id, g, row_number() over (partition by g order by v desc nulls last, id) as r from t) x where r = 1 order by id;
select abs(v) over () from t;
select nope() over () from t;
select row_number() from t;
select lag(v) from t;
select rank() within group (order by v) from t;
select sum(v) over (order by nope) from t;
select sum(v) over (partition by 1), sum(v) over (order by 1) from t order by 1 limit 1;
select sum(v) over (order by 'x') from t;
select row_number(1) over () from t;
select count(*) over (order by id) from t where false;
select generate_series(1, 2), row_number() over () from t where id < 3;
select id, sum(v) over (order by g collate "C", id) from t order by id;
select id, sum(v) over (order by v using >) from t order by id;
update t set v = row_number() over ();
delete from t where rank() over () = 1;
insert into t (id) values (row_number() over ());
select id, count(*) over (partition by d) + count(*) over (partition by g) as s from t order by id;
select id, last_value(v) over (partition by g order by id range between current row and unbounded following) from t order by id;
select id, max(d) over (order by id), min(d) over (order by id desc) from t order by id;
-- aggregates of every kind over frames
select id, string_agg(g, '-') over (partition by g order by id rows 1 preceding), array_agg(id) over (order by id rows between 1 preceding and 1 following) from t order by id;
select id, bool_or(v > 20) over (order by id rows 1 preceding), every(v > 1) over (order by id rows 1 preceding), bit_and(v) over (order by id rows 1 preceding) from t order by id;
select id, corr(id, v) over (order by id), regr_slope(v, id) over (order by id), covar_pop(id, v) over (order by id) from t order by id;
select id, stddev_pop(v) over w, variance(v) over w, var_samp(v) over w from t window w as (order by id rows 2 preceding) order by id;
select id, jsonb_agg(v order by id) over () from t;
select id, array_agg(v) filter (where v > 5) over (order by id), json_object_agg(id, g) over (order by id rows current row) from t order by id;
select id, array_agg(id) over (order by id rows between current row and unbounded following) from t order by id;
select mode() within group (order by v) over () from t;
select rank(1) within group (order by v) over () from t;
select sum(v) filter (where sum(v) > 1) over () from t;
select sum(v) filter (where rank() over () > 1) over () from t;
select rank() over (partition by count(*) over ()) from t;
select rank() over (order by sum(v)) from t;
select sum(v) over (order by v range between 'x' preceding and current row) from t;
select sum(v) over (order by v range between 1.5 preceding and current row) from t;

create table lengths (id int, f4 float4, f8 float8, n numeric);
insert into lengths values (0, '-infinity', '-infinity', '-infinity'), (1, -3, -3, -3), (2, -1, -1, -1), (3, 0, 0, 0), (4, 1.1, 1.1, 1.1), (7, 100, 100, 100), (8, 'infinity', 'infinity', 'infinity'), (9, 'NaN', 'NaN', 'NaN'), (10, null, null, null);
select id, first_value(id) over w, last_value(id) over w from lengths window w as (order by f4 range between 1 preceding and 1.1::float4 following);
select id, first_value(id) over w, last_value(id) over w from lengths window w as (order by f4 range between 'inf' preceding and 'inf' following);
select id, first_value(id) over w, last_value(id) over w from lengths window w as (order by f4 range between 'inf' following and 'inf' following);
select id, first_value(id) over w, last_value(id) over w from lengths window w as (order by f4 range between 1.1 preceding and 'NaN' following);
select id, first_value(id) over w, last_value(id) over w from lengths window w as (order by f8 desc range between 'inf' preceding and 'inf' preceding);
select id, first_value(id) over w, last_value(id) over w from lengths window w as (order by f8 desc range between 'inf' preceding and 'inf' following);
select id, first_value(id) over w, last_value(id) over w from lengths window w as (order by n range between 'inf' preceding and 'inf' preceding);
select id, first_value(id) over w, last_value(id) over w from lengths window w as (order by n desc range between 'inf' following and 'inf' following);
select id, first_value(id) over w, last_value(id) over w from lengths window w as (order by n range between 1.1 preceding and 'NaN' following);
select id, first_value(id) over w, last_value(id) over w from lengths window w as (order by n range between 1 preceding and 1.1::float8 following);
select id, first_value(id) over w, last_value(id) over w from lengths window w as (order by f8 range between 1::int2 preceding and 1.5::numeric following);
select id, first_value(id) over w, last_value(id) over w from lengths window w as (order by id range between 1::int2 preceding and 1.5::numeric following);
select id, first_value(id) over w, last_value(id) over w from lengths window w as (order by id::int2 range between '100000' preceding and 5::bigint following);
select x, last_value(x) over (order by x::smallint range between current row and 2147450884 following) from generate_series(32764, 32766) x;
select x, last_value(x) over (order by x desc range between current row and 5 following) from generate_series(-9223372036854775806, -9223372036854775804) x;
select t, first_value(t) over w, last_value(t) over w from (values (time '01:00'), ('23:00'), ('12:00'), ('24:00'), ('00:00')) v(t) window w as (order by t desc range between '3 hours 5 days' preceding and '2 hours' following);
select t, first_value(t) over w, last_value(t) over w from (values (timetz '01:00+1'), ('23:00+0'), ('12:00+2'), ('24:00-1'), ('00:00+0')) v(t) window w as (order by t range between '3 hours' preceding and '2 hours' following);
select d, first_value(d) over w, last_value(d) over w from (values (date '2020-01-01'), ('2020-01-02'), ('2020-01-03'), ('infinity'), ('-infinity')) v(d) window w as (order by d range between '12 hours' preceding and '36 hours' following);
select d, first_value(d) over w, last_value(d) over w from (values (date '2020-01-01'), ('2020-01-02'), ('2020-01-03')) v(d) window w as (order by d desc range between '12 hours' preceding and '36 hours' following);
select id, sum(id) over (order by id rows (select min(id) from lengths) + 1 preceding) from lengths where id < 4;
select id, sum(id) over (order by id range between (select max(id) - 9 from lengths) preceding and (select 0) following) from lengths where id < 4;
select x, (select array_agg(s) from (select sum(id) over (order by id rows between (select x + 0) preceding and current row) s from lengths where id < 5) q) from generate_series(0, 2) x;
select id, sum(id) over (order by id rows (select null::int) preceding) from lengths;
select id % 2, count(*), sum(count(*)) over (order by id % 2 rows (select 1) preceding) from lengths group by id % 2;
