"""Compares ONNX models with the Python package: compare_models.py LIST

LIST holds one pair a line, two paths with a tab between. Prints one JSON line a pair:
  loads      the first (the source) loads, external data included; else why not
  canonical  the first file is what protobuf's own serializer makes of it
  equal      both are the same message after their external data was loaded; else the path of the first difference
"""

import json
import os
import sys

import onnx
from google.protobuf.message import DecodeError


def difference(a, b, path=""):
    """Where two messages of one type differ first."""
    left, right = a.ListFields(), b.ListFields()
    names = [f.name for f, _ in left], [f.name for f, _ in right]
    if names[0] != names[1]:
        return f"{path}: fields {sorted(set(names[0]) ^ set(names[1]))}"
    for (field, x), (_, y) in zip(left, right):
        here = f"{path}.{field.name}"
        if field.message_type is not None:
            many = not hasattr(x, "ListFields")
            xs, ys = (list(x), list(y)) if many else ([x], [y])
            if len(xs) != len(ys):
                return f"{here}: {len(xs)} and {len(ys)}"
            for i, (p, q) in enumerate(zip(xs, ys)):
                if p.SerializeToString(deterministic=True) != q.SerializeToString(deterministic=True):
                    return difference(p, q, f"{here}[{i}]" if many else here)
        elif repr(x) != repr(y):
            return f"{here}: {repr(x)[:80]} and {repr(y)[:80]}"
    return f"{path}: unknown fields or their order"


def compare(source, back):
    with open(source, "rb") as f:
        content = f.read()
    try:
        model = onnx.load_model_from_string(content)
        canonical = model.SerializeToString() == content
        external = {t.name for t in model.graph.initializer if t.data_location == onnx.TensorProto.EXTERNAL}
        onnx.load_external_data_for_model(model, os.path.dirname(source) or ".")
    except (DecodeError, ValueError, OSError, onnx.checker.ValidationError) as error:
        return {"loads": str(error)[:200] or type(error).__name__}
    try:
        external |= {t.name for t in onnx.load(back, load_external_data=False).graph.initializer if t.data_location == onnx.TensorProto.EXTERNAL}
        other = onnx.load(back)
    except Exception as error:  # whatever the package says about our file is a finding
        return {"loads": True, "canonical": canonical, "equal": f"the file that came back does not load: {str(error)[:200]}"}
    # Loading external data leaves "data_location: DEFAULT" behind in tensors that were external in one of the two only.
    for a, b in zip(model.graph.initializer, other.graph.initializer):
        if a.HasField("data_location") != b.HasField("data_location") and a.data_location == b.data_location == onnx.TensorProto.DEFAULT:
            if a.name in external or b.name in external:
                a.ClearField("data_location")
                b.ClearField("data_location")
    same = model.SerializeToString(deterministic=True) == other.SerializeToString(deterministic=True)
    return {"loads": True, "canonical": canonical, "equal": True if same else difference(model, other)}


def main():
    with open(sys.argv[1], encoding="utf-8", errors="surrogateescape") as f:
        for line in f:
            source, back = line.rstrip("\n").split("\t")
            print(json.dumps(compare(source, back)))


if __name__ == "__main__":
    main()
