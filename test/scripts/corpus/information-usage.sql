-- What information_schema and the catalog say of who uses what, and who may.

create schema app;
create type mood as enum ('a');
create domain app.dm as int constraint above check (value > 1);
create type app.ct as (a int, b text[], c numeric(5, 2));
create table users (id int primary key, m mood, tags text[], d app.dm, check (id > 1 and m = 'a'));
create view v as select id from users;
create table p2 (u int references users);
create function app.add(a int, b int default 2) returns int language sql immutable as $$ select a + b $$;
create function app.par(a int, b int default 2) returns setof int language sql stable parallel safe leakproof strict cost 12.5 rows 7 as $$ select a + b $$;
create function par2(a int, b int default 2) returns int language sql parallel restricted as $$ select a + b $$;
create function par3() returns int language sql rows 3 as $$ select 1 $$;
create function par3() returns int language sql cost 0 as $$ select 1 $$;
create function par3() returns int language sql parallel bad as $$ select 1 $$;
select pg_get_functiondef('par2'::regproc);
alter function par2 parallel safe cost 5;
select pg_get_functiondef('par2'::regproc);
select pg_get_functiondef('app.par'::regproc);
select proname, procost, prorows, proparallel, proleakproof from pg_proc where proname ~ '^par|^add$' order by 1;
select proname, pg_function_is_visible(oid) from pg_proc where proname in ('par', 'par2', 'add', 'lower') order by 1;
select typname, pg_type_is_visible(oid) from pg_type where typname in ('mood', '_mood', 'dm', 'ct', 'int4') order by 1;
-- 15: the column is a smallint
select attname, attndims from pg_attribute where attrelid = 'users'::regclass and attnum > 0 order by attnum;
-- 15: NOT NULL is a constraint
select table_name, column_name, constraint_name from information_schema.constraint_column_usage where table_schema = 'public' order by 1, 2, 3;
select table_name, constraint_name from information_schema.constraint_table_usage where table_schema = 'public' order by 1, 2;
select object_schema, object_name, object_type, collection_type_identifier, data_type, udt_name, dtd_identifier from information_schema.element_types where object_schema in ('public', 'app') order by 1, 2;
select udt_schema, udt_name, attribute_name, ordinal_position, data_type, numeric_precision, numeric_scale, attribute_udt_name from information_schema.attributes where udt_schema = 'app' order by 4;
select user_defined_type_name, user_defined_type_category, is_instantiable from information_schema.user_defined_types where user_defined_type_schema = 'app';
select view_name, table_schema, table_name from information_schema.view_table_usage where view_schema = 'public';
select udt_schema, udt_name, table_name, column_name from information_schema.column_udt_usage where table_schema = 'public' order by 3, 4;
select domain_schema, domain_name, table_name, column_name from information_schema.column_domain_usage where table_schema = 'public';
select udt_name, domain_name from information_schema.domain_udt_usage where domain_schema = 'app';
select constraint_name, domain_name, is_deferrable from information_schema.domain_constraints where domain_schema = 'app';
select table_name, column_name, privilege_type, is_grantable from information_schema.column_privileges where table_name = 'p2' order by 2, 3;
select routine_name, privilege_type, is_grantable from information_schema.routine_privileges where routine_name = 'par2' order by 3;
select object_name, object_type, is_grantable from information_schema.usage_privileges where object_schema = 'app' order by 3;
select udt_name, privilege_type, is_grantable from information_schema.udt_privileges where udt_schema = 'app' order by 3;
select collation_name, pad_attribute from information_schema.collations where collation_name in ('C', 'POSIX') order by 1;
select relname, indexrelname from pg_stat_user_indexes order by 1;
select relname, indexrelname from pg_statio_user_indexes order by 1;
select relname from pg_statio_user_sequences order by 1;
select count(*) from information_schema.foreign_tables;
