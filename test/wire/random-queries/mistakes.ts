/** Puts a mistake into a statement: a name that is not there, an argument too many, a value of another type, a word too few or too many. */

import type { SeededRandom } from '../../../src/platform/simulated/seeded-random.ts';

export function mistaken(sql: string, random: SeededRandom): string {
  switch (random.int(12)) {
    case 0:
      return replaced(sql, random, /\b[swo]\d*\.[a-z]+\d*/g, (found) => `${found}q`);
    case 1:
      return replaced(sql, random, /\b[so]\d+\./g, () => 'nope.');
    case 2:
      return replaced(
        sql,
        random,
        /\b(?:length|abs|lower|upper|coalesce|concat|round)\(/g,
        (found) => `${found}true, `,
      );
    case 3:
      return replaced(sql, random, /\b(?:q[123]|v[123]|wf?)\b(?!\.)/g, (found) => `${found}x`);
    case 4:
      return replaced(sql, random, /\b\d+\b/g, () => "'x'");
    case 5:
      return replaced(sql, random, /\b[a-z]+\(/g, (found) => `x${found}`);
    case 6: {
      const tokens = sql.split(' ');
      tokens.splice(random.int(tokens.length), 1);
      return tokens.join(' ');
    }
    case 7: {
      const tokens = sql.split(' ');
      const place = random.int(tokens.length);
      [tokens[place], tokens[tokens.length - 1 - place]] = [tokens[tokens.length - 1 - place]!, tokens[place]!];
      return tokens.join(' ');
    }
    case 8:
      return replaced(sql, random, /[()]/g, () => '');
    case 9:
      return replaced(sql, random, /::\w+/g, () =>
        random.pick(['::int', '::jsonb', '::date', '::nosuch', '::int4range']),
      );
    case 10:
      return replaced(sql, random, / (?:[=<>]|\|\||and|in|\+) /g, () =>
        random.pick([' + ', ' || ', ' @> ', ' and ', ' ~ ']),
      );
    default: {
      const tokens = sql.split(' ');
      const place = random.int(tokens.length);
      tokens.splice(place, 0, tokens[random.int(tokens.length)]!);
      return tokens.join(' ');
    }
  }
}

function replaced(sql: string, random: SeededRandom, pattern: RegExp, by: (found: string) => string): string {
  const found = [...sql.matchAll(pattern)];
  if (found.length === 0) return sql;
  const { 0: text, index } = random.pick(found);
  return sql.slice(0, index) + by(text) + sql.slice(index + text.length);
}
