"""Judges models with integer activations by ONNX Runtime: integer_models.py THIMBLE WORK MODEL CALIBRATION INPUTS.npz [OPTIONS ...]

Converts MODEL to a .thimble and to an .onnx and prints, as JSON: decibels of ONNX Runtime's outputs of the .onnx to those of MODEL; how far our own of the
.thimble are from them at most, as a share of the largest value of the output; which operators ONNX Runtime's optimized graph has; whether both containers
hold the same graph and constants; the operator set. INPUTS holds samples along the first axis; CALIBRATION and INPUTS that are not there are made: images
whose energy falls as 1/f."""

import json
import os
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
    pairs = [(a.astype(np.float64), b) for one, other in zip(reference, found) for a, b in zip(one, other)]
    signal, noise = sum(float((a**2).sum()) for a, _ in pairs), sum(float(((a - b) ** 2).sum()) for a, b in pairs)
    return 10 * np.log10(signal / noise) if noise else 999.0


def apart(reference, found):
    return max(float(np.abs(a.astype(np.float64) - b).max() / np.abs(a).max()) for one, other in zip(reference, found) for a, b in zip(one, other))


def make_images(path, model, count, seed):
    info, rng = session(model).get_inputs()[0], np.random.default_rng(seed)
    channels, height, width = info.shape[1:]
    frequency = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width)[None])
    frequency[0, 0] = 1
    images = np.fft.irfft2(np.fft.rfft2(rng.standard_normal((count, channels, height, width))) / frequency, s=(height, width))
    np.savez(path, **{info.name: (images / images.std()).astype(np.float32)})


def content(path):
    """Nodes, and constants by their values."""
    graph = onnx.load(path).graph
    nodes = [(n.op_type, tuple(n.input), tuple(n.output), tuple(a.SerializeToString() for a in n.attribute)) for n in graph.node]
    return nodes, {t.name: (t.data_type, tuple(t.dims), onnx.numpy_helper.to_array(t).tobytes()) for t in graph.initializer}


def main():
    thimble, work, source, calibration, inputs, *options = sys.argv[1:]
    small, standard, back, optimized, one, outputs = (f"{work}/{name}" for name in ("q.thimble", "q.onnx", "b.onnx", "o.onnx", "one.npz", "out.npz"))
    for path, count in ((calibration, 16), (inputs, 8)):
        if not os.path.exists(path):
            make_images(path, source, count, seed=count)
    for target in (small, standard):
        command = [thimble, "convert", source, "-o", target, "--force", "--activations", "int8", "--calibrate", calibration, *options]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            sys.exit(done.stderr)
    subprocess.run([thimble, "convert", small, "-o", back, "--force"], check=True, capture_output=True)
    onnx.checker.check_model(onnx.load(standard), full_check=True)
    original, theirs = session(source), session(standard, optimized)
    arrays = dict(np.load(inputs))
    expected, found, ours = [], [], []
    for row in range(len(next(iter(arrays.values())))):
        sample = {name: values[row : row + 1] for name, values in arrays.items()}
        expected.append(original.run(None, sample))
        found.append(theirs.run(None, sample))
        np.savez(one, **sample)
        subprocess.run([thimble, "run", small, "--inputs", one, "-o", outputs, "--force"], check=True, capture_output=True)
        values = np.load(outputs)
        ours.append([values[o.name] for o in theirs.get_outputs()])
    print(json.dumps({
        "decibels": decibels(expected, found),
        "apart": apart(found, ours),
        "operators": sorted(n.op_type for n in onnx.load(optimized).graph.node),
        "same": content(standard) == content(back),
        "opset": max(o.version for o in onnx.load(standard).opset_import if o.domain == ""),
    }))

main()
