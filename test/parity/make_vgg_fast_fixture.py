#!/usr/bin/env python3
"""Makes the fixture of vgg-fast.test.ts: one training step of `nn.vggFast` in PyTorch, in float64 as the truth and in float32 as the yardstick.

Weights, images and labels come from the formulas of make_fixtures.py, which the test repeats. The fixture holds logits, loss, gradients and running
statistics of the step, the logits of the evaluation after it, and beside each how far PyTorch's own float32 is from float64.

    /usr/bin/python3 make_vgg_fast_fixture.py

Needs Debian's python3-torch.
"""
import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from make_fixtures import batch_of, noise, ours
from step_fixture import running_statistics, write_fixture

WIDTH, BATCH, CLASSES, SMOOTHING = 1 / 8, 6, 100, 0.2


def group(inputs, channels):
    def norm():
        layer = nn.BatchNorm2d(channels, eps=1e-12, momentum=0.4)
        layer.weight.requires_grad = False
        return layer

    return [
        nn.Conv2d(inputs, channels, 3, padding=1, bias=False), nn.MaxPool2d(2), norm(), nn.GELU(),
        nn.Conv2d(channels, channels, 3, padding=1, bias=False), norm(), nn.GELU(),
    ]  # fmt: skip


class VggFast(nn.Module):
    def __init__(self):
        super().__init__()
        c1, c2 = int(64 * WIDTH), int(256 * WIDTH)
        whiten = nn.Conv2d(3, 24, 2)
        whiten.weight.requires_grad = False
        self.layers = nn.Sequential(
            whiten, nn.GELU(), *group(24, c1), *group(c1, c2), *group(c2, c2),
            nn.MaxPool2d(3), nn.Flatten(), nn.Linear(c2, CLASSES, bias=False),
        )  # fmt: skip

    def forward(self, x):
        return self.layers(x) / 9


def initialise(model):
    """In model order, parameter k from noise(seed = k + 1): weights uniform with std sqrt(1 / fan in), gamma 1, biases near 0."""
    for index, parameter in enumerate(model.parameters()):
        values = noise(parameter.numel(), index + 1).astype(np.float64)
        if parameter.dim() == 4:  # filled as [Co, Kh, Kw, Ci]
            co, ci, kh, kw = parameter.shape
            values = (values * np.sqrt(3 / (ci * kh * kw))).reshape(co, kh, kw, ci).transpose(0, 3, 1, 2)
        elif parameter.dim() == 2:
            values = (values * np.sqrt(3 / parameter.shape[1])).reshape(parameter.shape)
        elif parameter.requires_grad:
            values = 0.1 * values
        else:
            values = np.ones_like(values)
        parameter.data = torch.from_numpy(np.ascontiguousarray(values.astype(np.float32)))


def run(dtype):
    model = VggFast()
    initialise(model)
    model.to(dtype)
    images, labels = batch_of(0, BATCH)
    logits = model(images.to(dtype))
    loss = F.cross_entropy(logits, labels, label_smoothing=SMOOTHING)
    loss.backward()
    model.eval()
    with torch.no_grad():
        evaluation = model(batch_of(1, BATCH)[0].to(dtype))
    results = {"logits": logits, "loss": loss.reshape(1), "evaluation": evaluation}
    results.update((f"gradient {k}", p.grad) for k, p in enumerate(model.parameters()) if p.requires_grad)
    results = {name: ours(value) for name, value in results.items()}
    return {**results, **running_statistics(layer for layer in model.layers if isinstance(layer, nn.BatchNorm2d))}


def main():
    torch.set_num_threads(2)
    write_fixture("vgg-fast", BATCH, run(torch.float64), run(torch.float32))


if __name__ == "__main__":
    main()
