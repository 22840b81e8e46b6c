"""Latency, load to first result and memory beside ONNX Runtime, as a table in Markdown: see Benchmarks/runtime.

Both run in turns, each in a process of its own, with the same inputs and threads. Latency is the smallest of the rounds' medians. Load to
first result is our whole process (start, reading inputs, writing outputs) against ONNX Runtime's session and first run alone, without
Python's start. Memory is our whole process's peak against what ONNX Runtime's process grew by.
"""

import argparse
import json
import math
import os
import subprocess
import sys

import numpy as np
import onnx
import onnxruntime

import measure

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
CORPUS = os.path.join(ROOT, "..", "shared", "corpus")
LIGHT = os.path.join(ROOT, ".cache", "backend-tests", "light")
THIMBLE = os.path.join(ROOT, ".build", "release", "thimble")
HERE = os.path.dirname(os.path.abspath(__file__))

# Name, file of the corpus, whether its arithmetic is of 8-bit integers.
MODELS = [
    ("squeezenet-fp16", "squeezenet-fp16", False), ("squeezenet-fp32", None, False), ("mobilenetv2-128", "mobilenetv2-128-050-tf2onnx", False),
    ("ultraface", "ultraface-rfb-320", False), ("yolox-nano", "yolox-nano", False), ("super-resolution", "super-resolution-10", False),
    ("magika", "magika-v3-3", False), ("silero-vad", "silero-vad-v5-nested-if", False), ("MiniLM", None, False), ("resnet50", None, False),
    ("densenet121", None, False), ("mobilenetv2-qdq", "mobilenetv2-imagenet-qdq-int8", True), ("shufflenet-qlinear", "shufflenet-v2-qlinear-int8", True),
]
# Sizes of dims that the models leave open, and values that are no noise.
DIMS = {"silero-vad": {"input": [1, 512], "state": [2, 1, 128], "sr": []}, "MiniLM": {"*": [1, 128]}, "magika": {"bytes": [1, 2048]}}


def single_precision(source, path):
    """A twin whose weights, inputs and outputs are binary32."""
    model = onnx.load(source)
    for tensor in model.graph.initializer:
        if tensor.data_type == onnx.TensorProto.FLOAT16:
            tensor.CopyFrom(onnx.numpy_helper.from_array(onnx.numpy_helper.to_array(tensor).astype(np.float32), tensor.name))
    for value in [*model.graph.input, *model.graph.output, *model.graph.value_info]:
        if value.type.tensor_type.elem_type == onnx.TensorProto.FLOAT16:
            value.type.tensor_type.elem_type = onnx.TensorProto.FLOAT
    onnx.save(model, path)


def find(name, file, arguments):
    if file:
        return os.path.join(CORPUS, "models", file + ".onnx")
    path = os.path.join(arguments.work, name + ".onnx")
    if name == "MiniLM":
        return arguments.minilm
    if not os.path.exists(path):
        if name == "squeezenet-fp32":
            single_precision(os.path.join(CORPUS, "models", "squeezenet-fp16.onnx"), path)
        else:
            subprocess.run([sys.executable, os.path.join(CORPUS, "make_big.py"), os.path.join(LIGHT, f"light_{name}.onnx"), path], check=True, stdout=subprocess.DEVNULL)
    return path


def inputs(name, path, target):
    random, feed = np.random.default_rng(1), {}
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    for value in session.get_inputs():
        known = DIMS.get(name, {})
        dims = known.get(value.name, known.get("*", [d if isinstance(d, int) and d > 0 else 1 for d in value.shape]))
        if "float" in value.type:
            feed[value.name] = random.random(dims, dtype=np.float32).astype(np.float16 if "float16" in value.type else np.float32)
        else:
            kind = np.int32 if "int32" in value.type else np.int64
            feed[value.name] = np.array(16000, kind) if value.name == "sr" else (
                np.ones(dims, kind) if "mask" in value.name else np.zeros(dims, kind) if "type" in value.name else random.integers(0, 250, dims).astype(kind))
    np.savez(target, **feed)


def field(report, key):
    """The first value of that key, at any depth."""
    if isinstance(report, dict):
        if key in report:
            return report[key]
        report = list(report.values())
    for one in report if isinstance(report, list) else []:
        found = field(one, key)
        if found is not None:
            return found
    return None


def one(name, path, threads, arguments):
    feed, out = os.path.join(arguments.work, "in.npz"), os.path.join(arguments.work, "out.npz")
    inputs(name, path, feed)
    ours, peers = {"latency": [], "first": [], "memory": []}, {"latency": [], "first": [], "memory": []}
    run = [THIMBLE, "run", path, "--inputs", feed, "--threads", str(threads)]
    for _ in range(arguments.rounds):
        peer = json.loads(measure.Run([sys.executable, os.path.join(HERE, "runtime_peer.py"), path, feed, str(threads), "1"]).output)
        for key, value in (("latency", "median"), ("first", "first"), ("memory", "memory")):
            peers[key].append(peer[value])
        first = measure.Run(run + ["-o", out, "--force"])
        ours["first"].append(first.wall)
        bench = measure.Run(run + ["--benchmark", "--json"])
        ours["latency"].append(field(json.loads(bench.output), "median_seconds"))
        ours["memory"].append(first.resident)
    return {key: (min(ours[key]), min(peers[key])) for key in ours}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("models", nargs="*")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", default="1,2")
    parser.add_argument("--minilm")
    parser.add_argument("--work", default=os.path.join(ROOT, ".build", "runtime"))
    arguments = parser.parse_args()
    os.makedirs(arguments.work, exist_ok=True)
    for threads in map(int, arguments.threads.split(",")):
        print(f"\n### {threads} thread{'s' if threads > 1 else ''}, beside ONNX Runtime {onnxruntime.__version__}\n")
        print("| model | latency | ratio | load to first result | ratio | peak memory | ratio |\n|---|---|---|---|---|---|---|", flush=True)
        ratios = {False: [], True: []}
        for name, file, is_integer in MODELS:
            if arguments.models and name not in arguments.models:
                continue
            path = find(name, file, arguments)
            if not path or not os.path.exists(path):
                print(f"| {name} | not here | | | | | |")
                continue
            result = one(name, path, threads, arguments)
            ratio = {key: mine / peer for key, (mine, peer) in result.items()}
            ratios[is_integer].append(ratio)
            cell = lambda key, scale, unit: f"{result[key][0] * scale:.3g} against {result[key][1] * scale:.3g} {unit} | {ratio[key]:.2f}"
            print(f"| {name} | {cell('latency', 1000, 'ms')} | {cell('first', 1000, 'ms')} | {cell('memory', 1e-6, 'MB')} |", flush=True)
        for is_integer, rows in ratios.items():
            if rows:
                mean = {key: math.exp(sum(math.log(row[key]) for row in rows) / len(rows)) for key in rows[0]}
                print(f"| **geometric mean, {'int8' if is_integer else 'float'}** | | {mean['latency']:.2f} | | {mean['first']:.2f} | | {mean['memory']:.2f} |")


main()
