"""Compares pairs of ONNX models as protobuf messages: `onnx_equal.py < pairs`, one tab-separated pair of paths a line.

External data is loaded before the comparison, because it may move between a file beside the model and the model itself.
Prints `equal`, `differs` or `unreadable` (by the Python package: it stops at 100 levels) and the path for each pair.
"""
import os
import sys

import onnx
from google.protobuf import message
from onnx import external_data_helper


def load(path):
    model = onnx.ModelProto()
    with open(path, "rb") as file:
        model.ParseFromString(file.read())
    for tensor in external_data_helper._get_all_tensors(model):
        if external_data_helper.uses_external_data(tensor):
            entries = {entry.key: entry.value for entry in tensor.external_data}
            with open(os.path.join(os.path.dirname(path), entries["location"]), "rb") as data:
                data.seek(int(entries.get("offset", 0)))
                tensor.raw_data = data.read(int(entries["length"])) if "length" in entries else data.read()
            tensor.data_location = onnx.TensorProto.DEFAULT
            del tensor.external_data[:]
    return model.SerializeToString(deterministic=True)


for line in sys.stdin:
    a, b = line.rstrip("\n").split("\t")
    try:
        source = load(a)
    except message.DecodeError:
        print("unreadable", b)
        continue
    print("equal" if source == load(b) else "differs", b)
