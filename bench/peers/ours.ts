/** tensorloupe as one of the engines. Each task has a device of its own, as in the other benchmarks. */
import { type Device, openDevice, type Tensor } from "../../src/core/index.ts";
import { joined, type Task } from "../task.ts";
import type { Engine, Opened } from "./protocol.ts";
import { sharedTasks } from "./tasks.ts";

export async function start({
  adapter,
}: {
  readonly adapter: string | undefined;
}): Promise<Engine> {
  const options = { ...(adapter ? { adapter } : {}), onWarning: () => {} };
  const device = await openDevice(options);
  const { adapter: found } = device;
  const about = `tensorloupe on ${found.name}`;
  device.close();
  const open = async (task: Task) => opened(await openDevice(options), task);
  const tasks = Object.fromEntries(sharedTasks.map(({ key, ours }) => [key, () => open(ours)]));
  return { about, adapter: found, tasks, failure: () => undefined }; // every run settles, and so rejects by itself
}

async function opened(device: Device, task: Task): Promise<Opened> {
  const job = await task.open(device);
  if (!("queue" in job)) throw new Error(`${task.name}: waits by itself`);
  await device.settle();
  let last: readonly Tensor[] = [];
  let prepared = false;
  return {
    async run() {
      if (!prepared) await job.prepare?.();
      prepared = true;
      for (const tensor of last) tensor.dispose();
      last = device.scope(() => [job.queue()].flat());
      await device.settle();
    },
    answer: async () => joined(await Promise.all(last.map((tensor) => tensor.data()))),
    close: () => device.close(),
  };
}
