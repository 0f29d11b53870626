-- Functions of numbers (manual, section 9.3): each over its types and to the edges of what it takes.

-- abs
select abs(0::numeric), abs(1::numeric), abs(-1::numeric), abs(2.5::numeric), abs(-2.5::numeric), abs(3.5::numeric), abs(0.5::numeric), abs(-0.5::numeric), abs(1e10::numeric), abs(-123.456::numeric);
select abs(0::float8), abs(1::float8), abs(-1::float8), abs(2.5::float8), abs(-2.5::float8), abs(3.5::float8), abs(0.5::float8), abs(-0.5::float8), abs(1e10::float8), abs(-123.456::float8);
select abs('NaN'::numeric), abs('Infinity'::numeric), abs('-Infinity'::numeric);
select abs('NaN'::float8), abs('Infinity'::float8), abs('-Infinity'::float8);
select abs(5), pg_typeof(abs(5)), pg_typeof(abs(5::smallint)), pg_typeof(abs(5::bigint)), pg_typeof(abs(5::float4));
select abs('7.5');
select abs('x');
select abs(null);
select abs(true);

-- ceil
select ceil(0::numeric), ceil(1::numeric), ceil(-1::numeric), ceil(2.5::numeric), ceil(-2.5::numeric), ceil(3.5::numeric), ceil(0.5::numeric), ceil(-0.5::numeric), ceil(1e10::numeric), ceil(-123.456::numeric);
select ceil(0::float8), ceil(1::float8), ceil(-1::float8), ceil(2.5::float8), ceil(-2.5::float8), ceil(3.5::float8), ceil(0.5::float8), ceil(-0.5::float8), ceil(1e10::float8), ceil(-123.456::float8);
select ceil('NaN'::numeric), ceil('Infinity'::numeric), ceil('-Infinity'::numeric);
select ceil('NaN'::float8), ceil('Infinity'::float8), ceil('-Infinity'::float8);
select ceil(5), pg_typeof(ceil(5)), pg_typeof(ceil(5::smallint)), pg_typeof(ceil(5::bigint)), pg_typeof(ceil(5::float4));
select ceil('7.5');
select ceil('x');
select ceil(null);
select ceil(true);

-- ceiling
select ceiling(0::numeric), ceiling(1::numeric), ceiling(-1::numeric), ceiling(2.5::numeric), ceiling(-2.5::numeric), ceiling(3.5::numeric), ceiling(0.5::numeric), ceiling(-0.5::numeric), ceiling(1e10::numeric), ceiling(-123.456::numeric);
select ceiling(0::float8), ceiling(1::float8), ceiling(-1::float8), ceiling(2.5::float8), ceiling(-2.5::float8), ceiling(3.5::float8), ceiling(0.5::float8), ceiling(-0.5::float8), ceiling(1e10::float8), ceiling(-123.456::float8);
select ceiling('NaN'::numeric), ceiling('Infinity'::numeric), ceiling('-Infinity'::numeric);
select ceiling('NaN'::float8), ceiling('Infinity'::float8), ceiling('-Infinity'::float8);
select ceiling(5), pg_typeof(ceiling(5)), pg_typeof(ceiling(5::smallint)), pg_typeof(ceiling(5::bigint)), pg_typeof(ceiling(5::float4));
select ceiling('7.5');
select ceiling('x');
select ceiling(null);
select ceiling(true);

-- floor
select floor(0::numeric), floor(1::numeric), floor(-1::numeric), floor(2.5::numeric), floor(-2.5::numeric), floor(3.5::numeric), floor(0.5::numeric), floor(-0.5::numeric), floor(1e10::numeric), floor(-123.456::numeric);
select floor(0::float8), floor(1::float8), floor(-1::float8), floor(2.5::float8), floor(-2.5::float8), floor(3.5::float8), floor(0.5::float8), floor(-0.5::float8), floor(1e10::float8), floor(-123.456::float8);
select floor('NaN'::numeric), floor('Infinity'::numeric), floor('-Infinity'::numeric);
select floor('NaN'::float8), floor('Infinity'::float8), floor('-Infinity'::float8);
select floor(5), pg_typeof(floor(5)), pg_typeof(floor(5::smallint)), pg_typeof(floor(5::bigint)), pg_typeof(floor(5::float4));
select floor('7.5');
select floor('x');
select floor(null);
select floor(true);

-- round
select round(0::numeric), round(1::numeric), round(-1::numeric), round(2.5::numeric), round(-2.5::numeric), round(3.5::numeric), round(0.5::numeric), round(-0.5::numeric), round(1e10::numeric), round(-123.456::numeric);
select round(0::float8), round(1::float8), round(-1::float8), round(2.5::float8), round(-2.5::float8), round(3.5::float8), round(0.5::float8), round(-0.5::float8), round(1e10::float8), round(-123.456::float8);
select round('NaN'::numeric), round('Infinity'::numeric), round('-Infinity'::numeric);
select round('NaN'::float8), round('Infinity'::float8), round('-Infinity'::float8);
select round(5), pg_typeof(round(5)), pg_typeof(round(5::smallint)), pg_typeof(round(5::bigint)), pg_typeof(round(5::float4));
select round('7.5');
select round('x');
select round(null);
select round(true);

-- trunc
select trunc(0::numeric), trunc(1::numeric), trunc(-1::numeric), trunc(2.5::numeric), trunc(-2.5::numeric), trunc(3.5::numeric), trunc(0.5::numeric), trunc(-0.5::numeric), trunc(1e10::numeric), trunc(-123.456::numeric);
select trunc(0::float8), trunc(1::float8), trunc(-1::float8), trunc(2.5::float8), trunc(-2.5::float8), trunc(3.5::float8), trunc(0.5::float8), trunc(-0.5::float8), trunc(1e10::float8), trunc(-123.456::float8);
select trunc('NaN'::numeric), trunc('Infinity'::numeric), trunc('-Infinity'::numeric);
select trunc('NaN'::float8), trunc('Infinity'::float8), trunc('-Infinity'::float8);
select trunc(5), pg_typeof(trunc(5)), pg_typeof(trunc(5::smallint)), pg_typeof(trunc(5::bigint)), pg_typeof(trunc(5::float4));
select trunc('7.5');
select trunc('x');
select trunc(null);
select trunc(true);

-- sign
select sign(0::numeric), sign(1::numeric), sign(-1::numeric), sign(2.5::numeric), sign(-2.5::numeric), sign(3.5::numeric), sign(0.5::numeric), sign(-0.5::numeric), sign(1e10::numeric), sign(-123.456::numeric);
select sign(0::float8), sign(1::float8), sign(-1::float8), sign(2.5::float8), sign(-2.5::float8), sign(3.5::float8), sign(0.5::float8), sign(-0.5::float8), sign(1e10::float8), sign(-123.456::float8);
select sign('NaN'::numeric), sign('Infinity'::numeric), sign('-Infinity'::numeric);
select sign('NaN'::float8), sign('Infinity'::float8), sign('-Infinity'::float8);
select sign(5), pg_typeof(sign(5)), pg_typeof(sign(5::smallint)), pg_typeof(sign(5::bigint)), pg_typeof(sign(5::float4));
select sign('7.5');
select sign('x');
select sign(null);
select sign(true);

-- round and trunc to a place
select round('123.456'::numeric, 2);
select round('123.456'::numeric, 0);
select round('123.456'::numeric, -1);
select round('123.456'::numeric, -3);
select round('125.5'::numeric, -1);
select round('-125.5'::numeric, -1);
select round('0.005'::numeric, 2);
select round('-0.005'::numeric, 2);
select round('1.5'::numeric, 10);
select round('999.999'::numeric, 2);
select round('1e20'::numeric, -19);
select round('12345'::numeric, -6);
select round('NaN'::numeric, 2);
select round('Infinity'::numeric, 2);
select trunc('123.456'::numeric, 2);
select trunc('123.456'::numeric, 0);
select trunc('123.456'::numeric, -1);
select trunc('123.456'::numeric, -3);
select trunc('125.5'::numeric, -1);
select trunc('-125.5'::numeric, -1);
select trunc('0.005'::numeric, 2);
select trunc('-0.005'::numeric, 2);
select trunc('1.5'::numeric, 10);
select trunc('999.999'::numeric, 2);
select trunc('1e20'::numeric, -19);
select trunc('12345'::numeric, -6);
select trunc('NaN'::numeric, 2);
select trunc('Infinity'::numeric, 2);
select round(2.5::float8, 1);
select round(5, 2);
select round(1.5, null);
select trunc(1.55::float8, 1);

-- sqrt
select sqrt('0'::numeric);
select sqrt('0'::float8);
select sqrt('1'::numeric);
select sqrt('1'::float8);
select sqrt('2'::numeric);
select sqrt('2'::float8);
select sqrt('100'::numeric);
select sqrt('100'::float8);
select sqrt('0.25'::numeric);
select sqrt('0.25'::float8);
select sqrt('-1'::numeric);
select sqrt('-1'::float8);
select sqrt('NaN'::numeric);
select sqrt('NaN'::float8);
select sqrt('Infinity'::numeric);
select sqrt('Infinity'::float8);
select sqrt('-Infinity'::numeric);
select sqrt('-Infinity'::float8);

-- cbrt
select cbrt('0'::float8);
select cbrt('1'::float8);
-- awaits: what docs/sql.md lists under "Not yet as PostgreSQL has it"
select cbrt('2'::float8);
select cbrt('0.25'::float8);
select cbrt('-1'::float8);
select cbrt('NaN'::float8);
select cbrt('Infinity'::float8);
select cbrt('-Infinity'::float8);

-- exp
select exp('0'::numeric);
select exp('0'::float8);
select exp('1'::numeric);
select exp('1'::float8);
select exp('2'::numeric);
select exp('100'::numeric);
select exp('100'::float8);
select exp('0.25'::numeric);
select exp('0.25'::float8);
select exp('-1'::numeric);
select exp('-1'::float8);
select exp('NaN'::numeric);
select exp('NaN'::float8);
select exp('Infinity'::numeric);
select exp('Infinity'::float8);
select exp('-Infinity'::numeric);
select exp('-Infinity'::float8);

-- ln
select ln('0'::numeric);
select ln('0'::float8);
select ln('1'::numeric);
select ln('1'::float8);
select ln('2'::numeric);
select ln('2'::float8);
select ln('100'::numeric);
select ln('100'::float8);
select ln('0.25'::numeric);
select ln('0.25'::float8);
select ln('-1'::numeric);
select ln('-1'::float8);
select ln('NaN'::numeric);
select ln('NaN'::float8);
select ln('Infinity'::numeric);
select ln('Infinity'::float8);
select ln('-Infinity'::numeric);
select ln('-Infinity'::float8);

-- log
select log('0'::numeric);
select log('0'::float8);
select log('1'::numeric);
select log('1'::float8);
select log('2'::numeric);
select log('2'::float8);
select log('100'::numeric);
select log('100'::float8);
select log('0.25'::numeric);
select log('0.25'::float8);
select log('-1'::numeric);
select log('-1'::float8);
select log('NaN'::numeric);
select log('NaN'::float8);
select log('Infinity'::numeric);
select log('Infinity'::float8);
select log('-Infinity'::numeric);
select log('-Infinity'::float8);

-- log10
select log10('0'::numeric);
select log10('0'::float8);
select log10('1'::numeric);
select log10('1'::float8);
select log10('2'::numeric);
select log10('2'::float8);
select log10('100'::numeric);
select log10('100'::float8);
select log10('0.25'::numeric);
select log10('0.25'::float8);
select log10('-1'::numeric);
select log10('-1'::float8);
select log10('NaN'::numeric);
select log10('NaN'::float8);
select log10('Infinity'::numeric);
select log10('Infinity'::float8);
select log10('-Infinity'::numeric);
select log10('-Infinity'::float8);
select exp(1.0), exp(10.0), exp(-10.0), exp(100.0);
select exp(710::float8);
select exp(-750::float8);
select exp(10000.0);
select ln(2.0), ln(0.0001), ln(1e50);
select log(2.0, 64.0), log(10, 1000), log(2, 0.125);
select log(1, 5);
select log(0, 5);
select log(-2, 4);
select log(2, 0);
select sqrt(2.0), sqrt(2), sqrt(1e-20), sqrt(123456789.123456789);

-- power
-- 15: PostgreSQL 18 has changed this
select power('2'::numeric, '10'::numeric);
select power('2'::float8, '10'::float8);
select power('2'::numeric, '0.5'::numeric);
select power('2'::float8, '0.5'::float8);
-- 15: PostgreSQL 18 has changed this
select power('2.5'::numeric, '3'::numeric);
-- 15: PostgreSQL 18 has changed this
select power('10'::numeric, '-3'::numeric);
select power('10'::float8, '-3'::float8);
select power('0'::numeric, '0'::numeric);
select power('0'::float8, '0'::float8);
select power('0'::numeric, '1'::numeric);
select power('0'::float8, '1'::float8);
select power('1'::numeric, '1000000'::numeric);
select power('1'::float8, '1000000'::float8);
select power('-2'::numeric, '3'::numeric);
select power('-2'::float8, '3'::float8);
select power('-2'::numeric, '2'::numeric);
select power('-2'::float8, '2'::float8);
select power('NaN'::numeric, '0'::numeric);
select power('NaN'::float8, '0'::float8);
select power('1'::numeric, 'NaN'::numeric);
select power('1'::float8, 'NaN'::float8);
select power('Infinity'::numeric, '0'::numeric);
select power('Infinity'::float8, '0'::float8);
select power('Infinity'::numeric, '-1'::numeric);
select power('Infinity'::float8, '-1'::float8);
select power('2'::numeric, 'Infinity'::numeric);
select power('2'::float8, 'Infinity'::float8);
select power('0.5'::numeric, 'Infinity'::numeric);
select power('0.5'::float8, 'Infinity'::float8);
select power('-1'::numeric, 'Infinity'::numeric);
select power('-1'::float8, 'Infinity'::float8);
select power('1.0001'::numeric, '10000'::numeric);
select power(0, -1);
select power(0.0, -1);
select power(-1, 0.5);
select power(-1.0, 0.5);
select power(10, 400);
select power(10::float8, 400);
-- 15: PostgreSQL 18 has changed this
select power(10.0, 1000);
select pow(2, 3), pow(2.0, 3);

-- division
select div(7, 2), div(-7, 2), div(7.5, 2), div(7, -2.5);
select div(1, 0);
select div(1.0, 0.0);
select mod(7, 3), mod(-7, 3), mod(7, -3), mod(7.5, 2), mod(-7.5, 2);
select mod(5::smallint, 3::smallint), pg_typeof(mod(5::smallint, 3::smallint)), pg_typeof(mod(5, 3::bigint));
select mod(5, 0);
select mod(5.5, 0);
select mod(5::float8, 2);
select gcd(12, 18), gcd(-12, 18), gcd(0, 0), gcd(0, 5), gcd(12.5, 2.5);
select lcm(4, 6), lcm(-4, 6), lcm(0, 5), lcm(1.5, 2);
select gcd('-2147483648'::int, '-2147483648'::int);
select gcd('-2147483648'::int, 0);
select lcm(2147483647, 2147483646);
select factorial(0), factorial(5), factorial(20), factorial(25);
select factorial(-1);
select factorial(40000);
select scale(1.500), min_scale(1.500), trim_scale(1.500), scale(5), min_scale(100), trim_scale(0.000);
select scale('NaN'::numeric), min_scale('Infinity'::numeric), trim_scale('NaN'::numeric);

-- width_bucket
select width_bucket(5.35, 0.024, 10.06, 5);
select width_bucket(-1, 0, 10, 5), width_bucket(10, 0, 10, 5), width_bucket(11, 0, 10, 5), width_bucket(0, 0, 10, 5);
select width_bucket(5.35::float8, 0.024, 10.06, 5);
select width_bucket(3, 10, 0, 5), width_bucket(11, 10, 0, 5), width_bucket(0, 10, 0, 5);
select width_bucket(5, 0, 10, 0);
select width_bucket(5, 0, 10, -1);
select width_bucket(5, 3, 3, 5);
select width_bucket('NaN'::float8, 0, 10, 5);
select width_bucket(5, 'Infinity'::float8, 10, 5);
select width_bucket(5.0, 0, 10, 2147483647);
select width_bucket(5, array[1, 3, 4, 10]);
select width_bucket(0, array[1, 3]), width_bucket(3, array[1, 3]), width_bucket(9, array[1, 3]);
select width_bucket(now(), array['yesterday', 'today', 'tomorrow']::timestamptz[]) > 0;
select width_bucket(5, '{}'::int[]);
select width_bucket(5, '{1,null}'::int[]);
select width_bucket(5, '{{1,2},{3,4}}'::int[]);

-- trigonometry, where the digits are sure
select sin(0);
select sin('NaN');
select sin(null);
select cos(0);
select cos('NaN');
select cos(null);
select tan(0);
select tan('NaN');
select tan(null);
select asin(0);
select asin('NaN');
select asin(null);
select acos(0);
select acos('NaN');
select acos(null);
select atan(0);
select atan('NaN');
select atan(null);
select sinh(0);
select sinh('NaN');
select sinh(null);
select cosh(0);
select cosh('NaN');
select cosh(null);
select tanh(0);
select tanh('NaN');
select tanh(null);
select asinh(0);
select asinh('NaN');
select asinh(null);
select atanh(0);
select atanh('NaN');
select atanh(null);
select sind(0);
select sind('NaN');
select sind(null);
select cosd(0);
select cosd('NaN');
select cosd(null);
select tand(0);
select tand('NaN');
select tand(null);
select asind(0);
select asind('NaN');
select asind(null);
select acosd(0);
select acosd('NaN');
select acosd(null);
select atand(0);
select atand('NaN');
select atand(null);
select acosh(1), acosh(0.5);
select asin(2);
select acos(-2);
select atanh(1), atanh(-1);
select atanh(2);
select sin('Infinity');
select cos('-Infinity');
select tan('Infinity');
select atan('Infinity'), sinh('Infinity'), cosh('-Infinity'), tanh('Infinity');
select sind(30), sind(90), sind(150), sind(180), sind(270), sind(-30);
select cosd(60), cosd(90), cosd(120), cosd(180), cosd(360);
select tand(45), tand(135), tand(0), tand(180);
select cotd(45), cotd(90), cotd(135);
select asind(0.5), asind(1), asind(-1), acosd(0.5), acosd(0), acosd(-1), atand(1), atand(-1);
select atan2(0, 1), atan2(0, -1) = pi(), atan2d(1, 1), atan2d(-1, 0);
select cot(0);
select pi(), degrees(pi()), radians(180) = pi(), degrees(0), radians(0);
select degrees(1e308);
select to_hex(255), to_hex(-1), to_hex(4294967296);
select random() between 0 and 1, random() <> random();
select setseed(0.5);
select setseed(2);
select setseed(-1);
select greatest(1, 2.5, 3::bigint), pg_typeof(greatest(1, 2.5)), least(1, null, 0), greatest(null, null);
select greatest(1, 'a');
select greatest('b', 'a', 'c'), least(true, false);
select greatest(1, now());
select greatest();
select pg_typeof(greatest('1', 2));
select abs();
select abs(1, 2);
select round('1.5'::text);
select sum(1), avg(2);
select num_nulls(1, null, 2), num_nonnulls(1, null, 2);
select num_nulls();
select num_nulls(variadic array[1, null]);

-- Series, rounding and powers where numbers end.
select * from generate_series('nan'::numeric, 100::numeric, 10::numeric);
select * from generate_series(0::numeric, 'nan'::numeric, 10::numeric);
select * from generate_series(-100::numeric, 100::numeric, 'nan'::numeric);
select * from generate_series('inf'::numeric, 'inf'::numeric, 10::numeric);
select * from generate_series(0::numeric, '-inf'::numeric);
select * from generate_series(0::numeric, 42::numeric, '-inf'::numeric);
select round(4.4e131071, -131071) = 4e131071, round(4.5e131071, -131072), trunc(9.9e131071, -131072), trunc(9.9e131071, -131071) = 9e131071;
select round(5.5e131071, -131072);
select round(5e-16383, 1000000) = 5e-16383, round(5e-16383, 16382) = 1e-16382, trunc(5e-16383, 16382);
select round(((1 - 1.500012345678e-1000) ^ 1.45e1003) * 1e1000);
select 1.000000001 ^ 123456789.5, 0.999999 ^ 1000000.25, 1e300 ^ -20.5, 7 ^ -8000.5;
select 1.0001 ^ 1e10;
select cotd(270), tand(180), cotd(90);

-- Digits of numbers in floating point by extra_float_digits.
set extra_float_digits = 0;
select sinh(1::float8), 0.1::float8 + 0.2::float8, 1e20::float8 / 3, 1e-5::float8 / 3, 1e15::float8, 1e16::float8, 0.00012::float8;
select 1::float4 / 3, 123456789::float4, 1e-6::float4 / 7, array[1.1::float4], row(1::float8 / 3), (1::float8 / 3)::text;
set extra_float_digits = -10;
select 123456.789::float8, 1::float4 / 3;
reset extra_float_digits;
select 1::float8 / 3, 1::float4 / 3;

-- Spreads of numbers at the ends of the type, and series up to its end.
select trim_scale(variance(a) * 1e1000), trim_scale(var_pop(a) * 1e1000) from (values (0::numeric), (3e-500), (-3e-500), (4e-500 - 1e-16383), (-4e-500 + 1e-16383)) v(a);
select variance(9e131071 + x), stddev_pop(9e131071 + x) from generate_series(1, 5) x;
select var_samp(x / 3.0), stddev(x * 1.5), var_pop(x), variance(x) from generate_series(1, 100) x;
select variance(x) from (values (1.5::numeric), ('nan')) v(x);
select stddev(x) from (values ('inf'::numeric), (1)) v(x);
select (i / (10::numeric ^ 131071))::numeric(1,0) from generate_series(6 * (10::numeric ^ 131071), 9 * (10::numeric ^ 131071), 10::numeric ^ 131071) as a(i);
select numeric_inc(4.2), numeric_inc('inf'), numeric_inc('nan');
