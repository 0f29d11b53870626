-- Transactions: blocks, savepoints, levels, modes, what fails with them; several statements in one string.

create table t (id int primary key, v int);
begin;
insert into t values (1, 1);
commit;
start transaction;
insert into t values (2, 2);
rollback;
select * from t;
begin work;
insert into t values (3, 3);
end;
begin transaction;
abort;
begin;
begin;
commit;
commit;
rollback;
abort work;
end transaction;
begin;
select 1 / 0;
select 1;
insert into t values (9, 9);
savepoint x;
commit;
select count(*) from t where id = 9;
begin;
select nope;
rollback;
begin;
insert into t values (1, 1);
select 1;
end;

-- savepoints
begin;
insert into t values (10, 1);
savepoint a;
insert into t values (11, 1);
savepoint b;
insert into t values (12, 1);
rollback to a;
select id from t where id >= 10 order by id;
insert into t values (13, 1);
savepoint a;
insert into t values (14, 1);
rollback to savepoint a;
release a;
rollback to a;
select id from t where id >= 10 order by id;
release savepoint a;
rollback to a;
commit;
select id from t order by id;
begin;
savepoint s;
insert into t values (1, 0);
select 1;
rollback to s;
insert into t values (20, 0);
release s;
commit;
select id from t order by id;
begin;
savepoint s;
select 1 / 0;
release s;
rollback to s;
rollback to s;
select 5;
commit;
savepoint outside;
rollback to outside;
release outside;
begin;
rollback to nope;
select 1;
rollback;
begin;
release nope;
rollback;
begin;
savepoint "Odd Name";
rollback to "odd name";
rollback;
begin;
savepoint a;
create table made (x int);
insert into made values (1);
rollback to a;
select * from made;
rollback;
begin;
update t set v = 100 where id = 1;
savepoint a;
update t set v = 200 where id = 1;
rollback to a;
select v from t where id = 1;
commit;
select v from t where id = 1;
begin;
savepoint a; 
savepoint b;
savepoint c;
release a;
rollback to c;
rollback;

-- levels and modes
begin isolation level serializable;
show transaction_isolation;
commit;
begin isolation level repeatable read read only;
show transaction_isolation;
show transaction_read_only;
insert into t values (50, 1);
rollback;
begin read only;
select count(*) > 0 from t;
update t set v = 1;
rollback;
begin read only;
delete from t;
rollback;
begin read only;
create table ro (a int);
rollback;
begin read only;
drop table t;
rollback;
begin read only;
truncate t;
rollback;
begin read only;
-- awaits: what docs/sql.md lists under "Not yet as PostgreSQL has it"
select * from t for update;
rollback;
begin read only;
-- awaits: what docs/sql.md lists under "Not yet as PostgreSQL has it"
select nextval('nope');
rollback;
begin isolation level read uncommitted;
show transaction_isolation;
commit;
begin;
set transaction isolation level repeatable read;
show transaction isolation level;
select 1;
set transaction isolation level serializable;
rollback;
begin;
select 1;
set transaction isolation level read committed;
rollback;
begin;
select 1;
set transaction isolation level repeatable read;
rollback;
begin;
set transaction read only;
set transaction read write;
insert into t values (51, 1);
rollback;
begin;
select 1;
set transaction read only;
insert into t values (51, 1);
rollback;
begin read only;
select 1;
-- awaits: what docs/sql.md lists under "Not yet as PostgreSQL has it"
set transaction read write;
rollback;
set transaction isolation level serializable;
set transaction read only;
begin isolation level nope;
begin read only, read write;
-- awaits: what docs/sql.md lists under "Not yet as PostgreSQL has it"
begin isolation level serializable, read only, deferrable;
-- awaits: what docs/sql.md lists under "Not yet as PostgreSQL has it"
show transaction_deferrable;
rollback;
begin isolation level serializable read write not deferrable;
rollback;
set session characteristics as transaction isolation level repeatable read;
begin;
show transaction_isolation;
commit;
show default_transaction_isolation;
set session characteristics as transaction read only;
insert into t values (60, 1);
set session characteristics as transaction isolation level read committed, read write;
insert into t values (60, 1);
set default_transaction_isolation = 'serializable';
show transaction_isolation;
set default_transaction_isolation = 'nope';
reset default_transaction_isolation;
set default_transaction_read_only = on;
delete from t;
set default_transaction_read_only = off;
begin;
set local statement_timeout = '5s';
show statement_timeout;
commit;
show statement_timeout;
begin;
set statement_timeout = '5s';
rollback;
show statement_timeout;
begin;
set statement_timeout = '7s';
savepoint a;
set statement_timeout = '8s';
rollback to a;
show statement_timeout;
commit;
show statement_timeout;
reset statement_timeout;
set local statement_timeout = '9s';
show statement_timeout;
-- awaits: AND CHAIN
commit and chain;
begin isolation level repeatable read;
-- awaits: AND CHAIN
commit and chain;
-- awaits: what docs/sql.md lists under "Not yet as PostgreSQL has it"
show transaction_isolation;
-- awaits: AND CHAIN
rollback and chain;
-- awaits: what docs/sql.md lists under "Not yet as PostgreSQL has it"
show transaction_isolation;
-- awaits: what docs/sql.md lists under "Not yet as PostgreSQL has it"
commit and no chain;
-- awaits: a prepared (two-phase) transaction
prepare transaction 'x';
-- awaits: a prepared (two-phase) transaction
commit prepared 'x';
begin;
-- awaits: a prepared (two-phase) transaction
prepare transaction 'x';
-- awaits: what docs/sql.md lists under "Not yet as PostgreSQL has it"
rollback;

-- several in one string
insert into t values (70, 1); insert into t values (71, 1);
insert into t values (72, 1); select 1 / 0; insert into t values (73, 1);
select count(*) from t where id in (72, 73);
begin; insert into t values (74, 1); commit; select 1 / 0;
select count(*) from t where id = 74;
insert into t values (75, 1); begin; insert into t values (76, 1); rollback;
select id from t where id in (75, 76) order by id;
select 1; select 2; select 3;
select 1; selec 2;
;
 ;; ;
begin; select 1; select 1 / 0; commit;
rollback;
create table inl (a int); insert into inl values (1); select * from inl; drop table inl;
savepoint x; select 1;
insert into t values (77, 1); savepoint x; select 1;
select count(*) from t where id = 77;
insert into t values (78, 1); commit; select count(*) from t where id = 78;
insert into t values (79, 1); rollback; select count(*) from t where id = 79;
-- awaits: what docs/sql.md lists under "Not yet as PostgreSQL has it"
set transaction isolation level serializable; show transaction_isolation;
begin; set transaction isolation level serializable; show transaction_isolation; commit;
-- awaits: what docs/sql.md lists under "Not yet as PostgreSQL has it"
vacuum; select 1;
-- awaits: what docs/sql.md lists under "Not yet as PostgreSQL has it"
select 1; vacuum;

-- time stands still in one
begin;
select now() = transaction_timestamp(), now() = current_timestamp;
select now() = statement_timestamp();
commit;
select now() = statement_timestamp();

-- DDL in blocks
begin;
create table d (a int primary key);
insert into d values (1);
create index d_i on d (a);
alter table d add column b text default 'x';
select * from d;
rollback;
select * from d;
begin;
drop table t;
select * from t;
rollback;
select count(*) > 0 from t;
begin;
truncate t;
insert into t values (1, 1);
rollback;
select count(*) > 1 from t;
begin;
create table d (a int);
create table d (a int);
rollback;
begin;
alter table t rename to t2;
select count(*) > 0 from t2;
rollback;
begin;
create sequence sq;
select nextval('sq');
rollback;
-- awaits: what docs/sql.md lists under "Not yet as PostgreSQL has it"
select nextval('sq');
create table d (a int unique);
begin;
insert into d values (1);
alter table d add column b int not null default 3;
update d set b = 4;
commit;
select * from d;
begin;
insert into d values (2, 2);
drop table d;
commit;
select * from d;
vacuum t;
begin;
vacuum t;
rollback;
analyze t;
begin;
analyze t;
commit;
begin;
-- awaits: CREATEDB
create database x;
rollback;

-- prepared statements and cursors
-- awaits: PREPARE
prepare p (int) as select $1 + 1;
-- awaits: EXECUTE
execute p (5);
-- awaits: EXECUTE
execute p ('6');
-- awaits: EXECUTE
execute p;
-- awaits: EXECUTE
execute p (1, 2);
-- awaits: EXECUTE
execute p ('x');
-- awaits: EXECUTE
execute nope;
-- awaits: PREPARE
prepare p as select 1;
-- awaits: PREPARE
prepare q as select * from t where id = $1;
-- awaits: EXECUTE
execute q (1);
-- awaits: PREPARE
prepare r (nope) as select 1;
-- awaits: PREPARE
prepare i as insert into t values ($1, $2) returning *;
-- awaits: EXECUTE
execute i (90, 5);
-- awaits: EXECUTE
execute i (90, 5);
-- awaits: PREPARE
prepare u as select $1;
-- awaits: EXECUTE
execute u ('a');
-- awaits: PREPARE
prepare w (int, int) as select $2 - $1, pg_typeof($1);
-- awaits: EXECUTE
execute w (1, 10);
-- awaits: what docs/sql.md lists under "Not yet as PostgreSQL has it"
select name, statement, parameter_types from pg_prepared_statements order by name;
-- awaits: what docs/sql.md lists under "Not yet as PostgreSQL has it"
deallocate p;
-- awaits: EXECUTE
execute p (1);
deallocate p;
-- awaits: what docs/sql.md lists under "Not yet as PostgreSQL has it"
deallocate prepare q;
deallocate all;
-- awaits: EXECUTE
execute u ('a');
select $1;
begin;
-- awaits: DECLARE CURSOR
declare c cursor for select id from t order by id;
-- awaits: what docs/sql.md lists under "Not yet as PostgreSQL has it"
fetch c;
-- awaits: what docs/sql.md lists under "Not yet as PostgreSQL has it"
fetch 2 from c;
-- awaits: what docs/sql.md lists under "Not yet as PostgreSQL has it"
fetch next from c;
-- awaits: what docs/sql.md lists under "Not yet as PostgreSQL has it"
fetch all from c;
-- awaits: what docs/sql.md lists under "Not yet as PostgreSQL has it"
fetch c;
-- awaits: what docs/sql.md lists under "Not yet as PostgreSQL has it"
close c;
-- awaits: what docs/sql.md lists under "Not yet as PostgreSQL has it"
fetch c;
rollback;
begin;
-- awaits: DECLARE CURSOR
declare c scroll cursor for select id from t order by id;
-- awaits: what docs/sql.md lists under "Not yet as PostgreSQL has it"
fetch last from c;
-- awaits: what docs/sql.md lists under "Not yet as PostgreSQL has it"
fetch prior from c;
-- awaits: what docs/sql.md lists under "Not yet as PostgreSQL has it"
fetch first from c;
-- awaits: what docs/sql.md lists under "Not yet as PostgreSQL has it"
fetch absolute 2 from c;
-- awaits: what docs/sql.md lists under "Not yet as PostgreSQL has it"
fetch relative 1 from c;
-- awaits: what docs/sql.md lists under "Not yet as PostgreSQL has it"
fetch backward 2 from c;
-- awaits: what docs/sql.md lists under "Not yet as PostgreSQL has it"
move 1 from c;
-- awaits: what docs/sql.md lists under "Not yet as PostgreSQL has it"
fetch c;
-- awaits: what docs/sql.md lists under "Not yet as PostgreSQL has it"
move forward all in c;
-- awaits: what docs/sql.md lists under "Not yet as PostgreSQL has it"
fetch 0 from c;
-- awaits: what docs/sql.md lists under "Not yet as PostgreSQL has it"
close c;
-- awaits: what docs/sql.md lists under "Not yet as PostgreSQL has it"
commit;
-- awaits: DECLARE CURSOR
declare c cursor for select 1;
-- awaits: DECLARE CURSOR
declare h cursor with hold for select id from t order by id;
-- awaits: FETCH
fetch 2 from h;
-- awaits: CLOSE PORTAL
close h;
-- awaits: CLOSE PORTAL
close nope;
-- awaits: CLOSE PORTAL
close all;
begin;
-- awaits: DECLARE CURSOR
declare c no scroll cursor for select id from t order by id;
-- awaits: what docs/sql.md lists under "Not yet as PostgreSQL has it"
fetch c;
-- awaits: what docs/sql.md lists under "Not yet as PostgreSQL has it"
fetch prior from c;
rollback;
begin;
-- awaits: DECLARE CURSOR
declare c cursor for select id from t where id = 1 for update;
-- awaits: what docs/sql.md lists under "Not yet as PostgreSQL has it"
fetch c;
-- awaits: what docs/sql.md lists under "Not yet as PostgreSQL has it"
update t set v = -5 where current of c returning *;
-- awaits: what docs/sql.md lists under "Not yet as PostgreSQL has it"
delete from t where current of c;
rollback;
-- awaits: what docs/sql.md lists under "Not yet as PostgreSQL has it"
select name from pg_cursors;
