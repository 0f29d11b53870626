-- What object mappers and drivers ask the catalog for: the queries of SQLAlchemy 1.4, Django 3.2 and asyncpg 0.27 over tables as
-- those make them.

create schema s1;
create type mood as enum ('sad', 'ok', 'happy');
create type pair as (x int, y text);
create domain positive as int check (value > 0);
create table s1.things (id serial primary key, x numeric);
create sequence other_seq start with 3;
create table users (id serial not null primary key, name varchar(50) not null, email text, age smallint, mood mood default 'ok', tags text[], data jsonb, span int4range, created timestamp with time zone default now(), bal numeric(12, 3), iv interval day to second(2), bt bit(4), p pair, d positive, constraint uq_ne unique (name, email), constraint ck_age check (age > 0), constraint ck_two check (bal > 0 and age < 200 and name <> ''), unique (email));
create index ix_users_name on users (name);
create index ix_lower on users (lower(name));
create index ix_part on users (age) where age > 10;
create index ix_inc on users (email) include (age);
create index ix_ops on users (name text_pattern_ops, email varchar_pattern_ops);
create index ix_desc on users (age desc nulls last, id);
comment on table users is 'the users';
comment on column users.name is 'a name';
create table posts (id bigint generated always as identity (start with 10 increment by 5) primary key, user_id int, title varchar, words int, twice int generated always as (words * 2) stored, constraint fk_pu foreign key (user_id) references users (id) on delete cascade on update set null deferrable initially deferred);
alter table posts add check (words > id), add check (words::bigint > 3), add check (id > words + 1), add check (words % 2::smallint = 0);
create view v as select id, name from users where age > 3;
create materialized view mv as select id from users;

-- SQLAlchemy.

SELECT t.oid, typarray
FROM pg_type t JOIN pg_namespace ns
 ON typnamespace = ns.oid
WHERE typname = 'hstore';
select relname from pg_class c join pg_namespace n on n.oid=c.relnamespace where pg_catalog.pg_table_is_visible(c.oid) and relname='users';
select relname from pg_class c join pg_namespace n on n.oid=c.relnamespace where n.nspname='s1' and relname='other';
SELECT EXISTS (
 SELECT * FROM pg_catalog.pg_type t
 WHERE t.typname = 'mood'
 AND pg_type_is_visible(t.oid)
 );
SELECT relname FROM pg_class c join pg_namespace n on n.oid=c.relnamespace where relkind='S' and n.nspname='public' and relname='other_seq';
SELECT nspname FROM pg_namespace WHERE nspname NOT LIKE 'pg_%' ORDER BY nspname;
SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = 'public' AND c.relkind in ('r', 'p');
SELECT c.oid::regclass
 FROM pg_catalog.pg_class c
 LEFT JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
 WHERE (pg_catalog.pg_table_is_visible(c.oid))
 AND c.relname = 'users' AND c.relkind in
 ('r', 'v', 'm', 'f', 'p');
SELECT a.attname,
 pg_catalog.format_type(a.atttypid, a.atttypmod),
 (
 SELECT pg_catalog.pg_get_expr(d.adbin, d.adrelid)
 FROM pg_catalog.pg_attrdef d
 WHERE d.adrelid = a.attrelid AND d.adnum = a.attnum
 AND a.atthasdef
 ) AS DEFAULT,
 a.attnotnull,
 a.attrelid::regclass as table_oid,
 pgd.description as comment,
 a.attgenerated as generated,
 (SELECT json_build_object(
 'always', a.attidentity = 'a',
 'start', s.seqstart,
 'increment', s.seqincrement,
 'minvalue', s.seqmin,
 'maxvalue', s.seqmax,
 'cache', s.seqcache,
 'cycle', s.seqcycle)
 FROM pg_catalog.pg_sequence s
 JOIN pg_catalog.pg_class c on s.seqrelid = c."oid"
 WHERE c.relkind = 'S'
 AND a.attidentity != ''
 AND s.seqrelid = pg_catalog.pg_get_serial_sequence(
 a.attrelid::regclass::text, a.attname
 )::regclass::oid
 ) as identity_options 
 FROM pg_catalog.pg_attribute a
 LEFT JOIN pg_catalog.pg_description pgd ON (
 pgd.objoid = a.attrelid AND pgd.objsubid = a.attnum)
 WHERE a.attrelid = 'users'::regclass
 AND a.attnum > 0 AND NOT a.attisdropped
 ORDER BY a.attnum;
SELECT t.typname as "name",
 pg_catalog.format_type(t.typbasetype, t.typtypmod) as "attype",
 not t.typnotnull as "nullable",
 t.typdefault as "default",
 pg_catalog.pg_type_is_visible(t.oid) as "visible",
 n.nspname as "schema"
 FROM pg_catalog.pg_type t
 LEFT JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace
 WHERE t.typtype = 'd' AND n.nspname = 'public';
SELECT t.typname as "name",
 pg_catalog.pg_type_is_visible(t.oid) as "visible",
 n.nspname as "schema",
 e.enumlabel as "label"
 FROM pg_catalog.pg_type t
 LEFT JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace
 LEFT JOIN pg_catalog.pg_enum e ON t.oid = e.enumtypid
 WHERE t.typtype = 'e'
 ORDER BY "schema", "name", e.oid;
SELECT a.attname
 FROM pg_attribute a JOIN (
 SELECT unnest(ix.indkey) attnum,
 generate_subscripts(ix.indkey, 1) ord
 FROM pg_index ix
 WHERE ix.indrelid = 'users'::regclass AND ix.indisprimary
 ) k ON a.attnum=k.attnum
 WHERE a.attrelid = 'users'::regclass
 ORDER BY k.ord;
SELECT conname
 FROM pg_catalog.pg_constraint r
 WHERE r.conrelid = 'users'::regclass AND r.contype = 'p'
 ORDER BY 1;
SELECT c.oid::regclass
 FROM pg_catalog.pg_class c
 LEFT JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
 WHERE (n.nspname = 's1')
 AND c.relname = 'other' AND c.relkind in
 ('r', 'v', 'm', 'f', 'p');
SELECT r.conname,
 pg_catalog.pg_get_constraintdef(r.oid, true) as condef,
 n.nspname as conschema
 FROM pg_catalog.pg_constraint r,
 pg_namespace n,
 pg_class c
 WHERE r.conrelid = 'posts'::regclass AND
 r.contype = 'f' AND
 c.oid = confrelid AND
 n.oid = c.relnamespace
 ORDER BY 1;
SELECT
 i.relname as relname,
 ix.indisunique, ix.indexprs is not null as indexprs,
 a.attname, a.attnum, c.conrelid::regclass, ix.indkey::varchar,
 ix.indoption::varchar, i.reloptions, am.amname,
 pg_get_expr(ix.indpred, ix.indrelid),
 ix.indnkeyatts as indnkeyatts
 FROM
 pg_class t
 join pg_index ix on t.oid = ix.indrelid
 join pg_class i on i.oid = ix.indexrelid
 left outer join
 pg_attribute a
 on t.oid = a.attrelid and a.attnum = ANY(ix.indkey)
 left outer join
 pg_constraint c
 on (ix.indrelid = c.conrelid and
 ix.indexrelid = c.conindid and
 c.contype in ('p', 'u', 'x'))
 left outer join
 pg_am am
 on i.relam = am.oid
 WHERE
 t.relkind IN ('r', 'v', 'f', 'm', 'p')
 and t.oid = 'users'::regclass
 and ix.indisprimary = 'f'
 ORDER BY
 t.relname,
 i.relname, a.attnum;
SELECT
 cons.conname as name,
 cons.conkey as key,
 a.attnum as col_num,
 a.attname as col_name
 FROM
 pg_catalog.pg_constraint cons
 join pg_attribute a
 on cons.conrelid = a.attrelid AND
 a.attnum = ANY(cons.conkey)
 WHERE
 cons.conrelid = 'users'::regclass AND
 cons.contype = 'u';
SELECT
 cons.conname as name,
 pg_get_constraintdef(cons.oid) as src
 FROM
 pg_catalog.pg_constraint cons
 WHERE
 cons.conrelid = 'users'::regclass AND
 cons.contype = 'c';
SELECT
 pgd.description as table_comment
 FROM
 pg_catalog.pg_description pgd
 WHERE
 pgd.objsubid = 0 AND
 pgd.objoid = 'users'::regclass;
SELECT relname FROM pg_class c join pg_namespace n on n.oid=c.relnamespace where relkind='S' and n.nspname='public';
SELECT t.typname as "name",
 pg_catalog.pg_type_is_visible(t.oid) as "visible",
 n.nspname as "schema",
 e.enumlabel as "label"
 FROM pg_catalog.pg_type t
 LEFT JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace
 LEFT JOIN pg_catalog.pg_enum e ON t.oid = e.enumtypid
 WHERE t.typtype = 'e'
 AND n.nspname = 'public' ORDER BY "schema", "name", e.oid;
SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = 'public' AND c.relkind IN ('v', 'm');
SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = 'public' AND c.relkind = 'f';
SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = 'public' AND c.relkind IN ('m');
-- 15: columns of a single table are not qualified by 18
SELECT pg_get_viewdef(c.oid) view_def FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = 'public' AND c.relname = 'v' AND c.relkind IN ('v', 'm');

-- asyncpg.

WITH RECURSIVE typeinfo_tree(
 oid, ns, name, kind, basetype, elemtype, elemdelim,
 range_subtype, attrtypoids, attrnames, depth)
AS (
 SELECT
 ti.oid, ti.ns, ti.name, ti.kind, ti.basetype,
 ti.elemtype, ti.elemdelim, ti.range_subtype,
 ti.attrtypoids, ti.attrnames, 0
 FROM
 (
 SELECT
 t.oid AS oid,
 ns.nspname AS ns,
 t.typname AS name,
 t.typtype AS kind,
 (CASE WHEN t.typtype = 'd' THEN
 (WITH RECURSIVE typebases(oid, depth) AS (
 SELECT
 t2.typbasetype AS oid,
 0 AS depth
 FROM
 pg_type t2
 WHERE
 t2.oid = t.oid
 UNION ALL
 SELECT
 t2.typbasetype AS oid,
 tb.depth + 1 AS depth
 FROM
 pg_type t2,
 typebases tb
 WHERE
 tb.oid = t2.oid
 AND t2.typbasetype != 0
 ) SELECT oid FROM typebases ORDER BY depth DESC LIMIT 1)
 ELSE NULL
 END) AS basetype,
 t.typelem AS elemtype,
 elem_t.typdelim AS elemdelim,
 COALESCE(
 range_t.rngsubtype,
 multirange_t.rngsubtype) AS range_subtype,
 (CASE WHEN t.typtype = 'c' THEN
 (SELECT
 array_agg(ia.atttypid ORDER BY ia.attnum)
 FROM
 pg_attribute ia
 INNER JOIN pg_class c
 ON (ia.attrelid = c.oid)
 WHERE
 ia.attnum > 0 AND NOT ia.attisdropped
 AND c.reltype = t.oid)
 ELSE NULL
 END) AS attrtypoids,
 (CASE WHEN t.typtype = 'c' THEN
 (SELECT
 array_agg(ia.attname::text ORDER BY ia.attnum)
 FROM
 pg_attribute ia
 INNER JOIN pg_class c
 ON (ia.attrelid = c.oid)
 WHERE
 ia.attnum > 0 AND NOT ia.attisdropped
 AND c.reltype = t.oid)
 ELSE NULL
 END) AS attrnames
 FROM
 pg_catalog.pg_type AS t
 INNER JOIN pg_catalog.pg_namespace ns ON (
 ns.oid = t.typnamespace)
 LEFT JOIN pg_type elem_t ON (
 t.typlen = -1 AND
 t.typelem != 0 AND
 t.typelem = elem_t.oid
 )
 LEFT JOIN pg_range range_t ON (
 t.oid = range_t.rngtypid
 )
 LEFT JOIN pg_range multirange_t ON (
 t.oid = multirange_t.rngmultitypid
 )
 )
 AS ti
 WHERE
 ti.oid = any(array['mood'::regtype, 'pair'::regtype, 'positive'::regtype, 'pair[]'::regtype]::oid[])
 UNION ALL
 SELECT
 ti.oid, ti.ns, ti.name, ti.kind, ti.basetype,
 ti.elemtype, ti.elemdelim, ti.range_subtype,
 ti.attrtypoids, ti.attrnames, tt.depth + 1
 FROM
 (
 SELECT
 t.oid AS oid,
 ns.nspname AS ns,
 t.typname AS name,
 t.typtype AS kind,
 (CASE WHEN t.typtype = 'd' THEN
 (WITH RECURSIVE typebases(oid, depth) AS (
 SELECT
 t2.typbasetype AS oid,
 0 AS depth
 FROM
 pg_type t2
 WHERE
 t2.oid = t.oid
 UNION ALL
 SELECT
 t2.typbasetype AS oid,
 tb.depth + 1 AS depth
 FROM
 pg_type t2,
 typebases tb
 WHERE
 tb.oid = t2.oid
 AND t2.typbasetype != 0
 ) SELECT oid FROM typebases ORDER BY depth DESC LIMIT 1)
 ELSE NULL
 END) AS basetype,
 t.typelem AS elemtype,
 elem_t.typdelim AS elemdelim,
 COALESCE(
 range_t.rngsubtype,
 multirange_t.rngsubtype) AS range_subtype,
 (CASE WHEN t.typtype = 'c' THEN
 (SELECT
 array_agg(ia.atttypid ORDER BY ia.attnum)
 FROM
 pg_attribute ia
 INNER JOIN pg_class c
 ON (ia.attrelid = c.oid)
 WHERE
 ia.attnum > 0 AND NOT ia.attisdropped
 AND c.reltype = t.oid)
 ELSE NULL
 END) AS attrtypoids,
 (CASE WHEN t.typtype = 'c' THEN
 (SELECT
 array_agg(ia.attname::text ORDER BY ia.attnum)
 FROM
 pg_attribute ia
 INNER JOIN pg_class c
 ON (ia.attrelid = c.oid)
 WHERE
 ia.attnum > 0 AND NOT ia.attisdropped
 AND c.reltype = t.oid)
 ELSE NULL
 END) AS attrnames
 FROM
 pg_catalog.pg_type AS t
 INNER JOIN pg_catalog.pg_namespace ns ON (
 ns.oid = t.typnamespace)
 LEFT JOIN pg_type elem_t ON (
 t.typlen = -1 AND
 t.typelem != 0 AND
 t.typelem = elem_t.oid
 )
 LEFT JOIN pg_range range_t ON (
 t.oid = range_t.rngtypid
 )
 LEFT JOIN pg_range multirange_t ON (
 t.oid = multirange_t.rngmultitypid
 )
 )
 ti,
 typeinfo_tree tt
 WHERE
 (tt.elemtype IS NOT NULL AND ti.oid = tt.elemtype)
 OR (tt.attrtypoids IS NOT NULL AND ti.oid = any(tt.attrtypoids))
 OR (tt.range_subtype IS NOT NULL AND ti.oid = tt.range_subtype)
 OR (tt.basetype IS NOT NULL AND ti.oid = tt.basetype)
)
SELECT DISTINCT
 ns, name, kind, elemdelim, attrtypoids, attrnames, depth,
 basetype::regtype::text AS basetype_name,
 elemtype::regtype::text AS elemtype_name,
 range_subtype::regtype::text AS range_subtype_name
FROM
 typeinfo_tree
ORDER BY
 depth DESC, name;

-- Django.

SELECT c.relname,
 CASE WHEN c.relispartition THEN 'p' WHEN c.relkind IN ('m', 'v') THEN 'v' ELSE 't' END
 FROM pg_catalog.pg_class c
 LEFT JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
 WHERE c.relkind IN ('f', 'm', 'p', 'r', 'v')
 AND n.nspname NOT IN ('pg_catalog', 'pg_toast')
 AND pg_catalog.pg_table_is_visible(c.oid);
SELECT
 a.attname AS column_name,
 NOT (a.attnotnull OR (t.typtype = 'd' AND t.typnotnull)) AS is_nullable,
 pg_get_expr(ad.adbin, ad.adrelid) AS column_default,
 CASE WHEN collname = 'default' THEN NULL ELSE collname END AS collation
 FROM pg_attribute a
 LEFT JOIN pg_attrdef ad ON a.attrelid = ad.adrelid AND a.attnum = ad.adnum
 LEFT JOIN pg_collation co ON a.attcollation = co.oid
 JOIN pg_type t ON a.atttypid = t.oid
 JOIN pg_class c ON a.attrelid = c.oid
 JOIN pg_namespace n ON c.relnamespace = n.oid
 WHERE c.relkind IN ('f', 'm', 'p', 'r', 'v')
 AND c.relname = 'users' AND a.attnum > 0
 AND n.nspname NOT IN ('pg_catalog', 'pg_toast')
 AND pg_catalog.pg_table_is_visible(c.oid);
SELECT s.relname as sequence_name, col.attname
 FROM pg_class s
 JOIN pg_namespace sn ON sn.oid = s.relnamespace
 JOIN pg_depend d ON d.refobjid = s.oid AND d.refclassid = 'pg_class'::regclass
 JOIN pg_attrdef ad ON ad.oid = d.objid AND d.classid = 'pg_attrdef'::regclass
 JOIN pg_attribute col ON col.attrelid = ad.adrelid AND col.attnum = ad.adnum
 JOIN pg_class tbl ON tbl.oid = ad.adrelid
 WHERE s.relkind = 'S'
 AND d.deptype in ('a', 'n')
 AND pg_catalog.pg_table_is_visible(tbl.oid)
 AND tbl.relname = 'users';
SELECT a1.attname, c2.relname, a2.attname
 FROM pg_constraint con
 LEFT JOIN pg_class c1 ON con.conrelid = c1.oid
 LEFT JOIN pg_class c2 ON con.confrelid = c2.oid
 LEFT JOIN pg_attribute a1 ON c1.oid = a1.attrelid AND a1.attnum = con.conkey[1]
 LEFT JOIN pg_attribute a2 ON c2.oid = a2.attrelid AND a2.attnum = con.confkey[1]
 WHERE
 c1.relname = 'users' AND
 con.contype = 'f' AND
 c1.relnamespace = c2.relnamespace AND
 pg_catalog.pg_table_is_visible(c1.oid);
SELECT a1.attname, c2.relname, a2.attname
 FROM pg_constraint con
 LEFT JOIN pg_class c1 ON con.conrelid = c1.oid
 LEFT JOIN pg_class c2 ON con.confrelid = c2.oid
 LEFT JOIN pg_attribute a1 ON c1.oid = a1.attrelid AND a1.attnum = con.conkey[1]
 LEFT JOIN pg_attribute a2 ON c2.oid = a2.attrelid AND a2.attnum = con.confkey[1]
 WHERE
 c1.relname = 'posts' AND
 con.contype = 'f' AND
 c1.relnamespace = c2.relnamespace AND
 pg_catalog.pg_table_is_visible(c1.oid);
-- 15: 18 keeps NOT NULL as constraints
SELECT
 c.conname,
 array(
 SELECT attname
 FROM unnest(c.conkey) WITH ORDINALITY cols(colid, arridx)
 JOIN pg_attribute AS ca ON cols.colid = ca.attnum
 WHERE ca.attrelid = c.conrelid
 ORDER BY cols.arridx
 ),
 c.contype,
 (SELECT fkc.relname || '.' || fka.attname
 FROM pg_attribute AS fka
 JOIN pg_class AS fkc ON fka.attrelid = fkc.oid
 WHERE fka.attrelid = c.confrelid AND fka.attnum = c.confkey[1]),
 cl.reloptions
 FROM pg_constraint AS c
 JOIN pg_class AS cl ON c.conrelid = cl.oid
 WHERE cl.relname = 'users' AND pg_catalog.pg_table_is_visible(cl.oid);
SELECT
 indexname, array_agg(attname ORDER BY arridx), indisunique, indisprimary,
 array_agg(ordering ORDER BY arridx), amname, exprdef, s2.attoptions
 FROM (
 SELECT
 c2.relname as indexname, idx.*, attr.attname, am.amname,
 CASE
 WHEN idx.indexprs IS NOT NULL THEN
 pg_get_indexdef(idx.indexrelid)
 END AS exprdef,
 CASE am.amname
 WHEN 'btree' THEN
 CASE (option & 1)
 WHEN 1 THEN 'DESC' ELSE 'ASC'
 END
 END as ordering,
 c2.reloptions as attoptions
 FROM (
 SELECT *
 FROM pg_index i, unnest(i.indkey, i.indoption) WITH ORDINALITY koi(key, option, arridx)
 ) idx
 LEFT JOIN pg_class c ON idx.indrelid = c.oid
 LEFT JOIN pg_class c2 ON idx.indexrelid = c2.oid
 LEFT JOIN pg_am am ON c2.relam = am.oid
 LEFT JOIN pg_attribute attr ON attr.attrelid = c.oid AND attr.attnum = idx.key
 WHERE c.relname = 'users' AND pg_catalog.pg_table_is_visible(c.oid)
 ) s2
 GROUP BY indexname, indisunique, indisprimary, amname, exprdef, attoptions;
SELECT
 indexname, array_agg(attname ORDER BY arridx), indisunique, indisprimary,
 array_agg(ordering ORDER BY arridx), amname, exprdef, s2.attoptions
 FROM (
 SELECT
 c2.relname as indexname, idx.*, attr.attname, am.amname,
 CASE
 WHEN idx.indexprs IS NOT NULL THEN
 pg_get_indexdef(idx.indexrelid)
 END AS exprdef,
 CASE am.amname
 WHEN 'btree' THEN
 CASE (option & 1)
 WHEN 1 THEN 'DESC' ELSE 'ASC'
 END
 END as ordering,
 c2.reloptions as attoptions
 FROM (
 SELECT *
 FROM pg_index i, unnest(i.indkey, i.indoption) WITH ORDINALITY koi(key, option, arridx)
 ) idx
 LEFT JOIN pg_class c ON idx.indrelid = c.oid
 LEFT JOIN pg_class c2 ON idx.indexrelid = c2.oid
 LEFT JOIN pg_am am ON c2.relam = am.oid
 LEFT JOIN pg_attribute attr ON attr.attrelid = c.oid AND attr.attnum = idx.key
 WHERE c.relname = 'posts' AND pg_catalog.pg_table_is_visible(c.oid)
 ) s2
 GROUP BY indexname, indisunique, indisprimary, amname, exprdef, attoptions;

-- How names of operator classes are told, and what an index may be asked for.

select indexdef from pg_indexes where tablename = 'users' order by 1;
select opcname, opcintype::regtype, opcdefault from pg_index, unnest(indclass) c, pg_opclass o where o.oid = c and indrelid = 'users'::regclass order by indexrelid::regclass::text, opcname;
-- 15: 18 keeps NOT NULL as constraints
select conname, conkey, pg_get_constraintdef(oid) from pg_constraint where conrelid in ('users'::regclass, 'posts'::regclass) order by 1;
select attname, format_type(atttypid, atttypmod) from pg_attribute where attrelid = 'users'::regclass and attnum > 0 order by attnum;
select format_type(1186, 327679), format_type(1186, 2147418115), format_type(1186, 201392127), format_type(1187, 268435457);
create index ix_bad on users (age text_pattern_ops);
create index ix_bad on users (age nope_ops);
create index ix_bad on users (name text_ops (siglen = 1));
alter table users alter name type int using 1;
alter table users alter email type varchar(20);
alter table users alter id type bigint;
alter table posts drop constraint fk_pu;
alter table users drop column id;
select indexdef from pg_indexes where indexname = 'ix_ops';
select opcname, opfname, opcintype::regtype, opcdefault from pg_opclass o join pg_opfamily f on f.oid = opcfamily join pg_am a on a.oid = opcmethod where amname = 'btree' and opcname in ('int4_ops', 'text_ops', 'varchar_ops', 'varchar_pattern_ops', 'array_ops', 'enum_ops', 'jsonb_ops', 'timestamptz_ops', 'cidr_ops') order by 1;

-- What pools and drivers set.

set client_encoding = '''utf-8''';
show client_encoding;
set client_encoding to 'Unicode';
show client_encoding;
unlisten *;
unlisten x;
select current_setting('max_prepared_transactions');
select gid, prepared, owner, database from pg_prepared_xacts;

-- What a table says of its defaults.

create table de (d date default current_date, ts timestamptz default current_timestamp, t time default localtime, t2 timestamp(2) default localtimestamp(2), tn timestamp default now(), tc timestamp default current_timestamp, u name default current_user, s text default session_user, cc text default current_catalog, cs text default current_schema, tz timetz default current_time(3), n int default 1.5 + 2, v varchar(5) default upper('x'), i bigint default 5, r text default current_role);
select adnum, pg_get_expr(adbin, adrelid) from pg_attrdef where adrelid = 'de'::regclass order by adnum;
select column_name, column_default from information_schema.columns where table_name = 'de' order by ordinal_position;
create view dv as select current_date d, now() n, current_user u, localtimestamp(3) l, current_timestamp(0) c from de;
select pg_get_viewdef('dv'::regclass);
insert into de default values;
select d = current_date, ts = now(), u = current_user, s = session_user, cs, n, v, i, tc = now()::timestamp from de;

-- what is asked by the catalog's own types
select '5'::xid = any (array[5, 6]), '5'::xid <> all (array[-1, 5]), '4294967295'::xid = any ('{-1,null}'::int[]), '5'::xid = any (array[6, null]);
select to_regcollation('"C"'), to_regcollation('nope'), to_regcollation('pg_catalog."C"');
create table named (a regclass, b regtype[], c regproc);
insert into named values ('pg_class', '{int4,text}', 'now'), ('named', null, null);
insert into named select 'pg_type', '{}', 'lower';
insert into named values ('nope', null, null);
select * from named order by a::text;
select count(*) from named where a = 'named'::regclass;
drop type if exists nowhere.t;
drop domain if exists nowhere.t, nope;
-- differs: the place of the name is told
drop type nowhere.t;
select to_regtype('int4 [] [3]'), to_regtype('numeric(3,1)[]'), to_regtype('int4[]')::oid, 'text[][]'::regtype;
-- differs: types are not parsed as SQL here: what is no name is the name of no type
select '[1,"a",{"b":2}]'::regtype;
-- differs: likewise
select '[x]'::regtype;
-- differs: likewise
select ']'::regtype;
