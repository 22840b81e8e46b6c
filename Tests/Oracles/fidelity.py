"""fidelity.py REFERENCE FOLDER: a candidate for a model (FOLDER/candidate.onnx: weights on 31 steps, one value with another name, one node
more), samples stacked in FOLDER/samples.npz, and in FOLDER/expected.json what NumPy says of ONNX Runtime's outputs and inner values.

fidelity.py --many FOLDER COUNT: a small model and COUNT samples of 400 kB for it, in FOLDER/model.onnx and FOLDER/samples.npz."""

import copy
import json
import sys

import numpy as np
import onnx
import onnxruntime as ort
from onnx import TensorProto as T, helper as h, numpy_helper as nh

ort.set_default_logger_severity(4)
rng = np.random.default_rng(1)


def figures(a, b):
    """a, b: lists of arrays, a sample each."""
    x, y = (np.concatenate([v.ravel() for v in values]).astype(np.float64) for values in (a, b))
    noise, signal = np.sum((x - y) ** 2), np.sum(x * x)
    return {
        "elements": int(x.size), "differing_elements": int(np.sum(x != y)), "max_abs_error": float(np.max(np.abs(x - y))),
        "max_relative_error": float(np.max(np.abs(x - y)) / np.max(np.abs(x))), "mean_abs_error": float(np.mean(np.abs(x - y))),
        "sqnr_db": float(10 * np.log10(signal / noise)) if noise else None,
        "cosine": float(x @ y / np.sqrt(signal * (y @ y))),
    }


def with_inner_values(model):
    """The same model with all values between its nodes as outputs, and their names."""
    model = onnx.shape_inference.infer_shapes(copy.deepcopy(model))
    known = {o.name for o in model.graph.output}
    model.graph.output.extend(v for v in model.graph.value_info if v.name not in known)
    return model, [o.name for o in model.graph.output]


def run(model, samples):
    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = ort.InferenceSession(model.SerializeToString(), options)
    name = session.get_inputs()[0].name
    results = [session.run(None, {name: sample[None]}) for sample in samples]
    return {output.name: [r[i] for r in results] for i, output in enumerate(session.get_outputs())}


def many(folder, count):
    x, y = (h.make_tensor_value_info(name, T.FLOAT, ["N", 100_000]) for name in "xy")
    graph = h.make_graph([h.make_node("Relu", ["x"], ["r"]), h.make_node("Abs", ["r"], ["y"])], "g", [x], [y])
    onnx.save(h.make_model(graph, opset_imports=[h.make_opsetid("", 17)], ir_version=8), f"{folder}/model.onnx")
    np.savez(f"{folder}/samples.npz", x=rng.uniform(-1, 1, (count, 100_000)).astype(np.float32))


def main(source, folder):
    reference = onnx.load(source)
    candidate = copy.deepcopy(reference)
    for tensor in candidate.graph.initializer:
        a = nh.to_array(tensor)
        if a.dtype == np.float32 and a.size > 64:
            step = np.abs(a).max() / 15
            tensor.CopyFrom(nh.from_array((np.round(a / step) * step).astype(np.float32), tensor.name))
    nodes = candidate.graph.node
    for node in nodes:
        for names in (node.input, node.output):
            for i, name in enumerate(names):
                if name == "normed":
                    names[i] = "normed/other"
    # A node that the reference does not have: the ones behind it keep their names.
    place = [n.output[0] for n in nodes].index("pooled")
    nodes.insert(place, h.make_node("Identity", ["active"], ["active.copy"]))
    nodes[place + 1].input[0] = "active.copy"
    onnx.save(candidate, f"{folder}/candidate.onnx")
    samples = rng.integers(0, 17, (40, 1, 8, 8)).astype(np.float32)
    np.savez_compressed(f"{folder}/samples.npz", image=samples)
    (a, names), (b, _) = with_inner_values(reference), with_inner_values(candidate)
    a, b = run(a, samples), run(b, samples)
    outputs = [o.name for o in reference.graph.output]
    result = {"outputs": {}, "layers": {}}
    for name in names:
        other = "normed/other" if name == "normed" else name
        result["layers"][name] = figures(a[name], b[other])
        if name not in outputs:
            continue
        each = [figures([x], [y]) for x, y in zip(a[name], b[other])]
        worst = int(np.argmin([f["sqnr_db"] for f in each]))
        equal = sum(int(np.argmax(x) == np.argmax(y)) for x, y in zip(a[name], b[other]))
        result["outputs"][name] = {**figures(a[name], b[other]), "worst": worst, "worst_figures": each[worst], "top1_equal": equal}
    with open(f"{folder}/expected.json", "w") as out:
        json.dump(result, out)


if sys.argv[1] == "--many":
    many(sys.argv[2], int(sys.argv[3]))
else:
    main(sys.argv[1], sys.argv[2])
