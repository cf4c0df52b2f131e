/**
 * Lets Node 20 run the TypeScript of this checkout as it is: esbuild takes the types off each file when it is loaded,
 * and `#gpu` and its like mean the files in src/ ("source"), not those in dist/. For benches, which measure src/.
 */
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { transform } from "esbuild";

export function resolve(specifier, context, next) {
  if (!specifier.startsWith("#")) return next(specifier, context);
  return next(specifier, { ...context, conditions: [...context.conditions, "source"] });
}

export async function load(url, context, next) {
  if (!url.startsWith("file:") || !/\.ts(\?|$)/.test(url)) return next(url, context);
  const sourcefile = fileURLToPath(url);
  const text = await readFile(sourcefile, "utf8");
  const options = {
    loader: "ts",
    format: "esm",
    target: "node20",
    sourcemap: "inline",
    sourcefile,
  };
  const { code } = await transform(text, options);
  return { format: "module", source: code, shortCircuit: true };
}
