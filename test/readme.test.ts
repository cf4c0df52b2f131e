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

test("the library example runs and has a loss and a gradient", async () => {
  const folder = mkdtempSync(join(tmpdir(), "loupe-readme-"));
  const code = block("ts", "openDevice")
    .replace('"tensorloupe"', JSON.stringify(join(root, "src/index.ts")))
    .replace("openDevice()", "openDevice({ onWarning: () => {} })")
    .replace(
      "device.close();",
      "export const value = loss?.[0];\nexport const grad = await weight.grad?.data();\ndevice.close();",
    );
  const file = join(folder, "example.ts");
  writeFileSync(file, code);
  try {
    const example = await import(file);
    expect(example.value).toBeGreaterThan(0);
    expect(example.grad.some((v: number) => v !== 0)).toBe(true);
  } finally {
    rmSync(folder, { recursive: true });
  }
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
    const command = words.slice(0, ["data", "weights"].includes(words[0] as string) ? 2 : 1);
    const help = execFileSync("node", ["scripts/run.mjs", ...command, "--help"], {
      cwd: root,
      encoding: "utf8",
    });
    for (const flag of words.filter((w) => w.startsWith("--"))) expect(help).toContain(flag);
  }
});
