-- Subqueries everywhere: one value, EXISTS, IN, ANY and ALL, rows, correlated over one and more levels.

create table t (id int primary key, g int, v numeric, s text);
create table u (id int primary key, t_id int, w int);
create table none (id int, v int);
insert into t values (1, 1, 1.5, 'a'), (2, 1, 2.5, 'b'), (3, 2, null, 'c'), (4, 2, 4, null), (5, null, 5, 'e');
insert into u values (1, 1, 10), (2, 1, 20), (3, 2, 30), (4, null, 40), (5, 5, null);

-- one value
select (select 1);
select (select max(v) from t);
select (select v from t where id = 3);
select (select v from t where false);
select (select v from t);
select (select id, v from t where id = 1);
select (select 1) + (select 2), (select 'a') || 'b';
select pg_typeof((select 1)), pg_typeof((select 'a')), pg_typeof((select null));
select id, (select count(*) from u where u.t_id = t.id) as n from t order by id;
select id, (select sum(w) from u where u.t_id = t.id) + 1 as n from t order by id;
select id, (select w from u where u.t_id = t.id order by w desc limit 1) as top from t order by id;
select id, (select w from u where u.t_id = t.id) from t order by id;
select id, (select max(w) from u where u.t_id = t.id and u.w > t.v) as m from t order by id;
select id, (select (select (select t.id * 100))) as deep from t order by id;
select id, (select count(*) from u where u.t_id = t.id and exists (select from u u2 where u2.w > u.w and u2.t_id = t.id)) as n from t order by id;
select id from t where v = (select max(v) from t);
select id from t where v > (select avg(v) from t) order by 1;
select id from t where v > (select avg(v) from t x where x.g = t.g) order by 1;
select id from t where (select count(*) from u where u.t_id = t.id) > 1;
select id from t order by (select count(*) from u where u.t_id = t.id) desc, id;
select g, (select count(*) from u) as n from t group by g order by g;
select g, sum(v), (select max(t2.v) from t t2 where t2.g = t.g) as m from t group by g order by g;
select g from t group by g having sum(v) > (select avg(v) from t) order by g;
select case when (select true) then 'y' else 'n' end, coalesce((select null::int), 5);
select (select sum(t.v)) from t;
select (select sum(t.v + u.w) from u) from t order by 1;
select (select count(*) from none), (select max(v) from none);
select array(select id from t order by id desc), array(select s from t order by id), array(select 1 where false);
select id, array(select w from u where u.t_id = t.id order by w) from t order by id;
select (select row(1, 2)) = row(1, 2);
select (select t from t where id = 1);
select (values (1)), (values (1), (2) limit 1);
select (select 1 union select 1), (select 1 limit 0);
select (select 1 union all select 1);
select (with w as (select 5 as x) select x from w);

-- EXISTS
select id from t where exists (select 1 from u where u.t_id = t.id) order by 1;
select id from t where not exists (select 1 from u where u.t_id = t.id) order by 1;
select id from t where exists (select from u where u.t_id = t.id and u.w > 15) order by 1;
select id from t where exists (select * from none) or id = 1;
select exists (select 1), exists (select 1 where false), not exists (select null), exists (select 1 from none);
select id, exists (select 1 from u where u.t_id = t.id) as e from t order by id;
select id from t where exists (select 1 from u where u.t_id = t.id limit 0);
select id from t where exists (select count(*) from u where u.t_id = t.id) order by 1;
select id from t where exists (select 1 from u where u.t_id = t.id group by u.t_id having count(*) > 1);
select id from t x where exists (select 1 from t y where y.g = x.g and y.id <> x.id) order by 1;
select id from t where exists (select 1 from u where u.t_id = t.id) and not exists (select 1 from u where u.t_id = t.id and w is null) order by 1;
select count(*) from t where exists (select 1 from u, t t2 where u.t_id = t2.id and t2.g = t.g);

-- IN and NOT IN
select id from t where id in (select t_id from u) order by 1;
select id from t where id not in (select t_id from u);
select id from t where id not in (select t_id from u where t_id is not null) order by 1;
select id from t where g in (select id from u) order by 1;
select id from t where g not in (select v from none) order by 1;
select id from t where g in (select v from none);
select id from t where (g in (select 1)) is null;
select id, g in (select 1), g not in (select 1), g in (select null::int), g in (select 1 union select null) from t order by id;
select id from t where id in (select t_id from u where u.w > t.v) order by 1;
select id from t where (id, g) in (select t_id, id from u) order by 1;
select id from t where (id, g) not in (select t_id, id from u where t_id is not null) order by 1;
select id from t where (id, g) in (select t_id from u);
select id from t where id in (select t_id, w from u);
select id from t where s in (select id from u);
select id from t where id in (select w::text from u);
select id from t where id::bigint in (select t_id from u) order by 1;
select id from t where v in (select id from t) order by 1;
select 1 in (select 1), null in (select 1), null in (select 1 where false), 1 in (select null::int), 1 not in (select null::int);
select id from t where id in (values (1), (3)) order by 1;
select id from t where id in (select id from t where id in (select id from t where id > 3)) order by 1;
select id from t where (select g) in (1) order by 1;
select id from t where id in (select g from t union select 5) order by 1;
select id from t where id in (select id from u order by w desc limit 2) order by 1;

-- ANY, SOME, ALL
select id from t where v > any (select w / 10 from u) order by 1;
select id from t where v > all (select w / 10 from u where w < 30) order by 1;
select id from t where v > all (select v from none) order by 1;
select id from t where v > any (select v from none);
select id from t where id = some (select t_id from u) order by 1;
select id from t where id <> all (select t_id from u where t_id is not null) order by 1;
select id from t where s like any (select s || '%' from t) order by 1;
select id, v >= all (select v from t) as m, v <= any (select v from t) as a from t order by id;
select (1, 2) = any (select id, g from t), (1, 1) = any (select id, g from t), (1, 1) < all (select id, id from t where id > 1);
select (1, 2) > all (select 1, 1), (1, null) > any (select 1, 1), (1, null) = any (select 2, 2);
select 1 = any (select 'a');
select 1 + any (select 1);
select 1 = all (select 1, 2);
select (1, 2) = (select 1, 2), (1, 2) < (select 1, 3), (1, 2) = (select 1, 2 where false), (1, null) = (select 1, 2);
select (1, 2) = (select 1);
select (1, 2) = (select 1, 2, 3);
select (1, 2) = (select id, g from t);
select row(1, 2) = row(1, 2), (1, 2) < (1, 3), (1, null) = (1, 2), (1, null) = (2, 2), (1, 2) <> (1, 2), (1, null) is null, (null, null) is null, (1, 2) is not null, (1, null) is not null;
select (1, 2) = (1, 2, 3);
select (1, 'a') = (1, 2);
select row(1) = 1;
select (1, 2) is distinct from (1, null), (null, null) is not distinct from (null, null), (1, 2) in ((1, 2), (3, 4)), (1, null) in ((1, 2));
select (1, 2) + (3, 4);
select (1, 2) between (1, 1) and (2, 0), (2, 1) not between (1, 1) and (2, 0);

-- in FROM
select * from (select id, v from t where v > 2) x order by id;
select x.id from (select * from t) x where x.g = 1 order by 1;
select * from (select g, count(*) as n from t group by g) x where n > 1 order by g;
select * from (select id, row_number() over (order by id desc) as r from t) x where r <= 2 order by r;
select * from (select distinct g from t) x order by g;
select * from (select id from t order by id desc limit 2) x order by id;
select * from (select id from t offset 3) x order by id;
select * from (values (1, 'a'), (2, 'b')) x (n, s) where n > 1;
select * from (values (1, 'a'), (2, 'b')) x order by column1 desc;
select * from (select 1 as a, 2 as a) x;
select a from (select 1 as a, 2 as a) x;
select * from (select 1) x (a, b);
select * from (select 1, 2) x (a);
-- awaits: what docs/sql.md lists under "Not yet as PostgreSQL has it"
select * from (select 1);
-- awaits: what docs/sql.md lists under "Not yet as PostgreSQL has it"
select * from (values (1));
select x.* from (select t.*, u.w from t join u on u.t_id = t.id) x order by x.id, x.w;
select * from (select * from (select * from t where g = 1) x where v > 2) y;
select sum(n) from (select count(*) as n from t group by g union all select 100) x;
select * from (select id from t union select id + 3 from t) x where id > 4 order by 1;
select id from (select id, v from t) x where v is null;
select * from (select null as n) x where n is null;
select x.n + 1 from (select '5' as n) x;
select x.n || 'a' from (select '5' as n) x;
select pg_typeof(n) from (select '5' as n) x;
select * from (select 1 as a) x, (select 2 as b) y;
select * from (select id from t) x join (select id from u) y using (id) order by 1;
select id from (select generate_series(1, 3) as id) x where id > 1;

-- out of place
select count(select 1);
select id from t where (select id);
select id from t where max(v) > (select 1);
select id from t where id in (select max(t.id));
select (select id from nope);
select (select t.nope from t limit 1);
select id from t where exists (select u.nope from u);
select id from t where nope in (select id from u);
select id from t x where exists (select 1 from u where u.t_id = t.id);
select (select 1 limit 1 offset -1);
insert into none values ((select 1), (select 2)) returning *;
update none set v = (select max(w) from u) returning *;
update none set (id, v) = (select 7, 8) returning *;
update none set (id, v) = (select 7);
update none set (id, v) = (select 1, 2 where false) returning *;
update none set (id, v) = (select id, w from u);
delete from none where id is null or id in (select id from t) returning *;

-- several values of an index
create index t_g on t (g);
select id from t where g in (1, 2) order by id;
select id from t where g = 2 or g = 1 order by id desc;
select id from t where g = any ('{2,1,2,null}') order by id;
select id from t where g in (select 1 union select 2) order by id;
select count(*) from t where g in (1, 2, 3);
create index t_gv on t (g desc, v) include (s);
select g, v, s from t where g in (1, 2) and v > 2 order by g, v;
select g, v from t where g in (1, 2) and v in (1.5, 4) order by g, v;
select id from t where (g, id) in ((1, 2), (2, 3), (2, 5)) order by id;
select id from t where (g, id) > (1, 2) order by g, id;
select id from t where (g, id) <= (1, 2) order by g, id;

select a.id from (values (1), (2)) a (id) where 7 > any (select b.id from (values (1)) b (id) where date '2020-06-15' = any (select c.d from (values (date '2020-06-15')) c (d)));
select a.id from (values (1), (2)) a (id) where not exists (select from (values (1)) b (id) where 3 = any (select c.d from (values (3), (4)) c (d)) and b.id = a.id);
select a.id from (values (1), (2)) a (id) where exists (select from (values (1)) b (id) where 5 = any (select c.d from (values (3), (4)) c (d)));

-- queries in FROM as part of the one around them: what they compute is computed late, or not at all
create table a1 (id int primary key, x int, y int);
create table a2 (id int primary key, z int);
create view av as select id, x * 2 as d, 10 / y as q from a1 where x > 0;
insert into a1 values (1, 1, 1), (2, 2, 0), (3, 0, 3), (4, 4, null);
insert into a2 values (1, 5), (4, 0);
with a as (select id, 1 / (y - y) as v from a1 where y is not null), b as (select id from a2 where z > 9) select a.id, v from a join b using (id) order by 1;
select id from (select id, 1 / 0 as v from a1) q order by id;
with q as (select id, 1 / 0 as v from a1) select id from q order by id;
select s.id, v from (select id, 10 / y as v from a1) s join a2 using (id) where a2.id = 1;
select id, d from av where id in (1, 2) order by id;
select id, q from av where id = 1;
select id, q from av where id = 2;
select av.id, d, z from av left join a2 using (id) order by 1;
select a2.id, d, z from a2 left join av using (id) order by 1;
select a2.id, s.one, s.d from a2 left join (select id, 1 as one, x + 1 as d from a1 where y > 0) s using (id) order by 1;
select a2.id, s.d from (select id, coalesce(x, 7) as d from a1 where y > 0) s right join a2 using (id) order by 1;
select coalesce(a2.id, s.id), s.d, z from (select id, x + 1 as d from a1 where y > 0) s full join a2 using (id) order by 1;
select coalesce(a2.id, s.id), s.d, z from (select id, x + 1 as d from a1) s full join a2 using (id) order by 1;
select coalesce(r.id, l.id) as i, l.s, r.t from (select p.id, x + z as s from a1 p join (select * from a2 where z > 0) q using (id)) l full join (select id, -z as t from a2) r using (id) order by 1;
select a2.id, s.w from a2, lateral (select a1.x + a2.z as w from a1 where a1.id = a2.id) s order by 1;
select a2.id, s.w, s.c from a2 left join lateral (select a1.x + a2.z as w, a2.z as c from a1 where a1.id = a2.id and y > 0) s on true order by 1;
select a2.id, s.w from a2 left join lateral (select a1.x as w from a1 where a1.id = a2.id and y > 0) s on s.w > a2.id - 1 order by 1;
select a2.id, s.w from a2 cross join lateral (select x as w from a1 where exists (select from a1 i where i.id = a1.id and i.y = a2.id)) s order by 1, 2;
select g, n, sum(n) over (order by g) from (select x % 2 as g, count(*) as n from (select * from a1) i group by x % 2) o order by g;
select k, count(*), row_number() over (order by k desc) from (select x % 2 as k from a1) s group by k order by k;
select k, generate_series(1, k) as n, rank() over (order by k) from (select x as k from a1) s order by k, n;
select distinct on (k) k, id from (select x % 2 as k, id from a1) s order by k, id desc;
select k, id in (select i from (select id as i from a2) q) as f from (select id + 0 as id, x as k from a1) s order by 1, 2;
select v is null, count(*) from (select nullif(x, 0) as v from a1) s group by grouping sets ((v is null), ()) order by 1, 2;
select id, (select z from (select id as i, z + 1 as z from a2) q where i = s.id) from (select id from a1 where x > 0) s order by 1;
select id, (with c as (select s.id as v) select (select sum(v) from c)) from (select id from a1) s order by 1;
select count(*) from (with c as (select random() as r) select (select r from c) as a, (select r from c) as b from a1) s where a <> b;
select count(distinct r) from a1, lateral (with c as (select random() as r) select (select r from c where a1.id > 0) as r) s;
select s from (select id, x from a1 where id < 3) s order by 1;
select s.*, s from a2 left join (select id, x from a1 where id < 3) s using (id) order by a2.id;
update a1 set x = v from (select id as i, z + 100 as v from a2) s where i = a1.id returning a1.*;
delete from a1 using (with d as (select id as i, z from a2 where z = 0) select i from d) s where i = a1.id returning a1.id;
insert into a1 select i + 10, w, 0 from (select id as i, z as w from a2) s returning id, x;
select count(*) from (select id from a1 for update) s;

create view whole as select 42;
select (w.*)::text, (select (w.*)::text), (w)::text from whole w;
create function pair_of(int) returns record language sql as 'select $1, ''a''::text';
create function pairs_of(int) returns setof record language sql as 'select g, ''a''::text from generate_series(1, $1) g';
select * from rows from (pair_of(1) as (a int, b text)) with ordinality;
select * from rows from (pairs_of(2) as (a int, b text), generate_series(1, 3)) as t (p, q, r);
select * from rows from (pairs_of(2) as (a int, b text));
select * from rows from (pairs_of(2) as (a int, b text), pair_of(7) as (c int, d text)) with ordinality;
select * from rows from (json_to_recordset('[{"a":40,"b":"foo"},{"a":"100","b":"bar"}]') as (a int, b text), generate_series(1, 3)) as x (p, q, s) order by p;
