/** The tree that EXPLAIN prints for programs, as JSON, as XML or as YAML: in the lines and with the indents of PostgreSQL's explain.c. */

/** A list of texts, or of parts that have the singular of the list's name. */
export type Tree = { readonly [name: string]: Leaf | Tree | readonly Leaf[] | readonly Tree[] };
type Leaf = string | number | boolean;

export function jsonOf(query: Tree): string {
  // Lists of texts stand in one line, and lists of nothing in two, as PostgreSQL writes them.
  return JSON.stringify([query], undefined, 2)
    .replace(
      /\[\n\s+("(?:[^"\\]|\\.)*"(?:,\n\s+"(?:[^"\\]|\\.)*")*)\n\s+\]/g,
      (_, list) => `[${(list as string).replace(/,\n\s+"/g, ', "')}]`,
    )
    .replace(/^( *)(".*": )([[{])([\]}])/gm, '$1$2$3\n$1$4');
}

export function xmlOf(query: Tree): string {
  const lines: string[] = [];
  const element = (name: string, value: Tree[string], indent: string): void => {
    const tag = name.replace(/[^A-Za-z0-9_.-]/g, '-');
    if (typeof value !== 'object') {
      lines.push(`${indent}<${tag}>${escaped(String(value))}</${tag}>`);
      return;
    }
    lines.push(`${indent}<${tag}>`);
    const inside = `${indent}  `;
    if (!Array.isArray(value)) for (const [each, part] of Object.entries(value)) element(each, part, inside);
    else for (const part of value) element(typeof part === 'object' ? name.slice(0, -1) : 'Item', part, inside);
    lines.push(`${indent}</${tag}>`);
  };
  element('Query', query, '  ');
  return ['<explain xmlns="http://www.postgresql.org/2009/explain">', ...lines, '</explain>'].join('\n');
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('\r', '&#x0d;');
}

export function yamlOf(query: Tree): string {
  const lines: string[] = [];
  const scalar = (value: Leaf): string => (typeof value === 'string' ? JSON.stringify(value) : String(value));
  /** @param first What stands in front of the first line: the dash of a list. */
  const fields = (tree: Tree, indent: string, first: string): void => {
    let before = first;
    for (const [name, value] of Object.entries(tree)) {
      const start = `${before}${name}: `;
      before = indent;
      if (typeof value !== 'object') {
        lines.push(start + scalar(value));
        continue;
      }
      lines.push(start);
      const inside = `${indent}  `;
      if (!Array.isArray(value)) fields(value as Tree, inside, inside);
      else
        for (const part of value as readonly (Leaf | Tree)[]) {
          if (typeof part === 'object') fields(part, `${inside}  `, `${inside}- `);
          else lines.push(`${inside}- ${scalar(part)}`);
        }
    }
  };
  fields(query, '  ', '- ');
  return lines.join('\n');
}
