"""Big models of noise for the benchmarks: make_models.py OUT.onnx big|external|transformer [fp32|bf16|fp16]

big          16 layers of 4096x4096 floats: 1.07 GB in one file
external     40 such layers, 2.69 GB, in OUT.onnx.data
transformer  the shapes of a six-layer encoder with a vocabulary of 30,522: 90 MB in fp32; its values are noise with the spread of
             trained weights, so its compression says little about real models
"""

import os
import sys

import numpy as np
import onnx
from onnx import TensorProto as T
from onnx import helper as h

WIDTH = 4096


def tensor(name, array, kind, data):
    t = T(name=name, data_type=kind, dims=array.shape)
    content = array.tobytes()
    if data is not None and len(content) >= 1024:
        t.data_location = T.EXTERNAL
        for key, text in (("location", os.path.basename(data.name)), ("offset", str(data.tell())), ("length", str(len(content)))):
            entry = t.external_data.add()
            entry.key, entry.value = key, text
        data.write(content)
    else:
        t.raw_data = content
    return t


def narrow(array, kind):
    if kind == "fp16":
        return array.astype(np.float16), T.FLOAT16
    if kind == "bf16":
        bits = array.view(np.uint32)
        return ((bits + 0x7FFF + (bits >> 16 & 1)) >> 16).astype(np.uint16), T.BFLOAT16
    return array, T.FLOAT


def layers(count, data):
    rng = np.random.default_rng(1)
    nodes, tensors, last = [], [], "x"
    for i in range(count):
        w = rng.standard_normal((WIDTH, WIDTH), np.float32) * np.exp(rng.normal(0, 0.5, WIDTH)).astype(np.float32) * np.float32((2 / WIDTH) ** 0.5)
        tensors += [tensor(f"w{i}", w, T.FLOAT, data), tensor(f"b{i}", rng.standard_normal(WIDTH, np.float32) * np.float32(0.01), T.FLOAT, data)]
        out = "y" if i == count - 1 else f"h{i}"
        nodes += [h.make_node("MatMul", [last, f"w{i}"], [f"m{i}"], f"m{i}"), h.make_node("Add", [f"m{i}", f"b{i}"], [out], out)]
        last = out
    return nodes, tensors, WIDTH


def transformer(kind):
    rng = np.random.default_rng(2)
    shapes = [("words", (30522, 384)), ("positions", (512, 384))]
    for i in range(6):
        shapes += [(f"l{i}.{name}", (384, 384)) for name in ("q", "k", "v", "o")] + [(f"l{i}.up", (384, 1536)), (f"l{i}.down", (1536, 384))]
    tensors, nodes = [], []
    for name, shape in shapes:
        array, code = narrow((rng.standard_normal(shape, np.float32) * np.float32(0.04)), kind)
        tensors.append(tensor(name, array, code, None))
        nodes.append(h.make_node("Identity", [name], [name + ".out"], name))
    return nodes, tensors, None


def main():
    path, what = sys.argv[1], sys.argv[2]
    kind = sys.argv[3] if len(sys.argv) > 3 else "fp32"
    data = open(path + ".data", "wb") if what == "external" else None
    nodes, tensors, width = transformer(kind) if what == "transformer" else layers(40 if what == "external" else 16, data)
    if width:
        inputs = [h.make_tensor_value_info("x", T.FLOAT, ["N", width])]
        outputs = [h.make_tensor_value_info("y", T.FLOAT, ["N", width])]
    else:
        code = {"fp32": T.FLOAT, "fp16": T.FLOAT16, "bf16": T.BFLOAT16}[kind]
        inputs, outputs = [], [h.make_tensor_value_info("words.out", code, [30522, 384])]
    m = h.make_model(h.make_graph(nodes, what, inputs, outputs, tensors), opset_imports=[h.make_opsetid("", 17)], producer_name="make_models")
    m.ir_version = 8
    with open(path, "wb") as f:
        f.write(m.SerializeToString())


main()
