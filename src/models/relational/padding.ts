/**
 * The spaces that fill up a value of type `character(n)`. They are part of the value and do not count when it is compared,
 * so rows and keys are stored without them.
 */

/** Longer values of nothing but spaces are not kept. */
const KEPT_MAX = 255;
/** Empty values filled up, by their length: made once, so that they are told by themselves. */
const BLANKS = Array.from({ length: KEPT_MAX + 1 }, (_, length) => ' '.repeat(length));

/** Without the spaces at the end. */
export function withoutPadding(text: string): string {
  if (text === BLANKS[text.length]) return '';
  let end = text.length;
  while (end > 0 && text.charCodeAt(end - 1) === 0x20) end--;
  return end === text.length ? text : text.slice(0, end);
}

/** Filled up to the length of the modifier (n + 4), in characters; as it is with -1. */
export function withPadding(text: string, modifier: number): string {
  if (modifier < 0) return text;
  const width = modifier - 4;
  if (text === '' && width <= KEPT_MAX) return BLANKS[width]!;
  if (isPlain(text)) return text.padEnd(width);
  return text + ' '.repeat(Math.max(0, width - [...text].length));
}

/** Whether every character is one UTF-16 unit. */
function isPlain(text: string): boolean {
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit >= 0xd800 && unit < 0xe000) return false;
  }
  return true;
}
