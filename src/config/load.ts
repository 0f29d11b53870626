/**
 * Reads the configuration: files, environment and flags, in that order of rising strength, over the defaults.
 *
 * A pure function of its inputs: reading files, the environment and the size of the machine are arguments. It keeps
 * true that every problem is found in one run, that each names its place and a fix, and that a value's origin is known.
 */

import { parse, TomlError } from 'smol-toml';
import { OperationError } from '../base/errors.ts';
import { COMPATIBILITY, FOREIGN_ENVIRONMENT, isBystander, MOVED } from './compatibility.ts';
import { type Config, type Origin, type Problem, showProblem } from './config.ts';
import { DeclaredProviders, PROVIDER_ENV } from './declared-providers.ts';
import type { Field } from './field.ts';
import { pathOfFlag } from './flags.ts';
import { joinPath, locateKeys } from './locate.ts';
import { nearest } from './nearest.ts';
import { PROVIDER_FIELDS, PROVIDER_TYPES } from './provider-schema.ts';
import { resolve } from './resolve.ts';
import { FIELDS } from './schema.ts';
import { type FileSource, isTable, keyOrigin, Settings, treeOf, walkFile } from './settings.ts';

export interface LoadInputs {
  /** By long name with its dashes, `{'--redis-port': '0'}`; `--config` among them. */
  readonly flags: Readonly<Record<string, string | boolean | undefined>>;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** The text of a file; undefined when there is none. */
  readonly readFile: (path: string) => Promise<string | undefined>;
  /** The smaller of the host's memory and the limit of its control group. */
  readonly hostMemoryBytes: number;
}

export interface Checked {
  /** Undefined where there are problems. */
  readonly config: Config | undefined;
  readonly settings: Settings;
  /** The main file, if one was read. */
  readonly file: string | undefined;
}

/** Read where neither flag nor environment names a file, if it exists. */
const DEFAULT_FILE = 'orbit.toml';

/**
 * The configuration.
 * @throws OperationError `invalid_config` whose message lists every problem with its place and fix.
 */
export async function loadConfig(inputs: LoadInputs): Promise<Config> {
  const { config, settings } = await checkConfig(inputs);
  if (config === undefined) throw problemsError(settings.problems);
  return config;
}

/** The configuration, or what is wrong with it. */
export async function checkConfig(given: LoadInputs): Promise<Checked> {
  // An empty variable is one that a script had no value for: as if it were not set.
  const env = Object.fromEntries(Object.entries(given.env).filter(([, text]) => text !== undefined && text !== ''));
  const inputs: LoadInputs = { ...given, env };
  const settings = new Settings();
  const providers = new DeclaredProviders(settings);
  const file = await addMainFile(settings, providers, inputs);
  addEnvironmentAndFlags(settings, inputs);
  await addProvidersFile(settings, providers, inputs);
  addProviderEnvironment(settings, providers, inputs.env);
  settings.warnIdle();
  const config = await resolve(settings, providers, inputs);
  settings.problems.sort(byPlace);
  return { config: settings.problems.length === 0 ? config : undefined, settings, file };
}

/** Files first, from top to bottom; what has no place keeps its order behind them. */
function byPlace({ origin: a }: Problem, { origin: b }: Problem): number {
  if (a.kind !== 'file' || b.kind !== 'file') return Number(a.kind !== 'file') - Number(b.kind !== 'file');
  return a.file < b.file ? -1 : a.file > b.file ? 1 : a.line - b.line || a.column - b.column;
}

/** One error for all problems. */
export function problemsError(problems: readonly Problem[]): OperationError {
  const [first] = problems;
  if (problems.length === 1) return new OperationError('invalid_config', showProblem(first!), { hint: first!.fix });
  const lines = problems.map((problem) => `  ${showProblem(problem)}\n    hint: ${problem.fix}`);
  return new OperationError('invalid_config', `the configuration has ${problems.length} problems\n${lines.join('\n')}`);
}

const MAIN_FIELDS = [...(Object.values(FIELDS) satisfies Field[]), ...COMPATIBILITY];
const MAIN_TREE = treeOf([...MAIN_FIELDS, ...PROVIDER_TYPES.flatMap((type) => PROVIDER_FIELDS[type])]);
const BY_PATH = new Map(MAIN_FIELDS.map((field) => [field.path, field]));
const BY_ENV = new Map(MAIN_FIELDS.filter((field) => field.env !== undefined).map((field) => [field.env!, field]));
const PROVIDER_SECTIONS = ['defaults', 'providers', 'dynamic'];

async function addMainFile(
  settings: Settings,
  providers: DeclaredProviders,
  inputs: LoadInputs,
): Promise<string | undefined> {
  const flag = inputs.flags['--config'];
  const env = inputs.env.ORBIT_CONFIG_PATH;
  const named = typeof flag === 'string' ? flag : env;
  const file = named ?? DEFAULT_FILE;
  const text = await inputs.readFile(file);
  if (text === undefined) {
    if (named !== undefined) {
      const origin: Origin =
        flag === undefined ? { kind: 'env', name: 'ORBIT_CONFIG_PATH' } : { kind: 'flag', name: '--config' };
      settings.problem(
        origin,
        `there is no file ${file}`,
        'name an existing file, or leave it out to use the defaults',
      );
    }
    return undefined;
  }
  addFile(settings, providers, file, text, () => undefined);
  return file;
}

async function addProvidersFile(settings: Settings, providers: DeclaredProviders, inputs: LoadInputs): Promise<void> {
  const given = settings.given(FIELDS.providersFile.path);
  if (given === undefined) return;
  const file = given.value as string;
  const text = await inputs.readFile(file);
  if (text === undefined) {
    settings.problem(given.origin, `${FIELDS.providersFile.path}: there is no file ${file}`, 'name an existing file');
    return;
  }
  // [defaults] of a flag, the environment or the main file are stronger than those of the separate file.
  const stronger = [FIELDS.provider, FIELDS.cluster].flatMap((field) => {
    const setting = settings.given(field.path);
    return setting === undefined ? [] : [{ field, setting }];
  });
  addFile(settings, providers, file, text, (section) =>
    PROVIDER_SECTIONS.includes(section)
      ? undefined
      : 'a providers file has [defaults] and [providers.NAME]; move it to the main file',
  );
  for (const { field, setting } of stronger) settings.put(field, field.path, setting.value, setting.origin);
}

function addFile(
  settings: Settings,
  providers: DeclaredProviders,
  file: string,
  text: string,
  refuse: (section: string) => string | undefined,
): void {
  let document: Record<string, unknown>;
  try {
    document = parse(text);
  } catch (error) {
    if (!(error instanceof TomlError)) throw error;
    const [first] = error.message.split('\n');
    const message = `this is not TOML: ${first!.replace('Invalid TOML document: ', '')}`;
    settings.problem(
      { kind: 'file', file, line: error.line, column: error.column },
      message,
      tomlFix(text, error.line),
    );
    return;
  }
  const source: FileSource = { file, places: locateKeys(text) };
  for (const section of Object.keys(document)) {
    const fix = refuse(section);
    if (fix === undefined) continue;
    settings.problem(keyOrigin(source, joinPath('', section)), `[${section}] does not belong in a providers file`, fix);
    delete document[section];
  }
  walkFile(settings, MAIN_TREE, source, document, {
    moved: MOVED,
    take: (path, value) => {
      if (path !== 'providers' || !isTable(value)) return false;
      for (const [name, provider] of Object.entries(value)) providers.addTable(source, name, provider);
      return true;
    },
  });
}

/** What the line of a syntax error most likely lacks. */
function tomlFix(text: string, line: number): string {
  const found = text.split(/\r?\n/)[line - 1] ?? '';
  const bare = /=\s*([A-Za-z/.][^\s"'#]*|\d+\.\d+\.[^\s"'#]+)\s*(#.*)?$/.exec(found)?.[1];
  if (bare !== undefined) return `text needs quotes: "${bare}"`;
  if (/^\s*[A-Za-z0-9_.-]+\s*:/.test(found)) return 'a key and its value are joined by =';
  if (/^\s*\[[^\]]*$/.test(found)) return 'a section header ends with ]';
  if (/=\s*(#.*)?$/.test(found)) return 'a value is missing after =';
  if ((found.match(/"/g)?.length ?? 0) % 2 === 1) return 'a text lacks its closing quote';
  if (/^\s*(\[|[A-Za-z0-9_."'-]+\s*=)/.test(found))
    return 'a key or section may stand only once; otherwise see https://toml.io for the syntax';
  return 'see https://toml.io for the syntax';
}

function addEnvironmentAndFlags(settings: Settings, inputs: LoadInputs): void {
  for (const [name, text] of Object.entries(inputs.env)) {
    const field = BY_ENV.get(name);
    if (field === undefined || text === undefined || isBystander(name, text)) continue;
    settings.putText(field, field.path, text, { kind: 'env', name });
  }
  for (const [name, text] of Object.entries(inputs.flags)) {
    const field = BY_PATH.get(pathOfFlag(name) ?? '');
    if (field !== undefined && text !== undefined) settings.putText(field, field.path, text, { kind: 'flag', name });
  }
}

/** Variables of providers, which need to know the providers; and the names that no one knows. */
function addProviderEnvironment(settings: Settings, providers: DeclaredProviders, env: LoadInputs['env']): void {
  // A variable that holds a password may be called anything.
  const passwords = new Set<unknown>();
  for (const [, { field, value }] of settings.entries())
    if (field.path === FIELDS.userPasswordEnv.path) passwords.add(value);
  for (const [name, text] of Object.entries(env)) {
    if (!name.startsWith('ORBIT_') || text === undefined || BY_ENV.has(name) || name === 'ORBIT_CONFIG_PATH') continue;
    if (passwords.has(name) || isBystander(name, text) || providers.addVariable(name, text)) continue;
    const foreign = Object.keys(FOREIGN_ENVIRONMENT).find((beginning) => name.startsWith(beginning));
    const near = nearest(name, KNOWN_ENV);
    settings.problem(
      { kind: 'env', name },
      'unknown environment variable',
      foreign !== undefined
        ? FOREIGN_ENVIRONMENT[foreign]!
        : near !== undefined
          ? `did you mean ${near}?`
          : 'unset it; docs/configuration.md lists the variables that begin with ORBIT_',
    );
  }
}

const KNOWN_ENV = [...BY_ENV.keys(), ...PROVIDER_ENV.keys(), 'ORBIT_CONFIG_PATH'];
