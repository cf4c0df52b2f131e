/**
 * Curriculum in the classical sense (Bengio et al. 2009): normal images come in by how hard they are. An epoch has always as many images,
 * so that it costs the same with any pacing; where few take part, they come more often. Real anomalies always take part, each once.
 * Once all images take part alike, the order is that of a training without a curriculum.
 */
import { permutation, type Sample, seededRandom } from "../../data/index.ts";
import { fields } from "../../detector/index.ts";
import { LoupeError } from "../../error.ts";
import { difficulties } from "./difficulty.ts";
import type { EpochPosition, OrderHook, Surroundings } from "./hook.ts";
import { type CompleteOrder, type OrderConfig, orderConfig } from "./order-config.ts";
import { isEverything, type Pacing, pacingOf, shareOf } from "./order-pacing.ts";
import { drawOrder, mixed } from "./order-sampling.ts";

export interface OrderTraining {
  readonly seed: number;
  /** An epoch draws from two batches of images at least. */
  readonly batchSize: number;
}

/** Set the draws apart from all others of the same seed. */
const tags = { ranking: 0x72_61_6e_6b, epoch: 0x6f_72_64_72 };

/**
 * Its ranking is made in `begin`, unless `loadState` has brought the scores; it belongs to the state, as a resumed training may
 * run on another GPU, whose features differ in their last bits.
 * @throws LoupeError `config` as `orderConfig`
 * @example createOrderHook({ ordering: "anti" }, { seed: 1, batchSize: 32 })
 */
export function createOrderHook(config: OrderConfig, training: OrderTraining): OrderHook {
  const hook = new Order(orderConfig(config, "order"), training);
  return {
    begin: (around) => hook.begin(around),
    order: (at, count) => hook.order(at, count),
    scalars: (at) => hook.scalars(at),
    ...(config.ordering === "random"
      ? {} // its ranking follows from the seed
      : { state: () => hook.state(), loadState: (state: unknown) => hook.loadState(state) }),
  };
}

class Order {
  readonly #config: CompleteOrder;
  readonly #training: OrderTraining;
  readonly #pacing: Pacing;
  #samples: readonly Sample[] | undefined;
  /** Of the normal images in the order of their places, larger where harder. */
  #scores: readonly number[] | undefined;
  /** Places of the normal images, first rank first. */
  #ranking: Uint32Array | undefined;

  constructor(config: CompleteOrder, training: OrderTraining) {
    this.#config = config;
    this.#training = training;
    this.#pacing = pacingOf(config.pacing);
  }

  async begin(around: Surroundings): Promise<void> {
    this.#samples = around.set.samples;
    const places = placesOf(this.#samples, 0);
    if (places.length === 0) {
      const rule = "only normal images are ranked, and there are none";
      throw new LoupeError("data", `curriculum order: ${rule}; leave the order out`);
    }
    const { difficulty } = this.#config;
    if (difficulty && !this.#scores) {
      const { seed } = this.#training;
      this.#scores = await difficulties(difficulty, { around, places: [...places], seed });
    }
    this.#checkScores();
    this.#rank();
    this.#tellIdle(around, places.length);
  }

  /** Where the least that an epoch draws from is everything, the order does nothing. */
  #tellIdle({ set }: Surroundings, count: number): void {
    const { least } = this.#size({ length: count });
    if (count > least || this.#config.pacing.name === "soft") return;
    const rule = `an epoch draws from two batches at least, ${least} images`;
    const next = "a smaller batch size would make it work";
    set.tell?.(`curriculum order: ${rule}, but there are ${count}, so it changes nothing; ${next}`);
  }

  /** Ranks anew, as soon as images and scores are known. */
  #rank(): void {
    if (!this.#samples) return;
    const { seed } = this.#training;
    this.#ranking = rankingOf(this.#samples, this.#config, this.#scores, seed);
  }

  order(at: EpochPosition, count: number): Uint32Array {
    const [samples, ranking] = [this.#samples, this.#ranking];
    if (!samples || !ranking || count !== samples.length) {
      const text = `asked for ${count} images, it has begun with ${samples?.length ?? "none"}`;
      throw new LoupeError("config", `curriculum order: ${text}`);
    }
    const { seed } = this.#training;
    const selection = this.#pacing(at, this.#size(ranking));
    if (isEverything(selection, ranking.length)) {
      return permutation(count, seededRandom(seed, at.epoch));
    }
    const random = seededRandom(seed, at.epoch, tags.epoch);
    const order = drawOrder(ranking, selection, ranking.length, random);
    return mixed(order, placesOf(samples, 1), random);
  }

  #size({ length: count }: { readonly length: number }) {
    return { count, least: 2 * this.#training.batchSize };
  }

  scalars(at: EpochPosition): Readonly<Record<string, number>> {
    const ranking = this.#ranking;
    if (!ranking) return {};
    return { share: shareOf(this.#pacing(at, this.#size(ranking)), ranking.length) };
  }

  /** @param scores null: they are no numbers */
  #checkScores(scores: readonly number[] | null | undefined = this.#scores): void {
    const normal = this.#samples && placesOf(this.#samples, 0).length;
    if (scores === undefined || (scores && scores.length === (normal ?? scores.length))) return;
    const got = scores ? `${scores.length} of them` : "none";
    const rule = `the state must hold a score for each normal image (${normal ?? "?"})`;
    throw new LoupeError("checkpoint", `curriculum order: ${rule}, got ${got}`);
  }

  state(): { readonly scores: readonly number[] } {
    return { scores: [...(this.#scores ?? [])] };
  }

  loadState(state: unknown): void {
    const scores = fields.isObject(state) ? state.scores : undefined;
    const good = Array.isArray(scores) && scores.every((v) => Number.isFinite(v));
    this.#checkScores(good ? scores : null);
    this.#scores = [...(scores as number[])];
    this.#rank();
  }
}

function placesOf(samples: readonly Sample[], label: 0 | 1): Uint32Array {
  return Uint32Array.from(samples.flatMap((sample, i) => (sample.label === label ? [i] : [])));
}

/**
 * By score, of equal ones the first first; at random where there are none. Each class is ranked for itself and all are merged, so that
 * none waits until the others are through.
 */
function rankingOf(
  samples: readonly Sample[],
  { ordering }: CompleteOrder,
  scores: readonly number[] | undefined,
  seed: number,
): Uint32Array {
  const places = placesOf(samples, 0);
  if (ordering === "random" || !scores) {
    const order = permutation(places.length, seededRandom(seed, tags.ranking));
    return order.map((i) => places[i] as number);
  }
  const sign = ordering === "anti" ? -1 : 1;
  const classes = new Map<string, number[]>();
  places.forEach((place, i) => {
    const name = samples[place]?.className ?? "";
    const own = classes.get(name);
    if (own) own.push(i);
    else classes.set(name, [i]);
  });
  const ranked = [...classes.values()].flatMap((own) =>
    own
      .sort((a, b) => sign * ((scores[a] as number) - (scores[b] as number)) || a - b)
      .map((i, rank) => ({ place: places[i] as number, share: (rank + 0.5) / own.length })),
  );
  ranked.sort((a, b) => a.share - b.share || a.place - b.place);
  return Uint32Array.from(ranked, ({ place }) => place);
}
