/** The tables of docs/configuration.md, made from the schema. */

import { COMPATIBILITY, FOREIGN_ENVIRONMENT } from '../../src/config/compatibility.ts';
import type { Field } from '../../src/config/field.ts';
import { COMMON_FLAGS, flagOf, START_FLAGS } from '../../src/config/flags.ts';
import { FOREIGN_PROVIDER_TYPES, PROVIDER_FIELDS, PROVIDER_TYPES } from '../../src/config/provider-schema.ts';
import { FIELDS } from '../../src/config/schema.ts';

export const BEGIN = '<!-- made from the schema: vitest run test/config/documentation.test.ts -u -->';
export const END = '<!-- end of what is made from the schema -->';

/** Everything between `BEGIN` and `END`. */
export function renderReference(): string {
  const idle = [
    ...COMPATIBILITY,
    ...PROVIDER_TYPES.flatMap((type) => PROVIDER_FIELDS[type].filter((field) => field.idle)),
  ];
  return [
    '## Keys',
    ...sections(Object.values(FIELDS)).flatMap(([section, fields]) => [`### ${section}`, keyTable(fields)]),
    '## Keys of providers',
    ...PROVIDER_TYPES.flatMap((type) => [
      `### \`[providers.NAME]\` of \`type = "${type}"\``,
      keyTable(PROVIDER_FIELDS[type].filter((field) => field.idle === undefined)),
    ]),
    `Other types are refused: ${Object.keys(FOREIGN_PROVIDER_TYPES).join(', ')}.`,
    '## Flags',
    table(
      ['Flag', 'Key', ''],
      [...COMMON_FLAGS, ...START_FLAGS].map(({ syntax, path, description }) => [
        code(syntax),
        path ? code(path) : '',
        description,
      ]),
    ),
    '## Accepted without effect',
    'Keys of other Orbit files that this build does nothing with. `orbit config check` and `orbit start` warn of each that',
    'is given, unless its value asks for what happens anyway. `**` stands for everything below.',
    idleTable(idle),
    '## Environment variables that are refused',
    table(
      ['Variable', 'Instead'],
      Object.entries(FOREIGN_ENVIRONMENT).map(([name, fix]) => [code(name.endsWith('_') ? `${name}*` : name), fix]),
    ),
  ]
    .join('\n\n')
    .replace('that\n\nis given', 'that\nis given');
}

function sections(fields: readonly Field[]): [string, Field[]][] {
  const bySection = new Map<string, Field[]>();
  for (const field of fields) {
    const section = field.path.slice(0, field.path.lastIndexOf('.'));
    const title = section.endsWith('[]') ? code(`[[${section.slice(0, -2)}]]`) : code(`[${section}]`);
    bySection.set(title, [...(bySection.get(title) ?? []), field]);
  }
  return [...bySection];
}

function keyTable(fields: readonly Field[]): string {
  return table(
    ['Key', 'Value', 'Default', 'Environment', 'Flag', ''],
    fields.map((field) => [
      code(field.path.slice(field.path.lastIndexOf('.') + 1).replace('*', 'TYPE')),
      field.kind.expected,
      field.initially ?? (field.initial === undefined ? '' : code(field.kind.show(field.initial))),
      field.env === undefined ? '' : code(field.env),
      code(flagOf(field.path) ?? ''),
      field.about,
    ]),
  );
}

function idleTable(fields: readonly Field[]): string {
  const byReason = new Map<string, string[]>();
  for (const { path, env, idle } of fields) {
    const shown = code(path.replace('*.', 'NAME.').replace('*.', '**.')) + (env === undefined ? '' : ` (${code(env)})`);
    byReason.set(idle!.why, [...(byReason.get(idle!.why) ?? []), shown]);
  }
  return table(
    ['Keys', 'Why'],
    [...byReason].map(([why, keys]) => [keys.join(', '), why]),
  );
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  return [line(head), `|${head.map(() => '---|').join('')}`, ...rows.map(line)].join('\n');
}

function code(text: string): string {
  return text === '' ? '' : `\`${text}\``;
}
