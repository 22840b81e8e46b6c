#!/usr/bin/env python3
"""Models with integer activations beside their originals, judged by ONNX Runtime on inputs that calibration never saw.

    activations.py CORPUS [--minilm MODEL.onnx] [--thimble PATH] [--only NAME]… [--ranges minmax,mse,…] [--options "--no-smooth"] [--no-peer] [--peer NAME]… [--work FOLDER]

For each model and way to find ranges: `thimble convert --activations int8` makes the .thimble, ONNX Runtime runs it as .onnx, and the signal-to-noise ratio over all
outputs and the agreement of the greatest score are printed; beside it what ONNX Runtime's own `quantize_static` (weights per channel) and NNCF's `quantize` make of the same calibration data, with ONNX
Runtime's preprocessing before; NNCF is needed for that. "ours" is the ratio between ONNX Runtime's outputs of the .onnx and those of `thimble run` of the .thimble. CORPUS is
that of quantization.py; models without inputs there get images of 1/f noise."""
import argparse, json, os, shutil, subprocess, sys, tempfile, time
import numpy as np
import onnx
import onnxruntime as ort
from quantization import fidelity, neighbours, samples

MODELS = ["mlp-digits", "cnn-digits", "super-resolution-10", "ultraface-rfb-320", "magika-v3-3", "mobilenetv2-128-050-tf2onnx", "speech-commands-squeezenet", "minilm"]
RANGES = ["minmax", "percentile:99.99", "entropy", "mse", "auto"]


def session(model):
    options = ort.SessionOptions()
    options.intra_op_num_threads = 2
    options.log_severity_level = 3
    return ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def noise(shape, rng):
    """An image whose energy falls with the frequency as 1/f, mean 0, deviation 1."""
    height, width = shape[-2:]
    frequency = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width)[None])
    frequency[0, 0] = 1
    planes = np.fft.irfft2(np.fft.rfft2(rng.standard_normal(shape)) / frequency, s=(height, width))
    return ((planes - planes.mean()) / planes.std()).astype(np.float32)


def made_inputs(model, folder):
    """Calibration and evaluation arrays of 48 images each."""
    info = session(model).get_inputs()[0]
    shape = [d if isinstance(d, int) and d > 0 else 1 for d in info.shape]
    for part, seed in (("calib", 1), ("eval", 2)):
        rng = np.random.default_rng(seed)
        np.savez(f"{folder}/{part}.npz", **{info.name: np.concatenate([noise(shape, rng) for _ in range(48)])})
    return {part: f"{folder}/{part}.npz" for part in ("calib", "eval")}


def run(model, place):
    s = session(model)
    return [s.run(None, sample) for sample in samples(place, s)]


def agreement(name, reference, found):
    if name == "minilm":
        return float((neighbours(reference) == neighbours(found)).mean())
    return fidelity(reference, found)[1]


class Reader:
    def __init__(self, model, place, most=64):
        s = session(model)
        self.all = iter([x for _, x in zip(range(most), samples(place, s))])

    def get_next(self):
        return next(self.all, None)


def prepare(model, prepared):
    """Operator set 13 at least, which scales by channel need, and ONNX Runtime's own preprocessing."""
    from onnxruntime.quantization.shape_inference import quant_pre_process
    loaded = onnx.load(model)
    if next(o.version for o in loaded.opset_import if o.domain in ("", "ai.onnx")) < 13:
        loaded = onnx.version_converter.convert_version(loaded, 13)
    onnx.save(loaded, prepared)
    try:
        quant_pre_process(prepared, prepared, skip_symbolic_shape=True)
    except Exception as error:  # its shape inference refuses some
        print(f"  preprocessing: {str(error)[:80]}", file=sys.stderr)


def quantize_static(model, target, place, method):
    """ONNX Runtime's static quantization."""
    from onnxruntime.quantization import CalibrationMethod, QuantFormat, QuantType, quantize_static
    prepared = target + ".prepared"
    prepare(model, prepared)
    quantize_static(
        prepared, target, Reader(model, place), quant_format=QuantFormat.QDQ, per_channel=True, activation_type=QuantType.QUInt8, weight_type=QuantType.QInt8,
        calibrate_method=getattr(CalibrationMethod, method))


def nncf_quantize(model, target, place, scheme):
    """NNCF's post-training quantization, which also chooses what stays float by its model type."""
    import nncf
    prepared = target + ".prepared"
    prepare(model, prepared)
    inputs = session(prepared)
    data = nncf.Dataset([sample for _, sample in zip(range(64), samples(place, inputs))])
    onnx.save(nncf.quantize(onnx.load(prepared), data, subset_size=64, model_type=nncf.ModelType.TRANSFORMER if scheme == "transformer" else None), target)


def row(name, what, decibels, agreement, rest=""):
    print(f"{name:30}{what:26}{decibels:8.2f}{agreement:8.3f}  {rest}", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("corpus")
    parser.add_argument("--minilm")
    parser.add_argument("--thimble", default="thimble")
    parser.add_argument("--only", action="append")
    parser.add_argument("--ranges", default=",".join(RANGES))
    parser.add_argument("--options", default="")
    parser.add_argument("--no-peer", action="store_true")
    parser.add_argument("--peer", action="append", help="only these: quantize_static, NNCF")
    parser.add_argument("--work")
    a = parser.parse_args()
    print(f"{'model':30}{'ranges':26}{'dB':>8}{'agree':>8}  ours, seconds, integer products")
    for name in MODELS:
        if a.only and name not in a.only or name == "minilm" and not a.minilm:
            continue
        model = a.minilm if name == "minilm" else f"{a.corpus}/models/{name}.onnx"
        if not os.path.exists(model):
            model = f"{a.corpus}/eval/{name}.onnx"
        folder = a.work or tempfile.mkdtemp()
        os.makedirs(folder, exist_ok=True)
        data = {part: f"{a.corpus}/eval/{name}/{part}" for part in ("calib", "eval")}
        data = {part: place if os.path.isdir(place) else place + ".npz" for part, place in data.items()}
        if not os.path.exists(data["calib"]):
            data = made_inputs(model, folder)
        reference = run(model, data["eval"])
        for ranges in filter(None, a.ranges.split(",")):
            standard, small, report = (f"{folder}/q.{end}" for end in ("onnx", "thimble", "json"))
            start = time.time()
            options = ["--activations", "int8", "--activation-range", ranges, "--calibrate", data["calib"], "--force", *a.options.split()]
            done = subprocess.run([a.thimble, "convert", model, "-o", small, "--json", *options], capture_output=True, text=True)
            seconds = time.time() - start
            if done.returncode:
                print(f"{name:30}{ranges:26}{done.stderr.strip()[:200]}", flush=True)
                continue
            facts = json.loads(done.stdout)["activations"]
            # Both containers hold the same graph.
            subprocess.run([a.thimble, "convert", small, "-o", standard, "--force"], check=True, capture_output=True)
            found = run(standard, data["eval"])
            # Our own run of the .thimble, on the first samples.
            s, ours = session(standard), []
            for index, sample in zip(range(8), samples(data["eval"], s)):
                np.savez(f"{folder}/in.npz", **sample)
                subprocess.run([a.thimble, "run", small, "--inputs", f"{folder}/in.npz", "-o", f"{folder}/out.npz", "--force"], check=True, capture_output=True)
                values = np.load(f"{folder}/out.npz")
                ours.append([values[o.name] for o in s.get_outputs()])
            between = fidelity(found[:8], ours)[0]
            decibels, _ = fidelity(reference, found)
            row(name, ranges, decibels, agreement(name, reference, found),
                f"{between:.1f} dB, {seconds:.1f} s, {facts['integer_products']} (floats {len(facts['float_products'])}), took {facts['range']}")
        if a.no_peer:
            continue
        peers = [("quantize_static", quantize_static, method) for method in ("MinMax", "Percentile", "Entropy")]
        peers += [("NNCF", nncf_quantize, scheme) for scheme in ("plain", "transformer")]
        for tool, peer, setting in peers:
            if a.peer and tool not in a.peer:
                continue
            start = time.time()
            try:
                peer(model, f"{folder}/peer.onnx", data["calib"], setting)
                found = run(f"{folder}/peer.onnx", data["eval"])
                row(name, f"{tool} {setting}", fidelity(reference, found)[0], agreement(name, reference, found), f"{time.time() - start:.1f} s")
            except Exception as error:
                print(f"{name:30}{tool} {setting}: {str(error)[:120]}", flush=True)
        if not a.work:
            shutil.rmtree(folder)


if __name__ == "__main__":
    sys.exit(main())
