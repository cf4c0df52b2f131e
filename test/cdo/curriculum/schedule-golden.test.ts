/** Schedules against the same formulas in Python, see test/fixtures/make/schedules.py. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { type ScheduleConfig, scheduleOf } from "../../../src/cdo/curriculum/schedule.ts";

interface Golden {
  readonly times: readonly number[];
  readonly cases: readonly { config: ScheduleConfig; values: readonly number[] }[];
}

const file = join(import.meta.dirname, "../../fixtures/cdo/schedules.json");
const { times, cases } = JSON.parse(readFileSync(file, "utf8")) as Golden;

test.each(cases.map((each) => [JSON.stringify(each.config), each] as const))(
  "%s is as Python has it",
  (_, { config, values }) => {
    const g = scheduleOf(config);
    for (const [i, t] of times.entries())
      expect([t, g(t)]).toEqual([t, expect.closeTo(values[i]!, 12)]);
  },
);
