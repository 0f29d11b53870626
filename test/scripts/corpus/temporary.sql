-- Temporary relations that refer to each other, and what of the temporary schema is found without its name.

begin;
create temp table t1 (id int primary key) on commit delete rows;
create temp table t2 (id int references t1);
insert into t1 values (1);
insert into t2 values (1);
commit;
begin;
create temp table t1 (id int primary key) on commit delete rows;
create temp table t2 (id int references t1) on commit delete rows;
insert into t1 values (1);
insert into t2 values (1);
commit;
select count(*) from t1;
select count(*) from t2;

create function whoami() returns text language sql as $$ select 'public'::text $$;
create function pg_temp.whoami() returns text language sql as $$ select 'temporary'::text $$;
create function pg_temp.only_here() returns int language sql as $$ select 1 $$;
select whoami(), pg_temp.whoami();
select only_here();
select pg_temp.only_here();
set search_path = pg_temp, public;
select whoami(), pg_temp.whoami();
drop function only_here();
drop function pg_temp.only_here();
drop function whoami();
select pg_temp.whoami();
reset search_path;
