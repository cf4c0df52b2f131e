/** `npm run pretrain`: trains the packaged frozen network on drawn textures and writes its weights. Options: `--help`. */
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { openDevice } from "../../src/core/index.ts";
import { textureClasses } from "../../src/data/index.ts";
import { LoupeError } from "../../src/error.ts";
import { halfPrecision } from "./export.ts";
import { Pretraining, type PretrainSettings, usual } from "./training.ts";

const help = `Trains the packaged frozen network on procedural textures.

  npm run pretrain -- [options]

  --output <folder>     checkpoint and weights; default ./runs/pretrain
  --resume              goes on with the checkpoint in that folder, to the same bits as without the break
  --backbone <name>     default ${usual.backbone}
  --steps <n>           default ${usual.steps}
  --batch <n>           pictures of a step; default ${usual.batch}
  --size <pixels>       side of a picture, a multiple of 16; default ${usual.size}
  --lr <rate>           highest learning rate; default ${usual.lr}
  --weight-decay <x>    default ${usual.weightDecay}
  --colour <x>          weight of the loss on colours; default ${usual.colour}
  --seed <n>            default ${usual.seed}
  --save-every <n>      steps between checkpoints; default 500
  --adapter <name>      part of a GPU's name
`;

const text = { type: "string" } as const;
const { values } = parseArgs({
  options: {
    output: { type: "string", default: "runs/pretrain" },
    resume: { type: "boolean", default: false },
    help: { type: "boolean", default: false },
    backbone: { type: "string", default: usual.backbone },
    steps: text,
    batch: text,
    size: text,
    lr: text,
    "weight-decay": text,
    colour: text,
    seed: text,
    "save-every": text,
    adapter: text,
  },
});

type NumberFlag =
  | "steps"
  | "batch"
  | "size"
  | "lr"
  | "weight-decay"
  | "colour"
  | "seed"
  | "save-every";

function number(flag: NumberFlag, otherwise: number): number {
  const given = values[flag];
  if (given === undefined) return otherwise;
  const value = Number(given);
  if (given.trim() !== "" && Number.isFinite(value) && value >= 0) return value;
  throw new LoupeError("config", `pretrain: --${flag} must be a number from 0, got "${given}"`);
}

function settingsOf(): PretrainSettings {
  return {
    backbone: values.backbone,
    steps: number("steps", usual.steps),
    batch: number("batch", usual.batch),
    size: number("size", usual.size),
    lr: number("lr", usual.lr),
    weightDecay: number("weight-decay", usual.weightDecay),
    colour: number("colour", usual.colour),
    seed: number("seed", usual.seed),
  };
}

function writeWhole(path: string, bytes: Uint8Array): void {
  writeFileSync(`${path}.part`, bytes);
  renameSync(`${path}.part`, path);
}

async function main(): Promise<void> {
  if (values.help) return void process.stdout.write(help);
  const settings = settingsOf();
  const saveEvery = Math.max(1, number("save-every", 500));
  const folder = values.output;
  mkdirSync(folder, { recursive: true });
  const checkpoint = join(folder, "checkpoint.safetensors");
  if (!values.resume && existsSync(checkpoint)) {
    const next = "--resume goes on with it; or give another --output";
    throw new LoupeError("io", `${checkpoint}: there is a training already; ${next}`);
  }
  if (values.resume && !existsSync(checkpoint)) {
    const next = "begin without --resume, or give the folder with --output";
    throw new LoupeError("io", `${checkpoint}: there is no training to go on with; ${next}`);
  }
  const adapter = values.adapter === undefined ? {} : { adapter: values.adapter };
  const device = await openDevice({ ...adapter, onWarning: (message) => console.error(message) });
  try {
    using training = new Pretraining(device, settings);
    if (values.resume) training.load(readFileSync(checkpoint));
    if (await trainAll(training, checkpoint, saveEvery)) await publish(training, folder);
  } finally {
    device.close();
  }
}

/** Returns whether the training is complete; an interrupt saves and stops it. */
async function trainAll(training: Pretraining, checkpoint: string, saveEvery: number) {
  const { steps } = training.settings;
  let stopped = false;
  process.once("SIGINT", () => {
    stopped = true;
  });
  const first = training.step;
  const start = performance.now();
  let sum = 0;
  let count = 0;
  while (training.step < steps && !stopped) {
    sum += await training.advance();
    count++;
    const { step } = training;
    if (step % 100 === 0 || step === steps) {
      const each = (performance.now() - start) / (step - first) / 1000;
      const left = (each * (steps - step)) / 60;
      console.log(
        `step ${step}/${steps}  loss ${(sum / count).toFixed(4)}  ${each.toFixed(3)} s a step, ${left.toFixed(1)} min left`,
      );
      sum = 0;
      count = 0;
    }
    if (step % saveEvery === 0) writeWhole(checkpoint, await training.save());
  }
  writeWhole(checkpoint, await training.save());
  if (training.step < steps) console.log(`stopped at step ${training.step}; --resume goes on`);
  return training.step === steps;
}

async function publish(training: Pretraining, folder: string): Promise<void> {
  const { settings } = training;
  const accuracy = (await training.accuracy(10)).map((a) => a.toFixed(3));
  const file = join(folder, `${settings.backbone}.textures.safetensors`);
  const bytes = halfPrecision(await training.backbone(), {
    licence: "MIT",
    made_by: "npm run pretrain",
    settings: JSON.stringify(settings),
    accuracy: accuracy.join(" "),
  });
  writeWhole(file, bytes);
  const sha256 = createHash("sha256").update(bytes).digest("hex");
  console.log(
    `places of unseen pictures that are named right, of ${textureClasses.length} textures, at strides 4, 8, 16: ${accuracy.join(", ")}`,
  );
  console.log(`${file}: ${bytes.length} bytes, SHA-256 ${sha256}`);
}

try {
  await main();
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}
