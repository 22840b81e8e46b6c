"""learned_models.py FOLDER SEED: random models of ai.onnx.ml with inputs and what ONNX Runtime makes of them, as cases of a backend suite."""
import os, sys
import numpy as np
import onnx
import onnxruntime as ort
from onnx import TensorProto as T, helper as h, numpy_helper as nh

ort.set_default_logger_severity(4)
folder, seed = sys.argv[1], int(sys.argv[2])
rng = np.random.default_rng(seed)
TRANSFORMS = ["NONE", "LOGISTIC", "SOFTMAX", "SOFTMAX_ZERO", "PROBIT"]
count = 0


def floats(n, low=-1.0, high=1.0):
    return [float(np.float32(v)) for v in rng.uniform(low, high, n)]


def save(op, x, outputs, version=1, **attributes):
    """Keeps the case if ONNX Runtime runs it."""
    global count
    node = h.make_node(op, ["x"], ["y", "z"][: len(outputs)], domain="ai.onnx.ml", **attributes)
    graph = h.make_graph(
        [node], "g", [h.make_tensor_value_info("x", h.np_dtype_to_tensor_dtype(x.dtype) if x.dtype != object else T.STRING, None)],
        [h.make_tensor_value_info(name, type, None) for name, type in zip(["y", "z"], outputs)])
    model = h.make_model(graph, opset_imports=[h.make_opsetid("ai.onnx.ml", version), h.make_opsetid("", 17)], ir_version=8)
    try:
        results = ort.InferenceSession(model.SerializeToString()).run(None, {"x": x})
    except Exception as error:
        print(op, "is refused:", str(error)[:150])
        return
    name = f"{folder}/{count:03d}_{op}_{attributes.get('post_transform', '')}_{x.dtype}"
    count += 1
    os.makedirs(name + "/test_data_set_0")
    onnx.save(model, name + "/model.onnx")
    values = [("input_0", x)] + [(f"output_{i}", r) for i, r in enumerate(results)]
    for file, value in values:
        with open(f"{name}/test_data_set_0/{file}.pb", "wb") as out:
            out.write(nh.from_array(value).SerializeToString())


def matrix(rows, columns, dtype):
    if np.issubdtype(dtype, np.integer):
        return rng.integers(-3, 4, (rows, columns)).astype(dtype)
    x = rng.uniform(-1, 1, (rows, columns)).astype(dtype)
    x[rng.uniform(size=x.shape) < 0.05] = np.nan
    return x


def forest(trees, features, depth, modes):
    """Attributes nodes_… of random trees, and (tree, node) of each leaf."""
    a = {k: [] for k in "treeids nodeids featureids modes values truenodeids falsenodeids missing_value_tracks_true".split()}
    leaves = []
    for tree in range(trees):
        nodes = [[]]

        def grow(node, left):
            if left == 0 or rng.uniform() < 0.2:
                nodes[node] = ["LEAF", 0, 0.0, 0, 0, 0]
                leaves.append((tree, node))
                return
            yes, no = len(nodes), len(nodes) + 1
            nodes.extend([[], []])
            nodes[node] = [str(rng.choice(modes)), int(rng.integers(features)), floats(1)[0], yes, no, int(rng.integers(2))]
            grow(yes, left - 1)
            grow(no, left - 1)

        grow(0, depth)
        for i, (mode, feature, value, yes, no, missing) in enumerate(nodes):
            for key, v in zip("treeids nodeids featureids modes values truenodeids falsenodeids missing_value_tracks_true".split(),
                              [tree, i, feature, mode, value, yes, no, missing]):
                a[key].append(v)
    return {"nodes_" + k: v for k, v in a.items()}, leaves


ALL = ["BRANCH_LEQ", "BRANCH_LT", "BRANCH_GTE", "BRANCH_GT", "BRANCH_EQ", "BRANCH_NEQ"]
for dtype in (np.float32, np.float64, np.int64, np.int32):
    for transform in TRANSFORMS:
        for targets in (1, 2, 3):
            nodes, leaves = forest(int(rng.integers(1, 6)), 4, 4, ALL if targets == 3 else ALL[:1])
            votes = [(t, n, k) for t, n in leaves for k in sorted(rng.choice(targets, int(rng.integers(1, targets + 1)), replace=False).tolist())]
            base = {"base_values": floats(targets)} if rng.uniform() < 0.5 else {}
            if dtype in (np.float32, np.float64):
                save("TreeEnsembleRegressor", matrix(9, 4, dtype), [T.FLOAT], n_targets=targets, post_transform=transform,
                     aggregate_function=str(rng.choice(["SUM", "AVERAGE", "MIN", "MAX"])), target_treeids=[v[0] for v in votes],
                     target_nodeids=[v[1] for v in votes], target_ids=[v[2] for v in votes], target_weights=floats(len(votes)), **base, **nodes)
            positive = bool(rng.integers(2))
            for classes, ids in ((targets, None), (2, 0), (2, 1)):
                # What ONNX Runtime writes for one score and PROBIT is not all written, and its labels of two scores are not the model's.
                if ids is None and classes == 2 or ids is not None and transform == "PROBIT":
                    continue
                labels = {"classlabels_strings": ["a", "bb", "ccc"][:classes]} if rng.uniform() < 0.4 and classes > 1 else {"classlabels_int64s": [3, 7, -1][:classes]}
                v = votes if ids is None else [(t, n, ids) for t, n in leaves]
                b = {"base_values": floats(1 if classes == 2 else classes)} if rng.uniform() < 0.5 else {}
                save("TreeEnsembleClassifier", matrix(9, 4, dtype), [T.STRING if "classlabels_strings" in labels else T.INT64, T.FLOAT],
                     post_transform=transform, class_treeids=[k[0] for k in v], class_nodeids=[k[1] for k in v], class_ids=[k[2] for k in v],
                     class_weights=floats(len(v), 0.0 if positive else -1.0), **labels, **b, **nodes)

for transform in TRANSFORMS:
    for targets in (1, 2, 3):
        x = np.nan_to_num(matrix(5, 4, np.float32))
        save("LinearRegressor", x, [T.FLOAT], coefficients=floats(4 * targets), intercepts=floats(targets), targets=targets, post_transform=transform)
    for dtype in (np.float32, np.float64, np.int64, np.int32):
        for scores, labels in ((1, 2), (2, 2), (3, 3)):
            if scores == 1 and transform == "PROBIT":
                continue
            text = rng.uniform() < 0.5
            names = {"classlabels_strings": ["x", "y", "zz"][:labels]} if text else {"classlabels_ints": [4, 2, 9][:labels]}
            save("LinearClassifier", np.nan_to_num(matrix(7, 3, dtype)), [T.STRING if text else T.INT64, T.FLOAT], coefficients=floats(3 * scores),
                 intercepts=floats(scores), post_transform=transform, **names)
    for kernel in ("LINEAR", "POLY", "RBF", "SIGMOID"):
        params = [0.5, 0.25, float(rng.integers(1, 4))]
        for classes in (2, 3, 4):
            for prob in (False, True):
                if classes == 2 and transform == "PROBIT" and not prob:
                    continue
                vectors = [int(v) for v in rng.integers(1, 4, classes)]
                pairs, n = classes * (classes - 1) // 2, sum(vectors)
                text = rng.uniform() < 0.5
                names = {"classlabels_strings": ["x", "y", "zz", "w"][:classes]} if text else {"classlabels_ints": [4, 2, 9, 0][:classes]}
                p = {"prob_a": floats(pairs, -2, -0.5), "prob_b": floats(pairs)} if prob else {}
                save("SVMClassifier", np.nan_to_num(matrix(6, 3, np.float32)), [T.STRING if text else T.INT64, T.FLOAT], kernel_type=kernel,
                     kernel_params=params, coefficients=floats((classes - 1) * n), support_vectors=floats(3 * n), vectors_per_class=vectors,
                     rho=floats(pairs), post_transform=transform, **names, **p)
    for classes in (2, 3):
        save("SVMClassifier", np.nan_to_num(matrix(6, 3, np.float64)), [T.INT64, T.FLOAT], coefficients=floats(3 * classes), rho=floats(1), kernel_params=[0.0, 0.0, 3.0],
             classlabels_ints=[4, 2, 9][:classes], post_transform=transform)
for kernel in ("LINEAR", "POLY", "RBF", "SIGMOID"):
    for one_class in (0, 1):
        save("SVMRegressor", np.nan_to_num(matrix(6, 3, np.float32)), [T.FLOAT], kernel_type=kernel, kernel_params=[0.5, 0.25, 3.0],
             coefficients=floats(4), support_vectors=floats(12), n_supports=4, rho=floats(1), one_class=one_class)
save("SVMRegressor", np.nan_to_num(matrix(6, 3, np.float32)), [T.FLOAT], coefficients=floats(3), n_supports=0, rho=floats(1), kernel_params=[0.0, 0.0, 3.0])

for dtype in (np.float32, np.float64, np.int64, np.int32):
    x = np.nan_to_num(matrix(4, 3, dtype))
    x[1] = 0
    for norm in ("MAX", "L1", "L2"):
        save("Normalizer", x, [T.FLOAT], norm=norm)
    save("Scaler", x, [T.FLOAT], offset=floats(3), scale=floats(3))
    save("Scaler", x, [T.FLOAT], offset=floats(1), scale=floats(1))
    if dtype != np.int32:
        save("OneHotEncoder", x * 3, [T.FLOAT], cats_int64s=[-1, 0, 2], zeros=1)
    if dtype == np.float32:
        save("Binarizer", x, [h.np_dtype_to_tensor_dtype(x.dtype)], threshold=0.1)
save("Imputer", matrix(40, 3, np.float32), [T.FLOAT], imputed_value_floats=floats(3), replaced_value_float=float("nan"))
save("Imputer", matrix(40, 3, np.int64), [T.INT64], imputed_value_int64s=[9], replaced_value_int64=2)
words = np.array([["a", "bb"], ["", "ccc"]], dtype=object)
save("OneHotEncoder", words, [T.FLOAT], cats_strings=["bb", "", "z"])
save("CategoryMapper", words, [T.INT64], cats_strings=["bb", "a"], cats_int64s=[5, 6], default_int64=-7)
save("CategoryMapper", np.array([5, 1, 6], np.int64), [T.STRING], cats_strings=["bb", "a"], cats_int64s=[5, 6])
save("LabelEncoder", words, [T.INT64], classes_strings=["ccc", "a"], default_int64=4)
save("LabelEncoder", np.array([1, 0, 7], np.int64), [T.STRING], classes_strings=["ccc", "a"], default_string="none")
save("LabelEncoder", words, [T.INT64], version=2, keys_strings=["ccc", "a"], values_int64s=[3, 4])
save("LabelEncoder", words, [T.FLOAT], version=2, keys_strings=["ccc", "a"], values_floats=[3.5, 4.0], default_float=0.25)
save("LabelEncoder", np.array([np.nan, 1.5, 2, -0.0], np.float32), [T.STRING], version=2, keys_floats=[float("nan"), 1.5, 0.0], values_strings=["n", "o", "z"])
save("LabelEncoder", np.array([np.nan, 1.5, 2, -0.0], np.float32), [T.STRING], version=4, keys_floats=[float("nan"), 1.5, 0.0], values_strings=["n", "o", "z"])
save("LabelEncoder", np.array([1, 2], np.int64), [T.INT64], version=4, keys_int64s=[2], values_int64s=[9], default_int64=-5)
print(count, "cases")
