/** Differences between this server and PostgreSQL in answers to random queries that are meant; docs/sql.md tells of them. */

export interface Answers {
  readonly theirs: string;
  readonly ours: string;
}

const EXPLAINED: readonly { readonly why: string; applies(sql: string, answers: Answers): boolean }[] = [
  {
    why: 'the length or precision of a value that the planner of PostgreSQL chose beforehand, as of CASE WHEN true',
    applies: (sql, { theirs, ours }) =>
      /\b(case|coalesce)\b/i.test(sql) && theirs !== ours && withoutModifiers(theirs) === withoutModifiers(ours),
  },
  {
    why: 'an aggregate of the query around over a subquery, which is refused',
    applies: (_, { ours }) => ours.includes('an aggregate of an outer query over a subquery is not supported'),
  },
  {
    why: 'of several mistakes PostgreSQL 15 tells first of a query in FROM without a name, which is one of grammar there',
    applies: (_, { theirs, ours }) => /must have an alias/.test(theirs) && codeOf(ours) !== undefined,
  },
  {
    why: 'a full join that could be a plain one is refused',
    applies: (_, { theirs, ours }) =>
      codeOf(theirs) === undefined && /^E C:0A000 M:FULL JOIN is only supported/.test(ours),
  },
  {
    why: "the number of a session's schema for temporary tables",
    applies: (_, { theirs, ours }) => theirs !== ours && withoutNumbers(theirs) === withoutNumbers(ours),
  },
  {
    why: 'the place of AT TIME ZONE',
    applies: (sql, { theirs, ours }) =>
      /\bat time zone\b/.test(sql) && theirs !== ours && theirs.replace(/ P:\d+/, '') === ours.replace(/ P:\d+/, ''),
  },
  {
    why: 'which word of a jsonpath is the one that cannot stand there',
    applies: (_, answers) =>
      [answers.theirs, answers.ours].every((answer) => /^E C:42601 M:syntax error .* of jsonpath input/.test(answer)),
  },
  {
    why: 'PostgreSQL failed by a mistake of its own',
    applies: (_, { theirs }) => codeOf(theirs) === 'XX000',
  },
  {
    why: 'more than one operator may hold, where nothing can go into files',
    applies: (_, { ours }) => codeOf(ours) === '53200',
  },
  {
    why: 'another of several columns that are not grouped',
    applies: (_, { theirs, ours }) =>
      [theirs, ours].every((answer) =>
        /^E C:42803 M:(subquery uses un|column .* must appear|arguments to GROUPING must be)/.test(answer),
      ),
  },
  {
    why: 'an array in binary that says it may hold nulls, since one that it was made from did',
    applies: (_, { theirs, ours }) => theirs !== ours && withoutNullFlags(theirs) === withoutNullFlags(ours),
  },
  {
    why: 'a parameter may stand where PostgreSQL takes only a literal',
    applies: (_, { theirs }) => /^E C:42601 M:syntax error at or near "\$\d+"/.test(theirs),
  },
  {
    why: 'what MERGE joins by is no condition, which PostgreSQL does not ask',
    applies: (sql, { theirs, ours }) =>
      /\bmerge into\b/.test(sql) &&
      codeOf(theirs) === undefined &&
      /^E C:(42804 M:argument of JOIN\/ON must be|22P02 M:invalid input syntax for) type boolean/.test(ours),
  },
  {
    why: 'an operator that is not there for text, which a parameter has become',
    applies: (_, { theirs, ours }) =>
      codeOf(theirs) === '42883' && theirs !== ours && theirs.replaceAll('unknown', 'text') === ours,
  },
  {
    why: 'another of several rows that break the same rule',
    applies: (_, { theirs, ours }) =>
      theirs !== ours && /^(23|44)/.test(codeOf(theirs) ?? '') && withoutRow(theirs) === withoutRow(ours),
  },
  {
    why: 'which row of several is written first, where keys are free or taken by that',
    applies: (sql, { theirs, ours }) => {
      const both = [codeOf(theirs), codeOf(ours)];
      const moves = /\bset (\w+) = \1 [-+]/.test(sql);
      return (
        (moves || /\binsert into [^(]*(\([^)]*\) )?select\b/.test(sql)) &&
        both.every((code) => code === '23505' || code === '21000' || (moves && (code ?? '23503') === '23503'))
      );
    },
  },
  {
    why: 'an error of values in rows that only one of both looked at, or two errors of which each named one',
    applies: (_, { theirs, ours }) => {
      const [a, b] = [codeOf(theirs), codeOf(ours)];
      if (a === undefined && b === undefined) return false;
      if ([a, b].every((code) => code === undefined || /^(22|21)/.test(code))) return true;
      return [a, b].some((code) => /^23/.test(code ?? '')) && [a, b].some((code) => /^22/.test(code ?? ''));
    },
  },
];

function withoutNumbers(answer: string): string {
  return answer.replace(/ s:pg_temp_\d+/, ' s:pg_temp');
}

/** Columns without what is behind their types. */
function withoutModifiers(answer: string): string {
  return answer.replace(/^T .*$/m, (line) => line.replaceAll(/(\/-?\d+)\/-?\d+/g, '$1'));
}

function withoutRow(answer: string): string {
  return answer
    .replace(/=\(.*\) (already exists|is (still referenced|not present))/, '')
    .replace(/D:Failing row contains \(.*\)\./, '');
}

/** Arrays in binary begin with how many dimensions they have and whether nulls may be among what they hold. */
function withoutNullFlags(answer: string): string {
  return answer.replaceAll(/("(?:\\u0000){3}\\u000\d(?:\\u0000){3})\\u0001/g, '$1\\u0000');
}

/** The SQLSTATE of a refusal, as `printed` of the corpus shows it. */
export function codeOf(answer: string): string | undefined {
  return /^E C?:?(\w{5})/m.exec(answer)?.[1];
}

/** Undefined for a difference that nothing explains. */
export function explanationOf(sql: string, answers: Answers): string | undefined {
  return EXPLAINED.find((each) => each.applies(sql, answers))?.why;
}
