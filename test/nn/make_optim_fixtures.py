#!/usr/bin/env python3
"""Makes fixtures/optim.json: what PyTorch's optimisers do in float64 over five steps whose rate changes,
the norms and gradients of its clipping, and the rates of its schedulers.

Parameter k starts as noise(size, k + 1), its gradient at a step is noise(size, 100 (step + 1) + k), as in the tests. The first
two parameters are a group with twice the rate and no decay.

    /usr/bin/python3 make_optim_fixtures.py

Needs Debian's python3-torch.
"""
import json
import os
import sys

import torch
from torch.optim import lr_scheduler

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "parity"))
from make_fixtures import noise  # noqa: E402

SIZES = [3, 5, 9]
RATES = [0.1, 0.1, 0.05, 0.05, 0.02]
OPTIMIZERS = {
    "sgd": lambda groups: torch.optim.SGD(groups, lr=0.1, momentum=0.9, weight_decay=0.01),
    "nesterov": lambda groups: torch.optim.SGD(groups, lr=0.1, momentum=0.9, weight_decay=0.01, nesterov=True),
    "adam": lambda groups: torch.optim.Adam(groups, lr=0.1, betas=(0.8, 0.95), eps=1e-6, weight_decay=0.01),
    "adamw": lambda groups: torch.optim.AdamW(groups, lr=0.1, betas=(0.8, 0.95), eps=1e-6, weight_decay=0.01),
}


def values(size, seed):
    return torch.from_numpy(noise(size, seed)).double()


def run(make):
    parameters = [values(size, k + 1).requires_grad_() for k, size in enumerate(SIZES)]
    optimizer = make([{"params": parameters[:2], "weight_decay": 0.0}, {"params": parameters[2:]}])
    for step, rate in enumerate(RATES):
        for group, scale in zip(optimizer.param_groups, [2, 1]):
            group["lr"] = rate * scale
        for k, parameter in enumerate(parameters):
            parameter.grad = values(SIZES[k], 100 * (step + 1) + k)
        optimizer.step()
    return [parameter.tolist() for parameter in parameters]


def clipped(most):
    parameters = [torch.zeros(size, dtype=torch.float64, requires_grad=True) for size in SIZES]
    for k, parameter in enumerate(parameters):
        parameter.grad = values(SIZES[k], 100 + k)
    norm = torch.nn.utils.clip_grad_norm_(parameters, most)
    return {"maxNorm": most, "norm": norm.item(), "gradients": [p.grad.tolist() for p in parameters]}


def rates(make):
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.1)
    scheduler = make(optimizer)
    found = []
    for _ in range(10):
        found.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    return found


SCHEDULES = {
    "linear": lambda o: lr_scheduler.LinearLR(o, start_factor=0.25, end_factor=1, total_iters=4),
    "cosine": lambda o: lr_scheduler.CosineAnnealingLR(o, T_max=10, eta_min=0.005),
    "warmup": lambda o: lr_scheduler.ChainedScheduler(
        [lr_scheduler.StepLR(o, step_size=3, gamma=0.3), lr_scheduler.LinearLR(o, start_factor=1 / 3, total_iters=5)]
    ),
    "chain": lambda o: lr_scheduler.SequentialLR(
        o,
        [lr_scheduler.LinearLR(o, start_factor=0.1, total_iters=3), lr_scheduler.CosineAnnealingLR(o, T_max=7)],
        milestones=[3],
    ),
}

fixture = {
    "made": f"by make_optim_fixtures.py with PyTorch {torch.__version__}",
    "sizes": SIZES,
    "rates": RATES,
    "parameters": {name: run(make) for name, make in OPTIMIZERS.items()},
    "schedules": {name: rates(make) for name, make in SCHEDULES.items()},
    "clip": [clipped(0.5), clipped(100)],
}
with open(os.path.join(HERE, "fixtures", "optim.json"), "w") as file:
    json.dump(fixture, file)
    file.write("\n")
