/** Text out of a foreign file, safe to print: control characters (which steer a terminal) become escapes, and length has an end. */

const control = /\p{Cc}|\p{Bidi_Control}|[\u2028\u2029]/gu;

/** Escapes control characters as `\u{1b}` and cuts after `limit` characters. */
export function printable(text: string, limit = 200): string {
  const cut = text.length > limit ? `${text.slice(0, limit)}…` : text;
  return cut.replace(control, (c) => `\\u{${c.codePointAt(0)?.toString(16)}}`);
}
