/** The images that the golden runs of CFA made from a name. */
import { type Image, makeImage } from "../src/data/image.ts";
import { U } from "./golden-u.ts";

/** floor((0.7 grad + 0.3 u) 255); the gradients run along x, y and the diagonal. */
export function publishedImage(name: string, w: number, h: number): Image {
  const u = U(name, [h, w, 3], 0, 1);
  const image = makeImage(w, h, 3);
  for (let i = 0; i < image.data.length; i++) {
    const [x, y] = [Math.floor(i / 3) % w, Math.floor(i / 3 / w)];
    const grad = [x / (w - 1), y / (h - 1), (x + y) / (h + w - 2)][i % 3]!;
    image.data[i] = Math.floor((0.7 * grad + 0.3 * u[i]!) * 255);
  }
  return image;
}
