"""Writes what support.ts's StepFixture reads: results in float64, and how far PyTorch's own float32 is from them."""
import json
import os

import numpy as np
import torch

FIXTURES = os.path.join(os.path.dirname(os.path.abspath(__file__)), "fixtures")


def running_statistics(layers):
    """Of batch normalizations in model order, by the names `mean k` and `variance k`."""
    results = {}
    for k, layer in enumerate(layers):
        results[f"mean {k}"], results[f"variance {k}"] = layer.running_mean.numpy(), layer.running_var.numpy()
    return results


def write_fixture(name, batch, truth, single):
    """Errors are L2, relative to the result; of a mean relative to the standard deviation, since the mean may be any small number."""

    def described(key, value):
        unit = np.sqrt(truth[key.replace("mean", "variance")]) if key.startswith("mean") else value
        norm = float(np.linalg.norm(unit))
        error = float(np.linalg.norm(single[key].astype(np.float64) - value)) / norm
        return {"name": key, "shape": list(value.shape), "norm": norm, "error": error}

    results = [described(key, value) for key, value in truth.items()]
    with open(os.path.join(FIXTURES, name + ".json"), "w") as file:
        json.dump({"torch": torch.__version__, "batch": batch, "results": results}, file)
    # Float32 is enough for the truth: its rounding is far below the errors that are compared.
    values = np.concatenate([value.ravel() for value in truth.values()])
    values.astype(np.float32).tofile(os.path.join(FIXTURES, name + ".bin"))
