-- Joins of every kind, with missing matches, missing values and repeated keys.

create table a (id int primary key, x int, s text);
create table b (id int primary key, a_id int, x int, s text);
create table c (k int, v text);
create table e (id int primary key, x int);
insert into a values (1, 10, 'one'), (2, 20, 'two'), (3, null, 'three'), (4, 10, null);
insert into b values (1, 1, 10, 'one'), (2, 1, 20, 'x'), (3, 2, null, 'two'), (4, null, 10, 'y'), (5, 9, 30, null);
insert into c values (1, 'p'), (1, 'q'), (2, 'r'), (null, 's'), (10, 't');

-- inner
select a.id, b.id from a join b on a.id = b.a_id;
select a.id, b.id from a inner join b on a.id = b.a_id and b.x > 10;
select a.id, b.id from a, b where a.id = b.a_id;
select a.id, b.id from a join b on a.x = b.x;
select a.id, b.id from a join b on a.x < b.x;
select a.id, b.id from a join b on a.x <> b.x and a.s = b.s;
select a.id, b.id from a join b on true;
select a.id, b.id from a join b on false;
select a.id, b.id from a join b on null;
select a.id, b.id from a join b on a.x is not distinct from b.x;
select a.id, b.id from a join b on a.id = b.a_id or a.x = b.x;
select a.id, b.id from a join b on a.id + 1 = b.id;
select a.id, b.id, c.v from a join b on a.id = b.a_id join c on c.k = b.a_id;
select a.id, b.id, c.v from a join (b join c on c.k = b.a_id) on a.id = b.a_id;
select a.id, b.id, c.v from a, b, c where a.id = b.a_id and b.a_id = c.k and c.v <> 'q';
select count(*) from a, b, c;
select x.id, y.id from a x join a y on x.x = y.x and x.id < y.id;
select a.*, b.* from a join b on a.id = b.a_id order by a.id, b.id;
select * from a join e on a.id = e.id;
select * from e join a on a.id = e.id;
select a.id from a join b on a.id = b.a_id where b.s like 'o%' order by 1;
select a.s || b.s as both from a join b on a.x = b.x order by 1;

-- outer
select a.id, b.id from a left join b on a.id = b.a_id;
select a.id, b.id from a left outer join b on a.id = b.a_id and b.x = 20;
select a.id, b.id from a left join b on a.id = b.a_id and a.x = 20;
select a.id, b.id from a left join b on a.id = b.a_id where b.id is null;
select a.id, b.id from a left join b on a.id = b.a_id where b.x = 20;
select a.id, b.id from a left join b on a.id = b.a_id where coalesce(b.x, 20) = 20;
select a.id, b.id from a left join b on false;
select a.id, b.id from a left join b on true;
select a.id, b.id from a left join b on a.x = 10;
select a.id, b.id from a right join b on a.id = b.a_id;
select a.id, b.id from a right join b on a.id = b.a_id and b.x > 10;
select a.id, b.id from a right join b on a.id = b.a_id where a.id is null;
select a.id, b.id from a full join b on a.id = b.a_id;
select a.id, b.id from a full outer join b on a.x = b.x;
select a.id, b.id from a full join b on a.id = b.a_id where a.id is null or b.id is null;
select a.id, b.id from a full join b on a.id = b.a_id and a.x = b.x;
select a.id, b.id from a full join b on false;
select a.id, b.id from a full join b on true;
select a.id, b.id from a full join b on a.id < b.id;
select a.id, e.id from a left join e on a.id = e.id;
select a.id, e.id from e right join a on a.id = e.id;
select a.id, e.id from e full join a on a.id = e.id;
select a.id, b.id, c.v from a left join b on a.id = b.a_id left join c on c.k = b.a_id;
select a.id, b.id, c.v from a left join (b join c on c.k = b.a_id) on a.id = b.a_id;
select a.id, b.id, c.v from a left join b on a.id = b.a_id join c on c.k = b.a_id;
select a.id, b.id, c.v from a left join b on a.id = b.a_id right join c on c.k = a.id;
select a.id, b.id, c.v from (a full join b on a.id = b.a_id) full join c on c.k = a.id;
select a.id, count(b.id), sum(b.x) from a left join b on a.id = b.a_id group by a.id order by a.id;
select a.id, b.id from a left join b on a.id = b.a_id order by a.id desc, b.id nulls first;
select a.id, x.n from a left join (select a_id, count(*) as n from b group by a_id) x on x.a_id = a.id order by 1;
select a.id, x.t from a left join (select id, 't' as t from b where x = 10) x on x.id = a.id order by 1;
select a.id, coalesce(x.t, 'none') from a left join (select id, 't' as t from b where x = 10) x on x.id = a.id order by 1;
select b.id, a.id is null as lone from b left join a on a.id = b.a_id order by 1;

-- cross, natural, using
select a.id, c.v from a cross join c;
select * from a cross join c order by a.id, c.v limit 3;
select * from a natural join b order by 1;
select * from a natural left join b order by 1;
select * from a natural right join b order by 1;
select * from a natural full join b order by 1, 2, 3;
select * from a natural join c order by 1, 2, 3, 4, 5 limit 4;
select * from a join b using (id) order by 1;
select * from a join b using (id, x) order by 1;
select * from a left join b using (id) order by 1;
select * from a right join b using (id) order by 1;
select * from a full join b using (id) order by 1;
select * from a full join b using (x) order by 1, 2, 4;
select id from a join b using (id) order by id;
select a.id, b.id, id from a full join b using (id) order by 3;
select x from a join b using (id);
select a.x, b.x from a join b using (id) order by a.id;
-- awaits: an alias of JOIN USING
select j.id, j.id is null from a join b using (id) as j order by 1;
-- awaits: an alias of JOIN USING
select j.x from a join b using (id) as j;
select * from a join b using (id) join e using (id);
select * from a join b using (id) join c on c.k = id order by 1, c.v;
select * from (a join b using (id)) as j (m, n, o, p, q, r) order by m;
select * from (a join b on a.id = b.a_id) as j order by 1;
select id from (a join b using (id)) as j order by 1;
select * from a join b using (nope);
select * from a join b using (a_id);
select * from a join c using (id);
-- awaits: what docs/sql.md lists under "Not yet as PostgreSQL has it"
select * from a x join a y using (id, id);
select * from a natural join e;

-- lateral
select a.id, l.id from a, lateral (select id from b where b.a_id = a.id) l;
select a.id, l.id from a cross join lateral (select id from b where b.a_id = a.id order by id desc limit 1) l order by 1;
select a.id, l.id from a left join lateral (select id from b where b.a_id = a.id order by id desc limit 1) l on true order by 1;
select a.id, l.n from a left join lateral (select count(*) as n from b where b.a_id = a.id) l on l.n > 0 order by 1;
select a.id, l.* from a, lateral (values (a.id, a.x + 1)) l (p, q) order by 1;
select a.id, g from a, generate_series(1, a.id) g order by 1, 2;
select a.id, g from a, lateral generate_series(1, a.id) with ordinality as g (v, n) order by 1, 2;
select a.id, l.s from a join lateral (select sum(x) as s from b where b.a_id <= a.id) l on true order by 1;
select a.id, m.id from a, lateral (select b.id, b.x from b where b.a_id = a.id) l, lateral (select e.id from e where e.x = l.x union all select l.id) m order by 1, 2;
select a.id, l.id from a, (select id from b where b.a_id = a.id) l;
select a.id, l.id from lateral (select id from b where b.a_id = a.id) l, a;
select a.id, l.id from a right join lateral (select id from b where b.a_id = a.id) l on true;
select a.id, l.id from a full join lateral (select id from b where b.a_id = a.id) l on true;

-- mistakes
select id from a, b;
select a.id from a, a;
select a.id from a join b on id = a_id;
select c.id from a;
select nope.* from a;
select a.nope from a;
select * from a join b;
select * from a join b on a.id;
select * from a join b on 'x';
select * from a join b on count(*) > 1;
select * from a x, b where a.id = 1;
select x.id from a x where a.id = 1;
select * from a join b on c.k = 1;
-- awaits: what docs/sql.md lists under "Not yet as PostgreSQL has it"
select * from a, b join c on a.id = c.k;
select * from a natural join b on true;
select a.id from a cross join b on true;
select * from a as x (p, q, r, z);
select p, q, s from a as x (p, q) order by 1;
select x.* from a as x (p) order by 1;
select * from nope;
select * from public.nope;
select * from nope.a;
select * from public.a order by 1;
select public.a.id from public.a order by 1;
select public.a.id from a x;
-- awaits: naming a database in a table name
select * from postgres.public.a;
select a from a order by id;
select a.id, (a).s from a order by id;
select (a).* from a order by 1;
select x from (values (1, 2)) x (p, q);
