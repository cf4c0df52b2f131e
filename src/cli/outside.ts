/** Says what of images a network does not see: where a method cuts its square from the middle, a defect beside it is never found. */
import { type LoadOptions, outsideOf } from "../data/index.ts";
import type { Terminal } from "./terminal.ts";

/** Cut images of the references keep three quarters of a square, a little less where sides are rounded; who loses more is told. */
const most = 0.27;

interface Cut {
  readonly path: string;
  readonly width: number;
  readonly height: number;
  readonly share: number;
}

/** Which images lose how much. */
export class Outside {
  readonly #shares = new Map<string, number>();
  #worst: Cut | undefined;
  #large = 0;

  /** For the loader. */
  readonly onFrame: NonNullable<LoadOptions["onFrame"]> = (path, { width, height }, place) => {
    if (this.#shares.has(path)) return;
    const share = outsideOf(place);
    this.#shares.set(path, share);
    if (share > most) this.#large++;
    if (share > most && share > (this.#worst?.share ?? 0)) {
      this.#worst = { path, width, height, share };
    }
  };

  /** The share of an image's area that lies outside the square, 0 to 1. */
  shareOf(path: string): number {
    return this.#shares.get(path) ?? 0;
  }

  /** One warning for all images, with the one that loses most. */
  warn(terminal: Pick<Terminal, "warn">): void {
    if (!this.#worst) return;
    const { path, width, height, share } = this.#worst;
    const what = `${Math.round(100 * share)} % of its ${width}x${height} pixels lie outside the square`;
    const more = this.#large - 1;
    const others = more > 0 ? `; of ${more} more image${more > 1 ? "s" : ""} over a quarter` : "";
    const next = "cut such images into squares, or train with a framing that keeps them whole";
    terminal.warn(
      `${path}: ${what} that the network sees, and no defect is found there${others}; ${next}`,
    );
  }
}
