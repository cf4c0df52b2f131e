/** Everything with weights that belongs to no single paper: layers, backbones, optimisers, checkpoints. */
export * from "./backbones/index.ts";
export * from "./checkpoint/index.ts";
export * from "./nn/index.ts";
export * from "./optim/index.ts";
