-- Functions and operators of strings (manual, section 9.4), with empty, multibyte, padded and missing values.

-- length
select length(''), length('a'), length('Hello World'), length('é𝄞ß'), length('  pad  '), length(null);
select length('ab'::char(5)), pg_typeof(length('ab'::char(5)));
select length('ab'::varchar);
select length('ab'::name);
select length(12);
select length('a', 'b', 'c');

-- char_length
select char_length(''), char_length('a'), char_length('Hello World'), char_length('é𝄞ß'), char_length('  pad  '), char_length(null);
select char_length('ab'::char(5)), pg_typeof(char_length('ab'::char(5)));
select char_length('ab'::varchar);
select char_length('ab'::name);
select char_length(12);
select char_length('a', 'b', 'c');

-- character_length
select character_length(''), character_length('a'), character_length('Hello World'), character_length('é𝄞ß'), character_length('  pad  '), character_length(null);
select character_length('ab'::char(5)), pg_typeof(character_length('ab'::char(5)));
select character_length('ab'::varchar);
select character_length('ab'::name);
select character_length(12);
select character_length('a', 'b', 'c');

-- octet_length
select octet_length(''), octet_length('a'), octet_length('Hello World'), octet_length('é𝄞ß'), octet_length('  pad  '), octet_length(null);
select octet_length('ab'::char(5)), pg_typeof(octet_length('ab'::char(5)));
select octet_length('ab'::varchar);
select octet_length('ab'::name);
select octet_length(12);
select octet_length('a', 'b', 'c');

-- bit_length
select bit_length(''), bit_length('a'), bit_length('Hello World'), bit_length('é𝄞ß'), bit_length('  pad  '), bit_length(null);
select bit_length('ab'::char(5)), pg_typeof(bit_length('ab'::char(5)));
select bit_length('ab'::varchar);
select bit_length('ab'::name);
select bit_length(12);
select bit_length('a', 'b', 'c');

-- lower
select lower(''), lower('a'), lower('Hello World'), lower('é𝄞ß'), lower('  pad  '), lower(null);
select lower('ab'::char(5)), pg_typeof(lower('ab'::char(5)));
select lower('ab'::varchar);
select lower('ab'::name);
select lower(12);
select lower('a', 'b', 'c');

-- upper
-- awaits: what docs/sql.md lists under "Not yet as PostgreSQL has it"
select upper(''), upper('a'), upper('Hello World'), upper('é𝄞ß'), upper('  pad  '), upper(null);
select upper('ab'::char(5)), pg_typeof(upper('ab'::char(5)));
select upper('ab'::varchar);
select upper('ab'::name);
select upper(12);
select upper('a', 'b', 'c');

-- initcap
-- awaits: what docs/sql.md lists under "Not yet as PostgreSQL has it"
select initcap(''), initcap('a'), initcap('Hello World'), initcap('é𝄞ß'), initcap('  pad  '), initcap(null);
select initcap('ab'::char(5)), pg_typeof(initcap('ab'::char(5)));
select initcap('ab'::varchar);
select initcap('ab'::name);
select initcap(12);
select initcap('a', 'b', 'c');

-- reverse
select reverse(''), reverse('a'), reverse('Hello World'), reverse('é𝄞ß'), reverse('  pad  '), reverse(null);
select reverse('ab'::char(5)), pg_typeof(reverse('ab'::char(5)));
select reverse('ab'::varchar);
select reverse('ab'::name);
select reverse(12);
select reverse('a', 'b', 'c');

-- ascii
select ascii(''), ascii('a'), ascii('Hello World'), ascii('é𝄞ß'), ascii('  pad  '), ascii(null);
select ascii('ab'::char(5)), pg_typeof(ascii('ab'::char(5)));
select ascii('ab'::varchar);
select ascii('ab'::name);
select ascii(12);
select ascii('a', 'b', 'c');

-- md5
select md5(''), md5('a'), md5('Hello World'), md5('é𝄞ß'), md5('  pad  '), md5(null);
select md5('ab'::char(5)), pg_typeof(md5('ab'::char(5)));
select md5('ab'::varchar);
select md5('ab'::name);
select md5(12);
select md5('a', 'b', 'c');

-- quote_literal
select quote_literal(''), quote_literal('a'), quote_literal('Hello World'), quote_literal('é𝄞ß'), quote_literal('  pad  '), quote_literal(null);
select quote_literal('ab'::char(5)), pg_typeof(quote_literal('ab'::char(5)));
select quote_literal('ab'::varchar);
select quote_literal('ab'::name);
select quote_literal(12);
select quote_literal('a', 'b', 'c');

-- quote_ident
select quote_ident(''), quote_ident('a'), quote_ident('Hello World'), quote_ident('é𝄞ß'), quote_ident('  pad  '), quote_ident(null);
select quote_ident('ab'::char(5)), pg_typeof(quote_ident('ab'::char(5)));
select quote_ident('ab'::varchar);
select quote_ident('ab'::name);
select quote_ident(12);
select quote_ident('a', 'b', 'c');

-- quote_nullable
select quote_nullable(''), quote_nullable('a'), quote_nullable('Hello World'), quote_nullable('é𝄞ß'), quote_nullable('  pad  '), quote_nullable(null);
select quote_nullable('ab'::char(5)), pg_typeof(quote_nullable('ab'::char(5)));
select quote_nullable('ab'::varchar);
select quote_nullable('ab'::name);
select quote_nullable(12);
select quote_nullable('a', 'b', 'c');

-- btrim
select btrim(''), btrim('a'), btrim('Hello World'), btrim('é𝄞ß'), btrim('  pad  '), btrim(null);
select btrim('ab'::char(5)), pg_typeof(btrim('ab'::char(5)));
select btrim('ab'::varchar);
select btrim('ab'::name);
select btrim(12);
select btrim('a', 'b', 'c');

-- ltrim
select ltrim(''), ltrim('a'), ltrim('Hello World'), ltrim('é𝄞ß'), ltrim('  pad  '), ltrim(null);
select ltrim('ab'::char(5)), pg_typeof(ltrim('ab'::char(5)));
select ltrim('ab'::varchar);
select ltrim('ab'::name);
select ltrim(12);
select ltrim('a', 'b', 'c');

-- rtrim
select rtrim(''), rtrim('a'), rtrim('Hello World'), rtrim('é𝄞ß'), rtrim('  pad  '), rtrim(null);
select rtrim('ab'::char(5)), pg_typeof(rtrim('ab'::char(5)));
select rtrim('ab'::varchar);
select rtrim('ab'::name);
select rtrim(12);
select rtrim('a', 'b', 'c');

-- substring, left, right, overlay
select substring('Thomas' from 1 for 3), substr('é𝄞ßabc', 1, 3);
select substring('Thomas' from 0 for 3), substr('é𝄞ßabc', 0, 3);
select substring('Thomas' from -2 for 5), substr('é𝄞ßabc', -2, 5);
select substring('Thomas' from 2 for 0), substr('é𝄞ßabc', 2, 0);
select substring('Thomas' from 3 for 100), substr('é𝄞ßabc', 3, 100);
select substring('Thomas' from 100 for 1), substr('é𝄞ßabc', 100, 1);
select substring('Thomas' from 2147483647 for 1), substr('é𝄞ßabc', 2147483647, 1);
select substring('Thomas' from -2147483648 for 2147483647), substr('é𝄞ßabc', -2147483648, 2147483647);
select substring('Thomas' from 2), substring('Thomas' for 2), substr('Thomas', 3);
select substring('Thomas' from 2 for -1);
select substr('Thomas', 1, -5);
select substring('Thomas' from '...$'), substring('Thomas' from 'o(.)a'), substring('Thomas' from 'x');
select substring('Thomas' similar '%#"o_a#"_' escape '#');
select substring('Thomas' from '%#"o_a#"_' for '#');
select substring(12345 from 2);
select substring('\x0102030405'::bytea from 2 for 2), substring('\x010203'::bytea for 2);
select substring('\x0102'::bytea from 1 for -1);
select left('é𝄞abc', 0), right('é𝄞abc', 0);
select left('é𝄞abc', 1), right('é𝄞abc', 1);
select left('é𝄞abc', 3), right('é𝄞abc', 3);
select left('é𝄞abc', 10), right('é𝄞abc', 10);
select left('é𝄞abc', -1), right('é𝄞abc', -1);
select left('é𝄞abc', -3), right('é𝄞abc', -3);
select left('é𝄞abc', -10), right('é𝄞abc', -10);
select left(null, 1), right('abc', null);
select overlay('Txxxxas' placing 'hom' from 2 for 4), overlay('abcdef' placing 'ZZ' from 3), overlay('abc' placing '' from 2 for 1);
select overlay('abc' placing 'x' from 0);
select overlay('abc' placing 'x' from 10 for 5);
select overlay('abc' placing 'x' from 2 for -1);
select overlay('\x0102030405'::bytea placing '\xffff' from 2 for 3);

-- padding and repetition
select lpad('hi', 5);
select lpad('hi', 5, 'xy');
select lpad('hello', 3);
select lpad('hi', 0);
select lpad('hi', -1);
select lpad('hi', 5, '');
select lpad('é', 4, '𝄞');
select lpad(null, 5);
select lpad('hi', null);
select lpad(12, 5);
select lpad('hi', 2000000000);
select rpad('hi', 5);
select rpad('hi', 5, 'xy');
select rpad('hello', 3);
select rpad('hi', 0);
select rpad('hi', -1);
select rpad('hi', 5, '');
select rpad('é', 4, '𝄞');
select rpad(null, 5);
select rpad('hi', null);
select rpad(12, 5);
select rpad('hi', 2000000000);
select repeat('ab', 3);
select repeat('ab', 0);
select repeat('ab', -1);
select repeat('', 100);
select repeat('é', 2);
select repeat(null, 2);
select repeat('ab', 2000000000);

-- trim
select trim('  a  '), trim(both from '  a  '), trim(leading from '  a '), trim(trailing from ' a  ');
select trim(both 'x' from 'xxaxx'), trim('xy' from 'xyaYx'), trim(leading 'xy' from 'yxyaxy'), trim(both '' from 'aa');
select trim('xxaxx', 'x'), btrim('xyaxy', 'yx'), ltrim('zzzytest', 'xyz'), rtrim('testxxzx', 'xyz');
select trim(both from E'\t a \n');
select trim('é' from 'éaé');
select trim(both '\x01'::bytea from '\x01020301'::bytea), ltrim('\x0102'::bytea, '\x01'::bytea), rtrim('\x0102'::bytea, '\x02'::bytea);
select trim(null), trim('a' from null);
select trim(5);

-- searching
select position('om' in 'Thomas'), position('' in 'abc'), position('z' in 'abc'), position('ß' in 'é𝄞ß'), position('a' in '');
select strpos('high', 'ig'), strpos('high', ''), strpos('', 'a'), strpos('aaa', 'aa');
select position('\x02'::bytea in '\x0102'::bytea);
select position(1 in 'a1');
select starts_with('alphabet', 'alph'), starts_with('a', ''), starts_with('', 'a'), 'alphabet' ^@ 'alp', null ^@ 'a';
select split_part('a,b,c', ',', 1), split_part('a,b,c', ',', 3), split_part('a,b,c', ',', 4), split_part('a,b,c', ',', -1), split_part('a,b,c', ',', -4), split_part('abc', '', 1), split_part('', ',', 1), split_part('a--b', '--', 2);
select split_part('a,b', ',', 0);
select string_to_array('a,b,,c', ','), string_to_array('a,b', ''), string_to_array('abc', null), string_to_array('', ','), string_to_array('a,x,b', ',', 'x'), string_to_array(null, ',');
select * from string_to_table('a,b,,c', ',');
select * from string_to_table('a,x,b', ',', 'x') with ordinality;
select array_to_string(array[1, null, 3], ','), array_to_string(array[1, null, 3], ',', '*'), array_to_string('{}'::int[], ','), array_to_string(array[[1,2],[3,4]], '-');

-- replacing
select replace('abcabc', 'b', 'XX'), replace('aaa', 'aa', 'b'), replace('abc', '', 'x'), replace('abc', 'z', 'x'), replace('', 'a', 'b'), replace('éa', 'é', 'e');
select translate('12345', '143', 'ax'), translate('abc', '', 'x'), translate('abcabc', 'aa', 'xy'), translate('éa', 'é', '𝄞');
select replace('abc', 'b', null);
select regexp_replace('foobarbaz', 'b..', 'X'), regexp_replace('foobarbaz', 'b..', 'X', 'g'), regexp_replace('foobarbaz', 'b(..)', 'X\1Y', 'g'), regexp_replace('foo', '(o)', '[\&]', 'g');
select regexp_replace('A PostgreSQL function', 'a|e|i|o|u', 'X', 1, 4, 'i'), regexp_replace('A PostgreSQL function', 'a|e|i|o|u', 'X', 1, 0, 'i'), regexp_replace('aaa', 'a', 'b', 2);
select regexp_replace('a', 'a', 'b', 0);
select regexp_replace('a', 'a', 'b', 1, -1);
select regexp_replace('a', 'a', 'b', 'q');
select regexp_replace('a', 'a', 'b', 'z');
select regexp_replace('a', '(', 'b');

-- concatenation and format
select 'a' || 'b', 'a' || 1, 1 || 'a', 'a' || null, 'a' || true, 'x' || 1.50, 'd' || '2024-01-01'::date;
select true || false;
select 'a'::char(3) || 'b', pg_typeof('a'::char(3) || 'b'), pg_typeof('a'::varchar || 'b'), 'a'::name || 'b';
select concat('a', null, 1, true, 2.50, '2024-01-01'::date, array[1]), concat(), concat(null);
select concat_ws(',', 'a', null, 'b', 1), concat_ws(',', null), concat_ws(null, 'a'), concat_ws('', 'a', 'b');
select concat(variadic array['a', null, 'b']), concat_ws('-', variadic array[1, 2]);
select concat_ws();
select format('Hello %s', 'World'), format('%s %s', 1, null), format('%%'), format('no');
select format('%I', 'foo bar'), format('%I', 'foo'), format('%L', 'O''Reilly'), format('%L', null), format('%s', null), format('%L', E'a\\b');
select format('%1$s %2$s %1$s', 'a', 'b'), format('%3$s', 1, 2, 3), format('%s %1$s %s', 'x', 'y');
select format('|%10s|', 'foo'), format('|%-10s|', 'foo'), format('|%*s|', 10, 'foo'), format('|%*s|', -10, 'foo'), format('|%-*s|', 10, 'foo'), format('|%2$*1$s|', 6, 'x');
select format('%I', null);
select format('%s');
select format('%x', 1);
select format('%');
select format('%0$s', 1);
select format('%5$s', 1);
select format(null, 1);
select format('%s', variadic array[1, 2]);
select format('%s %s', variadic array['a', 'b']);

-- codes and encodings
select chr(65), chr(233), chr(119070);
select chr(0);
select chr(-1);
select chr(1114112);
select chr(55296);
select ascii('é'), ascii('𝄞'), ascii('');
select encode('\x00ff10', 'hex'), encode('\x00ff10', 'base64'), encode('\x00ff5c41', 'escape'), encode('', 'hex');
select decode('00FF10', 'hex'), decode('AP8Q', 'base64'), decode('a\\\\b\\001', 'escape'), decode('00 ff', 'hex');
select decode('0', 'hex');
select decode('zz', 'hex');
select decode('A', 'base64');
select decode('A*==', 'base64');
select decode('\x', 'escape');
select encode('a', 'rot13');
select decode('a', 'base32');
select encode('xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx'::bytea, 'base64');
select convert_from('\xc3a9', 'UTF8'), convert_to('é', 'UTF8');
select convert_from('\xff', 'UTF8');
select convert_from('\x41', 'nope');
select length('\xc3a9'::bytea), length('\xc3a9'::bytea, 'UTF8');
select normalize('é'), normalize('é', nfd) = 'é', 'é' is normalized, 'é' is nfd normalized, normalize('ﬁ', nfkc);
select normalize('a', nfx);
select unistr('\0441\+01F600'), unistr('d\u0061t\U00000061');
select unistr('\xyz');
select U&'\0441\+01F600', U&'d!0061t!+000061' uescape '!';
select U&'\zzzz';
select E'a\tb\n\\\'\x41\101\u00e9\U0001F600';
select E'\u00';
select e'\xff';
select E'\0';
select 'a' 'b';
select 'a'
'b';
select $$it's$$, $q$a $$ b$q$;
select b'101'::text;
select x'1F'::int;
select N'abc', pg_typeof(N'abc');

-- digests
select md5(''), md5('a'), md5('é'), md5('\x61'::bytea);
select sha224('a'), sha256('a');
select sha384('a'), sha512('');
select md5(5);
select sha256(5);

-- quoting
select quote_ident('Foo'), quote_ident('select'), quote_ident('a b'), quote_ident('a"b'), quote_ident('a1_'), quote_ident('1a'), quote_ident(''), quote_ident('é'), quote_ident('user'), quote_ident('abs');
select quote_literal('a''b'), quote_literal(E'a\\b'), quote_literal(1.5), quote_literal(null), quote_nullable(null), quote_literal(true);
select parse_ident('a.b."C d"'), parse_ident('FOO');
select parse_ident('a b');
select parse_ident('a b', false);

-- types of strings
select 'abc'::varchar(2), 'abc'::char(2), 'abc'::char(5) || '|', 'a'::char, 'ab'::char;
select 'ab   '::char(3) = 'ab', 'ab   '::varchar = 'ab', 'ab'::char(5) = 'ab'::text, length('ab   '::char(10)), octet_length('ab'::char(5));
select 'a'::varchar(0);
select 'a'::char(0);
select 'a'::varchar(10485761);
select 'a'::varchar(-1);
select 'a'::text(3);
select 'abc'::name, pg_typeof('a'::name), length('x'::name);
select 'nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn'::name;
select 'abc'::"char", ''::"char", pg_typeof('a'::"char"), 'é'::"char";
create table s (v varchar(3), c char(3), t text);
insert into s values ('abcd', '', '');
insert into s values ('abc  ', 'ab   ', 'x') returning *, length(v), length(c), octet_length(c);
insert into s values ('', 'abcd', '');
insert into s values ('abcd'::varchar(3), 'abcd'::char(3), '');
select * from s where c = 'ab';
select * from s where c = 'ab ';
select v || '|', c || '|', concat(c, '|') from s;
select c like 'ab', c like 'ab ', c ~ '^ab$', c::text like 'ab' from s;
select cast(c as varchar) || '|', c::text || '|' from s;
select 'a' collate "C" < 'B' collate "C";
select 'a' collate "C" < 'B';
select 'a' collate nope;
select 5 collate "C";
select v from s order by v collate "C";
select 'é' < 'z', 'a' < 'B', 'Z' < 'a', '' < 'a', 'a' < 'aa', '𝄞' > 'é';

-- values that are nothing but what fills them up
create table blanks (a char(1), b char(84), c char(255), d char(256), e char(300));
insert into blanks values ('', '', '', '', ''), (' ', '   ', ' ', '  ', ' '), ('x', ' x', '', repeat(' ', 256), 'é');
select octet_length(a), octet_length(b), octet_length(c), octet_length(d), octet_length(e), length(b), a = '', e = ' ' from blanks;
select count(*) from blanks where b = '' and c = '' and d = '' and e = '';
select b || '|', c::text || '|', d::text || '|' from blanks;
