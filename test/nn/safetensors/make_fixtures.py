#!/usr/bin/env python3
"""Makes the fixtures of safetensors-python.test.ts with Python's `safetensors`: a file with every type that we read, and one of the
types that we write, which ours must equal byte for byte. Values are what the test repeats.

    pip install safetensors numpy && python3 make_fixtures.py

Made with safetensors 0.8.0 and numpy 2.4.6.
"""
import os

import numpy as np
from safetensors import TensorSpec, serialize
from safetensors.numpy import save_file

HERE = os.path.dirname(os.path.abspath(__file__))

read = {
    "F64": np.array([[0.1, -1e-3]], np.float64),
    "F32": np.array([0.1, np.inf], np.float32),
    "F16": np.array([0.1, 2**-24, -65504], np.float16),
    "I64": np.array(-5, np.int64),
    "I32": np.array([-5], np.int32),
    "I16": np.array([-5], np.int16),
    "I8": np.array([-5], np.int8),
    "U64": np.array([5], np.uint64),
    "U32": np.array([2**32 - 1], np.uint32),
    "U16": np.array([65535], np.uint16),
    "U8": np.array([255], np.uint8),
    "BOOL": np.array([True, False, True]),
    "empty": np.zeros((2, 0), np.float32),
}
# The bits of bfloat16, which numpy lacks: so this file is written through the function below save_file.
read["BF16"] = np.array([0x3EAB, 0x8001], np.uint16)
specs = {
    name: TensorSpec(
        dtype="bfloat16" if name == "BF16" else value.dtype.name,
        shape=list(value.shape),
        data_ptr=value.ctypes.data,
        data_len=value.nbytes,
    )
    for name, value in read.items()
}
with open(os.path.join(HERE, "all-types.safetensors"), "wb") as file:
    file.write(serialize(specs, metadata={"written by": "Python"}))

save_file(
    {
        "stage1.0.conv.weight": np.arange(54, dtype=np.float32).reshape(2, 3, 3, 3) / 7,
        "stage1.0.norm.gamma": np.array([1.5, -2], np.float32),
        "half": (np.arange(5, dtype=np.float32) / 7).astype(np.float16),
        "count": np.array(-3, np.int32),
        "labels": np.array([0, 2**32 - 1], np.uint32),
        "bytes": np.array([1, 2, 255], np.uint8),
        "empty": np.zeros((0, 3), np.float32),
        'ä "name"': np.array([0.5], np.float32),
    },
    os.path.join(HERE, "types-we-write.safetensors"),
    metadata={"model": 'vgg "1"'},
)
