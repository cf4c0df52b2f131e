"""CFA and FOD in PyTorch, for bench/peers/pytorch.py: a training step and a prediction of each, on numbers that ours has too.

Written from the papers' equations as one would write them today: frozen features without a graph, FOD's targets as products of two
Gaussians instead of files of L x L distances, one backward pass over both of its losses.
"""
import math

import torch
import torch.nn.functional as F

EPS = 1e-4


def resnet18_sums(state, x, layers):
    """The sums before the last ReLU of layer1 to layer<layers>."""

    def norm(x, at):
        mean, var = state[at + ".running_mean"], state[at + ".running_var"]
        return F.batch_norm(x, mean, var, state[at + ".weight"], state[at + ".bias"], False, 0.0, 1e-5)

    def block(x, at, stride):
        y = F.relu(norm(F.conv2d(x, state[at + ".conv1.weight"], stride=stride, padding=1), at + ".bn1"))
        y = norm(F.conv2d(y, state[at + ".conv2.weight"], padding=1), at + ".bn2")
        if at + ".downsample.0.weight" in state:
            x = norm(F.conv2d(x, state[at + ".downsample.0.weight"], stride=stride), at + ".downsample.1")
        return y + x

    sums = []
    h = F.relu(norm(F.conv2d(x, state["conv1.weight"], stride=2, padding=3), "bn1"))
    total = F.max_pool2d(h, 3, 2, 1)
    for l in range(layers):
        for b in range(2):
            total = block(F.relu(total), f"layer{l + 1}.{b}", 2 if l > 0 and b == 0 else 1)
        sums.append(total)
    return sums


def features(state, x, leaky):
    """The maps of layer1 to layer3; leaky: LeakyReLU of the sums, as CFA's."""
    with torch.no_grad():
        return [F.leaky_relu(s, 0.01) if leaky else F.relu(s) for s in resnet18_sums(state, x, 3)]


def pooled(maps):
    return [F.avg_pool2d(m, 3, 1, 1) for m in maps]


def smoothed(maps, sigma=4):
    radius = int(4 * sigma + 0.5)
    at = torch.arange(-radius, radius + 1, dtype=maps.dtype, device=maps.device)
    w = torch.exp(-at * at / (2 * sigma * sigma))
    w = w / w.sum()
    x = maps[:, None]
    x = torch.cat([x[:, :, :radius].flip(2), x, x[:, :, -radius:].flip(2)], 2)
    x = torch.cat([x[:, :, :, :radius].flip(3), x, x[:, :, :, -radius:].flip(3)], 3)
    return F.conv2d(F.conv2d(x, w.view(1, 1, -1, 1)), w.view(1, 1, 1, -1))[:, 0]


class Cfa:
    """ResNet-18, gamma 1: D = 448."""

    def __init__(self, state, drawn):
        self.state = state
        self.bank = drawn((448, 3136), 202).t()
        self.weight = drawn((448, 450, 1, 1), 200, 1 / math.sqrt(450)).requires_grad_()
        self.bias = drawn((448,), 201, 1 / math.sqrt(450)).requires_grad_()
        self.r = torch.full((1,), 1e-5, dtype=self.weight.dtype, device=self.weight.device, requires_grad=True)
        settings = dict(lr=1e-3, weight_decay=5e-4, amsgrad=True)
        self.optimiser = torch.optim.AdamW([self.weight, self.bias, self.r], **settings)

    def describe(self, x):
        """Patches [B, P, D]."""
        finest, *coarser = pooled(features(self.state, x, True))
        side = finest.shape[-1]
        same = [F.interpolate(m, (side, side), mode="bilinear", align_corners=False) for m in coarser]
        axis = torch.linspace(-1, 1, side, dtype=x.dtype, device=x.device)
        rows, columns = axis.view(1, 1, -1, 1), axis.view(1, 1, 1, -1)
        shape = (x.shape[0], 1, side, side)
        stacked = torch.cat([finest, *same, rows.expand(shape), columns.expand(shape)], 1)
        return F.conv2d(stacked, self.weight, self.bias).flatten(2).transpose(1, 2)

    def nearest(self, x, k):
        phi = self.describe(x)
        squares = phi.square().sum(2, keepdim=True) + self.bank.square().sum(1) - 2 * phi @ self.bank.t()
        return squares.topk(k, dim=2, largest=False)[0]

    def step(self, images):
        t = self.nearest(images, 6)
        r2 = self.r.square()
        attract = F.relu(t[..., :3] - r2).mean()
        repel = F.relu(r2 - t[..., 3:] - 0.1).mean()
        loss = (attract + repel) / 1e-3
        self.optimiser.zero_grad()
        loss.backward()
        self.optimiser.step()
        return loss.detach().reshape(1)

    def predict(self, images):
        d = self.nearest(images, 3).clamp(min=0).sqrt()
        score = d[..., 0] * F.softmin(d, dim=2)[..., 0]
        side = math.isqrt(score.shape[1])
        size = images.shape[-2:]
        grid = score.view(-1, 1, side, side)
        return smoothed(F.interpolate(grid, size, mode="bilinear", align_corners=False)[:, 0])


def fod_shapes(c, d):
    def linear(at, o, i):
        return {at + ".weight": (o, i), at + ".bias": (o,)}

    shapes = {}
    for embedding in ("embedding", "ref_embedding"):
        at = embedding + ".project_embedding.project"
        shapes |= {at + ".weight": (d, c, 1), at + ".bias": (d,)}
    for l in range(3):
        at = f"encoder.encode_layers.{l}."
        for branch in ("self_attention", "cross_attention"):
            for part, out in (("query", d), ("key", d), ("value", d), ("sigma", 16), ("out", d)):
                shapes |= linear(f"{at}{branch}.{part}_projection", out, d)
        shapes |= linear(at + "ffn.fc1", 4 * d, d) | linear(at + "ffn.fc2", d, 4 * d)
        for norm in ("norm1", "norm2"):
            shapes |= {f"{at}{norm}.weight": (d,), f"{at}{norm}.bias": (d,)}
    shapes |= {"encoder.norm.weight": (d,), "encoder.norm.bias": (d,)}
    return shapes | linear("projection", c, d)


def heads(t):
    """[B, L, 8 e] to [B, 8, L, e]."""
    return t.view(*t.shape[:2], 8, -1).transpose(1, 2)


def attended(q, k, v):
    """The output [B, L, 8 e] and P [B, 8, L, L]."""
    p = torch.softmax(q @ k.transpose(2, 3) / math.sqrt(q.shape[3]), 3)
    return (p @ v).transpose(1, 2).flatten(2), p


def target(sigma, side):
    """The Gaussians around each place of a square grid, each of sum 1, [B, h, L, L]."""
    axis = torch.arange(side, device=sigma.device, dtype=sigma.dtype)
    squares = (axis[:, None] - axis).square()
    place = torch.arange(side**2, device=sigma.device)

    def gaussian(own, sigma):
        g = torch.exp(-squares[own] / (2 * sigma.square()[..., None]))
        return g / g.sum(3, keepdim=True)

    rows, columns = gaussian(place // side, sigma[..., 0]), gaussian(place % side, sigma[..., 1])
    return (rows[..., :, None] * columns[..., None, :]).flatten(3)


class FodLevel:
    def __init__(self, c, d, side, drawn, seed):
        self.d, self.side = d, side
        self.reference = drawn((c, side * side), seed).t()[None]
        self.w = {}
        for i, (name, shape) in enumerate(sorted(fod_shapes(c, d).items()), 1):
            one = len(shape) == 1 and name.endswith("weight")
            fan = math.prod(shape[1:])
            values = drawn(shape, seed + i, 0.1 if len(shape) == 1 else 1 / math.sqrt(fan))
            self.w[name] = (values + 1 if one else values).requires_grad_()
        self.table = self.sines().to(self.reference)

    def sines(self):
        half, side = self.d // 2, self.side
        rates = torch.exp(torch.arange(0, half, 2).double() * (-math.log(10000) / half))
        angles = torch.arange(side).double()[:, None] * rates
        waves = torch.stack([angles.sin(), angles.cos()], 2).flatten(1)  # [side, half]
        columns = waves[None].expand(side, side, half)
        rows = waves[:, None].expand(side, side, half)
        return torch.cat([columns, rows], 2).reshape(side * side, self.d)

    def linear(self, at, x):
        return F.linear(x, self.w[at + ".weight"], self.w[at + ".bias"])

    def norm(self, at, x):
        return F.layer_norm(x, (self.d,), self.w[at + ".weight"], self.w[at + ".bias"])

    def embed(self, at, x):
        at += ".project_embedding.project"
        return F.linear(x, self.w[at + ".weight"][:, :, 0], self.w[at + ".bias"]) + self.table

    def attention(self, at, x, keys):
        """The output, P and its normalised target, [B, h, L, L]."""

        q, k, v = (heads(self.linear(f"{at}.{part}_projection", t)) for part, t in (("query", x), ("key", keys), ("value", keys)))
        out, p = attended(q, k, v)
        z = self.linear(at + ".sigma_projection", x)
        sigma = heads(3 ** (torch.sigmoid(5 * z) + 1e-5) - 1)  # [B, h, L, 2]
        return out, p, target(sigma, self.side)

    def forward(self, tokens):
        x, maps = self.embed("embedding", tokens), []
        reference = self.embed("ref_embedding", self.reference)
        for l in range(3):
            at = f"encoder.encode_layers.{l}."
            a, *intra = self.attention(at + "self_attention", x, x)
            c, *inter = self.attention(at + "cross_attention", x, reference.expand(x.shape[0], -1, -1))
            maps.append((intra, inter))
            u = self.norm(at + "norm1", a - c)
            x = self.norm(at + "norm2", u + self.linear(at + "ffn.fc2", F.gelu(self.linear(at + "ffn.fc1", u))))
        return self.linear("projection", self.norm("encoder.norm", x)), maps


def divergence(p, q):
    """Of each head, [B, h, L]."""
    a, b = (p + EPS).log(), (q + EPS).log()
    return (p * (a - b)).sum(3) + (q * (b - a)).sum(3)


def entropy(p):
    return -(p * (p + EPS).log()).sum(3)


def errors(x, y):
    return (x - y).square().mean(2) + 1 - F.cosine_similarity(y, x, dim=2, eps=1e-8)


class Fod:
    """ResNet-18, layer2 and layer3, 256 x 256; one optimiser, gradients set to none."""

    def __init__(self, state, drawn):
        self.state = state
        sizes = ((128, 256, 32, 1000), (256, 512, 16, 2000))
        self.levels = [FodLevel(c, d, side, drawn, seed) for c, d, side, seed in sizes]
        self.optimiser = torch.optim.Adam([w for level in self.levels for w in level.w.values()], lr=1e-4)

    def tokens(self, x):
        return [m.flatten(2).transpose(1, 2) for m in pooled(features(self.state, x, False)[1:])]

    def step(self, images):
        recs = []
        for level, x in zip(self.levels, self.tokens(images)):
            y, maps = level.forward(x)
            rec = errors(x, y).mean()
            total = 2 * rec
            for (p, t), sign in [(m[0], 1) for m in maps] + [(m[1], -1) for m in maps]:
                fit = divergence(t, p.detach()).mean() - divergence(t.detach(), p).mean()
                total = total + sign * 0.5 / len(maps) * (fit - entropy(p).mean())
            self.optimiser.zero_grad()
            total.backward()
            self.optimiser.step()
            recs.append(rec.detach())
        return torch.stack(recs).mean().reshape(1)

    def predict(self, images):
        with torch.no_grad():
            maps = []
            for level, x in zip(self.levels, self.tokens(images)):
                y, layers = level.forward(x)
                k = sum(divergence(p, t).mean(1) for _, (p, t) in layers) / len(layers)
                v = torch.softmax(-k, 1)
                score = errors(x, y) * (v.max(1, keepdim=True)[0] - v)
                grid = score.view(-1, 1, level.side, level.side)
                maps.append(F.interpolate(grid, images.shape[-2:], mode="bilinear", align_corners=True)[:, 0])
            return smoothed(sum(maps) / len(maps))
