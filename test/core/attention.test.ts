/** Attention against PyTorch's whole matrices, with and without the prior. */
import { testDevice } from "../device.ts";
import { indexOps } from "./op-table-index.ts";
import { testFamily } from "./run-fixtures.ts";

const device = await testDevice();

testFamily(() => device, "attention", indexOps.attention!);
