-- UNION, INTERSECT, EXCEPT; DISTINCT, ORDER BY, LIMIT, OFFSET, FETCH; VALUES; functions that return sets; the select list.

create table a (n int, s text);
create table b (n int, s text);
create table w (n bigint, s varchar(5));
insert into a values (1, 'x'), (2, 'y'), (2, 'y'), (null, 'z'), (3, null);
insert into b values (2, 'y'), (3, null), (3, null), (4, 'q'), (null, 'z');
insert into w values (2, 'y'), (9000000000, 'big');

-- set operations
select n from a union select n from b;
select n from a union all select n from b;
select n from a intersect select n from b;
select n from a intersect all select n from b;
select n from a except select n from b;
select n from a except all select n from b;
select * from a union select * from b;
select * from a intersect select * from b;
select * from a except select * from b;
select * from a union all select * from b except all select * from b;
select n from a union select n from b intersect select n from w;
(select n from a union select n from b) intersect select n from w;
select n from a union (select n from b intersect select n from w);
select n from a except select n from b union select 100;
select n from a except (select n from b union select 1);
select n from a union select n from w;
select pg_typeof(n) from (select n from a union select n from w) x limit 1;
select n, s from a union select n, s from w;
select n from a union select s from a;
select n, s from a union select n from b;
select n as k from a union select s::int from b where false order by k;
select n as k from a union all select n as other from b order by k nulls first;
select n from a union select n from b order by n desc limit 2;
select n from a union all select n from b order by 1 desc nulls last offset 2;
select n from a union select n from b order by s;
select n from a union select n from b order by n + 1;
select n from a union select n from b order by a.n;
(select n from a order by n limit 1) union all (select n from b order by n desc nulls last limit 1);
select n from a limit 1 union select n from b;
select n from a order by n union select n from b;
select 1 union select 2.5 union select null;
select 1 union select '2';
select 1 union select 'x';
select 'a' union select 'b';
select null union select 1;
select null union select null;
select pg_typeof(x) from (select null as x union select null) y;
select null union all select null union all select 1;
select '1' union all select '2' union all select 3;
select 1 union select true;
select date '2024-01-01' union select timestamp '2024-01-01 10:00';
select array[1] union select array[1.5];
select row(1) union select row(2);
select 1.0 union select 1.00;
select 1 union all select 1 intersect select 2;
select 1 as a, 2 as b union select 3, 4 order by b;
-- awaits: what docs/sql.md lists under "Not yet as PostgreSQL has it"
select json '1' union select json '2';
select json '1' union all select json '2';
select from a union all select from b;
select from a union select from b;
select count(*) from (select n from a union all select n from b) x;
select n, count(*) from (select n from a union all select n from b) x group by n order by n;
select * from (select 1 as x union select 2) y where x > 1;
values (1, 'a') union values (2, 'b') order by 1;
select 1 union values (2);
table a union table b;
select n from a where n > 1 union select n from b where n > 3 union select 0 order by 1;
select 'a'::char(3) union select 'ab'::varchar;
select 'a' collate "C" union select 'b';
select n from nope union select 1;
select 1 union select 1 for update;

-- DISTINCT
select distinct n from a;
select distinct s from b;
select distinct * from a;
select distinct n, s from a order by n desc;
select distinct n from a order by s;
select distinct n as k from a order by k;
select distinct n % 2 from a;
select distinct on (n) n, s from b order by n, s;
select distinct on (n) n, s from b order by n desc, s nulls first;
select distinct on (s) s, n from a order by s, n;
select distinct on (n % 2) n from a where n is not null order by n % 2, n desc;
select distinct on (n) n, s from b order by s;
select distinct on (1) n, s from b order by 1, 2;
select distinct on (n, s) n, s from a order by n, s;
select distinct all n from a;
select all n from a;
select distinct count(*) from a group by n;
select distinct from a;
select distinct null from a;
select distinct 1 from a;
select distinct on (n) n, s from b order by n nulls first, s limit 2;
select count(*) from (select distinct n from a) x;

-- ORDER BY
select n from a order by n;
select n from a order by n desc;
select n from a order by n nulls first;
select n from a order by n desc nulls last;
select n, s from a order by s, n;
select n, s from a order by 2 desc, 1;
select n, s from a order by n desc, s asc;
select n as s, s as n from a order by s;
select n as k from a order by k + 0;
select n from a order by -n;
select n from a order by abs(coalesce(n, 0) - 2), n;
select n + 1 as n from a order by n;
select n from a order by case when n = 2 then 0 else 1 end, n;
select n from a order by n is null, n desc;
select n from a order by 0;
select n from a order by 2;
select n from a order by -1;
select n from a order by 1.5;
select n from a order by 'n';
-- awaits: what docs/sql.md lists under "Not yet as PostgreSQL has it"
select n from a order by null, n;
select n from a order by nope;
-- awaits: ORDER BY … USING
select n from a order by n using <;
-- awaits: ORDER BY … USING
select n from a order by n using >;
-- awaits: ORDER BY … USING
select n from a order by n using =;
select n from a order by (select max(n) from b), n;
select s from a order by s collate "C" desc;
select s from a order by upper(s) nulls first;
select n from a order by random() * 0, n;
select n, s from a order by (n, s);
select n, s from a order by row(n, s) desc;
select a from a order by a;
select x.n from a x order by x.n, x.s;
select n as x, n as x from a order by x;
select s as x, n as x from a order by x;
select b from (values (true), (false), (null)) v (b) order by b;
select x from (values ('b'), ('A'), ('a'), ('B'), (''), ('á'), ('_')) v (x) order by x;
select x from (values (1.0), (1.00), (-1), ('NaN'), ('Infinity'), (null)) v (x) order by x desc;
select x from (values ('NaN'::float8), ('-Infinity'), (0), (null), ('Infinity')) v (x) order by x;

-- LIMIT, OFFSET, FETCH
select n from a order by n limit 2;
select n from a order by n limit 0;
select n from a order by n limit 100;
select n from a order by n offset 2;
select n from a order by n limit 2 offset 1;
select n from a order by n offset 1 limit 2;
select n from a order by n offset 100;
select n from a order by n limit all;
select n from a order by n limit null;
select n from a order by n offset null;
select n from a order by n limit -1;
select n from a order by n offset -1;
select n from a order by n limit 1.4;
select n from a order by n limit 1.5;
select n from a order by n limit '2';
select n from a order by n limit 'x';
select n from a order by n limit 1 + 1;
select n from a order by n limit (select 2);
select n from a order by n limit (select count(*) from b where n = 4);
-- awaits: what docs/sql.md lists under "Not yet as PostgreSQL has it"
select n from a order by n limit n;
select n from a order by n limit count(*);
select n from a order by n limit true;
select n from a order by n limit 9223372036854775808;
select n from a order by n offset 1 row;
select n from a order by n offset 1 rows fetch next 2 rows only;
select n from a order by n fetch first row only;
select n from a order by n fetch first 2 rows only;
select n from a order by n fetch first (1 + 1) rows only;
select n from a order by n fetch first 2 rows with ties;
select n from a order by n desc nulls last fetch first 2 rows with ties;
select n from a order by n offset 1 fetch first 1 rows with ties;
-- awaits: what docs/sql.md lists under "Not yet as PostgreSQL has it"
select n from a fetch first 2 rows with ties;
select n from a order by n fetch first -1 rows only;
select n from a order by n fetch first null rows only;
select n from a order by n limit 1 fetch first 1 rows only;
select n from a order by n limit 1 limit 2;
-- awaits: LIMIT #,# syntax
select n from a order by n limit 1, 2;
select count(*) from (select n from a limit 2) x;
select * from (select n from a order by n limit 2) x order by n desc;
select n from (select n from a order by n offset 1 limit 3) x order by n limit 1;

-- VALUES and TABLE
values (1);
values (1, 'a'), (2, 'b');
values (1), (2.5), (null);
values (1), ('2');
values (1), ('x');
values (1, 2), (3);
values (null), (null);
values (1), (2) order by 1 desc;
values (1), (2) order by column1 desc limit 1;
values (1), (2), (3) offset 1;
values (default);
values ();
values (count(*));
values ((select 1)), ((select max(n) from a));
values (1 / 0);
select * from (values (1, 2), (3, 4)) v;
select column2 from (values (1, 2), (3, 4)) v order by 1;
select v.* from (values (1, 2), (3, 4)) v (a, b) order by a desc;
select * from (values (1, 2)) v (a, b, c);
select (values (1));
table a;
table nope;
table a order by n limit 1;

-- functions that return sets
select generate_series(1, 3);
select generate_series(1, 3) as g order by g desc;
select generate_series(3, 1, -1);
select generate_series(1, 10, 3);
select generate_series(1, 3, 0);
select generate_series(3, 1);
select generate_series(1, null);
select generate_series(1.0, 2.0, 0.5);
select generate_series(1::bigint, 3), pg_typeof(generate_series(1::bigint, 3));
select generate_series(1, 3.5);
select generate_series('a', 'b');
select generate_series(1, 2), generate_series(1, 3);
select generate_series(1, 2) + generate_series(10, 11);
-- awaits: a set-returning function inside of another call
select generate_series(1, generate_series(1, 3));
select n, generate_series(1, n) from a where n < 3;
select generate_series(1, 3) limit 2;
select count(*) from generate_series(1, 100);
select sum(g), avg(g) from generate_series(1, 10) g;
select * from generate_series(1, 3) as g (x) where x <> 2;
select g.g, g from generate_series(1, 2) g;
select * from generate_series(1, 2) with ordinality;
select * from generate_series(5, 6) with ordinality as x (v, n);
select * from rows from (generate_series(1, 2), generate_series(1, 3)) as x (a, b);
select * from rows from (generate_series(1, 2), unnest(array['a', 'b', 'c'])) with ordinality as x (a, b, n);
select * from generate_series(1, 2) a, generate_series(1, a) b order by 1, 2;
select case when true then generate_series(1, 2) end;
select coalesce(generate_series(1, 2), 0);
select * from a where generate_series(1, 2) = 1;
select sum(generate_series(1, 3));
-- awaits: what docs/sql.md lists under "Not yet as PostgreSQL has it"
select count(*) from a group by generate_series(1, 2);
select distinct generate_series(1, 3) % 2 as m order by m;
-- awaits: what docs/sql.md lists under "Not yet as PostgreSQL has it"
select n from a order by generate_series(1, 2);
select 1 limit generate_series(1, 2);
select abs(generate_series(-2, -1));
select * from abs(-5);
select * from abs(-5) as x;
-- awaits: what docs/sql.md lists under "Not yet as PostgreSQL has it"
select x.abs from abs(-5) x;
select * from upper('a') as u (v);
select * from now() as n where n is null;
select * from current_date where false;
select * from nope(1);
select * from generate_series(1, 2) as x (a, b);
select * from json_array_elements('[1, 2]') as x (v);
select unnest(array[1, 2]), 'c' as k;

-- the select list
select;
select from a;
select 1, 'a', null, true, 1.5, 1::bigint, array[1], date '2024-01-01';
select 1 as "A b", 2 as select, 3 as "", 4 as a;
select 1 a, 2 "b", 3 as value;
select 1 as "";
select n, n, n + 1, n as n from a where n = 1;
select *, * from a where n = 1;
select a.*, n from a where n = 1;
select *, 1 as one from a where n = 1;
select * ;
select nope.*;
select 1 where false;
select 1 where null;
select 1 where 'true';
select 1 where 1;
select 1 where true and null is null;
select 'x' as n, n from a where n = 1;
select upper('a'), lower(s), a.n::text, (n), -n, n is null, not true, n between 1 and 2, case n when 1 then 2 end, coalesce(n, 1), (select 1), exists (select 1), array[1], row(1, 2), n in (1), cast(n as text), n::numeric(5, 2), current_date is null, null from a where n = 1;
select case when n = 1 then 'a' end, case n when 1 then 1 else 2 end as c, case when n = 1 then n end from a where n = 1;
-- awaits: an expression of kind XmlExpr
select nullif(1, 1), greatest(1, 2), least(1, 2), xmlelement(name a);
select extract(year from date '2024-01-01'), position('a' in 'ba'), trim('a'), substring('abc' from 2), overlay('a' placing 'b' from 1);
select current_user = user, current_schema, current_catalog = current_database(), session_user = current_role;
select n.n from a as n (n) where n.n = 1;
select "a"."n" from "a" where "N" = 1;
select A.N, a."s" from A where n = 1;
select interval '1' day, date '2024-01-01' + 1, timestamp with time zone '2024-01-01 00:00+00', int '5', float8 '1.5', numeric(5,2) '1.555', text 'a', bool 't';
select int(5);
select 1::int4::int8::text || 'x', -1::int, - 1 :: int, 2 ^ 2 :: int, 'a' || 1::text;
select 1 = 1 = true, 1 < 2 = true, not 1 = 2, 1 <> 2 and 2 <> 3, 1 is null is not null, 'a' like 'a' = true, 1 + 1 between 1 and 3;
select 1 < 2 < 3;
select 1 between 0 and 2 and 3, 1;
select 1 between 2 and 0, 1 between symmetric 2 and 0, 1 not between 2 and 3, null between 1 and 2, 1 between null and 0;
-- awaits: TABLESAMPLE
select * from a tablesample system (100) order by n, s;
-- awaits: TABLESAMPLE
select count(*) from a tablesample bernoulli (0);
-- awaits: TABLESAMPLE
select count(*) from a tablesample bernoulli (100) repeatable (1);
-- awaits: TABLESAMPLE
select count(*) from a tablesample nope (1);
-- awaits: TABLESAMPLE
select count(*) from a tablesample system (200);
select into c2 n from a;
select n into c3 from a where n = 1;
select * from c3;
