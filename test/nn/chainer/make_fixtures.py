#!/usr/bin/env python3
"""Makes the fixtures of chainer.test.ts: files as chainer.serializers.save_npz writes them (numpy.savez_compressed of names to arrays), and what
Chainer's VGG computes from them, in float64.

    pip install numpy && python3 make_fixtures.py

Names and network: chainer v7.8.1, examples/cifar/models/VGG.py, links/normalization/batch_normalization.py, serializers/npz.py. Chainer itself
isn't needed. Made with numpy 2.4.6.
"""
import json
import os

import numpy as np

HERE = os.path.dirname(os.path.abspath(__file__))
WIDTH, CLASSES = 1 / 64, 5
STAGES = [(64, 64), (128, 128), (256, 256, 256), (512, 512, 512), (512, 512, 512)]


def values(shape, seed):
    """Values in [-1, 1), multiples of 1/64: exact in float16 too."""
    k = np.arange(int(np.prod(shape)), dtype=np.int64)
    return (((k * k + 7 * k * seed + 13 * seed) % 127) / 64 - 1).reshape(shape)


def model():
    arrays = {}

    def add(name, shape, offset=0.0):
        arrays[name] = values(shape, len(arrays) + 1) * 0.5 + offset

    def norm(name, channels):
        add(f"{name}/gamma", (channels,), 1)
        add(f"{name}/beta", (channels,))
        add(f"{name}/avg_mean", (channels,))
        add(f"{name}/avg_var", (channels,), 1)
        arrays[f"{name}/N"] = np.array(0)

    inputs = 3
    for s, stage in enumerate(STAGES):
        for b, full in enumerate(stage):
            channels = int(full * WIDTH)
            add(f"block{s + 1}_{b + 1}/conv/W", (channels, inputs, 3, 3))
            norm(f"block{s + 1}_{b + 1}/bn", channels)
            inputs = channels
    add("fc1/W", (inputs, inputs))
    norm("bn_fc1", inputs)
    add("fc2/W", (CLASSES, inputs))
    return arrays


def forward(arrays, x):
    """Chainer's VGG in evaluation; x [N, 3, 32, 32]."""

    def norm(x, name):
        gamma, beta, mean, var = (arrays[f"{name}/{leaf}"] for leaf in ("gamma", "beta", "avg_mean", "avg_var"))
        axes = (1, -1) + (1,) * (x.ndim - 2)
        scale = gamma / np.sqrt(var + 2e-5)
        return np.maximum((x - mean.reshape(axes)) * scale.reshape(axes) + beta.reshape(axes), 0)

    def conv(x, w):
        height, width = x.shape[2:]
        padded = np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)))
        return sum(
            np.einsum("nihw,oi->nohw", padded[:, :, r : r + height, c : c + width], w[:, :, r, c])
            for r in range(3)
            for c in range(3)
        )

    for s, stage in enumerate(STAGES):
        for b in range(len(stage)):
            name = f"block{s + 1}_{b + 1}"
            x = norm(conv(x, arrays[f"{name}/conv/W"]), f"{name}/bn")
        n, c, h, w = x.shape
        x = x.reshape(n, c, h // 2, 2, w // 2, 2).max(axis=(3, 5))
    x = norm(x.reshape(len(x), -1) @ arrays["fc1/W"].T, "bn_fc1")
    return x @ arrays["fc2/W"].T


def path(name):
    return os.path.join(HERE, name)


arrays = model()
images = values((2, 32, 32, 3), 99)
logits = forward(arrays, images.transpose(0, 3, 1, 2))
with open(path("logits.json"), "w") as file:
    json.dump({"classes": CLASSES, "width": WIDTH, "logits": logits.ravel().tolist()}, file)
    file.write("\n")

single = {name: array.astype(np.float32) if array.dtype == np.float64 else array for name, array in arrays.items()}
classifier = {f"predictor/{name}": array for name, array in single.items()}
np.savez_compressed(path("classifier.npz"), **classifier)

# A trainer's snapshot: more than the model, None as a pickled object among it.
snapshot = {f"updater/model:main/{name}": array for name, array in classifier.items()}
snapshot["updater/optimizer:main/predictor/block1_1/conv/W/v"] = np.zeros(3, np.float32)
snapshot["_snapshot_elapsed_time"] = np.array(1.5)
snapshot["stop_trigger"] = np.asarray(None)
np.savez_compressed(path("snapshot.npz"), **snapshot)

# The model alone, not compressed, halves and doubles among it, matrices of Fortran's order.
bare = {
    name: np.asfortranarray(array) if array.ndim == 4 else array.astype(np.float16) if array.ndim == 2 else arrays[name]
    for name, array in single.items()
}
np.savez(path("bare.npz"), **bare)
