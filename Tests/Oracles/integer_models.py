"""Judges models with integer activations by ONNX Runtime: integer_models.py THIMBLE WORK MODEL CALIBRATION INPUTS.npz [OPTIONS ...]

Converts MODEL to a .thimble and to an .onnx and prints, as JSON: decibels of ONNX Runtime's outputs of the .onnx to those of MODEL, and to our own of the
.thimble; which operators ONNX Runtime's optimized graph has; whether both containers hold the same graph and constants; the operator set."""

import json
import subprocess
import sys

import numpy as np
import onnx
import onnxruntime as ort


def session(model, optimized=None):
    options = ort.SessionOptions()
    options.log_severity_level = 3
    if optimized:
        options.optimized_model_filepath = optimized
    return ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def decibels(reference, found):
    signal = sum(float((a.astype(np.float64) ** 2).sum()) for a in reference)
    noise = sum(float(((a.astype(np.float64) - b) ** 2).sum()) for a, b in zip(reference, found))
    return 10 * np.log10(signal / noise) if noise else 999.0


def content(path):
    """Nodes, and constants by their values."""
    graph = onnx.load(path).graph
    nodes = [(n.op_type, tuple(n.input), tuple(n.output), tuple(a.SerializeToString() for a in n.attribute)) for n in graph.node]
    return nodes, {t.name: (t.data_type, tuple(t.dims), onnx.numpy_helper.to_array(t).tobytes()) for t in graph.initializer}


def main():
    thimble, work, source, calibration, inputs, *options = sys.argv[1:]
    small, standard, back, optimized, outputs = (f"{work}/{name}" for name in ("q.thimble", "q.onnx", "b.onnx", "o.onnx", "out.npz"))
    for target in (small, standard):
        command = [thimble, "convert", source, "-o", target, "--force", "--activations", "int8", "--calibrate", calibration, *options]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            sys.exit(done.stderr)
    subprocess.run([thimble, "convert", small, "-o", back, "--force"], check=True, capture_output=True)
    onnx.checker.check_model(onnx.load(standard), full_check=True)
    subprocess.run([thimble, "run", small, "--inputs", inputs, "-o", outputs, "--force"], check=True, capture_output=True)
    values, ours = dict(np.load(inputs)), np.load(outputs)
    theirs = session(standard, optimized)
    found = theirs.run(None, values)
    print(json.dumps({
        "decibels": decibels(session(source).run(None, values), found),
        "between": decibels(found, [ours[o.name] for o in theirs.get_outputs()]),
        "operators": sorted(n.op_type for n in onnx.load(optimized).graph.node),
        "same": content(standard) == content(back),
        "opset": max(o.version for o in onnx.load(standard).opset_import if o.domain == ""),
    }))


main()
