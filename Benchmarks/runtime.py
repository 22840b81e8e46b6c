"""Latency, load to first result and memory beside ONNX Runtime, as tables in Markdown: see Benchmarks/runtime.

Both run in turns, each in a process of its own, with the same inputs and threads. Latency is the smallest of the rounds' medians, the
other times and memory are the smallest of the rounds. Load to first result is from opening the file to the first outputs as each measures
it inside of its process, and that of the whole process (Python with numpy and ONNX Runtime; `thimble run`) from its start to its end,
reading inputs and writing outputs included. Memory is what the peak of resident memory until the first outputs is above what the process
had before it opened the model, and the peak of the whole process. `thimble run` plans for one run, for which it does not keep packed
weights; with `--benchmark` it plans for many, as a session of a program does unless it says otherwise: "for many runs".
"""

import argparse
import collections
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
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
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


def one(path, feed, threads, arguments):
    """Per measure what is ours and what is ONNX Runtime's: seconds and bytes."""
    out, packed = os.path.join(arguments.work, "out.npz"), os.path.join(arguments.work, "model.thimble")
    measure.Run([arguments.thimble, "convert", path, "-o", packed, "--force"])
    ours, peers = collections.defaultdict(list), collections.defaultdict(list)
    run = ["--inputs", feed, "--threads", str(threads)]
    for _ in range(arguments.rounds):
        peer = [sys.executable, os.path.join(HERE, "runtime_peer.py"), path, feed, str(threads)]
        peers["latency"].append(json.loads(measure.Run(peer + ["1"]).output)["median"])
        whole = measure.Run(peer + ["0"])
        report = json.loads(whole.output)
        for key, value in (("first", report["first"]), ("growth", report["growth"]), ("process", whole.wall), ("peak", whole.resident)):
            peers[key].append(value)
        bench = json.loads(measure.Run([arguments.thimble, "run", path, *run, "--benchmark", "--json"]).output)
        ours["latency"].append(bench["benchmark"]["median_seconds"])
        ours["kept"].append(bench["load_seconds"] + bench["run_seconds"])
        ours["kept growth"].append(bench["memory_growth"])
        whole = measure.Run([arguments.thimble, "run", path, *run, "-o", out, "--force", "--json"])
        report = json.loads(whole.output)
        for key, value in (
            ("first", report["load_seconds"] + report["run_seconds"]), ("growth", report["memory_growth"]), ("process", whole.wall), ("peak", whole.resident)):
            ours[key].append(value)
        report = json.loads(measure.Run([arguments.thimble, "run", packed, *run, "-o", out, "--force", "--json"]).output)
        ours["thimble"].append(report["load_seconds"] + report["run_seconds"])
    peers["thimble"] = peers["kept"] = peers["first"]
    peers["kept growth"] = peers["growth"]
    return {key: (min(ours[key]), min(peers[key])) for key in ours}


COLUMNS = [
    ("latency", "latency", 1000, "ms"), ("first", "load to first result", 1000, "ms"), ("kept", "for many runs", 1000, "ms"), ("thimble", "from a .thimble", 1000, "ms"),
    ("process", "whole process", 1000, "ms"), ("growth", "memory above the empty process", 1e-6, "MB"), ("kept growth", "for many runs", 1e-6, "MB"),
    ("peak", "memory of the whole process", 1e-6, "MB")]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("models", nargs="*")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", default="1,2")
    parser.add_argument("--minilm")
    parser.add_argument("--thimble", default=THIMBLE, help="the program to measure")
    parser.add_argument("--work", default=os.path.join(ROOT, ".build", "runtime"))
    arguments = parser.parse_args()
    os.makedirs(arguments.work, exist_ok=True)
    for threads in map(int, arguments.threads.split(",")):
        print(f"\n### {threads} thread{'s' if threads > 1 else ''}, beside ONNX Runtime {onnxruntime.__version__}\n")
        print("| model | " + " | ".join(f"{title} | ratio" for _, title, _, _ in COLUMNS) + " |\n|" + "---|" * (1 + 2 * len(COLUMNS)), flush=True)
        ratios = {False: [], True: []}
        for name, file, is_integer in MODELS:
            if arguments.models and name not in arguments.models:
                continue
            path = find(name, file, arguments)
            if not path or not os.path.exists(path):
                print(f"| {name} | not here" + " |" * (2 * len(COLUMNS)))
                continue
            feed = os.path.join(arguments.work, "in.npz")
            inputs(name, path, feed)
            result = one(path, feed, threads, arguments)
            ratio = {key: mine / peer for key, (mine, peer) in result.items()}
            ratios[is_integer].append(ratio)
            cells = [f"{result[key][0] * scale:.3g} against {result[key][1] * scale:.3g} {unit} | {ratio[key]:.2f}" for key, _, scale, unit in COLUMNS]
            print(f"| {name} | " + " | ".join(cells) + " |", flush=True)
        for is_integer, rows in ratios.items():
            if rows:
                means = [math.exp(sum(math.log(row[key]) for row in rows) / len(rows)) for key, _, _, _ in COLUMNS]
                print(f"| **geometric mean, {'int8' if is_integer else 'float'}** | " + " | ".join(f"| {mean:.2f}" for mean in means) + " |")


main()
