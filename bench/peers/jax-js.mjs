/** jax-js. Its jit drops work whose result nobody takes, so the training convolution gives its forward back too. */
import { drawn, toHWIO, toNHWC } from "../inputs.ts";
import {
  resnet18Image,
  resnet18Layers,
  resnet18Numbers,
  sgdStep,
  sgdStepWeights,
} from "../networks.ts";
import { joined } from "../task.ts";
import { installGpu } from "./dawn.mjs";
import { loadJax, versionOf } from "./home.mjs";

const one = [1, 1];
const same = [
  [1, 1],
  [1, 1],
];

export async function start({ adapter }) {
  const gpu = await installGpu(adapter);
  const jax = await loadJax();
  await jax.init();
  jax.defaultDevice("webgpu");
  const about = `jax-js ${versionOf("@jax-js/jax")} on ${gpu.adapter}`;
  return { about, failure: gpu.failure, tasks: tasksOf(jax) };
}

function tasksOf(jax) {
  const { numpy: np, lax, nn, jit, tree } = jax;
  const tensor = (shape, data) => np.array(data, { shape });
  const random = (shape, seed, scale) =>
    tensor(
      shape,
      drawn(
        shape.reduce((a, b) => a * b, 1),
        seed,
        scale,
      ),
    );

  /** `step` gives an array or several; `read` makes the answer of them. */
  const opened = (step, read) => {
    let last;
    return {
      async run() {
        if (last) tree.dispose(last);
        last = step();
        await jax.blockUntilReady(last);
      },
      answer: () => read(last),
      close() {
        if (last) tree.dispose(last);
      },
    };
  };
  const plain = (y) => y.ref.data();
  const conv = (x, w, stride = 1, pad = 1) =>
    lax.convGeneralDilated(
      x,
      w,
      [stride, stride],
      [
        [pad, pad],
        [pad, pad],
      ],
    );

  const sum = (axis) => () => {
    const x = random([4096, 4096], 1);
    return opened(() => np.sum(x.ref, axis), plain);
  };

  return {
    matmul() {
      const [a, b] = [random([1024, 1024], 1), random([1024, 1024], 2)];
      return opened(() => np.matmul(a.ref, b.ref), plain);
    },
    conv() {
      const [x, w] = [random([4, 64, 64, 64], 1), random([64, 64, 3, 3], 2, 0.05)];
      const forward = jit((x, w) => lax.convGeneralDilated(x, w, one, same));
      return opened(
        () => forward(x.ref, w.ref),
        async (y) => toNHWC(await plain(y), [4, 64, 64, 64]),
      );
    },
    "conv-gradients"() {
      const [x, w] = [random([4, 64, 64, 64], 1), random([64, 64, 3, 3], 2, 0.05)];
      const dy = random([4, 64, 64, 64], 3);
      const loss = (x, w, dy) => {
        const y = lax.convGeneralDilated(x, w, one, same);
        return [np.sum(y.ref.mul(dy)), y];
      };
      const both = jit((x, w, dy) =>
        jax.valueAndGrad(loss, { argnums: [0, 1], hasAux: true })(x, w, dy),
      );
      return opened(
        () => both(x.ref, w.ref, dy.ref),
        async ([, [dx, dw]]) =>
          joined([
            toNHWC(await plain(dx), [4, 64, 64, 64]),
            toHWIO(await plain(dw), [64, 64, 3, 3]),
          ]),
      );
    },
    "sum-0": sum(0),
    "sum-1": sum(1),
    resnet18() {
      const { params, forward } = resnet18({ np, lax, nn, tensor, conv });
      const x = random(resnet18Image.shape, resnet18Image.seed);
      const run = jit(forward);
      return opened(() => run(tree.ref(params), x.ref), plain);
    },
    "sgd-step"() {
      let params = sgdStepWeights().map(({ shape, data }) => ({
        w: tensor(shape, data),
        g: np.ones([sgdStep.channels]),
        b: np.zeros([sgdStep.channels]),
      }));
      const x = random(sgdStep.images.shape, sgdStep.images.seed);
      const target = random(sgdStep.target.shape, sgdStep.target.seed);
      const valueAndGrad = jax.valueAndGrad(trainingLoss({ np, nn, conv }));
      const step = jit((params, x, target) => {
        const [value, grads] = valueAndGrad(tree.ref(params), x, target);
        return [value, tree.map((p, g) => p.sub(g.mul(sgdStep.lr)), params, grads)];
      });
      return opened(() => {
        const [loss, next] = step(params, x.ref, target.ref);
        params = next;
        return loss;
      }, plain);
    },
  };
}

/** BatchNorms are given as the scale and shift that they are in evaluation mode. */
function resnet18({ np, lax, nn, tensor, conv }) {
  const numbers = resnet18Numbers();
  const params = {};
  for (const [name, { shape, data }] of numbers) {
    if (!name.endsWith("running_mean")) {
      if (shape.length !== 1) params[name] = tensor(shape, data);
      continue;
    }
    const at = name.slice(0, -".running_mean".length);
    const [w, b, v] = ["weight", "bias", "running_var"].map((p) => numbers.get(`${at}.${p}`).data);
    const scale = w.map((value, c) => value / Math.sqrt(v[c] + 1e-5));
    params[`${at}.scale`] = tensor([1, shape[0], 1, 1], scale);
    params[`${at}.shift`] = tensor(
      [1, shape[0], 1, 1],
      b.map((value, c) => value - data[c] * scale[c]),
    );
  }
  params["fc.bias"] = tensor([1000], numbers.get("fc.bias").data);
  const forward = (p, x) => {
    const norm = (x, c, n, stride, pad) =>
      conv(x, p[`${c}.weight`], stride, pad).mul(p[`${n}.scale`]).add(p[`${n}.shift`]);
    let h = nn.relu(norm(x, "conv1", "bn1", 2, 3));
    h = np.pad(h, [
      [0, 0],
      [0, 0],
      [1, 1],
      [1, 1],
    ]); // after a ReLU zeros are as good as −∞
    h = lax.reduceWindow(h, np.max, [3, 3], [2, 2]);
    for (const [l, [, layerStride]] of resnet18Layers.entries()) {
      for (const b of [0, 1]) {
        const at = `layer${l + 1}.${b}`;
        const stride = b === 0 ? layerStride : 1;
        const down = `${at}.downsample`;
        const identity = p[`${down}.0.weight`]
          ? norm(h.ref, `${down}.0`, `${down}.1`, stride, 0)
          : h.ref;
        const y = nn.relu(norm(h, `${at}.conv1`, `${at}.bn1`, stride, 1));
        h = nn.relu(norm(y, `${at}.conv2`, `${at}.bn2`, 1, 1).add(identity));
      }
    }
    return np.matmul(np.mean(h, [2, 3]), np.transpose(p["fc.weight"])).add(p["fc.bias"]);
  };
  return { params, forward };
}

function trainingLoss({ np, nn, conv }) {
  return (params, x, target) => {
    let h = x;
    for (const { w, g, b } of params) {
      h = conv(h, w);
      const mean = np.mean(h.ref, [0, 2, 3], { keepdims: true });
      const centred = h.sub(mean);
      const variance = np.mean(np.square(centred.ref), [0, 2, 3], { keepdims: true });
      const unit = centred.div(np.sqrt(variance.add(sgdStep.eps)));
      h = nn.relu(unit.mul(np.reshape(g, [1, -1, 1, 1])).add(np.reshape(b, [1, -1, 1, 1])));
    }
    return np.mean(np.square(h.sub(target)));
  };
}
