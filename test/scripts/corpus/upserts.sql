-- ON CONFLICT: subqueries in DO UPDATE, views, arbiters, and what parameters are (manual, INSERT, CREATE VIEW).

create table stock (sku text primary key, n int not null default 0, note text, price numeric);
create table limits (sku text primary key, most int);
create table audit (id int, sku text);
insert into stock values ('a', 1, 'x', 1), ('b', 2, 'y', 2), ('c', 3, 'z', 3);
insert into limits values ('a', 5), ('b', 2);
insert into stock values ('a', 9) on conflict (sku) do update set n = (select most from limits l where l.sku = excluded.sku) returning *;
insert into stock values ('a', 9), ('b', 9), ('c', 9), ('d', 9) on conflict (sku) do update set n = least(excluded.n, (select most from limits l where l.sku = stock.sku)) returning sku, n;
insert into stock values ('a', 1), ('c', 1) on conflict (sku) do update set n = excluded.n where exists (select from limits l where l.sku = excluded.sku) returning sku, n;
insert into stock values ('a', 7) on conflict (sku) do update set n = 7 where stock.sku in (select sku from limits) returning n;
insert into stock values ('a', 8) on conflict (sku) do update set n = 8 where stock.sku not in (select sku from limits) returning n;
insert into stock values ('a', 8) on conflict (sku) do update set (n, note) = (select most, 'from ' || l.sku from limits l where l.sku = excluded.sku) returning n, note;
insert into stock values ('b', 8) on conflict (sku) do update set (n, note) = (select most, 'from ' || l.sku from limits l where l.sku = stock.sku) where stock.n < 100 returning n, note;
insert into stock values ('q', 1), ('a', 1) on conflict (sku) do update set n = (select max(n) from stock) returning sku, n;
insert into stock values ('a', 1), ('b', 1) on conflict (sku) do update set n = (select count(*) from stock) returning sku, n;
insert into stock values ('r', 1), ('s', 1), ('a', 1) on conflict (sku) do update set n = (select count(*) from stock) returning sku, n;
insert into stock values ('a', 1) on conflict (sku) do update set n = (select n from stock) returning sku, n;
insert into stock values ('a', 1) on conflict (sku) do update set n = (select nope from limits) returning sku, n;
insert into stock values ('a', 1) on conflict (sku) do update set n = (select excluded.n + stock.n) returning sku, n;
insert into stock values ('a', 1) on conflict (sku) do update set n = (select 'x') returning sku, n;
with m as (select 77 as n) insert into stock values ('a', 1) on conflict (sku) do update set n = (select n from m) returning sku, n;
with m as (select 'a' as s) insert into stock values ('a', 1), ('b', 1) on conflict (sku) do update set n = 5 where stock.sku in (select s from m) returning sku, n;
insert into stock as t values ('a', 1) on conflict (sku) do update set n = t.n + (select count(*) from limits where limits.sku >= t.sku) returning t.*;
insert into stock values ('a', 1) on conflict (sku) do update set n = array_length(array(select sku from limits), 1) returning n;
insert into stock select sku, most from limits on conflict (sku) do update set n = excluded.n + (select count(*) from audit) returning sku, n;
select * from stock order by sku;
-- Views
create view v as select sku as code, n as amount, price * 2 as twice from stock;
insert into v (code, amount) values ('a', 100) on conflict (code) do update set amount = excluded.amount + v.amount returning *;
insert into v (code, amount) values ('a', 100), ('n', 1) on conflict (code) do nothing returning *;
insert into v (code, amount) values ('n', 100) on conflict do nothing;
insert into v (code, amount) values ('n', 3) on conflict (sku) do update set amount = 1;
insert into v (code, amount) values ('n', 3) on conflict (code) do update set n = 1;
insert into v (code, amount) values ('n', 3) on conflict (code) do update set twice = 1;
insert into v (code, amount) values ('n', 3) on conflict (code) do update set amount = excluded.twice;
insert into v (code, amount) values ('n', 3) on conflict (code) do update set amount = excluded.n;
insert into v (code, amount) values ('n', 3) on conflict (amount) do update set amount = 1;
insert into v (code, amount) values ('n', 3) on conflict on constraint stock_pkey do update set amount = 1;
insert into v as w (code, amount) values ('n', 3) on conflict (code) do update set amount = w.amount * 10 + excluded.amount where w.amount < 50 returning w.amount;
insert into v as w (code, amount) values ('n', 3) on conflict (code) do update set amount = v.amount;
create view few as select * from stock where n < 50 with check option;
-- 15.20: that the view does not show the row; 18 is an earlier release here
insert into few values ('a', 10) on conflict (sku) do update set n = excluded.n returning sku, n;
-- 15.20: that the view does not show the row; 18 is an earlier release here
insert into few values ('a', 10) on conflict (sku) do update set n = 60;
insert into few values ('a', 60) on conflict (sku) do nothing;
insert into few values ('z1', 60) on conflict (sku) do nothing;
create view over_few as select sku, n from few;
insert into over_few values ('b', 20), ('z2', 1) on conflict (sku) do update set n = excluded.n + 1 returning *;
update stock set n = 70 where sku = 'b';
-- 15.20: that the view does not show the row; 18 is an earlier release here
insert into over_few values ('b', 20) on conflict (sku) do update set n = excluded.n + 2 returning *;
create view grouped as select sku, sum(n) s from stock group by sku;
insert into grouped values ('a', 1) on conflict (sku) do nothing;
insert into grouped values ('a', 1) on conflict do nothing;
create view checked as select sku, sum(n) s from stock group by sku with check option;
create view checked as select distinct sku from stock with local check option;
create view checked as select a.sku from stock a, limits b with cascaded check option;
create view checked as select sku from stock limit 1 with check option;
create view checked as values (1) with check option;
create view checked as select 1 as one with check option;
create or replace view few as select distinct * from stock with check option;
create view subs as select * from stock where sku in (select sku from limits) with check option;
insert into subs values ('a', 3) on conflict (sku) do update set n = excluded.n returning n;
insert into subs values ('zz', 3);
update subs set sku = 'yy' where sku = 'a';
update subs set n = 12 where sku = 'a' returning n;
create view more as select * from subs where exists (select from audit where audit.sku = subs.sku) with cascaded check option;
-- 15.20: that the view does not show the row; 18 is an earlier release here
insert into more values ('b', 1) on conflict (sku) do update set n = 1;
insert into audit values (1, 'b');
insert into more values ('b', 1) on conflict (sku) do update set n = 1 returning n;
-- Parameters
prepare p1 as update stock set note = $1, n = $1 + 1 where sku = 'a';
prepare p2 as update stock set note = $1, n = $2 + 1 where sku = $1;
execute p2('a', 4);
prepare p3 as insert into stock values ($1, $1);
prepare p4 as insert into stock values ($1, $2) on conflict (sku) do update set n = $2, note = $2;
prepare p5 as select $1 + 1, $1 || 'x';
prepare p6 as select * from stock where sku = $1 and n = $1;
prepare p7(int) as update stock set note = $1, n = $1 + 1 where sku = 'a';
execute p7(5);
prepare p8 as select coalesce($1, 1), $1::text;
prepare p9 as select $1::int, $1::text;
prepare p10 as select $1, $1 + 1;
prepare p11 as select case when $1 then $1 else 'x' end;
prepare p12 as select * from stock where n between $1 and $2 and price > $1;
prepare p13 as insert into stock (sku, n, price) values ($1, $2, $2);
select * from stock order by sku;
-- A row that a view does not show is not changed through it
create table shown (k int primary key, n int);
insert into shown values (1, 10), (2, 60), (3, null);
create view small as select * from shown where n < 50;
create view medium as select * from small where n > 5;
-- 15.20: that the view does not show the row; 18 is an earlier release here
insert into small values (2, 5) on conflict (k) do update set n = 6;
-- 15.20: that the view does not show the row; 18 is an earlier release here
insert into medium values (2, 5) on conflict (k) do update set n = 6;
-- 15.20: that the view does not show the row; 18 is an earlier release here
insert into small values (3, 5) on conflict (k) do update set n = 6;
-- 15.20: that the view does not show the row; 18 is an earlier release here
insert into small values (2, 5) on conflict (k) do update set n = 6 where false;
insert into small values (2, 5) on conflict (k) do nothing;
insert into medium values (1, 5) on conflict (k) do update set n = 2 returning *;
-- 15.20: that the view does not show the row; 18 is an earlier release here
insert into medium values (1, 5) on conflict (k) do update set n = 8 returning *;
-- 15.20: that the view does not show the row; 18 is an earlier release here
insert into medium values (4, 7), (2, 1) on conflict (k) do update set n = 8;
-- 15.20: what follows from that
select * from shown order by k;

-- conditions behind the target: they have to say what the index says, and may say more
create table inferred (id int primary key, a int, b text);
create unique index inferred_part on inferred (a) where b like 'x%';
create unique index inferred_whole on inferred (b);
create unique index inferred_two on inferred (a, b) where a > 0 and b is not null;
insert into inferred values (1, 1, 'x1');
insert into inferred values (2, 1, 'x2') on conflict (a) where b like 'x%' do nothing;
insert into inferred values (2, 1, 'x2') on conflict (a) where b like 'x%' and id > 0 do nothing;
insert into inferred values (2, 1, 'x2') on conflict (a) where id > 0 and b like 'x%' do update set b = 'x9';
insert into inferred values (2, 1, 'x2') on conflict (a) where id > 0 do nothing;
insert into inferred values (1, 5, 'y') on conflict (id) where a > 0 do nothing;
insert into inferred values (2, 5, 'x9') on conflict (b) where coalesce(a, 1) > 1 do nothing;
insert into inferred values (3, 1, 'x9') on conflict (a, b) where b is not null and a > 0 do nothing;
insert into inferred values (3, 1, 'x9') on conflict (a, b) where a > 0 do nothing;
select * from inferred order by id;
-- what tells an index may be, and how its mistakes are told
create table told (id int primary key, a int, c text);
insert into told values (1) on conflict (id) where (select true) do nothing;
insert into told values (1) on conflict ((select 1)) do nothing;
insert into told values (1) on conflict (id) where count(*) > 1 do nothing;
insert into told values (1) on conflict ((count(*))) do nothing;
insert into told values (1) on conflict (id) where row_number() over () > 1 do nothing;
insert into told values (1) on conflict ((row_number() over ())) do nothing;
insert into told values (1) on conflict (id) where generate_series(1, 2) > 1 do nothing;
insert into told values (1) on conflict (id) where a do nothing;
insert into told values (1) on conflict (id) where random() > 2 do nothing;
insert into told values (1) on conflict (id, missing) do nothing;
insert into told values (1) on conflict (id desc) do nothing;
insert into told values (1) on conflict (id nulls first) do nothing;
insert into told values (1) on conflict (told.id) do nothing;
insert into told values (1) on conflict ((told.id)) do nothing;
insert into told values (1) on conflict ((excluded.id)) do nothing;
insert into told values (1) on conflict (excluded) do update set a = 1;
insert into told values (1) on conflict (id) do update set a = 1 where count(*) > 1;
insert into told values (1) on conflict (id) do update set a = count(*);
insert into told values (1) on conflict on constraint nope do nothing;
drop table told;
create table by_means (id int primary key, t text unique, v varchar(5));
create unique index on by_means (v text_pattern_ops);
insert into by_means values (1, 'a', 'b') on conflict (id collate "C") do nothing;
insert into by_means values (1, 'a', 'b') on conflict (id int4_ops) do nothing;
insert into by_means values (1, 'a', 'b') on conflict (id int4_ops) do nothing;
insert into by_means values (1, 'a', 'b') on conflict (id int8_ops) do nothing;
insert into by_means values (1, 'a', 'b') on conflict (id text_ops) do nothing;
insert into by_means values (2, 'a', 'b') on conflict (t text_ops) do nothing;
insert into by_means values (2, 'a', 'b') on conflict (t varchar_ops) do nothing;
insert into by_means values (2, 'a', 'b') on conflict (t text_pattern_ops) do nothing;
insert into by_means values (2, 'c', 'b') on conflict (v text_pattern_ops) do nothing;
insert into by_means values (2, 'c', 'b') on conflict (v varchar_pattern_ops) do nothing;
insert into by_means values (2, 'c', 'b') on conflict (v) do nothing;
insert into by_means values (2, 'c', 'b') on conflict (v text_ops) do nothing;
insert into by_means values (1, 'a', 'b') on conflict (id nope_ops) do nothing;
drop table by_means;
