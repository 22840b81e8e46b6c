"""Judges quantized models with ONNX Runtime: quantized_models.py THIMBLE WORK MODEL INPUTS.npz [OPTIONS ...]

Quantizes MODEL to a .thimble and to an .onnx and prints, as JSON, how far apart they are: the largest relative difference between ONNX
Runtime's outputs of the .onnx and our own of the .thimble, the same of our own of the .onnx, how many outputs of the .thimble differ in any bit when
it is compressed with zlib, and how many weights that the .onnx makes differ in any bit from those of the .thimble.
"""

import json
import subprocess
import sys

import numpy as np
import onnx
import onnxruntime as ort


def session(model):
    options = ort.SessionOptions()
    options.log_severity_level = 3
    # Products in binary32: else ONNX Runtime rounds the activations of products with DequantizeLinear weights to 8 bits.
    options.add_session_config_entry("session.qdq_matmulnbits_accuracy_level", "1")
    return ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def weights(model):
    """Names of values that the export makes from integers: what DequantizeLinear, or Cast and Mul, leave in a weight's name."""
    stored = {t.name for t in model.graph.initializer}
    made = {}
    for node in model.graph.node:
        if node.op_type in ("DequantizeLinear", "Cast", "Mul", "Sub", "Reshape") and node.input and all(i in stored or i in made for i in node.input):
            made[node.output[0]] = True
    inner = {i for node in model.graph.node if node.output[0] in made for i in node.input}
    return [name for name in made if name not in inner]


def main():
    thimble, work, source, inputs, *options = sys.argv[1:]
    small, packed, standard, floats = (f"{work}/{name}" for name in ("q.thimble", "z.thimble", "q.onnx", "f.onnx"))
    for target in (small, standard):
        subprocess.run([thimble, "convert", source, "-o", target, "--force", *options], check=True, capture_output=True)
    subprocess.run([thimble, "convert", small, "-o", floats, "--force"], check=True, capture_output=True)
    subprocess.run([thimble, "convert", small, "-o", packed, "--zlib", "--force"], check=True, capture_output=True)
    values = dict(np.load(inputs))

    def run(model):
        subprocess.run([thimble, "run", model, "--inputs", inputs, "-o", f"{work}/out.npz", "--force"], check=True, capture_output=True)
        return dict(np.load(f"{work}/out.npz"))

    ours, of_packed, of_standard = run(small), run(packed), run(standard)
    theirs = session(standard)
    worst, nodes = 0.0, 0.0
    for info, value in zip(theirs.get_outputs(), theirs.run(None, values)):
        scale = max(1e-6, float(np.abs(value).max()))
        worst = max(worst, float(np.abs(value - ours[info.name]).max()) / scale)
        nodes = max(nodes, float(np.abs(value - of_standard[info.name]).max()) / scale)
    packed_differs = sum(ours[name].tobytes() != of_packed[name].tobytes() for name in ours)
    # Weights of the main graph, as ONNX Runtime makes them.
    model = onnx.load(standard)
    plain = {t.name: onnx.numpy_helper.to_array(t) for t in onnx.load(floats).graph.initializer}
    names = weights(model)
    for name in names:
        model.graph.output.append(onnx.ValueInfoProto(name=name))
    made = session(model.SerializeToString()).run(names, values) if names else []
    different = sum(int(name in plain and a.tobytes() != plain[name].tobytes()) for name, a in zip(names, made))
    print(json.dumps({"worst": worst, "nodes": nodes, "packed": packed_differs, "weights": len(names), "different": different, "opset": max(o.version for o in model.opset_import if o.domain == "")}))


main()
