#!/usr/bin/env python3
"""Makes the fixtures of models.test.ts: ResNet-20 and an MLP in PyTorch, in float64 as the truth and in float32 as the yardstick.

Weights, inputs and labels come from formulas that the test repeats. A fixture holds the losses of four steps, the gradients of the first, the parameters
and running statistics after three SGD steps, the logits of the evaluation after them, and beside each how far PyTorch's own float32 is from float64.
resnet20-state.json holds the names and shapes of the full model's state dictionary.

    /usr/bin/python3 make_model_fixtures.py

Needs Debian's python3-torch.
"""
import json
import os

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from make_fixtures import noise, ours
from step_fixture import FIXTURES, running_statistics, write_fixture

STEPS, BATCH, CLASSES = 3, 8, 10
# Small enough that no ReLU switches in one precision only.
LEARNING_RATE, MOMENTUM, WEIGHT_DECAY = 0.01, 0.9, 5e-4


class BasicBlock(nn.Module):
    """torchvision's, for 3x3 convolutions without bias."""

    def __init__(self, inputs, channels, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, channels, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)
        self.downsample = None
        if stride != 1 or inputs != channels:
            self.downsample = nn.Sequential(nn.Conv2d(inputs, channels, 1, stride, bias=False), nn.BatchNorm2d(channels))

    def forward(self, x):
        y = F.relu(self.bn1(self.conv1(x)))
        return F.relu(self.bn2(self.conv2(y)) + (x if self.downsample is None else self.downsample(x)))


class ResNet20(nn.Module):
    def __init__(self, width, classes):
        super().__init__()
        c1, c2, c3 = (int(width * c) for c in (16, 32, 64))
        self.conv1 = nn.Conv2d(3, c1, 3, 1, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(c1)
        self.layer1 = nn.Sequential(*(BasicBlock(c1, c1, 1) for _ in range(3)))
        self.layer2 = nn.Sequential(BasicBlock(c1, c2, 2), BasicBlock(c2, c2, 1), BasicBlock(c2, c2, 1))
        self.layer3 = nn.Sequential(BasicBlock(c2, c3, 2), BasicBlock(c3, c3, 1), BasicBlock(c3, c3, 1))
        self.fc = nn.Linear(c3, classes)

    def forward(self, x):
        x = F.relu(self.bn1(self.conv1(x)))
        return self.fc(self.layer3(self.layer2(self.layer1(x))).mean((2, 3)))


def mlp():
    return nn.Sequential(nn.Linear(48, 32), nn.ReLU(), nn.Linear(32, 16), nn.ReLU(), nn.Linear(16, CLASSES))


def initialise(model):
    """As make_fixtures.py: parameter k from noise(seed = k + 1), gamma near 1, beta and biases near 0."""
    gammas = {id(layer.weight) for layer in model.modules() if isinstance(layer, nn.BatchNorm2d)}
    for index, parameter in enumerate(model.parameters()):
        values = noise(parameter.numel(), index + 1).astype(np.float64)
        if parameter.dim() == 4:  # filled as [Co, Kh, Kw, Ci]
            co, ci, kh, kw = parameter.shape
            values = (values * np.sqrt(3 / (ci * kh * kw))).reshape(co, kh, kw, ci).transpose(0, 3, 1, 2)
        elif parameter.dim() == 2:
            values = (values * np.sqrt(3 / parameter.shape[1])).reshape(parameter.shape)
        else:
            values = 0.1 * values + (1 if id(parameter) in gammas else 0)
        parameter.data = torch.from_numpy(np.ascontiguousarray(values.astype(np.float32)))


def batch_of(step, shape):
    """Values as [N, H, W, C] or [N, features]."""
    values = noise(BATCH * int(np.prod(shape)), 1000 + step).reshape(BATCH, *shape)
    if len(shape) == 3:
        values = values.transpose(0, 3, 1, 2)
    labels = [(7 * step + 3 * row) % CLASSES for row in range(BATCH)]
    return torch.from_numpy(np.ascontiguousarray(values)), torch.tensor(labels)


def run(make, shape, dtype):
    model = make()
    initialise(model)
    model.to(dtype)
    optimizer = torch.optim.SGD(model.parameters(), lr=LEARNING_RATE, momentum=MOMENTUM, weight_decay=WEIGHT_DECAY)
    losses, results = [], {}
    for step in range(STEPS):
        inputs, labels = batch_of(step, shape)
        loss = F.cross_entropy(model(inputs.to(dtype)), labels)
        losses.append(loss.item())
        optimizer.zero_grad()
        loss.backward()
        if step == 0:
            results.update((f"gradient {k}", ours(p.grad).copy()) for k, p in enumerate(model.parameters()))
        optimizer.step()
    results["losses"] = np.array(losses)
    results.update((f"parameter {k}", ours(p)) for k, p in enumerate(model.parameters()))
    results.update(running_statistics(layer for layer in model.modules() if isinstance(layer, nn.BatchNorm2d)))
    model.eval()
    with torch.no_grad():
        results["evaluation"] = ours(model(batch_of(STEPS, shape)[0].to(dtype)))
    return results


def write(name, make, shape):
    write_fixture(name, BATCH, run(make, shape, torch.float64), run(make, shape, torch.float32))


def main():
    torch.set_num_threads(2)
    write("resnet20", lambda: ResNet20(1 / 4, CLASSES), (32, 32, 3))
    write("mlp", mlp, (48,))
    state = ResNet20(1, 100).state_dict()
    with open(os.path.join(FIXTURES, "resnet20-state.json"), "w") as file:
        json.dump({name: list(value.shape) for name, value in state.items()}, file)


if __name__ == "__main__":
    main()
