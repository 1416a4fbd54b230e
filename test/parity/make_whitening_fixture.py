#!/usr/bin/env python3
"""Makes the fixture of test/nn/whitening.test.ts: whitening filters by NumPy, in float64.

    /usr/bin/python3 make_whitening_fixture.py

Needs Debian's python3-numpy.
"""
import json
import os

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from make_fixtures import noise

CASES = [((5, 6, 7, 3), 2, 5e-4), ((9, 5, 4, 2), 3, 0.01), ((2, 3, 3, 1), 1, 1)]


def filters(shape, size, eps):
    images = noise(int(np.prod(shape)), 7).astype(np.float64).reshape(shape) + 0.3 * np.arange(shape[3])
    images = images.astype(np.float32).astype(np.float64)
    # [N, H', W', C, k, k] -> [patches, k, k, C]
    windows = sliding_window_view(images, (size, size), axis=(1, 2)).transpose(0, 1, 2, 4, 5, 3)
    patches = windows.reshape(-1, size * size * shape[3])
    values, vectors = np.linalg.eigh(patches.T @ patches / len(patches))
    vectors = vectors.T[::-1]
    largest = np.take_along_axis(vectors, np.abs(vectors).argmax(axis=1)[:, None], axis=1)
    half = vectors * np.sign(largest) / np.sqrt(values[::-1, None] + eps)
    return np.concatenate([half, -half])


def main():
    fixture = [
        {"shape": shape, "size": size, "eps": eps, "filters": [round(x, 9) for x in filters(shape, size, eps).ravel()]}
        for shape, size, eps in CASES
    ]
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "fixtures", "whitening.json")
    with open(path, "w") as file:
        json.dump(fixture, file)


if __name__ == "__main__":
    main()
