/**
 * CREATE, ALTER and DROP of functions and procedures in LANGUAGE sql (PostgreSQL's functioncmds.c). A body is one query, which
 * takes the place of a call, or queries and statements that write, which are run; other statements and languages are refused.
 */

import type {
  AlterFunctionStmt,
  AlterObjectSchemaStmt,
  CreateFunctionStmt,
  DropStmt,
  FuncCall,
  Node,
  ObjectWithArgs,
  RenameStmt,
} from '@pgsql/types';
import { openIds } from '../../../models/relational/catalog.ts';
import {
  encodeFunction,
  type FunctionParameter,
  functionKey,
  inputs,
  inputTypes,
  outputs,
  type UserFunction,
} from '../../../models/relational/function-definition.ts';
import { type ColumnType, PUBLIC_SCHEMA, type SqlExpression } from '../../../models/relational/table.ts';
import type { Transaction } from '../../../storage/store.ts';
import { resultOf } from '../binder/bind-function.ts';
import { namedType, nameOfList, statementTitle, stringOf, stringsOf } from '../binder/names.ts';
import { walkTree } from '../binder/walk-tree.ts';
import { isPolymorphic } from '../functions/candidates.ts';
import type { ResultSink } from '../results.ts';
import type { SessionContext } from '../session-context.ts';
import { characterPosition, notSupported, SqlError } from '../sql-error.ts';
import { isQuery, type RoutineKind, routineKind } from '../statement-kinds.ts';
import type { StatementRunner } from '../statement-runner.ts';
import { type SqlType, titleOf, typeInfo } from '../types/types.ts';
import { withComment } from './comment-statements.ts';
import { schemaField } from './relation-lookup.ts';
import type { SchemaChanges } from './schema-changes.ts';

type Sink = Pick<ResultSink, 'complete' | 'notice'>;

const MODES: Readonly<Record<string, FunctionParameter['mode']>> = {
  FUNC_PARAM_IN: 'in',
  FUNC_PARAM_DEFAULT: 'in',
  FUNC_PARAM_OUT: 'out',
  FUNC_PARAM_INOUT: 'inout',
  FUNC_PARAM_VARIADIC: 'variadic',
  FUNC_PARAM_TABLE: 'table',
};

function isOf(kind: RoutineKind, { isProcedure }: Pick<UserFunction, 'isProcedure'>): boolean {
  return kind === 'routine' || (kind === 'procedure') === (isProcedure === true);
}

type Traits = Pick<
  UserFunction,
  'strict' | 'volatility' | 'securityDefiner' | 'parallel' | 'leakproof' | 'cost' | 'rows'
>;

export class FunctionStatements {
  readonly #session: SessionContext;
  readonly #schema: SchemaChanges;
  readonly #runner: StatementRunner;

  constructor(session: SessionContext, schema: SchemaChanges, runner: StatementRunner) {
    this.#session = session;
    this.#schema = schema;
    this.#runner = runner;
  }

  async create(statement: CreateFunctionStmt, text: string, sink: Sink): Promise<void> {
    const isProcedure = statement.is_procedure === true;
    const verb = isProcedure ? 'CREATE PROCEDURE' : 'CREATE FUNCTION';
    const { language, source } = readOptions(statement.options ?? []);
    if (language === undefined && statement.sql_body === undefined) {
      throw new SqlError('invalid_function_definition', 'no language specified');
    }
    if (language !== undefined && language !== 'sql') {
      if (!['plpgsql', 'c', 'internal'].includes(language)) {
        throw new SqlError('undefined_object', `language "${language}" does not exist`);
      }
      throw notSupported(`LANGUAGE ${language}`);
    }
    this.#session.block.refuseReadOnly(verb);
    const transaction = await this.#schema.begin();
    const { keyspace } = this.#session.engine;
    const name = nameOfList(stringsOf(statement.funcname));
    const schema = this.#schema.lookup.creation(name);
    const parameters = this.#parameters(statement.parameters ?? []);
    if (isProcedure) refuseTraits(statement.options ?? []);
    const { result, returnsSet } = resultType(statement, parameters);
    requireKnownResult(parameters, result);
    const body = await this.#body(statement, source);
    const known = (await this.#session.block.loadFunctions()).named(name.name, schema.id);
    const types = inputTypes({ parameters }).join();
    const old = known.find((each) => inputTypes(each).join() === types);
    if (old !== undefined && statement.replace !== true) {
      throw new SqlError('duplicate_function', `function "${name.name}" already exists with same argument types`);
    }
    if (old !== undefined && (old.isProcedure === true) !== isProcedure) {
      throw new SqlError('wrong_object_type', 'cannot change routine kind', {
        detail: `"${name.name}" is a ${wordOf(old)}.`,
      });
    }
    const nextId = await openIds(transaction, keyspace);
    const definition: UserFunction = {
      id: old?.id ?? nextId(),
      ...(isProcedure ? { isProcedure } : {}),
      name: name.name,
      ...schemaField(schema),
      parameters,
      result,
      returnsSet,
      ...traitsOf(statement.options ?? [], { strict: false, volatility: 'volatile', returnsSet }),
      source: source ?? '',
      ...(statement.sql_body === undefined ? {} : { clause: clauseOf(text) }),
      ...formOf(body, name.name, isProcedure),
      zone: this.#session.parameters.zone.name,
      ...(old?.comment === undefined ? {} : { comment: old.comment }),
    };
    if (
      old !== undefined &&
      (titleOf(resultOf(old)) !== titleOf(resultOf(definition)) || old.returnsSet !== returnsSet)
    ) {
      throw new SqlError('invalid_function_definition', 'cannot change return type of existing function', {
        hint: `Use DROP FUNCTION ${titleWith(old)} first.`,
      });
    }
    // Off, as a dump has it while what the body speaks of is not there yet: mistakes show when the function is called.
    this.#store(transaction, definition);
    if (this.#session.parameters.show('check_function_bodies') === 'on') {
      const place = source === undefined ? undefined : placeOfBody(text, source);
      await this.#runner.checkBody(definition).catch((error: unknown) => {
        throw transposed(error, source, place);
      });
    }
    sink.complete(verb);
  }

  #parameters(nodes: readonly Node[]): readonly FunctionParameter[] {
    const parameters = nodes.flatMap((node): FunctionParameter[] => {
      if (!('FunctionParameter' in node)) return [];
      const { name, argType, mode = '', defexpr } = node.FunctionParameter;
      if (argType?.setof === true) {
        throw new SqlError('invalid_function_definition', 'functions cannot accept set arguments');
      }
      const { type } = namedType(argType);
      const { category } = typeInfo(type);
      if ((type as SqlType) === 'any') {
        throw new SqlError('invalid_function_definition', 'SQL functions cannot have arguments of type "any"');
      }
      const given = MODES[mode] ?? 'in';
      const isArray =
        category === 'A' || type === ('anyarray' as SqlType) || type === ('anycompatiblearray' as SqlType);
      if (given === 'variadic' && !isArray) {
        throw new SqlError('invalid_function_definition', 'VARIADIC parameter must be an array');
      }
      const zone = this.#session.parameters.zone.name;
      const value = defexpr && { tree: defexpr as unknown as SqlExpression['tree'], zone };
      return [
        {
          ...(name === undefined ? {} : { name }),
          type,
          mode: given,
          ...(value === undefined ? {} : { default: value }),
        },
      ];
    });
    const given = inputs(parameters);
    const firstDefault = given.findIndex((each) => each.default !== undefined);
    if (firstDefault >= 0 && given.slice(firstDefault).some((each) => each.default === undefined)) {
      throw new SqlError(
        'invalid_function_definition',
        'input parameters after one with a default value must also have defaults',
      );
    }
    const names = [given, outputs(parameters)].map((list) =>
      list.flatMap(({ name }) => (name === undefined ? [] : [name])),
    );
    for (const list of names) {
      const twice = list.find((name, i) => list.indexOf(name) !== i);
      if (twice === undefined) continue;
      throw new SqlError('invalid_function_definition', `parameter name "${twice}" used more than once`);
    }
    return parameters;
  }

  /** The statements of a body. */
  async #body({ sql_body: body }: CreateFunctionStmt, source: string | undefined): Promise<readonly Node[]> {
    let nodes: readonly Node[];
    if (body !== undefined && 'ReturnStmt' in body) {
      const val = body.ReturnStmt.returnval!;
      nodes = [
        { SelectStmt: { targetList: [{ ResTarget: { val } }], limitOption: 'LIMIT_OPTION_DEFAULT', op: 'SETOP_NONE' } },
      ];
    } else if (body !== undefined && 'List' in body) {
      const [list] = body.List.items ?? [];
      nodes = list !== undefined && 'List' in list ? (list.List.items ?? []) : [];
    } else {
      if (source === undefined) throw new SqlError('invalid_function_definition', 'no function body specified');
      nodes = (await this.#session.engine.parser.parse(source)).map(({ node }) => node);
    }
    const statements: Node[] = [];
    for (const node of nodes) {
      if (!isQuery(node) || 'ExplainStmt' in node) throw refusedInside(node);
      statements.push(await this.#runner.names.resolveTypes(node));
    }
    return statements;
  }

  async drop(statement: DropStmt, sink: Sink): Promise<void> {
    const kind = routineKind(statement.removeType)!;
    const verb = `DROP ${kind.toUpperCase()}`;
    this.#session.block.refuseReadOnly(verb);
    const transaction = await this.#schema.begin();
    const definitions: UserFunction[] = [];
    for (const object of statement.objects ?? []) {
      if (!('ObjectWithArgs' in object)) continue;
      const found = await this.#find(kind, object.ObjectWithArgs, statement.missing_ok === true);
      if (typeof found === 'string') {
        sink.notice({ severity: 'NOTICE', condition: 'successful_completion', message: `${found}, skipping` });
      } else if (found.extension !== undefined) throw memberOf(found.extension, titleWith(found));
      else if (!definitions.some(({ id }) => id === found.id)) definitions.push(found);
    }
    await this.#schema.drops.dropFunctions(transaction, definitions, statement.behavior === 'DROP_CASCADE', sink);
    sink.complete(verb);
  }

  async alter({ objtype, func, actions = [] }: AlterFunctionStmt, sink: Sink): Promise<void> {
    const kind = routineKind(objtype)!;
    const verb = `ALTER ${kind.toUpperCase()}`;
    this.#session.block.refuseReadOnly(verb);
    const transaction = await this.#schema.begin();
    const found = await this.#find(kind, func!, false);
    if (typeof found === 'string') return;
    if (found.isProcedure === true) refuseTraits(actions);
    this.#store(transaction, { ...found, ...traitsOf(actions, found) });
    sink.complete(verb);
  }

  /** @throws SqlError when there is none that this transaction may change. */
  async requireChangeable(kind: RoutineKind, named: ObjectWithArgs): Promise<void> {
    this.#session.block.refuseReadOnly(`ALTER ${kind.toUpperCase()}`);
    await this.#schema.begin();
    await this.#find(kind, named, false);
  }

  async rename({ renameType, object, newname = '' }: RenameStmt, sink: Sink): Promise<void> {
    const kind = routineKind(renameType)!;
    const verb = `ALTER ${kind.toUpperCase()}`;
    this.#session.block.refuseReadOnly(verb);
    const transaction = await this.#schema.begin();
    const named = object !== undefined && 'ObjectWithArgs' in object ? object.ObjectWithArgs : {};
    const found = await this.#find(kind, named, false);
    if (typeof found === 'string') return;
    const others = await this.#session.block.loadFunctions();
    const types = inputTypes(found).join();
    const taken = others
      .named(newname, found.schema ?? PUBLIC_SCHEMA)
      .some((each) => inputTypes(each).join() === types);
    if (taken) {
      const shown = `${newname}(${inputTypes(found).map(titleOf).join(', ')})`;
      throw new SqlError('duplicate_function', `function ${shown} already exists in schema "public"`);
    }
    this.#store(transaction, { ...found, name: newname });
    sink.complete(verb);
  }

  async setSchema(kind: RoutineKind, { object, newschema = '' }: AlterObjectSchemaStmt, sink: Sink): Promise<void> {
    const verb = `ALTER ${kind.toUpperCase()}`;
    this.#session.block.refuseReadOnly(verb);
    const transaction = await this.#schema.begin();
    const named = object !== undefined && 'ObjectWithArgs' in object ? object.ObjectWithArgs : {};
    const found = await this.#find(kind, named, false);
    if (typeof found === 'string') return;
    const target = this.#schema.lookup.creation({ schema: newschema, name: found.name, location: undefined });
    if (target.id !== (found.schema ?? PUBLIC_SCHEMA)) {
      const types = inputTypes(found).join();
      const others = (await this.#session.block.loadFunctions()).named(found.name, target.id);
      if (others.some((each) => inputTypes(each).join() === types)) {
        const shown = `${found.name}(${inputTypes(found).map(titleOf).join(', ')})`;
        throw new SqlError('duplicate_function', `function ${shown} already exists in schema "${newschema}"`);
      }
      const { schema: _, ...moved } = found;
      this.#store(transaction, { ...moved, ...schemaField(target) });
    }
    sink.complete(verb);
  }

  /** @param comment Undefined takes it away. @throws SqlError as `#find`. */
  async comment(kind: RoutineKind, named: ObjectWithArgs, comment: string | undefined): Promise<void> {
    const transaction = await this.#schema.begin();
    const found = await this.#find(kind, named, false);
    if (typeof found !== 'string') this.#store(transaction, withComment(found, comment));
  }

  #store(transaction: Transaction, definition: UserFunction): void {
    const { block, engine } = this.#session;
    transaction.put(functionKey(engine.keyspace, definition.id), encodeFunction(definition));
    block.functionsChanged();
  }

  /** @returns why it is not there, where it may miss. @throws SqlError `undefined_function`, `ambiguous_function`. */
  async #find(kind: RoutineKind, named: ObjectWithArgs, mayMiss: boolean): Promise<UserFunction | string> {
    const word = kind === 'procedure' ? kind : 'function';
    const functions = await this.#session.block.loadFunctions();
    const name = nameOfList(stringsOf(named.objname));
    const wanted =
      named.args_unspecified === true
        ? undefined
        : (named.objargs ?? []).map(
            (node): ColumnType => namedType('TypeName' in node ? node.TypeName : undefined).type,
          );
    const shown = stringsOf(named.objname).join('.');
    for (const schema of this.#session.block.functionSchemasOf(name)) {
      const found = functions
        .named(name.name, schema.id)
        .filter((each) => (wanted === undefined ? isOf(kind, each) : inputTypes(each).join() === wanted.join()));
      if (found.length > 1) {
        throw new SqlError('ambiguous_function', `${kind} name "${shown}" is not unique`, {
          hint: `Specify the argument list to select the ${kind} unambiguously.`,
        });
      }
      if (found[0] === undefined) continue;
      if (isOf(kind, found[0])) return found[0];
      throw new SqlError('wrong_object_type', `${shown}(${wanted!.map(titleOf).join(', ')}) is not a ${kind}`);
    }
    const absent = mayMiss ? kind : word;
    const message =
      wanted === undefined
        ? mayMiss
          ? `${absent} ${shown}() does not exist`
          : `could not find a ${word} named "${shown}"`
        : `${absent} ${shown}(${wanted.map(mayMiss ? shortTitle : titleOf).join(mayMiss ? ',' : ', ')}) does not exist`;
    if (mayMiss) return message;
    throw new SqlError('undefined_function', message);
  }
}

/** Of what goes with an extension, and not without it. */
function memberOf(extension: string, title: string): SqlError {
  return new SqlError(
    'dependent_objects_still_exist',
    `cannot drop function ${title} because extension ${extension} requires it`,
    { hint: `You can drop extension ${extension} instead.` },
  );
}

function shortTitle(type: ColumnType): string {
  return type.startsWith('user:')
    ? titleOf(type)
    : typeInfo(type).name === type && isSqlName(type)
      ? `pg_catalog.${type}`
      : type;
}

/** Types whose names the grammar itself puts into pg_catalog. */
function isSqlName(type: ColumnType): boolean {
  return [
    'int2',
    'int4',
    'int8',
    'float4',
    'float8',
    'bool',
    'numeric',
    'varchar',
    'bpchar',
    'interval',
    'timestamp',
    'timestamptz',
    'time',
    'timetz',
  ].includes(type);
}

/** An error of a body with its place in the statement that defines it, where that can be told (PostgreSQL's pg_proc.c). */
function transposed(error: unknown, body: string | undefined, place: number | undefined): unknown {
  if (!(error instanceof SqlError)) return error;
  const { location } = error;
  // Of a body that is a clause the places are those of the statement as they are.
  if (body === undefined) return error;
  error.location = -1;
  if (place !== undefined && location !== undefined && location >= 0) {
    error.position = place + characterPosition(body, location);
  }
  return error;
}

/** How many characters of the text stand before the body; undefined where the text does not hold it as it is. */
function placeOfBody(text: string, body: string): number | undefined {
  const literal = /(\$\w*\$)([\s\S]*?)\1|'((?:[^']|'')*)'/g;
  for (const match of text.matchAll(literal)) {
    const [, tag = "'", dollars, quoted] = match;
    // Where a quote was doubled, what is behind it stands further on.
    if ((dollars ?? quoted) === body) return [...text.slice(0, match.index + tag.length)].length;
  }
  return undefined;
}

/** The query that takes the place of a call, or statements to be run. */
function formOf(body: readonly Node[], name: string, isProcedure: boolean): Pick<UserFunction, 'query' | 'statements'> {
  const [only] = body;
  if (
    !isProcedure &&
    body.length === 1 &&
    only !== undefined &&
    'SelectStmt' in only &&
    !isRun(only.SelectStmt, name)
  ) {
    return { query: only.SelectStmt as unknown as NonNullable<UserFunction['query']> };
  }
  return { statements: body as unknown as NonNullable<UserFunction['statements']> };
}

/** Whether a query writes in its WITH, or calls a function of that name. */
function isRun(query: object, name: string): boolean {
  let found = false;
  walkTree(query, (node) => {
    found ||= 'InsertStmt' in node || 'UpdateStmt' in node || 'DeleteStmt' in node;
    found ||= 'FuncCall' in node && stringsOf((node.FuncCall as FuncCall).funcname).at(-1) === name;
    return !found;
  });
  return found;
}

function refusedInside(node: Node): SqlError {
  if ('TransactionStmt' in node) {
    const kind = (node.TransactionStmt.kind ?? '').replace('TRANS_STMT_', '');
    return new SqlError('feature_not_supported', `${kind} is not allowed in an SQL function`);
  }
  return notSupported(`${statementTitle(node)} in a function`);
}

function wordOf({ isProcedure }: Pick<UserFunction, 'isProcedure'>): 'procedure' | 'function' {
  return isProcedure === true ? 'procedure' : 'function';
}

function titleWith(definition: UserFunction): string {
  return `${definition.name}(${inputTypes(definition).map(titleOf).join(',')})`;
}

/** The type of what comes out has to follow from what goes in. @throws SqlError `invalid_function_definition`, `feature_not_supported`. */
function requireKnownResult(parameters: readonly FunctionParameter[], result: string): void {
  const out = outputs(parameters);
  if (out.length > 1) for (const { type } of out) requireKnownType(parameters, type);
  else requireKnownType(parameters, result);
}

function requireKnownType(parameters: readonly FunctionParameter[], result: string): void {
  const given = inputs(parameters).map(({ type }) => type as SqlType);
  if (!isPolymorphic(result as SqlType)) return;
  const isCompatible = result.startsWith('anycompatible');
  const family = given.filter((type) => isPolymorphic(type) && type.startsWith('anycompatible') === isCompatible);
  const needed = /range$/.test(result) ? family.filter((type) => /range$/.test(type)) : family;
  if (needed.length > 0) return;
  const kinds = isCompatible
    ? 'anycompatible, anycompatiblearray, anycompatiblenonarray, anycompatiblerange, or anycompatiblemultirange'
    : 'anyelement, anyarray, anynonarray, anyenum, anyrange, or anymultirange';
  const ranges = isCompatible ? 'anycompatiblerange or anycompatiblemultirange' : 'anyrange or anymultirange';
  throw new SqlError('invalid_function_definition', 'cannot determine result data type', {
    detail: `A result of type ${result} requires at least one input of type ${/range$/.test(result) ? ranges : kinds}.`,
  });
}

function resultType(
  statement: CreateFunctionStmt,
  parameters: readonly FunctionParameter[],
): { readonly result: string; readonly returnsSet: boolean } {
  const { returnType } = statement;
  const given = outputs(parameters);
  const returnsSet = returnType?.setof === true;
  if (returnType === undefined) {
    if (given.length === 0 && statement.is_procedure === true) return { result: 'void', returnsSet };
    if (given.length === 0) throw new SqlError('invalid_function_definition', 'function result type must be specified');
    return { result: given.length === 1 ? given[0]!.type : 'record', returnsSet };
  }
  const { setof: _, ...plain } = returnType;
  const { type } = namedType(plain);
  const isTable = given.some(({ mode }) => mode === 'table');
  if (given.length > 0 && !isTable) {
    const wanted = given.length === 1 ? given[0]!.type : 'record';
    if (type !== wanted) {
      const message = `function result type must be ${titleOf(wanted as ColumnType)} because of OUT parameters`;
      throw new SqlError('invalid_function_definition', message);
    }
  }
  if ((type as SqlType) === 'any' || (type as string) === 'trigger')
    throw notSupported(`a function that returns ${titleOf(type)}`);
  return { result: isTable && given.length > 1 ? 'record' : type, returnsSet };
}

function readOptions(options: readonly Node[]): {
  readonly language: string | undefined;
  readonly source: string | undefined;
} {
  let language: string | undefined;
  let source: string | undefined;
  const seen = new Set<string>();
  for (const node of options) {
    if (!('DefElem' in node)) continue;
    const { defname = '', arg, location } = node.DefElem;
    if (seen.has(defname)) throw new SqlError('syntax_error', 'conflicting or redundant options', { location });
    seen.add(defname);
    if (defname === 'language') language = stringOf(arg).toLowerCase();
    else if (defname === 'as') source = arg !== undefined && 'List' in arg ? stringOf(arg.List.items?.[0]) : undefined;
    else if (defname === 'window' || defname === 'transform') {
      throw notSupported(`${defname.toUpperCase()} of a function`, location);
    } else if (defname === 'set') throw notSupported('SET of a function', location);
  }
  return { language, source };
}

/**
 * What planning may rely on. COST, ROWS, PARALLEL and LEAKPROOF are hints that change no answer, and are told of, as SECURITY is:
 * whoever may call may do what the owner may.
 * @throws SqlError `invalid_parameter_value`.
 */
function traitsOf(options: readonly Node[], before: Traits & Pick<UserFunction, 'returnsSet'>): Traits {
  let { strict, volatility, securityDefiner, parallel, leakproof, cost, rows } = before;
  for (const node of options) {
    if (!('DefElem' in node)) continue;
    const { defname, arg } = node.DefElem;
    const isOn = arg !== undefined && 'Boolean' in arg && arg.Boolean.boolval === true;
    if (defname === 'strict') strict = isOn;
    else if (defname === 'security') securityDefiner = isOn || undefined;
    else if (defname === 'leakproof') leakproof = isOn || undefined;
    else if (defname === 'volatility') volatility = stringOf(arg) as Traits['volatility'];
    else if (defname === 'parallel') parallel = parallelOf(stringOf(arg));
    else if (defname === 'cost') cost = positive(arg, 'COST');
    else if (defname === 'rows') {
      rows = positive(arg, 'ROWS');
      if (!before.returnsSet) throw wrongValue('ROWS is not applicable when function does not return a set');
    } else if (defname === 'set') throw notSupported('SET of a function');
  }
  return { strict, volatility, securityDefiner, parallel, leakproof, cost, rows };
}

function parallelOf(text: string): Traits['parallel'] {
  if (text === 'safe' || text === 'restricted') return text;
  if (text === 'unsafe') return undefined;
  throw new SqlError('syntax_error', 'parameter "parallel" must be SAFE, RESTRICTED, or UNSAFE');
}

function positive(node: Node | undefined, title: string): number {
  const value = Number(
    node === undefined ? 0 : 'Float' in node ? node.Float.fval : 'Integer' in node ? (node.Integer.ival ?? 0) : 0,
  );
  if (value > 0) return Math.fround(value);
  throw wrongValue(`${title} must be positive`);
}

function wrongValue(message: string): SqlError {
  return new SqlError('invalid_parameter_value', message);
}

/** @throws SqlError `invalid_function_definition` for what can be said of functions only. */
function refuseTraits(options: readonly Node[]): void {
  for (const node of options) {
    if (!('DefElem' in node) || !FUNCTION_ONLY.has(node.DefElem.defname ?? '')) continue;
    throw new SqlError('invalid_function_definition', 'invalid attribute in procedure definition', {
      location: node.DefElem.location,
    });
  }
}

const FUNCTION_ONLY = new Set(['strict', 'volatility', 'window', 'leakproof', 'cost', 'rows', 'support', 'parallel']);

/** The clause that ends the statement; comments, strings and quoted names before it are passed over. */
function clauseOf(text: string): string {
  const tokens = /'(?:[^']|'')*'|"(?:[^"]|"")*"|--[^\n]*|\/\*[\s\S]*?\*\/|\b(?:RETURN|BEGIN\s+ATOMIC)\b/gi;
  const begin = [...text.matchAll(tokens)].find(([token]) => /^[rb]/i.test(token));
  return text.slice(begin?.index).replace(/;?\s*$/, '');
}
