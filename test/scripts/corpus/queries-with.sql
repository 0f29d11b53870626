-- WITH: plain, recursive, with statements that change rows.

create table t (id int primary key, parent int, v int);
insert into t values (1, null, 10), (2, 1, 20), (3, 1, 30), (4, 2, 40), (5, 4, 50), (6, null, 60);
create table log (id int, note text);

-- plain
with w as (select 1 as a) select * from w;
with w (x, y) as (select 1, 2) select y, x from w;
with w (x) as (select 1, 2) select * from w;
with w (x, y, z) as (select 1, 2) select * from w;
with w as (values (1, 'a'), (2, 'b')) select * from w order by 1;
with a as (select id from t), b as (select id from a where id > 3) select * from b order by 1;
with a as (select id from b), b as (select 1 as id) select * from a;
with t as (select 99 as id) select * from t;
with t as (select * from t where id < 3) select id from t order by 1;
with w as (select * from t) select x.id, y.id from w x join w y on y.parent = x.id order by 1, 2;
with w as materialized (select * from t where v > 20) select count(*) from w;
with w as not materialized (select * from t where v > 20) select count(*) from w;
with w as materialized (select * from t) select id from w where id = 3;
with w as (select 1), w as (select 2) select * from w;
with w as (select 1 as a) select * from x;
with w as (select 1 as a) select a from w union all select a + 1 from w order by 1;
with w as (select 1 as a) select (select a from w), (select max(a) + 1 from w);
with w as (select id from t where id > 4) select * from t where id in (select id from w) order by 1;
with a as (with b as (select 2 as x) select x + 1 as y from b) select * from a;
with a as (select 1 as x) select * from (with a as (select 2 as x) select * from a) s, a;
with w as (select 1 as a) select * from w, lateral (select w.a + 1 as b) l;
with w as (select id from t order by id desc limit 2) select * from w order by id;
with unused as (select 1 / 0) select 1;
with w as (select nope from t) select 1;
with w as (select null as n) select pg_typeof(n) from w;
with w as (select 'x' as n) select pg_typeof(n) from w;
with w as (select id, count(*) over () as n from t) select * from w where id = 1;
select * from t where id = (with w as (select max(id) as m from t) select m from w);
with w as (select 1) table w;
with w as (select id from t) select count(*), sum(id) from w;
with w as (select random() as r) select (select r from w) = (select r from w);
with a as (select 1 as n), b as (select 2 as n), c as (select * from a union all select * from b) select sum(n) from c;

-- recursive
with recursive r (n) as (select 1 union all select n + 1 from r where n < 5) select * from r;
with recursive r (n) as (values (1) union all select n + 1 from r where n < 5) select sum(n) from r;
with recursive r (n) as (select 1 union select (n + 1) % 3 from r) select * from r order by 1;
with recursive d as (select id, parent, 0 as depth from t where parent is null union all select t.id, t.parent, d.depth + 1 from t join d on t.parent = d.id) select * from d order by id;
with recursive up as (select id, parent from t where id = 5 union all select t.id, t.parent from t, up where t.id = up.parent) select id from up order by id;
with recursive p as (select id, id::text as path from t where parent is null union all select t.id, p.path || '>' || t.id from t join p on t.parent = p.id) select * from p order by path;
with recursive p as (select id, array[id] as path from t where parent is null union all select t.id, p.path || t.id from t join p on t.parent = p.id) select * from p order by path;
with recursive f (a, b) as (select 0::numeric, 1::numeric union all select b, a + b from f where b < 1000) select a from f;
with recursive r (n) as (select 1 union all select n + 1 from r) select n from r limit 5;
with recursive r as (select 1 as n) select * from r;
with recursive a (n) as (select 1 union all select n + 1 from a where n < 3), b (m) as (select n * 10 from a union all select m + 1 from b where m < 12) select * from b order by m;
with recursive r (n, s) as (select 1, 'a' union all select n + 1, s || 'b' from r where n < 3) select * from r order by n;
with recursive r (n) as (select 1 union all select n + 1.5 from r where n < 3) select * from r;
with recursive r (n) as (select 1 union all select 'x' from r where n < 3) select * from r;
with recursive r (n) as (select 1::numeric union all select n + 1.5 from r where n < 3) select * from r;
with recursive r (n) as (select n + 1 from r) select * from r;
with recursive r (n) as (select 1 union all select count(*) from r) select * from r;
with recursive r (n) as (select 1 union all select n + 1 from r r1, r r2) select * from r;
with recursive r (n) as (select 1 union all select n from t left join r on t.id = r.n) select * from r;
with recursive r (n) as (select 1 except select n from r) select * from r;
with recursive r (n) as (select 1 union all select 2 where exists (select 1 from r)) select * from r;
with recursive r (n) as (select 1 union all (select n + 1 from r where n < 3 order by n)) select * from r;
with recursive r (n) as (select 1 union all select n + 1 from r where n < 3 order by 1) select * from r;
with recursive r (n) as (select 1 union all select n + 1 from r where n < 3 limit 1) select * from r;
with recursive a (n) as (select n from b), b (n) as (select n from a) select * from a;
with recursive r (n) as (select 1 union all select distinct n + 1 from r where n < 4) select * from r order by 1;
with recursive r (n) as (select 1 union all select n + g from r, generate_series(1, 2) g where n < 4) select n, count(*) from r group by n order by n;
with recursive r (id, n) as (select id, 1 from t union all select r.id, n + 1 from r where n < 2) select id, max(n) from r group by id order by id;
with recursive r (n) as (select 1 union all select n + 1 from r where n < 4) select n, lag(n) over (order by n) from r order by n;
with recursive d (id, parent) as (select id, parent from t where id = 1 union all select t.id, t.parent from t join d on t.parent = d.id) search depth first by id set o select id, o from d order by o;
with recursive d (id, parent) as (select id, parent from t where id = 1 union all select t.id, t.parent from t join d on t.parent = d.id) search breadth first by id set o select id from d order by o;
with recursive d (id) as (select 1 union all select (id % 3) + 1 from d) cycle id set looped using path select id, looped from d;

-- statements that change rows
with i as (insert into log values (1, 'x') returning *) select * from i;
with i as (insert into log values (2, 'y'), (3, 'z') returning id) select count(*), max(id) from i;
with i as (insert into log values (4, 'w')) select 1;
with i as (insert into log values (4, 'w')) select * from i;
select count(*) from log;
with d as (delete from log where id = 1 returning *) insert into t select 100, null, d.id from d returning *;
with u as (update t set v = v + 1 where id < 3 returning id, v) select * from u order by id;
-- awaits: a statement in WITH that writes to "t", which another part of the statement uses,
with u as (update t set v = v + 1 where id = 1 returning v) select t.v, u.v from t, u where t.id = 1;
with moved as (delete from t where id = 100 returning *) select count(*) from moved;
with w as (select id from t where v > 45) update t set v = 0 from w where t.id = w.id returning t.id, t.v;
with w as (select 2 as id) delete from t using w where t.id = w.id returning t.*;
with w as (select 2 as id, 1 as parent, 20 as v) insert into t select * from w returning *;
with w (n) as (select max(id) from t) insert into t values ((select n + 1 from w), null, 0) returning id;
-- awaits: a statement in WITH that writes to "log", which another part of the statement uses,
with a as (insert into log values (10, 'a') returning id), b as (insert into log select id + 1, 'b' from a returning id) select * from a union all select * from b order by 1;
with recursive r (n) as (select 1 union all select n + 1 from r where n < 3) insert into log select n, 'r' from r returning *;
with x as (insert into log values (1 / 0, '')) select 1;
with x as (select 1) insert into log values (50, 'v') returning (select count(*) from x);
with x as (insert into log values (60, 'q') returning *) select * from (with y as (insert into log values (61, 'p') returning *) select * from y) z;
select * from (with y as (insert into log values (61, 'p') returning *) select * from y) z;
with x as (update nope set a = 1) select 1;
-- awaits: what docs/sql.md lists under "Not yet as PostgreSQL has it"
select note, count(*) from log group by note order by note;
-- in the order of their references
with recursive b as (select n + 1 as n from a), a (n) as (select 1) select * from b;
with recursive a as (select 1), b as (select * from c), c as (select * from a) select * from b;
with recursive a as (select * from b), b as (select * from c), c as (select * from a) select 1;
with recursive r (n) as (select 1 union all select n + 1 from r where n < (select max(m) from l)), l (m) as (values (3)) select * from r;
with a as (select * from a) select 1;
with a as (select 1), b as (select * from a) select * from (with a as (select 2) select * from a) x, b;
with unused as (select 'x'::int), u2 as (select 1 / 0 from unused) select 2;
with unused as (select nope) select 1;
with ins (id, parent) as (select 900, null) insert into t (id, parent) select * from ins;
with ins as (select 901 as id, null as parent) insert into t (id, parent) select id, parent from ins returning *;
insert into t (id, parent) with x as (select 902) select 903, null returning *;
insert into t (id, parent) select 904, null union select 905, null returning id, parent;

-- The order of rows, and rows that come again.

create table tree (id int primary key, parent int, name text);
insert into tree values (1, null, 'a'), (2, 1, 'b'), (3, 1, 'c'), (4, 2, 'd'), (5, 4, 'e'), (6, 3, 'f');
with recursive d (id, parent) as (select id, parent from tree where id = 1 union all select t.id, t.parent from tree t join d on t.parent = d.id) search depth first by id set o select id, o from d order by o;
with recursive d (id, parent) as (select id, parent from tree where id = 1 union all select t.id, t.parent from tree t join d on t.parent = d.id) search breadth first by id set o select id, o from d order by o;
with recursive d as (select id, parent from tree where id = 1 union all select t.id, t.parent from tree t join d on t.parent = d.id) search breadth first by parent, id set o select * from d order by o;
with recursive d as (select id, parent, name from tree where id = 1 union all select t.* from tree t, d where t.parent = d.id) search depth first by name desc_ set o select * from d order by o;
with recursive d as (select id, parent, name from tree where id = 1 union all select t.* from tree t, d where t.parent = d.id) search depth first by name set o select * from d order by o;
with recursive d (id) as (select 1 union all select (id % 3) + 1 from d) cycle id set looped using path select id, looped, path from d;
with recursive d (id) as (select 1 union all select (id % 3) + 1 from d) cycle id set looped to 'Y' default 'N' using path select * from d order by path;
with recursive d (id) as (select 1 union select (id % 3) + 1 from d) cycle id set looped to 1 default 0 using path select * from d order by path;
with recursive d (a, b) as (select 1, 2 union all select (a % 3) + 1, b from d) search depth first by a, b set o cycle a, b set looped using path select * from d order by o;
with recursive d (a, b) as (select 1, 2 union all select (a % 3) + 1, b from d) search breadth first by b set o cycle a set looped using path select * from d order by o, path;
with recursive d (id) as (select 1 union all select * from d where id < 3) cycle id set looped using path select * from d;
with d as (select 1) search depth first by id set o select * from d;
with recursive d as (select 1 as id) search depth first by id set o select * from d;
with recursive d (id) as (select 1 union all select id + 1 from d where id < 3) search depth first by nope set o select * from d;
with recursive d (id) as (select 1 union all select id + 1 from d where id < 3) search depth first by id, id set o select * from d;
with recursive d (id) as (select 1 union all select id + 1 from d where id < 3) cycle nope set looped using path select * from d;
with recursive d (id) as (select 1 union all select id + 1 from d where id < 3) cycle id, id set looped using path select * from d;
with recursive d (id) as (select 1 union all select id + 1 from d where id < 3) cycle id set looped using looped select * from d;
with recursive d (id) as (select 1 union all select id + 1 from d where id < 3) search depth first by id set x cycle id set x using path select * from d;
with recursive d (id) as (select 1 union all select id + 1 from d where id < 3) search depth first by id set x cycle id set looped using x select * from d;
with recursive d (id) as (select 1 union all select id + 1 from (select * from d) e where id < 3) cycle id set looped using path select * from d;
with recursive d (id) as (values (1) union all select id + 1 from d where id < 3) cycle id set looped using path select * from d;
with recursive d (id) as ((select 1 union select 2) union all select id + 1 from d where id < 3) cycle id set looped using path select * from d;
create view graph as with recursive d (id) as (select 1 union all select (id % 3) + 1 from d) cycle id set looped using path select id, looped, path from d;
select * from graph;
with recursive d (id, up) as (select id, parent from tree where parent is null union all select x.id, x.parent from tree x join d p on x.parent = p.id where p.id <> 2) search breadth first by id set o select id, up from d order by o;

-- a WITH inside of a recursive query is for both of its terms, and hides what it gives another meaning
with recursive t(j) as (with recursive s(i) as (values (1) union all select i + 1 from s where i < 4) select i from s union all select j + 1 from t where j < 4) select * from t order by 1;
with recursive t(n) as (with c as (select 3 as k), d as materialized (select k + 1 as k from c) select k from c union all select n + d.k from t, d where n < 12) select * from t order by 1;
with recursive t(n) as (with c as materialized (select random() as r) select r from c union (select r from t, c where n = r)) select count(*) from t;
with recursive w1(c1) as (with w2(c2) as (with recursive w1(c3) as (with w1 as (select 1) select * from w1) select * from w1) select * from w2) select * from w1;
with recursive w as (select 1 as n union all select n + 1 from (with w as (select 5 as n) select * from w) q where n > 7) select * from w;
with recursive x as (with x as (select 2 as n) select n from x union all select n + 1 from x where n < 4) select * from x order by 1;
with recursive x(n) as (with y as (select 1 from x) select 0 union select * from y) select * from x;
with recursive x(n) as ((with y as (select 1 from x) select * from y) union select 0) select * from x;
with recursive x(n) as (select 0 union (select n + 1 from x except select n from x)) select * from x;
with recursive x(n) as (select 0 union ((select n + 1 from x) intersect select 1)) select * from x;
with recursive x(n) as (select 1::numeric(3, 0) union all select (n + 1)::numeric(10, 0) from x where n < 3) select * from x;
with recursive x(n) as (select 'a'::varchar(3) union all select 'b' from x) select * from x;
with recursive x(n) as (select 1::numeric(3, 0) union all select n from x where n > 3) select * from x;
with recursive x(n) as (with y as (select * from x) delete from t where false returning 1) select * from x;
