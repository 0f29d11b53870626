-- Objects of every kind and awkward values: what pg_dump has to find. See pg-dump.test.ts.
create schema shop;
create schema "Odd Name";
create type shop.status as enum ('new', 'paid', 'it''s sent');
create type shop.address as (street text, zip varchar(10), lines text[]);
create domain shop.email as text default 'nobody@example.org' not null check (value ~ '@') check (length(value) < 200);
create domain shop.statuses as shop.status[];
create sequence shop.numbers increment by 5 start with 100 minvalue 10 maxvalue 100000 cycle;
create table shop.customer (
  id bigint generated always as identity (start with 10) primary key,
  mail shop.email,
  "Full Name" varchar(80) not null default 'n/a',
  home shop.address,
  tags text[] default '{}',
  balance numeric(12,2) default 0.00 not null check (balance >= -100),
  since timestamptz default '2024-05-06 07:08:09+00',
  note text,
  constraint "no empty" check ("Full Name" <> ''),
  unique nulls not distinct (note)
);
comment on table shop.customer is 'who buys';
comment on column shop.customer."Full Name" is 'as they''d write it';
create table shop.orders (
  id serial primary key,
  customer bigint not null references shop.customer on delete cascade on update restrict deferrable initially deferred,
  state shop.status not null default 'new',
  placed date default '2020-01-01',
  total numeric(10,2),
  tax numeric(10,2) generated always as (total * 0.2) stored,
  data jsonb default '{"a": [1, 2]}'
);
create table shop.lines (order_id int references shop.orders(id), no smallint, price numeric, primary key (order_id, no));
create table "Odd Name"."T""able" ("a b" int primary key, c double precision default 'NaN', d interval default '1 day 02:00:00', e bytea default '\xdead', f uuid, g int4range, h inet, i time(3));
create table public.bare (v text, w real, x "char");
create sequence shop.invoice_numbers start 100;
create table shop.invoices (id text default ('INV-' || nextval('shop.invoice_numbers')) primary key, n numeric default nextval('shop.invoice_numbers'), tags text[] default array[]::text[]);
create domain shop.label as text collate "C";
create table shop.named (a text collate "C" primary key, b varchar(9) collate "POSIX" check (b collate "C" <> 'x'), c shop.label, d shop.label collate "default", e name collate "default");
create index named_b on shop.named (b collate "C", lower(b), (a || b) collate "default");
create view shop.labelled as select a, b collate "C" as b from shop.named order by c collate "POSIX";
create index on shop.orders (customer, placed desc nulls last);
create index orders_lower on shop.orders ((data ->> 'a'), (total + 1)) where total > 10;
create unique index on shop.customer (lower(mail::text)) include (since);
create view shop.paid as select o.id, o.total, c."Full Name" as who from shop.orders o join shop.customer c on c.id = o.customer where o.state = 'paid' and o.total > 5;
create view public.big as select id, total from shop.paid where total > 100;
create view shop.summary as select customer, count(*) as n, sum(total) as total from shop.orders group by customer having count(*) > 1 order by customer;
create view shop.both_kinds as select id, 'order' as kind from shop.orders union all select id, 'customer' from shop.customer;
set search_path = shop, public;
create view plain_names as select id from orders union select order_id from lines;
reset search_path;
create materialized view shop.totals as select state, sum(total) as total from shop.orders group by state;
create unique index on shop.totals (state);
create function shop.add(a int, b int default 2) returns int language sql immutable strict as 'select a + b';
comment on function shop.add(int, int) is 'it''s a sum';
create function shop.orders_of(c bigint) returns setof shop.orders language sql stable as $$ select * from shop.orders where customer = c $$;
create function shop.pair(out a int, out b text) language sql as $$ select 1, 'x' $$;
create function shop.tab(n int) returns table (i int, sq int) language sql as $$ select g, g * g from generate_series(1, n) g $$;
insert into shop.customer (mail, "Full Name", home, tags, note) values ('a@b', E'tab\there\nnew\\line', row('Main "St"', '123', '{x,"y z"}'), '{"a b",NULL,c}', null), ('c@d', 'Zoë', null, null, 'hi');
insert into shop.orders (customer, state, total, placed) values (10, 'paid', 250.5, '2024-02-29'), (11, 'it''s sent', 3, '1999-12-31'), (10, 'new', null, null);
insert into shop.lines values (1, 1, 1e30), (1, 2, -0.5);
insert into "Odd Name"."T""able" values (1, '-Infinity', '1 mon -3 days', '\x00ff', 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', '[1,5)', '10.0.0.1/8', '12:34:56.789');
insert into public.bare values ('\.', 1.5e-10, 'x'), (null, null, null), ('', 'inf', '');
select nextval('shop.numbers'), nextval('shop.numbers');
refresh materialized view shop.totals;
create view shop.recent as with r as (select * from shop.orders where placed > current_date - 7) select r.id, (select max(price) from shop.lines l where l.order_id = r.id) as top from r;
create function public.doubled(x numeric) returns numeric language sql return x * 2;
create type shop.span as range (subtype = float8, subtype_diff = float8mi);
create type shop.words as range (subtype = text, subtype_opclass = text_pattern_ops);
create unlogged table shop.cache (k text primary key, of regclass, kinds regtype[], s shop.span);
insert into shop.cache values ('a', 'shop.orders', '{int4,text}', '[1.5,2)'), ('b', null, '{}', 'empty');
create index cache_of on shop.cache using hash (k);
create index cache_any on shop.cache (coalesce(k, ''), greatest(k, 'a'), nullif(k, 'b'), (k || 'c'));
alter table shop.orders cluster on orders_pkey;
create index on shop.orders using gin (data);
create index orders_paths on shop.orders using gin ((data -> 'a') jsonb_path_ops) with (fastupdate=off) where total > 10;
create index on shop.customer using gin (tags);
create view shop.per_customer with (security_barrier = true) as select c.id, c."Full Name" as who, count(o.*) as n, o from shop.customer c left join shop.orders o on o.customer = c.id group by c.id, o;
comment on view shop.per_customer is 'needs the primary key';
create extension "uuid-ossp" with schema shop;
create extension pgcrypto;
create table shop.keyed (id uuid primary key default shop.uuid_generate_v4(), v uuid default shop.uuid_generate_v5(shop.uuid_ns_url(), 'x'), h bytea generated always as (public.digest('a'::text, 'md5'::text)) stored, n numeric default public.doubled(2), check (v <> shop.uuid_nil()));
insert into shop.keyed (id, n) values ('a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', 1);
create index on shop.keyed (shop.uuid_generate_v3(id, 'x'));
