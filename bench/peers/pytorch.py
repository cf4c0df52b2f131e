"""PyTorch on the tasks of bench/peers/protocol.ts: one JSON request a line in, one JSON reply a line out.

`python3 bench/peers/pytorch.py --doubles` prints the values that bench/networks.ts checks against, computed in doubles.
"""
import json
import math
import os
import sys
import time

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # or it slows down beside other processes
import numpy as np
import torch
import torch.nn.functional as F

from methods import Cfa, Fod, attended, divergence, entropy, heads, resnet18_sums, target

DEVICE = "cuda" if torch.cuda.is_available() else "cpu"


def drawn(shape, seed, scale=1.0):
    n = int(np.prod(shape))
    mul, add = np.uint64(1664525), np.uint64(1013904223)
    block = 4096
    muls, adds = np.empty(block, np.uint64), np.empty(block, np.uint64)
    a, c = np.uint64(1), np.uint64(0)
    low = np.uint64(2**32 - 1)
    for i in range(block):  # the i-th state is muls[i] * seed + adds[i]
        a, c = (a * mul) & low, (c * mul + add) & low
        muls[i], adds[i] = a, c
    out, state = np.empty(n, np.uint32), np.uint64(seed)
    for at in range(0, n, block):
        states = (muls * state + adds) & low
        out[at : at + block] = states[: n - at].astype(np.uint32)
        state = states[-1]
    values = ((out >> 8).astype(np.float64) / 8388608 - 1) * scale
    return torch.from_numpy(values.astype(np.float32)).reshape(shape).to(DEVICE)


def resnet18_shapes():
    def conv_norm(conv, norm, o, i, k):
        yield conv + ".weight", (o, i, k, k)
        for part in ("weight", "bias", "running_mean", "running_var"):
            yield f"{norm}.{part}", (o,)

    yield from conv_norm("conv1", "bn1", 64, 3, 7)
    cin = 64
    for l, (planes, stride) in enumerate([(64, 1), (128, 2), (256, 2), (512, 2)]):
        for b in range(2):
            at = f"layer{l + 1}.{b}"
            yield from conv_norm(at + ".conv1", at + ".bn1", planes, cin, 3)
            yield from conv_norm(at + ".conv2", at + ".bn2", planes, planes, 3)
            if b == 0 and (stride != 1 or cin != planes):
                yield from conv_norm(at + ".downsample.0", at + ".downsample.1", planes, cin, 1)
            cin = planes
    yield "fc.weight", (1000, 512)
    yield "fc.bias", (1000,)


def resnet18_state(dtype):
    state = {}
    for i, (name, shape) in enumerate(resnet18_shapes()):
        fan = int(np.prod(shape[1:]))
        scale = math.sqrt(2 / fan) if len(shape) == 4 else 0.02 if len(shape) == 2 else 0.1
        one = len(shape) == 1 and ("weight" in name or "running_var" in name)
        state[name] = (drawn(shape, 10 + i, scale) + (1 if one else 0)).to(dtype)
    return state


def resnet18(dtype):
    state = resnet18_state(dtype)

    def forward(x):
        h = F.relu(resnet18_sums(state, x, 4)[3])
        return F.linear(h.mean((2, 3)), state["fc.weight"], state["fc.bias"])

    return forward


def sgd_step():
    layers, cin = [], 3
    for i in range(3):
        w = drawn((32, cin, 3, 3), 30 + i, math.sqrt(2 / (9 * cin)))
        layers.append([t.requires_grad_() for t in (w, torch.ones(32, device=DEVICE), torch.zeros(32, device=DEVICE))])
        cin = 32
    images, target = drawn((8, 3, 64, 64), 5), drawn((8, 32, 64, 64), 6)
    optimiser = torch.optim.SGD([t for layer in layers for t in layer], 0.01)

    def step():
        optimiser.zero_grad()
        h = images
        for w, g, b in layers:
            h = F.relu(F.batch_norm(F.conv2d(h, w, padding=1), None, None, g, b, True, 0.0, 1e-5))
        loss = F.mse_loss(h, target)
        loss.backward()
        optimiser.step()
        return loss.detach().reshape(1)

    return step


def method(kind, dtype=torch.float32):
    """CFA or FOD and the images of a step: four of 224 x 224, one of 256 x 256."""
    numbers = lambda *args: drawn(*args).to(dtype)
    shape = (4, 3, 224, 224) if kind is Cfa else (1, 3, 256, 256)
    return kind(resnet18_state(dtype), numbers), numbers(shape, 5, 2)


def no_grad(fn):
    def run():
        with torch.no_grad():
            return fn()

    return run


def tasks():
    """Name to a function that makes the inputs and gives (work, from its result to the values that are checked)."""

    def matmul():
        a, b = drawn((1024, 1024), 1), drawn((1024, 1024), 2)
        return (lambda: a @ b), lambda y: y

    def conv_inputs():
        return drawn((4, 64, 64, 64), 1), drawn((64, 64, 3, 3), 2, 0.05), drawn((4, 64, 64, 64), 3)

    def conv():
        x, w, _ = conv_inputs()
        return (lambda: F.conv2d(x, w, padding=1)), lambda y: y.permute(0, 2, 3, 1)

    def conv_gradients():
        x, w, dy = conv_inputs()
        x.requires_grad_(), w.requires_grad_()
        run = lambda: torch.autograd.grad(F.conv2d(x, w, padding=1), (x, w), dy)
        return run, lambda g: torch.cat([p.reshape(-1) for p in ours(*g)])

    def ours(dx, dw):  # channels last
        return dx.permute(0, 2, 3, 1), dw.permute(2, 3, 1, 0)

    def total(axis):
        def make():
            x = drawn((4096, 4096), 1)
            return (lambda: x.sum(axis)), lambda y: y

        return make

    def resnet():
        forward, image = resnet18(torch.float32), drawn((1, 3, 224, 224), 5)
        return no_grad(lambda: forward(image)), lambda y: y

    def attention():
        shape = (1, 1024, 256)
        q, k, v = drawn(shape, 1, 3), drawn(shape, 2, 3), drawn(shape, 3)
        sigma, dy = drawn((1, 1024, 16), 4, 0.9) + 1, drawn(shape, 5)
        inputs = [t.requires_grad_() for t in (q, k, v, sigma)]

        def run():
            out, p = attended(heads(q), heads(k), heads(v))
            apart, h = divergence(p, target(heads(sigma), 32)), entropy(p)
            grads = torch.autograd.grad((out * dy).sum() + apart.sum() + h.sum(), inputs)
            return out, *grads, apart, h

        return run, lambda results: torch.cat([t.reshape(-1) for t in results])

    def step(kind):
        def make():
            net, images = method(kind)
            return (lambda: net.step(images)), lambda losses: losses

        return make

    def prediction(kind):
        def make():
            net, images = method(kind)
            return no_grad(lambda: net.predict(images[:1])), lambda maps: maps

        return make

    return {
        "attention": attention,
        "cfa-step": step(Cfa),
        "cfa-map": prediction(Cfa),
        "fod-step": step(Fod),
        "fod-map": prediction(Fod),
        "matmul": matmul,
        "conv": conv,
        "conv-gradients": conv_gradients,
        "sum-0": total(0),
        "sum-1": total(1),
        "resnet18": resnet,
        "sgd-step": lambda: (sgd_step(), lambda loss: loss),
    }


def timed(run):
    start = time.perf_counter()
    result = run()
    if DEVICE == "cuda":
        torch.cuda.synchronize()
    return (time.perf_counter() - start) * 1e3, result


def serve():
    torch.set_num_threads(os.cpu_count() or 1)
    known, run, values, result = tasks(), None, None, None
    cpu = f"{torch.get_num_threads()} CPU threads"
    where = torch.cuda.get_device_name() if DEVICE == "cuda" else cpu
    say({"ready": True, "about": f"PyTorch {torch.__version__} on {where}"})
    for line in sys.stdin:
        request = json.loads(line)
        try:
            if request["do"] == "open":
                run, values = known[request["task"]]()
                first, result = timed(run)
                say({"firstMs": first})
            elif request["do"] == "run":
                times, cpu = [], []
                for _ in range(request["runs"]):
                    before = time.process_time()
                    ms, result = timed(run)
                    times.append(ms)
                    cpu.append((time.process_time() - before) * 1e3)
                say({"ms": times, "cpuMs": min(cpu)})
            elif request["do"] == "values":
                flat = values(result).detach().reshape(-1)
                say({"values": flat[torch.tensor(request["at"], device=DEVICE)].tolist()})
            else:
                run = values = result = None
                say({})
        except Exception as error:
            say({"error": str(error)[:400]})


def say(reply):
    print("@reply " + json.dumps(reply), flush=True)


def show(what, values):
    print(what, [float(f"{float(v):.8g}") for v in values])


if "--doubles" in sys.argv:
    logits = resnet18(torch.float64)(drawn((1, 3, 224, 224), 5).double()).reshape(-1)
    show("logits 0, 1, 500, 999:", (logits[i] for i in (0, 1, 500, 999)))
    for kind in (Cfa, Fod):
        net, images = method(kind, torch.float64)
        with torch.no_grad():
            at = (0, 12345, 40000)
            show(f"{kind.__name__} map {at}:", net.predict(images[:1]).reshape(-1)[list(at)])
        show(f"{kind.__name__} loss:", net.step(images))
else:
    serve()
