-- Privileges, as far as nothing changes; tablespaces; objects that move to other schemas

create table t (a int, b text);
create sequence sq;
create view v as select 1 as x;
create schema s1;
create function f(int) returns int language sql as 'select $1';
create procedure pr() language sql as 'select 1';
create type ty as enum ('a');
create domain dm as int;
grant select on t to current_user;
grant all on t to current_user;
grant all privileges on table t, v, sq to session_user with grant option;
grant select (a), update (b) on t to current_user;
grant usage, select on sequence sq to current_user;
grant all on all tables in schema public to current_user;
grant all on all sequences in schema public to current_user;
grant all on all functions in schema public to current_user;
grant all on all tables in schema nope to current_user;
grant usage on schema public to public;
grant usage, create on schema s1 to current_user;
grant execute on function f(int) to public;
grant execute on procedure pr() to current_user;
grant usage on type ty to public;
grant usage on domain dm to current_user;
grant usage on language sql to public;
revoke all on t from public;
revoke select on t from public;
revoke all on sequence sq from public;
revoke create on schema public from public;
revoke all on schema s1 from public;
revoke all on all tables in schema public from public;
grant select on nope to current_user;
grant select on t to nobody;
grant usage on t to current_user;
grant foo on t to current_user;
grant execute on t to current_user;
grant select on sequence t to current_user;
grant select on schema nope to current_user;
grant usage on schema nope to current_user;
grant execute on function nope() to current_user;
grant usage on type nope to current_user;
grant select (z) on t to current_user;
grant usage on language nope to current_user;
alter default privileges grant all on tables to current_user;
alter default privileges in schema public grant select on tables to current_user;
alter default privileges for role current_user in schema public grant all on sequences to current_user;
alter default privileges in schema nope grant all on tables to current_user;
alter default privileges grant all on functions to public;
alter default privileges revoke all on tables from public;
-- awaits: roles
grant nobody to current_user;
-- differs: nothing can be taken from whoever is connected
revoke select on t from current_user;
-- differs: what PUBLIC may is not kept
grant select on t to public;
-- differs: what PUBLIC may is not kept
revoke execute on function f(int) from public;
-- differs: what PUBLIC may is not kept
revoke all on schema public from public;
-- differs: what PUBLIC may is not kept
alter default privileges grant select on tables to public;
-- differs: what PUBLIC may is not kept
grant usage on schema public, s1 to public;
grant select on schema public to current_user;
grant usage on function f(int) to current_user;
grant delete (a) on t to current_user;
begin read only;
grant select on t to current_user;
rollback;
create table tb (a int primary key using index tablespace pg_default) tablespace pg_default;
create index on tb (a) tablespace pg_default;
create table tb2 tablespace pg_default as select 1 as a;
create materialized view mv tablespace pg_default as select 1 as a;
alter table tb set tablespace pg_default;
alter index tb_pkey set tablespace pg_default;
alter materialized view mv set tablespace pg_default;
create table tb3 (a int) tablespace nope;
create index on tb (a) tablespace nope;
create table tb3 (a int) tablespace pg_global;
alter table tb set tablespace nope;
alter table tb add unique (a) using index tablespace pg_default;
alter function f(int) set schema s1;
select s1.f(4);
alter procedure pr() set schema s1;
alter function nope() set schema s1;
alter function s1.f(int) set schema nope;
create function f(int) returns int language sql as 'select 1';
alter function f(int) set schema s1;
alter type ty set schema s1;
alter domain dm set schema s1;
alter type nope set schema s1;
select 'a'::s1.ty, 1::s1.dm;
create type ty as (a int);
alter type ty set schema s1;
create table uses (x s1.ty, y s1.dm);
alter type s1.ty set schema public;
insert into uses values ('a', 4);
