#!/usr/bin/env python3
"""The yardstick of docs/results.md: recipe chainer-2016 in PyTorch, on the real CIFAR-100.

Same model, initialisation, optimiser, batches that wrap across epochs, and the same log as `npm run cifar100`.

    /usr/bin/python3 train_vgg.py --data DIR|TAR --width 0.25 --epoch 3 --out FILE

Needs Debian's python3-torch.
"""
import argparse
import json
import os
import tarfile
import time

import numpy as np
import torch
from make_fixtures import STAGES
from torch import nn
from torch.nn import functional as F

DROPOUT = [(0.3, 0), (0.4, 0), (0.4, 0.4, 0), (0.4, 0.4, 0), (0.4, 0.4, 0)]


def vgg(width, classes=100):
    layers, channels = [], 3
    for stage, rates in zip(STAGES, DROPOUT):
        for full, rate in zip(stage, rates):
            out = int(full * width)
            layers += [nn.Conv2d(channels, out, 3, padding=1, bias=False), nn.BatchNorm2d(out, eps=2e-5), nn.ReLU(inplace=True)]
            if rate:
                layers.append(nn.Dropout(rate))
            channels = out
        layers.append(nn.MaxPool2d(2, 2))
    layers += [nn.Flatten(), nn.Dropout(0.5), nn.Linear(channels, channels, bias=False), nn.BatchNorm1d(channels, eps=2e-5)]
    layers += [nn.ReLU(inplace=True), nn.Dropout(0.5), nn.Linear(channels, classes, bias=False)]
    model = nn.Sequential(*layers)
    for parameter in model.parameters():
        if parameter.dim() > 1:  # LeCunNormal
            nn.init.normal_(parameter, std=parameter[0].numel() ** -0.5)
    return model


def read(path, which):
    if os.path.isdir(path):
        with open(os.path.join(path, which + ".bin"), "rb") as file:
            content = file.read()
    else:
        with tarfile.open(path) as archive:
            member = next(m for m in archive.getmembers() if m.name.endswith(which + ".bin"))
            content = archive.extractfile(member).read()
    records = np.frombuffer(content, dtype=np.uint8).reshape(-1, 3074)
    images = torch.from_numpy(records[:, 2:].reshape(-1, 3, 32, 32).copy())
    return images, torch.from_numpy(records[:, 1].astype(np.int64))


def evaluate(model, images, labels):
    model.eval()
    loss, correct = 0.0, 0
    with torch.no_grad():
        for start in range(0, len(labels), 100):
            logits = model(images[start : start + 100].float() / 255)
            target = labels[start : start + 100]
            loss += F.cross_entropy(logits, target, reduction="sum").item()
            correct += (logits.argmax(1) == target).sum().item()
    return loss / len(labels), correct / len(labels)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", required=True)
    parser.add_argument("--width", type=float, default=0.25)
    parser.add_argument("--epoch", type=int, default=3)
    parser.add_argument("--batchsize", type=int, default=128)
    parser.add_argument("--learnrate", type=float, default=0.1)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--train-limit", type=int, default=50_000)
    parser.add_argument("--out", required=True)
    options = parser.parse_args()
    torch.manual_seed(options.seed)
    torch.set_num_threads(2)
    images, labels = read(options.data, "train")
    images, labels = images[: options.train_limit], labels[: options.train_limit]
    test = read(options.data, "test")
    model = vgg(options.width)
    # With a constant rate Chainer's rule and PyTorch's take the same path; the rate first changes after 25 epochs.
    optimizer = torch.optim.SGD(model.parameters(), lr=options.learnrate, momentum=0.9, weight_decay=5e-4)

    log, start = [], time.time()
    queue, iteration = torch.empty(0, dtype=torch.int64), 0
    for epoch in range(1, options.epoch + 1):
        model.train()
        loss_sum, correct, seen = 0.0, 0, 0
        while iteration * options.batchsize < epoch * len(labels):
            if len(queue) < options.batchsize:
                queue = torch.cat([queue, torch.randperm(len(labels))])
            batch, queue = queue[: options.batchsize], queue[options.batchsize :]
            logits = model(images[batch].float() / 255)
            loss = F.cross_entropy(logits, labels[batch])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            iteration += 1
            loss_sum += loss.item() * len(batch)
            correct += (logits.argmax(1) == labels[batch]).sum().item()
            seen += len(batch)
        trained = time.time()
        test_loss, test_accuracy = evaluate(model, *test)
        log.append(
            {
                "epoch": epoch,
                "iteration": iteration,
                "main/loss": loss_sum / seen,
                "main/accuracy": correct / seen,
                "validation/main/loss": test_loss,
                "validation/main/accuracy": test_accuracy,
                "elapsed_time": time.time() - start,
                "training_time": trained - start,
            }
        )
        print(log[-1], flush=True)
        with open(options.out, "w") as file:
            json.dump(log, file, indent=1)


if __name__ == "__main__":
    main()
