"""Makes models for the tests of the binary: make_cases.py CASE OUT [ARGUMENTS]

weights OUT COUNT [SEED]     one float weight of COUNT values and some small ones
names OUT                    hostile text in every place that holds text; prints the names as a JSON list of hexadecimal bytes
traversals FOLDER            one folder for each of 9 places and each path: model.onnx whose external data lies at that path
scale OUT KIND COUNT         COUNT of something: chain, fanout, initializers, opsets, metadata, functions, attributes
nested OUT KIND DEPTH        graphs inside graphs, or functions that call functions: if, loop, scan, sequence, function
"""

import json
import os
import sys

import numpy as np
import onnx
from onnx import TensorProto as T
from onnx import helper as h
from onnx import numpy_helper


def value(name, kind=T.FLOAT, shape=("N",)):
    return h.make_tensor_value_info(name, kind, shape)


def save(graph, path, **more):
    opsets = more.pop("opsets", [h.make_opsetid("", 17)])
    m = h.make_model(graph, opset_imports=opsets, producer_name="make_cases", **more)
    m.ir_version = 10
    with open(path, "wb") as f:
        f.write(m.SerializeToString())
    return m


def weights(path, count, seed="1"):
    count = int(count)
    rng = np.random.default_rng(int(seed))
    tensors = [numpy_helper.from_array(rng.standard_normal(count, np.float32), "w")]
    tensors += [numpy_helper.from_array(rng.standard_normal((10, 10), np.float32), f"s{i}") for i in range(3)]
    nodes = [h.make_node("Mul", ["x", "w"], ["m"], "mul")]
    nodes += [h.make_node("MatMul", [f"s{i}", f"s{i}"], [f"q{i}"], f"mm{i}") for i in range(3)]
    outputs = [value("m", shape=(count,))] + [value(f"q{i}", shape=(10, 10)) for i in range(3)]
    save(h.make_graph(nodes, "weights", [value("x", shape=(count,))], outputs, tensors), path)


HOSTILE = [
    b"\x1b[31mred\x1b[0m", b"\x1b]52;c;aGVsbG8=\x07", b"\xc2\x9b31m", b"bell\x07", b"line\rback", b"two\nlines", b"tab\there", b"\x00nul\x00inside",
    b"\xe2\x80\xaegnp.exe", b"\xe2\x80\xa8separator", b"\xe2\x81\xa6isolate", b"\xef\xbb\xbfbom", b"\x7fdelete", b"</script><script>alert(1)</script>",
    b'"><img src=x onerror=alert(1)>', b"{{7*7}}", b"=cmd|'/c calc'!A1", b"$(touch owned)", b"`touch owned`", b"'; DROP TABLE weights; --",
    b"../../etc/passwd", b"caf\xc3\xa9", b"cafe\xcc\x81", b"quote\"backslash\\", b"%s%n%x", b"] --> evil[", b"end\nsubgraph x",
    b"\xf0\x9f\x98\x80 emoji", b"\xee\x80\x80 private", b"L" * 5000,
]


def names(path):
    """Names that protobuf for Python would not write are put in afterwards, in the place of stand-ins of the same length."""
    # A stand-in of fewer than four bytes could occur elsewhere: pad the hostile name instead.
    hostile = [name if len(name) >= 4 else name + b"short" for name in HOSTILE]
    stand_ins = [b"@%03d" % i + b"@" * (len(name) - 4) for i, name in enumerate(hostile)]
    words = [s.decode() for s in stand_ins]
    tensors = [numpy_helper.from_array(np.full((4,), i, np.float32), w) for i, w in enumerate(words)]
    nodes = [h.make_node("Add", ["x" if i == 0 else f"v{i - 1}", w], [f"v{i}" if i < len(words) - 1 else "y"], w, doc_string=w) for i, w in enumerate(words)]
    nodes += [h.make_node("Op" + w, [w], ["out " + w], "custom " + w, domain="custom", **{"attribute": w}) for w in words]
    graph = h.make_graph(nodes, words[0], [value("x", shape=(words[1],))], [value("y", shape=(4,))], tensors, doc_string=words[2])
    m = h.make_model(graph, opset_imports=[h.make_opsetid("", 17), h.make_opsetid("custom", 1)], producer_name=words[0], producer_version=words[1],
                     domain=words[8], doc_string="".join(words))
    m.ir_version = 10
    h.set_model_props(m, {w: w for w in words})
    content = m.SerializeToString()
    for stand_in, name in zip(stand_ins, hostile):
        content = content.replace(stand_in, name)
    with open(path, "wb") as f:
        f.write(content)
    print(json.dumps([name.hex() for name in hostile]))


PATHS = [
    "../secret.bin", "../../secret.bin", "a/../../secret.bin", "./../secret.bin", "sub/../../secret.bin", "/etc/hostname", "//etc/hostname", "/proc/self/environ",
    "~/secret.bin", "..\\secret.bin", "C:\\secret.bin", "C:secret.bin", "\\\\host\\share\\secret.bin", "file:///etc/hostname", "http://localhost/secret.bin",
    "$HOME/secret.bin", "%2e%2e/secret.bin", "link-file", "link-folder/secret.bin", "link-up/secret.bin", "w.bin\0/../../secret.bin", "/dev/zero", ".", "",
    "sub", "fifo",
]


def external(name, path, kind=T.FLOAT, dims=(16,)):
    t = T(name=name, data_type=kind, dims=dims, data_location=T.EXTERNAL)
    for key, text in (("location", path), ("offset", "0"), ("length", str(int(np.prod(dims)) * (8 if kind == T.INT64 else 4)))):
        entry = t.external_data.add()
        entry.key, entry.value = key, text
    return t


def inline(name, kind, values):
    return h.make_tensor(name, kind, [len(values)], values)


def place_it(place, path):
    """A model with the external tensor at one of the nine places that hold tensors."""
    inputs, outputs = [value("x", shape=(16,))], [value("y", shape=(16,))]
    add = h.make_node("Add", ["x", "w"], ["y"], "add")
    sparse = lambda values, indices: onnx.SparseTensorProto(values=values, indices=indices, dims=[64])
    floats, positions = inline("w", T.FLOAT, [0.5] * 16), inline("", T.INT64, list(range(16)))
    nodes, initializers, more = [add], [], {}
    graph_more = {}
    if place == "initializer":
        initializers = [external("w", path)]
    elif place == "sparse-values":
        graph_more["sparse_initializer"] = [sparse(external("w", path), positions)]
    elif place == "sparse-indices":
        graph_more["sparse_initializer"] = [sparse(floats, external("", path, T.INT64))]
    elif place == "constant":
        nodes = [h.make_node("Constant", [], ["w"], "constant", value=external("", path)), add]
    elif place == "constant-sparse":
        nodes = [h.make_node("Constant", [], ["w"], "constant", sparse_value=sparse(external("", path), positions)), add]
    elif place == "attribute-list":
        nodes = [h.make_node("Identity", ["x"], ["y"], "custom", domain="custom", tensors=[external("", path)])]
        more["opsets"] = [h.make_opsetid("", 17), h.make_opsetid("custom", 1)]
    elif place == "function":
        body = [h.make_node("Constant", [], ["w"], value=external("", path)), h.make_node("Add", ["a", "w"], ["b"])]
        more["functions"] = [h.make_function("custom", "F", ["a"], ["b"], body, [h.make_opsetid("", 17)])]
        more["opsets"] = [h.make_opsetid("", 17), h.make_opsetid("custom", 1)]
        nodes = [h.make_node("F", ["x"], ["y"], "call", domain="custom")]
    elif place == "subgraph":
        branch = lambda name, w: h.make_graph([h.make_node("Add", ["x", name + "w"], [name + "y"])], name, [], [value(name + "y", shape=(16,))], [w])
        nodes = [h.make_node("If", ["c"], ["y"], "if", then_branch=branch("t", external("tw", path)), else_branch=branch("e", inline("ew", T.FLOAT, [1.0] * 16)))]
        inputs.append(value("c", T.BOOL, ()))
    elif place == "training":
        initializers = [inline("w", T.FLOAT, [1.0] * 16)]
    graph = h.make_graph(nodes, "g", inputs, outputs, initializers, **graph_more)
    opsets = more.pop("opsets", [h.make_opsetid("", 17)])
    m = h.make_model(graph, opset_imports=opsets, producer_name="make_cases", **more)
    m.ir_version = 10
    if place == "training":
        step = h.make_graph([h.make_node("Add", ["w", "d"], ["n"])], "step", [], [value("n", shape=(16,))], [external("d", path)])
        m.training_info.append(h.make_training_info(step, [("w", "n")], None, None))
    return m


PLACES = ["initializer", "sparse-values", "sparse-indices", "constant", "constant-sparse", "attribute-list", "function", "subgraph", "training"]


def traversals(top):
    with open(os.path.join(top, "secret.bin"), "wb") as f:
        f.write(bytes(128))
    for place in PLACES:
        for i, path in enumerate(PATHS + ["w.bin"]):
            folder = os.path.join(top, f"{place}-{i:02}" if path != "w.bin" else f"{place}-good")
            os.makedirs(os.path.join(folder, "sub"))
            with open(os.path.join(folder, "w.bin"), "wb") as f:
                f.write(np.arange(32, dtype=np.int32).tobytes() if place != "sparse-indices" else np.arange(16, dtype=np.int64).tobytes())
            os.symlink("../secret.bin", os.path.join(folder, "link-file"))
            os.symlink("/etc", os.path.join(folder, "link-folder"))
            os.symlink("..", os.path.join(folder, "link-up"))
            os.mkfifo(os.path.join(folder, "fifo"))
            with open(os.path.join(folder, "model.onnx"), "wb") as f:
                f.write(place_it(place, path).SerializeToString())


def scale(path, kind, count):
    count = int(count)
    inputs, outputs, tensors, nodes, more = [value("x")], [value("y")], [], [], {}
    m = None
    if kind == "chain":
        nodes = [h.make_node("Identity", ["x" if i == 0 else f"v{i}"], [f"v{i + 1}" if i < count - 1 else "y"]) for i in range(count)]
    elif kind == "fanout":
        nodes = [h.make_node("Identity", ["x"], [f"v{i}" if i < count - 1 else "y"]) for i in range(count)]
    elif kind == "initializers":
        prefix = "a/rather/long/prefix/that/all/names/share/"
        tensors = [T(name=f"{prefix}{i}", data_type=T.FLOAT, dims=[1], raw_data=b"\0\0\0\0") for i in range(count)]
        nodes = [h.make_node("Identity", ["x"], ["y"])]
    elif kind == "metadata":
        nodes = [h.make_node("Identity", ["x"], ["y"])]
    elif kind == "functions":
        nodes = [h.make_node("Identity", ["x"], ["y"])]
        more["functions"] = [h.make_function("custom", f"F{i}", ["a"], ["b"], [h.make_node("Identity", ["a"], ["b"])], [h.make_opsetid("", 17)]) for i in range(count)]
        more["opsets"] = [h.make_opsetid("", 17), h.make_opsetid("custom", 1)]
    elif kind == "attributes":
        nodes = [h.make_node("Odd", ["x"], ["y"], domain="custom", **{f"a{i}": i for i in range(count)})]
        more["opsets"] = [h.make_opsetid("", 17), h.make_opsetid("custom", 1)]
    elif kind == "opsets":
        nodes = [h.make_node("Identity", ["x"], ["y"])]
        more["opsets"] = [h.make_opsetid("", 17)] + [h.make_opsetid(f"d{i}", 1) for i in range(count)]
    graph = h.make_graph(nodes, "g", inputs, outputs, tensors)
    opsets = more.pop("opsets", [h.make_opsetid("", 17)])
    m = h.make_model(graph, opset_imports=opsets, producer_name="make_cases", **more)
    m.ir_version = 10
    if kind == "metadata":
        h.set_model_props(m, {f"key {i}": f"value {i}" for i in range(count)})
    with open(path, "wb") as f:
        f.write(m.SerializeToString())


def nested(path, kind, depth):
    depth = int(depth)
    functions, imports = [], [h.make_opsetid("", 17)]
    scalar, carried = lambda name, kind=T.FLOAT: value(name, kind, ()), value("x", T.FLOAT, (4,))
    constants = {"yes": np.array(True), "one": np.array(1), "zero": np.array(0), "sequence": np.zeros(1, np.float32)}

    def call(nodes, last, level, result):
        functions.append(h.make_function("nest", f"F{level}", ["x"], [last], nodes, [h.make_opsetid("", 17), h.make_opsetid("nest", 1)]))
        return [h.make_node(f"F{level}", ["x"], [result], domain="nest")]

    inner = [h.make_node("Relu", ["x"], ["y0"])]
    for level in range(1, depth + 1):
        last, result = f"y{level - 1}", f"y{level}"
        if kind == "if":
            graph = h.make_graph(inner, "g", [], [value(last)])
            other = h.make_graph([h.make_node("Neg", ["x"], ["z"])], "g", [], [value("z")])
            inner = [h.make_node("If", ["yes"], [result], then_branch=graph, else_branch=other)]
        elif kind == "loop":
            ends = [h.make_node("Identity", [f"c{level}"], [f"d{level}"])]
            inputs = [scalar(f"i{level}", T.INT64), scalar(f"c{level}", T.BOOL), value(f"v{level}")]
            graph = h.make_graph(inner + ends, "g", inputs, [scalar(f"d{level}", T.BOOL), value(last)])
            inner = [h.make_node("Loop", ["one", "yes", "x"], [result], body=graph)]
        elif kind == "scan":
            keep = [h.make_node("Identity", [f"s{level}"], [f"t{level}"])]
            graph = h.make_graph(inner + keep, "g", [value(f"s{level}", shape=())], [value(last), scalar(f"t{level}")])
            # The state is what the body makes, the sequence has one element.
            graph.input.insert(0, value(f"v{level}", shape=(4,)))
            inner = [h.make_node("Scan", ["x", "sequence"], [result, f"u{level}"], body=graph, num_scan_inputs=1)]
        elif kind == "sequence":
            graph = h.make_graph(inner, "g", [value(f"e{level}")], [value(last)])
            inner = [
                h.make_node("SequenceConstruct", ["x"], [f"q{level}"]), h.make_node("SequenceMap", [f"q{level}"], [f"r{level}"], body=graph),
                h.make_node("SequenceAt", [f"r{level}", "zero"], [result]),
            ]
        else:
            inner = call(inner, last, level, result)
        if kind != "function" and level % 25 == 0:
            # protobuf of Python nests no deeper than 100 messages: a function begins anew, without the names around it.
            known = [h.make_node("Constant", [], [name], value=numpy_helper.from_array(array)) for name, array in constants.items()]
            inner = call(known + inner, result, level, result)
    tensors = [numpy_helper.from_array(array, name) for name, array in constants.items()]
    if functions:
        imports.append(h.make_opsetid("nest", 1))
    save(h.make_graph(inner, "g", [carried], [value(f"y{depth}")], tensors), path, functions=functions, opsets=imports)


{"weights": weights, "names": names, "traversals": traversals, "scale": scale, "nested": nested}[sys.argv[1]](*sys.argv[2:])
