/**
 * The values that were given, each with its origin, after every one was checked by itself.
 *
 * Layers are added from the weakest to the strongest: files, environment, flags; a later value replaces an earlier one,
 * but a wrong value is a problem even where a stronger one hides it. Problems are collected, never thrown, so that a
 * user sees all of them at once. What several values mean together is the business of `resolve.ts`.
 */

import { dirname, isAbsolute, join } from 'node:path';
import type { Origin, Problem } from './config.ts';
import type { Field } from './field.ts';
import { joinPath, type KeyPath, type KeyPlace } from './locate.ts';
import { nearest } from './nearest.ts';

export interface Setting {
  /** Normalised by the kind of the field. */
  readonly value: unknown;
  readonly origin: Origin;
  readonly field: Field;
}

/** A parsed file and the places of its keys. */
export interface FileSource {
  readonly file: string;
  readonly places: ReadonlyMap<KeyPath, KeyPlace>;
}

export class Settings {
  readonly #byPath = new Map<KeyPath, Setting>();
  readonly #rows = new Map<KeyPath, Origin[]>();
  readonly #idle: { readonly path: KeyPath; readonly setting: Setting }[] = [];
  /** Paths of `enabled = false` in sections without effect. */
  readonly #off: KeyPath[] = [];
  readonly problems: Problem[] = [];
  readonly warnings: Problem[] = [];

  problem(origin: Origin, message: string, fix: string): void {
    this.problems.push({ origin, message, fix });
  }

  /** All settings in the order in which they were first given. */
  entries(): Iterable<[KeyPath, Setting]> {
    return this.#byPath.entries();
  }

  /** What was given for `path`, or undefined. */
  given(path: KeyPath): Setting | undefined {
    return this.#byPath.get(path);
  }

  /** Where the value of `path` came from. */
  origin(path: KeyPath): Origin {
    return this.#byPath.get(path)?.origin ?? { kind: 'default' };
  }

  /** Where each row of an array of tables stands. */
  rows(path: KeyPath): readonly Origin[] {
    return this.#rows.get(path) ?? [];
  }

  addRow(path: KeyPath, origin: Origin): void {
    const rows = this.#rows.get(path);
    if (rows === undefined) this.#rows.set(path, [origin]);
    else rows.push(origin);
  }

  /** The value of a field, else its default. `name` replaces the `*` of its path. */
  read<T>(field: Field<T>, name?: string): T {
    return this.readOr(field, field.initial, name);
  }

  /** The value of a field, else `computed`, which is then on record as its default. */
  readOr<T, D extends T>(field: Field<T>, computed: D, name?: string): NonNullable<T> | D {
    const path = pathOf(field, name);
    const given = this.#byPath.get(path);
    if (given !== undefined) return given.value as NonNullable<T>;
    if (computed !== undefined) this.#byPath.set(path, { value: computed, origin: { kind: 'default' }, field });
    return computed;
  }

  /** Checks one value and records it. `value` is what TOML would hold. */
  put(field: Field, path: KeyPath, value: unknown, origin: Origin): void {
    const checked = field.kind.schema.safeParse(value);
    if (!checked.success) {
      this.problem(
        origin,
        `${path} must be ${field.kind.expected}; found ${foundIn(field, value, checked.error.issues[0]?.path[0])}`,
        fixOf(field, value, origin),
      );
      return;
    }
    const setting = { value: besideFile(field, checked.data, origin), origin, field };
    if (field.idle !== undefined) {
      const usual = field.idle.usual(checked.data) || field.path.endsWith('**');
      if (usual && checked.data === false && path.endsWith('.enabled')) this.#off.push(path);
      else if (!field.idle.usual(checked.data)) this.#idle.push({ path, setting });
    } else this.#byPath.set(path, setting);
  }

  /** Checks and records a value that came as text. */
  putText(field: Field, path: KeyPath, text: string | boolean, origin: Origin): void {
    this.put(field, path, typeof text === 'string' ? field.kind.fromText(text) : text, origin);
  }

  /** One warning for each reason, naming all keys that have no effect because of it. */
  warnIdle(): void {
    // What is switched off is asked for nothing: [pooling] enabled = false.
    const sections = this.#off.map((path) => path.slice(0, -'enabled'.length));
    const byReason = new Map<string, { origin: Origin; paths: KeyPath[] }>();
    for (const { path, setting } of this.#idle) {
      if (sections.some((section) => path.startsWith(section))) continue;
      const why = setting.field.idle!.why;
      const group = byReason.get(why);
      if (group === undefined) byReason.set(why, { origin: setting.origin, paths: [path] });
      else group.paths.push(path);
    }
    for (const [why, { origin, paths }] of byReason) {
      const shown =
        paths.length > 4 ? `${paths.slice(0, 3).join(', ')} and ${paths.length - 3} more` : paths.join(', ');
      this.warnings.push({ origin, message: `accepted for compatibility, has no effect: ${shown}`, fix: why });
    }
  }
}

/** The path of a field, with `name` for its `*`. */
export function pathOf(field: { readonly path: string }, name?: string): KeyPath {
  if (name === undefined) return field.path;
  const [before, after] = field.path.split('*') as [string, string];
  return joinPath(before.slice(0, -1), name) + after;
}

/** What was found, with the item of a list that is wrong. */
function foundIn(field: Field, value: unknown, index: unknown): string {
  if (!Array.isArray(value) || typeof index !== 'number') return found(field, value);
  return `${found(field, value[index])} as item ${index + 1}`;
}

/** A value as a message shows it: short, and only its type if it is secret. */
function found(field: Field, value: unknown): string {
  if (typeof value === 'string') {
    if (field.secret) return 'text';
    return value.length > 60 ? `text of ${value.length} characters` : `the text ${JSON.stringify(value)}`;
  }
  if (typeof value === 'number') {
    if (field.secret) return 'a number';
    return Number.isInteger(value) ? String(value) : `the fraction ${value}`;
  }
  if (typeof value === 'boolean') return String(value);
  if (Array.isArray(value)) return `a list of ${value.length}`;
  return value instanceof Date ? 'a date' : 'a table';
}

function fixOf(field: Field, value: unknown, origin: Origin): string {
  const { kind } = field;
  const fits = (other: unknown) => kind.schema.safeParse(other).success;
  if (kind.words !== undefined && typeof value === 'string') {
    const near = nearest(value, kind.words);
    if (near !== undefined) return `did you mean ${JSON.stringify(near)}?`;
  }
  if (origin.kind === 'file' && typeof value === 'string') {
    if (fits([value])) return `write a list: [${JSON.stringify(value)}]`;
    const bare = kind.fromText(value);
    if (typeof bare !== 'string' && fits(bare)) return `write it without quotes: ${bare}`;
  }
  if (origin.kind === 'file' && typeof value === 'number' && fits(String(value))) {
    return field.secret ? 'write it in quotes' : `write it in quotes: "${value}"`;
  }
  return field.initial === undefined
    ? `give ${kind.expected}`
    : `give ${kind.expected}; the default is ${kind.show(field.initial)}`;
}

function besideFile(field: Field, value: unknown, origin: Origin): unknown {
  if (!field.besideFile || origin.kind !== 'file') return value;
  const folder = dirname(origin.file);
  const place = (path: string) => (isAbsolute(path) ? path : join(folder, path));
  return Array.isArray(value) ? value.map(place) : place(value as string);
}

/** A node of the tree of known keys. */
interface Node {
  readonly children: Map<string, Node>;
  field?: Field;
  /** Any other name the user chooses. */
  wildcard?: Node;
  /** Each row of an array of tables. */
  rows?: Node;
  /** Everything below is accepted as it is. */
  rest?: Field;
}

/** The tree of keys that `fields` describe. */
export function treeOf(fields: Iterable<Field>): Node {
  const root: Node = { children: new Map() };
  for (const field of fields) {
    let node = root;
    for (const part of field.path.replaceAll('[]', '.[]').split('.')) {
      if (part === '**') {
        node.rest = field;
        break;
      }
      let next = part === '*' ? node.wildcard : part === '[]' ? node.rows : node.children.get(part);
      if (next === undefined) {
        next = { children: new Map() };
        if (part === '*') node.wildcard = next;
        else if (part === '[]') node.rows = next;
        else node.children.set(part, next);
      }
      node = next;
    }
    if (node.rest !== field) node.field = field;
  }
  return root;
}

export interface WalkOptions {
  /** Sentences for keys that are known elsewhere, by path. */
  readonly moved: Readonly<Record<string, string>>;
  /** Checks a table itself in place of the walk, for tables whose keys depend on a value; answers whether it did. */
  readonly take?: (path: KeyPath, value: unknown) => boolean;
}

/** Checks a parsed file against the tree of known keys and records its values. */
export function walkFile(
  settings: Settings,
  tree: Node,
  source: FileSource,
  document: Readonly<Record<string, unknown>>,
  options: WalkOptions,
): void {
  const allSections = sectionsByKey(tree);

  function table(node: Node, path: KeyPath, value: Readonly<Record<string, unknown>>): void {
    for (const [key, child] of Object.entries(value)) {
      const childPath = joinPath(path, key);
      if (options.take?.(childPath, child)) continue;
      const known = node.children.get(key) ?? node.wildcard;
      if (known !== undefined) one(known, childPath, child);
      else if (node.rest !== undefined) settings.put(node.rest, childPath, child, valueOrigin(source, childPath));
      else unknown(node, path, key);
    }
  }

  function one(node: Node, path: KeyPath, value: unknown): void {
    if (node.field !== undefined) settings.put(node.field, path, value, valueOrigin(source, path));
    else if (node.rows !== undefined) {
      const rows = Array.isArray(value) ? value : undefined;
      if (rows?.every(isTable)) {
        for (const [i, row] of rows.entries()) {
          settings.addRow(path, keyOrigin(source, joinPath(path, i)));
          table(node.rows, joinPath(path, i), row);
        }
      } else
        settings.problem(valueOrigin(source, path), `${path} must be an array of tables`, `write each as [[${path}]]`);
    } else if (isTable(value)) table(node, path, value);
    else
      settings.problem(
        valueOrigin(source, path),
        `${path} must be a table; found a value`,
        `write [${path}] and its keys below`,
      );
  }

  function unknown(node: Node, path: KeyPath, key: string): void {
    const full = joinPath(path, key);
    settings.problem(
      keyOrigin(source, full),
      path === '' ? `unknown section or key ${full}` : `unknown key ${key} in [${path}]`,
      options.moved[full] ?? suggestion(node, key, allSections),
    );
  }

  table(tree, '', document);
}

/** The fix for an unknown key: the nearest one in its table, else the tables that have a key of that name. */
export function suggestion(
  node: { readonly children: Map<string, unknown> },
  key: string,
  sections: ReadonlyMap<string, string[]>,
): string {
  const near = nearest(key, node.children.keys());
  if (near !== undefined) return `did you mean ${near}?`;
  const elsewhere = sections.get(key);
  if (elsewhere !== undefined) return `a key of that name belongs in ${elsewhere.slice(0, 3).join(' or ')}`;
  const names = [...node.children.keys()];
  return names.length <= 12 ? `known here: ${names.join(', ')}` : 'remove it; docs/configuration.md lists the keys';
}

/** The tables in which each key with an effect stands, as `[section]`. */
function sectionsByKey(tree: Node): ReadonlyMap<string, string[]> {
  const sections = new Map<string, string[]>();
  const visit = (node: Node, path: string) => {
    for (const [key, child] of node.children) {
      if (child.field !== undefined && child.field.idle === undefined && path !== '') {
        sections.set(key, [...(sections.get(key) ?? []), `[${path}]`]);
      }
      visit(child, joinPath(path, key));
    }
    if (node.rows !== undefined) visit(node.rows, path);
    if (node.wildcard !== undefined) visit(node.wildcard, joinPath(path, 'NAME'));
  };
  visit(tree, '');
  return sections;
}

export function isTable(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Date);
}

export function keyOrigin(source: FileSource, path: KeyPath): Origin {
  return { kind: 'file', file: source.file, ...(source.places.get(path)?.key ?? { line: 1, column: 1 }) };
}

export function valueOrigin(source: FileSource, path: KeyPath): Origin {
  return { kind: 'file', file: source.file, ...(source.places.get(path)?.value ?? { line: 1, column: 1 }) };
}
