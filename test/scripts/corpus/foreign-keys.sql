-- Foreign keys between columns of different types, and the actions that change only some of the columns or nothing at all.

-- integers of different widths
create table big (id bigint primary key, n int);
create table small (id int references big on update cascade);
insert into big values (1, 1), (2, 2), (3000000000, 3);
insert into small values (1);
insert into small values (3);
delete from big where id = 1;
delete from big where id = 2;
delete from big where id = 3000000000;
update big set id = 10 where id = 1;
select * from small;
update big set id = 4000000000 where id = 10;
select * from small;
create table narrow (id smallint primary key);
create table wide (id bigint references narrow on update cascade on delete cascade);
insert into narrow values (1), (2);
insert into wide values (1), (2), (1);
insert into wide values (70000);
update narrow set id = 3 where id = 1;
select * from wide order by id;
delete from narrow where id = 3;
select * from wide order by id;
alter table wide alter column id type int;
insert into wide values (9);
delete from narrow;
select * from wide;
create index on wide (id);
insert into narrow values (5);
insert into wide values (5);
update narrow set id = 6;
select * from wide;

-- numbers of different kinds
create table exact (n numeric primary key, f float8 unique);
insert into exact values (42, 1.5), (42.5, 2), (7.00, 3);
create table whole (n int references exact (n) on update cascade);
insert into whole values (42), (7);
insert into whole values (43);
delete from exact where n = 42.5;
delete from exact where n = 42;
delete from exact where n = 7;
update exact set n = 8 where n = 7;
select * from whole order by n;
update exact set n = 8.4 where n = 8;
select * from whole order by n;
create table floating (f int references exact (f) on delete set null);
insert into floating values (2);
insert into floating values (3), (1);
insert into floating values (3);
delete from exact where f = 3;
select * from floating order by f;
create table no_number (n numeric references big);
create table no_number (n float8 references exact);
create table no_number (n text references big);
create table no_number (n date references big);

-- strings
create table words (w text primary key, v varchar(5) unique);
insert into words values ('one', 'one'), ('two', 'two');
create table fixed (c char(5) references words, v varchar(3) references words on update cascade);
insert into fixed values ('one', 'two');
insert into fixed values ('three', 'two');
delete from words where w = 'one';
update words set w = 'three' where w = 'two';
update words set w = 'six' where w = 'two';
select * from fixed;

-- domains
create domain whole_number as int;
create table of_domain (n whole_number references big);
insert into of_domain values (2);
insert into of_domain values (5);
delete from big where id = 2;

-- SET DEFAULT to what was there, and to what is not there
create table parents (id int primary key);
create table children (id int default 0 references parents on delete set default on update set default);
insert into parents values (0), (1);
insert into children values (0), (1);
delete from parents where id = 0;
delete from parents where id = 1;
select * from children order by id;
delete from parents where id = 0;
update parents set id = 5 where id = 0;
insert into parents values (1);
update parents set id = id + 10 where id = 1;
select * from parents order by id;

-- columns of SET NULL and SET DEFAULT
create table owners (tenant int, id int, primary key (tenant, id));
create table owned (tenant int, id int, other int, foreign key (tenant, id) references owners on delete set null (nope));
create table owned (tenant int, id int, other int, foreign key (tenant, id) references owners on delete set null (other));
create table owned (tenant int, id int, other int, foreign key (tenant, id) references owners on delete set null (id, id));
select pg_get_constraintdef(oid) from pg_constraint where conrelid = 'owned'::regclass;
insert into owners values (1, 1), (1, 2);
insert into owned values (1, 1, 1);
delete from owners where id = 1;
select * from owned;

-- changing the types on either side
alter table small alter column id type text;
alter table small alter column id type date using now();
alter table big alter column id type text;
alter table words alter column w type varchar(2);
alter table whole alter column n type numeric;
insert into whole values (1.25);
alter table narrow alter column id type numeric;
select * from wide;
delete from narrow where id = 6;
select * from wide;

-- when a key is checked
create table tops (id int primary key);
create table lows (id int constraint lows_key references tops constraint lows_check check (id > 0));
insert into tops values (1);
alter table lows alter constraint lows_key deferrable initially deferred;
select condeferrable, condeferred, pg_get_constraintdef(oid) from pg_constraint where conname = 'lows_key';
begin;
insert into lows values (2);
insert into tops values (2);
commit;
begin;
insert into lows values (3);
commit;
alter table lows alter constraint lows_key deferrable;
begin;
insert into lows values (3);
rollback;
begin;
set constraints lows_key deferred;
insert into lows values (3);
commit;
alter table lows alter constraint lows_key not deferrable;
begin;
set constraints lows_key deferred;
rollback;
select condeferrable, condeferred from pg_constraint where conname = 'lows_key';
alter table lows alter constraint lows_check deferrable;
alter table lows alter constraint nope deferrable;
