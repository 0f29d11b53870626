-- Functions that hash values of the types, with and without a seed: applications choose shards and locks by what they give.

select hashtext(''), hashtext('a'), hashtext('abcdefghijk'), hashtext('abcdefghijkl'), hashtext('abcdefghijklm'), hashtext(null);
select g, hashtext(repeat('x', g)), hashtextextended(repeat('é', g), g::bigint << 33) from generate_series(0, 40) g;
select hashtext('orders:' || g) % 16 from generate_series(1, 20) g;
select hashtextextended('a', 0), hashtextextended('a', 1), hashtextextended('a', -1), hashtextextended('', 9223372036854775807);
select hashtext('a'::varchar), hashname('a'), hashnameextended('a', 5), hashbpchar('ab   '), hashbpchar('ab'), hashbpcharextended('ab ', 3);
select hashchar('a'), hashchar('\377'), hashcharextended('a', 7), hashint2(-1::int2), hashint2extended(12::int2, 9);
select hashint4(0), hashint4(-1), hashint4(2147483647), hashint4extended(42, 42), hashint4extended(-42, -42);
select hashint8(0), hashint8(-1), hashint8(42), hashint8(9223372036854775807), hashint8(-9223372036854775808), hashint8extended(1::bigint << 40, 3);
select hashint8(g) = hashint4(g), hashint8(g) = hashint2(g::int2) from generate_series(-3, 3) g;
select hashoid(4294967295), hashoidextended('pg_class'::regclass, 1);
select hashfloat8(0), hashfloat8('-0'), hashfloat8(1.5), hashfloat8('Infinity'), hashfloat8extended(0, 8), hashfloat8extended(-2.25, 8);
select hashfloat4(1.5) = hashfloat8(1.5), hashfloat4(0.1), hashfloat4extended(0.1, 2), hashfloat8('NaN'), hashfloat4('NaN');
select uuid_hash('a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'), uuid_hash_extended('a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', 6);
select hashmacaddr('08:00:2b:01:02:03'), hashmacaddr8('08:00:2b:01:02:03:04:05'), hashmacaddrextended('08:00:2b:01:02:03', 1);
select timestamp_hash('2024-02-29 12:34:56.789'), timestamp_hash('1999-01-01'), timestamp_hash_extended('infinity', 1), time_hash('23:59:59.5'), time_hash_extended('00:00', 4);
select pg_advisory_xact_lock(hashtext('job')), pg_try_advisory_xact_lock(hashtextextended('job', 0));
select hashtext(12);
select hashtext('a', 'b');
