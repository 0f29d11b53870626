-- Arrays (manual, sections 8.15 and 9.19): text forms, subscripts, operators, functions.

select '{}'::int[];
select '{1,2,3}'::int[];
select '{ 1 , 2 }'::int[];
select '{{1,2},{3,4}}'::int[];
select '{{1,2},{3}}'::int[];
-- awaits: what docs/sql.md lists under "Not yet as PostgreSQL has it"
select '{{},{}}'::int[];
select '{NULL,1}'::int[];
select '{null}'::int[];
select '{"NULL"}'::int[];
select '[0:2]={1,2,3}'::int[];
select '[2:1]={}'::int[];
select '[1:2][3:4]={{1,2},{3,4}}'::int[];
select '[1:2]={1}'::int[];
select '[a:b]={1}'::int[];
select '{1,2'::int[];
select '1,2}'::int[];
select '{1,,2}'::int[];
select '{,}'::int[];
select '{1}x'::int[];
select '{{1},2}'::int[];
select ''::int[];
select 'x'::int[];
select '{"1","2"}'::int[];
select '{1 2}'::int[];
select '{{{{{{{1}}}}}}}'::int[];
select '{99999999999}'::int[];
select '{1.5}'::int[];
select '[-2:0]={1,2,3}'::int[];
-- 15: PostgreSQL 18 has changed this
select '[1:2147483647]={1}'::int[];
select '{"}'::int[];
select '{\1}'::int[];
select '{a,b}'::text[];
select '{"a b","c,d"}'::text[];
select '{"a\"b","c\\d"}'::text[];
select '{a b}'::text[];
select '{ a , b }'::text[];
select '{""}'::text[];
select '{NULL,"NULL",null}'::text[];
select '{"{}"}'::text[];
select '{it''s}'::text[];
select '{é,𝄞}'::text[];
select '{a"b"}'::text[];
select '{"a"b}'::text[];
select '{a\,b}'::text[];
select '{\"}'::text[];
select '{" a "}'::text[];
select array[1, 2], array['a', 'b'], array[1, 2.5], array[1, null], array[[1, 2], [3, 4]], array[]::int[], array[array[1], array[2]], array['2024-01-01'::date];
select array[];
select array[1, 'a'];
select array['a', 1];
select array[[1, 2], [3]];
select array[1, array[2]];
select array[1, true];
select array[null];
select pg_typeof(array[1, 2.5]), pg_typeof(array['a']), pg_typeof(array[null]), pg_typeof(array[1::smallint, 2]);
select '{1,2}'::int[]::text[], array[1, 2]::numeric(5,2)[], array['1', '2']::int[], array[1.5, 2.5]::int[];
select array['x']::int[];
select '{abc,defg}'::varchar(2)[], '{abc}'::char(5)[];

-- subscripts and slices
select (array[10,20,30])[1];
select (array[10,20,30])[0];
select (array[10,20,30])[4];
select (array[10,20,30])[null];
select (array[10,20,30])[2:3];
select (array[10,20,30])[:2];
select (array[10,20,30])[2:];
select (array[10,20,30])[:];
select (array[10,20,30])[3:2];
select (array[10,20,30])[0:1];
select (array[10,20,30])[5:9];
select (array[[1,2],[3,4]])[1][2];
select (array[[1,2],[3,4]])[1];
select (array[[1,2],[3,4]])[1:1];
select (array[[1,2],[3,4]])[1:2][2];
select (array[[1,2],[3,4]])[2:2][1:1];
select ('[0:2]={1,2,3}'::int[])[0];
select ('[0:2]={1,2,3}'::int[])[1:];
select ('{}'::int[])[1];
select (null::int[])[1];
select (array[1,2])['1'];
select (array[1,2])[1.5];
select (array[1,2])['x'];
select (5)[1];
-- awaits: what docs/sql.md lists under "Not yet as PostgreSQL has it"
select (array[1,2])[1][1][1][1][1][1][1];

-- operators
select '{}'::int[] = '{}'::int[], '{}'::int[] < '{}'::int[], '{}'::int[] > '{}'::int[], '{}'::int[] @> '{}'::int[], '{}'::int[] <@ '{}'::int[], '{}'::int[] && '{}'::int[];
select '{}'::int[] || '{}'::int[];
select '{}'::int[] = '{1,2,3}'::int[], '{}'::int[] < '{1,2,3}'::int[], '{}'::int[] > '{1,2,3}'::int[], '{}'::int[] @> '{1,2,3}'::int[], '{}'::int[] <@ '{1,2,3}'::int[], '{}'::int[] && '{1,2,3}'::int[];
select '{}'::int[] || '{1,2,3}'::int[];
select '{}'::int[] = '{3,1}'::int[], '{}'::int[] < '{3,1}'::int[], '{}'::int[] > '{3,1}'::int[], '{}'::int[] @> '{3,1}'::int[], '{}'::int[] <@ '{3,1}'::int[], '{}'::int[] && '{3,1}'::int[];
select '{}'::int[] || '{3,1}'::int[];
select '{}'::int[] = '{1,NULL}'::int[], '{}'::int[] < '{1,NULL}'::int[], '{}'::int[] > '{1,NULL}'::int[], '{}'::int[] @> '{1,NULL}'::int[], '{}'::int[] <@ '{1,NULL}'::int[], '{}'::int[] && '{1,NULL}'::int[];
select '{}'::int[] || '{1,NULL}'::int[];
select '{}'::int[] = '{{1,2},{3,4}}'::int[], '{}'::int[] < '{{1,2},{3,4}}'::int[], '{}'::int[] > '{{1,2},{3,4}}'::int[], '{}'::int[] @> '{{1,2},{3,4}}'::int[], '{}'::int[] <@ '{{1,2},{3,4}}'::int[], '{}'::int[] && '{{1,2},{3,4}}'::int[];
select '{}'::int[] || '{{1,2},{3,4}}'::int[];
select '{}'::int[] = '[0:1]={1,2}'::int[], '{}'::int[] < '[0:1]={1,2}'::int[], '{}'::int[] > '[0:1]={1,2}'::int[], '{}'::int[] @> '[0:1]={1,2}'::int[], '{}'::int[] <@ '[0:1]={1,2}'::int[], '{}'::int[] && '[0:1]={1,2}'::int[];
select '{}'::int[] || '[0:1]={1,2}'::int[];
select '{}'::int[] = null::int[], '{}'::int[] < null::int[], '{}'::int[] > null::int[], '{}'::int[] @> null::int[], '{}'::int[] <@ null::int[], '{}'::int[] && null::int[];
select '{}'::int[] || null::int[];
select '{1,2,3}'::int[] = '{}'::int[], '{1,2,3}'::int[] < '{}'::int[], '{1,2,3}'::int[] > '{}'::int[], '{1,2,3}'::int[] @> '{}'::int[], '{1,2,3}'::int[] <@ '{}'::int[], '{1,2,3}'::int[] && '{}'::int[];
select '{1,2,3}'::int[] || '{}'::int[];
select '{1,2,3}'::int[] = '{1,2,3}'::int[], '{1,2,3}'::int[] < '{1,2,3}'::int[], '{1,2,3}'::int[] > '{1,2,3}'::int[], '{1,2,3}'::int[] @> '{1,2,3}'::int[], '{1,2,3}'::int[] <@ '{1,2,3}'::int[], '{1,2,3}'::int[] && '{1,2,3}'::int[];
select '{1,2,3}'::int[] || '{1,2,3}'::int[];
select '{1,2,3}'::int[] = '{3,1}'::int[], '{1,2,3}'::int[] < '{3,1}'::int[], '{1,2,3}'::int[] > '{3,1}'::int[], '{1,2,3}'::int[] @> '{3,1}'::int[], '{1,2,3}'::int[] <@ '{3,1}'::int[], '{1,2,3}'::int[] && '{3,1}'::int[];
select '{1,2,3}'::int[] || '{3,1}'::int[];
select '{1,2,3}'::int[] = '{1,NULL}'::int[], '{1,2,3}'::int[] < '{1,NULL}'::int[], '{1,2,3}'::int[] > '{1,NULL}'::int[], '{1,2,3}'::int[] @> '{1,NULL}'::int[], '{1,2,3}'::int[] <@ '{1,NULL}'::int[], '{1,2,3}'::int[] && '{1,NULL}'::int[];
select '{1,2,3}'::int[] || '{1,NULL}'::int[];
select '{1,2,3}'::int[] = '{{1,2},{3,4}}'::int[], '{1,2,3}'::int[] < '{{1,2},{3,4}}'::int[], '{1,2,3}'::int[] > '{{1,2},{3,4}}'::int[], '{1,2,3}'::int[] @> '{{1,2},{3,4}}'::int[], '{1,2,3}'::int[] <@ '{{1,2},{3,4}}'::int[], '{1,2,3}'::int[] && '{{1,2},{3,4}}'::int[];
select '{1,2,3}'::int[] || '{{1,2},{3,4}}'::int[];
select '{1,2,3}'::int[] = '[0:1]={1,2}'::int[], '{1,2,3}'::int[] < '[0:1]={1,2}'::int[], '{1,2,3}'::int[] > '[0:1]={1,2}'::int[], '{1,2,3}'::int[] @> '[0:1]={1,2}'::int[], '{1,2,3}'::int[] <@ '[0:1]={1,2}'::int[], '{1,2,3}'::int[] && '[0:1]={1,2}'::int[];
select '{1,2,3}'::int[] || '[0:1]={1,2}'::int[];
select '{1,2,3}'::int[] = null::int[], '{1,2,3}'::int[] < null::int[], '{1,2,3}'::int[] > null::int[], '{1,2,3}'::int[] @> null::int[], '{1,2,3}'::int[] <@ null::int[], '{1,2,3}'::int[] && null::int[];
select '{1,2,3}'::int[] || null::int[];
select '{3,1}'::int[] = '{}'::int[], '{3,1}'::int[] < '{}'::int[], '{3,1}'::int[] > '{}'::int[], '{3,1}'::int[] @> '{}'::int[], '{3,1}'::int[] <@ '{}'::int[], '{3,1}'::int[] && '{}'::int[];
select '{3,1}'::int[] || '{}'::int[];
select '{3,1}'::int[] = '{1,2,3}'::int[], '{3,1}'::int[] < '{1,2,3}'::int[], '{3,1}'::int[] > '{1,2,3}'::int[], '{3,1}'::int[] @> '{1,2,3}'::int[], '{3,1}'::int[] <@ '{1,2,3}'::int[], '{3,1}'::int[] && '{1,2,3}'::int[];
select '{3,1}'::int[] || '{1,2,3}'::int[];
select '{3,1}'::int[] = '{3,1}'::int[], '{3,1}'::int[] < '{3,1}'::int[], '{3,1}'::int[] > '{3,1}'::int[], '{3,1}'::int[] @> '{3,1}'::int[], '{3,1}'::int[] <@ '{3,1}'::int[], '{3,1}'::int[] && '{3,1}'::int[];
select '{3,1}'::int[] || '{3,1}'::int[];
select '{3,1}'::int[] = '{1,NULL}'::int[], '{3,1}'::int[] < '{1,NULL}'::int[], '{3,1}'::int[] > '{1,NULL}'::int[], '{3,1}'::int[] @> '{1,NULL}'::int[], '{3,1}'::int[] <@ '{1,NULL}'::int[], '{3,1}'::int[] && '{1,NULL}'::int[];
select '{3,1}'::int[] || '{1,NULL}'::int[];
select '{3,1}'::int[] = '{{1,2},{3,4}}'::int[], '{3,1}'::int[] < '{{1,2},{3,4}}'::int[], '{3,1}'::int[] > '{{1,2},{3,4}}'::int[], '{3,1}'::int[] @> '{{1,2},{3,4}}'::int[], '{3,1}'::int[] <@ '{{1,2},{3,4}}'::int[], '{3,1}'::int[] && '{{1,2},{3,4}}'::int[];
select '{3,1}'::int[] || '{{1,2},{3,4}}'::int[];
select '{3,1}'::int[] = '[0:1]={1,2}'::int[], '{3,1}'::int[] < '[0:1]={1,2}'::int[], '{3,1}'::int[] > '[0:1]={1,2}'::int[], '{3,1}'::int[] @> '[0:1]={1,2}'::int[], '{3,1}'::int[] <@ '[0:1]={1,2}'::int[], '{3,1}'::int[] && '[0:1]={1,2}'::int[];
select '{3,1}'::int[] || '[0:1]={1,2}'::int[];
select '{3,1}'::int[] = null::int[], '{3,1}'::int[] < null::int[], '{3,1}'::int[] > null::int[], '{3,1}'::int[] @> null::int[], '{3,1}'::int[] <@ null::int[], '{3,1}'::int[] && null::int[];
select '{3,1}'::int[] || null::int[];
select '{1,NULL}'::int[] = '{}'::int[], '{1,NULL}'::int[] < '{}'::int[], '{1,NULL}'::int[] > '{}'::int[], '{1,NULL}'::int[] @> '{}'::int[], '{1,NULL}'::int[] <@ '{}'::int[], '{1,NULL}'::int[] && '{}'::int[];
select '{1,NULL}'::int[] || '{}'::int[];
select '{1,NULL}'::int[] = '{1,2,3}'::int[], '{1,NULL}'::int[] < '{1,2,3}'::int[], '{1,NULL}'::int[] > '{1,2,3}'::int[], '{1,NULL}'::int[] @> '{1,2,3}'::int[], '{1,NULL}'::int[] <@ '{1,2,3}'::int[], '{1,NULL}'::int[] && '{1,2,3}'::int[];
select '{1,NULL}'::int[] || '{1,2,3}'::int[];
select '{1,NULL}'::int[] = '{3,1}'::int[], '{1,NULL}'::int[] < '{3,1}'::int[], '{1,NULL}'::int[] > '{3,1}'::int[], '{1,NULL}'::int[] @> '{3,1}'::int[], '{1,NULL}'::int[] <@ '{3,1}'::int[], '{1,NULL}'::int[] && '{3,1}'::int[];
select '{1,NULL}'::int[] || '{3,1}'::int[];
select '{1,NULL}'::int[] = '{1,NULL}'::int[], '{1,NULL}'::int[] < '{1,NULL}'::int[], '{1,NULL}'::int[] > '{1,NULL}'::int[], '{1,NULL}'::int[] @> '{1,NULL}'::int[], '{1,NULL}'::int[] <@ '{1,NULL}'::int[], '{1,NULL}'::int[] && '{1,NULL}'::int[];
select '{1,NULL}'::int[] || '{1,NULL}'::int[];
select '{1,NULL}'::int[] = '{{1,2},{3,4}}'::int[], '{1,NULL}'::int[] < '{{1,2},{3,4}}'::int[], '{1,NULL}'::int[] > '{{1,2},{3,4}}'::int[], '{1,NULL}'::int[] @> '{{1,2},{3,4}}'::int[], '{1,NULL}'::int[] <@ '{{1,2},{3,4}}'::int[], '{1,NULL}'::int[] && '{{1,2},{3,4}}'::int[];
select '{1,NULL}'::int[] || '{{1,2},{3,4}}'::int[];
select '{1,NULL}'::int[] = '[0:1]={1,2}'::int[], '{1,NULL}'::int[] < '[0:1]={1,2}'::int[], '{1,NULL}'::int[] > '[0:1]={1,2}'::int[], '{1,NULL}'::int[] @> '[0:1]={1,2}'::int[], '{1,NULL}'::int[] <@ '[0:1]={1,2}'::int[], '{1,NULL}'::int[] && '[0:1]={1,2}'::int[];
select '{1,NULL}'::int[] || '[0:1]={1,2}'::int[];
select '{1,NULL}'::int[] = null::int[], '{1,NULL}'::int[] < null::int[], '{1,NULL}'::int[] > null::int[], '{1,NULL}'::int[] @> null::int[], '{1,NULL}'::int[] <@ null::int[], '{1,NULL}'::int[] && null::int[];
select '{1,NULL}'::int[] || null::int[];
select '{{1,2},{3,4}}'::int[] = '{}'::int[], '{{1,2},{3,4}}'::int[] < '{}'::int[], '{{1,2},{3,4}}'::int[] > '{}'::int[], '{{1,2},{3,4}}'::int[] @> '{}'::int[], '{{1,2},{3,4}}'::int[] <@ '{}'::int[], '{{1,2},{3,4}}'::int[] && '{}'::int[];
select '{{1,2},{3,4}}'::int[] || '{}'::int[];
select '{{1,2},{3,4}}'::int[] = '{1,2,3}'::int[], '{{1,2},{3,4}}'::int[] < '{1,2,3}'::int[], '{{1,2},{3,4}}'::int[] > '{1,2,3}'::int[], '{{1,2},{3,4}}'::int[] @> '{1,2,3}'::int[], '{{1,2},{3,4}}'::int[] <@ '{1,2,3}'::int[], '{{1,2},{3,4}}'::int[] && '{1,2,3}'::int[];
select '{{1,2},{3,4}}'::int[] || '{1,2,3}'::int[];
select '{{1,2},{3,4}}'::int[] = '{3,1}'::int[], '{{1,2},{3,4}}'::int[] < '{3,1}'::int[], '{{1,2},{3,4}}'::int[] > '{3,1}'::int[], '{{1,2},{3,4}}'::int[] @> '{3,1}'::int[], '{{1,2},{3,4}}'::int[] <@ '{3,1}'::int[], '{{1,2},{3,4}}'::int[] && '{3,1}'::int[];
select '{{1,2},{3,4}}'::int[] || '{3,1}'::int[];
select '{{1,2},{3,4}}'::int[] = '{1,NULL}'::int[], '{{1,2},{3,4}}'::int[] < '{1,NULL}'::int[], '{{1,2},{3,4}}'::int[] > '{1,NULL}'::int[], '{{1,2},{3,4}}'::int[] @> '{1,NULL}'::int[], '{{1,2},{3,4}}'::int[] <@ '{1,NULL}'::int[], '{{1,2},{3,4}}'::int[] && '{1,NULL}'::int[];
select '{{1,2},{3,4}}'::int[] || '{1,NULL}'::int[];
select '{{1,2},{3,4}}'::int[] = '{{1,2},{3,4}}'::int[], '{{1,2},{3,4}}'::int[] < '{{1,2},{3,4}}'::int[], '{{1,2},{3,4}}'::int[] > '{{1,2},{3,4}}'::int[], '{{1,2},{3,4}}'::int[] @> '{{1,2},{3,4}}'::int[], '{{1,2},{3,4}}'::int[] <@ '{{1,2},{3,4}}'::int[], '{{1,2},{3,4}}'::int[] && '{{1,2},{3,4}}'::int[];
select '{{1,2},{3,4}}'::int[] || '{{1,2},{3,4}}'::int[];
select '{{1,2},{3,4}}'::int[] = '[0:1]={1,2}'::int[], '{{1,2},{3,4}}'::int[] < '[0:1]={1,2}'::int[], '{{1,2},{3,4}}'::int[] > '[0:1]={1,2}'::int[], '{{1,2},{3,4}}'::int[] @> '[0:1]={1,2}'::int[], '{{1,2},{3,4}}'::int[] <@ '[0:1]={1,2}'::int[], '{{1,2},{3,4}}'::int[] && '[0:1]={1,2}'::int[];
-- awaits: what docs/sql.md lists under "Not yet as PostgreSQL has it"
select '{{1,2},{3,4}}'::int[] || '[0:1]={1,2}'::int[];
select '{{1,2},{3,4}}'::int[] = null::int[], '{{1,2},{3,4}}'::int[] < null::int[], '{{1,2},{3,4}}'::int[] > null::int[], '{{1,2},{3,4}}'::int[] @> null::int[], '{{1,2},{3,4}}'::int[] <@ null::int[], '{{1,2},{3,4}}'::int[] && null::int[];
select '{{1,2},{3,4}}'::int[] || null::int[];
select '[0:1]={1,2}'::int[] = '{}'::int[], '[0:1]={1,2}'::int[] < '{}'::int[], '[0:1]={1,2}'::int[] > '{}'::int[], '[0:1]={1,2}'::int[] @> '{}'::int[], '[0:1]={1,2}'::int[] <@ '{}'::int[], '[0:1]={1,2}'::int[] && '{}'::int[];
select '[0:1]={1,2}'::int[] || '{}'::int[];
select '[0:1]={1,2}'::int[] = '{1,2,3}'::int[], '[0:1]={1,2}'::int[] < '{1,2,3}'::int[], '[0:1]={1,2}'::int[] > '{1,2,3}'::int[], '[0:1]={1,2}'::int[] @> '{1,2,3}'::int[], '[0:1]={1,2}'::int[] <@ '{1,2,3}'::int[], '[0:1]={1,2}'::int[] && '{1,2,3}'::int[];
select '[0:1]={1,2}'::int[] || '{1,2,3}'::int[];
select '[0:1]={1,2}'::int[] = '{3,1}'::int[], '[0:1]={1,2}'::int[] < '{3,1}'::int[], '[0:1]={1,2}'::int[] > '{3,1}'::int[], '[0:1]={1,2}'::int[] @> '{3,1}'::int[], '[0:1]={1,2}'::int[] <@ '{3,1}'::int[], '[0:1]={1,2}'::int[] && '{3,1}'::int[];
select '[0:1]={1,2}'::int[] || '{3,1}'::int[];
select '[0:1]={1,2}'::int[] = '{1,NULL}'::int[], '[0:1]={1,2}'::int[] < '{1,NULL}'::int[], '[0:1]={1,2}'::int[] > '{1,NULL}'::int[], '[0:1]={1,2}'::int[] @> '{1,NULL}'::int[], '[0:1]={1,2}'::int[] <@ '{1,NULL}'::int[], '[0:1]={1,2}'::int[] && '{1,NULL}'::int[];
select '[0:1]={1,2}'::int[] || '{1,NULL}'::int[];
select '[0:1]={1,2}'::int[] = '{{1,2},{3,4}}'::int[], '[0:1]={1,2}'::int[] < '{{1,2},{3,4}}'::int[], '[0:1]={1,2}'::int[] > '{{1,2},{3,4}}'::int[], '[0:1]={1,2}'::int[] @> '{{1,2},{3,4}}'::int[], '[0:1]={1,2}'::int[] <@ '{{1,2},{3,4}}'::int[], '[0:1]={1,2}'::int[] && '{{1,2},{3,4}}'::int[];
-- awaits: what docs/sql.md lists under "Not yet as PostgreSQL has it"
select '[0:1]={1,2}'::int[] || '{{1,2},{3,4}}'::int[];
select '[0:1]={1,2}'::int[] = '[0:1]={1,2}'::int[], '[0:1]={1,2}'::int[] < '[0:1]={1,2}'::int[], '[0:1]={1,2}'::int[] > '[0:1]={1,2}'::int[], '[0:1]={1,2}'::int[] @> '[0:1]={1,2}'::int[], '[0:1]={1,2}'::int[] <@ '[0:1]={1,2}'::int[], '[0:1]={1,2}'::int[] && '[0:1]={1,2}'::int[];
select '[0:1]={1,2}'::int[] || '[0:1]={1,2}'::int[];
select '[0:1]={1,2}'::int[] = null::int[], '[0:1]={1,2}'::int[] < null::int[], '[0:1]={1,2}'::int[] > null::int[], '[0:1]={1,2}'::int[] @> null::int[], '[0:1]={1,2}'::int[] <@ null::int[], '[0:1]={1,2}'::int[] && null::int[];
select '[0:1]={1,2}'::int[] || null::int[];
select null::int[] = '{}'::int[], null::int[] < '{}'::int[], null::int[] > '{}'::int[], null::int[] @> '{}'::int[], null::int[] <@ '{}'::int[], null::int[] && '{}'::int[];
select null::int[] || '{}'::int[];
select null::int[] = '{1,2,3}'::int[], null::int[] < '{1,2,3}'::int[], null::int[] > '{1,2,3}'::int[], null::int[] @> '{1,2,3}'::int[], null::int[] <@ '{1,2,3}'::int[], null::int[] && '{1,2,3}'::int[];
select null::int[] || '{1,2,3}'::int[];
select null::int[] = '{3,1}'::int[], null::int[] < '{3,1}'::int[], null::int[] > '{3,1}'::int[], null::int[] @> '{3,1}'::int[], null::int[] <@ '{3,1}'::int[], null::int[] && '{3,1}'::int[];
select null::int[] || '{3,1}'::int[];
select null::int[] = '{1,NULL}'::int[], null::int[] < '{1,NULL}'::int[], null::int[] > '{1,NULL}'::int[], null::int[] @> '{1,NULL}'::int[], null::int[] <@ '{1,NULL}'::int[], null::int[] && '{1,NULL}'::int[];
select null::int[] || '{1,NULL}'::int[];
select null::int[] = '{{1,2},{3,4}}'::int[], null::int[] < '{{1,2},{3,4}}'::int[], null::int[] > '{{1,2},{3,4}}'::int[], null::int[] @> '{{1,2},{3,4}}'::int[], null::int[] <@ '{{1,2},{3,4}}'::int[], null::int[] && '{{1,2},{3,4}}'::int[];
select null::int[] || '{{1,2},{3,4}}'::int[];
select null::int[] = '[0:1]={1,2}'::int[], null::int[] < '[0:1]={1,2}'::int[], null::int[] > '[0:1]={1,2}'::int[], null::int[] @> '[0:1]={1,2}'::int[], null::int[] <@ '[0:1]={1,2}'::int[], null::int[] && '[0:1]={1,2}'::int[];
select null::int[] || '[0:1]={1,2}'::int[];
select null::int[] = null::int[], null::int[] < null::int[], null::int[] > null::int[], null::int[] @> null::int[], null::int[] <@ null::int[], null::int[] && null::int[];
select null::int[] || null::int[];
select 1 || array[2], array[1] || 2, array[1] || null, null || array[1], array[1] || array[[2, 3]], array[[1]] || array[2];
select array[1, 2] || array[[3, 4]];
select array[1] || 'x';
select array['a'] || 'b';
select array['a'] || '{b,c}';
select 'b' || array['a'];
select array[1] || 2.5;
select array[1] || array[2.5];
select array[1] = array['1'];
select array[1] = array[1.0];
select array[1] = array['a'::text];
select array[1] && array[1::bigint];
select 1 = any (array[1, 2]), 3 = any (array[1, 2]), 3 = any (array[1, null]), 1 = any ('{}'), 1 <> all (array[2, 3]), 1 <> all (array[2, null]), null = any (array[1]), 1 = all ('{}'::int[]);
select 2 > any ('{1,5}'), 2 < all ('{3,4}'), 'a' = any ('{a,b}'), 'a' like any ('{a%,b}');
select 1 = any (5);
select 1 = any ('x');
select 1 + any (array[1]);
select 1 = any (array['a']);
select 1 in (1, 2, null), 3 in (1, 2, null), 3 not in (1, 2), null in (1), 1 in ('1', 2.5);
select array[1, 2] = any (array[array[1, 2]]);

-- functions
select array_append(array[1], 2), array_append(null::int[], 1), array_append(array[1], null), array_prepend(0, array[1]), array_prepend(null, '{}'::int[]);
select array_append(array[1], 'a');
select array_append(array[1], 2.5);
select array_append('{{1}}'::int[], 1);
select array_cat(array[1], array[2, 3]), array_cat(null, array[1]), array_cat(array[[1]], array[2]);
select array_ndims(array[[1], [2]]), array_ndims('{}'::int[]), array_dims(array[[1, 2], [3, 4]]), array_dims('[0:1]={1,2}'::int[]), array_dims('{}'::int[]);
select array_length(array[1, 2], 1), array_length(array[1, 2], 2), array_length('{}'::int[], 1), array_length(array[1], 0), cardinality(array[[1, 2], [3, 4]]), cardinality('{}'::int[]), cardinality(null::int[]);
select array_lower('[0:1]={1,2}'::int[], 1), array_upper('[0:1]={1,2}'::int[], 1), array_upper('{}'::int[], 1);
select array_fill(7, array[3]), array_fill(7, array[2, 2]), array_fill(7, array[2], array[5]), array_fill(null::int, array[2]), array_fill(1, '{}');
-- awaits: what docs/sql.md lists under "Not yet as PostgreSQL has it"
select array_fill(7, array[-1]);
select array_fill(7, array[null::int]);
-- awaits: what docs/sql.md lists under "Not yet as PostgreSQL has it"
select array_fill(7, array[2], array[1, 2]);
select array_fill(7, null);
select array_position(array['a', 'b', 'a'], 'a'), array_position(array['a', 'b', 'a'], 'a', 2), array_position(array[1, null], null), array_position(array[1], 2), array_positions(array[1, 2, 1], 1), array_positions(array[1], 5), array_positions(null::int[], 1);
select array_position(array[[1, 2]], 1);
select array_position(array[1], 1, null);
select array_remove(array[1, 2, 1, null], 1), array_remove(array[1, null], null), array_remove('{}'::int[], 1), array_replace(array[1, 2, 1], 1, 9), array_replace(array[1, null], null, 0), array_replace(array[[1, 2]], 1, 5);
select array_remove(array[[1, 2]], 1);
select array_to_string(array[1, null, 2], ','), array_to_string(array['a', null], ',', 'x'), array_to_string('{}'::text[], ','), array_to_string(array[1], null);
select string_to_array('1,2', ',')::int[], string_to_array('', ''), string_to_array('a b', ' ', 'b');
select trim_array(array[1, 2, 3], 2), trim_array(array[1, 2], 0), trim_array(array[1], 1);
select trim_array(array[1], 2);
select trim_array(array[1], -1);
select unnest(array[1, null, 3]);
select unnest(array[[1, 2], [3, 4]]);
select unnest('{}'::int[]);
select unnest(null::int[]);
-- awaits: unnest
select unnest('{1}');
select * from unnest(array[1, 2]) with ordinality;
-- awaits: unnest
select * from unnest(array[1, 2], array['a', 'b', 'c']);
-- awaits: unnest
select * from unnest(array[1, 2], array['a', 'b', 'c']) with ordinality as x (a, b, n);
select unnest(array[1, 2]), unnest(array['a', 'b', 'c']);
select unnest(array[1], array[2]);
select a, b from (values (array[1, 2], 'x'), ('{}', 'y')) v (arr, b), unnest(arr) a;
select generate_subscripts(array[10, 20], 1), generate_subscripts('[0:1]={1,2}'::int[], 1, true);
select * from generate_subscripts(array[[1, 2], [3, 4]], 2);
select generate_subscripts(array[1], 3);
-- 15: PostgreSQL 18 has changed this
select array_agg(x), array_agg(x order by x desc), array_agg(distinct x), array_agg(x) filter (where x > 1) from (values (1), (3), (1), (null)) v (x);
select array_agg(array[x, x + 1]) from (values (1), (2)) v (x);
-- awaits: what docs/sql.md lists under "Not yet as PostgreSQL has it"
select array_agg(a) from (values (array[1]), (array[1, 2])) v (a);
select array_agg(x) from (values (1)) v (x) where false;
select array(select x from (values (2), (1)) v (x) order by x), array(select 1 where false);
select array(select 1, 2);
-- awaits: what docs/sql.md lists under "Not yet as PostgreSQL has it"
select array(select array[1, 2]);
select array_agg(x::text || '!') from generate_series(1, 3) x;
-- 15: PostgreSQL 18 has changed this
select array_sort(array[1]);
select array[1, 2] is null, array[null] is null, '{}'::int[] is not null;
select min(x), max(x) from (values (array[1, 2]), (array[1]), (array[2])) v (x);
select x from (values (array[1, 2]), (array[1]), (array[2]), ('{}'), (array[null::int])) v (x) order by x;
select x, count(*) from (values (array[1, 2]), ('{1,2}'), (array[2])) v (x) group by x;
select distinct x from (values (array['a']), ('{a}'), ('{b}')) v (x);

-- in tables
create table a (id int primary key, n int[], t text[] default '{x}', m int[3][3]);
insert into a values (1, '{1,2,3}', '{a}', '{{1,2},{3,4}}'), (2, array[4], default, null), (3, null, '{}', '{}');
select * from a order by id;
-- awaits: assigning to a part of a column
update a set n[2] = 20 where id = 1 returning n;
-- awaits: assigning to a part of a column
update a set n[5] = 50 where id = 1 returning n;
-- awaits: assigning to a part of a column
update a set n[0] = 0 where id = 1 returning n;
-- awaits: assigning to a part of a column
update a set n[1:2] = array[7, 8] where id = 2 returning n;
-- awaits: assigning to a part of a column
update a set n[1] = 9 where id = 3 returning n;
-- awaits: assigning to a part of a column
update a set n[1:2] = '{1}' where id = 1;
-- awaits: assigning to a part of a column
update a set m[1][1] = 100 where id = 1 returning m;
-- awaits: assigning to a part of a column
update a set m[5][5] = 1 where id = 1;
-- awaits: assigning to a part of a column
update a set n[1] = 'x' where id = 1;
-- awaits: assigning to a part of a column
update a set n[null] = 1 where id = 1;
-- awaits: assigning to a part of a column
insert into a (id, n[1], n[2]) values (4, 1, 2) returning n;
-- awaits: what docs/sql.md lists under "Not yet as PostgreSQL has it"
select id from a where 20 = any (n);
-- awaits: what docs/sql.md lists under "Not yet as PostgreSQL has it"
select id, n[1], n[2:3], cardinality(n) from a order by id;
-- awaits: what docs/sql.md lists under "Not yet as PostgreSQL has it"
select id, x from a, unnest(n) x order by id, x nulls last;
-- awaits: what docs/sql.md lists under "Not yet as PostgreSQL has it"
select id from a where n @> '{20}';
-- awaits: what docs/sql.md lists under "Not yet as PostgreSQL has it"
update a set n = n || 99 where n is not null returning id, n;
-- awaits: what docs/sql.md lists under "Not yet as PostgreSQL has it"
update a set t = array_append(t, 'z') returning id, t;
insert into a (id, n) values (5, '{x}');
insert into a (id, n) values (5, 5);
select n[1] + 1 as s from a where id = 1;
select (select array_agg(id order by id) from a)[2];
create table b (x int[], primary key (x));
insert into b values ('{1}'), ('{2}');
insert into b values ('{1}');
select * from b where x = '{2}';
select * from b order by x desc;
