"""PyTorch on the CPU, or with the argument `cuda` on a GPU, behind the line protocol of child.mjs: one JSON request a line in, one answer a line out."""
import json
import platform
import sys
import time

import numpy as np
import torch
from torch.autograd import profiler
from torch.nn import functional as F
from torch.nn.grad import conv2d_input, conv2d_weight

THREADS = 2
DEVICE = sys.argv[1] if len(sys.argv) > 1 else "cpu"
STAGES = [2, 2, 3, 3, 3]
EPS, LEARNING_RATE, MOMENTUM, WEIGHT_DECAY = 2e-5, 0.01, 0.9, 5e-4


def as_nchw(array):
    """[N, H, W, C] to [N, C, H, W]; [Co, Kh, Kw, Ci] to [Co, Ci, Kh, Kw]."""
    return on_device(array.transpose(0, 3, 1, 2) if array.ndim == 4 else array)


def on_device(array):
    return torch.from_numpy(np.array(array, order="C")).to(DEVICE)


def as_nhwc(tensor):
    array = tensor.detach().cpu().numpy()
    return array.transpose(0, 2, 3, 1) if array.ndim == 4 else array


def running_statistics(gamma):
    return torch.zeros(len(gamma), device=DEVICE), torch.ones(len(gamma), device=DEVICE)


def gemm(work, inputs):
    a, b = on_device(inputs["a"]), on_device(inputs["b"])
    return lambda: {"c": a @ b}


def conv2d(work, inputs):
    x, weight, dy = (as_nchw(inputs[name]) for name in ("x", "weight", "dy"))
    padding = work["padding"]
    return {
        "forward": lambda: {"y": F.conv2d(x, weight, padding=padding)},
        "input-grad": lambda: {"dx": conv2d_input(x.shape, weight, dy, padding=padding)},
        "weight-grad": lambda: {"dweight": conv2d_weight(x, weight.shape, dy, padding=padding)},
    }[work["direction"]]


def batch_norm(work, inputs):
    x, dy = as_nchw(inputs["x"]).requires_grad_(), as_nchw(inputs["dy"])
    gamma, beta = (on_device(inputs[name]).requires_grad_() for name in ("gamma", "beta"))
    mean, variance = running_statistics(gamma)

    def run():
        y = F.batch_norm(x, mean, variance, gamma, beta, training=True, eps=EPS)
        dx, dgamma, dbeta = torch.autograd.grad((y * dy).sum(), [x, gamma, beta])
        return {"y": y, "dx": dx, "dgamma": dgamma, "dbeta": dbeta}

    return run


def directed(work, leaves, gradient, forward):
    """A layer's forward, or its backward alone after one forward: what to time, and where that's random what to compare."""

    def backward(checked):
        y = forward(checked)
        names = [f"d{name}" for name in leaves]
        return lambda: dict(zip(names, torch.autograd.grad(y, leaves.values(), gradient, retain_graph=True)))

    if work["direction"] == "forward":
        return (lambda: {"y": forward(False)}), (lambda: {"y": forward(True)})
    return backward(False), backward(True)


def batch_norm_relu(work, inputs):
    x, dy = as_nchw(inputs["x"]).requires_grad_(), as_nchw(inputs["dy"])
    gamma, beta = (on_device(inputs[name]).requires_grad_() for name in ("gamma", "beta"))
    mean, variance = running_statistics(gamma)

    def forward(checked):
        y = torch.relu_(F.batch_norm(x, mean, variance, gamma, beta, training=True, eps=EPS))
        return y if checked or work["rate"] == 0 else F.dropout(y, work["rate"])

    return directed(work, {"x": x, "gamma": gamma, "beta": beta}, dy, forward)


def max_pool(work, inputs):
    x = as_nchw(inputs["x"]).requires_grad_()
    return directed(work, {"x": x}, as_nchw(inputs["dy"]), lambda _: F.max_pool2d(x, 2, 2))


def cross_entropy(work, inputs):
    logits = on_device(inputs["logits"]).requires_grad_()
    labels = on_device(inputs["labels"].astype(np.int64))
    return directed(work, {"logits": logits}, torch.ones((), device=DEVICE), lambda _: F.cross_entropy(logits, labels))


def sgd(work, inputs):
    parameters = [as_nchw(a).requires_grad_() for name, a in inputs.items() if name.startswith("parameter")]
    gradients = [as_nchw(a) for name, a in inputs.items() if name.startswith("gradient")]
    for parameter, gradient in zip(parameters, gradients):
        parameter.grad = gradient
    optimizer = torch.optim.SGD(parameters, lr=LEARNING_RATE, momentum=MOMENTUM, weight_decay=WEIGHT_DECAY)

    def first():
        optimizer.step()
        optimizer.step()
        return {"parameters": torch.from_numpy(np.concatenate([as_nhwc(p).ravel() for p in parameters]))}

    return optimizer.step, first


def vgg_training(parameters, images, labels):
    running = {}
    optimizer = torch.optim.SGD(parameters, lr=LEARNING_RATE, momentum=MOMENTUM, weight_decay=WEIGHT_DECAY)

    def normalised(x, gamma, beta):
        mean, variance = running.setdefault(id(gamma), running_statistics(gamma))
        return torch.relu_(F.batch_norm(x, mean, variance, gamma, beta, training=True, eps=EPS))

    def forward(x):
        left = iter(parameters)
        for convolutions in STAGES:
            for _ in range(convolutions):
                x = normalised(F.conv2d(x, next(left), padding=1), next(left), next(left))
            x = F.max_pool2d(x, 2, 2)
        x = normalised(x.flatten(1) @ next(left).t(), next(left), next(left))
        return x @ next(left).t()

    def run():
        optimizer.zero_grad()
        loss = F.cross_entropy(forward(images), labels)
        loss.backward()
        optimizer.step()
        return loss

    return run


def vgg_step(work, inputs):
    parameters = [as_nchw(a).requires_grad_() for name, a in inputs.items() if name.startswith("parameter")]
    images, labels = as_nchw(inputs["images"]), on_device(inputs["labels"].astype(np.int64))
    run = vgg_training(parameters, images, labels)

    def first():
        losses = [run().item()]
        moved = np.concatenate([as_nhwc(p).ravel() for p in parameters])
        losses.append(run().item())
        return {"losses": torch.tensor(losses), "parameters": torch.from_numpy(moved)}

    return run, first


def prepare(request):
    inputs = {
        name: np.fromfile(value["file"], np.float32).reshape(value["shape"]) for name, value in request["inputs"].items()
    }
    kinds = {
        "gemm": gemm,
        "conv2d": conv2d,
        "batch-norm": batch_norm,
        "batch-norm-relu": batch_norm_relu,
        "max-pool": max_pool,
        "cross-entropy": cross_entropy,
        "sgd": sgd,
        "vgg-step": vgg_step,
    }
    made = kinds[request["work"]["kind"]](request["work"], inputs)
    run, first = made if isinstance(made, tuple) else (made, made)
    outputs = {}
    for index, (name, tensor) in enumerate(first().items()):
        outputs[name] = f"{request['folder']}/output-{index}.f32"
        np.ascontiguousarray(as_nhwc(tensor), np.float32).tofile(outputs[name])
    return run, {"outputs": outputs}


def wait():
    if DEVICE == "cuda":
        torch.cuda.synchronize()


def timed(run, repeats):
    wait()
    start = time.perf_counter()
    for _ in range(repeats):
        run()
    wait()
    return {"ms": 1000 * (time.perf_counter() - start) / repeats}


def kibibytes(field):
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith(field))


def vgg_memory(request):
    """What three steps of VGG take: at most resident above what was before the model, and at most alive in tensors between two ops."""

    def steps():
        def random(shape):
            order = [0, 3, 1, 2] if len(shape) == 4 else range(len(shape))
            return torch.empty([shape[axis] for axis in order]).uniform_(0, 0.1)

        parameters = [random(shape).requires_grad_() for shape in request["parameters"]]
        run = vgg_training(parameters, random(request["images"]), torch.zeros(request["images"][0], dtype=torch.int64))
        for _ in range(3):
            run()

    before = kibibytes("VmRSS")
    with open("/proc/self/clear_refs", "w") as peak:
        peak.write("5")  # VmHWM starts anew
    steps()
    resident = kibibytes("VmHWM") - before
    with profiler.profile(profile_memory=True) as profile:
        steps()
    now = most = 0
    for event in sorted(profile.function_events, key=lambda event: event.time_range.end):
        now += event.self_cpu_memory_usage
        most = max(most, now)
    return {"residentBytes": 1024 * resident, "tensorBytes": most}


def main():
    torch.set_num_threads(THREADS)
    if DEVICE == "cuda":  # float32 as it is, like WGSL's, and cuDNN's fastest algorithm for each shape
        torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
        torch.backends.cudnn.benchmark = True
    run = None
    for line in sys.stdin:
        request = json.loads(line)
        try:
            if request["do"] == "open":
                answer = {
                    "versions": {"pytorch": torch.__version__, "python": platform.python_version()},
                    "device": f"CPU, {THREADS} threads" if DEVICE == "cpu" else f"{torch.cuda.get_device_name()}, without TF32",
                }
            elif request["do"] == "prepare":
                run, answer = prepare(request)
            elif request["do"] == "vgg-memory":
                answer = vgg_memory(request)
            else:
                answer = timed(run, request["repeats"])
        except Exception as error:  # answered, so that the run goes on
            answer = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(answer), flush=True)


main()
