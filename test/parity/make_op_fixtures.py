#!/usr/bin/env python3
"""Makes fixtures/ops.json: outputs and gradients of PyTorch's convolutions, poolings and losses in float64, laid out as wgrad does.

Inputs come from the generator of src/kernels/cases.ts, so only results are stored: input k is noise(size, k + 1), the gradient that comes in noise(size, 9).

    /usr/bin/python3 make_op_fixtures.py

Needs Debian's python3-torch.
"""
import json
import os

import numpy as np
import torch
from make_fixtures import noise
from torch.nn import functional as F

CONVOLUTIONS = [
    ([2, 5, 6, 3], [4, 3, 2, 3], dict(stride=[2, 1], padding=[1, 0])),
    ([1, 7, 6, 4], [3, 3, 3, 4], dict(dilation=2, padding=2)),
    ([2, 5, 4, 6], [9, 2, 3, 2], dict(groups=3, dilation=[1, 2], padding=[0, 2])),
    ([2, 5, 6, 4], [4, 3, 3, 1], dict(groups=4, stride=2, padding=1)),
    ([1, 4, 7, 3], [6, 3, 3, 1], dict(groups=3, padding=1, dilation=[1, 2], stride=[1, 2])),
]
POOLS = [
    ("maxPool2d", F.max_pool2d, [2, 6, 5, 4], dict(size=3, stride=2, padding=1)),
    ("maxPool2d", F.max_pool2d, [1, 5, 7, 3], dict(size=[4, 2], stride=[1, 3], padding=[2, 1])),
    ("avgPool2d", F.avg_pool2d, [2, 6, 5, 4], dict(size=3, stride=2, padding=1)),
    ("avgPool2d", F.avg_pool2d, [1, 5, 7, 3], dict(size=[4, 2], stride=[1, 3], padding=[2, 1], countIncludePad=False)),
]
ADAPTIVE = [([2, 7, 5, 3], [3, 2]), ([1, 3, 4, 4], [5, 7])]


def tensors(*shapes):
    return [torch.tensor(noise(int(np.prod(s)), k + 1).reshape(s).astype(np.float64)) for k, s in enumerate(shapes)]


def result(op, shapes, options, run):
    """`run` takes and gives tensors in wgrad's layout."""
    inputs = [x.requires_grad_() for x in tensors(*shapes)]
    y = run(*inputs)
    y.backward(torch.tensor(noise(y.numel(), 9).reshape(y.shape).astype(np.float64)) if y.dim() else None)
    flat = lambda x: [float(f"{v:.8g}") for v in x.detach().numpy().ravel()]
    return dict(op=op, shapes=shapes, options=options, shape=list(y.shape), y=flat(y), gradients=[flat(x.grad) for x in inputs])


nchw = lambda x: x.permute(0, 3, 1, 2)
nhwc = lambda x: x.permute(0, 2, 3, 1)


def convolution(x, weight, options):
    bias = [weight[0]]
    return result("conv2d", [x, weight, bias], options, lambda x, w, b: nhwc(F.conv2d(nchw(x), nchw(w), b, **options)))


def pool(op, run, x, options):
    names = dict(size="kernel_size", countIncludePad="count_include_pad")
    renamed = {names.get(key, key): value for key, value in options.items()}
    return result(op, [x], options, lambda x: nhwc(run(nchw(x), **renamed)))


LABELS = [2, -1, 0, -1, 4]


def cross_entropy(smoothing):
    options = dict(ignoreIndex=-1, labelSmoothing=smoothing)
    return result("softmaxCrossEntropy", [[5, 5]], options,
                  lambda x: F.cross_entropy(x, torch.tensor(LABELS), ignore_index=-1, label_smoothing=smoothing))


def main():
    rows = [convolution(*row) for row in CONVOLUTIONS] + [pool(*row) for row in POOLS]
    rows += [result("adaptiveAvgPool2d", [x], y, lambda x: nhwc(F.adaptive_avg_pool2d(nchw(x), y))) for x, y in ADAPTIVE]
    rows += [cross_entropy(0.0), cross_entropy(0.2)]
    rows += [result("meanSquaredError", [[3, 5], [3, 5]], {}, F.mse_loss)]
    rows += [result("binaryCrossEntropyWithLogits", [[3, 5], [3, 5]], {}, F.binary_cross_entropy_with_logits)]
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "fixtures", "ops.json")
    with open(path, "w") as file:
        text = ",\n".join(json.dumps(row, separators=(",", ":")) for row in rows)
        file.write(f'{{"torch":"{torch.__version__}","labels":{json.dumps(LABELS)},"rows":[\n{text}\n]}}\n')


if __name__ == "__main__":
    main()
