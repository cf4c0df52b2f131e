/** Makes one script of test/browser/*.ts, as a page would load it: the browser twins, from src/. */
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { build } from "esbuild";

/** Returns the names of the test files in `folder`. */
export function testFiles(folder) {
  if (!existsSync(folder)) return [];
  return readdirSync(folder)
    .filter((name) => name.endsWith(".ts") && !name.endsWith(".d.ts"))
    .sort();
}

/** Returns the script that runs the tests of `files` (those whose full name contains `only`) and reports to the server. */
export async function bundle(root, files, only = "") {
  const imports = files.map((name, i) => `import { tests as t${i} } from "./${name}";`);
  const table = files.map((name, i) => `${JSON.stringify(name.replace(/\.ts$/, ""))}: t${i}`);
  const page = JSON.stringify(join(root, "scripts/browser/page.js"));
  const contents = [
    ...imports,
    `import { runAll } from ${page};`,
    `runAll({ ${table.join(", ")} }, ${JSON.stringify(only)});`,
  ].join("\n");
  const result = await build({
    stdin: {
      contents,
      resolveDir: join(root, "test/browser"),
      sourcefile: "browser-tests.js",
      loader: "js",
    },
    bundle: true,
    write: false,
    format: "esm",
    platform: "browser",
    conditions: ["source"],
    target: "es2023",
    sourcemap: "inline",
    logLevel: "silent",
  });
  return result.outputFiles[0].text;
}
