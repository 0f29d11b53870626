-- ALTER TABLE: several types at once, constraints that take over an index, checks without heirs.

-- types of several columns
create table t1 (a int, b text, c int default 5);
insert into t1 values (1, '10', 100), (2, '20', 200);
alter table t1 alter a type text using b || '!', alter b type int using a * 2, alter c type bigint;
select a, b, c, pg_typeof(a), pg_typeof(b), pg_typeof(c) from t1 order by b;
alter table t1 alter b type int using c::int, alter c type int using b;
select * from t1 order by b;
alter table t1 alter a type varchar(10), alter a type text;
alter table t1 alter a type int, alter b type text;
alter table t1 add column d int default 7, alter b type bigint using c + b, drop column a;
select * from t1 order by b;
create table t0 (x int, y int generated always as (x * 2) stored);
alter table t0 alter x type bigint;
alter table t0 alter y type bigint;
create table t2 (id int primary key, x int);
create index on t2 (x);
insert into t2 values (1, 5), (2, 6);
alter table t2 alter id type bigint using x, alter x type bigint using id;
select * from t2 order by id;
select * from t2 where x = 1;
alter table t2 alter id type text, alter x type numeric;
select * from t2 order by id;
alter table t2 set without oids;

-- USING INDEX
create table u1 (a int, b int, c text);
create unique index u1_a on u1 (a);
create unique index u1_b on u1 (b);
create unique index u1_desc on u1 (b desc);
create unique index u1_expr on u1 ((a + b));
create unique index u1_part on u1 (a) where b > 0;
create unique index u1_class on u1 (c text_pattern_ops);
create index u1_c on u1 (c);
insert into u1 values (1, 1, 'x'), (2, null, 'y');
alter table u1 add constraint u1_b_key unique using index u1_b;
alter table u1 add unique using index u1_desc;
alter table u1 add unique using index u1_expr;
alter table u1 add unique using index u1_part;
alter table u1 add unique using index u1_class;
alter table u1 add unique using index u1_c;
alter table u1 add unique using index nope;
alter table u1 add unique using index u1_b_key;
alter table t2 add unique using index u1_a;
alter table u1 add primary key using index u1_a;
alter table u1 add primary key using index u1_a;
select conname, contype, pg_get_constraintdef(oid), conindid::regclass from pg_constraint where conrelid = 'u1'::regclass and contype <> 'n' order by 1;
select attname, attnotnull from pg_attribute where attrelid = 'u1'::regclass and attnum > 0 order by attnum;
insert into u1 values (1, 5, 'z');
insert into u1 values (null, 5, 'z');
insert into u1 values (3, 1, 'z');
insert into u1 values (1, 5, 'z') on conflict on constraint u1_a do nothing;
drop index u1_b_key;
drop index u1_a;
create table u2 (a int references u1);
insert into u2 values (1);
insert into u2 values (9);
alter table u1 drop constraint u1_a;
alter table u1 drop constraint u1_a cascade;
alter table u1 drop constraint u1_b_key;
select relname from pg_class where relname in ('u1_a', 'u1_b', 'u1_b_key') order by 1;
create unique index u1_null on u1 (b);
insert into u1 values (5, null, 'n');
alter table u1 add primary key using index u1_null;

-- NO INHERIT
create table n1 (a int check (a > 0) no inherit, constraint named check (a < 10) no inherit);
alter table n1 add constraint later check (a <> 5) no inherit not valid;
select conname, connoinherit, pg_get_constraintdef(oid) from pg_constraint where conrelid = 'n1'::regclass order by 1;
insert into n1 values (0);
insert into n1 values (5);

-- defaults of domains
create domain bad_default as text default nope(4);
create domain bad_default as int default 'x';
create domain bad_default as int default count(*);
create domain bad_default as int default (select 1);
create domain good_default as int default 4 + 1;
alter domain good_default set default nope();
create table d1 (a good_default, b int);
insert into d1 (b) values (1) returning *;

-- rows as a whole in views
create table w1 (a int, b text);
create view w2 as select a, to_json(w1.*) j from w1;
select pg_get_viewdef('w2'::regclass) is not null;
create view w3 as select w1 from w1;
select length(pg_get_viewdef('w3'::regclass)) > 0;
select count(*) from pg_views where viewname in ('w2', 'w3');

-- a primary key with columns beside it
create table wide_key (a int, b int, primary key (a) include (b));
create table to_wide_key (a int references wide_key);
insert into wide_key values (1, 1);
insert into to_wide_key values (1);
insert into to_wide_key values (2);
delete from wide_key;
select * from w3;

-- a primary key over rows that are there, of which some came before a column, or have lost one
create table k1 (a int, lost text, b char(5), n numeric(8, 2), d text);
insert into k1 select g, 'x' || g, 'b' || g % 3, g / 4.0, case when g % 2 = 0 then repeat('d', g) end from generate_series(1, 40) g;
alter table k1 drop column lost;
alter table k1 add column late int;
insert into k1 values (41, 'b', 1.5, null, 7), (42, '', 2.25, '', null);
alter table k1 add primary key (a);
select * from k1 where a in (1, 2, 40, 41, 42) order by a;
select count(*), sum(n), sum(length(d)), count(late), min(b), max(b) from k1;
alter table k1 drop constraint k1_pkey;
alter table k1 add primary key (n, a);
select a, b, n, d, late from k1 where n in (0.25, 1.5, 2.25) order by n, a;
alter table k1 drop constraint k1_pkey;
alter table k1 alter a drop not null, alter n drop not null;
update k1 set a = null where a = 41;
alter table k1 add primary key (a);
delete from k1 where a is null;
insert into k1 values (7, 'twice', 0, null, null);
alter table k1 add primary key (a);
delete from k1 where b = 'twice';
alter table k1 add column early int default 3;
alter table k1 add primary key (d, a);
delete from k1 where d is null;
alter table k1 add primary key (d, a);
select a, d, late, early from k1 order by d desc, a limit 3;

-- the same where the order of the rows is not that of the keys
create table k2 (a int, b text);
insert into k2 select g * 7919 % 1000, g from generate_series(1, 999) g;
alter table k2 add primary key (a);
select * from k2 where a in (1, 500, 999) order by a;
select count(*), sum(a), min(b), max(b) from k2;
alter table k2 drop constraint k2_pkey;
insert into k2 values (500, 'again');
alter table k2 add primary key (a);
select count(*) from k2 where a = 500;
create table always_so (id int primary key);
alter table always_so enable trigger all, enable trigger user, disable trigger user;
alter table always_so disable row level security, no force row level security, replica identity default;
alter table always_so set tablespace pg_default;
drop table always_so;
