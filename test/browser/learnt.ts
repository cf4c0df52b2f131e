/** CFA and FOD in a browser learn as they do in Node. */
import { openDevice } from "../../src/core/index.ts";
import { closeTo } from "../core/close.ts";
import { type Learnt, learn } from "../learnt.ts";

export const tests: Record<string, () => Promise<void>> = {
  "three steps of CFA and FOD and a map agree with those stored from Node": async () => {
    const stored = (await (await fetch("/fixtures/learnt.json")).json()) as Learnt;
    const device = await openDevice({ onWarning: () => {} });
    const found = await learn(device);
    for (const method of ["cfa", "fod"] as const) {
      closeTo(found[method].losses, stored[method].losses, { rtol: 1e-3, atol: 0 });
      closeTo(found[method].map, stored[method].map, { rtol: 1e-3, atol: 1e-5 });
    }
    device.close();
  },
};
