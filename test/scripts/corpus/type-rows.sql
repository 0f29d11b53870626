-- What pg_type and pg_attribute tell of types: their functions, how they lie, what they hold

create type mood as enum ('a', 'b');
create domain code as varchar(5) collate "C";
create domain amount as numeric(10, 2) default 1 not null;
create domain named as mood;
create type pair as (x int, y text);
create type textspan as range (subtype = text);
create type timespan as range (subtype = time);
create table t (a int, b text, c mood, d code, e amount, f pair, g textspan, h timestamptz[], i numeric(5, 1)[], j char(3), k uuid, l macaddr8, m "char", n name, o interval, p bool, q smallint, r jsonb, s amount[], u timespan);
select typname, typlen, typbyval, typtype, typcategory, typispreferred, typnotnull, typdelim, typelem = 0, typbasetype = 0, typtypmod, typndims, typinput, typoutput, typreceive, typsend, typmodin, typmodout, typalign, typstorage, typcollation, typsubscript, typdefault from pg_type where typname ~ '^_?(mood|code|amount|named|pair|textspan|textmultispan|textmultirange|timespan|t)$' order by typname;
-- 15: other functions read and print a few of them there
select typname, typlen, typbyval, typtype, typcategory, typispreferred, typdelim, typelem, typarray, typinput, typoutput, typreceive, typsend, typmodin, typmodout, typalign, typstorage, typcollation, typsubscript from pg_type where typname ~ '^_?(int2|int4|int8|float4|float8|numeric|text|varchar|bpchar|char|name|bytea|bool|uuid|json|jsonb|jsonpath|inet|cidr|macaddr|macaddr8|date|time|timetz|timestamp|timestamptz|interval|bit|varbit|oid|xid|regclass|regtype|int4range|int8range|numrange|tsrange|daterange|int4multirange|int8multirange|int2vector|oidvector|record|cstring|unknown|void|anyarray|anyelement)$' order by typname;
select attname, attlen, attbyval, attalign, attstorage, atttypmod, attcollation from pg_attribute where attrelid = 't'::regclass and attnum > 0 order by attnum;
select oid, proname, proargtypes, prorettype from pg_proc where proname in ('varchartypmodin', 'timestamptztypmodout', 'array_subscript_handler') order by 1;
