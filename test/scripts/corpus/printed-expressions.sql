-- Expressions of definitions as the catalog prints them

create table t (a text[] default array[]::text[], b int[] default '{}', c text[] default array['x', 'y'], d numeric[] default array[1, 2]::numeric[], f varchar(10)[] default array[]::varchar(10)[], g timestamptz default (now() at time zone 'utc'), l jsonb default jsonb_build_object('a', 1, 'b', null), m text default concat('a', 1, 'b'), n text default format('%s', 'x'), o bool default (not true), u int default -1, v numeric default -1.50, z text default coalesce(null, 'a'));
select attname, pg_get_expr(adbin, adrelid) from pg_attrdef join pg_attribute on attrelid = adrelid and attnum = adnum where adrelid = 't'::regclass order by adnum;
alter table t add constraint c1 check (a <> array[]::text[] and cardinality(a) > 0), add constraint c5 check ((l ->> 'a')::int > 0), add constraint c6 check ((l ->> 'a')::text <> 'x' and (u + 1)::text <> 'y' and (u + 1)::numeric > 2 and (v + 1)::int > 2), add constraint c7 check (jsonb_typeof(jsonb_build_array('a', z)) = 'array'), add constraint c8 check (num_nonnulls('a', z, u) > 1), add constraint c9 check (concat_ws('-', 'a', z) <> ''), add constraint c10 check ((a || '{x}')::text[] <> '{}' and (a || array[]::text[])[1] = 'x');
select pg_get_constraintdef(oid), pg_get_constraintdef(oid, true) from pg_constraint where conrelid = 't'::regclass order by conname;
create table u (a text[]);
create index u_a on u ((a || array[]::text[]), (('a' || a[1])::varchar));
select indexdef from pg_indexes where tablename = 'u';
create view v as select array[]::int[] as e, jsonb_build_object('a', a) as o from u;
-- 15: names of the only relation are left out there
select pg_get_viewdef('v'), pg_get_viewdef('v', true);
select concat('a', a), count(*) from u group by concat('a', a);
