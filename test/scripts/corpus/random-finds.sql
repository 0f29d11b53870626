-- What random statements beside PostgreSQL have found (npm run soak -- sql-language).

create type pair as (x int, y text);
create table w (id int primary key, k int unique, v text);
insert into w values (1, 10, 'a'), (2, 20, 'b'), (30, 30, 'z');
create view wv as select id, k, v from w where id > 2 with check option;

-- Types of NULLIF
select nullif(row(1, 'a')::pair, row(1, 'b')::pair);
select (nullif(row(1, 'a')::pair, row(1, 'b')::pair)).x;
select coalesce(nullif(row(1, 'a')::pair, row(1, 'a')::pair), row(2, 'c')::pair);
select nullif(date '2024-01-01', timestamptz '2024-01-01 00:00Z');
select nullif(timestamp '2024-01-01', date '2024-01-01');
select nullif(1.5::real, 1.5::double precision);

-- Literals without a type as arguments of aggregates
select array_agg('a');
select array_agg(null) from w;
select array_agg('a') over () from w;
select array_agg(distinct 'a') from w;
select json_agg('a') from w;
select jsonb_agg(null) from w;
select jsonb_agg('a') over () from w;
select bit_and('1') from w;
select bit_or('1') over () from w;
select range_agg('a') from w;
select sum('1') over () from w;
select avg('1') over () from w;
select mode() within group (order by 'a') from w;
select percentile_disc(0.5) within group (order by 'a') from w;
select max('a'), min('b'), count('c'), string_agg('a', ',') from w;

-- Which query an aggregate belongs to, where a query in its argument says so
select 1 from w where exists (select count((select max(x) from (values (w.v)) t (x))) from generate_series(1, 2));
select * from w join lateral (select count((select max(x) from (values (w.v)) t (x))) from generate_series(1, 2)) s on true;

-- GROUPING of a column of the query around
select * from w join lateral (select grouping(w.k) from generate_series(1, 2) g group by rollup (g, w.k)) s on true;
select * from w join lateral (select grouping(g, w.k) from generate_series(1, 2) g group by rollup (g, w.k)) s on true;
select * from w join lateral (select grouping(w.k + g) from generate_series(1, 2) g group by rollup (w.k + g)) s on true order by 1, 4;

-- Rows of VALUES: each value by itself, then their number
insert into w (id, k, v) values (21, k, 58, 'a b');
insert into w (id, k, v) values (21, 2, 58), (1, k);
insert into w (id, k, v) values (21, 'x', 'y', 'z');
insert into w (id, k) values (21, 'x'), (1);
insert into w (id, k) values (1, 2), (1), (k);
insert into w (id, k) values (1, default, default);
insert into w values (1, 2, 'v', default);
insert into w values (1, 2, 'v', nosuch);

-- ON CONFLICT is read after the values and before RETURNING; whether an index is meant is told last
insert into w (id, k, v) values (1, nosuch, 2) on conflict (v) do nothing;
insert into w (id, k, v) values (1, 2, 2) on conflict (v) do nothing returning nosuch;
insert into w (id, k, v) values (1, 2, 2) on conflict (v) do nothing returning id;
insert into w (id, k, v) values (1, 2, 2) on conflict (nosuch) do nothing returning nosuch2;

-- WITH CHECK OPTION looks at rows that are there
insert into wv values (1, 5, 'x') on conflict do nothing returning *;
insert into wv values (2, 5, 'x');
insert into wv values (0, 5, 'x');
insert into wv values (50, 50, 'x'), (0, 60, 'z'), (1, 70, 'u');
update wv set id = 1;
update wv set id = 0;
update wv set id = 2 where id = 30;
update wv set v = 'n' where id = 30 returning *;
select * from w order by id;

-- Queries in arguments of functions in FROM
select * from unnest(array(select id from w order by id)) x;
select * from w, unnest(array(select o.id + w.k from w o order by 1)) with ordinality x (a, o) order by 1, o;
select * from generate_series(1, (select max(id) from w where id < 5)) x;
select * from rows from (generate_series((select 1), 3), unnest(array[7])) y;
select * from upper((select max(v) from w)) u;

-- The part of a pattern of SIMILAR before the first separator is as short as it can be
select substring('abc def' similar '%~"[a-z]+~"%' escape '~'), substring('abc def' similar '_~"[a-z]+~"%' escape '~');
select substring('aXbXc' similar '(a|aX)+~"%~"X%' escape '~'), substring('abcabc' similar '%~"b%~"c' escape '~');
select substring('aaab' similar 'a*~"a*~"b' escape '~'), substring('aaab' similar 'a{1,2}~"a*~"b' escape '~');
select substring('aaab' similar 'a+~"%~"%' escape '~'), substring('aaab' similar '(a|aa)~"%~"%' escape '~');

select '1'::nosuch[];
select 1 from w a join w b on a.id = b.id (nosuch);

-- Windows are bound after the rest of a query, those that no call looks at as well
select lag('') over (order by nosuch) from w;
select rank() over (order by nosuch), nosuch2 from w;
select rank() over (order by nosuch) from w where nosuch2;
select rank() over (order by nosuch) from w order by nosuch2;
select rank() over (order by nosuch) from w group by nosuch2;
select rank() over (order by nosuch) from w limit nosuch2;
select rank() over (order by nosuch), rank() over x from w window x as (order by nosuch2);
select id from w window x as (order by nosuch2);
select rank() over x from w window y as (order by nosuch2);
select rank() over (x) from w window y as (order by nosuch2);
select rank() over (order by rank() over ()) from w;
select id, rank() over x, sum(k) over (x rows 1 preceding) from w window x as (order by id), z as (partition by v) order by 1;

-- The query of IN is read before what is looked for, rows before their lengths are compared
select 1 from w where (nosuch in (select sum(nosuch2) from w));
select 1 from w where (id, nosuch) in (select nosuch2, 1 from w);
select 1 from w where nosuch = any (select 'a'::date);
select (id, nosuch, 3) = (1, 2) from w;
select (id, 3) < (nosuch, k, 3) from w;
select (id, nosuch) is distinct from (nosuch2, 1, 2) from w;
select (id, 1, 2) = (1, 2) from w;
select (id, 1) in ((1, 2, 3)) from w;

-- Objects of jsonb: keys compare as texts, whatever their length
select jsonb '{"f1": 1, "f2": 2}' < jsonb '{"p": 1, "q": 2}', jsonb '{"zz": 1}' > jsonb '{"b": 1}', jsonb '{"aa": 1}' < jsonb '{"b": 1}';

-- Alternatives of one kind of types that do not become each other
select coalesce(date '2024-01-01', time '12:00');
select coalesce(null, date '2024-01-01', time '12:00');
select case when true then 1 else '12:00'::time end;
select coalesce(1, 2.5, 'x'::text);
select greatest(1, null, time '12:00', date '2024-01-01');
select array[date '2024-01-01', time '12:00'];
values (array[1]), (array['1'::jsonb]);
values (1), (2.5), (true);
select date '2024-01-01' union select time '12:00';
select 1 union select 2.5 union select true;
select 1 in (2.5, true);
with recursive r as (select date '2024-01-01' as d union all select time '12:00' from r) select * from r;

-- Places
select coalesce(true, (timestamp '2020-01-01' at time zone 'UTC'));
select coalesce(true, position('a' in 'b'::text));
select 1 union (select distinct on (k + 1) k + 1, v from w intersect select 1, 'a');

-- What a transaction took away is not there for a foreign key
create table wf (id int primary key, w int references w on delete cascade on update cascade);
insert into wf values (1, 1);
begin isolation level serializable;
update w set id = id + 100;
insert into wf values (3, 30);
rollback;
begin isolation level repeatable read;
delete from w where id = 30;
insert into wf values (3, 30);
rollback;

-- The modes of a transaction that failed do not go over to the one that follows
begin read only;
select 1 / 0;
commit and chain;
show transaction_read_only;
rollback and chain;
show transaction_read_only;
rollback;
begin isolation level repeatable read;
select 1 / 0;
rollback and chain;
show transaction_isolation;
rollback;
begin isolation level repeatable read, read only;
savepoint a;
select 1 / 0;
commit and chain;
show transaction_isolation;
show transaction_read_only;
rollback and chain;
show transaction_isolation;
rollback;
select coalesce(true, row(1, 'a')::pair);
select ((row(1, 'a')::pair).x + 2) is unknown;
select grouping((v = any (array['a']))) from w group by rollup (v);
merge into w using (values (1)) s (x) on w.id = s.x when not matched and s.x + 7 then do nothing;

-- What a parameter becomes, and what is told first.
create table again (id int primary key, n numeric(8,2), p text);
create type again_pair as (x int, y text);
prepare a1 (unknown) as insert into again (id, n) select g, $1 from generate_series(1, 2) g returning *;
execute a1 (2.5);
prepare a2 (unknown) as select row($1, 'a')::again_pair, $1 + 1;
execute a2 (7);
prepare a3 (unknown) as select percentile_disc($1) within group (order by id) from again;
execute a3 (0.5);
select min('{}'::jsonb order by 1);
select min('{}'::jsonb order by 1, 2);
with c (n) as (select 1 union all select n + 1 from c where n < 3) cycle n set seen using path select * from c;
with recursive c (n) as (select 1 union all select n + 2::bigint from c where n < 3) search depth first by n set o select * from c;
begin read only;
select id from again for key share;
rollback;
begin read only;
select id from again a join again b using (id) for no key update of b;
rollback;
set client_min_messages = warning;
drop table if exists nothing_of_that_name;
commit;
set client_min_messages = error;
commit;
reset client_min_messages;
commit;
drop table if exists nothing_of_that_name;
select row('x', 'a')::again_pair;
select row('5', 'a')::again_pair;
drop table again;
drop type again_pair;
create table again (id int primary key, k int, v text);
update again set nope = again.nope2;
update again set (id, nope) = (1, again.nope2);
update again set (k, v) = row(nope, 1), nope3 = 5;
update again set (k, nope) = (select 1, nope2);
update again set k = 1, nope = 2;
update again set k = default, nope = nope2;
insert into again (id) values (1) on conflict (id) do update set nope = excluded.nope2;
merge into again using (values (1)) s (x) on again.id = s.x when matched then update set nope = s.y;
select date(z1) '2020-06-15' from again;
select numeric(z1) '2020-06-15' from again;
select (id, v) < (int4range(1, 2), 'a') from again;
select (v, id) >= ('a', int4range(1, 2)) from again;
with recursive c (n, p) as (select 1, 'x'::text union select 2, coalesce(c.p, '') ~ '.' from c) select * from c;
select 'a'::text union select coalesce('a', 'b') ~ '.';
values ('a'::text) intersect select coalesce('a', 'b') ~ '.';
drop table again;
select array_remove('[2:4]={1,2,3}'::int[], 9), array_remove('[2:4]={1,2,3}'::int[], 2);
select array_remove('[2:2]={1}'::int[], 1), array_remove('{}'::int[], 1), array_remove('[0:2]={1,null,1}'::int[], null);
begin isolation level repeatable read;
commit and chain;
select 1;
begin read only;
select 1 / 0;
commit and chain;
show transaction_read_only;
show transaction_isolation;
rollback;

-- What calls with values of the edges found.
SELECT width_bucket(0.29, 0, 1, 100), width_bucket(0.29, 1, 0, 100), width_bucket(0.71, 1, 0, 100), width_bucket(12345678901234567890.5, 12345678901234567890, 12345678901234567891, 10);
SELECT width_bucket(6::numeric, 1, 5, 2147483647);
SELECT width_bucket(0::float8, 5, 1, 2147483647);
SELECT width_bucket(-1, '{1,2,NULL}'::int[]);
SELECT overlay('42' placing '7' from 3 for 2147483647);
SELECT overlay(b'10' placing b'1' from 2147483647);
SELECT overlay('\x42'::bytea placing '\x07' from 3 for 2147483647);
SELECT regexp_instr('a', 'a', 0, 1, 7);
SELECT regexp_instr('a', 'a', 1, 0, 7);
SELECT '10.1.2.3/8'::inet | '::1'::inet;
SELECT json_to_record('{"a":1}');
SELECT jsonb_to_recordset('[1]');
SELECT jsonb_path_query('1', '$.a', 'null', true);
-- 15: 18 looks at the unit before it looks at the time
SELECT date_trunc('nothing', timestamp 'infinity'), date_trunc('nothing', timestamptz '-infinity'), date_trunc('nothing', timestamptz '-infinity', 'nowhere');
SELECT timestamptz '-infinity' AT TIME ZONE 'nowhere', timestamp 'infinity' AT TIME ZONE 'nowhere', timestamp 'infinity' AT TIME ZONE interval '1 month';
SELECT timestamp '2024-01-01' AT TIME ZONE interval '1 mon -3 days 04:05:06.7';
SELECT make_date(2147483647, 7, 1);
SELECT log(0, 'NaN'::numeric);
SELECT array_fill(1, '{1,NULL}'::int[], '{{1},{2}}'::int[]);
SELECT array_fill(1, '{}'::int[], '{1,NULL}'::int[]);
SELECT convert_to('a', 'x y');
SELECT oidvectortypes('23 1');
SELECT '3'::xid = 3, '3'::xid <> 0, '4294967295'::xid = -1, '3'::xid = 3::int2, null::xid = 3, '3'::xid = null::int;
SELECT nullif('3'::xid, 3), CASE '3'::xid WHEN 3 THEN 1 END, '3'::xid IN (3, 4), '3'::xid NOT IN (4), '3'::xid IS DISTINCT FROM 3;
SELECT '3'::xid = 3::bigint;
SELECT 3 = '3'::xid;
SELECT '3'::xid < 3;
-- 15: 18 has another scale for powers of ten
SELECT to_number(' 12 ', '990V'), to_number('123', '99V9'), to_number('12-', '9V');
-- 15: 18 looks for the operator first
SELECT exists(SELECT FROM (SELECT true k) p JOIN (SELECT 1 k) r USING (k));
-- 15: 18 looks for the operator first
SELECT exists(SELECT FROM (SELECT 'a'::text k) p NATURAL JOIN (SELECT '{1}'::int[] k) r);

-- A parameter in a row takes its type from the rows that it is compared with
prepare row_in(int, unknown) as select ($2, 'x') in (($1, 'x'), (3, 'y'));
execute row_in(4, 4);
execute row_in(4, 3);
prepare row_not_in as select ($1, $2) not in ((1, 'x'), (3, 'y'));
execute row_not_in(3, 'y');
deallocate all;
