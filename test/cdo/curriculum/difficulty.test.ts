/** How hard images are: each measure against a host that does it the plain way, and lists of scores found again by their paths. */
import { expect, test } from "vitest";
import { difficulties } from "../../../src/cdo/curriculum/difficulty.ts";
import type { DifficultyConfig } from "../../../src/cdo/curriculum/difficulty-config.ts";
import { entropy, gradientEnergy } from "../../../src/cdo/curriculum/difficulty-pixels.ts";
import { parseScores, scoresOfPaths } from "../../../src/cdo/curriculum/difficulty-scores.ts";
import { adaptiveAvgPool2d, concat, normalize } from "../../../src/core/index.ts";
import { encodePng, makeImage, toGrey } from "../../../src/data/index.ts";
import { closeTo } from "../../core/close.ts";
import { testDevice } from "../../device.ts";
import { pixelsOf, side, surroundings } from "./surroundings.ts";

const device = await testDevice();
const labels: readonly (0 | 1)[] = [0, 0, 0, 1, 0, 0, 0, 0, 1, 0];
const places = [0, 1, 2, 4, 5, 6, 7, 9];

function scores(config: DifficultyConfig, of = places, seed = 1, batchSize = 3) {
  const around = surroundings(device, labels, batchSize);
  return difficulties(config, { around, places: of, seed });
}

/** Unit vectors at the four locations of each image, as the expert of the test sees them. */
async function features(of: readonly number[]): Promise<number[][][]> {
  const around = surroundings(device, labels, of.length);
  const found: number[][][] = [];
  for await (const { size, images } of around.set.clean(of)) {
    const [all] = await device.read(() => {
      const x = device.tensor(images as Float32Array<ArrayBuffer>, [size, side, side, 3]);
      const same = around.features(x).map((f) => adaptiveAvgPool2d(normalize(f), [2, 2]));
      return [concat(same, -1)];
    });
    const values = [...(all as Float32Array)];
    for (let i = 0; i < size; i++) {
      found.push([0, 1, 2, 3].map((p) => values.slice((i * 4 + p) * 9, (i * 4 + p + 1) * 9)));
    }
  }
  return found;
}

const away = (a: readonly number[], b: readonly number[]) =>
  Math.hypot(...a.map((v, i) => v - (b[i] as number)));

test("teacher-knn is the mean distance to the nearest location of the other images", async () => {
  const all = await features(places);
  const want = all.map((own, i) => {
    const others = all.filter((_, j) => j !== i).flat();
    return own.reduce((s, x) => s + Math.min(...others.map((o) => away(x, o))), 0) / own.length;
  });
  const got = await scores({ name: "teacher-knn", bank: 1 });
  closeTo(got, want, { rtol: 1e-4, atol: 1e-6 });
  expect(await scores({ name: "teacher-knn", bank: 1 }, places, 1, 8)).toEqual(got); // any batches
});

test("a smaller bank leaves no distance smaller; its draws belong to the seed", async () => {
  const whole = await scores({ name: "teacher-knn", bank: 1 });
  const small = await scores({ name: "teacher-knn", bank: 0.25 });
  small.forEach((s, i) => {
    expect(s).toBeGreaterThanOrEqual((whole[i] as number) - 1e-6);
  });
  expect(small).not.toEqual(whole);
  expect(await scores({ name: "teacher-knn", bank: 0.25 })).toEqual(small);
  expect(await scores({ name: "teacher-knn", bank: 0.25 }, places, 2)).not.toEqual(small);
});

test("teacher-mahalanobis is the 99th percentile of distances from a Gaussian at each location", async () => {
  const all = await features(places);
  const n = all.length;
  const shrinkage = 0.3;
  const at = (p: number, c: number) => all.map((image) => image[p]?.[c] as number);
  const mean = (v: readonly number[]) => v.reduce((a, b) => a + b, 0) / v.length;
  const locations = [0, 1, 2, 3].map((p) => {
    const mu = Array.from({ length: 9 }, (_, c) => mean(at(p, c)));
    const variance = mu.map((m, c) => mean(at(p, c).map((x) => (x - m) ** 2)));
    return { mu, variance: variance.map((v) => (1 - shrinkage) * v + shrinkage * mean(variance)) };
  });
  const want = Array.from({ length: n }, (_, i) => {
    const d = locations.map(({ mu, variance }, p) =>
      Math.sqrt(
        mean(mu.map((m, c) => ((all[i]?.[p]?.[c] as number) - m) ** 2 / (variance[c] as number))),
      ),
    );
    d.sort((a, b) => a - b);
    return (d[2] as number) + ((d[3] as number) - (d[2] as number)) * (0.99 * 3 - 2);
  });
  const got = await scores({ name: "teacher-mahalanobis", shrinkage });
  closeTo(got, want, { rtol: 2e-3, atol: 0 });
});

test("an image that differs from all others is the hardest for the expert", async () => {
  const around = surroundings(device, labels);
  const clean = around.set.clean;
  const odd = {
    ...around,
    set: {
      ...around.set,
      async *clean(of: readonly number[]) {
        for await (const batch of clean(of)) {
          batch.indices.forEach((place, i) => {
            const size = side * side * 3;
            if (place === 5) batch.images.fill(2, i * size, i * size + size / 2);
          });
          yield batch;
        }
      },
    },
  };
  for (const name of ["teacher-knn", "teacher-mahalanobis"] as const) {
    const found = await difficulties({ name }, { around: odd, places, seed: 1 });
    expect(found.indexOf(Math.max(...found))).toBe(places.indexOf(5));
  }
});

test("a single image is no harder than itself", async () => {
  expect(await scores({ name: "teacher-knn" }, [4])).toEqual([0]);
  const [one] = await scores({ name: "teacher-mahalanobis" }, [4]);
  expect(one).toBeLessThan(1e-2);
});

test("measures on pixels see the image that the network sees", async () => {
  const images = places.map((place) => makeImage(side, side, 3, pixelsOf(place)));
  expect(await scores({ name: "gradient" })).toEqual(images.map((i) => gradientEnergy(toGrey(i))));
  expect(await scores({ name: "entropy" })).toEqual(images.map((i) => entropy(toGrey(i).data)));
  expect(await scores({ name: "png-size" })).toEqual(images.map((i) => encodePng(i).length));
});

test("gradient energy and entropy are those worked out by hand", () => {
  const image = makeImage(2, 2, 1, Uint8Array.of(0, 3, 4, 0));
  // to the right 3² and 4², down 4² and 3²
  expect(gradientEnergy(image)).toBe(50 / 4);
  expect(entropy(image.data)).toBe(1.5);
  expect(entropy(Uint8Array.of(7, 7, 7))).toBe(0);
});

test("random scores belong to the seed and look at nothing", async () => {
  const around = surroundings(device, labels);
  const task = { around, places, seed: 1 };
  const found = await difficulties({ name: "random" }, task);
  expect([...found].sort()).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
  expect(await difficulties({ name: "random" }, task)).toEqual(found);
  expect(await difficulties({ name: "random" }, { ...task, seed: 2 })).not.toEqual(found);
  expect(around.asked).toBe(0);
});

test("scores are found by the end of a path, whichever of the two is longer", () => {
  const paths = ["/data/nut/train/good/1.png", "C:\\data\\nut\\train\\good\\2.png", "3.png"];
  const list = [
    ["/elsewhere/bolt/test/good/1.png", 9],
    ["test/good/1.png", 8],
    ["nut/train/good/1.png", 1],
    ["train/good/2.png", 2],
    ["/data/x/3.png", 3],
    ["13.png", 7],
  ] as const;
  expect(scoresOfPaths(list, paths)).toEqual([1, 2, 3]);
});

test("an image without a score, or that could have two, is named", () => {
  expect(() => scoresOfPaths([["a/1.png", 1]], ["a/1.png", "a/2.png"])).toThrow(
    "scores: 1 of 2 normal training images have no score: a/2.png; predict all of them",
  );
  const twice = [
    ["1.png", 1],
    ["1.png", 2],
  ] as const;
  expect(() => scoresOfPaths(twice, ["a/1.png"])).toThrow("a/1.png is there twice, with 1 and 2");
  expect(() => scoresOfPaths([["1.png", 1]], ["a/1.png", "b/1.png"])).toThrow(
    "scores: 1.png could be a/1.png or b/1.png; give longer paths",
  );
});

test("a table of scores needs a path and a number in every line", () => {
  const text = 'path,label,score,verdict\n"a,b/1.png",good,0.25,\r\nc/2.png,good,-1e-3,good\n';
  expect(parseScores(text, "scores.csv")).toEqual([
    ["a,b/1.png", 0.25],
    ["c/2.png", -0.001],
  ]);
  expect(parseScores("score,path\n1,x\n", "s")).toEqual([["x", 1]]);
  expect(() => parseScores("file,score\n", "s.csv")).toThrow(
    'scores: s.csv needs the columns path and score, its first line is "file,score"',
  );
  expect(() => parseScores("", "s.csv")).toThrow('its first line is ""');
  for (const line of ["a.png,", "a.png,high", ",1", "a.png", "a.png,Infinity"]) {
    expect(() => parseScores(`path,score\nb.png,1\n${line}\n`, "s.csv")).toThrow(
      `scores: s.csv: line 3 needs a path and a number, got "${line}"`.replace("got ", ""),
    );
  }
});
