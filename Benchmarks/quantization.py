#!/usr/bin/env python3
"""Quantized models beside their originals, judged by ONNX Runtime on inputs that calibration never saw.

    quantization.py CORPUS [--minilm MODEL.onnx] [--thimble PATH] [--only NAME …] [--settings 'MODEL:OPTIONS' …]

For each model and setting: `thimble convert --zlib` makes the .thimble whose bytes count, that file as floats (.onnx) is run in ONNX
Runtime, and the signal-to-noise ratio over all outputs and the agreement of the greatest score (of MiniLM: of the nearest neighbour) are printed.
CORPUS holds models/ and eval/<model>/{calib,eval}, as the .npz files or folders described there."""
import argparse, os, subprocess, sys, tempfile, time
import numpy as np
import onnxruntime as ort

MODELS = {
    "super-resolution-10": [("8", ["entropy:0.03"]), ("4", ["entropy:0.25"])],
    "silero-vad-v5-nested-if": [("8", ["entropy:0.03"]), ("4", ["entropy:0.4"])],
    "ultraface-rfb-320": [("8", ["entropy:0.03"]), ("4", ["entropy:0.2"])],
    "magika-v3-3": [("8", ["entropy:0.03"]), ("4", ["entropy:0.3"])],
    "cnn-digits": [("8", ["entropy:0.03"]), ("4", ["entropy:0.3"])],
    "mlp-digits": [("8", ["entropy:0.03"]), ("4", ["entropy:0.25"])],
    "minilm": [("8", ["entropy:0.018"]), ("4", ["entropy:0.14"]), ("3", ["entropy:0.2"])],
}


def samples(place, session):
    """One dictionary of inputs per run."""
    if os.path.isdir(place):
        for name in sorted(os.listdir(place)):
            yield dict(np.load(os.path.join(place, name)))
        return
    arrays = np.load(place)
    names = [i.name for i in session.get_inputs()]
    for index in range(len(arrays[names[0]])):
        yield {name: arrays[name][index:index + 1] for name in names}


def run(model, place):
    options = ort.SessionOptions()
    options.intra_op_num_threads = 2
    options.log_severity_level = 3
    session = ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    return [session.run(None, sample) for sample in samples(place, session)]


def fidelity(reference, found):
    signal = noise = 0.0
    agree = rows = 0
    for a, b in zip(reference, found):
        for x, y in zip(a, b):
            if x.dtype.kind != "f":
                continue
            signal += float((x.astype(np.float64) ** 2).sum())
            noise += float(((x.astype(np.float64) - y) ** 2).sum())
        x, y = a[0], b[0]
        if x.ndim > 2 and x.shape[-1] == 1:
            x, y = x.reshape(len(x), -1), y.reshape(len(y), -1)
        if x.ndim >= 2 and x.dtype.kind == "f":
            agree += int((x.reshape(-1, x.shape[-1]).argmax(1) == y.reshape(-1, x.shape[-1]).argmax(1)).sum())
            rows += x.reshape(-1, x.shape[-1]).shape[0]
    return 10 * np.log10(signal / noise) if noise else np.inf, agree / max(rows, 1)


def sentences(outputs):
    """Means over tokens, of unit length."""
    vectors = np.stack([o[0].mean(axis=1)[0] for o in outputs])
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def neighbours(outputs):
    vectors = sentences(outputs)
    likeness = vectors @ vectors.T
    np.fill_diagonal(likeness, -2)
    return likeness.argmax(1)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("corpus")
    parser.add_argument("--minilm")
    parser.add_argument("--thimble", default="thimble")
    parser.add_argument("--only", action="append")
    parser.add_argument("--settings", action="append", default=[], help="MODEL:OPTIONS in place of the built-in ones")
    a = parser.parse_args()
    own = {}
    for setting in a.settings:
        model, options = setting.split("=", 1)
        own.setdefault(model, []).append((options, options.split()))
    print(f"{'model':26}{'setting':34}{'bytes':>11}{'of':>8}{'dB':>8}{'agree':>8}{'s':>8}")
    for name, settings in MODELS.items():
        if a.only and name not in a.only or own and name not in own or name == "minilm" and not a.minilm:
            continue
        model = a.minilm if name == "minilm" else f"{a.corpus}/models/{name}.onnx"
        if not os.path.exists(model):
            model = f"{a.corpus}/eval/{name}.onnx"
        data = {part: f"{a.corpus}/eval/{name}/{part}" for part in ("calib", "eval")}
        data = {part: place if os.path.isdir(place) else place + ".npz" for part, place in data.items()}
        reference = run(model, data["eval"])
        for label, options in own.get(name, settings):
            with tempfile.TemporaryDirectory() as folder:
                small, floats = folder + "/q.thimble", folder + "/q.onnx"
                start = time.time()
                command = [a.thimble, "convert", model, "-o", small, "--zlib", "--quantize", *options]
                if "--calibrate" not in options and "--no-data" not in options:
                    command += ["--calibrate", data["calib"]]
                command = [c for c in command if c != "--no-data"]
                done = subprocess.run(command, capture_output=True, text=True)
                seconds = time.time() - start
                if done.returncode:
                    print(f"{name:26}{' '.join(options):34}{done.stderr.strip()[:120]}")
                    continue
                subprocess.run([a.thimble, "convert", small, "-o", floats], check=True, capture_output=True)
                found = run(floats, data["eval"])
                decibels, agreement = fidelity(reference, found)
                if name == "minilm":
                    agreement = float((neighbours(reference) == neighbours(found)).mean())
                    s, t = sentences(reference), sentences(found)
                    noise = ((s - t) ** 2).sum()
                    print(f"{'':26}sentence embeddings: {10 * np.log10((s ** 2).sum() / noise):.2f} dB, cosine {(s * t).sum(1).mean():.5f}")
                size = os.path.getsize(small)
                print(f"{name:26}{' '.join(options):34}{size:11}{size / os.path.getsize(model):8.1%}{decibels:8.2f}{agreement:8.3f}{seconds:8.1f}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
