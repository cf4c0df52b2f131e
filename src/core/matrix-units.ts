/**
 * Whether the matrix units (tensor cores) of an adapter can be used, and how its shader language spells them: the extension is
 * an experiment of Dawn and was respelled in August 2026, so a trial compile decides.
 */
import {
  halfFragments,
  type MatrixCaps,
  type MatrixConfig,
  type MatrixDialect,
  trialMatrixKernel,
} from "../kernels/index.ts";

/** Matrix units, or why there are none to use. */
export type MatrixFinding =
  | { readonly matrix: MatrixCaps }
  | { readonly matrix?: undefined; readonly why: string };

/** What Dawn adds to the standard's adapter info. */
interface DawnInfo extends GPUAdapterInfo {
  readonly subgroupMatrixConfigs?: Iterable<MatrixConfig>;
}

type Probed = Pick<
  GPUDevice,
  "features" | "createShaderModule" | "pushErrorScope" | "popErrorScope"
>;

/** Looks at an adapter and tries a shader on the device that was opened on it. */
export async function findMatrixUnits(info: DawnInfo, native: Probed): Promise<MatrixFinding> {
  const features = native.features as ReadonlySet<string>;
  const missing = ["chromium-experimental-subgroup-matrix", "subgroups", "shader-f16"].find(
    (feature) => !features.has(feature),
  );
  if (missing) return { why: `no ${missing.replace("chromium-experimental-", "")}` };
  const configs = [...(info.subgroupMatrixConfigs ?? [])].map(copyConfig);
  if (halfFragments(configs).length === 0) {
    return { why: `none of its ${configs.length} shapes has f16 operands and f32 sums` };
  }
  const pinned = features.has("subgroup-size-control");
  const subgroupSize = sizeOfSubgroups(info, pinned);
  if (subgroupSize === undefined) {
    const range = `${info.subgroupMinSize} to ${info.subgroupMaxSize}`;
    return { why: `subgroups of ${range} threads, and no subgroup-size-control` };
  }
  return trySpellings(native, { configs, subgroupSize, pinned });
}

/** The entries are interfaces whose fields a spread would lose. */
function copyConfig(config: MatrixConfig): MatrixConfig {
  const { componentType, resultComponentType, M, N, K } = config;
  return { componentType, resultComponentType, M, N, K };
}

/** The size to count on: the only one there is, or 32 where a kernel may ask for it. */
function sizeOfSubgroups(info: DawnInfo, pinned: boolean): number | undefined {
  const { subgroupMinSize: least, subgroupMaxSize: most } = info;
  if (least === most) return least;
  return pinned && least <= 32 && most >= 32 ? 32 : undefined;
}

async function trySpellings(
  native: Probed,
  units: Omit<MatrixCaps, "dialect">,
): Promise<MatrixFinding> {
  let first = "";
  for (const dialect of ["template", "argument"] as const satisfies readonly MatrixDialect[]) {
    const matrix = { ...units, dialect };
    native.pushErrorScope("validation");
    native.createShaderModule({ code: trialMatrixKernel(matrix).code });
    const error = await native.popErrorScope();
    if (!error) return { matrix };
    first ||= error.message.split("\n")[0] ?? "";
  }
  return { why: `its shader language is not known: ${first}` };
}

/** One line for people: which shapes are used, best first, or why none is. */
export function describeMatrixUnits(found: MatrixFinding | undefined): string {
  if (!found?.matrix) return `not usable: ${found?.why ?? "not looked for"}`;
  const { configs, subgroupSize } = found.matrix;
  const shapes = halfFragments(configs).map(({ m, n, k }) => `${m}x${n}x${k}`);
  return `usable: f16 with f32 sums, ${shapes.join(", ")} in subgroups of ${subgroupSize}`;
}
