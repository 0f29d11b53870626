-- Functions as the catalog names them, from where it is read

create schema ss;
create function ss.ff(int) returns int language sql immutable return $1;
create function public.now() returns timestamptz language sql stable return pg_catalog.now();
create table tq (a int default ss.ff(1), b timestamptz default public.now(), check (ss.ff(a) > 0), c int generated always as (ss.ff(a) + 1) stored);
create index tqi on tq (ss.ff(a)) where ss.ff(a) > 3;
create view tv as select ss.ff(a) as x, public.now() as n from tq;
select pg_get_expr(adbin, adrelid) from pg_attrdef where adrelid = 'tq'::regclass order by adnum;
select pg_get_constraintdef(oid) from pg_constraint where conrelid = 'tq'::regclass;
select pg_get_indexdef('tqi'::regclass);
-- 15: PostgreSQL 18 leaves the name of the only table out
select pg_get_viewdef('tv'::regclass);
select 'ss.ff(int)'::regprocedure, 'ss.ff'::regproc;
set search_path = ss, public;
select pg_get_expr(adbin, adrelid) from pg_attrdef where adrelid = 'tq'::regclass order by adnum;
select 'ss.ff(int)'::regprocedure, 'ss.ff'::regproc;
set search_path = '';
select pg_get_expr(adbin, adrelid) from pg_attrdef where adrelid = 'public.tq'::regclass order by adnum;
-- 15: PostgreSQL 18 leaves the name of the only table out
select pg_get_viewdef('public.tv'::regclass);
reset search_path;
-- Objects in words
create schema ds;
create table t (a int primary key, b text default 'x' check (b <> ''), c serial references t);
create table ds.u (a int, unique (a));
create view v as select a from t;
create materialized view ds.mv as select 1 as x;
create index ti on t (b);
create type ds.ty as enum ('a');
create type cp as (x int);
create domain dm as int check (value > 0);
create function f(int, text) returns int language sql as 'select 1';
create procedure ds.p(int) language sql as 'select 1';
select pg_describe_object('pg_class'::regclass, 't'::regclass, 0), pg_describe_object('pg_class'::regclass, 't'::regclass, 2), pg_describe_object('pg_class'::regclass, 'ds.u'::regclass, 1), pg_describe_object('pg_class'::regclass, 'v'::regclass, 0), pg_describe_object('pg_class'::regclass, 'ds.mv'::regclass, 0), pg_describe_object('pg_class'::regclass, 'ti'::regclass, 0), pg_describe_object('pg_class'::regclass, 't_c_seq'::regclass, 0), pg_describe_object('pg_class'::regclass, 'cp'::regclass, 0), pg_describe_object('pg_class'::regclass, 'cp'::regclass, 1);
select pg_describe_object('pg_type'::regclass, 'ds.ty'::regtype, 0), pg_describe_object('pg_type'::regclass, 'dm'::regtype, 0), pg_describe_object('pg_type'::regclass, 't'::regtype, 0), pg_describe_object('pg_type'::regclass, 'int4'::regtype, 0), pg_describe_object('pg_type'::regclass, '_int4'::regtype, 0);
select pg_describe_object('pg_proc'::regclass, 'f'::regproc, 0), pg_describe_object('pg_proc'::regclass, 'ds.p'::regproc, 0), pg_describe_object('pg_namespace'::regclass, 'ds'::regnamespace, 0);
-- 15: PostgreSQL 18 has constraints of NOT NULL
select pg_describe_object('pg_constraint'::regclass, oid, 0) as d from pg_constraint where conrelid in ('t'::regclass, 'ds.u'::regclass) or contypid = 'dm'::regtype order by d;
select pg_describe_object('pg_attrdef'::regclass, oid, 0) as d from pg_attrdef where adrelid = 't'::regclass order by d;
select pg_describe_object('pg_rewrite'::regclass, oid, 0) as d from pg_rewrite where ev_class in ('v'::regclass, 'ds.mv'::regclass) order by d;
select pg_describe_object('pg_class'::regclass, 1, 0) is null, pg_describe_object(0, 0, 0) is null, pg_describe_object('pg_proc'::regclass, 1, 0) is null, pg_describe_object('pg_constraint'::regclass, 1, 0) is null, pg_describe_object('pg_class'::regclass, 't'::regclass, 99) is null;
select pg_describe_object(4, 4, 0);
select pg_describe_object('pg_class'::regclass, 'pg_class'::regclass, 0), pg_describe_object('pg_class'::regclass, 'pg_class'::regclass, 2);
