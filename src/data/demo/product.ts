/** What a demo product is: a surface that varies from piece to piece, a light, and the ways it can go wrong. */
import type { Random } from "../random.ts";
import type { Cover } from "./shapes.ts";
import type { Light, Surface } from "./surface.ts";

/** One piece: its surface, and where on it a defect can be (for products that don't fill the picture). */
export type Piece = {
  readonly surface: Surface;
  readonly light: Light;
  /** A random place on the product, in pixels. */
  readonly place: (random: Random) => { x: number; y: number };
};

/** A kind of defect: changes the surface of a piece and says which pixels it covers. */
export type Defect = (piece: Piece, random: Random) => Cover;

/** A product and its defects by name. `size` in pixels. */
export type Product = {
  readonly name: string;
  readonly make: (size: number, random: Random) => Piece;
  readonly defects: Readonly<Record<string, Defect>>;
};
