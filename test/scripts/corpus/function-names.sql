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
