/**
 * Compiles shaders with Dawn's null backend, which validates and runs nothing: JSON of `[{ name, code, pipeline }]` comes in on
 * stdin, JSON of `{ missing }` or `{ errors }` goes out. A process of its own, because it has flags of its own.
 */
import { readFileSync } from "node:fs";
import { create, globals } from "webgpu";

Object.assign(globalThis, globals);
const say = (answer) =>
  process.stdout.write(`\n${JSON.stringify(answer)}\n`, () => process.exit(0));

const features = [
  "shader-f16",
  "subgroups",
  "subgroup-size-control",
  "chromium-experimental-subgroup-matrix",
];
const gpu = create(["backend=null", "enable-dawn-features=allow_unsafe_apis"]);
const adapter = await gpu.requestAdapter();
const missing = features.filter((f) => !adapter?.features.has(f));
if (!adapter || missing.length) say({ missing: adapter ? missing : ["adapter"] });
else say({ errors: await compileAll(await adapter.requestDevice({ requiredFeatures: features })) });

async function compileAll(device) {
  const errors = [];
  for (const { name, code, pipeline } of JSON.parse(readFileSync(0, "utf8"))) {
    device.pushErrorScope("validation");
    const module = device.createShaderModule({ code });
    if (pipeline)
      device.createComputePipeline({ layout: "auto", compute: { module, entryPoint: "main" } });
    const error = await device.popErrorScope();
    const { messages } = await module.getCompilationInfo();
    const told = messages.filter((m) => m.type === "error").map((m) => m.message);
    if (error || told.length) errors.push({ name, messages: [...told, error?.message ?? ""] });
  }
  device.destroy();
  return errors;
}
