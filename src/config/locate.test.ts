import fc from 'fast-check';
import { parse, stringify } from 'smol-toml';
import { describe, expect, test } from 'vitest';
import { joinPath, locateKeys } from './locate.ts';

/** `line:column` of the key and of the value. */
function at(toml: string, path: string): string | undefined {
  const place = locateKeys(toml).get(path);
  return place && `${place.key.line}:${place.key.column} ${place.value.line}:${place.value.column}`;
}

describe('the place of a key', () => {
  test.each([
    ['a = 1', 'a', '1:1 1:5'],
    ['\n\n  a   =   1', 'a', '3:3 3:11'],
    ['[t]\na = 1', 't', '1:2 1:2'],
    ['[t]\na = 1', 't.a', '2:1 2:5'],
    ['[ t . u ]\na = 1', 't.u.a', '2:1 2:5'],
    ['a.b.c = 1', 'a.b.c', '1:1 1:9'],
    ['a.b.c = 1', 'a.b', '1:1 1:9'],
    ['"x.y" = 1', '"x.y"', '1:1 1:9'],
    ["'x' = 1", 'x', '1:1 1:7'],
    ['"\\\\e" = 1', '"\\\\e"', '1:1 1:9'],
    ['"\\\\x41" = 1', '"\\\\x41"', '1:1 1:11'],
    ['"\\U00000022" = 1', '"\\""', '1:1 1:16'],
    ['"\\u0061" = 1', 'a', '1:1 1:12'],
    ['[[r]]\na = 1\n[[r]]\na = 2', 'r[1].a', '4:1 4:5'],
    ['[[r]]\n[r.s]\na = 1\n[[r]]\n[r.s]\na = 2', 'r[1].s.a', '6:1 6:5'],
    ['[[r]]\n[[r.q]]\na = 1\n[[r.q]]\na = 2', 'r[0].q[1].a', '5:1 5:5'],
    ['t = { a = 1, b = { c = 2 } }', 't.b.c', '1:20 1:24'],
    ['l = [\n  1, # one ]\n  2,\n]\nz = 3', 'l[1]', '3:3 3:3'],
    ['l = [\n  1, # one ]\n  2,\n]\nz = 3', 'z', '5:1 5:5'],
    ['l = [{ a = 1 }, { a = 2 }]', 'l[1].a', '1:19 1:23'],
    ['s = "a # b = c ]"\nz = 1', 'z', '2:1 2:5'],
    ['s = "a \\" b"\nz = 1', 'z', '2:1 2:5'],
    ['s = """\na = 1\n[x]\n"" \\""""\nz = 1', 'z', '5:1 5:5'],
    ['s = """two quotes """""\nz = 1', 'z', '2:1 2:5'],
    ["s = '''\na = 'b'\n'''\nz = 1", 'z', '4:1 4:5'],
    ['d = 1979-05-27 07:32:00 # when\nz = 1', 'z', '2:1 2:5'],
    ['a = 1\r\nb = 2\r\n', 'b', '2:1 2:5'],
    ['\ufeffa = 1', 'a', '1:2 1:6'],
    ['# a = 0\na = 1', 'a', '2:1 2:5'],
  ])('%j: %s is at %s', (toml, path, place) => {
    parse(toml); // The locator is only for what the parser accepts.
    expect(at(toml, path)).toBe(place);
  });

  test('exists for every path of any document', () => {
    const key = fc
      .oneof(fc.stringMatching(/^[a-z_-]{1,4}$/), fc.string({ minLength: 1, maxLength: 4 }))
      .filter((k) => k !== '__proto__');
    const { document } = fc.letrec<{ value: unknown; document: Record<string, unknown> }>((tie) => ({
      value: fc.oneof(
        { depthSize: 'small' },
        fc.integer(),
        fc.boolean(),
        fc.string({ maxLength: 12 }),
        fc.constantFrom("# \"quoted\" ''' [x]", 'a\nb = 1\n', '"""'),
        fc.array(fc.integer(), { maxLength: 3 }),
        fc.array(tie('document'), { maxLength: 2 }),
        tie('document'),
      ),
      document: fc.dictionary(key, tie('value'), { maxKeys: 4 }) as fc.Arbitrary<Record<string, unknown>>,
    }));
    fc.assert(
      fc.property(document, (value) => {
        const toml = stringify(value);
        const places = locateKeys(toml);
        for (const path of pathsOf(parse(toml), '')) expect(places.has(path), `${path} in\n${toml}`).toBe(true);
      }),
    );
  });

  test('of a text that is no TOML is no endless search', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: fc.constantFrom('[', ']', '{', '}', '=', '"', "'", '.', ',', '\n', 'a', '#', '\\', ' ') }),
        (text) => {
          locateKeys(text);
        },
      ),
    );
  });
});

function* pathsOf(value: unknown, path: string): Generator<string> {
  if (Array.isArray(value)) {
    for (const [i, item] of value.entries()) {
      yield joinPath(path, i);
      yield* pathsOf(item, joinPath(path, i));
    }
  } else if (typeof value === 'object' && value !== null && !(value instanceof Date)) {
    for (const [key, child] of Object.entries(value)) {
      yield joinPath(path, key);
      yield* pathsOf(child, joinPath(path, key));
    }
  }
}
