import { expect, test } from "vitest";
import { toHWIO, toOIHW } from "../../../src/models/checkpoint/index.ts";

const ramp = (n: number) => Float32Array.from({ length: n }, (_, i) => i);

test("element [o, i, h, w] lands at [h, w, i, o]", () => {
  for (const shape of [
    [1, 1, 1, 1],
    [2, 3, 1, 1],
    [3, 2, 5, 4],
    [70, 33, 3, 3],
    [5, 1, 7, 7],
    [0, 3, 3, 3],
  ] as const) {
    const [O, I, H, W] = shape;
    const data = ramp(O * I * H * W);
    const out = toHWIO(data, shape);
    expect(out.length).toBe(data.length);
    for (let o = 0; o < O; o++)
      for (let i = 0; i < I; i++)
        for (let h = 0; h < H; h++)
          for (let w = 0; w < W; w++)
            if (out[((h * W + w) * I + i) * O + o] !== data[((o * I + i) * H + h) * W + w])
              expect.fail(`[${o}, ${i}, ${h}, ${w}] of [${shape.join(", ")}] is elsewhere`);
    expect(toOIHW(out, shape)).toEqual(data);
  }
});

test("every bit pattern survives, NaN payloads and -0 too", () => {
  const bits = Uint32Array.of(0x7fc00001, 0x80000000, 0x7f800000, 1);
  const data = new Float32Array(bits.buffer);
  const out = toOIHW(toHWIO(data, [2, 2, 1, 1]), [2, 2, 1, 1]);
  expect([...new Uint32Array(out.buffer)]).toEqual([...bits]);
});

test("data that does not fit the shape is refused with both", () => {
  expect(() => toHWIO(ramp(5), [2, 1, 3, 1])).toThrow(
    "toHWIO: shape [2, 1, 3, 1] has 6 elements but data has 5",
  );
  expect(() => toOIHW(ramp(6), [2, 3] as never)).toThrow(
    "toOIHW: expects 4 dimensions (shape [2, 3])",
  );
});
