#!/usr/bin/env python3
"""Quantized models of NNCF, ONNX Runtime and MNN beside Thimble's: bytes, signal-to-noise ratio, agreement.

    quantization_peers.py CORPUS INPUTS ROWS.json [--minilm MODEL.onnx] [--thimble PATH] [--only NAME …] [-o TABLE.md]

INPUTS is a folder that quantization_inputs.py made. Needs onnx, onnxruntime, nncf, openvino, MNN and onnx_ir; whichever tool cannot do a model has no
row. ONNX Runtime runs what is ONNX, OpenVINO and MNN their own files. What ROWS.json has is not measured again. Of each peer all settings below are tried; the table has, by size, the best near 8 and near 4 bits, and
says for each whether Thimble has a file that is not larger and not worse."""
import argparse, json, os, subprocess, sys, tempfile, time
import numpy as np
from quantization import MODELS, fidelity, neighbours, run, samples

OWN = {
    "squeezenet-fp16": [("8", ["entropy:0.03"]), ("4", ["entropy:0.25"])],
    "yolox-nano": [("8", ["entropy:0.03"]), ("4", ["entropy:0.2"])],
    "ppocrv3-text-det-ch": [("8", ["entropy:0.03"]), ("4", ["entropy:0.2"])],
    "vittrack": [("8", ["entropy:0.03"]), ("4", ["entropy:0.2"])],
    "speech-embedding-google": [("8", ["entropy:0.03"]), ("4", ["entropy:0.2"])],
    "speech-commands-squeezenet": [("8", ["entropy:0.03"]), ("4", ["entropy:0.2"])],
}


def nncf_settings(model, calibration, folder):
    import nncf, onnx
    mode, data = nncf.CompressWeightsMode, nncf.Dataset(calibration[:32])
    for label, options in {
        "int8": dict(mode=mode.INT8_ASYM),
        "int4 groups of 32": dict(mode=mode.INT4_ASYM, group_size=32, all_layers=True, ratio=1.0),
        "int4 groups of 64": dict(mode=mode.INT4_SYM, group_size=64, all_layers=True, ratio=1.0),
        "int4 rows": dict(mode=mode.INT4_SYM, group_size=-1, all_layers=True, ratio=1.0),
    }.items():
        def make(path, options=options):
            onnx.save(nncf.compress_weights(onnx.load(model), **options), path)
        yield label, "onnx", make

    def static(path):
        onnx.save(nncf.quantize(onnx.load(model), data), path)
    yield "int8 with activations", "onnx", static

    # What its ONNX side does not have, it has for OpenVINO.
    import openvino
    four = dict(mode=mode.INT4_SYM, group_size=64, ratio=1.0)
    for label, options in {
        "OpenVINO int8": dict(mode=mode.INT8_ASYM), "OpenVINO int4, all layers": dict(**four, all_layers=True),
        "OpenVINO int4, GPTQ": dict(**four, gptq=True, dataset=data), "OpenVINO int4, scale estimation": dict(**four, scale_estimation=True, dataset=data),
        "OpenVINO int4, AWQ and scale estimation, all layers": dict(**four, awq=True, scale_estimation=True, all_layers=True, dataset=data),
    }.items():
        def compressed(path, options=options):
            openvino.save_model(nncf.compress_weights(openvino.convert_model(model), **options), path, compress_to_fp16=False)
        yield label, "xml", compressed


def ort_settings(model, calibration, folder):
    import onnx
    from onnxruntime import quantization as q
    from onnxruntime.quantization import matmul_nbits_quantizer as nbits

    for label, options in {"dynamic int8": dict(weight_type=q.QuantType.QInt8), "dynamic int8 by channel": dict(weight_type=q.QuantType.QInt8, per_channel=True)}.items():
        def make(path, options=options):
            q.quantize_dynamic(model, path, **options)
        yield label, "onnx", make

    class Reader(q.CalibrationDataReader):
        def __init__(self):
            self.rest = iter(calibration[:32])

        def get_next(self):
            return next(self.rest, None)

    def static(path):
        q.quantize_static(model, path, Reader(), per_channel=True, weight_type=q.QuantType.QInt8)
    yield "static int8", "onnx", static
    for bits in (8, 4):
        for operators in (("MatMul",), ("MatMul", "Gather")):
            def blocks(path, bits=bits, operators=operators):
                made = nbits.MatMulNBitsQuantizer(onnx.load(model), bits=bits, block_size=32, is_symmetric=False, op_types_to_quantize=operators)
                made.process()
                onnx.save(made.model.model, path)
            yield f"{' and '.join(operators)}NBits {bits}", "onnx", blocks


def mnn_settings(model, calibration, folder):
    convert = os.path.join(os.path.dirname(sys.executable), "mnnconvert")
    for label, options in {
        "8 bits": ["--weightQuantBits", "8"],
        "8 bits, blocks of 32": ["--weightQuantBits", "8", "--weightQuantAsymmetric", "--weightQuantBlock", "32"],
        "4 bits, blocks of 32": ["--weightQuantBits", "4", "--weightQuantAsymmetric", "--weightQuantBlock", "32"],
        "4 bits, blocks of 32, HQQ": ["--weightQuantBits", "4", "--hqq", "--weightQuantBlock", "32"],
    }.items():
        def make(path, options=options):
            subprocess.run([convert, "-f", "ONNX", "--modelFile", model, "--MNNModel", path, *options], check=True, capture_output=True, timeout=600)
        yield label, "mnn", make


PEERS = {"NNCF": nncf_settings, "ONNX Runtime": ort_settings, "MNN": mnn_settings}


def run_mnn(path, inputs, output_names):
    """In a process of its own: MNN aborts where it does not like a model."""
    with tempfile.TemporaryDirectory() as folder:
        names = list(inputs[0])
        np.savez(folder + "/in.npz", **{f"{i} {n}": x[n] for i, x in enumerate(inputs) for n in names})
        done = subprocess.run([sys.executable, __file__, "--mnn", path, folder, "|".join(names), "|".join(output_names)], capture_output=True, timeout=900)
        if done.returncode:
            raise RuntimeError("MNN does not run it")
        made = np.load(folder + "/out.npz")
        return [[made[f"{i} {n}"] for n in output_names] for i in range(len(inputs))]


def mnn_process(path, folder, names, output_names):
    import MNN.expr as expr, MNN.nn as nn
    names, output_names = names.split("|"), output_names.split("|")
    data, made = np.load(folder + "/in.npz"), {}
    module = nn.load_module_from_file(path, names, output_names)
    for index in range(len({k.split(" ", 1)[0] for k in data.files})):
        given = []
        for name in names:
            x = data[f"{index} {name}"]
            x = x.astype(np.int32) if x.dtype.kind in "iu" else x.astype(np.float32)
            given.append(expr.const(x, list(x.shape), expr.NCHW, expr.int if x.dtype == np.int32 else expr.float))
        for name, value in zip(output_names, module.onForward(given)):
            made[f"{index} {name}"] = np.array(expr.convert(value, expr.NCHW).read())
    np.savez(folder + "/out.npz", **made)


def run_openvino(path, inputs, output_names):
    import openvino
    compiled = openvino.Core().compile_model(path, "CPU", {"INFERENCE_PRECISION_HINT": "f32", "DYNAMIC_QUANTIZATION_GROUP_SIZE": "0"})
    return [[np.array(value) for value in compiled(x).values()] for x in inputs]


def measured(name, reference, found):
    if any(x.shape != y.shape for a, b in zip(reference, found) for x, y in zip(a, b)):
        raise RuntimeError("other shapes")
    found = [[np.asarray(y, dtype=np.float64) if y.dtype.kind == "f" else y for y in sample] for sample in found]
    decibels, agreement = fidelity(reference, found)
    if name == "minilm":
        agreement = float((neighbours(reference) == neighbours(found)).mean())
    return decibels, agreement


def rows_of(name, model, data, thimble, own, known):
    """Rows [model, tool, setting, bytes, dB, agreement, seconds]; the last four are null where the tool failed. Yields those that are not known."""
    import onnxruntime as ort
    options = ort.SessionOptions()
    options.log_severity_level = 3
    session = ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    outputs = [o.name for o in session.get_outputs()]
    calibration, evaluation = list(samples(data["calib"], session)), list(samples(data["eval"], session))
    reference = run(model, data["eval"])

    def thimble_settings():
        for label, settings in own:
            def make(path, settings=settings):
                subprocess.run([thimble, "convert", model, "-o", path, "--zlib", "--force", "--quantize", *settings, "--calibrate", data["calib"]], check=True, capture_output=True)
            yield " ".join(settings), "thimble", make

    def outputs_of(path, kind):
        if kind == "thimble":
            subprocess.run([thimble, "convert", path, "-o", path + ".onnx", "--force"], check=True, capture_output=True)
            return run(path + ".onnx", data["eval"])
        return {"onnx": lambda: run(path, data["eval"]), "mnn": lambda: run_mnn(path, evaluation, outputs), "xml": lambda: run_openvino(path, evaluation, outputs)}[kind]()

    with tempfile.TemporaryDirectory() as folder:
        for peer, settings in {"Thimble": thimble_settings(), **{peer: make(model, calibration, folder) for peer, make in PEERS.items()}}.items():
            for label, kind, make in settings:
                if (name, peer, label) in known:
                    continue
                path = f"{folder}/{peer.replace(' ', '')}.{kind}"
                try:
                    start = time.time()
                    make(path)
                    seconds = time.time() - start
                    size = os.path.getsize(path) + (os.path.getsize(path[:-3] + "bin") if kind == "xml" else 0)
                    decibels, agreement = measured(name, reference, outputs_of(path, kind))
                    yield [name, peer, label, size, float(decibels), float(agreement), seconds]
                except Exception as error:
                    print(name, peer, label, "failed:", type(error).__name__, str(error).split("\n")[0][:100], flush=True)
                    yield [name, peer, label, None, None, None, None]


def table(name, size, rows):
    rows = [row[1:] for row in rows if row[0] == name and row[3] is not None]
    ours = [row for row in rows if row[0] == "Thimble"]
    lines = [f"\n**{name}**, {size:,} bytes as ONNX\n", "| tool | setting | bytes | of | dB | agreement | beats Thimble |", "|---|---|---:|---:|---:|---:|---|"]
    def line(row, verdict):
        return f"| {row[0]} | {row[1]} | {row[2]:,} | {row[2] / size:.1%} | {row[3]:.1f} | {row[4]:.3f} | {verdict} |"
    lines += [line(row, "") for row in ours]
    # Near 4 bits is what is nearer to an eighth than to a quarter of the floats' bytes.
    border = 0.19 * size * (2 if "fp16" in name else 1)
    for peer in PEERS:
        for isSmall in (False, True):
            part = [row for row in rows if row[0] == peer and (row[2] < border) == isSmall and row[2] < 0.95 * size]
            if part:
                best = max(part, key=lambda row: row[3])
                beaten = any(o[2] <= best[2] and o[3] >= best[3] for o in ours)
                lines.append(line(best, "no" if beaten else "**yes**"))
    missed = [row for row in rows if row[0] != "Thimble" and row[2] < 0.95 * size and not any(o[2] <= row[2] and o[3] >= row[3] for o in ours)]
    lines.append(f"\nOf {sum(row[0] != 'Thimble' for row in rows)} files of peers, {len(missed)} are smaller than one of these or better." + "".join(f" {r[0]} {r[1]}: {r[2]:,} bytes, {r[3]:.1f} dB." for r in missed))
    return lines


def main():
    if len(sys.argv) > 1 and sys.argv[1] == "--mnn":
        return mnn_process(*sys.argv[2:])
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("corpus")
    parser.add_argument("inputs")
    parser.add_argument("rows")
    parser.add_argument("--minilm")
    parser.add_argument("--thimble", default="thimble")
    parser.add_argument("--only", action="append")
    parser.add_argument("-o", "--output")
    a = parser.parse_args()
    rows = json.load(open(a.rows)) if os.path.exists(a.rows) else []
    lines = []
    for name, own in {**MODELS, **OWN}.items():
        if a.only and name not in a.only or name == "minilm" and not a.minilm:
            continue
        model = a.minilm if name == "minilm" else f"{a.corpus}/models/{name}.onnx"
        if not os.path.exists(model):
            model = f"{a.corpus}/eval/{name}.onnx"
        base = a.inputs if name in OWN else f"{a.corpus}/eval"
        data = {part: f"{base}/{name}/{part}" for part in ("calib", "eval")}
        data = {part: place if os.path.isdir(place) else place + ".npz" for part, place in data.items()}
        for row in rows_of(name, model, data, a.thimble, own, {tuple(row[:3]) for row in rows}):
            rows.append(row)
            print(row, flush=True)
            with open(a.rows, "w") as file:
                json.dump(rows, file, indent=0)
        lines += table(name, os.path.getsize(model), rows)
    if a.output:
        with open(a.output, "w") as file:
            file.write("\n".join(lines) + "\n")
    print("\n".join(lines))


if __name__ == "__main__":
    sys.exit(main())
