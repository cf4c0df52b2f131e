/**
 * Which measured plans a device begins with: those given, those kept from an earlier `tune` on the same adapter, or none. What was kept
 * is never needed, so a file that is damaged or from elsewhere is ignored, with one warning.
 */
import { planPlace, readPlans, writePlans } from "#plans";
import type { Device } from "./device.ts";
import type { PlanChoices } from "./planner.ts";
import {
  formatPlanTable,
  mostTableBytes,
  type PlanTable,
  parsePlanTable,
  planAdapter,
  planGeneration,
  planTable,
  shortHash,
  whyForeign,
} from "./planner-table.ts";

/** `cache`: what an earlier `tune` kept; `none`: the defaults; or a table of one's own. */
export type PlanSource = PlanTable | "cache" | "none";

/** The file (in a browser: the key) where measurements on this adapter are kept; undefined where nothing can be. */
export function planCachePlace(device: Device): string | undefined {
  const adapter = JSON.stringify([planGeneration, planAdapter(device)]);
  return planPlace(`plans-${shortHash(adapter)}`);
}

/** Gives the device's planner what is known about its adapter. */
export function usePlans(
  device: Device,
  source: PlanSource,
  warn: (message: string) => void,
): void {
  if (source === "none") return;
  if (source === "cache") {
    device.planner.use(keptPlans(device, warn));
    return;
  }
  const foreign = whyForeign(source, device);
  if (foreign)
    warn(`the table of plans may be slow here: ${foreign}; \`loupe tune\` makes another`);
  device.planner.use(source.choices);
}

/** What is kept for this adapter; nothing where it is unusable. */
export function keptPlans(device: Device, warn: (message: string) => void): PlanChoices {
  const place = planCachePlace(device);
  if (place === undefined) return {};
  try {
    const text = readPlans(place, mostTableBytes);
    if (text === undefined) return {};
    const table = parsePlanTable(place, text);
    const foreign = whyForeign(table, device);
    if (!foreign) return table.choices;
    warn(`${place}: ignored: ${foreign}`);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    warn(`${reason.includes(place) ? reason : `${place}: ${reason}`} (it is ignored)`);
  }
  return {};
}

/**
 * Keeps measurements for later devices on this adapter, over those that are there.
 * @returns where they lie; undefined where nothing can be kept
 * @throws LoupeError `io` when they cannot be written
 */
export function keepPlans(device: Device, choices: PlanChoices): string | undefined {
  const place = planCachePlace(device);
  if (place === undefined) return undefined;
  const before = keptPlans(device, () => {}); // a damaged file is replaced
  writePlans(place, formatPlanTable(planTable(device, { ...before, ...choices })));
  return place;
}
