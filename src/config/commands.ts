/**
 * `orbit config print` and `orbit config check`.
 *
 * Print shows every value that has an effect, where it came from, as TOML that gives the same configuration when it is
 * loaded again, or as JSON. Secrets are never shown. Check says what is wrong, and what has no effect.
 */

import { type Config, type Problem, showOrigin, showProblem } from './config.ts';
import type { Field } from './field.ts';
import { checkConfig, type LoadInputs, problemsError } from './load.ts';
import type { KeyPath } from './locate.ts';
import { PROVIDER_FIELDS, PROVIDER_TYPES } from './provider-schema.ts';
import { FIELDS } from './schema.ts';
import type { Setting } from './settings.ts';

export type Out = (line: string) => void;

interface Row {
  readonly section: string;
  readonly key: string;
  readonly path: KeyPath;
  readonly field: Field | undefined;
  readonly value: unknown;
  readonly origin: string;
}

/** @throws OperationError `invalid_config` listing the problems. */
export async function printConfig(inputs: LoadInputs, format: 'toml' | 'json', out: Out): Promise<void> {
  const { config, settings } = await checkConfig(inputs);
  if (config === undefined) throw problemsError(settings.problems);
  const rows = rowsOf(config, settings.entries());
  if (format === 'toml') printToml(rows, config.warnings, out);
  else printJson(rows, config.warnings, out);
}

/**
 * Writes what was found. @returns whether the configuration can be used.
 */
export async function checkConfigCommand(inputs: LoadInputs, format: 'text' | 'json', out: Out): Promise<boolean> {
  const { config, settings, file } = await checkConfig(inputs);
  if (format === 'json') {
    const plain = ({ origin, message, fix }: Problem) => ({ origin, message, fix });
    const { problems, warnings } = settings;
    out(
      JSON.stringify(
        { ok: config !== undefined, file, problems: problems.map(plain), warnings: warnings.map(plain) },
        undefined,
        2,
      ),
    );
    return config !== undefined;
  }
  if (config === undefined) throw problemsError(settings.problems);
  for (const warning of config.warnings) {
    out(`warning: ${showProblem(warning)}`);
    out(`  hint: ${warning.fix}`);
  }
  out(`${file ?? 'defaults'}: ok`);
  return true;
}

/** What has an effect, in sections; `type` of providers first. */
function rowsOf(config: Config, entries: Iterable<[KeyPath, Setting]>): readonly Row[] {
  const rows: Row[] = [];
  for (const [name, { type }] of config.providers.byName) {
    const section = `providers.${/^[A-Za-z0-9_-]+$/.test(name) ? name : JSON.stringify(name)}`;
    rows.push({ section, key: 'type', path: `${section}.type`, field: undefined, value: type, origin: '' });
  }
  for (const [path, { field, value, origin }] of entries) {
    const key = /(?:"(?:[^"\\]|\\.)*"|[^."]+)$/.exec(path)![0];
    rows.push({ section: path.slice(0, -key.length - 1), key, path, field, value, origin: showOrigin(origin) });
  }
  rows.sort((a, b) => rankOf(a) - rankOf(b));
  const order = new Map<string, number>();
  for (const { section } of rows) if (!order.has(section)) order.set(section, order.size);
  return rows.sort((a, b) => order.get(a.section)! - order.get(b.section)!);
}

const RANKS = new Map(
  [...Object.values(FIELDS), ...PROVIDER_TYPES.flatMap((type) => PROVIDER_FIELDS[type])].map(({ path }, i) => [
    path,
    i,
  ]),
);

/** The order of the schema; providers come last, each with its type first. */
function rankOf({ field }: Row): number {
  return field === undefined ? Object.keys(FIELDS).length : RANKS.get(field.path)!;
}

function shown({ field, value }: Row): string {
  return field === undefined ? JSON.stringify(value) : field.kind.show(value);
}

function printToml(rows: readonly Row[], warnings: readonly Problem[], out: Out): void {
  const lines = rows.map((row) => (row.field?.secret ? `# ${row.key} is set` : `${row.key} = ${shown(row)}`));
  const width = Math.min(56, Math.max(...lines.map((line) => line.length)));
  let section: string | undefined;
  for (const [i, row] of rows.entries()) {
    if (row.section !== section) {
      if (section !== undefined) out('');
      section = row.section;
      const list = /^(.*)\[\d+\]$/.exec(section)?.[1];
      out(list === undefined ? `[${section}]` : `[[${list}]]`);
    }
    out(row.origin === '' ? lines[i]! : `${lines[i]!.padEnd(width)}  # ${row.origin}`);
  }
  if (warnings.length > 0) out('');
  for (const warning of warnings) out(`# ${showProblem(warning)}: ${warning.fix}`);
}

function printJson(rows: readonly Row[], warnings: readonly Problem[], out: Out): void {
  const values = Object.fromEntries(
    rows.map(({ path, field, value, origin }) => [
      path,
      { value: field?.secret ? null : value, origin: origin || 'declaration' },
    ]),
  );
  out(
    JSON.stringify(
      { values, warnings: warnings.map((w) => ({ where: showOrigin(w.origin), message: w.message, fix: w.fix })) },
      undefined,
      2,
    ),
  );
}
