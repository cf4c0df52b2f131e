/** `loupe weights list|fetch|show`: published weights by name, and a look into any checkpoint file. */
import { z } from "zod";
import { formatBytes } from "../core/index.ts";
import { LoupeError } from "../error.ts";
import {
  type Checkpoint,
  fetchWeights,
  listWeights,
  loadWeights,
  readCheckpoint,
  showCheckpoint,
  type WeightsStatus,
  weightsHome,
} from "../models/index.ts";
import { formatTable } from "../report/index.ts";
import type { CommandSpec, Outcome } from "./command.ts";
import { exitCodeOf } from "./exit.ts";
import { formatFields } from "./fields.ts";
import { flag } from "./flags.ts";
import type { Terminal } from "./terminal.ts";

const none = z.strictObject({});

export const weightsList: CommandSpec = {
  name: "weights list",
  summary: "Lists the published weights known by name, and which of them are here",
  examples: ["loupe weights list", "loupe weights list --json"],
  settings: none,
  async run({ read }) {
    await read(none);
    const statuses = await listWeights();
    const rows = statuses.map(({ entry, cached, bytes }) => ({
      name: entry.name,
      size: formatBytes(bytes ?? 4 * entry.parameters),
      state: stateOf(entry.packaged !== undefined, cached),
      licence: entry.licence,
      what: entry.note,
    }));
    const table = formatTable(rows, columns("name", "size", "state", "licence", "what"));
    const text = `${table}\n\nfolder: ${weightsHome()} (LOUPE_WEIGHTS_DIR changes it)`;
    return { text, json: { folder: weightsHome(), weights: statuses.map(statusJson) } };
  },
};

function stateOf(packaged: boolean, here: boolean): string {
  if (packaged) return here ? "in the package" : "missing";
  return here ? "here" : "not fetched";
}

const columns = (...keys: readonly string[]) => keys.map((key) => ({ key }));

function statusJson({ entry, ...rest }: WeightsStatus): Record<string, unknown> {
  return { ...entry, ...rest };
}

export const weightsFetch: CommandSpec = {
  name: "weights fetch",
  arguments: "<name...>",
  summary: "Downloads published weights into the cache and checks them",
  examples: ["loupe weights fetch resnet18", "loupe weights fetch hrnet_w32.ms_in1k"],
  settings: none,
  async run({ args, read, terminal }) {
    await read(none);
    const fetched: WeightsStatus[] = [];
    const failed: { name: string; error: string }[] = [];
    let exit: Outcome["exit"];
    for (const name of args) {
      try {
        fetched.push(await fetchOne(name, terminal));
      } catch (error) {
        if (!(error instanceof LoupeError)) throw error;
        terminal.error(error.message);
        failed.push({ name, error: error.message });
        exit ??= exitCodeOf(error);
      }
    }
    const lines = fetched.map(({ entry, path }) => [entry.name, path] as const);
    const json = { fetched: fetched.map(statusJson), failed };
    return { text: formatFields(lines), json, ...(exit === undefined ? {} : { exit }) };
  },
};

async function fetchOne(name: string, terminal: Terminal): Promise<WeightsStatus> {
  const progress = downloadProgress(terminal);
  try {
    return await fetchWeights(name, { onProgress: progress.onProgress });
  } finally {
    progress.end();
  }
}

/** A meter that begins with the first bytes. */
export function downloadProgress(terminal: Terminal) {
  const mebibyte = 2 ** 20;
  let meter: ReturnType<Terminal["meter"]> | undefined;
  return {
    onProgress({
      name,
      received,
      total,
    }: {
      name: string;
      received: number;
      total: number | undefined;
    }) {
      const all = Math.ceil((total ?? received) / mebibyte);
      meter ??= terminal.meter({ label: `fetching ${name}`, total: all, unit: "MiB" });
      meter.update(Math.floor(received / mebibyte));
    },
    end: () => meter?.end(),
  };
}

const showSettings = z.strictObject({
  part: flag(z.enum(["student", "teacher"]), "which network of a CDO checkpoint that holds both"),
});

export const weightsShow: CommandSpec = {
  name: "weights show",
  arguments: "<file|name>",
  summary: "Shows what a checkpoint holds (.safetensors, .pth); nothing in it is executed",
  examples: ["loupe weights show model.safetensors", "loupe weights show resnet18.tv_in1k --json"],
  settings: showSettings,
  async run({ args, read, terminal }) {
    const { settings } = await read(showSettings);
    const progress = downloadProgress(terminal);
    const loaded = await loadWeights(args[0]!, { onProgress: progress.onProgress });
    progress.end();
    const { name, bytes, sha256 } = loaded;
    const part = settings.part ?? "student";
    return showOutcome(readCheckpoint(bytes, { name, part }), sha256);
  },
};

function showOutcome(checkpoint: Checkpoint, sha256: string): Outcome {
  const { skipped, beside, metadata, ...summary } = showCheckpoint(checkpoint);
  const { tensors, parameters, elements, bytes, format, path, stripped, part } = summary;
  const head: [string, string][] = [
    ["file", summary.name],
    ["format", format],
    ["SHA-256", sha256],
    ["state dict", path === "" ? "the file itself" : `under "${path}"`],
    ["tensors", String(tensors.length)],
    ["parameters", `${parameters} (${elements} elements with buffers)`],
    ["size", formatBytes(bytes)],
  ];
  if (stripped.length > 0) head.push(["prefixes taken off", stripped.join(" ")]);
  if (part) head.push(["network", part]);
  const rows = tensors.map((t) => ({ ...t, type: t.dtype, shape: `[${t.shape.join(", ")}]` }));
  const lists = [
    ["metadata", metadata],
    ["left out", skipped],
    ["beside the weights, not read", beside],
  ] as const;
  const extra = lists.flatMap(([title, map]) =>
    map.size > 0 ? ["", title, formatFields([...map])] : [],
  );
  return {
    text: [
      formatFields(head),
      "",
      formatTable(rows, columns("name", "type", "shape")),
      ...extra,
    ].join("\n"),
    json: {
      ...summary,
      sha256,
      skipped: Object.fromEntries(skipped),
      beside: Object.fromEntries(beside),
      metadata: Object.fromEntries(metadata),
    },
  };
}
