import { describe, expect, it } from 'vitest';
import type { CommandEntry } from './command.ts';
import { newCommandTable } from './command-table.ts';

const table = newCommandTable();
const all: readonly CommandEntry[] = table.entries.flatMap((entry) => [entry, ...(entry.subcommands?.entries ?? [])]);

describe('the command table', () => {
  it('finds every command by its name in any case', () => {
    for (const entry of table.entries) {
      for (const name of [entry.name, entry.name.toUpperCase()]) {
        const bytes = Buffer.from(`xx${name}yy`);
        expect(table.find(bytes, 2, name.length), name).toBe(entry);
      }
    }
    expect(table.find(Buffer.from('nope'), 0, 4)).toBeUndefined();
    expect(table.find(Buffer.alloc(0), 0, 0)).toBeUndefined();
    expect(table.byName('CLIENT|SETNAME')?.name).toBe('client|setname');
  });

  it('derives arity and key positions as Redis declares them', () => {
    const facts = (name: string) => {
      const entry = table.byName(name)!;
      return [entry.arity, entry.firstKey, entry.lastKey, entry.keyStep];
    };
    expect(facts('get')).toEqual([2, 1, 1, 1]);
    expect(facts('set')).toEqual([-3, 1, 1, 1]);
    expect(facts('mset')).toEqual([-3, 1, -1, 2]);
    expect(facts('mget')).toEqual([-2, 1, -1, 1]);
    expect(facts('expire')).toEqual([-3, 1, 1, 1]);
    expect(facts('incrby')).toEqual([3, 1, 1, 1]);
    expect(facts('bitop')).toEqual([-4, 2, -1, 1]);
    expect(facts('rename')).toEqual([3, 1, 2, 1]);
    expect(facts('object|encoding')).toEqual([3, 2, 2, 1]);
    expect(facts('watch')).toEqual([-2, 1, -1, 1]);
    expect(facts('hello')).toEqual([-1, 0, 0, 0]);
    expect(facts('client')).toEqual([-2, 0, 0, 0]);
    expect(facts('client|setname')).toEqual([3, 0, 0, 0]);
    expect(facts('command|docs')).toEqual([-2, 0, 0, 0]);
  });

  it('says of every command with keys how it uses them, and of no other', () => {
    for (const entry of all) expect(entry.command.keyFlags !== undefined, entry.name).toBe(entry.firstKey > 0);
  });

  it('never calls a command both reading and writing, and runs what has keys on databases', () => {
    for (const { name, command, firstKey } of all) {
      expect(command.flags.includes('write') && command.flags.includes('readonly'), name).toBe(false);
      if (firstKey > 0 && name !== 'watch' && name !== 'migrate')
        expect(['keys', 'keyspace'], name).toContain(command.scope);
      if (command.scope === 'keys') expect(firstKey, name).toBeGreaterThan(0);
      expect(command.summary, name).not.toBe('');
      expect(command.since, name).toMatch(/^\d+\.\d+\.\d+$/);
    }
  });
});
