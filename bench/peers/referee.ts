/**
 * The same work in every engine on the same adapter, in one run: each engine in its own process, one at a time, turn by turn, so
 * that what else the machine does meets all of them. Answers are checked first; who fails is a line in the table.
 */
import type { AdapterInfo } from "../../src/core/index.ts";
import type { Options } from "../options.ts";
import type { PeerFailure, PeerRow } from "../result.ts";
import { near, type Point } from "../task.ts";
import { Client } from "./client.ts";
import { commandOf, type EngineName, engineNames, isPageEngine } from "./engines.ts";
import { installPeers } from "./install.ts";
import type { Player, Reply } from "./protocol.ts";
import { type SharedTask, sharedTasks } from "./tasks.ts";

/** Longest a request may take. */
const patience = 240_000;
/** A turn is about as long as this, with at least one run. */
const turnMs = 400;

/** An engine at a task. */
interface Entrant {
  readonly name: EngineName;
  readonly client: Player;
  readonly times: number[];
  firstMs: number;
  cpuMs: number;
  error: string | undefined;
}

interface About {
  /** What our own engine runs on. */
  readonly adapter?: AdapterInfo;
  readonly engines: Readonly<Record<string, string>>;
}

interface Started extends About {
  readonly clients: ReadonlyMap<EngineName, Player>;
}

export interface Outcome extends About {
  readonly peers: readonly (PeerRow | PeerFailure)[];
}

/** All tasks whose name or key fits `only`. */
export async function compete(options: Options): Promise<Outcome> {
  const tasks = sharedTasks.filter(({ key, ours }) => options.only.test(`${ours.name} ${key}`));
  if (tasks.length === 0) throw new Error(`--only ${options.only.source}: no task has such a name`);
  await installPeers((text) => console.error(text));
  const { clients, ...about } = await startAll(options);
  const rows: (PeerRow | PeerFailure)[] = [];
  try {
    for (const task of tasks) {
      console.error(task.ours.name);
      for (const row of await playTask(task, clients, options.rounds)) {
        rows.push(row);
        console.error(`  ${row.peer.padEnd(14)} ${lineOf(row)}`);
      }
    }
  } finally {
    for (const client of clients.values()) client.stop();
  }
  return { peers: rows, ...about };
}

function lineOf(row: PeerRow | PeerFailure): string {
  if ("error" in row) return row.error;
  const { medianMs, minMs, firstMs, runs, cpuMs } = row;
  const cpu = cpuMs === undefined ? "" : `, CPU ${cpuMs.toFixed(1)}`;
  return `${medianMs.toFixed(2)} ms (min ${minMs.toFixed(2)} of ${runs}, first ${firstMs.toFixed(0)}${cpu})`;
}

async function startAll({ engines, adapter, browser }: Options): Promise<Started> {
  const stray = engines?.find((name) => !engineNames.some((known) => known === name));
  if (stray !== undefined) {
    throw new Error(`--engines: there is no ${stray}; choose from ${engineNames.join(",")}`);
  }
  const clients = new Map<EngineName, Player>();
  let found: AdapterInfo | undefined;
  const about: Record<string, string> = {};
  for (const name of engineNames.filter((n) => !engines || engines.includes(n))) {
    const client = await playerOf(name, browser, adapter);
    if (!client) continue;
    const reply = await client.ready(patience);
    console.error(`${name}: ${reply.about ?? `not here (${reply.error})`}`);
    found ??= reply.adapter;
    if (reply.ready) clients.set(name, client);
    else client.stop();
    if (reply.about) about[name] = reply.about;
  }
  return { clients, engines: about, ...(found ? { adapter: found } : {}) };
}

async function playerOf(
  name: EngineName,
  browser: boolean,
  adapter: string | undefined,
): Promise<Player | undefined> {
  if (browser)
    return isPageEngine(name) ? new (await import("./page.ts")).PagePlayer(name) : undefined;
  const command = commandOf(name, adapter);
  return command && new Client(command);
}

/** One task: everybody enters, then they take turns. */
export async function playTask(
  task: SharedTask,
  clients: ReadonlyMap<EngineName, Player>,
  rounds: number,
): Promise<(PeerRow | PeerFailure)[]> {
  const points = task.points();
  const entrants: Entrant[] = [];
  for (const [name, client] of clients) {
    const entrant: Entrant = {
      name,
      client,
      times: [],
      firstMs: Number.NaN,
      cpuMs: Number.POSITIVE_INFINITY,
      error: undefined,
    };
    entrants.push(entrant);
    await enter(entrant, task, points);
  }
  for (let round = 0; round < rounds; round++) {
    for (const entrant of entrants) if (entrant.error === undefined) await takeTurn(entrant);
  }
  for (const { client } of entrants) await client.ask({ do: "close" }, patience);
  return entrants.flatMap((entrant) => rowOf(entrant, task));
}

/** First call, warm-up, and the check. */
async function enter(entrant: Entrant, task: SharedTask, points: readonly Point[]): Promise<void> {
  const { client } = entrant;
  const first = await client.ask({ do: "open", task: task.key }, patience);
  if (failed(entrant, first)) return;
  entrant.firstMs = first.firstMs ?? Number.NaN;
  const more = task.call - 1;
  if (more > 0 && failed(entrant, await client.ask({ do: "run", runs: more }, patience))) return;
  const at = points.map(([place]) => place);
  const { values, error } = await client.ask({ do: "values", at }, patience);
  if (failed(entrant, { ...(error === undefined ? {} : { error }) })) return;
  const byPlace = new Map(at.map((place, i) => [place, values?.[i] ?? Number.NaN]));
  try {
    const answer = { length: 0, ...Object.fromEntries(byPlace) };
    near(points, task.rtol, task.atol)(answer);
  } catch (cause) {
    entrant.error = (cause as Error).message;
    return;
  }
  failed(entrant, await client.ask({ do: "run", runs: 1 }, patience)); // warm
}

async function takeTurn(entrant: Entrant): Promise<void> {
  const one = await entrant.client.ask({ do: "run", runs: 1 }, patience);
  if (failed(entrant, one)) return;
  const [ms = turnMs] = one.ms ?? [];
  const runs = Math.min(20, Math.max(1, Math.round(turnMs / ms)));
  const reply = await entrant.client.ask({ do: "run", runs }, patience);
  if (failed(entrant, reply)) return;
  entrant.times.push(...(reply.ms ?? []));
  entrant.cpuMs = Math.min(entrant.cpuMs, reply.cpuMs ?? Number.POSITIVE_INFINITY);
}

function failed(entrant: Entrant, { error }: Reply): boolean {
  if (error !== undefined) entrant.error = error;
  return error !== undefined;
}

/** Nothing for an engine that has no such task. */
function rowOf(
  { name, times, firstMs, cpuMs, error }: Entrant,
  task: SharedTask,
): (PeerRow | PeerFailure)[] {
  const head = { task: task.ours.name, peer: name };
  if (error === "has no such task") return [];
  if (error !== undefined) return [{ ...head, error }];
  const sorted = times.toSorted((a, b) => a - b);
  const [minMs = Number.NaN, medianMs = Number.NaN] = [sorted[0], sorted[sorted.length >> 1]];
  const cpu = Number.isFinite(cpuMs) ? { cpuMs } : {};
  return [{ ...head, firstMs, medianMs, minMs, runs: sorted.length, ...cpu }];
}
