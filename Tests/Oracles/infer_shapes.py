"""Prints what onnx infers of each value of the main graphs of models: a line `file, name, element type, dims` per tensor, with tabs.
A dim is a number, or `?` for what is none; no dims at all are `-`. A model that strict inference refuses is inferred without."""
import sys
import onnx
from onnx import shape_inference

for path in sys.argv[1:]:
    model = onnx.load(path)
    try:
        model = shape_inference.infer_shapes(model, check_type=True, strict_mode=True, data_prop=True)
    except Exception:
        model = shape_inference.infer_shapes(model, data_prop=True)
    for info in list(model.graph.value_info) + list(model.graph.output):
        if info.type.WhichOneof("value") != "tensor_type":
            continue
        tensor = info.type.tensor_type
        dims = "-"
        if tensor.HasField("shape"):
            dims = ",".join(str(d.dim_value) if d.HasField("dim_value") else "?" for d in tensor.shape.dim)
        print(path, info.name, tensor.elem_type, dims, sep="\t")
