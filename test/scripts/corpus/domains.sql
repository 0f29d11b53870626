-- Domains: what their values have to pass, wherever they come from; and what no column can be of.

-- in elements of arrays
create domain positive as int check (value > 0);
create table numbers (n positive[]);
insert into numbers values (array[1, 2]);
insert into numbers values (array[-1]);
insert into numbers values ('{1,-1}');
insert into numbers values (array[1, null]) returning *;
insert into numbers select array[x - 1] from generate_series(1, 2) x;
update numbers set n[1] = n[1] - 10;
update numbers set n[1] = n[1] + 10 returning n;
select array[-1]::positive[];
select '{0}'::positive[];
create domain required as int not null;
select array[null]::required[];
select '{1,null}'::required[];
select array[1]::required[];

-- over arrays
create domain pair as int[] check (array_length(value, 1) = 2 and value[1] < value[2]);
create table pairs (id int, p pair);
insert into pairs values (1, array[1, 2]);
insert into pairs values (2, array[2, 1]);
insert into pairs values (2, '{2,1}');
insert into pairs (id, p[1], p[2]) values (2, 3, 4);
insert into pairs (id, p[1]) values (3, 1);
insert into pairs (id, p[1], p[2]) values (3, 4, 3);
insert into pairs (id, p[1], p[2]) select 4, 5, 6;
insert into pairs (id, p[1], p[2]) select 5, '7', '8';
insert into pairs (id, p[1], p[2]) values (6, 1, default);
update pairs set p[2] = 0 where id = 1;
update pairs set p[1] = 10, p[2] = 11 where id = 1;
update pairs set p[1:2] = '{3,2}' where id = 1;
update pairs set p[1:2] = array[2, 3] where id = 1;
select * from pairs order by id;
select array[1, 2]::pair, pg_typeof(array[1, 2]::pair);
select array[2, 1]::pair;
create table many (ps pair[]);
insert into many values (array[array[1, 2]::pair, array[3, 4]::pair]) returning ps, ps[1], (ps[1])[2], pg_typeof(ps[1]);
update many set ps[2] = array[4, 3];
update many set ps[2][1] = array[5, 6];

-- over rows
create type span as (a int, b int);
create domain ordered_span as span check ((value).a <= (value).b);
create table spans (id int, s ordered_span);
insert into spans (id, s.a, s.b) values (1, 1, 2);
insert into spans (id, s.a, s.b) values (2, 2, 1);
insert into spans (id, s.a, s.b) select 3, '3', '4';
insert into spans (id, s.a, s.b) values (4, 2, default);
insert into spans (id, s.a) values (4, 2);
update spans set s.a = 9 where id = 1;
update spans set s.a = 9, s.b = 10 where id = 1;
select id, s, (s).b from spans order by id;
create domain ordered_spans as span[] check ((value[1]).a <= (value[1]).b);
select array[row(1, 2)]::ordered_spans;
select array[row(2, 1)]::ordered_spans;
create table all_spans (s ordered_spans);
insert into all_spans (s[1].a, s[1].b) values (1, 2) returning s;
insert into all_spans (s[1].a, s[1].b) values (2, 1);
update all_spans set s[1].a = 3;
create type holder as (p positive, n text);
select row(1, 'a')::holder;
select row(0, 'a')::holder;
create table holders (h holder);
insert into holders (h.n) values ('x') returning *;
insert into holders (h.p) values (-1);

-- over each other: the one that was asked for is named
create domain small as positive check (value < 10);
create domain some_small as small not null;
select 5::small, 5::some_small;
select (-5)::small;
select 50::some_small;
select null::some_small;
create domain maybe as required;
select null::maybe;

-- types that no column can have
create table pseudo (u unknown);
create table pseudo (r record);
create table pseudo (c cstring);
create table pseudo (v void);
create table pseudo ();
alter table pseudo add column u unknown;
alter table pseudo add column i int;
alter table pseudo alter column i type unknown;
alter table pseudo alter column i type record;
create table pseudo2 as select row(1, 2) r;
create table pseudo2 as select 'x' x;
select pg_typeof(x) from pseudo2;
create domain pseudo3 as unknown;
create type pseudo4 as (u unknown);
select count(*) from pg_attribute where attrelid = 'pseudo'::regclass and attnum > 0;

-- rows of tables
create table whole_rows (a int);
-- differs: columns of the row type of a table are not here
create table of_rows (r whole_rows);
-- differs: columns of the row type of a table are not here
create table of_rows_array (r whole_rows[]);
-- differs: columns of the row type of a table are not here
create type of_rows_type as (r whole_rows);
select count(*) from pg_attribute where attname = 'a';

-- A field that a domain's check asks for.
create type pair_of as (r int, i int);
create domain positive_pair as pair_of constraint r_above check ((value).r > 0);
alter type pair_of drop attribute r;
alter type pair_of drop attribute i;
alter type pair_of drop attribute r cascade;
select conname from pg_constraint where conname = 'r_above';
drop type pair_of cascade;
-- comments on checks, of a domain that nothing holds values of
create domain noted as int check (value > 0);
comment on constraint noted_check on domain noted is 'above zero';
comment on constraint nope on domain noted is 'x';
comment on constraint noted_check on domain nope is 'x';
comment on constraint noted_check on domain span is 'x';
select conname, obj_description(oid, 'pg_constraint') from pg_constraint where contypid = 'noted'::regtype;
alter domain noted add constraint other check (value <> 13);
select conname, obj_description(oid, 'pg_constraint') from pg_constraint where contypid = 'noted'::regtype order by 1;
comment on constraint noted_check on domain noted is null;
select conname, obj_description(oid, 'pg_constraint') from pg_constraint where contypid = 'noted'::regtype order by 1;
-- mistakes in what a domain is defined by have no place
create domain wrong as int check (value > missing);
create domain wrong as int check (nosuch(value));
create domain wrong as int check (value < 'x');
create domain wrong as int check (value);
create domain wrong as int check (value > (select 1));
create domain wrong as int default 'x';
create domain wrong as int default nosuch();
create domain wrong as int;
alter domain wrong add check (value > missing);
alter domain wrong set default missing;
drop domain wrong;
create domain late_email as text default 'a@b' check (value ~ '@');
create table mails (e late_email);
insert into mails default values;
alter domain late_email add constraint long_enough check (length(value) > 3) not valid;
select conname, convalidated, pg_get_constraintdef(oid) from pg_constraint where contypid = 'late_email'::regtype order by 1;
alter domain late_email validate constraint long_enough;
delete from mails;
alter domain late_email validate constraint long_enough;
select conname, convalidated, pg_get_constraintdef(oid) from pg_constraint where contypid = 'late_email'::regtype order by 1;
drop domain late_email cascade;
drop table mails;
