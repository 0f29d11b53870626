-- What views hold of the tables below them, writing through views of views, and the elements of CREATE SCHEMA.

-- a query that the primary key makes valid
create table keyed (id int primary key, name text, n int);
create view by_key as select id, name, sum(n) from keyed group by id;
create view above_it as select * from by_key;
alter table keyed drop constraint keyed_pkey;
alter table keyed drop constraint keyed_pkey cascade;
select * from by_key;
create view by_key as select id, name from keyed group by id;
alter table keyed add primary key (id);
create view without_key as select id, count(*) from keyed group by id;
alter table keyed drop constraint keyed_pkey;
select * from without_key;
select count(*) from information_schema.columns where table_name = 'without_key';

-- the view that stands in the way is named
create table base (a int primary key, b text default 'none');
create view distinct_view as select distinct a, b from base;
create view over_it as select * from distinct_view;
insert into over_it values (1);
update over_it set b = 'x';
delete from over_it;

-- one column of the table under two names
create view twice as select a, b, a as aa from base;
insert into twice values (1, 'x', 2);
insert into twice (a, b) values (1, 'one');
insert into twice (aa, b) values (2, 'two');
insert into twice (a, aa) values (3, 3);
insert into twice (a, a) values (3, 3);
update twice set a = 5, aa = 6;
update twice set a = 5, a = 6;
update twice set aa = 7 where a = 1;
select * from base order by a;
insert into twice (a, aa) select 8, 9;
insert into base (a, a) values (1, 2);

-- rows of materialized views
create materialized view held as select * from base;
select * from held for share;
select * from held for update;
select * from held, base for update of base;

-- the table in a check
create table self_aware (n int, check (tableoid::regclass::text <> 'self_aware' or n > 0));
insert into self_aware values (0);
insert into self_aware values (1) returning n, tableoid::regclass;
create table self_aware_keyed (n int primary key, m int, check (n > 0 or tableoid = 0));
insert into self_aware_keyed values (0, 1);
insert into self_aware_keyed values (1, 1);

-- CREATE SCHEMA with what is in it
create schema other create sequence nowhere.s;
create schema other create table nowhere.t (a int);
create schema other create view nowhere.v as select 1;
create schema other create index on nowhere.t (a);
create schema if not exists other create table t (a int);
create schema other
  create unique index t_a_idx on t (a)
  create view v as select a + 1 as a, b from t
  create table t (a int default nextval('other.s'), b int unique)
  create sequence other.s;
insert into other.t default values returning *;
select * from other.v;
select relname, relkind from pg_class where relnamespace = 'other'::regnamespace order by 1;
create schema failing create table t (a int) create view v as select nope from t;
select count(*) from pg_namespace where nspname = 'failing';
set search_path = '';
create schema another create table t (a int) create view v as select a from t;
show search_path;
select * from another.v;
set search_path = other, public;
create schema third create table t (c int) create view v as select c from t;
select * from third.v;
select * from v;
show search_path;
reset search_path;
create schema temporary_one create temp view v as select 1;
alter database nowhere.x set work_mem = 1;
alter index t_a_idx alter column 0 set statistics 5;

refresh materialized view concurrently held with no data;

-- errors name the schema of what they are about
create schema apart;
set search_path to apart;
create domain small as int constraint is_small check (value < 10) not null;
create domain tiny as small check (value < 5);
create table parents (id int primary key, n int not null, s small default 1, t tiny default 1, constraint low check (n < 10));
create table children (id int primary key, parent int references parents deferrable, u int unique);
insert into parents values (1, 1), (1, 2);
insert into parents values (1, null);
insert into parents values (1, 20);
insert into parents values (1, 1, 20);
insert into parents values (1, 1, 1, 7);
insert into parents values (1, 1, 1, 17);
insert into parents values (1, 1, null, 1);
insert into parents values (1, 1);
insert into children values (1, 2, 1);
insert into children values (1, 1, 1), (2, null, 1);
insert into children values (1, 1, 1);
delete from parents;
begin;
set constraints all deferred;
insert into children values (3, 5, 5);
commit;
alter table children add constraint high check (u > 5);
alter table parents add column more int not null;
create unique index on (select 1);
insert into children values (4, null, 2);
alter table children add column v int default 3;
create unique index children_v on children (v);
alter table children alter column parent set not null;
select 17::tiny;
select null::small;
begin;
create schema later;
create table later.t (a int primary key);
insert into later.t values (1), (1);
rollback;
reset search_path;
drop schema apart cascade;

-- What a view is printed as: modifiers of casts, calls in words of their own, whole rows.
create table printed_from (id int, a text, n numeric, ts timestamptz, arr int[]);
create view printed_casts as select (-5) neg, a::bpchar bp, 'ab'::varchar(1) vc, 'ab'::char(3) c3, 'ab'::bpchar cb, ts::timestamp(0) t0, (a || 'x')::char(2) c2, arr::numeric(4,1)[] na, n::numeric(5,1) nn, b'101'::bit(2) bt, 1.5::numeric(3,0) k, cast(id as numeric(4)) x, null::varchar(3) nl, '12:00'::time(2) tt, a::"char" ch, a::name nm, (id + 1)::text p from printed_from;
-- 15: PostgreSQL 18 leaves out the name of the only relation
select pg_get_viewdef('printed_casts'::regclass);
create view printed_words as select extract(year from ts) y, ts at time zone 'UTC' z, timezone('UTC', ts) f, substring(a from 1 for 2) s, substring(a from 'x(.)') r, position('x' in a) p, trim(both 'x' from a) t1, trim(leading from a) t2, trim(trailing 'y' from a) t3, overlay(a placing 'z' from 1 for 2) o, normalize(a, NFC) nf, a is nfc normalized ni, (ts, interval '1 day') overlaps (ts, ts) ov, btrim(a) b from printed_from;
-- 15: PostgreSQL 18 leaves out the name of the only relation
select pg_get_viewdef('printed_words'::regclass);
create view printed_rows as select w, (w).id, w.a from printed_from w;
-- 15: PostgreSQL 18 leaves out the name of the only relation
select pg_get_viewdef('printed_rows'::regclass);
create index on printed_from ((a::varchar(2)), (n::int), lower(a), (a || 'x'));
select indexrelid::regclass, pg_get_indexdef(indexrelid) from pg_index where indrelid = 'printed_from'::regclass;
