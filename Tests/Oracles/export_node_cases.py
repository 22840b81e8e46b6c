"""export_node_cases.py FOLDER: writes the node cases of the installed onnx as files, FOLDER/<case>/model.onnx and
test_data_set_<i>/input_<k>.pb and output_<k>.pb. Since onnx 1.23 the wheel holds them as Python only."""

import os
import sys
import warnings

import numpy as np
from onnx import TensorProto, numpy_helper
from onnx.backend.test.loader import load_node_model_tests

warnings.filterwarnings("ignore")


def message(value, info):
    """The value as the protobuf message that its type asks for."""
    kind = info.type.WhichOneof("value")
    if isinstance(value, TensorProto):
        return value
    if kind == "sequence_type":
        return numpy_helper.from_list(list(value), info.name)
    if kind == "map_type":
        return numpy_helper.from_dict(value, info.name)
    if kind == "optional_type":
        # Nothing has no type of its own: that of a tensor stands for it.
        return numpy_helper.from_optional(value, info.name, 1 if value is None else None)
    return numpy_helper.from_array(np.asarray(value), info.name)


def export(case, folder):
    os.makedirs(folder)
    with open(f"{folder}/model.onnx", "wb") as file:
        file.write(case.model.SerializeToString())
    for number, (inputs, outputs) in enumerate(case.data_sets):
        target = f"{folder}/test_data_set_{number}"
        os.makedirs(target)
        for kind, values, infos in (("input", inputs, case.model.graph.input), ("output", outputs, case.model.graph.output)):
            for index, (value, info) in enumerate(zip(values, infos)):
                with open(f"{target}/{kind}_{index}.pb", "wb") as file:
                    file.write(message(value, info).SerializeToString())


cases = load_node_model_tests()
for case in cases:
    export(case, f"{sys.argv[1]}/{case.name}")
print(len(cases), "cases")
