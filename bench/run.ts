/** `npm run bench [-- --adapter name] [--json]`: measures the kernels on this machine and prints a table. */
import { parseArgs } from "node:util";
import { openDevice } from "../src/core/index.ts";
import { kernelTasks } from "./kernels.ts";
import { type Measured, measure } from "./measure.ts";
import { metricsMs } from "./metrics.ts";

const { values } = parseArgs({
  options: { adapter: { type: "string" }, json: { type: "boolean", default: false } },
});
const device = await openDevice({
  ...(values.adapter ? { adapter: values.adapter } : {}),
  onWarning: (text) => console.error(text),
});
console.error(`adapter: ${device.adapter.name} (${device.adapter.driver})`);
const rows: Measured[] = [];
for (const task of kernelTasks(device)) {
  const row = await measure(device, task);
  rows.push(row);
  const rate = `${row.rate.toFixed(1)} ${row.unit}`;
  const times = `first ${row.firstMs.toFixed(0)} ms, then ${row.medianMs.toFixed(1)} ms`;
  console.error(`${row.name.padEnd(58)} ${rate.padStart(14)}   ${times}`);
}
const metrics = { name: "exact metrics of 100 maps of 256²", firstMs: metricsMs() };
console.error(`${metrics.name.padEnd(58)} ${`${metrics.firstMs.toFixed(0)} ms`.padStart(14)}`);
const date = new Date().toISOString().slice(0, 10);
if (values.json)
  console.log(JSON.stringify({ date, adapter: device.adapter, rows, metrics }, null, 2));
device.close();
