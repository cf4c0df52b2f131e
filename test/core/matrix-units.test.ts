/** What an adapter says of its matrix units becomes a capability, or a reason why not. */
import { expect, test } from "vitest";
import { capsOf, describeMatrixUnits, findMatrixUnits } from "../../src/core/index.ts";
import { halfFragments } from "../../src/kernels/index.ts";
import { testDevice } from "../device.ts";

const device = await testDevice();
const features = [
  "shader-f16",
  "subgroups",
  "chromium-experimental-subgroup-matrix",
  "subgroup-size-control",
];

/** Like Dawn's: the fields are getters of a class. */
class Config {
  readonly #shape: readonly [string, string, number, number, number];
  constructor(...shape: readonly [string, string, number, number, number]) {
    this.#shape = shape;
  }
  get componentType(): string {
    return this.#shape[0];
  }
  get resultComponentType(): string {
    return this.#shape[1];
  }
  get M(): number {
    return this.#shape[2];
  }
  get N(): number {
    return this.#shape[3];
  }
  get K(): number {
    return this.#shape[4];
  }
}

/** As a GH200 lists them. */
const hopper = [
  new Config("f16", "f16", 16, 8, 8),
  new Config("f16", "f32", 16, 8, 8),
  new Config("f16", "f32", 16, 8, 16),
  new Config("f16", "f32", 16, 16, 16),
  new Config("u8", "u32", 16, 16, 32),
];

function infoOf(configs: readonly Config[] | undefined, least = 32, most = 32) {
  return {
    ...{ subgroupMinSize: least, subgroupMaxSize: most, subgroupMatrixConfigs: configs },
    ...{ vendor: "", architecture: "", device: "", description: "", isFallbackAdapter: false },
  } as unknown as GPUAdapterInfo;
}

/** A device whose shader language refuses what matches. */
function native(has: readonly string[], refused?: RegExp) {
  let error: { message: string } | null = null;
  return {
    features: new Set(has),
    pushErrorScope: () => {},
    createShaderModule: ({ code }: { code: string }) => {
      error = refused?.test(code) ? { message: "error: no such overload\nmore" } : null;
    },
    popErrorScope: async () => error,
  } as unknown as GPUDevice;
}

test("shapes with f16 operands and f32 sums are taken, the best first", async () => {
  const found = await findMatrixUnits(infoOf(hopper), native(features));
  expect(found.matrix).toMatchObject({ dialect: "template", subgroupSize: 32, pinned: true });
  expect(halfFragments(found.matrix?.configs ?? [])).toEqual([
    { m: 16, n: 16, k: 16 },
    { m: 16, n: 8, k: 16 },
    { m: 16, n: 8, k: 8 },
  ]);
  expect(found.matrix?.configs[0]).toEqual({
    ...{ componentType: "f16", resultComponentType: "f16", M: 16, N: 8, K: 8 },
  });
  expect(describeMatrixUnits(found)).toBe(
    "usable: f16 with f32 sums, 16x16x16, 16x8x16, 16x8x8 in subgroups of 32",
  );
});

test("the older spelling is used where the newer is refused", async () => {
  const found = await findMatrixUnits(infoOf(hopper), native(features, /row_major/));
  expect(found.matrix?.dialect).toBe("argument");
});

test("the reason is told where units can't be used", async () => {
  const why = async (info: GPUAdapterInfo, has = features, refused?: RegExp) =>
    describeMatrixUnits(await findMatrixUnits(info, native(has, refused)));
  expect(await why(infoOf(hopper), [])).toBe("not usable: no subgroup-matrix");
  expect(await why(infoOf(hopper), features.slice(1))).toBe("not usable: no shader-f16");
  expect(await why(infoOf(hopper.slice(4)))).toBe(
    "not usable: none of its 1 shapes has f16 operands and f32 sums",
  );
  expect(await why(infoOf(undefined))).toMatch(/none of its 0 shapes/);
  expect(await why(infoOf(hopper), features, /subgroup_matrix/)).toBe(
    "not usable: its shader language is not known: error: no such overload",
  );
  expect(await why(infoOf(hopper, 8, 64), features.slice(0, 3))).toBe(
    "not usable: subgroups of 8 to 64 threads, and no subgroup-size-control",
  );
});

test("one size of subgroups needs no pinning, several are pinned to 32", async () => {
  const one = await findMatrixUnits(infoOf(hopper), native(features.slice(0, 3)));
  expect(one.matrix).toMatchObject({ subgroupSize: 32, pinned: false });
  const several = await findMatrixUnits(infoOf(hopper, 8, 64), native(features));
  expect(several.matrix).toMatchObject({ subgroupSize: 32, pinned: true });
});

test("a device's capability is what was found on its adapter", () => {
  const { matrixUnits } = device.adapter;
  expect(matrixUnits).toBeDefined();
  expect(capsOf(device).matrix).toBe(matrixUnits?.matrix);
});
