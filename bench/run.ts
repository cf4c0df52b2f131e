/** `npm run bench`: measures this machine and prints tables. Options: `--help`. */
import { readFileSync, writeFileSync } from "node:fs";
import { type AdapterInfo, type DeviceOptions, openDevice } from "../src/core/index.ts";
import { compareResults, formatComparison } from "./compare.ts";
import { hostInfo } from "./host.ts";
import { measure, quick, usual } from "./measure.ts";
import { metricsRow } from "./metrics.ts";
import { type Options, parseOptions, usage } from "./options.ts";
import { probeTasks } from "./probe.ts";
import { ceilingOf, parseResult, type Result, type Row } from "./result.ts";
import { formatResult, formatRow } from "./table.ts";
import { allTasks } from "./tasks.ts";

async function main(options: Options): Promise<void> {
  if (options.cold) process.env.MESA_SHADER_CACHE_DISABLE = "true"; // before the driver is loaded
  if (options.help) console.log(usage);
  else if (options.worker) await (await import("./peers/worker.ts")).work(options);
  else if (options.table)
    console.log(formatResult(chosenOf(resultIn(options.table), options), true));
  else await measureAll(options);
}

function resultIn(file: string): Result {
  return parseResult(readFileSync(file, "utf8"), file);
}

/** What `--only` leaves of a result. */
function chosenOf(result: Result, { only }: Options): Result {
  const rows = result.rows.filter((row) => only.test(row.name));
  const peers = result.peers?.filter((row) => only.test(row.task));
  return { ...result, rows, ...(peers ? { peers } : {}) };
}

async function measureAll(options: Options): Promise<void> {
  const before = options.compare === undefined ? undefined : resultIn(options.compare);
  const device: DeviceOptions = {
    ...(options.adapter ? { adapter: options.adapter } : {}),
    onWarning: () => {},
  };
  const adapter = await adapterOf(device);
  if (options.list) {
    for (const task of allTasks(adapter.software, options.precision)) console.log(task.name);
    return;
  }
  const measured = options.peers
    ? { rows: [], ...(await (await import("./peers/referee.ts")).compete(options)) }
    : await ownRows(options, adapter, device);
  const date = new Date().toISOString().slice(0, 10);
  report({ format: 2, date, adapter, host: hostInfo(), ...measured }, options, before);
}

async function adapterOf(options: DeviceOptions): Promise<AdapterInfo> {
  const device = await openDevice(options);
  device.close();
  return device.adapter;
}

async function ownRows(
  { only, quick: isQuick, precision }: Options,
  { name, driver, software }: AdapterInfo,
  device: DeviceOptions,
): Promise<Pick<Result, "rows" | "ceiling">> {
  console.error(`adapter: ${name} (${driver})`);
  const effort = isQuick ? quick : usual;
  const tasks = allTasks(software, precision).filter((task) => only.test(task.name));
  const metrics = only.test(metricsRow.name);
  if (tasks.length === 0 && !metrics) {
    throw new Error(`--only ${only.source}: no task has such a name`);
  }
  const probes: Row[] = [];
  for (const task of probeTasks(software)) probes.push(await measure(task, device, effort));
  const ceiling = ceilingOf(probes);
  const rows: Row[] = [];
  for (const row of probes) console.error(formatRow(row, ceiling));
  for (const task of tasks) {
    const row = await measure(task, device, effort);
    rows.push(row);
    console.error(formatRow(row, ceiling));
  }
  if (metrics) rows.push(metricsRow.measure());
  return { rows, ceiling };
}

function report(result: Result, { json }: Options, before: Result | undefined): void {
  const text = `${JSON.stringify(result, null, 2)}\n`;
  if (json === "-") process.stdout.write(text);
  else console.log(formatResult(result));
  if (json !== undefined && json !== "-") writeFileSync(json, text);
  if (!before) return;
  console.log(`\n${formatComparison(before, result)}`);
  if (compareResults(before, result).some((change) => change.regression)) process.exitCode = 1;
}

try {
  await main(parseOptions(process.argv.slice(2)));
} catch (error) {
  console.error(`bench: ${error instanceof Error ? error.message : error}`);
  process.exitCode = 1;
}
