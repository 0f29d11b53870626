-- json and jsonb (manual, section 9.16): what is read, how it is printed, operators and functions.

select '{}'::json;
select '{}'::jsonb;
select '[]'::json;
select '[]'::jsonb;
select 'null'::json;
select 'null'::jsonb;
select 'true'::json;
select 'true'::jsonb;
select '"text"'::json;
select '"text"'::jsonb;
select '1'::json;
select '1'::jsonb;
select '-0'::json;
select '-0'::jsonb;
select '1.50'::json;
select '1.50'::jsonb;
select '1e5'::json;
select '1e5'::jsonb;
select '1E-3'::json;
select '1E-3'::jsonb;
select '[1, 2, 3]'::json;
select '[1, 2, 3]'::jsonb;
select '{"a": 1, "b": {"c": [1, {"d": null}]}}'::json;
select '{"a": 1, "b": {"c": [1, {"d": null}]}}'::jsonb;
select '{"b": 1, "a": 2, "b": 3}'::json;
select '{"b": 1, "a": 2, "b": 3}'::jsonb;
select '  { "x" : [ ] }  '::json;
select '  { "x" : [ ] }  '::jsonb;
select '"\u00e9\n\"\\"'::json;
select '"\u00e9\n\"\\"'::jsonb;
select '"\ud834\udd1e"'::json;
select '"\ud834\udd1e"'::jsonb;
select '"\u0000"'::json;
select '"\u0000"'::jsonb;
select '"\ud834"'::json;
select '"\ud834"'::jsonb;
select '"\udd1e"'::json;
select '"\udd1e"'::jsonb;
select '"\x"'::json;
select '"\x"'::jsonb;
select '{''a'': 1}'::json;
select '{''a'': 1}'::jsonb;
select '{a: 1}'::json;
select '{a: 1}'::jsonb;
select '{"a"}'::json;
select '{"a"}'::jsonb;
select '{"a":}'::json;
select '{"a":}'::jsonb;
select '{"a": 1,}'::json;
select '{"a": 1,}'::jsonb;
select '[1,]'::json;
select '[1,]'::jsonb;
select '[1 2]'::json;
select '[1 2]'::jsonb;
select '01'::json;
select '01'::jsonb;
select '1.'::json;
select '1.'::jsonb;
-- awaits: what docs/sql.md lists under "Not yet as PostgreSQL has it"
select '.5'::json;
-- awaits: what docs/sql.md lists under "Not yet as PostgreSQL has it"
select '.5'::jsonb;
-- awaits: what docs/sql.md lists under "Not yet as PostgreSQL has it"
select '+1'::json;
-- awaits: what docs/sql.md lists under "Not yet as PostgreSQL has it"
select '+1'::jsonb;
select 'NaN'::json;
select 'NaN'::jsonb;
select 'Infinity'::json;
select 'Infinity'::jsonb;
select 'tru'::json;
select 'tru'::jsonb;
select ''::json;
select ''::jsonb;
select ' '::json;
select ' '::jsonb;
select '"unclosed'::json;
select '"unclosed'::jsonb;
select '[1'::json;
select '[1'::jsonb;
select '{"a": 1}}'::json;
select '{"a": 1}}'::jsonb;
select '1 2'::json;
select '1 2'::jsonb;
select '"a	b"'::json;
select '"a	b"'::jsonb;
select '[[[[[]]]]]'::json;
select '[[[[[]]]]]'::jsonb;
select '12345678901234567890.123456789'::json;
select '12345678901234567890.123456789'::jsonb;
select '1e1000'::json;
select '1e1000'::jsonb;
select '{"": 1}'::json;
select '{"": 1}'::jsonb;
select '"/"'::json;
select '"/"'::jsonb;

-- reaching in
select '{"a": 1, "b": {"c": [10, 20, {"d": null}]}, "e": "x", "f": null, "0": "zero"}'::json -> 'a', '{"a": 1, "b": {"c": [10, 20, {"d": null}]}, "e": "x", "f": null, "0": "zero"}'::json ->> 'a';
select '{"a": 1, "b": {"c": [10, 20, {"d": null}]}, "e": "x", "f": null, "0": "zero"}'::json -> 'b', '{"a": 1, "b": {"c": [10, 20, {"d": null}]}, "e": "x", "f": null, "0": "zero"}'::json ->> 'b';
select '{"a": 1, "b": {"c": [10, 20, {"d": null}]}, "e": "x", "f": null, "0": "zero"}'::json -> 'e', '{"a": 1, "b": {"c": [10, 20, {"d": null}]}, "e": "x", "f": null, "0": "zero"}'::json ->> 'e';
select '{"a": 1, "b": {"c": [10, 20, {"d": null}]}, "e": "x", "f": null, "0": "zero"}'::json -> 'f', '{"a": 1, "b": {"c": [10, 20, {"d": null}]}, "e": "x", "f": null, "0": "zero"}'::json ->> 'f';
select '{"a": 1, "b": {"c": [10, 20, {"d": null}]}, "e": "x", "f": null, "0": "zero"}'::json -> 'zz', '{"a": 1, "b": {"c": [10, 20, {"d": null}]}, "e": "x", "f": null, "0": "zero"}'::json ->> 'zz';
select '{"a": 1, "b": {"c": [10, 20, {"d": null}]}, "e": "x", "f": null, "0": "zero"}'::json -> 0, '{"a": 1, "b": {"c": [10, 20, {"d": null}]}, "e": "x", "f": null, "0": "zero"}'::json ->> 0;
select '{"a": 1, "b": {"c": [10, 20, {"d": null}]}, "e": "x", "f": null, "0": "zero"}'::json -> null, '{"a": 1, "b": {"c": [10, 20, {"d": null}]}, "e": "x", "f": null, "0": "zero"}'::json ->> null;
select '[10, "x", {"a": null}]'::json -> 0, '[10, "x", {"a": null}]'::json ->> 0;
select '[10, "x", {"a": null}]'::json -> 2, '[10, "x", {"a": null}]'::json ->> 2;
select '[10, "x", {"a": null}]'::json -> -1, '[10, "x", {"a": null}]'::json ->> -1;
select '[10, "x", {"a": null}]'::json -> -3, '[10, "x", {"a": null}]'::json ->> -3;
select '[10, "x", {"a": null}]'::json -> 5, '[10, "x", {"a": null}]'::json ->> 5;
-- awaits: what docs/sql.md lists under "Not yet as PostgreSQL has it"
select '[10, "x", {"a": null}]'::json -> '0', '[10, "x", {"a": null}]'::json ->> '0';
select '[10, "x", {"a": null}]'::json -> 'a', '[10, "x", {"a": null}]'::json ->> 'a';
select '{"a": 1, "b": {"c": [10, 20, {"d": null}]}, "e": "x", "f": null, "0": "zero"}'::json #> '{b,c,1}', '{"a": 1, "b": {"c": [10, 20, {"d": null}]}, "e": "x", "f": null, "0": "zero"}'::json #>> '{b,c,1}';
select '{"a": 1, "b": {"c": [10, 20, {"d": null}]}, "e": "x", "f": null, "0": "zero"}'::json #> '{b,c,-1,d}', '{"a": 1, "b": {"c": [10, 20, {"d": null}]}, "e": "x", "f": null, "0": "zero"}'::json #>> '{b,c,-1,d}';
select '{"a": 1, "b": {"c": [10, 20, {"d": null}]}, "e": "x", "f": null, "0": "zero"}'::json #> '{b,zz}', '{"a": 1, "b": {"c": [10, 20, {"d": null}]}, "e": "x", "f": null, "0": "zero"}'::json #>> '{b,zz}';
select '{"a": 1, "b": {"c": [10, 20, {"d": null}]}, "e": "x", "f": null, "0": "zero"}'::json #> '{}', '{"a": 1, "b": {"c": [10, 20, {"d": null}]}, "e": "x", "f": null, "0": "zero"}'::json #>> '{}';
select '{"a": 1, "b": {"c": [10, 20, {"d": null}]}, "e": "x", "f": null, "0": "zero"}'::json #> '{a,b}', '{"a": 1, "b": {"c": [10, 20, {"d": null}]}, "e": "x", "f": null, "0": "zero"}'::json #>> '{a,b}';
select '{"a": 1, "b": {"c": [10, 20, {"d": null}]}, "e": "x", "f": null, "0": "zero"}'::json #> '{b,c,x}', '{"a": 1, "b": {"c": [10, 20, {"d": null}]}, "e": "x", "f": null, "0": "zero"}'::json #>> '{b,c,x}';
select '{"a": 1, "b": {"c": [10, 20, {"d": null}]}, "e": "x", "f": null, "0": "zero"}'::json #> '{e}', '{"a": 1, "b": {"c": [10, 20, {"d": null}]}, "e": "x", "f": null, "0": "zero"}'::json #>> '{e}';
select '{"a": 1, "b": {"c": [10, 20, {"d": null}]}, "e": "x", "f": null, "0": "zero"}'::json #> '{b,null}', '{"a": 1, "b": {"c": [10, 20, {"d": null}]}, "e": "x", "f": null, "0": "zero"}'::json #>> '{b,null}';
select '1'::json -> 0, '"a"'::json -> 'a', 'null'::json ->> 0;
select json_extract_path('{"a": 1, "b": {"c": [10, 20, {"d": null}]}, "e": "x", "f": null, "0": "zero"}', 'b', 'c', '0'), json_extract_path_text('{"a": 1, "b": {"c": [10, 20, {"d": null}]}, "e": "x", "f": null, "0": "zero"}', 'b', 'c', '0'), json_extract_path('{"a": 1, "b": {"c": [10, 20, {"d": null}]}, "e": "x", "f": null, "0": "zero"}');
select json_typeof('{"a": 1, "b": {"c": [10, 20, {"d": null}]}, "e": "x", "f": null, "0": "zero"}'), json_typeof('[]'), json_typeof('1'), json_typeof('"a"'), json_typeof('true'), json_typeof('null');
select json_array_length('[1,2,3]'), json_array_length('[]');
select json_array_length('{}');
select json_array_length('1');
-- awaits: what docs/sql.md lists under "Not yet as PostgreSQL has it"
select * from json_array_elements('[1, "a", null, [2], {"a": 1}]');
-- awaits: what docs/sql.md lists under "Not yet as PostgreSQL has it"
select * from json_array_elements_text('[1, "a", null, [2]]') with ordinality;
-- awaits: what docs/sql.md lists under "Not yet as PostgreSQL has it"
select json_array_elements('{}');
-- awaits: what docs/sql.md lists under "Not yet as PostgreSQL has it"
select json_array_elements('5');
select * from json_object_keys('{"a": 1, "b": {"c": [10, 20, {"d": null}]}, "e": "x", "f": null, "0": "zero"}');
select json_object_keys('[]');
select json_object_keys('1');
select * from json_each('{"a": 1, "b": "x", "c": null}');
select * from json_each_text('{"a": 1, "b": "x", "c": null}');
select json_each('{"a": 1}');
select * from json_each('[1]');
select json_strip_nulls('{"a": null, "b": [null, {"c": null}], "d": 1}');
select to_json(1), to_json('a'::text), to_json(null::int), to_json(true), to_json(1.50), to_json(array[1, null]), to_json(date '2024-01-02'), to_json(timestamptz '2024-01-02 03:04:05+00'), to_json('{"a": 1}'::json), to_json(row(1, 'x'));
select to_json(x) from (values (1, 'a')) x (n, t);
select json_build_array(1, 'a', null, array[1, 2], true, '{"x": 1}'::json);
select json_build_object('a', 1, 'b', null, 3, array[1]);
select json_build_object('a');
-- awaits: what docs/sql.md lists under "Not yet as PostgreSQL has it"
select json_build_object(null, 1);
select json_build_object(), json_build_array();
select json_object('{a, 1, b, null}'), json_object('{{a, 1}, {b, 2}}'), json_object('{a, b}', '{1, 2}');
select json_object('{a}');
select json_object('{a, b}', '{1}');
select json_object('{{a, b, c}}');
select json_agg(x) from (values (1), (null), (3)) v (x);
select json_agg(x order by x desc) from (values (1), (2)) v (x);
select json_object_agg(k, v order by k) from (values ('a', 1), ('b', null)) x (k, v);
-- 15: PostgreSQL 18 has changed this
select json_object_agg(k, v) from (values (null, 1)) x (k, v);
select json_agg(x) from (values (1)) v (x) where false;
-- awaits: a whole-row reference
select json_agg(t) from (values (1, 'a'), (2, null)) t (n, s);
-- awaits: a list of column definitions
select * from json_populate_record(null::record, '{"a": 1}') as x (a int, b text);
select * from json_to_record('{"a": 1, "b": "x", "c": [1, 2]}') as x (a int, b text, c int[], d date);
select * from json_to_recordset('[{"a": 1, "b": "x"}, {"a": 2}]') as x (a int, b text);
select * from json_to_record('{"a": "abc"}') as x (a int);
select '{"a": 1, "b": {"c": [10, 20, {"d": null}]}, "e": "x", "f": null, "0": "zero"}'::jsonb -> 'a', '{"a": 1, "b": {"c": [10, 20, {"d": null}]}, "e": "x", "f": null, "0": "zero"}'::jsonb ->> 'a';
select '{"a": 1, "b": {"c": [10, 20, {"d": null}]}, "e": "x", "f": null, "0": "zero"}'::jsonb -> 'b', '{"a": 1, "b": {"c": [10, 20, {"d": null}]}, "e": "x", "f": null, "0": "zero"}'::jsonb ->> 'b';
select '{"a": 1, "b": {"c": [10, 20, {"d": null}]}, "e": "x", "f": null, "0": "zero"}'::jsonb -> 'e', '{"a": 1, "b": {"c": [10, 20, {"d": null}]}, "e": "x", "f": null, "0": "zero"}'::jsonb ->> 'e';
select '{"a": 1, "b": {"c": [10, 20, {"d": null}]}, "e": "x", "f": null, "0": "zero"}'::jsonb -> 'f', '{"a": 1, "b": {"c": [10, 20, {"d": null}]}, "e": "x", "f": null, "0": "zero"}'::jsonb ->> 'f';
select '{"a": 1, "b": {"c": [10, 20, {"d": null}]}, "e": "x", "f": null, "0": "zero"}'::jsonb -> 'zz', '{"a": 1, "b": {"c": [10, 20, {"d": null}]}, "e": "x", "f": null, "0": "zero"}'::jsonb ->> 'zz';
select '{"a": 1, "b": {"c": [10, 20, {"d": null}]}, "e": "x", "f": null, "0": "zero"}'::jsonb -> 0, '{"a": 1, "b": {"c": [10, 20, {"d": null}]}, "e": "x", "f": null, "0": "zero"}'::jsonb ->> 0;
select '{"a": 1, "b": {"c": [10, 20, {"d": null}]}, "e": "x", "f": null, "0": "zero"}'::jsonb -> null, '{"a": 1, "b": {"c": [10, 20, {"d": null}]}, "e": "x", "f": null, "0": "zero"}'::jsonb ->> null;
select '[10, "x", {"a": null}]'::jsonb -> 0, '[10, "x", {"a": null}]'::jsonb ->> 0;
select '[10, "x", {"a": null}]'::jsonb -> 2, '[10, "x", {"a": null}]'::jsonb ->> 2;
select '[10, "x", {"a": null}]'::jsonb -> -1, '[10, "x", {"a": null}]'::jsonb ->> -1;
select '[10, "x", {"a": null}]'::jsonb -> -3, '[10, "x", {"a": null}]'::jsonb ->> -3;
select '[10, "x", {"a": null}]'::jsonb -> 5, '[10, "x", {"a": null}]'::jsonb ->> 5;
select '[10, "x", {"a": null}]'::jsonb -> '0', '[10, "x", {"a": null}]'::jsonb ->> '0';
select '[10, "x", {"a": null}]'::jsonb -> 'a', '[10, "x", {"a": null}]'::jsonb ->> 'a';
select '{"a": 1, "b": {"c": [10, 20, {"d": null}]}, "e": "x", "f": null, "0": "zero"}'::jsonb #> '{b,c,1}', '{"a": 1, "b": {"c": [10, 20, {"d": null}]}, "e": "x", "f": null, "0": "zero"}'::jsonb #>> '{b,c,1}';
select '{"a": 1, "b": {"c": [10, 20, {"d": null}]}, "e": "x", "f": null, "0": "zero"}'::jsonb #> '{b,c,-1,d}', '{"a": 1, "b": {"c": [10, 20, {"d": null}]}, "e": "x", "f": null, "0": "zero"}'::jsonb #>> '{b,c,-1,d}';
select '{"a": 1, "b": {"c": [10, 20, {"d": null}]}, "e": "x", "f": null, "0": "zero"}'::jsonb #> '{b,zz}', '{"a": 1, "b": {"c": [10, 20, {"d": null}]}, "e": "x", "f": null, "0": "zero"}'::jsonb #>> '{b,zz}';
select '{"a": 1, "b": {"c": [10, 20, {"d": null}]}, "e": "x", "f": null, "0": "zero"}'::jsonb #> '{}', '{"a": 1, "b": {"c": [10, 20, {"d": null}]}, "e": "x", "f": null, "0": "zero"}'::jsonb #>> '{}';
select '{"a": 1, "b": {"c": [10, 20, {"d": null}]}, "e": "x", "f": null, "0": "zero"}'::jsonb #> '{a,b}', '{"a": 1, "b": {"c": [10, 20, {"d": null}]}, "e": "x", "f": null, "0": "zero"}'::jsonb #>> '{a,b}';
select '{"a": 1, "b": {"c": [10, 20, {"d": null}]}, "e": "x", "f": null, "0": "zero"}'::jsonb #> '{b,c,x}', '{"a": 1, "b": {"c": [10, 20, {"d": null}]}, "e": "x", "f": null, "0": "zero"}'::jsonb #>> '{b,c,x}';
select '{"a": 1, "b": {"c": [10, 20, {"d": null}]}, "e": "x", "f": null, "0": "zero"}'::jsonb #> '{e}', '{"a": 1, "b": {"c": [10, 20, {"d": null}]}, "e": "x", "f": null, "0": "zero"}'::jsonb #>> '{e}';
select '{"a": 1, "b": {"c": [10, 20, {"d": null}]}, "e": "x", "f": null, "0": "zero"}'::jsonb #> '{b,null}', '{"a": 1, "b": {"c": [10, 20, {"d": null}]}, "e": "x", "f": null, "0": "zero"}'::jsonb #>> '{b,null}';
select '1'::jsonb -> 0, '"a"'::jsonb -> 'a', 'null'::jsonb ->> 0;
select jsonb_extract_path('{"a": 1, "b": {"c": [10, 20, {"d": null}]}, "e": "x", "f": null, "0": "zero"}', 'b', 'c', '0'), jsonb_extract_path_text('{"a": 1, "b": {"c": [10, 20, {"d": null}]}, "e": "x", "f": null, "0": "zero"}', 'b', 'c', '0'), jsonb_extract_path('{"a": 1, "b": {"c": [10, 20, {"d": null}]}, "e": "x", "f": null, "0": "zero"}');
select jsonb_typeof('{"a": 1, "b": {"c": [10, 20, {"d": null}]}, "e": "x", "f": null, "0": "zero"}'), jsonb_typeof('[]'), jsonb_typeof('1'), jsonb_typeof('"a"'), jsonb_typeof('true'), jsonb_typeof('null');
select jsonb_array_length('[1,2,3]'), jsonb_array_length('[]');
select jsonb_array_length('{}');
select jsonb_array_length('1');
-- awaits: what docs/sql.md lists under "Not yet as PostgreSQL has it"
select * from jsonb_array_elements('[1, "a", null, [2], {"a": 1}]');
-- awaits: what docs/sql.md lists under "Not yet as PostgreSQL has it"
select * from jsonb_array_elements_text('[1, "a", null, [2]]') with ordinality;
select jsonb_array_elements('{}');
select jsonb_array_elements('5');
select * from jsonb_object_keys('{"a": 1, "b": {"c": [10, 20, {"d": null}]}, "e": "x", "f": null, "0": "zero"}');
select jsonb_object_keys('[]');
select jsonb_object_keys('1');
select * from jsonb_each('{"a": 1, "b": "x", "c": null}');
select * from jsonb_each_text('{"a": 1, "b": "x", "c": null}');
select jsonb_each('{"a": 1}');
select * from jsonb_each('[1]');
select jsonb_strip_nulls('{"a": null, "b": [null, {"c": null}], "d": 1}');
select to_jsonb(1), to_jsonb('a'::text), to_jsonb(null::int), to_jsonb(true), to_jsonb(1.50), to_jsonb(array[1, null]), to_jsonb(date '2024-01-02'), to_jsonb(timestamptz '2024-01-02 03:04:05+00'), to_jsonb('{"a": 1}'::json), to_jsonb(row(1, 'x'));
select to_jsonb(x) from (values (1, 'a')) x (n, t);
select jsonb_build_array(1, 'a', null, array[1, 2], true, '{"x": 1}'::json);
select jsonb_build_object('a', 1, 'b', null, 3, array[1]);
select jsonb_build_object('a');
select jsonb_build_object(null, 1);
select jsonb_build_object(), jsonb_build_array();
select jsonb_object('{a, 1, b, null}'), jsonb_object('{{a, 1}, {b, 2}}'), jsonb_object('{a, b}', '{1, 2}');
select jsonb_object('{a}');
select jsonb_object('{a, b}', '{1}');
select jsonb_object('{{a, b, c}}');
select jsonb_agg(x) from (values (1), (null), (3)) v (x);
select jsonb_agg(x order by x desc) from (values (1), (2)) v (x);
select jsonb_object_agg(k, v order by k) from (values ('a', 1), ('b', null)) x (k, v);
select jsonb_object_agg(k, v) from (values (null, 1)) x (k, v);
select jsonb_agg(x) from (values (1)) v (x) where false;
select jsonb_agg(t) from (values (1, 'a'), (2, null)) t (n, s);
-- awaits: a list of column definitions
select * from jsonb_populate_record(null::record, '{"a": 1}') as x (a int, b text);
select * from jsonb_to_record('{"a": 1, "b": "x", "c": [1, 2]}') as x (a int, b text, c int[], d date);
select * from jsonb_to_recordset('[{"a": 1, "b": "x"}, {"a": 2}]') as x (a int, b text);
select * from jsonb_to_record('{"a": "abc"}') as x (a int);
select row_to_json(row(1, 2.5, null));
-- awaits: a whole-row reference
select row_to_json(t, true) from (values (1, 2)) t (a, b);
-- awaits: array_to_json
select array_to_json(array[[1, 2], [3, 4]]), array_to_json(array[1, null], true);
select array_to_json('a'::text);
select json_build_object('a', json '1', 'b', jsonb '{"x":2}', 'd', interval '1 day', 'n', 'NaN'::float8);
select to_json('NaN'::numeric), to_jsonb('Infinity'::float8);
select to_jsonb(1e400);
select to_json(E'a"b\\c\n\x01'::text);

-- containment, existence
select '{"a": 1, "b": 2}'::jsonb @> '{"a": 1}'::jsonb, '{"a": 1, "b": 2}'::jsonb <@ '{"a": 1}'::jsonb, '{"a": 1, "b": 2}'::jsonb = '{"a": 1}'::jsonb, '{"a": 1, "b": 2}'::jsonb < '{"a": 1}'::jsonb, '{"a": 1, "b": 2}'::jsonb > '{"a": 1}'::jsonb;
select '{"a": 1}'::jsonb @> '{"a": 1, "b": 2}'::jsonb, '{"a": 1}'::jsonb <@ '{"a": 1, "b": 2}'::jsonb, '{"a": 1}'::jsonb = '{"a": 1, "b": 2}'::jsonb, '{"a": 1}'::jsonb < '{"a": 1, "b": 2}'::jsonb, '{"a": 1}'::jsonb > '{"a": 1, "b": 2}'::jsonb;
select '[1, 2, 3]'::jsonb @> '[3, 1]'::jsonb, '[1, 2, 3]'::jsonb <@ '[3, 1]'::jsonb, '[1, 2, 3]'::jsonb = '[3, 1]'::jsonb, '[1, 2, 3]'::jsonb < '[3, 1]'::jsonb, '[1, 2, 3]'::jsonb > '[3, 1]'::jsonb;
select '[1, 2]'::jsonb @> '1'::jsonb, '[1, 2]'::jsonb <@ '1'::jsonb, '[1, 2]'::jsonb = '1'::jsonb, '[1, 2]'::jsonb < '1'::jsonb, '[1, 2]'::jsonb > '1'::jsonb;
select '1'::jsonb @> '[1]'::jsonb, '1'::jsonb <@ '[1]'::jsonb, '1'::jsonb = '[1]'::jsonb, '1'::jsonb < '[1]'::jsonb, '1'::jsonb > '[1]'::jsonb;
select '[1, [2]]'::jsonb @> '[[2]]'::jsonb, '[1, [2]]'::jsonb <@ '[[2]]'::jsonb, '[1, [2]]'::jsonb = '[[2]]'::jsonb, '[1, [2]]'::jsonb < '[[2]]'::jsonb, '[1, [2]]'::jsonb > '[[2]]'::jsonb;
select '{"a": [1, 2]}'::jsonb @> '{"a": [1]}'::jsonb, '{"a": [1, 2]}'::jsonb <@ '{"a": [1]}'::jsonb, '{"a": [1, 2]}'::jsonb = '{"a": [1]}'::jsonb, '{"a": [1, 2]}'::jsonb < '{"a": [1]}'::jsonb, '{"a": [1, 2]}'::jsonb > '{"a": [1]}'::jsonb;
select '{"a": {}}'::jsonb @> '{"a": {}}'::jsonb, '{"a": {}}'::jsonb <@ '{"a": {}}'::jsonb, '{"a": {}}'::jsonb = '{"a": {}}'::jsonb, '{"a": {}}'::jsonb < '{"a": {}}'::jsonb, '{"a": {}}'::jsonb > '{"a": {}}'::jsonb;
select '[]'::jsonb @> '[]'::jsonb, '[]'::jsonb <@ '[]'::jsonb, '[]'::jsonb = '[]'::jsonb, '[]'::jsonb < '[]'::jsonb, '[]'::jsonb > '[]'::jsonb;
select '{}'::jsonb @> '{}'::jsonb, '{}'::jsonb <@ '{}'::jsonb, '{}'::jsonb = '{}'::jsonb, '{}'::jsonb < '{}'::jsonb, '{}'::jsonb > '{}'::jsonb;
select '{}'::jsonb @> '[]'::jsonb, '{}'::jsonb <@ '[]'::jsonb, '{}'::jsonb = '[]'::jsonb, '{}'::jsonb < '[]'::jsonb, '{}'::jsonb > '[]'::jsonb;
select '"a"'::jsonb @> '"a"'::jsonb, '"a"'::jsonb <@ '"a"'::jsonb, '"a"'::jsonb = '"a"'::jsonb, '"a"'::jsonb < '"a"'::jsonb, '"a"'::jsonb > '"a"'::jsonb;
select '[1, 1]'::jsonb @> '[1]'::jsonb, '[1, 1]'::jsonb <@ '[1]'::jsonb, '[1, 1]'::jsonb = '[1]'::jsonb, '[1, 1]'::jsonb < '[1]'::jsonb, '[1, 1]'::jsonb > '[1]'::jsonb;
select '{"a": null}'::jsonb @> '{"a": null}'::jsonb, '{"a": null}'::jsonb <@ '{"a": null}'::jsonb, '{"a": null}'::jsonb = '{"a": null}'::jsonb, '{"a": null}'::jsonb < '{"a": null}'::jsonb, '{"a": null}'::jsonb > '{"a": null}'::jsonb;
select '1'::jsonb @> '1.0'::jsonb, '1'::jsonb <@ '1.0'::jsonb, '1'::jsonb = '1.0'::jsonb, '1'::jsonb < '1.0'::jsonb, '1'::jsonb > '1.0'::jsonb;
select 'null'::jsonb @> 'null'::jsonb, 'null'::jsonb <@ 'null'::jsonb, 'null'::jsonb = 'null'::jsonb, 'null'::jsonb < 'null'::jsonb, 'null'::jsonb > 'null'::jsonb;
select '{"a": 1, "b": null}'::jsonb ? 'a', '{"a": 1, "b": null}'::jsonb ?| array['x', 'b'], '{"a": 1, "b": null}'::jsonb ?& array['a', 'b'], '{"a": 1, "b": null}'::jsonb ?| '{}', '{"a": 1, "b": null}'::jsonb ?& '{}';
select '["a", "b", 1]'::jsonb ? 'a', '["a", "b", 1]'::jsonb ?| array['x', 'b'], '["a", "b", 1]'::jsonb ?& array['a', 'b'], '["a", "b", 1]'::jsonb ?| '{}', '["a", "b", 1]'::jsonb ?& '{}';
select '"a"'::jsonb ? 'a', '"a"'::jsonb ?| array['x', 'b'], '"a"'::jsonb ?& array['a', 'b'], '"a"'::jsonb ?| '{}', '"a"'::jsonb ?& '{}';
select '1'::jsonb ? 'a', '1'::jsonb ?| array['x', 'b'], '1'::jsonb ?& array['a', 'b'], '1'::jsonb ?| '{}', '1'::jsonb ?& '{}';
select '[]'::jsonb ? 'a', '[]'::jsonb ?| array['x', 'b'], '[]'::jsonb ?& array['a', 'b'], '[]'::jsonb ?| '{}', '[]'::jsonb ?& '{}';
select '[["a"]]'::jsonb ? 'a', '[["a"]]'::jsonb ?| array['x', 'b'], '[["a"]]'::jsonb ?& array['a', 'b'], '[["a"]]'::jsonb ?| '{}', '[["a"]]'::jsonb ?& '{}';
select '{}'::json @> '{}'::json;
select '{"a":1}'::json ? 'a';
select '{}'::json = '{}'::json;
select '1'::jsonb < 'null', '1'::jsonb < '"a"', 'true'::jsonb > '[1]', '{}'::jsonb > '[]', '[1]'::jsonb < '[1,2]', '{"a":1}'::jsonb < '{"b":0}', '{"a":1}'::jsonb < '{"a":1,"b":2}', 'false'::jsonb < 'true';
select x from (values ('[]'::jsonb), ('{}'), ('null'), ('1'), ('"b"'), ('"a"'), ('true'), ('false'), ('[0]'), ('{"a": 1}'), ('[1, 2]'), ('{"b": 1}'), ('-5.5')) v (x) order by x;

-- changing
select '{"a": 1}'::jsonb || '{"b": 2}'::jsonb;
select '{"a": 1}'::jsonb || '{"a": 2}'::jsonb;
select '[1]'::jsonb || '[2]'::jsonb;
select '[1]'::jsonb || '2'::jsonb;
select '1'::jsonb || '[2]'::jsonb;
select '1'::jsonb || '2'::jsonb;
select '[1]'::jsonb || '{"a": 1}'::jsonb;
select '{"a": 1}'::jsonb || '[1]'::jsonb;
select '{}'::jsonb || '{}'::jsonb;
select '{"a": 1}'::jsonb || '1'::jsonb;
select 'null'::jsonb || '[]'::jsonb;
select '{"a": 1, "b": 2}'::jsonb - 'a';
select '{"a": 1}'::jsonb - 'z';
select '["a", "b", "a"]'::jsonb - 'a';
select '[1, 2, 3]'::jsonb - 1;
select '[1, 2, 3]'::jsonb - -1;
select '[1, 2]'::jsonb - 5;
select '{"a": 1}'::jsonb - 0;
select '1'::jsonb - 'a';
select '1'::jsonb - 0;
select '{"a": 1, "b": 2, "c": 3}'::jsonb - array['a', 'c'];
select '["a", "b"]'::jsonb - '{a}'::text[];
select '{"a": {"b": 1, "c": 2}}'::jsonb #- '{a,b}';
select '[1, [2, 3]]'::jsonb #- '{1,0}';
select '[1]'::jsonb #- '{x}';
select '1'::jsonb #- '{a}';
select '{}'::jsonb #- '{}';
select jsonb_set('{"a": [1, 2]}', '{a,0}', '9');
select jsonb_set('{"a": [1, 2]}', '{a,-1}', '9');
select jsonb_set('{"a": [1, 2]}', '{a,5}', '9');
select jsonb_set('{"a": 1}', '{b}', '2');
select jsonb_set('{"a": 1}', '{b}', '2', false);
select jsonb_set('{"a": 1}', '{b,c}', '2');
select jsonb_set('{"a": 1}', '{a,b}', '2');
select jsonb_set('[1]', '{a}', '2');
select jsonb_set('{}', '{}', '1');
select jsonb_set('1', '{a}', '2');
select jsonb_set('{"a": 1}', '{a}', null);
select jsonb_set('{"a": 1}', '{null}', '2');
select jsonb_set(null, '{a}', '1');
select jsonb_set_lax('{"a": 1}', '{a}', null);
select jsonb_set_lax('{"a": 1}', '{a}', null, true, 'delete_key');
select jsonb_set_lax('{"a": 1}', '{a}', null, true, 'return_target');
select jsonb_set_lax('{"a": 1}', '{a}', null, true, 'raise_exception');
select jsonb_set_lax('{"a": 1}', '{a}', null, true, 'nope');
-- awaits: what docs/sql.md lists under "Not yet as PostgreSQL has it"
select jsonb_set_lax('{"a": 1}', '{a}', '5', true, null);
select jsonb_insert('[1, 2]', '{0}', '9');
select jsonb_insert('[1, 2]', '{0}', '9', true);
select jsonb_insert('[1, 2]', '{-1}', '9');
select jsonb_insert('[1, 2]', '{10}', '9');
select jsonb_insert('{"a": 1}', '{b}', '2');
select jsonb_insert('{"a": 1}', '{a}', '2');
select jsonb_insert('{"a": [0]}', '{a,0}', '9');
select jsonb_insert('1', '{a}', '2');
select jsonb_pretty('{"a": [1, {"b": null}], "c": {}, "d": []}');
select ('{"a": {"b": [1, 2]}}'::jsonb)['a']['b'][1], ('[1, 2]'::jsonb)[-1], ('{"a": 1}'::jsonb)['z'], ('1'::jsonb)['a'];
select ('{"a": 1}'::json)['a'];
-- awaits: what docs/sql.md lists under "Not yet as PostgreSQL has it"
select ('[1, 2, 3]'::jsonb)[0:1];
create table j (id int primary key, d jsonb);
insert into j values (1, '{"a": {"b": 1}}'), (2, '[1, 2]'), (3, null);
-- awaits: assigning to a part of a column
update j set d['a']['c'] = '2' where id = 1 returning d;
-- awaits: assigning to a part of a column
update j set d[5] = '"x"' where id = 2 returning d;
-- awaits: assigning to a part of a column
update j set d['n'] = '1' where id = 3 returning d;
-- awaits: assigning to a part of a column
update j set d['a']['b']['c'] = '1' where id = 1;
-- awaits: what docs/sql.md lists under "Not yet as PostgreSQL has it"
select d ->> 'a' from j where d ? 'a';
select id, d -> 'a' ->> 'b' as b from j where d @> '{"a": {"b": 1}}' order by id;
-- awaits: what docs/sql.md lists under "Not yet as PostgreSQL has it"
select id from j order by d nulls first, id;
-- awaits: what docs/sql.md lists under "Not yet as PostgreSQL has it"
select d, count(*) from j group by d;
select '5'::jsonb::int, '1.5'::jsonb::numeric, 'true'::jsonb::boolean, '1.5'::jsonb::int;
select '"5"'::jsonb::int;
-- 15: PostgreSQL 18 has changed this
select 'null'::jsonb::boolean;
select '1'::jsonb::text, '"a"'::jsonb::text, '"a"'::jsonb #>> '{}', '1'::json::text;
select '1e400'::jsonb::float8;
select json '{"a":1}' ->> 'a' || 'x';
select json '[1,2]' -> 1 = '2';
select jsonb '{"a":1}' || null, null || jsonb '1';
select jsonb '1' + 1;
-- awaits: an expression of kind JsonIsPredicate
select is_json from (select '1' is json) x (is_json);
