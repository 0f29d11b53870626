-- What texts are dates, times and intervals (manual, section 8.5), and how they are printed.

-- date
select '2024-02-29'::date;
select '2023-02-29'::date;
select '2024-13-01'::date;
select '2024-00-10'::date;
select '2024-1-5'::date;
select '20240229'::date;
select '240229'::date;
select '2024.060'::date;
select '2024060'::date;
select '1/8/1999'::date;
select '13/1/2024'::date;
select '08-Jan-99'::date;
select 'Jan-08-1999'::date;
select 'January 8, 1999'::date;
select '8 January 99'::date;
select '1999-Jan-08'::date;
select '99-Jan-08'::date;
select 'J2451187'::date;
select 'epoch'::date;
select 'infinity'::date;
select '-infinity'::date;
select '0001-01-01'::date;
select '0001-01-01 BC'::date;
select '4713-01-01 BC'::date;
select '4714-11-24 BC'::date;
select '4714-11-23 BC'::date;
select '5874897-12-31'::date;
select '5874898-01-01'::date;
select 'January 8, 99 BC'::date;
select '2024-02-29 25:00'::date;
select ''::date;
select ' '::date;
select 'abc'::date;
select '2024'::date;
select '2024-02'::date;
select '12'::date;
select '1.5'::date;
select '2024-02-30'::date;
select '99999-01-01'::date;
-- awaits: what docs/sql.md lists under "Not yet as PostgreSQL has it"
select 'tomorrow yesterday'::date;
select '2024-02-29T10:00:00Z'::date;
select '2024-02-29 10:00 PST'::date;
select 'monday'::date;
select '2024-W05-1'::date;
select 'today'::date = current_date, 'tomorrow'::date = current_date + 1, 'yesterday'::date = current_date - 1, 'now'::date = current_date;

-- time
select '04:05:06.789'::time, '04:05:06.789'::time(2);
select '04:05:06.789'::timetz;
select '04:05:06'::time, '04:05:06'::time(2);
select '04:05:06'::timetz;
select '04:05'::time, '04:05'::time(2);
select '04:05'::timetz;
select '040506'::time, '040506'::time(2);
select '040506'::timetz;
select '04:05 AM'::time, '04:05 AM'::time(2);
select '04:05 AM'::timetz;
select '04:05 PM'::time, '04:05 PM'::time(2);
select '04:05 PM'::timetz;
select '12:00 AM'::time, '12:00 AM'::time(2);
select '12:00 AM'::timetz;
select '12:00 PM'::time, '12:00 PM'::time(2);
select '12:00 PM'::timetz;
select '13:00 PM'::time, '13:00 PM'::time(2);
select '13:00 PM'::timetz;
select '24:00:00'::time, '24:00:00'::time(2);
select '24:00:00'::timetz;
select '24:00:01'::time, '24:00:01'::time(2);
select '24:00:01'::timetz;
select '25:00'::time, '25:00'::time(2);
select '25:00'::timetz;
select '23:59:60'::time, '23:59:60'::time(2);
select '23:59:60'::timetz;
select '23:59:60.5'::time, '23:59:60.5'::time(2);
select '23:59:60.5'::timetz;
select '23:59:61'::time, '23:59:61'::time(2);
select '23:59:61'::timetz;
select '04:05:06.7891234'::time, '04:05:06.7891234'::time(2);
select '04:05:06.7891234'::timetz;
select '04:05:06.9999999'::time, '04:05:06.9999999'::time(2);
select '04:05:06.9999999'::timetz;
select '4:5:6'::time, '4:5:6'::time(2);
select '4:5:6'::timetz;
select 'allballs'::time, 'allballs'::time(2);
select 'allballs'::timetz;
select '04:05:06-08:00'::time, '04:05:06-08:00'::time(2);
select '04:05:06-08:00'::timetz;
select '04:05-08:00'::time, '04:05-08:00'::time(2);
select '04:05-08:00'::timetz;
select '040506-08'::time, '040506-08'::time(2);
select '040506-08'::timetz;
select '04:05:06 PST'::time, '04:05:06 PST'::time(2);
select '04:05:06 PST'::timetz;
select '2003-04-12 04:05:06 America/New_York'::time, '2003-04-12 04:05:06 America/New_York'::time(2);
select '2003-04-12 04:05:06 America/New_York'::timetz;
-- awaits: what docs/sql.md lists under "Not yet as PostgreSQL has it"
select '04:05:06 America/New_York'::time, '04:05:06 America/New_York'::time(2);
-- awaits: what docs/sql.md lists under "Not yet as PostgreSQL has it"
select '04:05:06 America/New_York'::timetz;
select '04:05:06+15:59'::time, '04:05:06+15:59'::time(2);
select '04:05:06+15:59'::timetz;
select '04:05:06+16'::time, '04:05:06+16'::time(2);
select '04:05:06+16'::timetz;
select ''::time, ''::time(2);
select ''::timetz;
select 'noon'::time, 'noon'::time(2);
select 'noon'::timetz;
select '1'::time, '1'::time(2);
select '1'::timetz;
-- awaits: what docs/sql.md lists under "Not yet as PostgreSQL has it"
select '1:'::time, '1:'::time(2);
-- awaits: what docs/sql.md lists under "Not yet as PostgreSQL has it"
select '1:'::timetz;
select ':1'::time, ':1'::time(2);
select ':1'::timetz;
select '-01:00'::time, '-01:00'::time(2);
select '-01:00'::timetz;
select '04:05:06 UTC'::time, '04:05:06 UTC'::time(2);
select '04:05:06 UTC'::timetz;
select '04:05:06z'::time, '04:05:06z'::time(2);
select '04:05:06z'::timetz;

-- timestamp
select '2024-02-29 12:34:56.789'::timestamp;
select '2024-02-29 12:34:56.789'::timestamptz;
select '2024-02-29T12:34:56'::timestamp;
select '2024-02-29T12:34:56'::timestamptz;
select '2024-02-29t12:34:56'::timestamp;
select '2024-02-29t12:34:56'::timestamptz;
select '2024-02-29'::timestamp;
select '2024-02-29'::timestamptz;
select '1999-01-08 04:05:06 -8:00'::timestamp;
select '1999-01-08 04:05:06 -8:00'::timestamptz;
select '1999-01-08 04:05:06.1234567'::timestamp;
select '1999-01-08 04:05:06.1234567'::timestamptz;
select 'January 8 04:05:06 1999 PST'::timestamp;
select 'January 8 04:05:06 1999 PST'::timestamptz;
select 'Mon Feb 29 12:00:00 2024'::timestamp;
select 'Mon Feb 29 12:00:00 2024'::timestamptz;
select 'Thu Feb 29 12:00:00 2024'::timestamp;
select 'Thu Feb 29 12:00:00 2024'::timestamptz;
select '2024-02-29 24:00'::timestamp;
select '2024-02-29 24:00'::timestamptz;
select '2024-02-29 24:00:01'::timestamp;
select '2024-02-29 24:00:01'::timestamptz;
select '20240229T123456'::timestamp;
select '20240229T123456'::timestamptz;
select '20240229 123456'::timestamp;
select '20240229 123456'::timestamptz;
select '2024-02-29 12:34:56 BC'::timestamp;
select '2024-02-29 12:34:56 BC'::timestamptz;
select '0001-12-31 23:59:59 BC'::timestamp;
select '0001-12-31 23:59:59 BC'::timestamptz;
select '294276-12-31 23:59:59.999999'::timestamp;
select '294276-12-31 23:59:59.999999'::timestamptz;
select '294277-01-01'::timestamp;
select '294277-01-01'::timestamptz;
select '4714-11-24 00:00:00 BC'::timestamp;
select '4714-11-24 00:00:00 BC'::timestamptz;
select '4714-11-23 23:59:59 BC'::timestamp;
select '4714-11-23 23:59:59 BC'::timestamptz;
select 'infinity'::timestamp;
select 'infinity'::timestamptz;
select '-infinity'::timestamp;
select '-infinity'::timestamptz;
-- awaits: what docs/sql.md lists under "Not yet as PostgreSQL has it"
select '+infinity'::timestamp;
-- awaits: what docs/sql.md lists under "Not yet as PostgreSQL has it"
select '+infinity'::timestamptz;
select 'epoch'::timestamp;
select 'epoch'::timestamptz;
select ''::timestamp;
select ''::timestamptz;
-- awaits: what docs/sql.md lists under "Not yet as PostgreSQL has it"
select 'today 25:00'::timestamp;
-- awaits: what docs/sql.md lists under "Not yet as PostgreSQL has it"
select 'today 25:00'::timestamptz;
select '2024-02-29 12:34:56 Europe/Berlin'::timestamp;
select '2024-02-29 12:34:56 Europe/Berlin'::timestamptz;
select '2024-07-01 12:34:56 Europe/Berlin'::timestamp;
select '2024-07-01 12:34:56 Europe/Berlin'::timestamptz;
select '2024-02-29 12:34:56+05:30'::timestamp;
select '2024-02-29 12:34:56+05:30'::timestamptz;
select '2024-02-29 12:34:56-12:34:56'::timestamp;
select '2024-02-29 12:34:56-12:34:56'::timestamptz;
select '2024-02-29 12:34:56 +0530'::timestamp;
select '2024-02-29 12:34:56 +0530'::timestamptz;
select '2024-03-10 02:30:00 America/New_York'::timestamp;
select '2024-03-10 02:30:00 America/New_York'::timestamptz;
select '2024-11-03 01:30:00 America/New_York'::timestamp;
select '2024-11-03 01:30:00 America/New_York'::timestamptz;
select '2024-02-29 12:34:56 XYZ'::timestamp;
select '2024-02-29 12:34:56 XYZ'::timestamptz;
select '2024-02-29 12:34:56 Nope/Zone'::timestamp;
select '2024-02-29 12:34:56 Nope/Zone'::timestamptz;
select '2024-02-29 12:34:56.'::timestamp;
select '2024-02-29 12:34:56.'::timestamptz;
select '2024-02-29 12'::timestamp;
select '2024-02-29 12'::timestamptz;
select '2024-02-29 12:60'::timestamp;
select '2024-02-29 12:60'::timestamptz;
select '2024-02-29 12:34:56 AM'::timestamp;
select '2024-02-29 12:34:56 AM'::timestamptz;
select '2024-02-29 1:34:56 PM'::timestamp;
select '2024-02-29 1:34:56 PM'::timestamptz;
select '1970-01-01 00:00:00.000001'::timestamp;
select '1970-01-01 00:00:00.000001'::timestamptz;
select '2024/02/29 12:34'::timestamp;
select '2024/02/29 12:34'::timestamptz;
select '29.02.2024 12:34'::timestamp;
select '29.02.2024 12:34'::timestamptz;
-- awaits: what docs/sql.md lists under "Not yet as PostgreSQL has it"
select '2024-02-29 12:34:56 UTC+3'::timestamp;
-- awaits: what docs/sql.md lists under "Not yet as PostgreSQL has it"
select '2024-02-29 12:34:56 UTC+3'::timestamptz;
select '2024-02-29 12:34:56 EST5EDT'::timestamp;
select '2024-02-29 12:34:56 EST5EDT'::timestamptz;
select '2024-02-29 12:34:56 GMT'::timestamp;
select '2024-02-29 12:34:56 GMT'::timestamptz;
select '2024-06-30 23:59:60'::timestamp;
select '2024-06-30 23:59:60'::timestamptz;

-- precision
select '2024-02-29 23:59:59.9999995'::timestamp(0), '12:34:56.7891235'::time(0), '1 day 00:00:01.2345675'::interval(0);
select '2024-02-29 23:59:59.9999995'::timestamp(1), '12:34:56.7891235'::time(1), '1 day 00:00:01.2345675'::interval(1);
select '2024-02-29 23:59:59.9999995'::timestamp(3), '12:34:56.7891235'::time(3), '1 day 00:00:01.2345675'::interval(3);
select '2024-02-29 23:59:59.9999995'::timestamp(6), '12:34:56.7891235'::time(6), '1 day 00:00:01.2345675'::interval(6);
-- awaits: what docs/sql.md lists under "Not yet as PostgreSQL has it"
select '2024-01-01'::timestamp(7);
select '2024-01-01'::timestamp(-1);
-- awaits: what docs/sql.md lists under "Not yet as PostgreSQL has it"
select '1 s'::interval(9);

-- interval
select '1 day'::interval;
select '1 year 2 mons 3 days 04:05:06.789'::interval;
select '1-2'::interval;
select '3 4:05:06'::interval;
select '-1-2 +3 -4:05:06'::interval;
select 'P1Y2M3DT4H5M6S'::interval;
select 'P0001-02-03T04:05:06'::interval;
select 'PT36H'::interval;
select 'P1W'::interval;
select 'P-1Y'::interval;
select 'P1.5M'::interval;
select '1.5 years'::interval;
select '1.5 months'::interval;
select '1.5 weeks'::interval;
select '1.5 days'::interval;
select '1.5 hours'::interval;
select '0.5 seconds'::interval;
select '1 decade'::interval;
select '1 century'::interval;
select '1 millennium'::interval;
select '2 days ago'::interval;
select '@ 1 minute'::interval;
select '@ 1 minute ago'::interval;
select '-1 day'::interval;
select '+1 day'::interval;
select '1 day -1 hour'::interval;
select '1 mon ago'::interval;
select '12:34'::interval;
select '12:34:56'::interval;
select '-12:34'::interval;
select '12'::interval;
select '1'::interval;
select '1.5'::interval;
select '1e2'::interval;
select '100:00:00'::interval;
select '1 day 25:00:00'::interval;
-- awaits: what docs/sql.md lists under "Not yet as PostgreSQL has it"
select '999999999 years'::interval;
select '178000000 years'::interval;
select '-178000000 years'::interval;
select '2147483647 days'::interval;
select '2147483648 days'::interval;
select ''::interval;
select 'abc'::interval;
select '1 foo'::interval;
select '1 day 1 day'::interval;
select '1h 2m 3s'::interval;
select '1 hr 2 min 3 sec 4 ms 5 us'::interval;
select '1y 1mon 1w 1d'::interval;
select '1 us'::interval;
select '0'::interval;
select '00:00:00'::interval;
-- 15: PostgreSQL 18 has changed this
select 'infinity'::interval;
select '1 year -12 months'::interval;
select '0.1 us'::interval;
select '1.2345678 s'::interval;
select '1 month 30 days 24:00'::interval;
select '-1 year -2 mons +3 days'::interval;
-- awaits: what docs/sql.md lists under "Not yet as PostgreSQL has it"
select 'PT'::interval;
select 'P'::interval;
-- awaits: what docs/sql.md lists under "Not yet as PostgreSQL has it"
select 'P1'::interval;
select '1 day, 2 hours'::interval;
select '1:2:3:4'::interval;
select '1 2 3'::interval;
select interval '1' year;
select interval '1' month;
select interval '1' day;
select interval '1' hour;
select interval '1' minute;
select interval '1' second;
select interval '1-2' year to month;
-- awaits: what docs/sql.md lists under "Not yet as PostgreSQL has it"
select interval '1 2' day to hour;
select interval '1 2:03' day to minute;
select interval '1 2:03:04.567' day to second;
select interval '1:02' hour to minute;
select interval '1:02:03' hour to second;
select interval '1:02' minute to second;
select interval '1 year 2 mons 3 days 4:05:06' year;
select interval '1 year 2 mons 3 days 4:05:06' month;
select interval '1 year 2 mons 3 days 4:05:06' day;
select interval '1 year 2 mons 3 days 4:05:06' hour;
select interval '1 year 2 mons 3 days 4:05:06.7' second(0);
select interval '1 year 2 mons 3 days 4:05:06.789' day to second(1);

-- styles of output
set datestyle = 'ISO, MDY';
select '2024-02-03'::date, '2024-02-03 14:05:06.5'::timestamp, '2024-02-03 14:05:06+00'::timestamptz, '0044-03-15 BC'::date;
select '01/02/03'::date;
select '13/02/2003'::date;
select '02/13/2003'::date;
show datestyle;
set datestyle = 'ISO, DMY';
select '2024-02-03'::date, '2024-02-03 14:05:06.5'::timestamp, '2024-02-03 14:05:06+00'::timestamptz, '0044-03-15 BC'::date;
select '01/02/03'::date;
select '13/02/2003'::date;
select '02/13/2003'::date;
show datestyle;
set datestyle = 'ISO, YMD';
select '2024-02-03'::date, '2024-02-03 14:05:06.5'::timestamp, '2024-02-03 14:05:06+00'::timestamptz, '0044-03-15 BC'::date;
select '01/02/03'::date;
select '13/02/2003'::date;
select '02/13/2003'::date;
show datestyle;
set datestyle = 'SQL, MDY';
select '2024-02-03'::date, '2024-02-03 14:05:06.5'::timestamp, '2024-02-03 14:05:06+00'::timestamptz, '0044-03-15 BC'::date;
select '01/02/03'::date;
select '13/02/2003'::date;
select '02/13/2003'::date;
show datestyle;
set datestyle = 'SQL, DMY';
select '2024-02-03'::date, '2024-02-03 14:05:06.5'::timestamp, '2024-02-03 14:05:06+00'::timestamptz, '0044-03-15 BC'::date;
select '01/02/03'::date;
select '13/02/2003'::date;
select '02/13/2003'::date;
show datestyle;
set datestyle = 'Postgres, MDY';
select '2024-02-03'::date, '2024-02-03 14:05:06.5'::timestamp, '2024-02-03 14:05:06+00'::timestamptz, '0044-03-15 BC'::date;
select '01/02/03'::date;
select '13/02/2003'::date;
select '02/13/2003'::date;
show datestyle;
set datestyle = 'Postgres, DMY';
select '2024-02-03'::date, '2024-02-03 14:05:06.5'::timestamp, '2024-02-03 14:05:06+00'::timestamptz, '0044-03-15 BC'::date;
select '01/02/03'::date;
select '13/02/2003'::date;
select '02/13/2003'::date;
show datestyle;
set datestyle = 'German';
select '2024-02-03'::date, '2024-02-03 14:05:06.5'::timestamp, '2024-02-03 14:05:06+00'::timestamptz, '0044-03-15 BC'::date;
select '01/02/03'::date;
select '13/02/2003'::date;
select '02/13/2003'::date;
show datestyle;
-- awaits: what docs/sql.md lists under "Not yet as PostgreSQL has it"
set datestyle = 'nope';
set datestyle = 'ISO, ISO';
set datestyle to iso, mdy;
show datestyle;
set intervalstyle = 'postgres';
select '1 year 2 mons -3 days 4:05:06.7'::interval, '-1 day'::interval, '0'::interval, '1 mon'::interval, '-0.5 s'::interval, '1 day 2 hours'::interval, '-1 year -2 mons'::interval;
set intervalstyle = 'postgres_verbose';
select '1 year 2 mons -3 days 4:05:06.7'::interval, '-1 day'::interval, '0'::interval, '1 mon'::interval, '-0.5 s'::interval, '1 day 2 hours'::interval, '-1 year -2 mons'::interval;
set intervalstyle = 'sql_standard';
select '1 year 2 mons -3 days 4:05:06.7'::interval, '-1 day'::interval, '0'::interval, '1 mon'::interval, '-0.5 s'::interval, '1 day 2 hours'::interval, '-1 year -2 mons'::interval;
set intervalstyle = 'iso_8601';
select '1 year 2 mons -3 days 4:05:06.7'::interval, '-1 day'::interval, '0'::interval, '1 mon'::interval, '-0.5 s'::interval, '1 day 2 hours'::interval, '-1 year -2 mons'::interval;
-- awaits: what docs/sql.md lists under "Not yet as PostgreSQL has it"
set intervalstyle = 'nope';
reset intervalstyle;

-- time zones
set timezone = 'UTC';
select '2024-01-15 12:00+00'::timestamptz, '2024-07-15 12:00+00'::timestamptz, '1883-11-18 12:00+00'::timestamptz, '2024-07-15 12:00'::timestamptz;
set timezone = 'America/New_York';
select '2024-01-15 12:00+00'::timestamptz, '2024-07-15 12:00+00'::timestamptz, '1883-11-18 12:00+00'::timestamptz, '2024-07-15 12:00'::timestamptz;
set timezone = 'Asia/Kolkata';
select '2024-01-15 12:00+00'::timestamptz, '2024-07-15 12:00+00'::timestamptz, '1883-11-18 12:00+00'::timestamptz, '2024-07-15 12:00'::timestamptz;
set timezone = 'Europe/London';
select '2024-01-15 12:00+00'::timestamptz, '2024-07-15 12:00+00'::timestamptz, '1883-11-18 12:00+00'::timestamptz, '2024-07-15 12:00'::timestamptz;
set timezone = 'EST';
-- awaits: what docs/sql.md lists under "Not yet as PostgreSQL has it"
select '2024-01-15 12:00+00'::timestamptz, '2024-07-15 12:00+00'::timestamptz, '1883-11-18 12:00+00'::timestamptz, '2024-07-15 12:00'::timestamptz;
set timezone = 'EST5EDT';
-- awaits: what docs/sql.md lists under "Not yet as PostgreSQL has it"
select '2024-01-15 12:00+00'::timestamptz, '2024-07-15 12:00+00'::timestamptz, '1883-11-18 12:00+00'::timestamptz, '2024-07-15 12:00'::timestamptz;
-- awaits: what docs/sql.md lists under "Not yet as PostgreSQL has it"
set timezone = '+05:30';
-- awaits: what docs/sql.md lists under "Not yet as PostgreSQL has it"
select '2024-01-15 12:00+00'::timestamptz, '2024-07-15 12:00+00'::timestamptz, '1883-11-18 12:00+00'::timestamptz, '2024-07-15 12:00'::timestamptz;
-- awaits: what docs/sql.md lists under "Not yet as PostgreSQL has it"
set timezone = '-3';
-- awaits: what docs/sql.md lists under "Not yet as PostgreSQL has it"
select '2024-01-15 12:00+00'::timestamptz, '2024-07-15 12:00+00'::timestamptz, '1883-11-18 12:00+00'::timestamptz, '2024-07-15 12:00'::timestamptz;
-- awaits: what docs/sql.md lists under "Not yet as PostgreSQL has it"
set timezone = '5';
-- awaits: what docs/sql.md lists under "Not yet as PostgreSQL has it"
select '2024-01-15 12:00+00'::timestamptz, '2024-07-15 12:00+00'::timestamptz, '1883-11-18 12:00+00'::timestamptz, '2024-07-15 12:00'::timestamptz;
set timezone = 'Etc/GMT+3';
select '2024-01-15 12:00+00'::timestamptz, '2024-07-15 12:00+00'::timestamptz, '1883-11-18 12:00+00'::timestamptz, '2024-07-15 12:00'::timestamptz;
set timezone = 'Nope/Zone';
select '2024-01-15 12:00+00'::timestamptz, '2024-07-15 12:00+00'::timestamptz, '1883-11-18 12:00+00'::timestamptz, '2024-07-15 12:00'::timestamptz;
set timezone = 'interval';
select '2024-01-15 12:00+00'::timestamptz, '2024-07-15 12:00+00'::timestamptz, '1883-11-18 12:00+00'::timestamptz, '2024-07-15 12:00'::timestamptz;
set timezone = 'Pacific/Apia';
select '2024-01-15 12:00+00'::timestamptz, '2024-07-15 12:00+00'::timestamptz, '1883-11-18 12:00+00'::timestamptz, '2024-07-15 12:00'::timestamptz;
set timezone = 'CET';
-- awaits: what docs/sql.md lists under "Not yet as PostgreSQL has it"
select '2024-01-15 12:00+00'::timestamptz, '2024-07-15 12:00+00'::timestamptz, '1883-11-18 12:00+00'::timestamptz, '2024-07-15 12:00'::timestamptz;
-- awaits: this value of timezone
set time zone interval '-08:00' hour to minute;
-- awaits: what docs/sql.md lists under "Not yet as PostgreSQL has it"
select '2024-01-15 12:00+00'::timestamptz;
-- awaits: what docs/sql.md lists under "Not yet as PostgreSQL has it"
show timezone;
set time zone default;
set time zone local;
-- awaits: what docs/sql.md lists under "Not yet as PostgreSQL has it"
set time zone -7.5;
-- awaits: what docs/sql.md lists under "Not yet as PostgreSQL has it"
select '2024-01-15 12:00+00'::timestamptz;
set timezone = 'UTC';
