/**
 * Tables, rows and queries like those of TPC-H (tpc.org), from a seed: not its data, but its shapes, sizes and
 * distributions as far as the queries here depend on them. Rows are lines of COPY.
 */

import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { join } from 'node:path';
import { finished } from 'node:stream/promises';

export const TABLES = [
  `CREATE TABLE region (r_regionkey int PRIMARY KEY, r_name char(25) NOT NULL, r_comment varchar(152))`,
  `CREATE TABLE nation (n_nationkey int PRIMARY KEY, n_name char(25) NOT NULL, n_regionkey int NOT NULL, n_comment varchar(152))`,
  `CREATE TABLE supplier (s_suppkey int PRIMARY KEY, s_name char(25) NOT NULL, s_address varchar(40) NOT NULL,
    s_nationkey int NOT NULL, s_phone char(15) NOT NULL, s_acctbal numeric(15,2) NOT NULL, s_comment varchar(101) NOT NULL)`,
  `CREATE TABLE customer (c_custkey int PRIMARY KEY, c_name varchar(25) NOT NULL, c_address varchar(40) NOT NULL,
    c_nationkey int NOT NULL, c_phone char(15) NOT NULL, c_acctbal numeric(15,2) NOT NULL, c_mktsegment char(10) NOT NULL,
    c_comment varchar(117) NOT NULL)`,
  `CREATE TABLE orders (o_orderkey int PRIMARY KEY, o_custkey int NOT NULL, o_orderstatus char(1) NOT NULL,
    o_totalprice numeric(15,2) NOT NULL, o_orderdate date NOT NULL, o_orderpriority char(15) NOT NULL,
    o_clerk char(15) NOT NULL, o_shippriority int NOT NULL, o_comment varchar(79) NOT NULL)`,
  `CREATE TABLE lineitem (l_orderkey int NOT NULL, l_partkey int NOT NULL, l_suppkey int NOT NULL, l_linenumber int NOT NULL,
    l_quantity numeric(15,2) NOT NULL, l_extendedprice numeric(15,2) NOT NULL, l_discount numeric(15,2) NOT NULL,
    l_tax numeric(15,2) NOT NULL, l_returnflag char(1) NOT NULL, l_linestatus char(1) NOT NULL, l_shipdate date NOT NULL,
    l_commitdate date NOT NULL, l_receiptdate date NOT NULL, l_shipinstruct char(25) NOT NULL, l_shipmode char(10) NOT NULL,
    l_comment varchar(44) NOT NULL, PRIMARY KEY (l_orderkey, l_linenumber))`,
] as const;

/** Made when the rows are there. */
export const INDEXES = ['CREATE INDEX orders_custkey ON orders (o_custkey)'] as const;

export const NAMES = ['region', 'nation', 'supplier', 'customer', 'orders', 'lineitem'] as const;

export const QUERIES: Readonly<Record<string, string>> = {
  Q1: `SELECT l_returnflag, l_linestatus, sum(l_quantity) AS sum_qty, sum(l_extendedprice) AS sum_base_price,
      sum(l_extendedprice * (1 - l_discount)) AS sum_disc_price,
      sum(l_extendedprice * (1 - l_discount) * (1 + l_tax)) AS sum_charge, avg(l_quantity) AS avg_qty,
      avg(l_extendedprice) AS avg_price, avg(l_discount) AS avg_disc, count(*) AS count_order
    FROM lineitem WHERE l_shipdate <= date '1998-12-01' - interval '90' day
    GROUP BY l_returnflag, l_linestatus ORDER BY l_returnflag, l_linestatus`,
  Q3: `SELECT l_orderkey, sum(l_extendedprice * (1 - l_discount)) AS revenue, o_orderdate, o_shippriority
    FROM customer, orders, lineitem
    WHERE c_mktsegment = 'BUILDING' AND c_custkey = o_custkey AND l_orderkey = o_orderkey
      AND o_orderdate < date '1995-03-15' AND l_shipdate > date '1995-03-15'
    GROUP BY l_orderkey, o_orderdate, o_shippriority ORDER BY revenue DESC, o_orderdate, l_orderkey LIMIT 10`,
  Q5: `SELECT n_name, sum(l_extendedprice * (1 - l_discount)) AS revenue
    FROM customer, orders, lineitem, supplier, nation, region
    WHERE c_custkey = o_custkey AND l_orderkey = o_orderkey AND l_suppkey = s_suppkey AND c_nationkey = s_nationkey
      AND s_nationkey = n_nationkey AND n_regionkey = r_regionkey AND r_name = 'ASIA'
      AND o_orderdate >= date '1994-01-01' AND o_orderdate < date '1994-01-01' + interval '1' year
    GROUP BY n_name ORDER BY revenue DESC`,
  Q6: `SELECT sum(l_extendedprice * l_discount) AS revenue FROM lineitem
    WHERE l_shipdate >= date '1994-01-01' AND l_shipdate < date '1994-01-01' + interval '1' year
      AND l_discount BETWEEN 0.06 - 0.01 AND 0.06 + 0.01 AND l_quantity < 24`,
  Q13: `SELECT c_count, count(*) AS custdist FROM (
      SELECT c_custkey, count(o_orderkey) FROM customer LEFT OUTER JOIN orders
        ON c_custkey = o_custkey AND o_comment NOT LIKE '%special%requests%'
      GROUP BY c_custkey) AS c_orders (c_custkey, c_count)
    GROUP BY c_count ORDER BY custdist DESC, c_count DESC`,
  Q18: `SELECT c_name, c_custkey, o_orderkey, o_orderdate, o_totalprice, sum(l_quantity)
    FROM customer, orders, lineitem
    WHERE o_orderkey IN (SELECT l_orderkey FROM lineitem GROUP BY l_orderkey HAVING sum(l_quantity) > 300)
      AND c_custkey = o_custkey AND o_orderkey = l_orderkey
    GROUP BY c_name, c_custkey, o_orderkey, o_orderdate, o_totalprice
    ORDER BY o_totalprice DESC, o_orderdate, o_orderkey LIMIT 100`,
};

const REGIONS = ['AFRICA', 'AMERICA', 'ASIA', 'EUROPE', 'MIDDLE EAST'];
const SEGMENTS = ['AUTOMOBILE', 'BUILDING', 'FURNITURE', 'MACHINERY', 'HOUSEHOLD'];
const PRIORITIES = ['1-URGENT', '2-HIGH', '3-MEDIUM', '4-NOT SPECIFIED', '5-LOW'];
const MODES = ['REG AIR', 'AIR', 'RAIL', 'SHIP', 'TRUCK', 'MAIL', 'FOB'];
const INSTRUCTIONS = ['DELIVER IN PERSON', 'COLLECT COD', 'NONE', 'TAKE BACK RETURN'];
const WORDS =
  'the quick final furious ironic regular express pending deposits accounts packages theodolites instructions special requests sleep wake nag haggle about across above carefully blithely slyly'.split(
    ' ',
  );

const FIRST_DAY = Date.UTC(1992, 0, 1) / 86_400_000;
/** TPC-H's day of "today". */
const CURRENT_DAY = Date.UTC(1995, 5, 17) / 86_400_000;
const ORDER_DAYS = 2_406 - 151;

/** Writes one file of COPY's text form for each table, named as it. */
export async function generate(directory: string, scale: number, seed: number): Promise<void> {
  let state = seed >>> 0;
  const random = (): number => {
    state = (state + 0x6d2b_79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
  const int = (low: number, high: number): number => low + Math.floor(random() * (high - low + 1));
  const pick = (values: readonly string[]): string => values[Math.floor(random() * values.length)]!;
  const words = (bytesMax: number): string => {
    let text = pick(WORDS);
    const length = int(bytesMax >> 1, bytesMax);
    for (let next = pick(WORDS); text.length + next.length < length; next = pick(WORDS)) text += ` ${next}`;
    return text;
  };
  const cents = (low: number, high: number): string => (int(low * 100, high * 100) / 100).toFixed(2);
  const phone = (nation: number): string => `${10 + nation}-${int(100, 999)}-${int(100, 999)}-${int(1_000, 9_999)}`;
  const day = (number: number): string => new Date(number * 86_400_000).toISOString().slice(0, 10);
  const table = async (name: string, rows: () => Iterable<readonly (string | number)[]>): Promise<void> => {
    const file = createWriteStream(join(directory, name));
    let chunk = '';
    for (const row of rows()) {
      chunk += `${row.join('\t')}\n`;
      if (chunk.length < 1_000_000) continue;
      if (!file.write(chunk)) await once(file, 'drain');
      chunk = '';
    }
    file.end(chunk);
    await finished(file);
  };
  const suppliers = Math.round(10_000 * scale);
  const customers = Math.round(150_000 * scale);
  const orders = Math.round(1_500_000 * scale);
  const parts = Math.round(200_000 * scale);
  await table('region', () => REGIONS.map((name, i) => [i, name, words(100)]));
  await table('nation', () => Array.from({ length: 25 }, (_, i) => [i, `NATION ${i}`, i % 5, words(100)]));
  await table('supplier', function* () {
    for (let i = 1; i <= suppliers; i++) {
      const nation = int(0, 24);
      yield [i, `Supplier#${i}`, words(30), nation, phone(nation), cents(-999, 9_999), words(90)];
    }
  });
  await table('customer', function* () {
    for (let i = 1; i <= customers; i++) {
      const nation = int(0, 24);
      const name = `Customer#${String(i).padStart(9, '0')}`;
      yield [i, name, words(30), nation, phone(nation), cents(-999, 9_999), pick(SEGMENTS), words(110)];
    }
  });
  const lines: (readonly (string | number)[])[] = [];
  const lineFile = createWriteStream(join(directory, 'lineitem'));
  await table('orders', function* () {
    for (let key = 1; key <= orders; key++) {
      // A third of the customers never order.
      let customer = int(1, customers);
      if (customer % 3 === 0) customer = Math.max(1, customer - 1);
      const orderDay = FIRST_DAY + int(0, ORDER_DAYS);
      const count = int(1, 7);
      let total = 0;
      let open = 0;
      for (let number = 1; number <= count; number++) {
        const quantity = int(1, 50);
        const part = int(1, parts);
        const price = (quantity * (90_000 + ((part / 10) % 20_001) + 100 * (part % 1_000))) / 100;
        const discount = int(0, 10) / 100;
        const tax = int(0, 8) / 100;
        const ship = orderDay + int(1, 121);
        const receipt = ship + int(1, 30);
        const isOpen = ship > CURRENT_DAY;
        if (isOpen) open++;
        total += price * (1 + tax) * (1 - discount);
        const flag = receipt <= CURRENT_DAY ? pick(['R', 'A']) : 'N';
        lines.push([
          key,
          part,
          int(1, suppliers),
          number,
          quantity.toFixed(2),
          price.toFixed(2),
          discount.toFixed(2),
          tax.toFixed(2),
          flag,
          isOpen ? 'O' : 'F',
          day(ship),
          day(orderDay + int(30, 90)),
          day(receipt),
          pick(INSTRUCTIONS),
          pick(MODES),
          words(40),
        ]);
      }
      if (lines.length > 5_000)
        lineFile.write(
          `${lines
            .splice(0)
            .map((line) => line.join('\t'))
            .join('\n')}\n`,
        );
      const status = open === 0 ? 'F' : open === count ? 'O' : 'P';
      const clerk = `Clerk#${String(int(1, 1_000)).padStart(9, '0')}`;
      yield [key, customer, status, total.toFixed(2), day(orderDay), pick(PRIORITIES), clerk, 0, words(75)];
    }
  });
  lineFile.end(lines.map((line) => `${line.join('\t')}\n`).join(''));
  await finished(lineFile);
}
