/** Backbones: feature maps at three levels. */
export { Backbone, type LevelChannels, type LevelStrides, levelStrides } from "./backbone.ts";
export { EfficientNet, type EfficientNetShape } from "./efficientnet.ts";
export { FeatureExtractor } from "./extractor.ts";
export { HRNet } from "./hrnet.ts";
export { ResNet, type ResNetSettings, type ResNetShape } from "./resnet.ts";
export {
  type BackboneEntry,
  type BackboneOptions,
  backboneNames,
  backbones,
  createBackbone,
  findBackbone,
} from "./table.ts";
export { Vgg19Bn } from "./vgg.ts";
