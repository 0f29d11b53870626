-- SQL/JSON paths (manual, sections 9.16.2 and 8.14.7).

select '$'::jsonpath;
-- awaits: jsonb_path_query
select jsonb_path_query('{"a": 1, "b": {"c": [10, 20]}, "e": "x", "f": null, "g": -1.5, "t": "2024-02-29"}', '$', '{"x": 5, "i": 1}');
-- awaits: jsonb_path_exists
select jsonb_path_exists('{"a": 1, "b": {"c": [10, 20]}, "e": "x", "f": null, "g": -1.5, "t": "2024-02-29"}', '$', '{"x": 5, "i": 1}');
-- awaits: to be mended
select '$.a'::jsonpath;
-- awaits: jsonb_path_query
select jsonb_path_query('{"a": 1, "b": {"c": [10, 20]}, "e": "x", "f": null, "g": -1.5, "t": "2024-02-29"}', '$.a', '{"x": 5, "i": 1}');
-- awaits: jsonb_path_exists
select jsonb_path_exists('{"a": 1, "b": {"c": [10, 20]}, "e": "x", "f": null, "g": -1.5, "t": "2024-02-29"}', '$.a', '{"x": 5, "i": 1}');
-- awaits: to be mended
select '$.b.c'::jsonpath;
-- awaits: jsonb_path_query
select jsonb_path_query('{"a": 1, "b": {"c": [10, 20]}, "e": "x", "f": null, "g": -1.5, "t": "2024-02-29"}', '$.b.c', '{"x": 5, "i": 1}');
-- awaits: jsonb_path_exists
select jsonb_path_exists('{"a": 1, "b": {"c": [10, 20]}, "e": "x", "f": null, "g": -1.5, "t": "2024-02-29"}', '$.b.c', '{"x": 5, "i": 1}');
-- awaits: to be mended
select '$.b.c[0]'::jsonpath;
-- awaits: jsonb_path_query
select jsonb_path_query('{"a": 1, "b": {"c": [10, 20]}, "e": "x", "f": null, "g": -1.5, "t": "2024-02-29"}', '$.b.c[0]', '{"x": 5, "i": 1}');
-- awaits: jsonb_path_exists
select jsonb_path_exists('{"a": 1, "b": {"c": [10, 20]}, "e": "x", "f": null, "g": -1.5, "t": "2024-02-29"}', '$.b.c[0]', '{"x": 5, "i": 1}');
-- awaits: to be mended
select '$.b.c[*]'::jsonpath;
-- awaits: jsonb_path_query
select jsonb_path_query('{"a": 1, "b": {"c": [10, 20]}, "e": "x", "f": null, "g": -1.5, "t": "2024-02-29"}', '$.b.c[*]', '{"x": 5, "i": 1}');
-- awaits: jsonb_path_exists
select jsonb_path_exists('{"a": 1, "b": {"c": [10, 20]}, "e": "x", "f": null, "g": -1.5, "t": "2024-02-29"}', '$.b.c[*]', '{"x": 5, "i": 1}');
-- awaits: to be mended
select '$.b.c[last]'::jsonpath;
-- awaits: jsonb_path_query
select jsonb_path_query('{"a": 1, "b": {"c": [10, 20]}, "e": "x", "f": null, "g": -1.5, "t": "2024-02-29"}', '$.b.c[last]', '{"x": 5, "i": 1}');
-- awaits: jsonb_path_exists
select jsonb_path_exists('{"a": 1, "b": {"c": [10, 20]}, "e": "x", "f": null, "g": -1.5, "t": "2024-02-29"}', '$.b.c[last]', '{"x": 5, "i": 1}');
-- awaits: to be mended
select '$.b.c[0 to 1]'::jsonpath;
-- awaits: jsonb_path_query
select jsonb_path_query('{"a": 1, "b": {"c": [10, 20]}, "e": "x", "f": null, "g": -1.5, "t": "2024-02-29"}', '$.b.c[0 to 1]', '{"x": 5, "i": 1}');
-- awaits: jsonb_path_exists
select jsonb_path_exists('{"a": 1, "b": {"c": [10, 20]}, "e": "x", "f": null, "g": -1.5, "t": "2024-02-29"}', '$.b.c[0 to 1]', '{"x": 5, "i": 1}');
-- awaits: to be mended
select '$.b.c[1, 0]'::jsonpath;
-- awaits: jsonb_path_query
select jsonb_path_query('{"a": 1, "b": {"c": [10, 20]}, "e": "x", "f": null, "g": -1.5, "t": "2024-02-29"}', '$.b.c[1, 0]', '{"x": 5, "i": 1}');
-- awaits: jsonb_path_exists
select jsonb_path_exists('{"a": 1, "b": {"c": [10, 20]}, "e": "x", "f": null, "g": -1.5, "t": "2024-02-29"}', '$.b.c[1, 0]', '{"x": 5, "i": 1}');
select '$.*'::jsonpath;
-- awaits: jsonb_path_query
select jsonb_path_query('{"a": 1, "b": {"c": [10, 20]}, "e": "x", "f": null, "g": -1.5, "t": "2024-02-29"}', '$.*', '{"x": 5, "i": 1}');
-- awaits: jsonb_path_exists
select jsonb_path_exists('{"a": 1, "b": {"c": [10, 20]}, "e": "x", "f": null, "g": -1.5, "t": "2024-02-29"}', '$.*', '{"x": 5, "i": 1}');
select '$.**'::jsonpath;
-- awaits: jsonb_path_query
select jsonb_path_query('{"a": 1, "b": {"c": [10, 20]}, "e": "x", "f": null, "g": -1.5, "t": "2024-02-29"}', '$.**', '{"x": 5, "i": 1}');
-- awaits: jsonb_path_exists
select jsonb_path_exists('{"a": 1, "b": {"c": [10, 20]}, "e": "x", "f": null, "g": -1.5, "t": "2024-02-29"}', '$.**', '{"x": 5, "i": 1}');
select '$.**{2}'::jsonpath;
-- awaits: jsonb_path_query
select jsonb_path_query('{"a": 1, "b": {"c": [10, 20]}, "e": "x", "f": null, "g": -1.5, "t": "2024-02-29"}', '$.**{2}', '{"x": 5, "i": 1}');
-- awaits: jsonb_path_exists
select jsonb_path_exists('{"a": 1, "b": {"c": [10, 20]}, "e": "x", "f": null, "g": -1.5, "t": "2024-02-29"}', '$.**{2}', '{"x": 5, "i": 1}');
select '$.**{1 to last}'::jsonpath;
-- awaits: jsonb_path_query
select jsonb_path_query('{"a": 1, "b": {"c": [10, 20]}, "e": "x", "f": null, "g": -1.5, "t": "2024-02-29"}', '$.**{1 to last}', '{"x": 5, "i": 1}');
-- awaits: jsonb_path_exists
select jsonb_path_exists('{"a": 1, "b": {"c": [10, 20]}, "e": "x", "f": null, "g": -1.5, "t": "2024-02-29"}', '$.**{1 to last}', '{"x": 5, "i": 1}');
-- awaits: to be mended
select '$.zz'::jsonpath;
-- awaits: jsonb_path_query
select jsonb_path_query('{"a": 1, "b": {"c": [10, 20]}, "e": "x", "f": null, "g": -1.5, "t": "2024-02-29"}', '$.zz', '{"x": 5, "i": 1}');
-- awaits: jsonb_path_exists
select jsonb_path_exists('{"a": 1, "b": {"c": [10, 20]}, "e": "x", "f": null, "g": -1.5, "t": "2024-02-29"}', '$.zz', '{"x": 5, "i": 1}');
-- awaits: to be mended
select 'strict $.zz'::jsonpath;
-- awaits: jsonb_path_query
select jsonb_path_query('{"a": 1, "b": {"c": [10, 20]}, "e": "x", "f": null, "g": -1.5, "t": "2024-02-29"}', 'strict $.zz', '{"x": 5, "i": 1}');
-- awaits: jsonb_path_exists
select jsonb_path_exists('{"a": 1, "b": {"c": [10, 20]}, "e": "x", "f": null, "g": -1.5, "t": "2024-02-29"}', 'strict $.zz', '{"x": 5, "i": 1}');
-- awaits: to be mended
select 'strict $.a.b'::jsonpath;
-- awaits: jsonb_path_query
select jsonb_path_query('{"a": 1, "b": {"c": [10, 20]}, "e": "x", "f": null, "g": -1.5, "t": "2024-02-29"}', 'strict $.a.b', '{"x": 5, "i": 1}');
-- awaits: jsonb_path_exists
select jsonb_path_exists('{"a": 1, "b": {"c": [10, 20]}, "e": "x", "f": null, "g": -1.5, "t": "2024-02-29"}', 'strict $.a.b', '{"x": 5, "i": 1}');
-- awaits: to be mended
select '$.a.b'::jsonpath;
-- awaits: jsonb_path_query
select jsonb_path_query('{"a": 1, "b": {"c": [10, 20]}, "e": "x", "f": null, "g": -1.5, "t": "2024-02-29"}', '$.a.b', '{"x": 5, "i": 1}');
-- awaits: jsonb_path_exists
select jsonb_path_exists('{"a": 1, "b": {"c": [10, 20]}, "e": "x", "f": null, "g": -1.5, "t": "2024-02-29"}', '$.a.b', '{"x": 5, "i": 1}');
-- awaits: to be mended
select '$.a + 1'::jsonpath;
-- awaits: jsonb_path_query
select jsonb_path_query('{"a": 1, "b": {"c": [10, 20]}, "e": "x", "f": null, "g": -1.5, "t": "2024-02-29"}', '$.a + 1', '{"x": 5, "i": 1}');
-- awaits: jsonb_path_exists
select jsonb_path_exists('{"a": 1, "b": {"c": [10, 20]}, "e": "x", "f": null, "g": -1.5, "t": "2024-02-29"}', '$.a + 1', '{"x": 5, "i": 1}');
-- awaits: to be mended
select '$.b.c[0] * 2 - 1'::jsonpath;
-- awaits: jsonb_path_query
select jsonb_path_query('{"a": 1, "b": {"c": [10, 20]}, "e": "x", "f": null, "g": -1.5, "t": "2024-02-29"}', '$.b.c[0] * 2 - 1', '{"x": 5, "i": 1}');
-- awaits: jsonb_path_exists
select jsonb_path_exists('{"a": 1, "b": {"c": [10, 20]}, "e": "x", "f": null, "g": -1.5, "t": "2024-02-29"}', '$.b.c[0] * 2 - 1', '{"x": 5, "i": 1}');
-- awaits: to be mended
select '-$.a'::jsonpath;
-- awaits: jsonb_path_query
select jsonb_path_query('{"a": 1, "b": {"c": [10, 20]}, "e": "x", "f": null, "g": -1.5, "t": "2024-02-29"}', '-$.a', '{"x": 5, "i": 1}');
-- awaits: jsonb_path_exists
select jsonb_path_exists('{"a": 1, "b": {"c": [10, 20]}, "e": "x", "f": null, "g": -1.5, "t": "2024-02-29"}', '-$.a', '{"x": 5, "i": 1}');
-- awaits: to be mended
select '$.a / 0'::jsonpath;
-- awaits: jsonb_path_query
select jsonb_path_query('{"a": 1, "b": {"c": [10, 20]}, "e": "x", "f": null, "g": -1.5, "t": "2024-02-29"}', '$.a / 0', '{"x": 5, "i": 1}');
-- awaits: jsonb_path_exists
select jsonb_path_exists('{"a": 1, "b": {"c": [10, 20]}, "e": "x", "f": null, "g": -1.5, "t": "2024-02-29"}', '$.a / 0', '{"x": 5, "i": 1}');
-- awaits: to be mended
select '$.a % 2'::jsonpath;
-- awaits: jsonb_path_query
select jsonb_path_query('{"a": 1, "b": {"c": [10, 20]}, "e": "x", "f": null, "g": -1.5, "t": "2024-02-29"}', '$.a % 2', '{"x": 5, "i": 1}');
-- awaits: jsonb_path_exists
select jsonb_path_exists('{"a": 1, "b": {"c": [10, 20]}, "e": "x", "f": null, "g": -1.5, "t": "2024-02-29"}', '$.a % 2', '{"x": 5, "i": 1}');
-- awaits: to be mended
select '$.b.c[*] ? (@ > 10)'::jsonpath;
-- awaits: jsonb_path_query
select jsonb_path_query('{"a": 1, "b": {"c": [10, 20]}, "e": "x", "f": null, "g": -1.5, "t": "2024-02-29"}', '$.b.c[*] ? (@ > 10)', '{"x": 5, "i": 1}');
-- awaits: jsonb_path_exists
select jsonb_path_exists('{"a": 1, "b": {"c": [10, 20]}, "e": "x", "f": null, "g": -1.5, "t": "2024-02-29"}', '$.b.c[*] ? (@ > 10)', '{"x": 5, "i": 1}');
-- awaits: to be mended
select '$.b.c ? (@[*] > 10)'::jsonpath;
-- awaits: jsonb_path_query
select jsonb_path_query('{"a": 1, "b": {"c": [10, 20]}, "e": "x", "f": null, "g": -1.5, "t": "2024-02-29"}', '$.b.c ? (@[*] > 10)', '{"x": 5, "i": 1}');
-- awaits: jsonb_path_exists
select jsonb_path_exists('{"a": 1, "b": {"c": [10, 20]}, "e": "x", "f": null, "g": -1.5, "t": "2024-02-29"}', '$.b.c ? (@[*] > 10)', '{"x": 5, "i": 1}');
-- awaits: to be mended
select '$ ? (@.a == 1)'::jsonpath;
-- awaits: jsonb_path_query
select jsonb_path_query('{"a": 1, "b": {"c": [10, 20]}, "e": "x", "f": null, "g": -1.5, "t": "2024-02-29"}', '$ ? (@.a == 1)', '{"x": 5, "i": 1}');
-- awaits: jsonb_path_exists
select jsonb_path_exists('{"a": 1, "b": {"c": [10, 20]}, "e": "x", "f": null, "g": -1.5, "t": "2024-02-29"}', '$ ? (@.a == 1)', '{"x": 5, "i": 1}');
-- awaits: to be mended
select '$ ? (exists (@.b))'::jsonpath;
-- awaits: jsonb_path_query
select jsonb_path_query('{"a": 1, "b": {"c": [10, 20]}, "e": "x", "f": null, "g": -1.5, "t": "2024-02-29"}', '$ ? (exists (@.b))', '{"x": 5, "i": 1}');
-- awaits: jsonb_path_exists
select jsonb_path_exists('{"a": 1, "b": {"c": [10, 20]}, "e": "x", "f": null, "g": -1.5, "t": "2024-02-29"}', '$ ? (exists (@.b))', '{"x": 5, "i": 1}');
-- awaits: to be mended
select '$ ? (@.a == 1 && @.e == "x")'::jsonpath;
-- awaits: jsonb_path_query
select jsonb_path_query('{"a": 1, "b": {"c": [10, 20]}, "e": "x", "f": null, "g": -1.5, "t": "2024-02-29"}', '$ ? (@.a == 1 && @.e == "x")', '{"x": 5, "i": 1}');
-- awaits: jsonb_path_exists
select jsonb_path_exists('{"a": 1, "b": {"c": [10, 20]}, "e": "x", "f": null, "g": -1.5, "t": "2024-02-29"}', '$ ? (@.a == 1 && @.e == "x")', '{"x": 5, "i": 1}');
-- awaits: to be mended
select '$ ? (@.a == 2 || !(@.e == "y"))'::jsonpath;
-- awaits: jsonb_path_query
select jsonb_path_query('{"a": 1, "b": {"c": [10, 20]}, "e": "x", "f": null, "g": -1.5, "t": "2024-02-29"}', '$ ? (@.a == 2 || !(@.e == "y"))', '{"x": 5, "i": 1}');
-- awaits: jsonb_path_exists
select jsonb_path_exists('{"a": 1, "b": {"c": [10, 20]}, "e": "x", "f": null, "g": -1.5, "t": "2024-02-29"}', '$ ? (@.a == 2 || !(@.e == "y"))', '{"x": 5, "i": 1}');
-- awaits: to be mended
select '$.e ? (@ starts with "x")'::jsonpath;
-- awaits: jsonb_path_query
select jsonb_path_query('{"a": 1, "b": {"c": [10, 20]}, "e": "x", "f": null, "g": -1.5, "t": "2024-02-29"}', '$.e ? (@ starts with "x")', '{"x": 5, "i": 1}');
-- awaits: jsonb_path_exists
select jsonb_path_exists('{"a": 1, "b": {"c": [10, 20]}, "e": "x", "f": null, "g": -1.5, "t": "2024-02-29"}', '$.e ? (@ starts with "x")', '{"x": 5, "i": 1}');
-- awaits: to be mended
select '$.e ? (@ like_regex "^X$" flag "i")'::jsonpath;
-- awaits: jsonb_path_query
select jsonb_path_query('{"a": 1, "b": {"c": [10, 20]}, "e": "x", "f": null, "g": -1.5, "t": "2024-02-29"}', '$.e ? (@ like_regex "^X$" flag "i")', '{"x": 5, "i": 1}');
-- awaits: jsonb_path_exists
select jsonb_path_exists('{"a": 1, "b": {"c": [10, 20]}, "e": "x", "f": null, "g": -1.5, "t": "2024-02-29"}', '$.e ? (@ like_regex "^X$" flag "i")', '{"x": 5, "i": 1}');
-- awaits: to be mended
select '$.f ? (@ == null)'::jsonpath;
-- awaits: jsonb_path_query
select jsonb_path_query('{"a": 1, "b": {"c": [10, 20]}, "e": "x", "f": null, "g": -1.5, "t": "2024-02-29"}', '$.f ? (@ == null)', '{"x": 5, "i": 1}');
-- awaits: jsonb_path_exists
select jsonb_path_exists('{"a": 1, "b": {"c": [10, 20]}, "e": "x", "f": null, "g": -1.5, "t": "2024-02-29"}', '$.f ? (@ == null)', '{"x": 5, "i": 1}');
-- awaits: to be mended
select '$ ? ((@.a > "x") is unknown)'::jsonpath;
-- awaits: jsonb_path_query
select jsonb_path_query('{"a": 1, "b": {"c": [10, 20]}, "e": "x", "f": null, "g": -1.5, "t": "2024-02-29"}', '$ ? ((@.a > "x") is unknown)', '{"x": 5, "i": 1}');
-- awaits: jsonb_path_exists
select jsonb_path_exists('{"a": 1, "b": {"c": [10, 20]}, "e": "x", "f": null, "g": -1.5, "t": "2024-02-29"}', '$ ? ((@.a > "x") is unknown)', '{"x": 5, "i": 1}');
-- awaits: to be mended
select '$.a.type()'::jsonpath;
-- awaits: jsonb_path_query
select jsonb_path_query('{"a": 1, "b": {"c": [10, 20]}, "e": "x", "f": null, "g": -1.5, "t": "2024-02-29"}', '$.a.type()', '{"x": 5, "i": 1}');
-- awaits: jsonb_path_exists
select jsonb_path_exists('{"a": 1, "b": {"c": [10, 20]}, "e": "x", "f": null, "g": -1.5, "t": "2024-02-29"}', '$.a.type()', '{"x": 5, "i": 1}');
-- awaits: to be mended
select '$.b.c.size()'::jsonpath;
-- awaits: jsonb_path_query
select jsonb_path_query('{"a": 1, "b": {"c": [10, 20]}, "e": "x", "f": null, "g": -1.5, "t": "2024-02-29"}', '$.b.c.size()', '{"x": 5, "i": 1}');
-- awaits: jsonb_path_exists
select jsonb_path_exists('{"a": 1, "b": {"c": [10, 20]}, "e": "x", "f": null, "g": -1.5, "t": "2024-02-29"}', '$.b.c.size()', '{"x": 5, "i": 1}');
-- awaits: to be mended
select '$.a.size()'::jsonpath;
-- awaits: jsonb_path_query
select jsonb_path_query('{"a": 1, "b": {"c": [10, 20]}, "e": "x", "f": null, "g": -1.5, "t": "2024-02-29"}', '$.a.size()', '{"x": 5, "i": 1}');
-- awaits: jsonb_path_exists
select jsonb_path_exists('{"a": 1, "b": {"c": [10, 20]}, "e": "x", "f": null, "g": -1.5, "t": "2024-02-29"}', '$.a.size()', '{"x": 5, "i": 1}');
-- awaits: to be mended
select '$.a.double()'::jsonpath;
-- awaits: jsonb_path_query
select jsonb_path_query('{"a": 1, "b": {"c": [10, 20]}, "e": "x", "f": null, "g": -1.5, "t": "2024-02-29"}', '$.a.double()', '{"x": 5, "i": 1}');
-- awaits: jsonb_path_exists
select jsonb_path_exists('{"a": 1, "b": {"c": [10, 20]}, "e": "x", "f": null, "g": -1.5, "t": "2024-02-29"}', '$.a.double()', '{"x": 5, "i": 1}');
-- awaits: to be mended
select '$.e.double()'::jsonpath;
-- awaits: jsonb_path_query
select jsonb_path_query('{"a": 1, "b": {"c": [10, 20]}, "e": "x", "f": null, "g": -1.5, "t": "2024-02-29"}', '$.e.double()', '{"x": 5, "i": 1}');
-- awaits: jsonb_path_exists
select jsonb_path_exists('{"a": 1, "b": {"c": [10, 20]}, "e": "x", "f": null, "g": -1.5, "t": "2024-02-29"}', '$.e.double()', '{"x": 5, "i": 1}');
-- awaits: to be mended
select '$.g.floor()'::jsonpath;
-- awaits: jsonb_path_query
select jsonb_path_query('{"a": 1, "b": {"c": [10, 20]}, "e": "x", "f": null, "g": -1.5, "t": "2024-02-29"}', '$.g.floor()', '{"x": 5, "i": 1}');
-- awaits: jsonb_path_exists
select jsonb_path_exists('{"a": 1, "b": {"c": [10, 20]}, "e": "x", "f": null, "g": -1.5, "t": "2024-02-29"}', '$.g.floor()', '{"x": 5, "i": 1}');
-- awaits: to be mended
select '$.g.ceiling()'::jsonpath;
-- awaits: jsonb_path_query
select jsonb_path_query('{"a": 1, "b": {"c": [10, 20]}, "e": "x", "f": null, "g": -1.5, "t": "2024-02-29"}', '$.g.ceiling()', '{"x": 5, "i": 1}');
-- awaits: jsonb_path_exists
select jsonb_path_exists('{"a": 1, "b": {"c": [10, 20]}, "e": "x", "f": null, "g": -1.5, "t": "2024-02-29"}', '$.g.ceiling()', '{"x": 5, "i": 1}');
-- awaits: to be mended
select '$.g.abs()'::jsonpath;
-- awaits: jsonb_path_query
select jsonb_path_query('{"a": 1, "b": {"c": [10, 20]}, "e": "x", "f": null, "g": -1.5, "t": "2024-02-29"}', '$.g.abs()', '{"x": 5, "i": 1}');
-- awaits: jsonb_path_exists
select jsonb_path_exists('{"a": 1, "b": {"c": [10, 20]}, "e": "x", "f": null, "g": -1.5, "t": "2024-02-29"}', '$.g.abs()', '{"x": 5, "i": 1}');
select '$.keyvalue()'::jsonpath;
-- awaits: jsonb_path_query
select jsonb_path_query('{"a": 1, "b": {"c": [10, 20]}, "e": "x", "f": null, "g": -1.5, "t": "2024-02-29"}', '$.keyvalue()', '{"x": 5, "i": 1}');
-- awaits: jsonb_path_exists
select jsonb_path_exists('{"a": 1, "b": {"c": [10, 20]}, "e": "x", "f": null, "g": -1.5, "t": "2024-02-29"}', '$.keyvalue()', '{"x": 5, "i": 1}');
-- awaits: to be mended
select '$.b.keyvalue().key'::jsonpath;
-- awaits: jsonb_path_query
select jsonb_path_query('{"a": 1, "b": {"c": [10, 20]}, "e": "x", "f": null, "g": -1.5, "t": "2024-02-29"}', '$.b.keyvalue().key', '{"x": 5, "i": 1}');
-- awaits: jsonb_path_exists
select jsonb_path_exists('{"a": 1, "b": {"c": [10, 20]}, "e": "x", "f": null, "g": -1.5, "t": "2024-02-29"}', '$.b.keyvalue().key', '{"x": 5, "i": 1}');
select '"const"'::jsonpath;
-- awaits: jsonb_path_query
select jsonb_path_query('{"a": 1, "b": {"c": [10, 20]}, "e": "x", "f": null, "g": -1.5, "t": "2024-02-29"}', '"const"', '{"x": 5, "i": 1}');
-- awaits: jsonb_path_exists
select jsonb_path_exists('{"a": 1, "b": {"c": [10, 20]}, "e": "x", "f": null, "g": -1.5, "t": "2024-02-29"}', '"const"', '{"x": 5, "i": 1}');
-- awaits: to be mended
select '1 + 2 * 3'::jsonpath;
-- awaits: jsonb_path_query
select jsonb_path_query('{"a": 1, "b": {"c": [10, 20]}, "e": "x", "f": null, "g": -1.5, "t": "2024-02-29"}', '1 + 2 * 3', '{"x": 5, "i": 1}');
-- awaits: jsonb_path_exists
select jsonb_path_exists('{"a": 1, "b": {"c": [10, 20]}, "e": "x", "f": null, "g": -1.5, "t": "2024-02-29"}', '1 + 2 * 3', '{"x": 5, "i": 1}');
-- awaits: to be mended
select '$.a == 1'::jsonpath;
-- awaits: jsonb_path_query
select jsonb_path_query('{"a": 1, "b": {"c": [10, 20]}, "e": "x", "f": null, "g": -1.5, "t": "2024-02-29"}', '$.a == 1', '{"x": 5, "i": 1}');
-- awaits: jsonb_path_exists
select jsonb_path_exists('{"a": 1, "b": {"c": [10, 20]}, "e": "x", "f": null, "g": -1.5, "t": "2024-02-29"}', '$.a == 1', '{"x": 5, "i": 1}');
-- awaits: to be mended
select '$.a > 5'::jsonpath;
-- awaits: jsonb_path_query
select jsonb_path_query('{"a": 1, "b": {"c": [10, 20]}, "e": "x", "f": null, "g": -1.5, "t": "2024-02-29"}', '$.a > 5', '{"x": 5, "i": 1}');
-- awaits: jsonb_path_exists
select jsonb_path_exists('{"a": 1, "b": {"c": [10, 20]}, "e": "x", "f": null, "g": -1.5, "t": "2024-02-29"}', '$.a > 5', '{"x": 5, "i": 1}');
-- awaits: to be mended
select '$x'::jsonpath;
-- awaits: jsonb_path_query
select jsonb_path_query('{"a": 1, "b": {"c": [10, 20]}, "e": "x", "f": null, "g": -1.5, "t": "2024-02-29"}', '$x', '{"x": 5, "i": 1}');
-- awaits: jsonb_path_exists
select jsonb_path_exists('{"a": 1, "b": {"c": [10, 20]}, "e": "x", "f": null, "g": -1.5, "t": "2024-02-29"}', '$x', '{"x": 5, "i": 1}');
-- awaits: to be mended
select '$.b.c[$i]'::jsonpath;
-- awaits: jsonb_path_query
select jsonb_path_query('{"a": 1, "b": {"c": [10, 20]}, "e": "x", "f": null, "g": -1.5, "t": "2024-02-29"}', '$.b.c[$i]', '{"x": 5, "i": 1}');
-- awaits: jsonb_path_exists
select jsonb_path_exists('{"a": 1, "b": {"c": [10, 20]}, "e": "x", "f": null, "g": -1.5, "t": "2024-02-29"}', '$.b.c[$i]', '{"x": 5, "i": 1}');
-- awaits: to be mended
select '$.t.datetime()'::jsonpath;
-- awaits: jsonb_path_query
select jsonb_path_query('{"a": 1, "b": {"c": [10, 20]}, "e": "x", "f": null, "g": -1.5, "t": "2024-02-29"}', '$.t.datetime()', '{"x": 5, "i": 1}');
-- awaits: jsonb_path_exists
select jsonb_path_exists('{"a": 1, "b": {"c": [10, 20]}, "e": "x", "f": null, "g": -1.5, "t": "2024-02-29"}', '$.t.datetime()', '{"x": 5, "i": 1}');
-- awaits: to be mended
select '$.t.datetime().type()'::jsonpath;
-- awaits: jsonb_path_query
select jsonb_path_query('{"a": 1, "b": {"c": [10, 20]}, "e": "x", "f": null, "g": -1.5, "t": "2024-02-29"}', '$.t.datetime().type()', '{"x": 5, "i": 1}');
-- awaits: jsonb_path_exists
select jsonb_path_exists('{"a": 1, "b": {"c": [10, 20]}, "e": "x", "f": null, "g": -1.5, "t": "2024-02-29"}', '$.t.datetime().type()', '{"x": 5, "i": 1}');
-- awaits: to be mended
select 'lax $.b.c.d'::jsonpath;
-- awaits: jsonb_path_query
select jsonb_path_query('{"a": 1, "b": {"c": [10, 20]}, "e": "x", "f": null, "g": -1.5, "t": "2024-02-29"}', 'lax $.b.c.d', '{"x": 5, "i": 1}');
-- awaits: jsonb_path_exists
select jsonb_path_exists('{"a": 1, "b": {"c": [10, 20]}, "e": "x", "f": null, "g": -1.5, "t": "2024-02-29"}', 'lax $.b.c.d', '{"x": 5, "i": 1}');
-- awaits: to be mended
select 'strict $.b.c[5]'::jsonpath;
-- awaits: jsonb_path_query
select jsonb_path_query('{"a": 1, "b": {"c": [10, 20]}, "e": "x", "f": null, "g": -1.5, "t": "2024-02-29"}', 'strict $.b.c[5]', '{"x": 5, "i": 1}');
-- awaits: jsonb_path_exists
select jsonb_path_exists('{"a": 1, "b": {"c": [10, 20]}, "e": "x", "f": null, "g": -1.5, "t": "2024-02-29"}', 'strict $.b.c[5]', '{"x": 5, "i": 1}');
-- awaits: to be mended
select '$.b.c[-1]'::jsonpath;
-- awaits: jsonb_path_query
select jsonb_path_query('{"a": 1, "b": {"c": [10, 20]}, "e": "x", "f": null, "g": -1.5, "t": "2024-02-29"}', '$.b.c[-1]', '{"x": 5, "i": 1}');
-- awaits: jsonb_path_exists
select jsonb_path_exists('{"a": 1, "b": {"c": [10, 20]}, "e": "x", "f": null, "g": -1.5, "t": "2024-02-29"}', '$.b.c[-1]', '{"x": 5, "i": 1}');
select '$."a"'::jsonpath;
-- awaits: jsonb_path_query
select jsonb_path_query('{"a": 1, "b": {"c": [10, 20]}, "e": "x", "f": null, "g": -1.5, "t": "2024-02-29"}', '$."a"', '{"x": 5, "i": 1}');
-- awaits: jsonb_path_exists
select jsonb_path_exists('{"a": 1, "b": {"c": [10, 20]}, "e": "x", "f": null, "g": -1.5, "t": "2024-02-29"}', '$."a"', '{"x": 5, "i": 1}');
-- awaits: to be mended
select '$.a[0]'::jsonpath;
-- awaits: jsonb_path_query
select jsonb_path_query('{"a": 1, "b": {"c": [10, 20]}, "e": "x", "f": null, "g": -1.5, "t": "2024-02-29"}', '$.a[0]', '{"x": 5, "i": 1}');
-- awaits: jsonb_path_exists
select jsonb_path_exists('{"a": 1, "b": {"c": [10, 20]}, "e": "x", "f": null, "g": -1.5, "t": "2024-02-29"}', '$.a[0]', '{"x": 5, "i": 1}');
-- awaits: to be mended
select '$[*].a'::jsonpath;
-- awaits: jsonb_path_query
select jsonb_path_query('{"a": 1, "b": {"c": [10, 20]}, "e": "x", "f": null, "g": -1.5, "t": "2024-02-29"}', '$[*].a', '{"x": 5, "i": 1}');
-- awaits: jsonb_path_exists
select jsonb_path_exists('{"a": 1, "b": {"c": [10, 20]}, "e": "x", "f": null, "g": -1.5, "t": "2024-02-29"}', '$[*].a', '{"x": 5, "i": 1}');
-- awaits: jsonb_path_match
select jsonb_path_match('{"a": 1, "b": {"c": [10, 20]}, "e": "x", "f": null, "g": -1.5, "t": "2024-02-29"}', '$.a == 1');
-- awaits: jsonb
select '{"a": 1, "b": {"c": [10, 20]}, "e": "x", "f": null, "g": -1.5, "t": "2024-02-29"}'::jsonb @@ '$.a == 1', '{"a": 1, "b": {"c": [10, 20]}, "e": "x", "f": null, "g": -1.5, "t": "2024-02-29"}'::jsonb @? '$.a == 1';
-- awaits: jsonb_path_match
select jsonb_path_match('{"a": 1, "b": {"c": [10, 20]}, "e": "x", "f": null, "g": -1.5, "t": "2024-02-29"}', '$.a == 1', '{}', true);
-- awaits: jsonb_path_match
select jsonb_path_match('{"a": 1, "b": {"c": [10, 20]}, "e": "x", "f": null, "g": -1.5, "t": "2024-02-29"}', '$.a > 5');
-- awaits: jsonb
select '{"a": 1, "b": {"c": [10, 20]}, "e": "x", "f": null, "g": -1.5, "t": "2024-02-29"}'::jsonb @@ '$.a > 5', '{"a": 1, "b": {"c": [10, 20]}, "e": "x", "f": null, "g": -1.5, "t": "2024-02-29"}'::jsonb @? '$.a > 5';
-- awaits: jsonb_path_match
select jsonb_path_match('{"a": 1, "b": {"c": [10, 20]}, "e": "x", "f": null, "g": -1.5, "t": "2024-02-29"}', '$.a > 5', '{}', true);
-- awaits: jsonb_path_match
select jsonb_path_match('{"a": 1, "b": {"c": [10, 20]}, "e": "x", "f": null, "g": -1.5, "t": "2024-02-29"}', '$.zz == 1');
-- awaits: jsonb
select '{"a": 1, "b": {"c": [10, 20]}, "e": "x", "f": null, "g": -1.5, "t": "2024-02-29"}'::jsonb @@ '$.zz == 1', '{"a": 1, "b": {"c": [10, 20]}, "e": "x", "f": null, "g": -1.5, "t": "2024-02-29"}'::jsonb @? '$.zz == 1';
-- awaits: jsonb_path_match
select jsonb_path_match('{"a": 1, "b": {"c": [10, 20]}, "e": "x", "f": null, "g": -1.5, "t": "2024-02-29"}', '$.zz == 1', '{}', true);
-- awaits: jsonb_path_match
select jsonb_path_match('{"a": 1, "b": {"c": [10, 20]}, "e": "x", "f": null, "g": -1.5, "t": "2024-02-29"}', '$.a');
-- awaits: jsonb
select '{"a": 1, "b": {"c": [10, 20]}, "e": "x", "f": null, "g": -1.5, "t": "2024-02-29"}'::jsonb @@ '$.a', '{"a": 1, "b": {"c": [10, 20]}, "e": "x", "f": null, "g": -1.5, "t": "2024-02-29"}'::jsonb @? '$.a';
-- awaits: jsonb_path_match
select jsonb_path_match('{"a": 1, "b": {"c": [10, 20]}, "e": "x", "f": null, "g": -1.5, "t": "2024-02-29"}', '$.a', '{}', true);
-- awaits: jsonb_path_match
select jsonb_path_match('{"a": 1, "b": {"c": [10, 20]}, "e": "x", "f": null, "g": -1.5, "t": "2024-02-29"}', 'strict $.zz == 1');
-- awaits: jsonb
select '{"a": 1, "b": {"c": [10, 20]}, "e": "x", "f": null, "g": -1.5, "t": "2024-02-29"}'::jsonb @@ 'strict $.zz == 1', '{"a": 1, "b": {"c": [10, 20]}, "e": "x", "f": null, "g": -1.5, "t": "2024-02-29"}'::jsonb @? 'strict $.zz == 1';
-- awaits: jsonb_path_match
select jsonb_path_match('{"a": 1, "b": {"c": [10, 20]}, "e": "x", "f": null, "g": -1.5, "t": "2024-02-29"}', 'strict $.zz == 1', '{}', true);
-- awaits: jsonb_path_match
select jsonb_path_match('{"a": 1, "b": {"c": [10, 20]}, "e": "x", "f": null, "g": -1.5, "t": "2024-02-29"}', '$.e == 1');
-- awaits: jsonb
select '{"a": 1, "b": {"c": [10, 20]}, "e": "x", "f": null, "g": -1.5, "t": "2024-02-29"}'::jsonb @@ '$.e == 1', '{"a": 1, "b": {"c": [10, 20]}, "e": "x", "f": null, "g": -1.5, "t": "2024-02-29"}'::jsonb @? '$.e == 1';
-- awaits: jsonb_path_match
select jsonb_path_match('{"a": 1, "b": {"c": [10, 20]}, "e": "x", "f": null, "g": -1.5, "t": "2024-02-29"}', '$.e == 1', '{}', true);
-- awaits: jsonb_path_match
select jsonb_path_match('{"a": 1, "b": {"c": [10, 20]}, "e": "x", "f": null, "g": -1.5, "t": "2024-02-29"}', '$.b.c[*] > 15');
-- awaits: jsonb
select '{"a": 1, "b": {"c": [10, 20]}, "e": "x", "f": null, "g": -1.5, "t": "2024-02-29"}'::jsonb @@ '$.b.c[*] > 15', '{"a": 1, "b": {"c": [10, 20]}, "e": "x", "f": null, "g": -1.5, "t": "2024-02-29"}'::jsonb @? '$.b.c[*] > 15';
-- awaits: jsonb_path_match
select jsonb_path_match('{"a": 1, "b": {"c": [10, 20]}, "e": "x", "f": null, "g": -1.5, "t": "2024-02-29"}', '$.b.c[*] > 15', '{}', true);
-- awaits: to be mended
select ''::jsonpath;
-- awaits: to be mended
select '$.'::jsonpath;
-- awaits: to be mended
select '$['::jsonpath;
-- awaits: to be mended
select '$.a b'::jsonpath;
-- awaits: to be mended
select '@'::jsonpath;
-- awaits: to be mended
select '$ ? ('::jsonpath;
-- awaits: to be mended
select '$.a ? @'::jsonpath;
-- awaits: to be mended
select 'last'::jsonpath;
-- awaits: to be mended
select '$.a.nope()'::jsonpath;
-- awaits: to be mended
select '$ ? (@ like_regex "(")'::jsonpath;
-- awaits: to be mended
select '$.a =='::jsonpath;
-- awaits: to be mended
select '1.'::jsonpath;
-- awaits: to be mended
select '"x'::jsonpath;
-- awaits: to be mended
select '$$'::jsonpath;
-- awaits: to be mended
select 'lax'::jsonpath;
-- awaits: to be mended
select '$.**{a}'::jsonpath;
-- awaits: to be mended
select '$.a.double(1)'::jsonpath;
-- awaits: jsonb_path_query_array
select jsonb_path_query_array('{"a": 1, "b": {"c": [10, 20]}, "e": "x", "f": null, "g": -1.5, "t": "2024-02-29"}', '$.b.c[*]'), jsonb_path_query_first('{"a": 1, "b": {"c": [10, 20]}, "e": "x", "f": null, "g": -1.5, "t": "2024-02-29"}', '$.b.c[*]'), jsonb_path_query_first('{"a": 1, "b": {"c": [10, 20]}, "e": "x", "f": null, "g": -1.5, "t": "2024-02-29"}', '$.zz'), jsonb_path_query_array('{"a": 1, "b": {"c": [10, 20]}, "e": "x", "f": null, "g": -1.5, "t": "2024-02-29"}', '$.zz');
-- awaits: jsonb_path_query
select * from jsonb_path_query('[1, 2, 3]', '$[*] ? (@ > $min)', '{"min": 1}');
-- awaits: jsonb_path_query
select jsonb_path_query('{}', 'strict $.a', silent => true);
-- awaits: jsonb_path_query
select jsonb_path_query('{}', '$x');
-- awaits: jsonb_path_query
select jsonb_path_query('{}', '$', '1');
-- awaits: jsonb_path_exists_tz
select jsonb_path_exists_tz('"2024-01-01 12:00:00+00"', '$.datetime() > "2024-01-01".datetime()');
-- awaits: jsonb_path_query
select jsonb_path_query('["2024-01-01", "12:34:56", "2024-01-01 12:34:56"]', '$[*].datetime().type()');
-- awaits: jsonb_path_query
select jsonb_path_query('"10-03-2017"', '$.datetime("dd-mm-yyyy")');
-- awaits: jsonb_path_query
select jsonb_path_query('[[1,2],[3]]', '$[*][*]'), jsonb_path_query('[[1,2],[3]]', 'lax $[*] ? (@ > 2)');
