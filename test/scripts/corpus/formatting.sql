-- to_char, to_date, to_timestamp and to_number (manual, section 9.8).

-- to_char of times
-- awaits: to_char
select to_char(timestamp '2024-03-05 04:05:06.789012', 'YYYY-MM-DD HH24:MI:SS'), to_char(timestamptz '2024-03-05 14:05:06+00', 'YYYY-MM-DD HH24:MI:SS'), to_char(timestamp '0044-03-15 00:00:00 BC', 'YYYY-MM-DD HH24:MI:SS');
-- awaits: to_char
select to_char(interval '1 year 2 mons 3 days 14:05:06.789', 'YYYY-MM-DD HH24:MI:SS');
-- awaits: to_char
select to_char(timestamp '2024-03-05 04:05:06.789012', 'YY Y YYY Y,YYY'), to_char(timestamptz '2024-03-05 14:05:06+00', 'YY Y YYY Y,YYY'), to_char(timestamp '0044-03-15 00:00:00 BC', 'YY Y YYY Y,YYY');
-- awaits: to_char
select to_char(interval '1 year 2 mons 3 days 14:05:06.789', 'YY Y YYY Y,YYY');
-- awaits: to_char
select to_char(timestamp '2024-03-05 04:05:06.789012', 'IYYY-IW-ID IDDD'), to_char(timestamptz '2024-03-05 14:05:06+00', 'IYYY-IW-ID IDDD'), to_char(timestamp '0044-03-15 00:00:00 BC', 'IYYY-IW-ID IDDD');
-- awaits: to_char
select to_char(interval '1 year 2 mons 3 days 14:05:06.789', 'IYYY-IW-ID IDDD');
-- awaits: to_char
select to_char(timestamp '2024-03-05 04:05:06.789012', 'Month MONTH month Mon MON mon'), to_char(timestamptz '2024-03-05 14:05:06+00', 'Month MONTH month Mon MON mon'), to_char(timestamp '0044-03-15 00:00:00 BC', 'Month MONTH month Mon MON mon');
-- awaits: to_char
select to_char(interval '1 year 2 mons 3 days 14:05:06.789', 'Month MONTH month Mon MON mon');
-- awaits: to_char
select to_char(timestamp '2024-03-05 04:05:06.789012', 'Day DAY day Dy DY dy'), to_char(timestamptz '2024-03-05 14:05:06+00', 'Day DAY day Dy DY dy'), to_char(timestamp '0044-03-15 00:00:00 BC', 'Day DAY day Dy DY dy');
-- awaits: to_char
select to_char(interval '1 year 2 mons 3 days 14:05:06.789', 'Day DAY day Dy DY dy');
-- awaits: to_char
select to_char(timestamp '2024-03-05 04:05:06.789012', 'FMMonth FMDay'), to_char(timestamptz '2024-03-05 14:05:06+00', 'FMMonth FMDay'), to_char(timestamp '0044-03-15 00:00:00 BC', 'FMMonth FMDay');
-- awaits: to_char
select to_char(interval '1 year 2 mons 3 days 14:05:06.789', 'FMMonth FMDay');
-- awaits: to_char
select to_char(timestamp '2024-03-05 04:05:06.789012', 'DDD D J Q WW W CC'), to_char(timestamptz '2024-03-05 14:05:06+00', 'DDD D J Q WW W CC'), to_char(timestamp '0044-03-15 00:00:00 BC', 'DDD D J Q WW W CC');
-- awaits: to_char
select to_char(interval '1 year 2 mons 3 days 14:05:06.789', 'DDD D J Q WW W CC');
-- awaits: to_char
select to_char(timestamp '2024-03-05 04:05:06.789012', 'HH HH12 HH24 AM PM am p.m. A.M.'), to_char(timestamptz '2024-03-05 14:05:06+00', 'HH HH12 HH24 AM PM am p.m. A.M.'), to_char(timestamp '0044-03-15 00:00:00 BC', 'HH HH12 HH24 AM PM am p.m. A.M.');
-- awaits: to_char
select to_char(interval '1 year 2 mons 3 days 14:05:06.789', 'HH HH12 HH24 AM PM am p.m. A.M.');
-- awaits: to_char
select to_char(timestamp '2024-03-05 04:05:06.789012', 'MS US FF1 FF3 FF6 SSSS SSSSS'), to_char(timestamptz '2024-03-05 14:05:06+00', 'MS US FF1 FF3 FF6 SSSS SSSSS'), to_char(timestamp '0044-03-15 00:00:00 BC', 'MS US FF1 FF3 FF6 SSSS SSSSS');
-- awaits: to_char
select to_char(interval '1 year 2 mons 3 days 14:05:06.789', 'MS US FF1 FF3 FF6 SSSS SSSSS');
-- awaits: to_char
select to_char(timestamp '2024-03-05 04:05:06.789012', 'TZ tz TZH:TZM OF'), to_char(timestamptz '2024-03-05 14:05:06+00', 'TZ tz TZH:TZM OF'), to_char(timestamp '0044-03-15 00:00:00 BC', 'TZ tz TZH:TZM OF');
-- awaits: to_char
select to_char(interval '1 year 2 mons 3 days 14:05:06.789', 'TZ tz TZH:TZM OF');
-- awaits: to_char
select to_char(timestamp '2024-03-05 04:05:06.789012', 'BC AD b.c. a.d.'), to_char(timestamptz '2024-03-05 14:05:06+00', 'BC AD b.c. a.d.'), to_char(timestamp '0044-03-15 00:00:00 BC', 'BC AD b.c. a.d.');
-- awaits: to_char
select to_char(interval '1 year 2 mons 3 days 14:05:06.789', 'BC AD b.c. a.d.');
-- awaits: to_char
select to_char(timestamp '2024-03-05 04:05:06.789012', 'RM rm FMRM'), to_char(timestamptz '2024-03-05 14:05:06+00', 'RM rm FMRM'), to_char(timestamp '0044-03-15 00:00:00 BC', 'RM rm FMRM');
-- awaits: to_char
select to_char(interval '1 year 2 mons 3 days 14:05:06.789', 'RM rm FMRM');
-- awaits: to_char
select to_char(timestamp '2024-03-05 04:05:06.789012', 'DDth DDTH FMDDth'), to_char(timestamptz '2024-03-05 14:05:06+00', 'DDth DDTH FMDDth'), to_char(timestamp '0044-03-15 00:00:00 BC', 'DDth DDTH FMDDth');
-- awaits: to_char
select to_char(interval '1 year 2 mons 3 days 14:05:06.789', 'DDth DDTH FMDDth');
-- awaits: to_char
select to_char(timestamp '2024-03-05 04:05:06.789012', '"quoted text" YYYY'), to_char(timestamptz '2024-03-05 14:05:06+00', '"quoted text" YYYY'), to_char(timestamp '0044-03-15 00:00:00 BC', '"quoted text" YYYY');
-- awaits: to_char
select to_char(interval '1 year 2 mons 3 days 14:05:06.789', '"quoted text" YYYY');
-- awaits: to_char
select to_char(timestamp '2024-03-05 04:05:06.789012', 'YYYY"MM"MM\"'), to_char(timestamptz '2024-03-05 14:05:06+00', 'YYYY"MM"MM\"'), to_char(timestamp '0044-03-15 00:00:00 BC', 'YYYY"MM"MM\"');
-- awaits: to_char
select to_char(interval '1 year 2 mons 3 days 14:05:06.789', 'YYYY"MM"MM\"');
-- awaits: to_char
select to_char(timestamp '2024-03-05 04:05:06.789012', 'TMMonth'), to_char(timestamptz '2024-03-05 14:05:06+00', 'TMMonth'), to_char(timestamp '0044-03-15 00:00:00 BC', 'TMMonth');
-- awaits: to_char
select to_char(interval '1 year 2 mons 3 days 14:05:06.789', 'TMMonth');
-- awaits: to_char
select to_char(timestamp '2024-03-05 04:05:06.789012', 'FXYYYY'), to_char(timestamptz '2024-03-05 14:05:06+00', 'FXYYYY'), to_char(timestamp '0044-03-15 00:00:00 BC', 'FXYYYY');
-- awaits: to_char
select to_char(interval '1 year 2 mons 3 days 14:05:06.789', 'FXYYYY');
-- awaits: to_char
select to_char(timestamp '2024-03-05 04:05:06.789012', 'DDSP'), to_char(timestamptz '2024-03-05 14:05:06+00', 'DDSP'), to_char(timestamp '0044-03-15 00:00:00 BC', 'DDSP');
-- awaits: to_char
select to_char(interval '1 year 2 mons 3 days 14:05:06.789', 'DDSP');
-- awaits: to_char
select to_char(timestamp '2024-03-05 04:05:06.789012', ''), to_char(timestamptz '2024-03-05 14:05:06+00', ''), to_char(timestamp '0044-03-15 00:00:00 BC', '');
-- awaits: to_char
select to_char(interval '1 year 2 mons 3 days 14:05:06.789', '');
-- awaits: to_char
select to_char(timestamp '2024-03-05 04:05:06.789012', 'no pattern here'), to_char(timestamptz '2024-03-05 14:05:06+00', 'no pattern here'), to_char(timestamp '0044-03-15 00:00:00 BC', 'no pattern here');
-- awaits: to_char
select to_char(interval '1 year 2 mons 3 days 14:05:06.789', 'no pattern here');
-- awaits: to_char
select to_char(timestamp '2024-03-05 04:05:06.789012', 'HH24:MI:SS.US'), to_char(timestamptz '2024-03-05 14:05:06+00', 'HH24:MI:SS.US'), to_char(timestamp '0044-03-15 00:00:00 BC', 'HH24:MI:SS.US');
-- awaits: to_char
select to_char(interval '1 year 2 mons 3 days 14:05:06.789', 'HH24:MI:SS.US');
-- awaits: to_char
select to_char(timestamp '2024-03-05 04:05:06.789012', 'YYYYth'), to_char(timestamptz '2024-03-05 14:05:06+00', 'YYYYth'), to_char(timestamp '0044-03-15 00:00:00 BC', 'YYYYth');
-- awaits: to_char
select to_char(interval '1 year 2 mons 3 days 14:05:06.789', 'YYYYth');
-- awaits: to_char
select to_char(timestamp '2024-03-05 04:05:06.789012', 'yyyy-mm-dd hh24:mi'), to_char(timestamptz '2024-03-05 14:05:06+00', 'yyyy-mm-dd hh24:mi'), to_char(timestamp '0044-03-15 00:00:00 BC', 'yyyy-mm-dd hh24:mi');
-- awaits: to_char
select to_char(interval '1 year 2 mons 3 days 14:05:06.789', 'yyyy-mm-dd hh24:mi');
-- awaits: to_char
select to_char(timestamp '2024-03-05 04:05:06.789012', 'FMYYYY-FMMM-FMDD FMHH24:FMMI'), to_char(timestamptz '2024-03-05 14:05:06+00', 'FMYYYY-FMMM-FMDD FMHH24:FMMI'), to_char(timestamp '0044-03-15 00:00:00 BC', 'FMYYYY-FMMM-FMDD FMHH24:FMMI');
-- awaits: to_char
select to_char(interval '1 year 2 mons 3 days 14:05:06.789', 'FMYYYY-FMMM-FMDD FMHH24:FMMI');
-- awaits: to_char
select to_char(date '2024-03-05', 'DD Mon YYYY');
-- awaits: to_char
select to_char(timestamp 'infinity', 'YYYY');
-- awaits: to_char
select to_char(time '12:34', 'HH24:MI');
-- awaits: to_char
select to_char(null::timestamp, 'YYYY'), to_char(now(), null) is null;
-- awaits: to_char
select to_char(interval '100 hours', 'HH24:MI'), to_char(interval '-1 day -2:03', 'DD HH24:MI');

-- to_char of numbers
-- awaits: to_char
select to_char(485, '999'), to_char(-12.5, '999'), to_char(0, '999');
-- awaits: to_char
select to_char(1234.567, '999'), to_char(0.1::float8, '999'), to_char(12::bigint, '999');
-- awaits: to_char
select to_char(485, '9990'), to_char(-12.5, '9990'), to_char(0, '9990');
-- awaits: to_char
select to_char(1234.567, '9990'), to_char(0.1::float8, '9990'), to_char(12::bigint, '9990');
-- awaits: to_char
select to_char(485, '000'), to_char(-12.5, '000'), to_char(0, '000');
-- awaits: to_char
select to_char(1234.567, '000'), to_char(0.1::float8, '000'), to_char(12::bigint, '000');
-- awaits: to_char
select to_char(485, '999.99'), to_char(-12.5, '999.99'), to_char(0, '999.99');
-- awaits: to_char
select to_char(1234.567, '999.99'), to_char(0.1::float8, '999.99'), to_char(12::bigint, '999.99');
-- awaits: to_char
select to_char(485, '000.00'), to_char(-12.5, '000.00'), to_char(0, '000.00');
-- awaits: to_char
select to_char(1234.567, '000.00'), to_char(0.1::float8, '000.00'), to_char(12::bigint, '000.00');
-- awaits: to_char
select to_char(485, '9,999'), to_char(-12.5, '9,999'), to_char(0, '9,999');
-- awaits: to_char
select to_char(1234.567, '9,999'), to_char(0.1::float8, '9,999'), to_char(12::bigint, '9,999');
-- awaits: to_char
select to_char(485, '9,999.99'), to_char(-12.5, '9,999.99'), to_char(0, '9,999.99');
-- awaits: to_char
select to_char(1234.567, '9,999.99'), to_char(0.1::float8, '9,999.99'), to_char(12::bigint, '9,999.99');
-- awaits: to_char
select to_char(485, 'FM999.99'), to_char(-12.5, 'FM999.99'), to_char(0, 'FM999.99');
-- awaits: to_char
select to_char(1234.567, 'FM999.99'), to_char(0.1::float8, 'FM999.99'), to_char(12::bigint, 'FM999.99');
-- awaits: to_char
select to_char(485, 'FM000.00'), to_char(-12.5, 'FM000.00'), to_char(0, 'FM000.00');
-- awaits: to_char
select to_char(1234.567, 'FM000.00'), to_char(0.1::float8, 'FM000.00'), to_char(12::bigint, 'FM000.00');
-- awaits: to_char
select to_char(485, 'S999'), to_char(-12.5, 'S999'), to_char(0, 'S999');
-- awaits: to_char
select to_char(1234.567, 'S999'), to_char(0.1::float8, 'S999'), to_char(12::bigint, 'S999');
-- awaits: to_char
select to_char(485, '999S'), to_char(-12.5, '999S'), to_char(0, '999S');
-- awaits: to_char
select to_char(1234.567, '999S'), to_char(0.1::float8, '999S'), to_char(12::bigint, '999S');
-- awaits: to_char
select to_char(485, 'MI999'), to_char(-12.5, 'MI999'), to_char(0, 'MI999');
-- awaits: to_char
select to_char(1234.567, 'MI999'), to_char(0.1::float8, 'MI999'), to_char(12::bigint, 'MI999');
-- awaits: to_char
select to_char(485, '999MI'), to_char(-12.5, '999MI'), to_char(0, '999MI');
-- awaits: to_char
select to_char(1234.567, '999MI'), to_char(0.1::float8, '999MI'), to_char(12::bigint, '999MI');
-- awaits: to_char
select to_char(485, 'PL999'), to_char(-12.5, 'PL999'), to_char(0, 'PL999');
-- awaits: to_char
select to_char(1234.567, 'PL999'), to_char(0.1::float8, 'PL999'), to_char(12::bigint, 'PL999');
-- awaits: to_char
select to_char(485, 'SG999'), to_char(-12.5, 'SG999'), to_char(0, 'SG999');
-- awaits: to_char
select to_char(1234.567, 'SG999'), to_char(0.1::float8, 'SG999'), to_char(12::bigint, 'SG999');
-- awaits: to_char
select to_char(485, '999PR'), to_char(-12.5, '999PR'), to_char(0, '999PR');
-- awaits: to_char
select to_char(1234.567, '999PR'), to_char(0.1::float8, '999PR'), to_char(12::bigint, '999PR');
-- awaits: to_char
select to_char(485, 'L999'), to_char(-12.5, 'L999'), to_char(0, 'L999');
-- awaits: to_char
select to_char(1234.567, 'L999'), to_char(0.1::float8, 'L999'), to_char(12::bigint, 'L999');
-- awaits: to_char
select to_char(485, '9G999D99'), to_char(-12.5, '9G999D99'), to_char(0, '9G999D99');
-- awaits: to_char
select to_char(1234.567, '9G999D99'), to_char(0.1::float8, '9G999D99'), to_char(12::bigint, '9G999D99');
-- awaits: to_char
select to_char(485, '99V99'), to_char(-12.5, '99V99'), to_char(0, '99V99');
-- awaits: to_char
select to_char(1234.567, '99V99'), to_char(0.1::float8, '99V99'), to_char(12::bigint, '99V99');
-- awaits: to_char
select to_char(485, 'RN'), to_char(-12.5, 'RN'), to_char(0, 'RN');
-- awaits: to_char
select to_char(1234.567, 'RN'), to_char(0.1::float8, 'RN'), to_char(12::bigint, 'RN');
-- awaits: to_char
select to_char(485, 'FMRN'), to_char(-12.5, 'FMRN'), to_char(0, 'FMRN');
-- awaits: to_char
select to_char(1234.567, 'FMRN'), to_char(0.1::float8, 'FMRN'), to_char(12::bigint, 'FMRN');
-- awaits: to_char
select to_char(485, '9.99EEEE'), to_char(-12.5, '9.99EEEE'), to_char(0, '9.99EEEE');
-- awaits: to_char
select to_char(1234.567, '9.99EEEE'), to_char(0.1::float8, '9.99EEEE'), to_char(12::bigint, '9.99EEEE');
-- awaits: to_char
select to_char(485, '999th'), to_char(-12.5, '999th'), to_char(0, '999th');
-- awaits: to_char
select to_char(1234.567, '999th'), to_char(0.1::float8, '999th'), to_char(12::bigint, '999th');
-- awaits: to_char
select to_char(485, 'FM999TH'), to_char(-12.5, 'FM999TH'), to_char(0, 'FM999TH');
-- awaits: to_char
select to_char(1234.567, 'FM999TH'), to_char(0.1::float8, 'FM999TH'), to_char(12::bigint, 'FM999TH');
-- awaits: to_char
select to_char(485, '"x"999'), to_char(-12.5, '"x"999'), to_char(0, '"x"999');
-- awaits: to_char
select to_char(1234.567, '"x"999'), to_char(0.1::float8, '"x"999'), to_char(12::bigint, '"x"999');
-- awaits: to_char
select to_char(485, '99999999999'), to_char(-12.5, '99999999999'), to_char(0, '99999999999');
-- awaits: to_char
select to_char(1234.567, '99999999999'), to_char(0.1::float8, '99999999999'), to_char(12::bigint, '99999999999');
-- awaits: to_char
select to_char(485, '0.9'), to_char(-12.5, '0.9'), to_char(0, '0.9');
-- awaits: to_char
select to_char(1234.567, '0.9'), to_char(0.1::float8, '0.9'), to_char(12::bigint, '0.9');
-- awaits: to_char
select to_char(485, '.99'), to_char(-12.5, '.99'), to_char(0, '.99');
-- awaits: to_char
select to_char(1234.567, '.99'), to_char(0.1::float8, '.99'), to_char(12::bigint, '.99');
-- awaits: to_char
select to_char(485, 'B999'), to_char(-12.5, 'B999'), to_char(0, 'B999');
-- awaits: to_char
select to_char(1234.567, 'B999'), to_char(0.1::float8, 'B999'), to_char(12::bigint, 'B999');
-- awaits: to_char
select to_char(485, ''), to_char(-12.5, ''), to_char(0, '');
-- awaits: to_char
select to_char(1234.567, ''), to_char(0.1::float8, ''), to_char(12::bigint, '');
-- awaits: to_char
select to_char(485, 'abc'), to_char(-12.5, 'abc'), to_char(0, 'abc');
-- awaits: to_char
select to_char(1234.567, 'abc'), to_char(0.1::float8, 'abc'), to_char(12::bigint, 'abc');
-- awaits: to_char
select to_char(485, '9 9 9'), to_char(-12.5, '9 9 9'), to_char(0, '9 9 9');
-- awaits: to_char
select to_char(1234.567, '9 9 9'), to_char(0.1::float8, '9 9 9'), to_char(12::bigint, '9 9 9');
-- awaits: to_char
select to_char('NaN'::numeric, '999'), to_char('Infinity'::float8, '999');
-- awaits: to_char
select to_char(4000, 'RN');
-- awaits: to_char
select to_char(1, '9EEEE9');
-- awaits: to_char
select to_char(1, '9.9.9');
-- awaits: to_char
select to_char(5, null), to_char(null::int, '9');
-- awaits: to_char
select to_char('5', '9');

-- to_date, to_timestamp
-- awaits: to_date
select to_date('05 Dec 2000', 'DD Mon YYYY');
-- awaits: to_date
select to_date('2024-02-29', 'YYYY-MM-DD');
-- awaits: to_date
select to_date('20240229', 'YYYYMMDD');
-- awaits: to_date
select to_date('2024-060', 'YYYY-DDD');
-- awaits: to_date
select to_date('24-02-29', 'YY-MM-DD');
-- awaits: to_date
select to_date('99-02-28', 'YY-MM-DD');
-- awaits: to_date
select to_date('2024-W09-4', 'IYYY-"W"IW-ID');
-- awaits: to_date
select to_date('2024 February 29', 'YYYY Month DD');
-- awaits: to_date
select to_date('2024-02-30', 'YYYY-MM-DD');
-- awaits: to_date
select to_date('2024-13-01', 'YYYY-MM-DD');
-- awaits: to_date
select to_date('abc', 'YYYY');
-- awaits: to_date
select to_date('', 'YYYY');
-- awaits: to_date
select to_date('2024', 'YYYY');
-- awaits: to_date
select to_date('J2451187', '"J"J');
-- awaits: to_date
select to_date('2451187', 'J');
-- awaits: to_date
select to_date('44-03-15 BC', 'YYYY-MM-DD BC');
-- awaits: to_date
select to_date('2024-02-29 extra', 'YYYY-MM-DD');
-- awaits: to_date
select to_date('  2024-02-29', 'YYYY-MM-DD');
-- awaits: to_date
select to_date('2024/02/29', 'YYYY-MM-DD');
-- awaits: to_date
select to_date('29.2.2024', 'DD.MM.YYYY');
-- awaits: to_date
select to_date('2024 IX 05', 'YYYY RM DD');
-- awaits: to_date
select to_date('12 2024', 'MM YYYY');
-- awaits: to_date
select to_date('Tue 2024-02-29', 'Dy YYYY-MM-DD');
-- awaits: to_timestamp
select to_timestamp('05 Dec 2000 10:11:12', 'DD Mon YYYY HH24:MI:SS');
-- awaits: to_timestamp
select to_timestamp('2024-02-29 01:02:03 PM', 'YYYY-MM-DD HH12:MI:SS AM');
-- awaits: to_timestamp
select to_timestamp('2024-02-29 13:00 PM', 'YYYY-MM-DD HH12:MI AM');
-- awaits: to_timestamp
select to_timestamp('2024-02-29 12.345', 'YYYY-MM-DD SS.MS');
-- awaits: to_timestamp
select to_timestamp('2024-02-29 1.5', 'YYYY-MM-DD SS.MS');
-- awaits: to_timestamp
select to_timestamp('2024-02-29 86399', 'YYYY-MM-DD SSSS');
-- awaits: to_timestamp
select to_timestamp('2024-02-29 25:00', 'YYYY-MM-DD HH24:MI');
-- awaits: to_timestamp
select to_timestamp('2024-02-29 10:60', 'YYYY-MM-DD HH24:MI');
-- awaits: to_timestamp
select to_timestamp('2024-02-29 10:00 +05:30', 'YYYY-MM-DD HH24:MI TZH:TZM');
-- awaits: to_timestamp
select to_timestamp('2024-02-29 10:00 -3', 'YYYY-MM-DD HH24:MI TZH');
-- awaits: to_timestamp
select to_timestamp('20240229101112', 'YYYYMMDDHH24MISS');
-- awaits: to_timestamp
select to_timestamp('2024-02-29 123456', 'YYYY-MM-DD US');

-- to_number
-- awaits: to_number
select to_number('12,454.8-', '99G999D9S');
-- awaits: to_number
select to_number('12,454', '99,999');
-- awaits: to_number
select to_number('-12', 'S99');
-- awaits: to_number
select to_number('12-', '99S');
-- awaits: to_number
select to_number('<12>', '99PR');
-- awaits: to_number
select to_number('1.5', '9.9');
-- awaits: to_number
select to_number('123', '99');
-- awaits: to_number
select to_number('abc', '999');
-- awaits: to_number
select to_number('', '999');
-- awaits: to_number
select to_number('$12', 'L99');
-- awaits: to_number
select to_number('12.34', '99');
-- awaits: to_number
select to_number('1e5', '9');
-- awaits: to_number
select to_number(' 12 ', '99');
-- awaits: to_number
select to_number('0012', '9999');
-- awaits: to_number
select to_number('12V3', '99V9');
-- awaits: to_number
select to_number('XII', 'RN');
