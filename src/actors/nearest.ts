/** Finds what someone probably meant: the known name with the smallest edit distance (Levenshtein). */

const NAME_CHARS_MAX = 64;

/** @returns the nearest of `names`, or undefined when even that one differs in more than half of its characters. */
export function nearest(wanted: string, names: Iterable<string>): string | undefined {
  let best: string | undefined;
  let bestDistance = Number.POSITIVE_INFINITY;
  for (const name of names) {
    const distance = editDistance(wanted.slice(0, NAME_CHARS_MAX).toLowerCase(), name.toLowerCase());
    if (distance < bestDistance && distance * 2 <= Math.max(name.length, wanted.length)) {
      best = name;
      bestDistance = distance;
    }
  }
  return best;
}

function editDistance(a: string, b: string): number {
  let above = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const replaced = above[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1);
      row.push(Math.min(replaced, above[j]! + 1, row[j - 1]! + 1));
    }
    above = row;
  }
  return above[b.length]!;
}
