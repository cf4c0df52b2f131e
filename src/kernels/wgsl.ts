/**
 * The one door to `wgsl-preprocessor`: template strings with `#if ${condition}` … `#endif`.
 * The package writes `undefined` and arrays into a shader as text; here they are refused.
 */
import { wgsl as preprocess } from "wgsl-preprocessor/wgsl-preprocessor.js";
import { LoupeError } from "../error.ts";

/** WGSL text with `#if ${…}`, `#elif ${…}`, `#else`, `#endif`; values are text, numbers or booleans. */
export function wgsl(
  strings: TemplateStringsArray,
  ...values: (string | number | boolean)[]
): string {
  values.forEach((value, i) => {
    const good =
      typeof value === "number" ? Number.isFinite(value) : /string|boolean/.test(typeof value);
    if (!good) {
      const before = (strings[i] ?? "").slice(-30);
      throw new LoupeError("shape", `wgsl: value ${i} after "${before}" is ${String(value)}`);
    }
  });
  return preprocess(strings, ...values);
}
