"""Makes the models of this folder: make_models.py [OUT_FOLDER]. Same versions (Tests/Oracles/requirements.txt), same bytes, on any CPU:
everything is computed with integers, or with single floating-point operations that IEEE 754 fixes.

digits-mlp.onnx      a trained perceptron for 8x8 digits: weights that look like weights, raw_data
digits-cnn.onnx      the same task with Conv, BatchNormalization and MaxPool: several shapes, a weight used twice, float_data beside raw_data
branches.onnx        If in If, captured names, all weights in Constant nodes: nothing in graph.initializer to find
external.onnx        weights in external-a.bin and external-b.bin, unsorted offsets, a tensor without length, one inline
everything.onnx      every element type in raw and typed fields, strings, sparse initializer, functions, metadata at every level, quantization
                     annotation, device configuration, symbolic and empty shapes, names that differ only in Unicode normalisation
training.onnx        training info: initialization and algorithm graphs with bindings
"""

import os
import sys

import numpy as np
import onnx
from onnx import TensorProto as T
from onnx import helper as h
from onnx import numpy_helper

GLYPHS = [  # 5x7, one row per number
    [14, 17, 19, 21, 25, 17, 14], [4, 12, 4, 4, 4, 4, 14], [14, 17, 1, 2, 4, 8, 31], [31, 2, 4, 2, 1, 17, 14], [2, 6, 10, 18, 31, 2, 2],
    [31, 16, 30, 1, 1, 17, 14], [6, 8, 16, 30, 17, 17, 14], [31, 1, 2, 4, 8, 8, 8], [14, 17, 17, 14, 17, 17, 14], [14, 17, 17, 15, 1, 2, 12],
]
ONE = 1 << 16  # fixed point: this many steps to 1.0


def digits(count, rng):
    """Noisy, shifted 8x8 digits with values 0...16, and what they show."""
    images = np.zeros((count, 8, 8), np.int64)
    labels = rng.integers(0, 10, count)
    for i, label in enumerate(labels):
        dx, dy = rng.integers(0, 4), rng.integers(0, 2)
        for y, row in enumerate(GLYPHS[label]):
            for x in range(5):
                images[i, y + dy, x + dx] = 14 if row >> (4 - x) & 1 else 0
    return np.clip(images + rng.integers(-3, 4, images.shape), 0, 16), labels


def noise(shape, scale, rng):
    """Nearly normal: the sum of twelve uniform integers."""
    return (rng.integers(-ONE, ONE, (12, *shape)).sum(0) * scale) // (2 * ONE)


def train(x, labels, hidden, rng, steps=1500):
    """A perceptron with one hidden layer in fixed point: x in 0...16. Gives (w1, b1, w2, b2) and its accuracy on x."""
    inputs = x.shape[1]
    w1, b1 = noise((inputs, hidden), ONE // 8, rng), np.zeros(hidden, np.int64)
    w2, b2 = noise((hidden, 10), ONE // 6, rng), np.zeros(10, np.int64)

    def forward(batch):
        raw = (batch @ w1 >> 4) + b1
        active = np.maximum(raw, 0)
        return active, (active @ w2 >> 16) + b2

    for step in range(steps):
        at = rng.integers(0, len(x), 32)
        batch = x[at]
        active, out = forward(batch)
        # Squared error towards one-hot: only sums, products and shifts, so it is the same everywhere.
        error = out - ONE * (np.arange(10) == labels[at][:, None])
        back = (error @ w2.T >> 16) * (active > 0)
        rate = 8 + (step > 1000)
        w2 -= (active.T @ error >> 16) >> rate - 1
        b2 -= error.sum(0) >> rate
        w1 -= (batch.T @ back >> 4) >> rate
        b1 -= back.sum(0) >> rate
    _, out = forward(x)
    return (w1, b1, w2, b2), float((out.argmax(1) == labels).mean())


def real(fixed, scale=1.0):
    """Fixed point to float32 with mantissas as full as those of trained weights."""
    return (fixed.astype(np.float64) * (0.9998713 * scale / ONE)).astype(np.float32)


def raw(name, array):
    return numpy_helper.from_array(np.ascontiguousarray(array), name)


def typed(name, kind, dims, values):
    return h.make_tensor(name, kind, dims, values)


def value(name, kind=T.FLOAT, shape=("N",)):
    return h.make_tensor_value_info(name, kind, shape)


def model(graph, opset=17, ir=8, **more):
    m = h.make_model(graph, opset_imports=[h.make_opsetid("", opset)], producer_name="make_models", producer_version="1", **more)
    m.ir_version = ir
    return m


def digits_mlp():
    rng = np.random.Generator(np.random.PCG64(1))
    x, labels = digits(800, rng)
    (w1, b1, w2, b2), accuracy = train(x.reshape(-1, 64), labels, 64, rng)
    assert accuracy > 0.9, accuracy
    nodes = [
        h.make_node("Flatten", ["image"], ["flat"], "flatten"),
        h.make_node("Gemm", ["flat", "hidden.weight", "hidden.bias"], ["hidden"], "hidden"),
        h.make_node("Relu", ["hidden"], ["active"], "relu"),
        h.make_node("Gemm", ["active", "out.weight", "out.bias"], ["score"], "out"),
        h.make_node("Softmax", ["score"], ["probability"], "softmax", axis=1),
    ]
    weights = [raw("hidden.weight", real(w1, 1 / 16 * 16)), raw("hidden.bias", real(b1)), raw("out.weight", real(w2)), raw("out.bias", real(b2))]
    graph = h.make_graph(nodes, "digits", [value("image", shape=("N", 1, 8, 8))], [value("probability", shape=("N", 10))], weights)
    return model(graph, doc_string="Reads 8x8 digits with values from 0 to 1.")


def digits_cnn():
    rng = np.random.Generator(np.random.PCG64(2))
    x, labels = digits(800, rng)
    edges = np.array([[1, 0, -1], [2, 0, -2], [1, 0, -1]])
    kernels = [np.rot90(edges, k) for k in range(4)] + [np.eye(3, dtype=np.int64) * 2 - 1, np.eye(3, dtype=np.int64)[::-1] * 2 - 1,
                                                       np.ones((3, 3), np.int64), -np.ones((3, 3), np.int64)]
    padded = np.pad(x, ((0, 0), (1, 1), (1, 1)))
    maps = np.stack([sum(k[i, j] * padded[:, i:i + 8, j:j + 8] for i in range(3) for j in range(3)) for k in kernels], 1)
    pooled = np.maximum(maps, 0).reshape(-1, 8, 4, 2, 4, 2).max((3, 5)) // 8
    (w1, b1, w2, b2), accuracy = train(pooled.reshape(-1, 128), labels, 32, rng)
    assert accuracy > 0.9, accuracy
    conv = real(np.stack(kernels)[:, None] * ONE + noise((8, 1, 3, 3), 64, rng), 1 / 8)
    ones, zeros = [1.0] * 8, [0.0] * 8
    nodes = [
        h.make_node("Conv", ["image", "conv.weight"], ["maps"], "conv", kernel_shape=[3, 3], pads=[1, 1, 1, 1]),
        h.make_node("BatchNormalization", ["maps", "norm.scale", "norm.bias", "norm.mean", "norm.var"], ["normed"], "norm", epsilon=1e-5),
        h.make_node("Relu", ["normed"], ["active"], "relu"),
        h.make_node("MaxPool", ["active"], ["pooled"], "pool", kernel_shape=[2, 2], strides=[2, 2]),
        h.make_node("Reshape", ["pooled", "flat.shape"], ["flat"], "flat"),
        h.make_node("Gemm", ["flat", "hidden.weight", "hidden.bias"], ["hidden"], "hidden"),
        h.make_node("Relu", ["hidden"], ["hidden.active"], "hidden.relu"),
        h.make_node("Gemm", ["hidden.active", "out.weight", "out.bias"], ["score"], "out"),
        h.make_node("Gemm", ["hidden.active", "out.weight.copy", "out.bias"], ["score.again"], "out.again"),
    ]
    weights = [
        raw("conv.weight", conv), typed("norm.scale", T.FLOAT, [8], ones), typed("norm.bias", T.FLOAT, [8], zeros),
        typed("norm.mean", T.FLOAT, [8], zeros), typed("norm.var", T.FLOAT, [8], ones), typed("flat.shape", T.INT64, [2], [0, 128]),
        raw("hidden.weight", real(w1)), raw("hidden.bias", real(b1)), raw("out.weight", real(w2)), raw("out.weight.copy", real(w2)),
        raw("out.bias", real(b2)),
    ]
    outputs = [value("score", shape=("N", 10)), value("score.again", shape=("N", 10))]
    return model(h.make_graph(nodes, "digits", [value("image", shape=("N", 1, 8, 8))], outputs, weights))


def branches():
    rng = np.random.Generator(np.random.PCG64(3))

    def constant(name, seed_scale):
        return h.make_node("Constant", [], [name], name, value=raw("", real(noise((48, 48), seed_scale, rng))))

    def branch(name, inner=None):
        nodes = [constant(name + ".w", ONE // 7), h.make_node("MatMul", ["x", name + ".w"], [name + ".mm"], name)]
        last = name + ".mm"
        if inner is not None:
            nodes += [h.make_node("If", ["deeper"], [name + ".if"], name + ".if", then_branch=inner[0], else_branch=inner[1]),
                      h.make_node("Add", [last, name + ".if"], [name + ".out"], name + ".add")]
            last = name + ".out"
        return h.make_graph(nodes, name, [], [value(last, shape=("N", 48))])

    inner = (branch("inner.then"), branch("inner.else"))
    node = h.make_node("If", ["choice"], ["y"], "if", then_branch=branch("then", inner), else_branch=branch("else"))
    inputs = [value("x", shape=("N", 48)), value("choice", T.BOOL, ()), value("deeper", T.BOOL, ())]
    return model(h.make_graph([node], "branches", inputs, [value("y", shape=("N", 48))]))


def external(folder):
    rng = np.random.Generator(np.random.PCG64(4))
    arrays = [real(noise((32, 32), ONE // 5, rng)) for _ in range(4)]
    files = {"external-a.bin": bytearray(), "external-b.bin": bytearray()}
    # (file, offset key, length key) in an order that differs from the order in the files.
    places = [("external-a.bin", 8192, True), ("external-b.bin", None, False), ("external-a.bin", 0, True), None]
    tensors = []
    for i, (array, place) in enumerate(zip(arrays, places)):
        t = raw(f"w{i}", array)
        if place:
            name, offset, with_length = place
            data = files[name]
            start = offset or 0
            data.extend(bytes(max(0, start + array.nbytes - len(data))))
            data[start:start + array.nbytes] = array.tobytes()
            t.ClearField("raw_data")
            t.data_location = T.EXTERNAL
            keys = [("location", name)] + ([("offset", str(offset))] if offset is not None else []) + ([("length", str(array.nbytes))] if with_length else [])
            for key, text in keys:
                entry = t.external_data.add()
                entry.key, entry.value = key, text
        tensors.append(t)
    for name, data in files.items():
        with open(os.path.join(folder, name), "wb") as f:
            f.write(data)
    nodes = [h.make_node("MatMul", ["x" if i == 0 else f"h{i - 1}", f"w{i}"], [f"h{i}" if i < 3 else "y"], f"mm{i}") for i in range(4)]
    return model(h.make_graph(nodes, "external", [value("x", shape=("N", 32))], [value("y", shape=("N", 32))], tensors))


def everything():
    rng = np.random.Generator(np.random.PCG64(5))
    tensors = []
    bits = {T.FLOAT6E2M3: 6, T.FLOAT6E3M2: 6, T.INT4: 4, T.UINT4: 4, T.FLOAT4E2M1: 4, T.INT2: 2, T.UINT2: 2}
    for name, kind in sorted(T.DataType.items(), key=lambda item: item[1]):
        if kind in (T.UNDEFINED, T.STRING):
            continue
        # Seven elements: packed types end inside a byte.
        if kind in bits:
            size = -(-7 * bits[kind] // 8)
            content = rng.integers(0, 256, size, np.uint8)
            content[-1] &= (1 << (7 * bits[kind] - 8 * (size - 1))) - 1
        else:
            size = 7 * h.tensor_dtype_to_np_dtype(kind).itemsize
            content = rng.integers(0, 2 if kind == T.BOOL else 100, size, np.uint8)
        t = T(name=f"raw.{name.lower()}", data_type=kind, dims=[7])
        t.raw_data = content.tobytes()
        tensors.append(t)
    typed_fields = [
        (T.FLOAT, "float_data", [0.5, -0.0, float("inf"), float("-inf"), 1e-45, 3.4e38]), (T.DOUBLE, "double_data", [0.1, -1e308, 5e-324]),
        (T.INT32, "int32_data", [-(2**31), 2**31 - 1, 0, -1]), (T.INT64, "int64_data", [-(2**63), 2**63 - 1, -1]),
        (T.UINT64, "uint64_data", [2**64 - 1, 0]), (T.UINT32, "uint64_data", [2**32 - 1, 7]), (T.INT8, "int32_data", [-128, 127, -1]),
        (T.UINT8, "int32_data", [0, 255]), (T.INT16, "int32_data", [-32768, 32767]), (T.UINT16, "int32_data", [0, 65535]),
        (T.BOOL, "int32_data", [0, 1, 1]), (T.FLOAT16, "int32_data", [0x3C00, 0x7E00, 0x8000]), (T.BFLOAT16, "int32_data", [0x3F80, 0xFFC1]),
        (T.FLOAT8E4M3FN, "int32_data", [0x38, 0xFF]), (T.INT4, "int32_data", [0x21, 0x07]), (T.COMPLEX64, "float_data", [1.0, -2.0, 0.25, 4.0]),
        (T.COMPLEX128, "double_data", [1.0, -2.0]),
    ]
    for kind, field, values in typed_fields:
        count = {T.COMPLEX64: len(values) // 2, T.COMPLEX128: len(values) // 2, T.INT4: 3}.get(kind, len(values))
        t = T(name=f"typed.{T.DataType.Name(kind).lower()}", data_type=kind, dims=[count])
        getattr(t, field).extend(values)
        tensors.append(t)
    strings = T(name="strings", data_type=T.STRING, dims=[2, 2], doc_string="bytes, not only text")
    strings.string_data.extend([b"", "grün".encode(), b"a\0b", b"\xff\xfe"])
    tensors.append(strings)
    tensors += [typed("scalar", T.FLOAT, [], [0.5]), T(name="none", data_type=T.FLOAT, dims=[0, 3]), raw("nan", np.array([0x7FC00001, 0xFF800002], np.uint32).view(np.float32))]
    tensors += [raw("caf\u00e9", np.zeros(4, np.float32)), raw("cafe\u0301", np.ones(4, np.float32))]
    tensors += [raw("scale", np.array([0.02], np.float32)), raw("zero_point", np.array([3], np.int8))]
    entry = tensors[0].metadata_props.add()
    entry.key, entry.value = "tensor", "kept"

    flat = h.make_sparse_tensor(raw("sparse", np.array([1.5, -2.5, 3.5], np.float32)), raw("", np.array([1, 5, 11], np.int64)), [3, 4])
    pairs = h.make_sparse_tensor(raw("sparse.pairs", np.array([4, 5], np.int64)), raw("", np.array([[0, 1], [2, 0]], np.int64)), [3, 2])

    twice = h.make_function("make.models", "Twice", ["a"], ["b"], [
        h.make_node("Constant", [], ["two"], value=raw("", np.array(2, np.float32))), h.make_node("Mul", ["a", "two"], ["b"])], [h.make_opsetid("", 21)])
    twice.doc_string = "a function without attributes"
    scaled = h.make_function("make.models", "Scaled", ["a"], ["b"], [h.make_node("Twice", ["a"], ["c"], domain="make.models")], [
        h.make_opsetid("", 21), h.make_opsetid("make.models", 1)], attributes=["alpha"], attribute_protos=[h.make_attribute("beta", 0.25)])
    reference = h.make_node("LeakyRelu", ["c"], ["b"])
    attribute = reference.attribute.add()
    attribute.name, attribute.ref_attr_name, attribute.type = "alpha", "alpha", onnx.AttributeProto.FLOAT
    scaled.node.append(reference)
    entry = scaled.metadata_props.add()
    entry.key, entry.value = "function", "kept"

    node = h.make_node("Scaled", ["x"], ["y"], "scaled", domain="make.models", alpha=0.5, doc_string="a call")
    entry = node.metadata_props.add()
    entry.key, entry.value = "node", "kept"
    place = node.device_configurations.add()
    place.configuration_id = "two"
    shard = place.sharding_spec.add()
    shard.tensor_name = "x"
    shard.device.extend([0, 1])
    place.pipeline_stage = 1
    odd = h.make_node("Odd", ["", "x"], ["", "z"], "odd", domain="make.models", ints=[1, -1, 2**62], floats=[0.5, float("nan")],
                      strings=[b"a", b"\x00"], text=b"\xff", tensor=typed("", T.INT32, [2], [1, 2]),
                      kind=h.make_tensor_type_proto(T.FLOAT, ["N", 3]), sparse=flat, tensors=[typed("", T.FLOAT, [1], [0.5])])
    graph = h.make_graph([node, odd], "everything", [value("x", shape=("N", None, 3))], [value("y", shape=("N", None, 3)), value("z", shape=("M",))],
                         tensors, doc_string="a graph", value_info=[h.make_tensor_sequence_value_info("s", T.FLOAT, ["a", 2])],
                         sparse_initializer=[flat, pairs])
    graph.input[0].type.tensor_type.shape.dim[0].denotation = "DATA_BATCH"
    entry = graph.metadata_props.add()
    entry.key, entry.value = "graph", "kept"
    note = graph.quantization_annotation.add()
    note.tensor_name = "x"
    for key, name in (("SCALE_TENSOR", "scale"), ("ZERO_POINT_TENSOR", "zero_point")):
        entry = note.quant_parameter_tensor_names.add()
        entry.key, entry.value = key, name
    m = h.make_model(graph, functions=[twice, scaled], opset_imports=[h.make_opsetid("", 21), h.make_opsetid("make.models", 1)],
                     producer_name="make_models", producer_version="1", doc_string="a model", model_version=-3, domain="make.models")
    m.ir_version = 14
    h.set_model_props(m, {"author": "make_models", "empty": ""})
    m.configuration.append(onnx.DeviceConfigurationProto(name="two", num_devices=2, device=["CPU", "CPU"]))
    return m


def training():
    forward = h.make_graph([h.make_node("MatMul", ["x", "w"], ["y"], "mm")], "forward", [value("x", shape=("N", 4))], [value("y", shape=("N", 2))],
                           [raw("w", np.arange(8, dtype=np.float32).reshape(4, 2))])
    start = h.make_graph([h.make_node("RandomUniform", [], ["w.start"], "start", shape=[4, 2], seed=1.0)], "initialization", [], [value("w.start", shape=(4, 2))])
    step = h.make_graph([h.make_node("Mul", ["w", "rate"], ["w.step"], "scale"), h.make_node("Sub", ["w", "w.step"], ["w.next"], "next")],
                        "algorithm", [], [value("w.next", shape=(4, 2))], [raw("rate", np.array(0.125, np.float32))])
    m = model(forward)
    info = h.make_training_info(step, [("w", "w.next")], start, [("w", "w.start")])
    m.training_info.append(info)
    return m


def main():
    folder = sys.argv[1] if len(sys.argv) > 1 else os.path.dirname(os.path.abspath(__file__))
    made = {"digits-mlp": digits_mlp(), "digits-cnn": digits_cnn(), "branches": branches(), "external": external(folder),
            "everything": everything(), "training": training()}
    for name, proto in made.items():
        with open(os.path.join(folder, name + ".onnx"), "wb") as f:
            f.write(proto.SerializeToString(deterministic=True))


main()
