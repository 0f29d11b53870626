-- TABLESAMPLE.

create table t (id int primary key, v text);
insert into t select g, 'v' || g from generate_series(1, 1000) g;
create table h (a int);
insert into h select generate_series(1, 1000);
select count(*) from t tablesample bernoulli (100);
select count(*) from t tablesample bernoulli (0);
select count(*) from t tablesample system (100);
select count(*) from h tablesample system (0);
select count(*) between 300 and 700 from t tablesample bernoulli (50);
select count(*) between 300 and 700 from h tablesample bernoulli (50) repeatable (7);
select (select array_agg(id order by id) from t tablesample bernoulli (30) repeatable (3)) = (select array_agg(id order by id) from t tablesample bernoulli (30) repeatable (3));
select (select array_agg(a order by a) from h tablesample bernoulli (30) repeatable (3)) = (select array_agg(a order by a) from h tablesample bernoulli (30) repeatable (4));
select count(*) < 1000 and count(*) > 0 from t as x (i) tablesample bernoulli (50) where i > 0;
select x.id, x.v from t x tablesample bernoulli (100) where id = 5;
select t.id, h.a from t tablesample bernoulli (100) join h tablesample system (100) on h.a = t.id where t.id < 3 order by 1;
select count(*) from t left join h tablesample bernoulli (0) on h.a = t.id;
select count(*) from t tablesample bernoulli (-1);
select count(*) from t tablesample bernoulli (101);
select count(*) from t tablesample bernoulli (null);
select count(*) from t tablesample bernoulli (50) repeatable (null);
select count(*) from t tablesample nope (50);
select count(*) from t tablesample bernoulli (50, 1);
create view w as select * from t;
select count(*) from w tablesample bernoulli (50);
with c as (select 1) select * from c tablesample bernoulli (50);
select count(*) from t tablesample bernoulli (100.0) repeatable (1.5);
