#!/usr/bin/env python3
"""Makes the fixtures of vgg.test.ts: VGG in PyTorch, in float64 as the truth and in float32 as the yardstick.

Weights, images and labels come from a formula that the test repeats, so a fixture holds results only: the loss of six
steps, the gradients of the first, the parameters after five SGD steps, the evaluation loss after them. Beside each, how far
PyTorch's own float32 is from float64.

    /usr/bin/python3 make_fixtures.py --width 0.0625 --out fixtures        (the committed one)
    /usr/bin/python3 make_fixtures.py --width 1 --learning-rate 1e-5 --out ../../build/parity   (too large to commit)

Needs Debian's python3-torch.
"""
import argparse
import json
import os

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

STAGES = [(64, 64), (128, 128), (256, 256, 256), (512, 512, 512), (512, 512, 512)]
STEPS = 5
MOMENTUM, WEIGHT_DECAY = 0.9, 5e-4


def noise(count, seed):
    """The generator of src/kernels/cases.ts: values in [-1, 1) as float32."""
    state = (seed * 2654435761) & 0xFFFFFFFF
    values = np.empty(count, dtype=np.float64)
    for k in range(count):
        state = (state * 1664525 + 1013904223) & 0xFFFFFFFF
        values[k] = state
    return (values / 2**31 - 1).astype(np.float32)


class Vgg(nn.Module):
    def __init__(self, width, classes=100):
        super().__init__()
        layers, channels = [], 3
        for stage in STAGES:
            for full in stage:
                out = int(full * width)
                layers += [nn.Conv2d(channels, out, 3, padding=1, bias=False), nn.BatchNorm2d(out, eps=2e-5), nn.ReLU()]
                channels = out
            layers.append(nn.MaxPool2d(2, 2))
        layers += [
            nn.Flatten(),
            nn.Linear(channels, channels, bias=False),
            nn.BatchNorm1d(channels, eps=2e-5),
            nn.ReLU(),
            nn.Linear(channels, classes, bias=False),
        ]
        self.layers = nn.Sequential(*layers)

    def forward(self, x):
        return self.layers(x)


def initialise(model):
    """In model order, parameter k from noise(seed = k + 1): weights uniform with std sqrt(1 / fan in), gamma near 1, beta near 0."""
    index = 0
    for layer in model.layers:
        for name, parameter in layer.named_parameters(recurse=False):
            index += 1
            values = noise(parameter.numel(), index).astype(np.float64)
            if parameter.dim() == 4:  # filled as [Co, Kh, Kw, Ci]
                co, ci, kh, kw = parameter.shape
                values = (values * np.sqrt(3 / (ci * kh * kw))).reshape(co, kh, kw, ci).transpose(0, 3, 1, 2)
            elif parameter.dim() == 2:
                values = (values * np.sqrt(3 / parameter.shape[1])).reshape(parameter.shape)
            elif name == "weight":
                values = 1 + 0.1 * values
            else:
                values = 0.1 * values
            parameter.data = torch.from_numpy(np.ascontiguousarray(values.astype(np.float32)))


def batch_of(step, size):
    images = noise(size * 32 * 32 * 3, 1000 + step).reshape(size, 32, 32, 3).transpose(0, 3, 1, 2)
    labels = [(37 * step + 11 * row) % 100 for row in range(size)]
    return torch.from_numpy(np.ascontiguousarray(images)), torch.tensor(labels)


def ours(parameter):
    """As wgrad lays it out."""
    array = parameter.detach().numpy()
    return array.transpose(0, 2, 3, 1) if array.ndim == 4 else array


def run(width, size, learning_rate, dtype):
    model = Vgg(width)
    initialise(model)
    model.to(dtype)
    optimizer = torch.optim.SGD(model.parameters(), lr=learning_rate, momentum=MOMENTUM, weight_decay=WEIGHT_DECAY)
    losses, gradients = [], None
    for step in range(STEPS + 1):
        images, labels = batch_of(step, size)
        loss = F.cross_entropy(model(images.to(dtype)), labels)
        losses.append(loss.item())
        if step == STEPS:
            break
        optimizer.zero_grad()
        loss.backward()
        if step == 0:
            gradients = [ours(p.grad).copy() for p in model.parameters()]
        optimizer.step()
    model.eval()
    images, labels = batch_of(STEPS, size)
    with torch.no_grad():
        evaluation = F.cross_entropy(model(images.to(dtype)), labels).item()
    return losses, evaluation, gradients, [ours(p).copy() for p in model.parameters()]


def relative_l2(value, truth):
    return float(np.linalg.norm(value.astype(np.float64) - truth) / np.linalg.norm(truth))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--width", type=float, default=0.0625)
    parser.add_argument("--batch", type=int, default=16)
    # Small enough that five steps stay far from chaos: a ReLU that flips in one precision would decide the comparison.
    parser.add_argument("--learning-rate", type=float, default=0.001)
    parser.add_argument("--out", default=os.path.join(os.path.dirname(os.path.abspath(__file__)), "fixtures"))
    options = parser.parse_args()
    torch.set_num_threads(2)

    truth = run(options.width, options.batch, options.learning_rate, torch.float64)
    single = run(options.width, options.batch, options.learning_rate, torch.float32)
    description = {
        "torch": torch.__version__,
        "width": options.width,
        "batch": options.batch,
        "learningRate": options.learning_rate,
        "momentum": MOMENTUM,
        "weightDecay": WEIGHT_DECAY,
        "losses": truth[0],
        "evaluationLoss": truth[1],
        "lossErrors": [abs(a - b) / b for a, b in zip(single[0], truth[0])],
        "evaluationLossError": abs(single[1] - truth[1]) / truth[1],
        "shapes": [list(g.shape) for g in truth[2]],
        "gradientErrors": [relative_l2(a, b) for a, b in zip(single[2], truth[2])],
        "parameterErrors": [relative_l2(a, b) for a, b in zip(single[3], truth[3])],
    }
    os.makedirs(options.out, exist_ok=True)
    base = os.path.join(options.out, f"vgg-{options.width:g}")
    with open(base + ".json", "w") as file:
        json.dump(description, file, indent=1)
    # Float32 is enough for the truth: its rounding is far below the errors that are compared.
    np.concatenate([a.ravel() for a in truth[2] + truth[3]]).astype(np.float32).tofile(base + ".bin")


if __name__ == "__main__":
    main()
