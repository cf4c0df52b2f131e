/** What the README promises: its library example runs, its scripts exist, its commands and flags are real. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { expect, test } from "vitest";

const root = resolve(import.meta.dirname, "..");
const readme = readFileSync(join(root, "README.md"), "utf8");
const block = (language: string, holding: string) =>
  [...readme.matchAll(new RegExp(`\`\`\`${language}\n([\\s\\S]*?)\`\`\``, "g"))]
    .map((m) => m[1] as string)
    .find((text) => text.includes(holding)) as string;

/** The exports of a README example that is run as a program of its own. */
async function run(code: string): Promise<Record<string, unknown>> {
  const folder = mkdtempSync(join(tmpdir(), "loupe-readme-"));
  const file = join(folder, "example.ts");
  const found = code
    .replace('"tensorloupe"', JSON.stringify(join(root, "src/index.ts")))
    .replace("openDevice()", "openDevice({ onWarning: () => {} })");
  writeFileSync(file, found);
  try {
    return await import(file);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

test("the library example runs and has a loss and a gradient", async () => {
  const shown = "export const value = loss?.[0];\nexport const grad = await weight.grad?.data();\n";
  const code = block("ts", "weight.grad").replace("device.close();", `${shown}device.close();`);
  const { value, grad } = await run(code);
  expect(value).toBeGreaterThan(0);
  expect((grad as Float32Array).some((v) => v !== 0)).toBe(true);
});

test("the recorded step learns", async () => {
  const { losses } = await run(
    block("ts", "program(").replace("const losses", "export const losses"),
  );
  const [first, last] = [(losses as number[])[0], (losses as number[]).at(-1)] as [number, number];
  expect(last).toBeLessThan(first / 2);
});

test("the scripts that the README names exist", () => {
  const { scripts } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
  const named = [...readme.matchAll(/npm (?:run )?(start|test|[a-z]+(?::[a-z]+)?)\b/g)].map(
    (m) => m[1] as string,
  );
  const known = new Set(["install", ...Object.keys(scripts)]);
  expect(named.filter((name) => !known.has(name))).toEqual([]);
});

test("the commands and flags that the README shows are the program's", () => {
  const shown = block("sh", "loupe doctor").replaceAll("\\\n", " ").split("\n");
  for (const line of shown.filter((l) => l.startsWith("loupe "))) {
    const words = (line.split("#")[0] as string).trim().split(/\s+/).slice(1);
    const command = words.slice(0, ["data", "fod", "weights"].includes(words[0] as string) ? 2 : 1);
    const help = execFileSync("node", ["scripts/run.mjs", ...command, "--help"], {
      cwd: root,
      encoding: "utf8",
    });
    for (const flag of words.filter((w) => w.startsWith("--"))) expect(help).toContain(flag);
  }
});
