/** CDO in a browser gives the map that it gives in Node. */
import { openDevice } from "../../src/core/index.ts";
import { predictGolden } from "../cdo/prediction.ts";
import { closeTo } from "../core/close.ts";

export const tests: Record<string, () => Promise<void>> = {
  "a prediction agrees with the one stored from Node": async () => {
    const stored = await (await fetch("/fixtures/cdo/prediction.json")).json();
    const device = await openDevice({ onWarning: () => {} });
    const { map, score } = await predictGolden(device);
    closeTo(map, stored.map, { rtol: 1e-4, atol: 1e-6 });
    closeTo([score], [stored.score], { rtol: 1e-4, atol: 0 });
    device.close();
  },
};
