/**
 * What would steer a terminal or turn the direction of writing, escaped as JSON has it: names of files and classes come from
 * outside.
 */
export function harmless(text: string): string {
  return text.replace(/[\p{Cc}\p{Bidi_Control}]/gu, (unit) => {
    const kept = unit === "\n" || unit === "\t";
    return kept ? unit : `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`;
  });
}
