/** Random small inputs with many ties and the awkward floats. */
import fc from "fast-check";

/** Few distinct values, so most scores tie; zero of both signs, subnormals and the ends of the float32 range. */
export const score = fc.oneof(
  fc.integer({ min: -3, max: 3 }).map((i) => i / 4),
  fc.constantFrom(
    0,
    -0,
    2 ** -149,
    -(2 ** -149),
    2 ** -126,
    3.4028234663852886e38,
    -3.4028234663852886e38,
  ),
);

export const bit = fc.integer({ min: 0, max: 1 });

/** Labels with both classes, and scores. */
export const ranked = fc
  .array(fc.tuple(bit, score), { minLength: 0, maxLength: 30 })
  .chain((rest) => fc.tuple(score, score).map(([a, b]) => [[1, a], [0, b], ...rest]))
  .map((pairs) => ({ labels: pairs.map(([y]) => y!), scores: pairs.map(([, s]) => s!) }));

/** N images of one size; at least one abnormal and one normal pixel among them. */
export const images = fc
  .record({
    n: fc.integer({ min: 1, max: 3 }),
    height: fc.integer({ min: 1, max: 6 }),
    width: fc.integer({ min: 1, max: 6 }),
  })
  .chain(({ n, height, width }) => {
    const pixels = { minLength: n * height * width, maxLength: n * height * width };
    return fc.record({
      height: fc.constant(height),
      width: fc.constant(width),
      maps: fc.array(score, pixels),
      masks: fc.array(bit, pixels),
    });
  })
  .filter(({ masks }) => masks.includes(0) && masks.includes(1));

/** Cuts a flat array into images. */
export function cut(flat: readonly number[], size: number): number[][] {
  return Array.from({ length: flat.length / size }, (_, i) => flat.slice(i * size, (i + 1) * size));
}
