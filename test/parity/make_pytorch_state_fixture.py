#!/usr/bin/env python3
"""Makes pytorch-state.json for test/nn/pytorch.test.ts: a small model's state dictionary, images, and the logits in evaluation.

    /usr/bin/python3 make_pytorch_state_fixture.py

Needs Debian's python3-torch.
"""
import json
import os

import torch
from torch import nn

from make_fixtures import noise
from step_fixture import FIXTURES


def main():
    torch.manual_seed(1)
    features = nn.Sequential(nn.Conv2d(2, 3, (3, 2)), nn.BatchNorm2d(3), nn.ReLU(), nn.Conv2d(3, 4, 1, bias=False))
    model = nn.Sequential()
    model.add_module("features", features)
    model.add_module("flatten", nn.Flatten())
    model.add_module("classifier", nn.Sequential(nn.Linear(4 * 2 * 4, 5), nn.ReLU(), nn.Linear(5, 3)))
    images = torch.from_numpy(noise(2 * 4 * 5 * 2, 3)).reshape(2, 4, 5, 2).permute(0, 3, 1, 2)
    model(5 * images + 1)  # moves the running statistics
    model.eval()
    norm = features[1]
    nn.init.uniform_(norm.weight, 0.5, 1.5)
    nn.init.uniform_(norm.bias, -1, 1)
    with torch.no_grad():
        logits = model.double()(images.double())
    fixture = {
        "logits": logits.flatten().tolist(),
        "state": {
            name: {"shape": list(value.shape), "data": value.flatten().tolist()}
            for name, value in model.state_dict().items()
        },
    }
    with open(os.path.join(FIXTURES, "pytorch-state.json"), "w") as file:
        json.dump(fixture, file)


if __name__ == "__main__":
    main()
