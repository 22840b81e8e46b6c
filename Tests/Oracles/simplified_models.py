"""Judges simplified models: simplified_models.py LIST

LIST holds one case a line, tab between: the source, its simplified form, a folder of input_*.pb or "-", and the case's tolerance relative to the largest
element (1e-5). Prints one JSON line a case with
  problem      what is wrong, null if nothing is
  nodes        of both, subgraphs and functions included
  bytes        of both files

A simplified model must pass onnx.checker with full check wherever the source does, must be run by ONNX Runtime wherever the source is, and must give the same
outputs: exactly, or within 1e-5 of each value or of the tolerance times the largest one, as arithmetic that was done in advance rounds elsewhere.
"""

import glob
import json
import os
import sys

import numpy as np
import onnx
import onnxruntime
from onnx import numpy_helper

onnxruntime.set_default_logger_severity(4)


def graphs(nodes):
    for node in nodes:
        for attribute in node.attribute:
            if attribute.type == onnx.AttributeProto.GRAPH:
                yield attribute.g
            yield from attribute.graphs


def count(nodes):
    return len(nodes) + sum(count(g.node) for g in graphs(nodes))


def node_count(path):
    model = onnx.load(path, load_external_data=False)
    return count(model.graph.node) + sum(count(f.node) for f in model.functions)


def checks(path):
    try:
        onnx.checker.check_model(path, full_check=True)
        return None
    except Exception as error:
        return str(error).splitlines()[0][:300]


def session(path):
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.intra_op_num_threads = 1
    try:
        return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"]), None
    except Exception as error:
        return None, str(error).splitlines()[0][:300]


def value(path, kind):
    with open(path, "rb") as f:
        data = f.read()
    if kind.startswith("seq"):
        proto = onnx.SequenceProto()
        proto.ParseFromString(data)
        return numpy_helper.to_list(proto)
    if kind.startswith("optional"):
        proto = onnx.OptionalProto()
        proto.ParseFromString(data)
        return numpy_helper.to_optional(proto)
    proto = onnx.TensorProto()
    proto.ParseFromString(data)
    return numpy_helper.to_array(proto)


def difference(a, b, tolerance):
    if type(a) is not type(b):
        return f"{type(a).__name__} and {type(b).__name__}"
    if isinstance(a, (list, tuple)):
        if len(a) != len(b):
            return f"{len(a)} and {len(b)} entries"
        return next((d for x, y in zip(a, b) if (d := difference(x, y, tolerance))), None)
    if isinstance(a, dict):
        return difference([list(a.keys()), list(a.values())], [list(b.keys()), list(b.values())], tolerance)
    if not isinstance(a, np.ndarray):
        if isinstance(a, float):
            return None if abs(a - b) <= 1e-5 * max(1, abs(a)) else f"{a} and {b}"
        return None if a == b else f"{a!r} and {b!r}"
    if a.dtype != b.dtype or a.shape != b.shape:
        return f"{a.dtype}{a.shape} and {b.dtype}{b.shape}"
    if a.dtype.kind != "f" or a.size == 0:
        return None if (a == b).all() else f"{int((a != b).sum())} of {a.size} elements differ"
    x, y = a.astype(np.float64), b.astype(np.float64)
    same = (x == y) | (np.isnan(x) & np.isnan(y))
    finite = np.isfinite(x) & np.isfinite(y)
    largest = np.abs(x[np.isfinite(x)]).max(initial=0)
    with np.errstate(invalid="ignore"):
        close = finite & (np.abs(x - y) <= np.maximum(1e-5 * np.abs(x), tolerance * largest))
    bad = ~(same | close)
    if not bad.any():
        return None
    return f"{int(bad.sum())} of {a.size} elements differ, by up to {np.abs(x - y)[bad & finite].max(initial=0):.3g} of {largest:.3g}"


def judge(source, simple, folder, tolerance):
    before, after = checks(source), checks(simple)
    if before is None and after is not None:
        return f"checker: {after}"
    (first, why), (second, problem) = session(source), session(simple)
    if first is None:
        return None
    if second is None:
        return f"ONNX Runtime: {problem}"
    names = [[i.name for i in s.get_inputs()] for s in (first, second)], [[o.name for o in s.get_outputs()] for s in (first, second)]
    for kind, (a, b) in zip(("inputs", "outputs"), names):
        if a != b:
            return f"{kind} {a} and {b}"
    if folder == "-":
        return None
    inputs = {}
    for index, info in enumerate(first.get_inputs()):
        path = f"{folder}/input_{index}.pb"
        if os.path.exists(path):
            inputs[info.name] = value(path, info.type)
    try:
        expected = first.run(None, inputs)
    except Exception:
        return None
    found = second.run(None, inputs)
    for info, a, b in zip(first.get_outputs(), expected, found):
        if d := difference(a, b, tolerance):
            return f"output '{info.name}': {d}"
    return None


with open(sys.argv[1]) as f:
    for line in f:
        source, simple, folder, tolerance = line.rstrip("\n").split("\t")
        try:
            problem = judge(source, simple, folder, float(tolerance))
        except Exception as error:
            problem = f"{type(error).__name__}: {error}"[:300]
        nodes = [node_count(source), node_count(simple)]
        sizes = [sum(os.path.getsize(f) for f in [p] + glob.glob(p[:-5] + "-*.bin")) for p in (source, simple)]
        print(json.dumps({"problem": problem, "nodes": nodes, "bytes": sizes}), flush=True)
