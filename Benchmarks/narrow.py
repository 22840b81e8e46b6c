"""Float weights of a model in 16 bits: narrow.py IN.onnx OUT.onnx bf16|fp16. Only the initializers change: for measuring sizes, not for running."""

import sys

import numpy as np
import onnx
from onnx import TensorProto as T

model = onnx.load(sys.argv[1])
for tensor in model.graph.initializer:
    if tensor.data_type != T.FLOAT:
        continue
    values = onnx.numpy_helper.to_array(tensor)
    if sys.argv[3] == "fp16":
        tensor.data_type, tensor.raw_data = T.FLOAT16, values.astype(np.float16).tobytes()
    else:
        bits = values.view(np.uint32).astype(np.uint64)
        tensor.data_type, tensor.raw_data = T.BFLOAT16, ((bits + 0x7FFF + (bits >> 16 & 1)) >> 16).astype(np.uint16).tobytes()
    tensor.ClearField("float_data")
with open(sys.argv[2], "wb") as f:
    f.write(model.SerializeToString())
