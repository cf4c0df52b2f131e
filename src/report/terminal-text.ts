/** Text from outside (file names, class names) made fit for a terminal, and how many columns it takes there. */

/** Control characters, line breaks and invisible direction marks become JSON's escapes such as `\u001b`, so that they do nothing. */
export function printable(text: string): string {
  return text.replace(/[\p{Cc}\p{Zl}\p{Zp}\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]/gu, (c) => {
    const code = c.codePointAt(0) as number;
    if (c === "\n") return "\\n";
    if (c === "\t") return "\\t";
    return `\\u${code.toString(16).padStart(4, "0")}`;
  });
}

const graphemes = new Intl.Segmenter("en", { granularity: "grapheme" });
/** Scripts and symbols that terminals draw two columns wide. */
const wide =
  /[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]|\p{Emoji_Presentation}|[\u{20000}-\u{3fffd}]/u;

/** Columns of a terminal that printable text takes. */
export function displayWidth(text: string): number {
  let width = 0;
  for (const { segment } of graphemes.segment(text)) width += wide.test(segment) ? 2 : 1;
  return width;
}
