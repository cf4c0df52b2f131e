/**
 * What may change while a method trains: the order of the images, how hard synthetic anomalies are, what the loss weighs. The loop
 * asks before each epoch; a method that changes nothing implements none of this.
 */
import type { Batch, Sample, Synthesis } from "../data/index.ts";

/** One epoch. The same for the same epoch and state, also when training goes on in its middle. */
export interface EpochPlan {
  /**
   * Places in the list of training images in the order in which they are seen, as many as there are images; some may come twice.
   * Default: each once, in an order drawn from (seed, epoch).
   */
  readonly order?: Uint32Array;
  /** Default: as the method's `images` say. */
  readonly synthesis?: Synthesis;
  /** What the log and the plots show of it, such as `{ t: 0.5, freq: 0.5 }`. */
  readonly scalars: Readonly<Record<string, number>>;
}

/** The images of a training, for a method that wants to look at them outside its steps. */
export interface TrainingSet {
  readonly samples: readonly Sample[];
  readonly seed: number;
  /** Takes what whoever trains should know, such as a setting that comes to nothing with these images. */
  readonly tell?: (message: string) => void;
  /** These images in this order, without synthetic anomalies. */
  clean(places: readonly number[]): AsyncIterable<Batch>;
  /** The same with synthetic anomalies; the same pixels for the same key, which no epoch's are made with. */
  probe(
    places: readonly number[],
    synthesis: Synthesis | undefined,
    key: number,
  ): AsyncIterable<Batch>;
}
