#!/usr/bin/env python3
"""Makes the fixtures of chainer.test.ts: Chainer's own trainer, on its own VGG, as examples/cifar/train_cifar.py sets it up.

    python3 make_fixtures.py FOLDER    # of Chainer's source, v7.8.1, whose examples/cifar/models has VGG.py

In float64, without dropout, whose random numbers nobody else has, and on a thirty-second of the channels. Leaves the model before training
(`save_npz`), the trainer's snapshot after it, and its log with one entry an iteration.

Made with numpy 1.24.2, under which Chainer wants the names `numpy.bool` and the like back, as below.
"""
import json
import os
import sys

import numpy as np

for name in ("bool", "int", "float", "object", "str", "complex"):
    setattr(np, name, getattr(__builtins__, name))
sys.path[:0] = [sys.argv[1], os.path.join(sys.argv[1], "examples/cifar")]

import chainer
from chainer import training
from chainer.training import extensions
from models import VGG

HERE = os.path.dirname(os.path.abspath(__file__))
WIDTH, CLASSES, BATCH, EPOCHS = 1 / 32, 5, 16, 3
STAGES = [(64, 64), (128, 128), (256, 256, 256), (512, 512, 512), (512, 512, 512)]


def images(count, seed):
    """As in chainer.test.ts: [N, 3, 32, 32] in [0, 1], and labels."""
    def noise(size, seed):  # in [0, 1)
        k = np.arange(size, dtype=np.int64)
        return (k * 2654435761 + seed * 40503) % 2**32 // 2**16 * 40499 % 65521 / 65521

    coarse = noise(count * 192, seed).reshape(count, 8, 8, 3).repeat(4, axis=1).repeat(4, axis=2)
    pixels = ((coarse + noise(count * 3072, seed + 1).reshape(count, 32, 32, 3)) / 2).transpose(0, 3, 1, 2)
    labels = (np.arange(count, dtype=np.int64) * 3 % CLASSES).astype(np.int32)
    return chainer.datasets.TupleDataset(pixels.astype(chainer.config.dtype), labels)


def model():
    vgg = VGG.VGG(CLASSES)
    narrow = {f"block{s + 1}_{b + 1}": VGG.Block(int(channels * WIDTH), 3) for s, stage in enumerate(STAGES) for b, channels in enumerate(stage)}
    narrow["fc1"] = chainer.links.Linear(None, int(512 * WIDTH), nobias=True)
    narrow["bn_fc1"] = chainer.links.BatchNormalization(int(512 * WIDTH))
    with vgg.init_scope():
        for name, link in narrow.items():
            delattr(vgg, name)
            setattr(vgg, name, link)
    return chainer.links.Classifier(vgg)


chainer.global_config.dtype = np.float64
VGG.F.dropout = lambda h, ratio: h
np.random.seed(0)
classifier = model()
with chainer.no_backprop_mode(), chainer.using_config("train", False):
    classifier(*chainer.dataset.concat_examples(images(1, 1)))  # makes the parameters whose shapes follow from the input
chainer.serializers.save_npz(os.path.join(HERE, "initial.npz"), classifier)

optimizer = chainer.optimizers.MomentumSGD(0.001)
optimizer.setup(classifier)
optimizer.add_hook(chainer.optimizer_hooks.WeightDecay(5e-4))
iterator = chainer.iterators.SerialIterator(images(3 * BATCH, 1), BATCH, shuffle=False)
test = chainer.iterators.SerialIterator(images(2 * BATCH, 2), BATCH, repeat=False, shuffle=False)
trainer = training.Trainer(training.updaters.StandardUpdater(iterator, optimizer), (EPOCHS, "epoch"), out=HERE)
trainer.extend(extensions.Evaluator(test, classifier))
trainer.extend(extensions.ExponentialShift("lr", 0.5), trigger=(2, "epoch"))
trainer.extend(extensions.LogReport(trigger=(1, "iteration")))
trainer.extend(extensions.snapshot(filename="snapshot.npz"), trigger=(EPOCHS, "epoch"))
trainer.run()

log = json.load(open(os.path.join(HERE, "log")))
os.remove(os.path.join(HERE, "log"))
keys = ("main/loss", "main/accuracy", "validation/main/loss", "validation/main/accuracy")
fixture = {
    **{"width": WIDTH, "classes": CLASSES, "batch": BATCH, "epochs": EPOCHS},
    "log": [{key: entry[key] for key in keys if key in entry} for entry in log],
}
with open(os.path.join(HERE, "log.json"), "w") as file:
    json.dump(fixture, file, indent=1)
    file.write("\n")
