/** Pixels and data sets: decoding, resizing, layouts, batches, synthetic anomalies, maps from elsewhere. */

export { usefulWorkers } from "#codec";
export { estimateBackground, skipBackgroundClasses } from "./background.ts";
export { type Batch, type BatchOptions, batchCount, batches } from "./batches.ts";
export { type ImageCache, imageCache } from "./cache.ts";
export {
  type CheckOptions,
  type CheckReport,
  checkDataset,
  checkFolder,
} from "./check.ts";
export type { ClassSummary } from "./check-summary.ts";
export { formatCheck } from "./check-text.ts";
export { type CsvRow, parseCsv } from "./csv.ts";
export {
  type Dataset,
  type Folder,
  grouped,
  type Layout,
  type Sample,
  type ScanOptions,
} from "./dataset.ts";
export {
  type DecodeOptions,
  decodeImage,
  type ImageFormat,
  type ImageHeader,
  imageHeader,
  readImage,
} from "./decode.ts";
export {
  type DemoCounts,
  type DemoOptions,
  type DemoPiece,
  demoImage,
  products as demoProducts,
  writeDemo,
} from "./demo/write.ts";
export { detourSize } from "./detour.ts";
export { encodePng, writePng } from "./encode.ts";
export type { Finding, Level, Report } from "./finding.ts";
export { type Frame, frame, frameMask, maskFilter, outsideOf, type Place } from "./frame.ts";
export { crops, type Filters, type Framing, framingOf } from "./framing.ts";
export { type Box, type Image, makeImage, type Size, toGrey, toRgb } from "./image.ts";
export {
  loadMapPair,
  loadMapStack,
  type MapOptions,
  type MapPair,
  type MapStack,
} from "./map-stack.ts";
export { binarise, binaryMask, fractionalMask, type MaskOptions, readMask } from "./mask.ts";
export {
  indexDataset,
  type Meta,
  type MetaEntry,
  type MetaFile,
  type MetaIndex,
  metaName,
  metaOf,
  metaText,
} from "./meta.ts";
export { metaDataset, readMeta } from "./meta-read.ts";
export { type Mode, modes, shortages, splitMode, trainable } from "./modes.ts";
export { denormalise, imagenet, normalise } from "./normalise.ts";
export { type NpyArray, type NpyType, readNpy, writeNpy } from "./npy.ts";
export type { DrawOrder, Patch } from "./patches.ts";
export { normal, permutation, type Random, randomFrom, seededRandom } from "./random.ts";
export { type Filter, filters, resize } from "./resize.ts";
export {
  balancedOrder,
  imagesPerEpoch,
  naiveOrder,
  type SampleLabels,
  type SamplerName,
  type Sampling,
  samplerNames,
  samplerOrder,
  seenOf,
  stepsPerEpoch,
} from "./sampler.ts";
export { findingsFor, layouts, openFolder, readDataset, scanFolder } from "./scan.ts";
export { readShown, type Shown } from "./shown.ts";
export { cutOff } from "./synthesis/coarse-noise.ts";
export {
  checkSynthesis,
  type Opacity,
  type Reach,
  type Strength,
  type Survival,
  type Synthesis,
  type Texture,
} from "./synthesis/synthesis.ts";
export { opacityOf } from "./synthesis/synthesise.ts";
export { type TextureClass, textureClasses } from "./textures/classes.ts";
export { type TextureScene, textureScene } from "./textures/scene.ts";
export { type LoaderOptions, type TrainLoader, trainLoader } from "./train-loader.ts";
export {
  type LoadOptions,
  type TrainOptions,
  type Transform,
  testTransform,
  trainTransform,
} from "./transforms.ts";
export { cleanImage, type NoiseOptions, type NoisyImage, whiteNoise } from "./white-noise.ts";
