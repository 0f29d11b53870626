import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { asBuffer, latin1, utf8 } from '../base/bytes.ts';
import { rangeContains, rangesOverlap } from './key-range.ts';
import { Keyspace, SPACES } from './keyspace.ts';

const keyspace = new Keyspace();

test('the register lists every space once, under its own name, and none overlap', () => {
  expect(keyspace.spaces.map((space) => space.name)).toEqual([...SPACES]);
  for (const space of keyspace.spaces) {
    expect(latin1(space.prefix)).toBe(`orbit/${space.name}/`);
    const overlapping = keyspace.spaces.filter((other) => rangesOverlap(space.range(), other.range()));
    expect(overlapping).toEqual([space]);
    expect(keyspace.spaceOf(space.key([1n]))).toBe(space);
    expect(rangeContains(keyspace.range(), space.key([1n]))).toBe(true);
  }
});

test('keys are the prefix and the tuple, and decode to it', () => {
  const key = keyspace.kv.key([0n, utf8('user:1')]);
  expect(latin1(key)).toBe('orbit/kv/\x14\x31user:1\x00\x01');
  expect(keyspace.kv.decode(key)).toEqual([0n, utf8('user:1')]);
  expect(latin1(keyspace.kv.writer().int(0).bytes(utf8('user:1')).finish())).toBe(latin1(key));
  const reader = keyspace.kv.reader(key);
  expect([reader.safeInt(), latin1(reader.bytes()), reader.atEnd]).toEqual([0, 'user:1', true]);
  expect(() => keyspace.meta.decode(key)).toThrow(/outside the space meta/);
  expect(() => keyspace.kv.decode(utf8('orbit/kv/\x00'))).toThrow(expect.objectContaining({ code: 'corruption' }));
});

test('ranges hold the keys that begin with a tuple and no others', () => {
  const rows = keyspace.relational.range([7n]);
  expect(rangeContains(rows, keyspace.relational.key([7n]))).toBe(true);
  expect(rangeContains(rows, keyspace.relational.key([7n, 'a', null]))).toBe(true);
  expect(rangeContains(rows, keyspace.relational.key([8n]))).toBe(false);
  expect(rangeContains(rows, keyspace.relational.key([7n * 256n]))).toBe(false);
  expect(rangeContains(rows, keyspace.index.key([7n, 1n]))).toBe(false);
  const newestFirst = keyspace.index.range([1n, 2n, 'x'], { descending: [false, false, true] });
  expect(rangeContains(newestFirst, keyspace.index.key([1n, 2n, 'x', 5n], { descending: [false, false, true] }))).toBe(
    true,
  );
});

test('tenants have a keyspace of their own inside the prefix', () => {
  const tenant = keyspace.tenant('acme');
  const key = tenant.kv.key([0n]);
  expect(latin1(tenant.kv.prefix)).toBe('orbit/tenant/acme/kv/');
  expect(rangeContains(keyspace.range(), key)).toBe(true);
  expect(keyspace.spaceOf(key)).toBeUndefined();
  expect(tenant.spaceOf(key)).toBe(tenant.kv);
  expect(() => keyspace.tenant('a/b')).toThrow(expect.objectContaining({ code: 'invalid_config' }));
});

test.each(['', '/', 'a/', '/a', 'a//b', 'a b', 'ä', 'a\0', 'x'.repeat(300)])('refuses the prefix %j', (prefix) => {
  expect(() => new Keyspace(prefix)).toThrow(expect.objectContaining({ code: 'invalid_config' }));
});

test('docs/formats/keyspace.md lists every space, and its literal bytes hold', () => {
  const page = readFileSync(new URL('../../docs/formats/keyspace.md', import.meta.url), 'utf8');
  for (const name of SPACES) expect(page).toMatch(new RegExp(`^\\| *\`\\{prefix\\}/${name}/\` *\\|`, 'm'));
  const example = /`orbit\/kv\/0\/user:1`.*?```\n(.*?)```/s.exec(page)?.[1] ?? '';
  const hex = [...example.matchAll(/^((?:[0-9a-f]{2} )+) /gm)].map((match) => match[1]!.replaceAll(' ', '')).join('');
  expect(hex).toBe(asBuffer(keyspace.kv.key([0n, utf8('user:1')])).toString('hex'));
});
