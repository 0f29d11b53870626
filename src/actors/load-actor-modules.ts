/**
 * Loads the actor types of users: ES modules named by the configuration (`[actors] modules`) whose exports are actor
 * definitions. Other exports are left alone, so a module may share its types and helpers.
 */

import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { messageOf, OperationError } from '../base/errors.ts';
import type { AnyDefinition } from './actor-type.ts';

/**
 * The definitions of all modules, in order. Paths are absolute or relative to `directory`, by default the working
 * directory; a bare word, or one behind a scope, is taken for the name of a package.
 * @throws OperationError `invalid_config`, naming the module and what is wrong with it.
 */
export async function loadActorModules(modules: readonly string[], directory = '.'): Promise<readonly AnyDefinition[]> {
  const found = new Map<string, { readonly definition: AnyDefinition; readonly module: string }>();
  for (const module of modules) {
    for (const definition of await definitionsOf(module, directory)) {
      const other = found.get(definition.type);
      if (other !== undefined && other.definition !== definition) {
        throw new OperationError(
          'invalid_config',
          `actor modules ${other.module} and ${module} both define the actor type "${definition.type}"`,
        );
      }
      found.set(definition.type, { definition, module });
    }
  }
  return [...found.values()].map(({ definition }) => definition);
}

async function definitionsOf(module: string, directory: string): Promise<readonly AnyDefinition[]> {
  let exports: Record<string, unknown>;
  try {
    exports = (await import(specifierOf(module, directory))) as Record<string, unknown>;
  } catch (error) {
    throw new OperationError('invalid_config', `actor module ${module} cannot be loaded: ${messageOf(error)}`, {
      cause: error,
      hint: 'modules are ES modules (.js, .mjs or .ts); relative paths begin at the working directory',
    });
  }
  const definitions = Object.values(exports).filter(isDefinition);
  if (definitions.length > 0) return definitions;
  const names = Object.keys(exports);
  throw new OperationError('invalid_config', `actor module ${module} exports no actor definition`, {
    hint:
      names.length === 0
        ? 'export what `defineActor` returns'
        : `it exports ${names.join(', ')}; export what \`defineActor\` returns`,
  });
}

function specifierOf(module: string, directory: string): string {
  const isPackage = /^(@[\w.-]+\/)?[\w-]+$/.test(module);
  return isPackage ? module : pathToFileURL(resolve(directory, module)).href;
}

function isDefinition(value: unknown): value is AnyDefinition {
  return typeof value === 'object' && value !== null && 'kind' in value && value.kind === 'actor';
}
