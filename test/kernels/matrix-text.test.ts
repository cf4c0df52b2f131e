/**
 * The native text of tensor-core kernels: what can be said of it without matrix units. Dawn's validator compiles every variant on
 * its null backend, and each matrix load and store is followed by hand: does it meet exactly the fragment it stands for, inside the
 * memory declared?
 */
import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import {
  convNeeds,
  type Epilogue,
  inputGradNeeds,
  type KernelSpec,
  type MatrixLayout,
  type MatrixTile,
  type MatrixUnit,
  matmulNeeds,
  matrixConvKernel,
  matrixInputGradKernel,
  matrixMatmulKernel,
  matrixMisfit,
  matrixTiles,
  matrixWeightGradKernel,
  type ProductNeeds,
  tileName,
  weightGradNeeds,
  workgroupBytes,
} from "../../src/kernels/index.ts";
import { conv } from "./matrix-reference.ts";

interface Variant {
  readonly name: string;
  readonly layout: MatrixLayout;
  readonly needs: ProductNeeds;
  readonly spec: KernelSpec;
}

const types = { operands: "f16", result: "f16" } as const;
/** As much as eight buffers allow. */
const everything: Epilogue = {
  ...{ shift: "f16", residual: true, relu: true },
  norm: { mean: "f32", variance: "f32", weight: "f32", eps: 1e-5 },
};
/** As on NVIDIA: 48 KiB. */
const limits = { workgroupMemory: 49_152, workgroupThreads: 256 };

const units: readonly MatrixUnit[] = [
  ["template", 16, 16, 16, 4],
  ["template", 16, 16, 16, 8],
  ["template", 16, 8, 16, 4],
  ["template", 16, 8, 8, 4],
  ["template", 16, 16, 16, 1],
  ["argument", 16, 16, 16, 1],
].map(([dialect, m, n, k, packing]) => ({
  dialect: dialect as "template",
  fragment: { m: m as number, n: n as number, k: k as number },
  subgroupSize: 32,
  pinned: true,
  packing: packing as 4,
}));

/** Every kernel with every tile and unit that it supports, for sizes in eights, in fours and odd. */
function variants(): Variant[] {
  const found: Variant[] = [];
  const add = (name: string, layout: MatrixLayout, needs: ProductNeeds, spec: () => KernelSpec) => {
    if (matrixMisfit(layout, needs, limits) === undefined) {
      found.push({ name, layout, needs, spec: spec() });
    }
  };
  for (const unit of units) {
    // all tiles with the first unit, the largest, the doubled and the smallest with the others
    const fewer = [0, 2, matrixTiles.length - 1].map((i) => matrixTiles[i] as MatrixTile);
    for (const tile of unit === units[0] ? matrixTiles : fewer) {
      const layout = { tile, unit, parts: 1 };
      const { m, n, k } = unit.fragment;
      const label = `${tileName(tile)} of ${m}×${n}×${k}, ${unit.packing} packed, ${unit.dialect}`;
      for (const size of [64, 68, 67]) {
        for (const [transposeA, transposeB] of [
          [false, false],
          [true, false],
          [false, true],
        ] as const) {
          const flags = { transposeA, transposeB, strideA: 0, strideB: 0 };
          const s = { batch: 1, m: size, n: size, k: size, ...flags };
          const turned = `${transposeA ? "Aᵀ" : "A"}·${transposeB ? "Bᵀ" : "B"}`;
          add(`${turned} of ${size}, ${label}`, layout, matmulNeeds(s), () =>
            matrixMatmulKernel(s, layout, types, {}),
          );
        }
      }
      for (const [c, channels] of [
        [64, 64],
        [12, 20],
        [3, 64],
        [64, 5],
      ] as const) {
        const s = conv({ n: 2, h: 20, w: 20, c, k: channels, strideH: 2 });
        const sizes = `${c} to ${channels} channels, ${label}`;
        add(`convolution, ${sizes}`, layout, convNeeds(s), () =>
          matrixConvKernel(s, layout, types, everything),
        );
        add(`input gradient, ${sizes}`, layout, inputGradNeeds(s), () =>
          matrixInputGradKernel(s, layout, types),
        );
        add(`weight gradient, ${sizes}`, layout, weightGradNeeds(s), () =>
          matrixWeightGradKernel(s, layout, { ...types, result: "f32" }),
        );
      }
    }
  }
  return found;
}

const all = variants();

test("every tile serves every kernel for channels in eights, within 48 KiB and 256 threads", () => {
  const hot = all.filter((v) => /64 to 64|of 64,/.test(v.name) && v.layout.unit.packing === 4);
  expect(hot.length).toBe((matrixTiles.length + 2 * 3) * 6);
});

test("Dawn's validator accepts every variant", { timeout: 120_000 }, (context) => {
  const input = all.map(({ name, spec, layout, needs }) => ({
    name,
    code: spec.code,
    pipeline: workgroupBytes(layout, needs) <= 16_384, // what the null backend offers
  }));
  expect(input.filter((i) => i.pipeline).length).toBeGreaterThan(20);
  const broken = { name: "a wrong one", code: `${input[0]?.code} fn x() { y }`, pipeline: false };
  const output = execFileSync(process.execPath, [join(import.meta.dirname, "null-backend.mjs")], {
    input: JSON.stringify([...input, broken]),
    encoding: "utf8",
    maxBuffer: 2 ** 26,
    stdio: ["pipe", "pipe", "ignore"],
  });
  const { missing, errors } = JSON.parse(output.trim().split("\n").at(-1) as string);
  if (missing) return context.skip(`Dawn's null backend has no ${missing}`);
  expect(errors.map((e: { name: string }) => e.name).at(-1)).toBe("a wrong one");
  expect(errors.slice(0, -1)).toEqual([]);
});

test("no subgroup arithmetic is beside matrices, and all memory is counted", () => {
  for (const { name, spec, layout, needs } of all) {
    const calls = new Set(
      [...spec.code.matchAll(/\b(subgroup\w+|quad\w+)\s*[<(]/g)].map((m) => m[1]),
    );
    const allowed =
      /^subgroup(MatrixLoad|MatrixStore|MatrixMultiplyAccumulate|_matrix_(left|right|result)|_size)$/;
    expect(
      [...calls].filter((call) => !allowed.test(call as string)),
      name,
    ).toEqual([]);
    const bytes = memories(spec.code).reduce((sum, { bytes }) => sum + bytes, 0);
    expect(bytes, name).toBe(workgroupBytes(layout, needs));
    expect(spec.code, name).toContain("@subgroup_size(32)");
    expect(spec.code, name).toContain(
      `@workgroup_size(${layout.tile.rows * layout.tile.columns * 32})`,
    );
  }
});

const wordBytes: Readonly<Record<string, number>> = {
  f16: 2,
  "vec4<f16>": 8,
  "vec4<u32>": 16,
  "vec4<i32>": 16,
  f32: 4,
  "vec4<f32>": 16,
};

interface Memory {
  readonly name: string;
  readonly each: number;
  readonly bytes: number;
}

function memories(code: string): Memory[] {
  const declared = code.matchAll(/var<workgroup> (\w+): array<([\w<>]+), (\d+)>;/g);
  return [...declared].map(([, name, type, count]) => {
    const each = wordBytes[type as string] as number;
    return { name: name as string, each, bytes: each * Number(count) };
  });
}

interface Access {
  readonly what: string;
  readonly memory: string;
  readonly rowMajor: boolean;
  /** offset = factor · subgroup + constant (+ flip), and stride, in bytes. */
  readonly factor: number;
  readonly constant: number;
  readonly flip: number;
  readonly stride: number;
}

/** Matrix loads of the template spelling, in order. */
function loads(code: string): Access[] {
  const each = new Map(memories(code).map((m) => [m.name, m.each]));
  const text =
    /let (\w+) = subgroupMatrixLoad<.*?, (row|col)_major>\(&(\w+), \w+ \* (\d+)u \+ (\d+)u(?: \+ flip \* (\d+)u)?, (\d+)u\)/g;
  return [...code.matchAll(text)].map(
    ([, what, major, memory, factor, constant, flip = 0, stride]) => {
      const bytes = each.get(memory as string) as number;
      const [f, c, l, s] = [factor, constant, flip, stride].map((n) => Number(n) * bytes) as [
        number,
        number,
        number,
        number,
      ];
      return {
        what: what as string,
        memory: memory as string,
        rowMajor: major === "row",
        factor: f,
        constant: c,
        flip: l,
        stride: s,
      };
    },
  );
}

describe("a matrix load", () => {
  const typed = all.filter((v) => v.layout.unit.dialect === "template");

  test("meets its own fragment of the staged tile, and ends inside it", () => {
    for (const { name, spec, layout, needs } of typed) {
      const { tile, unit } = layout;
      const f = unit.fragment;
      const [down, across] = [tile.m / tile.rows / f.m, tile.n / tile.columns / f.n];
      const found = loads(spec.code);
      expect(found.length, name).toBe((down + across) * (tile.k / f.k));
      const sizes = new Map(memories(spec.code).map((m) => [m.name, m.bytes]));
      found.forEach((load, n) => {
        const [side, index] = load.what.split("_") as [string, string];
        const left = side === "left";
        const step = Math.floor(n / (down + across));
        const { alongK } = left ? needs.a : needs.b;
        // left: rows are the result's; right: columns are. Lines run along k: so do a left's rows and a right's columns
        expect(load.rowMajor, name).toBe(left === alongK);
        expect(load.memory, name).toBe(left ? "stage_a" : "stage_b");
        const subgroups = left ? tile.rows : tile.columns;
        const whole = left ? tile.m : tile.n;
        const each = left ? f.m : f.n;
        for (let sub = 0; sub < subgroups; sub++) {
          const at = load.factor * sub + load.constant;
          const [line, along] = [Math.floor(at / load.stride), (at % load.stride) / 2];
          const result = (whole / subgroups) * sub + each * Number(index);
          expect([line, along], `${name} ${load.what}`).toEqual(
            alongK ? [result, step * f.k] : [step * f.k, result],
          );
          const lines = alongK ? each : f.k;
          const stagedBytes = (alongK ? whole : tile.k) * load.stride;
          expect(load.flip, name).toBe(tile.stages === 2 ? stagedBytes : 0);
          expect(at + load.flip + load.stride * lines, name).toBeLessThanOrEqual(
            sizes.get(load.memory) as number,
          );
          expect(load.stride % 16, name).toBe(0);
        }
      });
    }
  });

  test("and its product go to the sums of the same fragment", () => {
    for (const { name, spec } of typed) {
      const products = spec.code.matchAll(
        /(\w+) = subgroupMatrixMultiplyAccumulate\((\w+), (\w+), (\w+)\);/g,
      );
      for (const [, to, left, right, from] of products) {
        expect(to, name).toBe(from);
        expect(to, name).toBe(`c_${left?.split("_")[1]}_${right?.split("_")[1]}`);
      }
    }
  });
});

test("sums go out through the patch of their subgroup, each once", () => {
  for (const { name, spec, layout } of all.filter((v) => v.layout.unit.dialect === "template")) {
    const { tile, unit } = layout;
    const f = unit.fragment;
    const patch = memories(spec.code).find((m) => m.name === "patch_") as Memory;
    const text =
      /subgroupMatrixStore<row_major>\(&patch_, sub \* (\d+)u \+ (\d+)u, (\w+), (\d+)u\);/g;
    const stores = [...spec.code.matchAll(text)];
    const sums = stores.map((store) => store[3]);
    expect(new Set(sums).size, name).toBe(
      (tile.m / tile.rows / f.m) * (tile.n / tile.columns / f.n),
    );
    expect(sums.length, name).toBe(new Set(sums).size);
    for (const [, each, column, , pitch] of stores) {
      const bytes = [each, column, pitch].map((n) => Number(n) * patch.each) as [
        number,
        number,
        number,
      ];
      expect(bytes[0], name).toBe(bytes[2] * f.m);
      expect(bytes[1] + f.n * 4, name).toBeLessThanOrEqual(bytes[2]);
      const last = (tile.rows * tile.columns - 1) * bytes[0] + bytes[1] + bytes[2] * f.m;
      expect(last, name).toBeLessThanOrEqual(patch.bytes);
    }
  }
});
