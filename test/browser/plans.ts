/** Measured plans in a browser: kept in local storage for the next device, ignored when damaged. */
import {
  choicesOf,
  conv2d,
  keepPlans,
  openDevice,
  planCachePlace,
  tune,
} from "../../src/core/index.ts";

function equal(a: unknown, b: unknown): void {
  const [x, y] = [JSON.stringify(a), JSON.stringify(b)];
  if (x !== y) throw new Error(`${x} is not ${y}`);
}

export const tests = {
  async "plans that were measured here are used by the next device"() {
    const device = await openDevice({ onWarning: () => {} });
    device.scope(() => conv2d(device.ones([1, 8, 8, 4]), device.ones([3, 3, 4, 8])));
    const cases = device.planner.seen;
    equal(
      cases.map(({ op, key }) => `${op} ${key}`),
      ["conv2d 3x3 4-8 @64 f32"],
    );
    const results = await tune(device, cases, { budget: 1 });
    equal(
      results.flatMap(({ wrong }) => wrong),
      [],
    );
    const choices = { ...choicesOf(results), "conv2d other": "plain" };
    const place = keepPlans(device, choices) as string;
    equal(place, planCachePlace(device));
    device.close();
    try {
      const next = await openDevice({ onWarning: () => {} });
      equal(next.planner.choices["conv2d other"], "plain");
      next.close();
      localStorage.setItem(place, "{");
      const said: string[] = [];
      const last = await openDevice({ onWarning: (text) => said.push(text) });
      equal(last.planner.choices, {});
      equal(said.filter((text) => text.startsWith(`${place}: is not JSON`)).length, 1);
      last.close();
    } finally {
      localStorage.removeItem(place);
    }
  },
};
